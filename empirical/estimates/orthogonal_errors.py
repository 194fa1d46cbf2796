"""Standard errors under orthogonal arrays: from what of f z_i is no sum of functions of two examples.

With z_ki = (M_ki − p)/√(p(1−p)), an estimate is mean_k(f_kj z_ki)/√(p(1−p)), and an array of strength two averages every
product of two examples' z exactly (Hedayat, Sloane & Stufken 1999, chapter 3; Owen 1992 for randomized ones). So main
effects b_aj are taken out of f first, e = f − mean − Σ_a b_aj z_a, and the error is that of the mean of w = e z_i, less
what w has along z_a, z_i z_a and z_a z_b. Over A arrays of N rows, t = A N:

    Var infl_ij ≈ c ((A − 1) own_ij + rest_j)/A,     c = N/((q − 1)(columns − 2)) / (t p(1−p)),
    own_ij  = mean w²/(1 − h_k) − [(1 + κ²) Σ_a ⟨w z_a⟩² + Σ_{a<b strong} ⟨w z_a z_b⟩²]/(1 − h)²,
    rest_j  = Σ_k e²/(t − 1 − n),

h_k = (1 + Σ_i z_ki²)/t the leverage (MacKinnon & White 1985, HC2), h its mean, the share that main effects take of any
product; κ = (1−2p)/√(p(1−p)), as z² = 1 + κz; ⟨·⟩² a squared mean over trials less its own noise. c: the chance that a
third column depends on two is (q − 1)/(columns − 2), a little above that of independent trials. Pairs (a, b) are many, so
only those of j's strongest main effects count (heredity: Hamada & Wu 1992): as many as an array has digits, as it cannot
hold all patterns of more. Arrays alone tell what i does with others from its aliases: the pair's own variance has A − 1
degrees of freedom between them, the test point's at large is given one (moderation: Smyth 2004). So one array alone has
only the latter, right on average over all pairs but not pair by pair: few that are aliased are off by many times it, most
others by less, and what i itself does for j is counted as error.

Where residuals vanish, one of the t trials could still have differed: that much is the least. In a stratified design it
is the columns of i's own class that are orthogonal; other classes stay in e, as in the error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.designs import Orthogonal
from empirical.training.trials import Trials
from longtail.core import Bools, Floats, Integers

Signs = NDArray[np.float32]


def arrays(trials: Trials) -> Orthogonal | None:
    """The design where these are whole orthogonal arrays, so that residuals give the error; else None.

    >>> design = Orthogonal(0.5, 16)
    >>> masks = design.draw(0, np.arange(32), 8, None)
    >>> arrays(Trials.of(masks, masks, masks, design=design)) is design, arrays(Trials.of(masks, masks, masks))
    (True, None)
    """
    design = trials.design
    if not isinstance(design, Orthogonal) or trials.count == 0 or trials.count % design.rows:
        return None
    number = trials.number.reshape(-1, design.rows)
    entire = number[:, :1] // design.rows * design.rows + np.arange(design.rows)
    return design if bool((number == entire).all()) else None


def groups(trials: Trials, y_train: Integers | None) -> list[Integers]:
    """Examples whose columns are orthogonal: all of them, or class by class.

    >>> masks = np.eye(4, dtype=bool)
    >>> groups(Trials.of(masks, masks, masks), np.array([0, 1, 0, 1]))[0].tolist()  # no classes in this design
    [0, 1, 2, 3]
    """
    if isinstance(trials.design, Orthogonal) and trials.design.stratified and y_train is not None:
        return [np.flatnonzero(y_train == c) for c in np.unique(y_train)]
    return [np.arange(trials.n)]


def _left(z: Signs, scores: Any) -> tuple[Signs, Signs, Floats]:
    """Main effects b (n, q), e (t, q), and the share of each score's spread that is left, for its degrees of freedom."""
    t, n = z.shape
    middle = np.asarray(scores, np.float32) - np.asarray(scores).mean(0, dtype=float).astype(np.float32)
    effects = (z.T @ middle) / np.float32(t)
    e = middle - z @ effects
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (e**2).sum(0, dtype=float) / (middle**2).sum(0, dtype=float) * (t - 1) / (t - 1 - n)
    return effects, e, np.where(np.isfinite(share), share, 1.0)


def _standard(masks: Bools, p: float) -> Signs:
    """z, stored example by example."""
    signs = masks.T.astype(np.float32, order="C")
    return ((signs - np.float32(p)) / np.float32(np.sqrt(p * (1 - p)))).T


def variance(design: Orthogonal, masks: Bools, scores: Any, i: Integers, j: Integers) -> Floats:
    """Variances of the estimates of pairs (i, j): columns of ``masks`` (t, n) and ``scores`` (t, q).

    >>> design = Orthogonal(0.5, 16)
    >>> masks = design.draw(0, np.arange(32), 8, None)
    >>> right = masks[:, :1] & masks[:, 1:2]  # where both of two examples were in
    >>> found = variance(design, masks, right, np.array([0, 5]), np.array([0, 0]))
    >>> bool((found > 0).all()), found.shape
    (True, (2,))
    """
    p, t = design.fraction, len(masks)
    z = _standard(masks, p)
    effects, e, share = _left(z, scores)
    spread = np.asarray(scores).var(0, dtype=float, ddof=1)
    least = spread[j] / t
    large = np.maximum(share[j] * spread[j], least)
    several = t // design.rows
    own = np.maximum(_own(design, z, effects, e, i, j), least) if several > 1 else large
    # a third column depends on two others a little more often than trials that are independent would have it
    alias = design.rows / ((design.levels - 1) * max(design.columns - 2, 1))
    return np.asarray(((several - 1) * own + large) / several * alias / (t * p * (1 - p)), float)


def _own(design: Orthogonal, z: Signs, effects: Signs, e: Signs, i: Integers, j: Integers) -> Floats:
    """Variance of w in one trial, pair by pair, less what the array cancels."""
    p, (t, n) = design.fraction, z.shape
    length = (z**2).sum(1)
    w = np.ascontiguousarray(e.T)[j] * z.T[i]
    square = w**2
    single = ((w @ z) ** 2).sum(1, dtype=float)
    single -= (square @ length).astype(float) - (square * z.T[i] ** 2).sum(1, dtype=float)
    kappa = (1 - 2 * p) ** 2 / (p * (1 - p))
    strongest = np.argsort(-np.abs(effects), axis=0, kind="stable")[: design.digits + 1].T
    double = np.empty(len(i))
    for pair, (one, test) in enumerate(zip(i, j, strict=True)):
        among = strongest[test]
        double[pair] = _double(z.T[among[among != one][: design.digits]], w[pair], square[pair])
    cancelled = ((1 + kappa) * single + double) / t**2 / (1 - (1 + n) / t) ** 2
    total = (square @ (1 / np.maximum(1 - (1 + length) / t, 1 / t))).astype(float) / t
    return np.asarray(total - np.maximum(cancelled, 0), float)


def _double(z: Signs, w: Signs, square: Signs) -> float:
    """Σ_{a<b} (Σ_k w z_a z_b)² less its noise; z (examples, t)."""
    product = ((z * w) @ z.T).astype(float)
    energy = z * z
    twice = energy.sum(0) ** 2 - (energy * energy).sum(0)
    return float((product**2).sum() - (product.diagonal() ** 2).sum() - square @ twice) / 2
