"""What a run's own influence says of attributions: how high any could score, and how well these go with leaving one out.

The least-squares sum over a subset is that with the influences infl_i themselves (their covariance with the masks is p(1 − p)
infl_i, and masks are as good as independent), which explains of a test example's variance over models

    R²_j = c Σ_i infl_ij²/Var f_j,     c = p(1 − p), times (n − 1)/n where subsets have one size.

Estimates have noise, whose squares add up; products of two halves of the models would not have it, and the mean over all ways
to halve them is Σ(infl_ij² − stderr_ij²). √R² is the correlation of the best scores, and no rank correlation is higher where
sums are normal: (6/π) arcsin(√R²/2) of outputs that are so too (Pearson 1907). Of right and wrong, where an answer is right in
a share P = Φ(−c) of models, as if a normal output that the best scores explain to s² had to pass c: R² = κ s², κ = φ(c)²/(P(1 −
P)), and with Owen's T the rank correlation is √12 T(c, s/√(2 − s²))/√(P(1 − P)). By Jensen the mean over test examples is at
most about that of mean R², or of s² = Σ R²_j/Σ κ_j: the noise ceiling.

Leaving-one-out correlation: over i, that of a_ij with infl_ij, what having i in does. Noise in the estimates lowers it; its
share of their variance is known, so with a standardized test by test, all together (Spearman 1904)

    Σ_j Cov(a_j, infl_j) / √(q Σ_j (Var infl_j − mean stderr_j²)).

Errors are those of leaving out each of ``GROUPS`` groups of models in turn (Tukey 1958), and each test example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri, owens_t

from empirical.designs import Fixed
from empirical.training.trials import Trials
from longtail.core import Estimate, Floats, Integers

GROUPS, TESTS, COLUMNS = 10, 1000, 32


@dataclass(frozen=True)
class Ceiling:
    """Of the test examples ``tests``: ``explained`` R², ``loo`` and ``reliability`` (the share of the influences' variance that
    is no noise), NaN where models all say the same; and of all together ``lds`` that none exceeds, and ``left_out``.

    >>> rng = np.random.default_rng(0)
    >>> masks, w = rng.random((200, 5)) < 0.5, np.array([[3.0], [2.0], [1.0], [0.0], [-1.0]])
    >>> trials = Trials.of(masks, masks * 1.0, masks @ w + rng.normal(size=(200, 1)), score="margin")
    >>> ceiling(trials, w).explained.round(2).tolist()
    [0.69]
    """

    tests: Integers = field(repr=False)
    explained: Floats = field(repr=False)
    loo: Floats = field(repr=False)
    reliability: Floats = field(repr=False)
    lds: Estimate
    left_out: Estimate


def ceiling(trials: Trials, scores: Any, tests: Integers | None = None) -> Ceiling:
    """Of scores (n, q) for every test example, or for ``tests``; at most ``TESTS`` of them, evenly spread.

    >>> rng = np.random.default_rng(0)
    >>> masks, w = rng.random((200, 5)) < 0.5, np.array([[3.0], [2.0], [1.0], [0.0], [-1.0]])
    >>> trials = Trials.of(masks, masks * 1.0, masks @ w + rng.normal(size=(200, 1)), score="margin")
    >>> ceiling(trials, w).reliability.round(2).tolist()
    [0.95]
    """
    a = np.asarray(scores, float)
    at = np.arange(trials.n_test) if tests is None else tests
    some = np.unique(np.linspace(0, len(at) - 1, min(TESTS, len(at))).astype(int))
    a = a[:, some]
    scale = a.std(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        a = (a - a.mean(0)) / scale
    parts = [_parts(trials, a[:, s : s + COLUMNS], at[some[s : s + COLUMNS]]) for s in range(0, len(some), COLUMNS)]
    shares, together, own, noise = np.concatenate(parts, axis=2)  # each (1 + groups, tests), all models first
    known = np.isfinite(shares).all(0)
    asked = known & np.isfinite(together).all(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        loo, reliability = together[0] / np.sqrt(own[0]), 1 - noise[0] / own[0]
    return Ceiling(
        at[some],
        np.where(known, shares[0], np.nan),
        loo,
        reliability,
        _estimate(_ceiling(trials, at[some][known]), shares[:, known]),
        _estimate(_pooled, together[:, asked], (own - noise)[:, asked]),
    )


def highest(explained: Any, rates: Any = None) -> Floats:
    """The rank correlation of the best scores, by the share of an output's variance that they explain; with ``rates``, the shares
    of models that are right, the mean of those of right and wrong.

    >>> highest([0.0, 1.0]).round(9).tolist(), highest([1.0], [0.5]).round(3).tolist()
    ([0.0, 1.0], [0.866])
    """
    s = np.sqrt(np.clip(explained, 0, 1))
    if rates is None:
        return np.asarray(6 / np.pi * np.arcsin(s / 2))
    p = np.asarray(rates, float)
    turns = owens_t(ndtri(p), (s / np.sqrt(2 - s**2))[..., None])
    return np.asarray((np.sqrt(12 / (p * (1 - p))) * turns).mean(-1))


def _kappa(rates: Floats) -> Floats:
    """R² of right and wrong where all of the output behind it is explained."""
    return np.asarray(np.exp(-(ndtri(rates) ** 2)) / (2 * np.pi * rates * (1 - rates)))


def _pooled(together: Floats, signal: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(together.mean(-1) / np.sqrt(signal.mean(-1)))


def _ceiling(trials: Trials, at: Integers) -> Callable[[Floats], Floats]:
    """From shares explained, (..., tests), to the ceiling."""
    if trials.score != "correct":
        return lambda share: highest(share.mean(-1))
    rates = np.array([trials.test_scores(slice(j, j + 1)).mean() for j in at])
    kappa = float(_kappa(rates).mean()) if rates.size else float("nan")
    return lambda share: highest(share.mean(-1) / kappa, rates)


def _estimate(of: Callable[..., Floats], *parts: Floats) -> Estimate:
    """A statistic of (1 + groups, tests) arrays, and its error over models and test examples."""
    q = parts[0].shape[1]
    if q < 2:
        return Estimate(float("nan"), float("nan"))
    value = of(*parts)
    groups = value[1:]
    models = (len(groups) - 1) * float(np.mean((groups - groups.mean()) ** 2))
    totals = [part[:1].sum(1, keepdims=True) for part in parts]
    without = of(*(((total - part[:1]) / (q - 1)).T for total, part in zip(totals, parts, strict=True)))
    tests = (q - 1) * float(np.mean((without - without.mean()) ** 2))
    return Estimate(float(value[0]), float(np.sqrt(models + tests)))


def _parts(trials: Trials, a: Floats, at: Integers) -> Floats:
    """R², mean a·infl, mean infl² and mean stderr² over training examples, (4, 1 + groups, tests)."""
    group = np.arange(trials.count) * GROUPS // trials.count
    f = trials.sign * np.stack([np.asarray(trials.test_scores(slice(j, j + 1))[:, 0], float) for j in at], axis=1)
    f -= f.mean(0)  # squares of what lies far from 0 would cancel
    inside, sums, squares = np.zeros((GROUPS, trials.n)), *np.zeros((2, GROUPS, trials.n, len(at)))
    for g in range(GROUPS):
        masks = trials.masks(group == g).astype(float)
        inside[g], sums[g], squares[g] = masks.sum(0), masks.T @ f[group == g], masks.T @ f[group == g] ** 2
    out = np.empty((4, 1 + GROUPS, len(at)))
    for r in range(1 + GROUPS):
        keep, kept = np.arange(GROUPS) != r - 1, group != r - 1
        out[:, r] = _one(trials, a, f[kept], inside[keep].sum(0)[:, None], sums[keep].sum(0), squares[keep].sum(0))
    return out


def _one(trials: Trials, a: Floats, f: Floats, n_in: Floats, sums: Floats, squares: Floats) -> Floats:
    t, total, square, n = len(f), f.sum(0), (f**2).sum(0), trials.n
    with np.errstate(invalid="ignore", divide="ignore"):
        inner, outer = sums / n_in, (total - sums) / (t - n_in)
        value = inner - outer
        noise = (squares - n_in * inner**2) / n_in / (n_in - 1)
        noise += (square - squares - (t - n_in) * outer**2) / (t - n_in) / (t - n_in - 1)
        variance = (square - total**2 / t) / (t - 1)
        p = float(n_in.mean()) / t
        c = p * (1 - p) * ((n - 1) / n if isinstance(trials.design, Fixed) else 1.0)
        flat = np.where(variance > 0, 1.0, np.nan)
        both = np.isfinite(value) & np.isfinite(noise)
        value, noise = np.where(both, value, 0.0), np.where(both, noise, 0.0)
        shares = flat * c * (value**2 - noise).sum(0) / variance
    middle = value.mean(0)
    return np.stack(
        [shares, flat * (a * (value - middle)).mean(0), flat * ((value - middle) ** 2).mean(0), flat * noise.mean(0)]
    )
