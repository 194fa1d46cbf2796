"""The linear datamodeling score: over models that an attribution has not seen, the rank correlation of what it foretells of each,
the sum of its scores over the subset, with the model's output (Ilyas et al., ICML 2022; Park et al., ICML 2023),

    LDS_j = ρ_S(Σ_{i∈S_k} a_ij, f_kj)  over models k.

With F and G the mid-distribution functions of both, less ½, ρ_S is C/√(V_F V_G), C = E[FG], V_F = E[F²]. Its error is that of the
mean of its influence function over models (von Mises 1947; Croux & Dehon 2010 for ρ_S): F and G move with a model too, so

    IF_C = FG + E[K(x, X) G(Y)] + E[K(y, Y) F(X)] − 3C,     IF_V = F² + 2E[K(x, X) F(X)] − 3V,

K(x, X) = 1 where X > x, ½ where they are equal: ties, as of outputs that are right or wrong, are in it. The error of the mean
over test examples adds up these functions model by model, for all tests share their models, and the spread of true scores over
tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import rankdata

from empirical.learners.score import BY_CLASS
from empirical.training.trials import Trials, unpacked
from longtail.core import ArgumentError, Estimate, Floats, Integers
from longtail.core.intervals import Z95

ROWS, COLUMNS = 256, 512  # models and test examples at a time
LEAST = 4  # models


@dataclass(frozen=True)
class DatamodelingScore:
    """Of every test example, NaN where its models all say the same: ``value``, ``stderr``, and their 95 % interval; ``mean``.

    >>> DatamodelingScore(np.array([0.5]), np.array([0.1]), Estimate(0.5, 0.1)).interval[0].round(3).tolist()
    [0.28]
    """

    value: Floats = field(repr=False)
    stderr: Floats = field(repr=False)
    mean: Estimate

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """On Fisher's scale, artanh, which keeps it within −1 and 1."""
        inner = np.clip(self.value, -1 + 1e-12, 1 - 1e-12)
        middle, half = np.arctanh(inner), Z95 * self.stderr / (1 - inner**2)
        return np.tanh(middle - half), np.tanh(middle + half)


def foretold(trials: Trials, scores: Any) -> Floats:
    """(t, q): the sum of scores (n, q) over each model's subset.

    >>> trials = Trials.of([[True, False], [True, True]], np.ones((2, 2)), np.ones((2, 1)), score="margin")
    >>> foretold(trials, [[1.0], [5.0]]).tolist()
    [[1.0], [6.0]]
    """
    a = np.asarray(scores, float)
    out = np.empty((trials.count, a.shape[1]))
    for start in range(0, trials.count, ROWS):
        some = slice(start, start + ROWS)
        out[some] = unpacked(trials.inside[some], trials.n).astype(float) @ a
    return out


def lds(trials: Trials, scores: Any, tests: Integers | None = None) -> DatamodelingScore:
    """Of scores (n, q), one column for each test example, or for each of ``tests``.

    >>> rng = np.random.default_rng(0)
    >>> masks, w = rng.random((200, 5)) < 0.5, np.array([[3.0], [2.0], [1.0], [0.0], [-1.0]])
    >>> trials = Trials.of(masks, masks * 1.0, masks @ w + rng.normal(size=(200, 1)), score="margin")
    >>> round(lds(trials, w).mean.value, 2), round(lds(trials, -w).mean.value, 2)
    (0.89, -0.89)
    """
    trials = trials.right if trials.score in BY_CLASS else trials
    a = np.asarray(scores, float)
    at = np.arange(trials.n_test) if tests is None else tests
    if a.shape != (trials.n, len(at)):
        raise ArgumentError("scores", f"shape {a.shape}", f"give one of {(trials.n, len(at))}")
    if trials.count < LEAST:
        raise ArgumentError("run", f"{trials.count} models", f"a correlation over models takes {LEAST} or more")
    value, error = np.full(len(at), np.nan), np.full(len(at), np.nan)
    together = np.zeros(trials.count)
    for start in range(0, len(at), COLUMNS):
        part = slice(start, start + COLUMNS)
        x = foretold(trials, a[:, part])
        for k, j in enumerate(at[part]):
            y = trials.sign * np.asarray(trials.test_scores(slice(j, j + 1))[:, 0], float)
            found, moves = correlation(_rounded(x[:, k]), y)
            if np.isfinite(found):
                value[start + k], error[start + k] = found, moves.std(ddof=1) / np.sqrt(trials.count)
                together += moves
    known = np.isfinite(value)
    q = int(known.sum())
    if not q:
        return DatamodelingScore(value, error, Estimate(float("nan"), float("nan")))
    spread = max(float(value[known].var(ddof=1) - np.mean(error[known] ** 2)), 0.0) / q if q > 1 else 0.0
    models = float((together / q).var(ddof=1)) / trials.count
    return DatamodelingScore(value, error, Estimate(float(value[known].mean()), float(np.sqrt(models + spread))))


def correlation(x: Floats, y: Floats) -> tuple[float, Floats]:
    """Spearman's correlation and its influence function at each point; NaN where one of both does not vary.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))[0], 9)
    0.5
    """
    f, g = _middle(x), _middle(y)
    c, v, w = float(f @ g) / len(f), float(f @ f) / len(f), float(g @ g) / len(g)
    if v <= 0 or w <= 0:
        return float("nan"), np.full(len(f), np.nan)
    above, beyond = _Above.of(x), _Above.of(y)
    both = f * g + above(g) + beyond(f) - 3 * c
    own, other = f**2 + 2 * above(f) - 3 * v, g**2 + 2 * beyond(g) - 3 * w
    rho = c / np.sqrt(v * w)
    return float(rho), np.asarray(both / np.sqrt(v * w) - rho / 2 * (own / v + other / w))


def _middle(x: Floats) -> Floats:
    return np.asarray((rankdata(x) - 0.5) / len(x) - 0.5)


def _rounded(x: Floats) -> Floats:
    """Sums that differ by rounding alone are made equal: they are ties."""
    scale = float(np.abs(x).max(initial=0.0))
    return np.round(x / scale, 12) if scale > 0 else x


@dataclass(frozen=True)
class _Above:
    """The mean over all points of K(x_k, X) times a number each, by sums over the sorted points."""

    order: Integers
    first: Integers
    last: Integers

    @classmethod
    def of(cls, x: Floats) -> _Above:
        order = np.argsort(x, kind="stable")
        placed = x[order]
        return cls(order, np.searchsorted(placed, x, side="left"), np.searchsorted(placed, x, side="right"))

    def __call__(self, v: Floats) -> Floats:
        total = np.append(0.0, np.cumsum(v[self.order]))
        less, most = total[self.first], total[self.last]
        return np.asarray((total[-1] - most + (most - less) / 2) / len(v))
