"""Does what is memorized teach anybody? Total influence on the test set, by bin of memorization.

With a_k the test accuracy of model k, the total influence of an example i, and that of a bin B of them, per test example, is

    T_i = mean(a | i in) − mean(a | i out) = (1/n_test) Σ_j infl_ij,        T_B = Σ_{i in B} T_i

(infl_ij: Feldman & Zhang, arXiv 2008.03703, section 2.1). Both are linear in what models answer, so that their errors stay small
where those of single pairs do not: √(|B|/(r(1 − r)t)) times the standard deviation of a_k. Where subsets have a fixed size an
example that is in keeps another out. T_i then says what i does more than another, and all T_i add up to about 0.

An example may look memorized because the models that held it out happened to be bad ones, and these are bad at the test set too.
So one half of the models chooses the bins, the other measures T_B and memorization, and the other way round: T_B is the mean
of both, and unbiased for the examples that are chosen. The two halves' errors are taken for independent.

Errors are those of a jackknife over models, or over arrays where the design is orthogonal. Left out, model k moves T_i by

    −(a_k − mean(a | i in))/(n_in − 1)  if i was in,     +(a_k − mean(a | i out))/(n_out − 1)  if it was out,

so all of them are one product of masks with 2 K columns for K bins. Apart from these stand the errors of the test examples,
that are a sample too: the covariance over tests of the two halves' T_B, which share no noise, over n_test.

Work: 2 n t additions for T_i and 6 K n t multiplications and additions for the errors, of bits that are unpacked a block of
examples at a time, and 2 K t n_test for the tests: at n = 60,000, t = 4,000, K = 7, n_test = 10,000 together 1.1 × 10^10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.estimates.halves import halves
from empirical.estimates.memorization import memorization_cells, slices
from empirical.estimates.orthogonal_errors import arrays
from empirical.estimates.pairing import growing
from empirical.training.columns import Bits
from empirical.training.trials import Trials
from longtail.core import Bools, Estimate, Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

EDGES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.95)  # of memorization
NONE = -1  # the bin of an example that is in none


@dataclass(frozen=True)
class Totals:
    """Bins of estimated memorization, [−∞, e_1), [e_1, e_2), ..., [e_{K−1}, ∞): how many ``examples`` each half finds there,
    in the mean, their memorization as the other half sees it, and their ``total`` influence.

    ``covariance`` is what other models would move totals by on these test examples, ``covariance_tests`` what other test examples
    would; the second is as if bins were the same in both halves.

    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> found = totals(Trials.of(masks, masks, masks[:, [3]]), edges=[0.5])  # all five are memorized, one of them teaches
    >>> found.examples.tolist(), found.above(0.5).value > 0.5
    ([0.0, 5.0], True)
    """

    edges: Floats
    examples: Floats
    memorization: Floats
    total: Floats
    covariance: Floats = field(repr=False)
    covariance_tests: Floats = field(repr=False)

    @property
    def stderr(self) -> Floats:
        """Of totals, from models alone; NaN where no jackknife was possible."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def stderr_tests(self) -> Floats:
        """Of totals, from test examples alone; 0 where less is seen than noise makes."""
        return np.sqrt(np.maximum(np.diag(self.covariance_tests), 0.0))

    def chosen(self, level: float) -> Bools:
        """Which bins lie at ``level`` or above."""
        return np.append(-np.inf, self.edges) >= level - 1e-12

    def above(self, level: float) -> Estimate:
        """Total influence of the bins from ``level`` on, with both errors together."""
        chosen = self.chosen(level)
        both = self.covariance + self.covariance_tests
        error = np.sqrt(max(float(both[np.ix_(chosen, chosen)].sum()), 0.0)) if np.isfinite(both).all() else np.nan
        return Estimate(float(self.total[chosen].sum()), float(error))

    @property
    def table(self) -> pd.DataFrame:
        """One row a bin: low, high, examples, memorization, total, stderr, stderr_tests, each, each_stderr (of one example)."""
        import pandas as pd

        with np.errstate(invalid="ignore", divide="ignore"):
            each, error = self.total / self.examples, np.hypot(self.stderr, self.stderr_tests) / self.examples
        columns = {
            "low": np.append(-1.0, self.edges),
            "high": np.append(self.edges, 1.0),
            "examples": self.examples,
            "memorization": self.memorization,
            "total": self.total,
            "stderr": self.stderr,
            "stderr_tests": self.stderr_tests,
            "each": each,
            "each_stderr": error,
        }
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class Contrast:
    """Influence of given bins on the test set, ``total`` (K,), and on each of its examples, ``by_test`` (K, n_test); and how far
    each group of models that can be left out ``moves`` the total (groups, K).

    >>> Contrast(np.array([0.5]), np.array([[0.5]]), moves=np.array([[0.1], [-0.1]])).covariance.round(3).tolist()
    [[0.01]]
    """

    total: Floats
    by_test: Floats = field(repr=False)
    moves: Floats = field(repr=False)

    @property
    def covariance(self) -> Floats:
        """(G − 1)/G Σ_g moves moves^T about their mean; NaN where there is but one group."""
        groups, bins = self.moves.shape
        if groups < 2:
            return np.full((bins, bins), np.nan)
        around = self.moves - self.moves.mean(0)
        return np.asarray((groups - 1) / groups * around.T @ around)


def totals(trials: Trials, edges: Any = EDGES) -> Totals:
    """Total influence by bin of memorization: bins by one half of the models, influence by the other, both ways.

    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> found = totals(Trials.of(masks, masks, masks[:, [3]]), edges=[0.5])
    >>> found.table[["low", "high", "examples", "memorization"]].to_numpy().tolist()
    [[-1.0, 0.5, 0.0, nan], [0.5, 1.0, 5.0, 1.0]]
    """
    parts = halves(trials)
    return of_halves(parts, [memorization_cells(part).value for part in parts], edges)


