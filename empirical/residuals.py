"""Standard errors under orthogonal arrays: from what is left after every example's own effect is taken out.

An array cancels all main effects exactly, so the spread of scores overstates the error. With z_ki = (M_ki −
p)/√(p(1−p)), whose columns are orthogonal over whole arrays, the estimates are the least-squares main effects of f_kj,
and of the rest

    e_kj = f_kj − mean_j − Σ_i b_ij z_ki      Var infl_ij ≈ Σ_in ẽ²/n_in² + Σ_out ẽ²/n_out² − c A_ij ,

ẽ² = e²/(1 − h_k) with leverage h_k = (1 + Σ_i z_ki²)/t (MacKinnon & White 1985, HC2). A_ij = Σ_a (mean_k e z_i z_a)²,
less its own noise, is the spread of what i does together with one other example: it is in e, yet strength two cancels
it from the estimate, with weight c = (1 + κ²)/(t p(1−p)), κ = (1−2p)/√(p(1−p)). One array alone cannot tell these
pairs from their aliases, and then nothing is taken off. Where scores hang on a few examples errors are lumpy (mostly none,
rarely large): half of the variance is therefore that of the test point at large, the share of its spread that main
effects leave times the iid formula.

In a stratified design it is the columns of i's own class that are orthogonal; other classes stay in e, as in the error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.design import Bools, Integers
from empirical.designs import Orthogonal
from empirical.trials import Trials
from longtail.core import Floats

LEAST = 0.01  # of the iid variance: residuals that vanish are luck


def arrays(trials: Trials) -> Orthogonal | None:
    """The design where these are whole orthogonal arrays, so that residuals give the error; else None."""
    design = trials.design
    if not isinstance(design, Orthogonal) or trials.count == 0 or trials.count % design.rows:
        return None
    number = trials.number.reshape(-1, design.rows)
    entire = number[:, :1] // design.rows * design.rows + np.arange(design.rows)
    return design if bool((number == entire).all()) else None


def groups(trials: Trials, y_train: Integers | None) -> list[Integers]:
    """Examples whose columns are orthogonal: all of them, or class by class."""
    if isinstance(trials.design, Orthogonal) and trials.design.stratified and y_train is not None:
        return [np.flatnonzero(y_train == c) for c in np.unique(y_train)]
    return [np.arange(trials.n)]


def left(z: NDArray[np.float32], scores: Any) -> tuple[NDArray[np.float32], Floats]:
    """e (t, q), and the share of each score's spread that is left, for its degrees of freedom."""
    t, n = z.shape
    middle = np.asarray(scores, np.float32) - np.asarray(scores).mean(0, dtype=float).astype(np.float32)
    e = middle - z @ ((z.T @ middle) / np.float32(t))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (e**2).sum(0, dtype=float) / (middle**2).sum(0, dtype=float) * (t - 1) / (t - 1 - n)
    return e, np.where(np.isfinite(share), share, 1.0)


def standard(masks: Bools, p: float) -> NDArray[np.float32]:
    """z."""
    return (masks.astype(np.float32) - np.float32(p)) / np.float32(np.sqrt(p * (1 - p)))


def variance(design: Orthogonal, masks: Bools, scores: Any, i: Any, j: Any, iid: Floats) -> Floats:
    """Variances of the estimates of pairs (i, j): columns of ``masks`` (t, n) and ``scores`` (t, q); ``iid`` is theirs
    by the formula for independent trials.
    """
    p, (t, n) = design.fraction, masks.shape
    z = standard(masks, p)
    e, share = left(z, scores)
    length = (z**2).sum(1)
    weight = (1 / np.maximum(1 - (1 + length) / t, 1 / t)).astype(np.float32)[:, None]
    zi, ei = z[:, i], e[:, j]
    square = ei**2 * weight
    mine = masks[:, i]
    inner = (square * mine).sum(0, dtype=float)
    outer = square.sum(0, dtype=float) - inner
    plain = inner / (p * t) ** 2 + outer / ((1 - p) * t) ** 2
    together = ((z.T @ (ei * zi)) ** 2).sum(0, dtype=float)
    noise = (square * zi**2 * (length[:, None] - zi**2)).sum(0, dtype=float) * (1 - n / design.columns)
    kappa = (1 - 2 * p) ** 2 / (p * (1 - p))
    spread = np.maximum(together - noise, 0) / t**2 * (1 + kappa) / (t * p * (1 - p))
    several = t > design.rows  # one array alone cannot tell pairs with i from their aliases
    own = np.maximum(plain - several * spread, LEAST * iid)
    return np.asarray(0.5 * own + 0.5 * share[j] * iid, float)
