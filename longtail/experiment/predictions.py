"""What the long-tail model predicts of an experiment: memorization, influence, removal, error against n, in closed form.

A learner that has an example in its subset is right on it. One that has not is taught by each included member of the
example's subpopulation with probability λ, and guesses where none did. If J of the other c − 1 members are included,

    Pr[wrong | out] = (1 − 1/K) (1 − λ)^J,
    mem(c, λ) = (1 − 1/K) E(1 − λ)^J = (1 − 1/K) (1 − rλ)^{c−1}        J ~ Binomial(c − 1, r),

and with subsets of fixed size m of n, J is hypergeometric: at λ = 1 that is (1 − 1/K) C(n−c, m)/C(n−1, m) (Feldman & Zhang,
arXiv 2008.03703, for the estimator whose out-sets have size m as well). A test example of that subpopulation is influenced
by each member, which teaches it with probability λ when in:

    infl(c, λ) = (1 − 1/K) (E(1 − λ)^{J} − (1 − λ) E(1 − λ)^{J}) = (1 − 1/K) λ (1 − rλ)^{c−1}.

Trained on everything, a test example is wrong with probability (1 − 1/K)(1 − λ)^c; keeping each training example of its
subpopulation with probability k, (1 − 1/K)(1 − kλ)^c. Where guesses are not fresh (``longtail.experiment.coupling``) a
subpopulation has its own u for 1 − 1/K, of that mean. Removing what is estimated to be memorized ≥ θ keeps those that the
estimate's noise lets slip; removing as many at random keeps the same share of every subpopulation. How many subpopulations
are seen c times, and with what mass, is the exact solution of the model (``longtail.experiment.occupancy``).

All of it is of the truth, or with a ``noise`` (``longtail.experiment.noise``) of what an estimator makes of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from longtail.core import Floats, Problem
from longtail.experiment.coupling import Coupling
from longtail.experiment.noise import FRACTION, Noise, included
from longtail.experiment.occupancy import TINY, Occupancy, occupancy, smooth

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ["pairs", "tests", "single", "false", "pairs_variance", "tests_variance", "single_variance"]
SHARP, SMOOTH = 2000, 200  # steps of λ, for what jumps at a threshold and for what does not
CELLS = 400  # of memorization
FINE = 64  # points to a standard deviation of an estimate


def memorization(
    copies: ArrayLike, strength: ArrayLike, n_classes: int, fraction: float = FRACTION, *, n: int | None = None
) -> Floats:
    """mem(c, λ); with ``n``, for subsets of fixed size round(fraction n), else for each example in with chance ``fraction``.

    >>> memorization([1, 2, 3], 1.0, n_classes=10).round(4).tolist()
    [0.9, 0.27, 0.081]
    """
    c, lam = np.asarray(copies, float), np.asarray(strength, float)
    return np.asarray((1 - 1 / n_classes) * _untaught(c - 1, lam, fraction, n))


def influence(
    copies: ArrayLike, strength: ArrayLike, n_classes: int, fraction: float = FRACTION, *, n: int | None = None
) -> Floats:
    """infl(c, λ), of each of the c members on a test example of their subpopulation."""
    c, lam = np.asarray(copies, float), np.asarray(strength, float)
    if n is None:
        return np.asarray((1 - 1 / n_classes) * lam * _untaught(c - 1, lam, fraction, None))
    # given i in, the others are m − 1 of n − 1; given i out, m of n − 1
    m = round(fraction * n)
    out, within = _hypergeometric(c - 1, lam, n - 1, m), _hypergeometric(c - 1, lam, n - 1, m - 1)
    return np.asarray((1 - 1 / n_classes) * (out - (1 - lam) * within))


def _untaught(others: Floats, lam: Floats, fraction: float, n: int | None) -> Floats:
    """E(1 − λ)^J."""
    if n is None:
        return np.asarray((1 - fraction * lam) ** others)
    return _hypergeometric(others, lam, n - 1, round(fraction * n))


def _hypergeometric(others: Floats, lam: Floats, total: int, size: int) -> Floats:
    """E(1 − λ)^J with J of ``others`` among ``size`` drawn from ``total``: the generating function, term by term."""
    c, x = np.broadcast_arrays(others, lam)
    out = np.empty(c.shape)
    for index in np.ndindex(c.shape):
        j = np.arange(int(c[index]) + 1)
        out[index] = stats.hypergeom.pmf(j, total, int(c[index]), size) @ (1 - x[index]) ** j
    return out


def share_above(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    fraction: float | None = None,
    noise: Noise | None = None,
) -> Floats:
    """The share of training examples with memorization ≥ each threshold: true, or as estimated with that noise."""
    theta = np.atleast_1d(np.asarray(thresholds, float))
    r = included(fraction, noise)
    if noise is None:
        return np.asarray(_exceeds(problem, coupling, theta, r))
    grid, law = memorization_law(problem, coupling, r)
    return np.asarray(noise.above(theta, grid) @ law)


def memorization_law(problem: Problem, coupling: Coupling, fraction: float = FRACTION) -> tuple[Floats, Floats]:
    """The distribution of true memorization over examples: values and shares."""
    seen = smooth(problem)
    lam, weight = coupling.nodes(SMOOTH)
    return true_law(
        seen.copies[1:], seen.examples[1:], lam, weight, *coupling.guesses(problem.n_classes), fraction=fraction
    )


def true_law(
    copies: Floats, share: Floats, lam: Floats, weight: Floats, tops: Floats, guessed: Floats, *, fraction: float
) -> tuple[Floats, Floats]:
    """The law of u (1 − rλ)^{c−1}, as the means of what falls into each of equal cells of [0, 1]."""
    relative, each = (1 - fraction * lam) ** (copies[:, None] - 1), np.multiply.outer(share, weight)
    value, law = np.multiply.outer(tops, relative).ravel(), np.multiply.outer(guessed, each).ravel()
    place = np.minimum((value * CELLS).astype(int), CELLS - 1)
    whole, total = (np.bincount(place, weights=w, minlength=CELLS).astype(float) for w in (law, law * value))
    return total / np.maximum(whole, TINY), whole


def _exceeds(problem: Problem, coupling: Coupling, theta: Floats, fraction: float) -> Floats:
    """Σ_c w_c Pr[u (1 − rλ)^{c−1} ≥ θ]; 1 at θ ≤ 0."""
    found = np.zeros(len(theta))
    for top, guessed in zip(*coupling.guesses(problem.n_classes), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            found += guessed * _relative(problem, coupling, np.where(theta <= 0, 0.0, theta / top), fraction)
    return found


def _relative(problem: Problem, coupling: Coupling, x: Floats, fraction: float) -> Floats:
    """Σ_c w_c Pr[(1 − rλ)^{c−1} ≥ x]; 1 at x ≤ 0."""
    seen = occupancy(problem)
    once = np.where(x <= 1 + 1e-12, 1.0, 0.0) * seen.examples[1]
    exponent = 1 / (seen.copies[2:, None] - 1)
    with np.errstate(divide="ignore"):
        weakest = -np.expm1(np.log(np.clip(x, 0.0, 1.0)) * exponent) / fraction  # λ up to here leaves that much
    chance = np.where(x > 1, 0.0, coupling.below(weakest))
    return np.where(x <= 0, 1.0, np.asarray(once + seen.examples[2:] @ chance))


def pairs_above(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    tests: int,
    fraction: float | None = None,
    memorized: float = 0.0,
    noise: Noise | None = None,
    partners: float = 0.0,
) -> pd.DataFrame:
    """Expected pairs with influence ≥ θ among ``tests`` test examples, the test examples in them, and those in one only.

    Members of a subpopulation influence alike, so a test example has c influential partners or none. ``memorized`` counts
    only partners whose memorization is at least that, as published (.25). With ``noise``, influence and memorization are
    what they are estimated to be, and some of the ``partners`` examples that a test example is paired with, of
    other subpopulations all but c, pass by chance; ``false`` counts those pairs. Variances are of the counts in one data set:
    test examples are a sample, of one subpopulation several at a time, and which subpopulations are seen how often is another.
    """
    import pandas as pd

    r = included(fraction, noise)
    seen, lam, weight = _seen(problem, coupling, noise)
    c = seen.copies[1:, None]
    remain = (1 - r * lam) ** (c - 1)
    kept = 1.0
    if noise is not None and memorized > 0:
        kept = float(share_above(problem, coupling, memorized, noise=noise)[0])
    others = kept * partners if noise is not None else 0.0
    theta = np.atleast_1d(np.asarray(thresholds, float))
    found = np.zeros((len(theta), len(COUNTS)))
    rare = np.maximum(seen.subpopulations[1:], TINY)
    square = seen.mass[1:] ** 2 / rare * (1 + 1 / c[:, 0])  # E Σ d² of those seen c times, d about Gamma of shape c
    for top, guessed in _tops(problem, coupling, noise):
        true = top * remain
        size, wrong = lam * true, true * (1 - r * lam)  # wrong: on a test example, all models together
        inside = wrong - (1 - r) * size
        counted = _kept(memorized, true, noise)
        each, unseen = guessed * seen.mass[1:], guessed * float(seen.mass[0])
        among = np.maximum(others - kept * c, 0.0)
        for row, x in zip(found, theta, strict=True):
            if noise is None:
                passed, by_chance, lonely = (size >= x) * counted, np.zeros_like(size), 0.0
            else:
                passed = counted * noise.influence_above(x, inside, inside + size)
                by_chance = among * noise.influence_above(x, wrong, wrong)
                lonely = others * float(noise.influence_above(x, np.array(top), np.array(top)))
            alone, but_one = np.exp(-by_chance), (1 - passed) ** (c - 1)
            none = but_one * (1 - passed)
            single = alone * (c * passed * but_one + none * by_chance)
            false = float(each @ (by_chance @ weight)) + unseen * lonely
            row += (
                float((each * c[:, 0]) @ (passed @ weight)) + false,
                float(each @ ((1 - none * alone) @ weight)) - unseen * np.expm1(-lonely),
                float(each @ (single @ weight)) + unseen * lonely * np.exp(-lonely),
                false,
                float(each @ ((c * passed * (1 - passed) + (c * passed + by_chance) ** 2 + by_chance) @ weight))
                + unseen * (lonely + lonely**2),
                0.0,
                0.0,
            )
            own = (c * passed, 1 - none, c * passed * but_one)  # by a test example's own subpopulation, not by chance
            row[4:] += [tests * guessed * float(square @ (part**2 @ weight)) for part in own]
    found[:, 5:] += found[:, 1:3]
    return pd.DataFrame(tests * found, columns=COUNTS).assign(threshold=theta)[["threshold", *COUNTS]]


def _seen(problem: Problem, coupling: Coupling, noise: Noise | None) -> tuple[Occupancy, Floats, Floats]:
    """Copies, λ and its weights: finely where neither noise nor a law of guesses blurs the steps of a curve."""
    lam, weight = coupling.nodes(SHARP if noise is None and coupling.steady in (0, 1) else SMOOTH)
    return occupancy(problem) if noise is None else smooth(problem), lam, weight


def _tops(problem: Problem, coupling: Coupling, noise: Noise | None = None) -> list[tuple[float, float]]:
    """What memorization can be at the most, and shares of subpopulations; 0 only with noise, which may make more of it."""
    tops = zip(*coupling.guesses(problem.n_classes), strict=True)
    return [(top, guessed) for top, guessed in tops if top > 0 or noise is not None]


def _kept(theta: float, true: Floats, noise: Noise | None) -> Floats:
    """Whether memorization is ≥ θ, or Pr[it is estimated to be]."""
    if noise is None:
        return np.asarray(true >= theta - 1e-12, float)
    line = np.linspace(0, 1, int(FINE * noise.sharpness) + 2)
    return np.asarray(np.interp(true, line, noise.above(np.array([theta]), line)[0]))


def removal(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    fraction: float | None = None,
    noise: Noise | None = None,
) -> pd.DataFrame:
    """Accuracy lost by training without the examples of memorization ≥ θ, and without as many at random.

    With ``noise``, memorization is what it is estimated to be.
    """
    import pandas as pd

    r = included(fraction, noise)
    seen, lam, weight = _seen(problem, coupling, noise)
    c = seen.copies[1:, None]
    remain = (1 - r * lam) ** (c - 1)
    tops = _tops(problem, coupling)

    def error(kept: Floats | float) -> float:
        """Of those examples whose subpopulation is met, in training."""
        return float(seen.mass[1:] @ ((1 - kept * lam) ** c @ weight))

    whole = error(1.0)
    rows = []
    for theta in np.atleast_1d(np.asarray(thresholds, float)):
        gone = [_kept(theta, top * remain, noise) for top, _ in tops]
        never = 1 - sum(guessed for _, guessed in tops)
        share = sum(
            guessed * float(seen.examples[1:] @ (g @ weight)) for (_, guessed), g in zip(tops, gone, strict=True)
        )
        share += never * float(_kept(theta, np.zeros(1), noise)[0])
        rows.append(
            {
                "threshold": float(theta),
                "removed_share": share,
                "lost": sum(
                    guessed * top * (error(1 - g) - whole) for (top, guessed), g in zip(tops, gone, strict=True)
                ),
                "lost_random": problem.guess * (error(1 - share) - whole),
            }
        )
    return pd.DataFrame(rows)


def error_against_samples(problem: Problem, coupling: Coupling, samples: ArrayLike | None = None) -> pd.DataFrame:
    """Expected test error after n samples, (1 − 1/K) Σ_c mass_c(n) E(1 − λ)^c: a guess on what nobody taught.

    Models trained on a share r of n examples have seen rn samples.
    """
    import pandas as pd

    sizes = np.asarray(samples if samples is not None else around(problem.n), float)
    lam, weight = coupling.nodes(SMOOTH)
    rows = []
    for n in np.unique(np.maximum(np.round(sizes), 1)).astype(int):
        seen = smooth(replace(problem, n=int(n)))
        wrong = (1 - lam) ** seen.copies[:, None] @ weight
        rows.append({"samples": int(n), "error": problem.guess * float(seen.mass @ wrong)})
    return pd.DataFrame(rows)


def around(n: int) -> Floats:
    """Numbers of samples from n/100 to 10 n."""
    return np.asarray(n * 10 ** np.linspace(-2, 1, 7))
