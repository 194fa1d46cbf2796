"""Whether data tell one fitted model from another: Cox's test (1961), by data sets simulated from both.

    Λ(y) = log N(y; m_b, S_b) − log N(y; m_a, S_a),     p = (1 + #{k: Λ(y_k) ≥ Λ(y)}) / (1 + K)

y are the bins of memorization and what is known beside it, m and S the mean and covariance of data sets that a model makes (a
synthetic likelihood: Wood 2010), y_1 … y_K those of model a, each left out of m_a and S_a while it is judged. p is small where
the data speak for b as data from a rarely do, and 1 where they speak for a.

Goodness of fit asks only how far from its mean a model's data would lie. A wrong model may have large clusters, whose data vary
so much that others' are never far; but that they all come so near to its mean is then what hardly happens, and the
determinants of S say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from empirical.bridge.bins import joined
from longtail.core import Floats

if TYPE_CHECKING:
    from empirical.bridge.fit import TheoryFit

ENOUGH = 3  # simulated data sets to each number of one, for a covariance


def against(fit: TheoryFit, rival: TheoryFit) -> float:
    """The p-value of a fit against a rival: how often data from the fit speak as much for the rival; NaN against itself, and
    where data sets were too few for a covariance.

    >>> from empirical.bridge.fit import fit, planted
    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Problem, Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> noise, rng = SubsetNoise(models=1000), np.random.default_rng(0)
    >>> values = planted(Problem(Zipf(alpha=1, size=1000), n=1000), Fixed(1), noise, rng)[1]
    >>> zipf, uniform = (fit(values, 10, noise, family, "lookup", simulations=100) for family in ("Zipf", "Uniform"))
    >>> against(uniform, zipf) < 0.05 < against(zipf, uniform)
    True
    """
    own, other, bins = fit.simulated, rival.simulated, len(fit.reach.observed)
    starts = joined(np.minimum(own.mean(0), other.mean(0))[:bins])[1:]  # all bins together are n
    data = [_some(rows, starts, bins) for rows in (own, other, fit.seen[None, :])]
    kept = (data[0].std(0) > 0) & (data[1].std(0) > 0)
    scale = data[0][:, kept].std(0)
    mine, theirs, seen = (rows[:, kept] / scale for rows in data)
    if fit is rival or min(len(mine), len(theirs)) < ENOUGH * max(mine.shape[1], 1):
        return float("nan")
    ratio = likely(seen, theirs)[0] - likely(seen, mine)[0]
    if ratio <= 0:
        return 1.0
    ratios = likely(mine, theirs) - likely_among(mine)
    return float((1 + (ratios >= ratio).sum()) / (1 + len(ratios)))


def _some(rows: Floats, starts: NDArray[np.int64], bins: int) -> Floats:
    """The joined bins of every data set, and what is beside."""
    counts = np.add.reduceat(rows[:, :bins], starts, axis=1) if len(starts) else np.empty((len(rows), 0))
    return np.hstack([counts, rows[:, bins:]])


def likely(rows: Floats, simulated: Floats) -> Floats:
    """log N of each row, up to a constant, by the mean and covariance of the ``simulated``.

    >>> simulated = np.array([[-1.0], [1.0]] * 50)
    >>> likely(np.array([[0.0], [2.0]]), simulated).round(2).tolist()
    [-0.01, -1.99]
    """
    covariance = np.atleast_2d(np.cov(simulated, rowvar=False))
    off = rows - simulated.mean(0)
    square = np.einsum("ij,ij->i", off, np.linalg.solve(covariance, off.T).T)
    return np.asarray(-(square + np.linalg.slogdet(covariance)[1]) / 2)


def likely_among(simulated: Floats) -> Floats:
    """log N of each of the ``simulated`` by all others (Sherman and Morrison 1950, and the determinant's lemma): with d =
    (y_k − m)ᵀS⁻¹(y_k − m) of all K and s = dK/(K − 1)², the others have d(K/(K − 1))² (K − 2)/(K − 1)/(1 − s) and a determinant
    ((K − 1)/(K − 2))^p (1 − s) times as large.

    >>> simulated = np.random.default_rng(0).normal(size=(9, 2))
    >>> abs(float(likely_among(simulated)[3]) - float(likely(simulated[3:4], np.delete(simulated, 3, 0))[0])) < 1e-12
    True
    """
    count, size = simulated.shape
    covariance = np.atleast_2d(np.cov(simulated, rowvar=False))
    off = simulated - simulated.mean(0)
    square = np.einsum("ij,ij->i", off, np.linalg.solve(covariance, off.T).T)
    share = np.minimum(square * count / (count - 1) ** 2, 1 - 1e-12)
    far = square * (count / (count - 1)) ** 2 * (count - 2) / (count - 1) / (1 - share)
    determinant = np.linalg.slogdet(covariance)[1] + size * np.log((count - 1) / (count - 2)) + np.log(1 - share)
    return np.asarray(-(far + determinant) / 2)