def of_halves(parts: Sequence[Trials | Bits], values: Sequence[Floats], edges: Any = EDGES) -> Totals:
    """The same of two halves of the trials, and of the memorization that either sees.

    >>> masks = np.random.default_rng(0).random((40, 6)) < 0.5
    >>> parts = halves(Trials.of(masks, masks, masks[:, :3]))
    >>> of_halves(parts, [np.ones(6), np.ones(6)]).examples.tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 6.0]
    """
    edge = growing("edges", edges)
    bins = [binned(value, edge) for value in values]
    found = [contrast(part, bin, len(edge) + 1) for part, bin in zip(parts, reversed(bins), strict=True)]
    width = len(edge) + 1
    examples = sum((np.bincount(bin[bin >= 0], minlength=width) for bin in bins), np.zeros(width))
    seen = np.zeros(width)
    for value, bin in zip(values, reversed(bins), strict=True):
        known = (bin >= 0) & np.isfinite(value)
        seen += np.bincount(bin[known], value[known], minlength=width)
    one, two = (part.by_test - part.by_test.mean(1, keepdims=True) for part in found)
    tests = parts[0].n_test
    shared = one @ two.T / max(tests - 1, 1) / tests
    with np.errstate(invalid="ignore"):
        memorized = seen / examples
    return Totals(
        edge,
        examples / 2,
        memorized,
        (found[0].total + found[1].total) / 2,
        (found[0].covariance + found[1].covariance) / 4,
        (shared + shared.T) / 2,
    )


def binned(value: Floats, edges: Floats) -> Integers:
    """The bin of each example's memorization, and ``NONE`` of one that has no estimate.

    >>> binned(np.array([0.0, 0.3, np.nan]), np.array([0.25, 0.5])).tolist()
    [0, 1, -1]
    """
    return np.where(np.isfinite(value), np.searchsorted(edges, value, side="right"), NONE)


def contrast(trials: Trials | Bits, bins: Integers, width: int) -> Contrast:
    """Total influence of the examples in each of ``width`` bins; of those that two models or more held, and two did not.

    >>> masks = [[1, 1], [1, 1], [1, 0], [0, 1], [0, 0], [0, 0]]
    >>> trials = Trials.of(masks, masks, [[1], [1], [1], [0], [0], [0]])  # right where the first of two was in
    >>> contrast(trials, np.array([0, 1]), width=2).total.round(3).tolist()
    [1.0, 0.333]
    """
    mean = scores(trials)
    around = mean - mean.mean()
    groups = left_out(trials)
    lone = 1 if trials.iid else 0  # a model that is left out is missed in the mean that it is compared with
    total, constant = np.zeros(width), np.zeros((3, width))
    product = np.zeros((trials.count, 3, width))
    for s in slices(trials.n):
        masks = trials.masks_columns(s).astype(float)
        n_in = masks.sum(0)
        n_out, sums = trials.count - n_in, around @ masks
        at = np.flatnonzero((bins[s] >= 0) & (n_in > 1) & (n_out > 1))
        n_in, n_out, which = n_in[at], n_out[at], bins[s][at]
        inside, outside = sums[at] / n_in, -sums[at] / n_out  # of scores that are 0 in the mean
        total += np.bincount(which, inside - outside, minlength=width)
        u, v = 1 / (n_in - lone), 1 / (n_out - lone)
        columns = np.zeros((len(bins[s]), 3, width))
        for part, (when_in, when_out) in enumerate(((1 / n_in, 1 / n_out), (u, v), (u * inside, v * outside))):
            columns[at, part, which] = when_in + when_out
            constant[part] += np.bincount(which, when_out, minlength=width)
        product += (masks @ columns.reshape(-1, 3 * width)).reshape(product.shape)
    weight, slope, offset = (product - constant).transpose(1, 0, 2)
    moves = offset - around[:, None] * slope
    by_test = np.empty((width, trials.n_test))
    for s in slices(trials.n_test):
        by_test[:, s] = weight.T @ trials.test_scores(s).astype(float)
    count = int(groups.max()) + 1
    together = np.zeros((count, width))
    np.add.at(together, groups, moves)
    if not trials.iid and count > 1:
        together *= count / (count - 1)
    return Contrast(trials.sign * total, trials.sign * by_test, trials.sign * together)


def scores(trials: Trials | Bits) -> Floats:
    """The mean score of each model on the test examples.

    >>> scores(Trials.of([[1, 0], [0, 1]], [[1, 0], [0, 1]], [[1, 1], [0, 1]])).tolist()
    [1.0, 0.5]
    """
    if isinstance(trials, Bits):
        right = [trials.test_scores(s).sum(1, dtype=np.int64) for s in slices(trials.n_test)]
        return np.asarray(sum(right, np.zeros(trials.count, np.int64)) / trials.n_test)
    if trials.score == "correct":  # the padding of packed rows is zeros
        return np.asarray(np.bitwise_count(trials.test).sum(1, dtype=np.int64) / trials.n_test)
    return np.asarray(trials.test.mean(1, dtype=float))


def left_out(trials: Trials | Bits) -> Integers:
    """The group of each model, of those left out together: each its own, or whole arrays; one of all where arrays are cut.

    >>> masks = np.eye(4, dtype=bool)
    >>> left_out(Trials.of(masks, masks, masks)).tolist()
    [0, 1, 2, 3]
    """
    if trials.iid:
        return np.arange(trials.count)
    if isinstance(trials, Bits) or (design := arrays(trials)) is None:
        return np.zeros(trials.count, np.int64)
    return np.unique(trials.number // design.rows, return_inverse=True)[1].astype(np.int64)
