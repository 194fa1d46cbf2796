"""A model of estimated memorization by its coordinates, and the search for those that are most likely.

    x = (the shape of the prior, log N, logit of λ or its mean and log(a + b), logit of how steady guesses are)

as far as the family, the coupling and the guess have them. The greatest log L is where the squares of the deviance residuals

    ±√(2(o log(o/e) − o + e))

of observed and expected bins add up to least, so the search is Gauss and Newton's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from scipy import optimize, special

from empirical.bridge.bins import EDGES, probabilities
from longtail.core import AccuracyError, Floats, Prior, Problem
from longtail.counts.fit import FAMILIES
from longtail.experiment.coupling import Beta, Coupling, Fixed
from longtail.experiment.noise import Noise

LEAST = 1e-12  # probability of a bin: of what cannot be, a logarithm is still needed
NEAR = 1e-5  # residuals, below which their slope is that of (o − e)/√e
TRIED = 2  # starts that a search sets out from
STEPS = 50  # and how far: it may go on where a coordinate makes no difference
BROADEST = 50  # times n, the largest prior that a search considers: of a larger one hardly more is seen twice
END = 4.6  # logit of .99: a share that is fitted nearer to 0 or 1 is judged from there, for at an end nothing moves it
GUESSES: dict[str, float | None] = {"fresh": 0.0, "steady": 1.0, "mixed": None}  # how steady; None is fitted
ONE = ("lookup", "fixed")  # couplings with one λ, beside which a law of guesses can be told
MIXED = (-0.5, 1.5)  # logits of how steady, that a search sets out from
NEAR_END = 3.0  # and ±, from where the fits of a fresh and a steady guess ended
COUPLINGS: dict[str, tuple[int, Callable[[Floats], Coupling]]] = {  # number of coordinates, and the law they stand for
    "lookup": (0, lambda _: Fixed(1.0)),
    "uniform": (0, lambda _: Beta(1.0, 1.0)),
    "fixed": (1, lambda x: Fixed(float(special.expit(x[0])))),
    "beta": (2, lambda x: _beta(float(special.expit(x[0])), x[1])),
}
STARTS: dict[str, list[tuple[float, ...]]] = {  # λ fixed makes peaks, and a maximum where one is taken for another
    "fixed": [(float(special.logit(s)),) for s in np.linspace(0.05, 0.95, 19)],
    "beta": [(0.0, 0.7), (1.5, 2.0)],
}


@dataclass(frozen=True)
class Model:
    """What turns coordinates into the probabilities of bins."""

    family: str
    coupling: str
    guess: str
    n: int
    n_classes: int
    noise: Noise

    @property
    def shapes(self) -> int:
        return int(FAMILIES[self.family].parameter is not None)

    @property
    def bounded(self) -> tuple[int, ...]:
        """Which coordinates are logits of shares: λ or its mean, and how steady a guess is."""
        count, s = COUPLINGS[self.coupling][0], self.shapes
        first = (s + 1,) if count else ()
        return first + ((s + 1 + count,) if GUESSES[self.guess] is None else ())

    def inside(self, x: Floats) -> Floats:
        """x, with shares between .01 and .99."""
        at = x.copy()
        for i in self.bounded:
            at[i] = np.clip(at[i], -END, END)
        return at

    def place(self, x: Floats) -> tuple[Prior, Coupling]:
        """x = (shape's coordinate, log N, the coupling's coordinates, the guess's)."""
        family, s = FAMILIES[self.family], self.shapes
        size = float(np.exp(np.clip(x[s], 0.0, np.log(BROADEST * self.n))))
        prior = family.make(family.outward(x[0]) if s else 1.0, round(size))
        law: Any = COUPLINGS[self.coupling][1](x[s + 1 :])
        steady = GUESSES[self.guess]
        return prior, replace(law, steady=float(special.expit(x[-1])) if steady is None else steady)

    def probabilities(self, x: Floats) -> Floats:
        """P_b; of a prior whose values span more than a double holds none is likely."""
        prior, coupling = self.place(x)
        try:
            return np.maximum(probabilities(Problem(prior, self.n, self.n_classes), coupling, self.noise), LEAST)
        except AccuracyError:
            return np.full(len(EDGES) + 1, LEAST)

    def jacobian(self, x: Floats) -> Floats:
        """∂P_b/∂x by central differences, wide enough for N to be whole: a short list is made one longer and one shorter."""
        columns = []
        for i in range(len(x)):
            step = 0.02 * np.eye(len(x))[i]
            apart = 0.04
            if i == self.shapes:
                step *= max(1.0, np.log1p(1 / self.place(x)[0].size) / 0.02)
                longer, shorter = (self.place(x + way * step)[0].size for way in (1, -1))
                apart = max(float(np.log(longer / shorter)), 1e-12)
            columns.append((self.probabilities(x + step) - self.probabilities(x - step)) / apart)
        return np.stack(columns, axis=1)

    def limits(self, i: int) -> tuple[float, float]:
        """Between what values a coordinate makes a difference: a shape where its family has others, a size up to the largest."""
        if i == self.shapes:
            return 0.0, float(np.log(BROADEST * self.n))
        if i > self.shapes:
            return -np.inf, np.inf
        family = FAMILIES[self.family]
        return family.inward(family.outward(-700.0)), family.inward(family.outward(700.0))

    def linear(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """1/√(n P_b), the slope of the residuals (n_b − n P_b)/√(n P_b) with the sign turned, and what fitting makes of them."""
        scale = 1 / np.sqrt(self.n * self.probabilities(x))
        slope = self.jacobian(x) * (self.n * scale)[:, None]
        return (
            scale,
            slope,
            np.linalg.pinv(slope.T @ slope, rcond=1e-10) @ slope.T,
        )  # a coordinate at its bound has none


def schwarz(loss: float, parameters: int, n: int) -> float:
    """−2 log L + k log n (Schwarz 1978)."""
    return float(loss + parameters * np.log(n))


def search(model: Model, observed: Floats, ends: list[Floats]) -> tuple[Floats, float, int]:
    """Where −2 log L is least, and its value there: Gauss and Newton's search, from the best of a grid of starts, and for a
    mixed guess from where fresh and steady ones led.
    """
    calls = 0

    def residuals(x: Floats) -> Floats:
        nonlocal calls
        calls += 1
        return deviances(observed, model.n * model.probabilities(x))

    def slopes(x: Floats) -> Floats:
        nonlocal calls
        calls += 1 + 2 * len(x)
        expected = model.n * model.probabilities(x)
        r = deviances(observed, expected)
        near = np.abs(r) < NEAR
        step = np.where(near, -1 / np.sqrt(expected), (1 - observed / expected) / np.where(near, 1.0, r))
        return step[:, None] * model.jacobian(x) * model.n

    starts = sorted(_starts(model, ends), key=lambda x: float((residuals(x) ** 2).sum()))
    high = np.full(len(starts[0]), np.inf)
    high[model.shapes] = np.log(BROADEST * model.n)
    low = np.where(np.isfinite(high), 0.0, -np.inf)
    options: Any = {"x_scale": "jac", "ftol": 1e-7, "xtol": 1e-6, "gtol": 1e-4, "max_nfev": STEPS}
    tried = [*ends, starts[0]] if ends else starts[:TRIED]
    found = [optimize.least_squares(residuals, x, slopes, (low, high), **options) for x in tried]
    best = min(found, key=lambda one: float(one.cost)).x
    return best, float(-2 * observed @ np.log(model.probabilities(best))), calls


def _starts(model: Model, ends: list[Floats]) -> list[Floats]:
    family, s = FAMILIES[model.family], model.shapes
    couplings = STARTS.get(model.coupling, [()])
    if ends:
        return [np.array([*x[: s + 1], *c, m]) for x, c, m in product(ends, couplings, MIXED)]
    shapes = [[family.inward(shape)] for shape in family.starts] if s else [[]]
    sizes = np.log(model.n * np.array([0.05, 0.3, 2.0]))
    return [np.array([*shape, size, *c]) for shape, size, c in product(shapes, sizes, couplings)]


def deviances(observed: Floats, expected: Floats) -> Floats:
    """±√(2(o log(o/e) − o + e)): their squares add up to −2 log L, up to a constant."""
    return np.asarray(np.sign(observed - expected) * np.sqrt(2 * np.maximum(special.kl_div(observed, expected), 0.0)))


def _beta(mean: float, log_concentration: float) -> Beta:
    """By mean and concentration a + b, as far as there is such a law."""
    a, b = (float(np.clip(m * np.exp(np.clip(log_concentration, -50.0, 50.0)), 1e-3, 1e6)) for m in (mean, 1 - mean))
    return Beta(a, b)
