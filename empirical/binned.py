"""Estimated memorization by bins: the law of a bin under a prior and a coupling, and how a deviation from it is judged.

    P_b = Σ_c w_c ∫ Pr[estimate in b | mem = (1 − 1/K)(1 − rλ)^{c−1}] dF(λ)

with w_c the share of examples that have c copies under the prior, F the law of λ, and X/h, X ~ Binomial(h, mem), an estimate
that was held out h times. What depends on neither prior nor coupling is a matrix, ``kernel``; the rest is the distribution of
true memorization over equal cells, ``law``.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from empirical.coupling import Coupling, Fixed
from empirical.predicted import above
from longtail.bins import EXPECTED, Goodness
from longtail.core import Floats, Prior
from longtail.counts import log_law, tied_scale

EDGES = np.linspace(0.05, 0.95, 19)
CELLS = 300
SINGLE, MOST = 30, 3000  # copies told apart one by one, and at all


def examples(prior: Prior, n: int) -> tuple[Floats, Floats]:
    """Copies and the share of examples that have them: c N P(c; s)/n, T at its mean; in blocks from thirty to thousands on.

    The last stands for what remains, of which nothing is memorized.
    """
    edge = np.round(np.geomspace(SINGLE + 1, MOST, 15))
    copies = np.concatenate([np.arange(1.0, SINGLE + 1), np.sqrt(edge[1:] * edge[:-1])])
    law = np.exp(log_law(prior, tied_scale(prior, n), copies))
    share = copies * prior.size / n * law
    share[SINGLE:] *= np.diff(edge)
    left = max(1 - float(share[:SINGLE].sum()), 0.0)
    total = float(share[SINGLE:].sum())
    if total > left:  # blocks are midpoint rules: what they overshoot by is taken back
        share[SINGLE:] *= left / total
        total = left
    return np.append(copies, 3.0 * MOST), np.append(share, left - total)


def law(copies: Floats, share: Floats, coupling: Coupling, rate: float) -> Floats:
    """Shares of examples by memorization over 1 − 1/K: equal cells of [0, 1] by their middles, and the atom at 1."""
    edge = np.linspace(0, 1, CELLS + 1)
    cell = np.zeros(CELLS + 1)
    cell[-1] = share[0]
    if isinstance(coupling, Fixed):
        place = (1 - rate * coupling.strength) ** (copies[1:] - 1) * CELLS - 0.5
        lower = np.clip(np.floor(place), 0, CELLS - 1).astype(int)
        part = np.clip(place - lower, 0.0, 1.0)
        upper = np.minimum(lower + 1, CELLS - 1)
        np.add.at(cell, lower, share[1:] * (1 - part))
        np.add.at(cell, upper, share[1:] * part)
        return cell
    with np.errstate(divide="ignore"):
        weakest = -np.expm1(np.log(edge)[None, :] / (copies[1:, None] - 1)) / rate
    exceeds = coupling.below(weakest)
    exceeds[:, 0] = 1.0
    cell[:-1] -= np.diff(share[1:] @ exceeds)
    return cell


def kernel(guess: float, held_out: float) -> Floats:
    """Pr[estimate in bin | cell of true memorization]."""
    edge = np.linspace(0, 1, CELLS + 1)
    middle = np.append((edge[1:] + edge[:-1]) / 2, 1.0) * guess
    at_least = np.vstack([np.ones(CELLS + 1), above(EDGES, middle, held_out), np.zeros(CELLS + 1)])
    return -np.diff(at_least, axis=0)


def histogram(values: Floats) -> Floats:
    return np.bincount(np.searchsorted(EDGES, values, side="right"), minlength=len(EDGES) + 1).astype(float)


def goodness(own: Floats, simulated: Floats, slope: Floats, solved: Floats, expected: Floats) -> Goodness:
    """Hotelling's T² of the observed residuals among the simulated ones, each after what fitting takes out of it.

    Bins that expect fewer than five examples are joined to a neighbor. Where examples come in clusters some directions vary far
    more than others: the simulated covariance, not Pearson's, says how much each deviation counts.
    """
    edges = [0]
    total = 0.0
    for b, e in enumerate(expected):
        total += e
        if total >= EXPECTED and expected[b + 1 :].sum() >= EXPECTED:
            edges.append(b + 1)
            total = 0.0
    root = np.sqrt(expected)

    def joined(residual: Floats) -> Floats:
        """Residuals of the joined bins, once the fit has followed what it can."""
        left = residual - residual @ solved.T @ slope.T
        return np.asarray(np.add.reduceat(left * root, edges, axis=-1) / np.sqrt(np.add.reduceat(expected, edges)))

    law, point = joined(simulated), joined(own)
    count = len(law)
    center = law.mean(0)
    value, direction = np.linalg.eigh(np.cov(law, rowvar=False))
    kept = np.arange(len(value)) >= len(value) - min(len(edges) - 1 - slope.shape[1], count // 3)
    kept &= value > 1e-8 * value.max()
    freedom = int(kept.sum())
    if freedom < 1:
        return Goodness(0.0, 0, np.nan)
    statistic = float((((point - center) @ direction[:, kept]) ** 2 / value[kept]).sum())
    ratio = statistic / (1 + 1 / count) * (count - freedom) / (freedom * (count - 1))
    return Goodness(statistic, freedom, float(stats.f.sf(ratio, freedom, count - freedom)))
