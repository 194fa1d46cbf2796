"""What is known beside memorization, for a fit: test error at other fractions, and what examples carry by memorization.

Memorization alone does not tell an example that teaches nobody from the only one of its kind. Two things do, which a run has too
(``empirical.estimates.learning``, ``empirical.estimates.totals``), and of published estimates the number of pairs does:

    log(error of models on a share f / error of models on a share r),     T_B = Σ_{i in B} influence of i on test accuracy,

B a bin of memorization. The first is a ratio, for the test set may be harder than the training set. By how much a run knows,

    h = error on test examples / error on training examples that were out,

and totals, and what removal costs on the test set, are h times the model's. It is near 1 where both sets are drawn alike, and 5
where digits come in equal numbers to be tested on and by a hundred times as many of one as of another to be trained on. It has
an error, for both sets are samples (``hardness``): what is foretold of the test set is off by it, less what the fit makes up
for, which is to totals that are h times its own (``empirical.bridge.intervals.Reach.hard``).

The model's errors are those that training on an example mends: in it an example that was trained on is right. A learner that
does not fit what it trains on makes others beside, φ. With ε(r) the model's errors and h how much harder the test set is, its
errors are

    E(r) = h (φ + ε(r)),    s = φ / (φ + ε(r)) = mean error on examples that were in / on those that were out,
    log ε(f)/ε(r) = log (E(f)/E(r) − s) / (1 − s),

s read off the training examples at r, where h drops out. φ need not be the same at f: removal costs errors of either kind, and
E(f) − E(r) has both, here as a share of what there is to mend at r. Of a learner that fits, s = 0 and it is log E(f)/E(r). The
error of s is over training examples, independent of test examples.

Where subsets have a fixed size an example that is in keeps another out, so that T_B is measured less |B| times the mean; it is
predicted so too. Errors are those of models and of test examples together; what another data set of the same model would show
beside is added from simulated ones (``empirical.bridge.bins.drawn``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.estimates.learning import Learning
from empirical.estimates.measured import Measured
from empirical.estimates.noise import SubsetNoise
from longtail.core import Estimate, Floats, Problem
from longtail.experiment.coupling import Coupling
from longtail.experiment.noise import Noise
from longtail.experiment.pairs import expected_pairs
from longtail.experiment.predictions import carried, error_at

if TYPE_CHECKING:
    import pandas as pd

LEAST = 1e-12  # an error, for its logarithm
FEW = 20  # test examples with a pair, below which their number says little
VANISHING = 1e-3  # of a variance, or a direction of it, beside the largest
STEPS = (0.2, 0.25, 0.3, 0.4, 0.5, 0.7)  # of influence, where pairs are told apart by it
TIE = 1e-9
ALIKE = Estimate(1.0)  # h, where tests are as hard as training examples, or nothing is known of it
SMALL = 0.002  # standard error of a logarithm below which two test sets differ by more than what models say


@dataclass(frozen=True)
class Paired:
    """How pairs are counted: of influence between each of ``thresholds`` and the next, or beyond the last, and memorization
    ``least`` or more, among ``tests`` test examples with ``partners`` each, all of estimates with ``noise``; in logarithms.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> paired = Paired((0.15, 0.5), 0.25, 1000, 100.0, SubsetNoise(1000))
    >>> np.exp(paired.log(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1))).round(0).tolist()
    [158.0, 166.0]
    """

    thresholds: tuple[float, ...]
    least: float
    tests: int
    partners: float
    noise: Noise

    def log(self, problem: Problem, coupling: Coupling) -> Floats:
        """Of the numbers that the model expects."""
        counted: Any = {"memorized": self.least, "noise": self.noise, "partners": self.partners}
        above = expected_pairs(problem, coupling, self.thresholds, self.tests, **counted)
        return np.asarray(np.log(np.maximum(-np.diff(above, append=0.0), LEAST)))

    @classmethod
    def of(cls, observed: Measured, steps: bool) -> tuple[Paired, Floats, Floats]:
        """As a run has them: all together, or by ``STEPS`` of influence as far as each has ``FEW`` test examples; the logarithms,
        and their covariance: test examples are a sample, and each may have several pairs.
        """
        lowest = observed.threshold
        ends = [lowest, *(x for x in STEPS if x > lowest)] if steps else [lowest]
        tests, number = np.unique(observed.pairs["test_index"].to_numpy(), return_inverse=True)
        influence = observed.pairs["influence"].to_numpy(float)

        def counts(of: list[float]) -> Floats:
            table = np.zeros((len(tests), len(of)))
            np.add.at(table, (number, np.searchsorted(of, influence + TIE, side="right") - 1), 1.0)
            return table

        while len(ends) > 1 and ((counts(ends) > 0).sum(0) < FEW).any():
            short = int(np.flatnonzero((counts(ends) > 0).sum(0) < FEW)[-1])
            ends.pop(max(short, 1))
        each = counts(ends)
        total = each.sum(0)
        experiment = observed.experiment
        paired = cls(tuple(ends), observed.least, experiment.n_test, observed.partners, observed.noise)
        return paired, np.log(total), each.T @ each / np.multiply.outer(total, total)


@dataclass(frozen=True)
class Beside:
    """Logarithms of errors at ``fractions`` against that at the first of them, then totals by bins that ``edges`` part and half
    the models chose, whose estimates have ``noise``; all in ``value``, with their ``covariance``.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> value, covariance = np.array([0.25]), np.array([[0.01]])  # the logarithm of the ratio of two errors
    >>> one = Beside((0.7, 0.35), None, None, True, value, covariance)
    >>> problem = Problem(Zipf(alpha=1, size=100), n=100)
    >>> one.words, one.predicted(problem, Fixed(1)).round(3).tolist(), one.residuals(problem, Fixed(1)).round(1).tolist()
    (('the error at another size',), [0.35], [1.0])
    """

    fractions: tuple[float, ...]
    edges: tuple[float, ...] | None
    noise: Noise | None
    fixed_size: bool
    value: Floats = field(repr=False)
    covariance: Floats = field(repr=False)
    paired: Paired | None = None
    harder: Estimate = ALIKE  # than the training set is the test set

    @property
    def words(self) -> tuple[str, ...]:
        """What it is, for people."""
        known = {
            "the error at another size": len(self.fractions) > 1,
            "what examples carry": self.edges is not None,
            "the number of pairs": self.paired is not None and len(self.paired.thresholds) == 1,
            "the histogram of influences": self.paired is not None and len(self.paired.thresholds) > 1,
        }
        return tuple(words for words, there in known.items() if there)

    def predicted(self, problem: Problem, coupling: Coupling) -> Floats:
        """The same in the model."""
        found = []
        if len(self.fractions) > 1:
            found.append(self.logs(error_at(problem, coupling, self.fractions)))
        if self.edges is not None and self.noise is not None:
            found.append(self.carried(*carried(problem, coupling, self.edges, self.noise)))
        if self.paired is not None:
            found.append(self.paired.log(problem, coupling))
        return np.concatenate(found)

    def logs(self, errors: Floats) -> Floats:
        """Against the first."""
        with_floor = np.log(np.maximum(errors, LEAST))
        return np.asarray(with_floor[1:] - with_floor[0])

    def carried(self, share: Floats, total: Floats) -> Floats:
        """T_B, of bins that have ``share`` of the examples each; the last bin is what the others leave, where sizes are fixed."""
        return self.measured(share, total)[:-1] if self.fixed_size else self.measured(share, total)

    def measured(self, share: Floats, total: Floats) -> Floats:
        """T_B of all bins, as it is measured: beyond what as many others carry, where sizes are fixed."""
        return float(self.harder.value) * (total - share * total.sum() if self.fixed_size else total)

    def chances(self, true: Floats) -> Floats:
        """Pr[an example is put in a bin], bins × ``true`` memorization."""
        if self.edges is None or self.noise is None:
            return np.empty((0, len(true)))
        return self.noise.chances(np.array(self.edges), true)

    def seen(self, errors: Floats, share: Floats, carried: Floats, told: Floats, rng: np.random.Generator) -> Floats:
        """What would be measured where this is so: with the errors of measuring; pairs as ``told`` of the model."""
        true = [self.logs(errors)] if len(self.fractions) > 1 else []
        if self.edges is not None:
            true.append(self.carried(share, carried))
        if self.paired is not None:
            true.append(told[-len(self.paired.thresholds) :])
        value = np.concatenate(true)
        return value + np.linalg.cholesky(self.covariance) @ rng.standard_normal(len(value))

    def residuals(self, problem: Problem, coupling: Coupling) -> Floats:
        """(predicted − value) in standard errors, made independent of each other."""
        return np.asarray(self.whitened(self.predicted(problem, coupling) - self.value))

    def uncertain(self, problem: Problem, coupling: Coupling) -> Floats:
        """How far a standard error of h moves ``residuals``: totals are in proportion to h, and nothing else."""
        h, error = float(self.harder.value), float(self.harder.stderr)
        twice = replace(self, harder=Estimate(2 * h)).predicted(problem, coupling)
        return self.whitened(error / h * (twice - self.predicted(problem, coupling)))

    def whitened(self, off: Floats) -> Floats:
        return np.asarray(np.linalg.solve(np.linalg.cholesky(self.covariance), off.T).T)


def beside(observed: Measured, *, steps: bool = False) -> Beside | None:
    """What a run knows beside memorization; None where it is nothing. Of published pairs it is their number, or with ``steps``
    how many there are by influence.

    >>> import pandas as pd
    >>> from empirical.estimates.measured import Experiment
    >>> from empirical.estimates.observed import Observed
    >>> learning = Learning(20, np.array([0.7, 0.35]), np.full(2, 10), np.array([0.2, 0.3]), np.full(2, 0.01), np.zeros((2, 2)))
    >>> tables = pd.DataFrame({"memorization": np.zeros(20)}), pd.DataFrame({"test_index": [], "influence": []})
    >>> found = beside(Measured(Experiment("mine", 50, 10, 0.7), *tables, observed=Observed(learning=learning)))
    >>> found.words, found.value.round(3).tolist()  # log(.3/.2)
    (('the error at another size',), [0.405])
    """
    learning, totals = observed.observed.learning, observed.observed.totals
    value, blocks = [], []
    fractions: tuple[float, ...] = ()
    if learning is not None and len(learning.fraction) > 1 and _told(learning, observed.memorization):
        fractions = tuple(learning.fraction.tolist())
        logs, spread = growth(learning, unmended(observed.memorization))
        value.append(logs)
        blocks.append(spread)
    edges, noise = None, None
    fixed = observed.experiment.design is None or observed.experiment.design.startswith("Fixed")
    if (
        totals is not None
        and np.isfinite(totals.total).all()
        and np.isfinite(totals.covariance + totals.covariance_tests).all()
    ):
        edges = tuple(totals.edges.tolist())
        noise = SubsetNoise(max(observed.equivalent // 2, 2), observed.experiment.fraction)
        both = totals.covariance + totals.covariance_tests
        keep = len(totals.total) - int(fixed)
        value.append(totals.total[:keep])
        blocks.append(definite(both[:keep, :keep]))
    paired = None
    # as published: of a run the totals say more, and without a threshold
    if not value and observed.pairs["test_index"].nunique() >= FEW:
        paired, logs, spread = Paired.of(observed, steps)
        value.append(logs)
        blocks.append(spread)
    if not value:
        return None
    covariance = np.zeros((sum(map(len, value)),) * 2)
    at = 0
    for block in blocks:
        covariance[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return Beside(fractions, edges, noise, fixed, np.concatenate(value), covariance, paired, hardness(observed))


def _told(learning: Learning, memorization: pd.DataFrame) -> bool:
    known = np.isfinite(learning.stderr).all() and np.isfinite(learning.covariance_tests).all()
    lasting = float(unmended(memorization).value) * learning.error[0]
    return bool(known and (learning.error > max(lasting, 0.0)).all())


def hardness(observed: Measured) -> Estimate:
    """h, how much more often models err on test examples than on training examples that were out; 1 where it is not known.

    With w_i the share of models without i that are wrong on it, E_out its mean over n training examples, and E the error on
    n_test test examples,

        (σ_h/h)² = (σ/E)² + Σ (w_i − E_out)² / (n (n − 1) E_out²),     σ² = C + (E(1 − E)/n_test − C)/t,

    C the variance of E over test examples, known of a run with a learning curve, else taken for the most that it can be,
    E(1 − E)/n_test. What makes one model of t better than another it does on both sets, and drops out.

    >>> import pandas as pd
    >>> from empirical.estimates.measured import Experiment
    >>> seen = pd.DataFrame({"memorization": [0.2, 0.2], "out_accuracy": [0.8, 0.8]})
    >>> h = hardness(Measured(Experiment("a", 10, 100, 0.7), seen, pd.DataFrame(), test_accuracy=0.7))
    >>> round(h.value, 3), round(h.stderr, 3)  # of 10 tests, .3 ± .145 were wrong
    (1.5, 0.725)
    """
    table, right, how = observed.memorization, observed.test_accuracy, observed.experiment
    wrong = 1 - table["out_accuracy"].to_numpy(float) if "out_accuracy" in table else np.empty(0)
    wrong = wrong[np.isfinite(wrong)]
    if not wrong.sum() > 0 or not right < 1:
        return ALIKE
    error, without = 1 - right, float(wrong.mean())
    over_examples = float(wrong.var(ddof=1)) / len(wrong) if len(wrong) > 1 else 0.0
    most = max(error * right, 0.0) / max(how.n_test, 1)
    known, over_tests = observed.observed.learning, most
    if known is not None and np.isfinite(known.covariance_tests[0, 0]) and known.fraction[0] == how.fraction:
        over_tests = min(max(float(known.covariance_tests[0, 0]), 0.0), most)
    over_tests += (most - over_tests) / max(how.models, 1)
    h = error / without
    return Estimate(h, h * float(np.sqrt(over_tests / error**2 + over_examples / without**2)))


def unmended(memorization: pd.DataFrame) -> Estimate:
    """s, the share of errors that no example mends, and its error over examples; 0 where it is not known.

    >>> import pandas as pd
    >>> s = unmended(pd.DataFrame({"in_accuracy": [1.0, 0.5] * 50, "out_accuracy": [0.5, 0.0] * 50}))
    >>> round(float(s.value), 3), round(float(s.stderr), 3)
    (0.333, 0.022)
    """
    if not {"in_accuracy", "out_accuracy"} <= set(memorization):
        return Estimate(0.0, 0.0)
    within, without = (1 - memorization[name].to_numpy(float) for name in ("in_accuracy", "out_accuracy"))
    known = np.isfinite(within) & np.isfinite(without)
    within, without = within[known], without[known]
    if not without.sum() or len(without) < 2:
        return Estimate(0.0, 0.0)
    share = within.sum() / without.sum()
    left = (within - share * without) / without.mean()
    return Estimate(float(share), float(left.std(ddof=1) / np.sqrt(len(left))))


def growth(learning: Learning, lasting: Estimate) -> tuple[Floats, Floats]:
    """log (E(f)/E(r) − s) / (1 − s), r the first share, and the covariance: over models, test examples and what s is read off.

    >>> error, none = np.array([0.1, 0.2]), np.zeros((2, 2))  # of models on all and on half of the examples
    >>> learning = Learning(1000, np.array([0.7, 0.35]), np.array([100.0, 10.0]), error, np.array([0.001, 0.002]), none)
    >>> mean, covariance = growth(learning, Estimate(0.5, 0.0))  # half of the first share's errors no example mends
    >>> mean.round(3).tolist(), covariance.shape  # log (2 - .5)/(1 - .5)
    ([1.099], (1, 1))
    """
    ratio, share = learning.error[1:] / learning.error[0], float(lasting.value)
    left = ratio - share
    slope = np.hstack([-ratio[:, None], np.eye(len(ratio))]) / learning.error[0] / left[:, None]
    both = np.diag(learning.stderr**2) + learning.covariance_tests
    by_share = (ratio - 1) / (left * (1 - share)) * float(lasting.stderr)
    spread = definite(slope @ both @ slope.T) + np.diag((SMALL * ratio / left) ** 2)
    return np.log(left / (1 - share)), spread + np.multiply.outer(by_share, by_share)


def definite(covariance: Floats) -> Floats:
    """The nearest that can be one: from a jackknife, and less what noise makes of it, no direction may vary less than nothing.

    >>> np.linalg.eigvalsh(definite(np.array([[1.0, 2.0], [2.0, 1.0]]))).round(3).tolist()
    [0.001, 3.0]
    """
    scale = np.sqrt(np.maximum(np.diag(covariance), VANISHING * max(float(np.diag(covariance).max()), VANISHING)))
    value, direction = np.linalg.eigh((covariance + covariance.T) / 2 / np.multiply.outer(scale, scale))
    kept = direction * np.maximum(value, VANISHING) @ direction.T
    return np.asarray(kept * np.multiply.outer(scale, scale))
