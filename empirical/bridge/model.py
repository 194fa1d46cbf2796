"""A model of estimated memorization by its coordinates, and the search for those that are most likely.

    x = (the shape of the prior, log N, logit of λ or its mean and log(a + b), logits of shares)

as far as the family, the coupling and the guess have them. The greatest log L is where the squares of the deviance residuals

    ±√(2(o log(o/e) − o + e))

of observed and expected bins add up to least, so the search is Gauss and Newton's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy import optimize, special

from empirical.bridge.beside import Beside
from empirical.bridge.bins import EDGES, probabilities
from longtail.core import AccuracyError, Floats, Prior, Problem
from longtail.counts.fit import FAMILIES
from longtail.experiment.coupling import Beta, Coupling, Fixed
from longtail.experiment.noise import Noise
from longtail.priors import Gamma

EDGE = 1e-6  # of a share that may not be 0 or 1
FAR = 1e3  # a residual where there is no law
# shape times size of Gamma frequencies, below which the law of T of a short list spans so many decades that it takes seconds and
# a gigabyte; where it is .4, the largest of four subpopulations has .9 of all in the mean
ALONE = 0.4
LEAST = 1e-12  # probability of a bin: of what cannot be, a logarithm is still needed
NEAR = 1e-5  # residuals, below which their slope is that of (o − e)/√e
AHEAD = 0.005  # step of a search's slopes, taken one way
TRIED = 2  # starts that a search sets out from
# beside guesses of which much is fitted: the best start of so many couplings goes so many steps first
VALLEYS, FIRST = 8, 5
LATELY = 8  # values that are remembered
STEPS = 50  # and how far: it may go on where a coordinate makes no difference
BROADEST = 50  # times n, the largest prior that a search considers: of a larger one hardly more is seen twice
SPIKE = float(np.log(1e6))  # a + b of a law of λ that is next to one value
FEW = 8.0  # logit of a share that is next to nothing
END = 4.6  # logit of .99: a share that is fitted nearer to 0 or 1 is judged from there, for at an end nothing moves it
GUESSES: dict[str, float | None] = {"fresh": 0.0, "steady": 1.0, "mixed": None}  # how steady; None is fitted
ONE = ("lookup", "fixed")  # couplings with one λ, beside which a law of guesses can be told
MIXED = (-0.5, 1.5)  # logits of how steady, that a search sets out from
NEAR_END = 3.0  # and ±, from where the fits of a fresh and a steady guess ended
WIDE: dict[str, tuple[str, ...]] = {  # guesses that are better than a guess, by what is fitted of them
    "hard": ("difficulty", "steady"),
    "dust": ("difficulty", "steady", "dust"),
    "each": ("difficulty", "steady"),  # with a u for each example
    "own": ("difficulty", "steady", "own"),
}
WIDE_STARTS: dict[str, tuple[float, ...]] = {
    "difficulty": (-1.0, 1.0),
    "steady": (0.5,),
    "dust": (-1.5,),
    "own": (0.0,),
}
# where twins carry what is carried
NEAR_STARTS: dict[str, tuple[float, ...]] = {"difficulty": (1.0,), "steady": (-0.5,), "dust": (-1.0,), "own": (0.0,)}
# λ or its mean, and a + b: a logit and a logarithm; what is beside is logits of shares
LAW = ("coupling", "concentration")
NEAR_ONES = ("twins", "strangers")
# coordinates, and the law they stand for
COUPLINGS: dict[str, tuple[tuple[str, ...], Callable[[Floats], Coupling]]] = {
    "lookup": ((), lambda _: Fixed(1.0)),
    "uniform": ((), lambda _: Beta(1.0, 1.0)),
    "fixed": (LAW[:1], lambda x: Fixed(float(special.expit(x[0])))),
    "beta": (LAW, lambda x: _beta(x)),
    "apart": (LAW, lambda x: replace(_beta(x), apart=1.0)),
    "between": ((*LAW, "apart"), lambda x: replace(_beta(x), apart=float(special.expit(x[2])))),
    "near": ((*LAW, *NEAR_ONES), lambda x: replace(_beta(x), apart=1.0, **_shares(NEAR_ONES, x[2:4]))),
}
STARTS: dict[str, list[tuple[float, ...]]] = {  # λ fixed makes peaks, and a maximum where one is taken for another
    "fixed": [(float(special.logit(s)),) for s in np.linspace(0.05, 0.95, 19)],
    "beta": [(0.0, 0.7), (1.5, 2.0)],
    "apart": [(-2.0, 0.0), (0.0, 0.7)],
    "between": [(-2.0, 0.0, 1.0), (0.0, 0.7, 0.0)],
    "near": [(-1.0, 4.2, -2.4, 3.5), (-1.0, 4.2, -2.4, 0.0)],
}


@dataclass(frozen=True)
class Model:
    """What turns coordinates into the probabilities of bins: a ``family`` of priors, a ``coupling`` and a ``guess`` by name
    (``FAMILIES``, ``COUPLINGS``, ``GUESSES`` and ``WIDE``), of ``n`` examples in ``n_classes``, estimated with ``noise``.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> model = Model("Zipf", "fixed", "fresh", 1000, 10, SubsetNoise(100))
    >>> prior, coupling = model.place(np.array([0.0, np.log(500), 0.0]))
    >>> prior, coupling, model.named, model.bounded
    (Zipf(alpha=1.0, size=500), Fixed(strength=0.5, steady=0.0), ('coupling',), (2,))
    """

    family: str
    coupling: str
    guess: str
    n: int
    n_classes: int
    noise: Noise
    beside: Beside | None = None

    @property
    def guessed(self) -> tuple[str, ...]:
        """What is fitted of guesses: the last coordinates, each the logit of a share."""
        return WIDE[self.guess] if self.guess in WIDE else ("steady",) * (GUESSES[self.guess] is None)

    @property
    def shapes(self) -> int:
        """How many coordinates the family's shape has: one or none."""
        return int(FAMILIES[self.family].parameter is not None)

    @property
    def bounded(self) -> tuple[int, ...]:
        """Which coordinates are logits of shares: all of a coupling and a guess but the concentration."""
        return tuple(self.shapes + 1 + k for k, name in enumerate(self.named) if name != "concentration")

    @property
    def named(self) -> tuple[str, ...]:
        """The coordinates after log N."""
        return (*COUPLINGS[self.coupling][0], *self.guessed)

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
        shares = _shares(self.guessed, x[len(x) - len(self.guessed) :])
        if self.guess in WIDE:
            shares["difficulty"] = float(np.clip(shares["difficulty"], EDGE, 1 - EDGE))
            shares["dust"] = min(shares.get("dust", 0.0), 1 - EDGE)
            if self.guess == "each":
                shares["own"] = 1.0
        else:
            shares.setdefault("steady", GUESSES[self.guess] or 0.0)
        return prior, replace(law, **shares)

    def probabilities(self, x: Floats) -> Floats:
        """P_b; of a prior whose values span more than a double holds none is likely."""
        return self._once("probabilities", x, self._probabilities)

    def aside(self, x: Floats) -> Floats:
        """Residuals of what is known beside memorization, in standard errors."""
        return self._once("aside", x, self._aside)

    def _probabilities(self, x: Floats) -> Floats:
        try:
            problem, coupling = self._posed(x)
            return np.maximum(probabilities(problem, coupling, self.noise), LEAST)
        except AccuracyError:
            return np.full(len(EDGES) + 1, LEAST)

    def _aside(self, x: Floats) -> Floats:
        if self.beside is None:
            return np.empty(0)
        try:
            return self.beside.residuals(*self._posed(x))
        except AccuracyError:
            return np.full(len(self.beside.value), FAR)

    def _posed(self, x: Floats) -> tuple[Problem, Coupling]:
        """The model at x; none is looked for where Gamma frequencies, a Dirichlet's, are next to one subpopulation's alone."""
        prior, coupling = self.place(x)
        if isinstance(prior, Gamma) and 1 < prior.size < ALONE / prior.shape:
            raise AccuracyError("prior", prior, f"give a shape of {ALONE / prior.size:.3g} or more")
        return Problem(prior, self.n, self.n_classes), coupling

    @cached_property
    def _known(self) -> dict[tuple[str, bytes], Floats]:
        return {}

    def _once(self, name: str, x: Floats, of: Callable[[Floats], Floats]) -> Floats:
        """A value that a search asks for again at once: slopes begin where residuals were."""
        key, known = (name, x.tobytes()), self._known
        if key not in known:
            if len(known) >= LATELY:
                known.pop(next(iter(known)))
            known[key] = of(x)
            known[key].setflags(write=False)
        return known[key]

    def residuals(self, x: Floats, observed: Floats) -> Floats:
        """All of them: their squares add up to −2 log L, up to a constant."""
        return np.append(_deviances(observed, self.n * self.probabilities(x)), self.aside(x))

    def standardized(self, x: Floats, rows: Floats) -> Floats:
        """(o − nP)/√(nP) of bins, and in standard errors what is known beside, of a row of both or of several."""
        expected = self.n * self.probabilities(x)
        bins = (rows[..., : len(expected)] - expected) / np.sqrt(expected)
        if self.beside is None:
            return np.asarray(bins)
        prior, coupling = self.place(x)
        predicted = self.beside.predicted(Problem(prior, self.n, self.n_classes), coupling)
        return np.concatenate([bins, self.beside.whitened(rows[..., len(expected) :] - predicted)], axis=-1)

    def jacobian(
        self,
        x: Floats,
        of: Callable[[Floats], Floats] | None = None,
        here: Floats | None = None,
        along: Sequence[int] | None = None,
    ) -> Floats:
        """∂P_b/∂x, or of another function's values, by central differences, or from ``here``, its values at x, by those ahead;
        wide enough for N to be whole: a short list is made one longer and one shorter. Where it is told which, columns other
        than those ``along`` are 0.
        """
        value = self.probabilities if of is None else of
        columns: list[Floats | None] = []
        for i in range(len(x)):
            if along is not None and i not in along:
                columns.append(None)
                continue
            step = (0.02 if here is None else AHEAD) * np.eye(len(x))[i]
            apart = 0.04 if here is None else AHEAD
            if i == self.shapes:
                step *= max(1.0, np.log1p(1 / self.place(x)[0].size) / float(step[i]))
                ends = [self.place(x + way * step)[0].size for way in (1, -1 if here is None else 0)]
                apart = max(float(np.log(ends[0] / ends[1])), 1e-12)
            behind = value(x - step) if here is None else here
            columns.append((value(x + step) - behind) / apart)
        none = np.zeros_like(next(column for column in columns if column is not None))
        return np.stack([none if column is None else column for column in columns], axis=1)

    def slopes(self, x: Floats, observed: Floats, along: Sequence[int] | None = None) -> Floats:
        """Of ``residuals``, by differences ahead; by all coordinates, or by those ``along`` which it is asked."""
        expected, aside = self.n * self.probabilities(x), self.aside(x)
        r = _deviances(observed, expected)
        near = np.abs(r) < NEAR
        step = np.where(near, -1 / np.sqrt(expected), (1 - observed / expected) / np.where(near, 1.0, r))
        steep = self.jacobian(x, here=expected / self.n, along=along)
        return np.vstack([step[:, None] * steep * self.n, self.jacobian(x, self.aside, aside, along)])

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
        slope = np.vstack([self.jacobian(x) * (self.n * scale)[:, None], self.jacobian(x, self.aside)])
        # a coordinate at its bound has none
        return scale, slope, np.linalg.pinv(slope.T @ slope, rcond=1e-10) @ slope.T


def schwarz(loss: float, parameters: int, n: int) -> float:
    """−2 log L + k log n (Schwarz 1978), ``loss`` the first, k ``parameters``.

    >>> round(schwarz(10.0, parameters=2, n=100), 3)
    19.21
    """
    return float(loss + parameters * np.log(n))


def search(model: Model, observed: Floats, ends: list[Floats]) -> tuple[Floats, float, int]:
    """Where −2 log L of ``observed`` bins is least, its value there, and evaluations: Gauss and Newton's search, from the best
    of a grid of starts, and for a mixed guess from where fresh and steady ones led (``ends``). Where difficulty is fitted too
    there are valleys of λ near 0 and guesses that are steady: the best start of each coupling is followed a little first.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> model = Model("Uniform", "lookup", "fresh", 1000, 10, SubsetNoise(100))
    >>> x, _, _ = search(model, model.n * model.probabilities(np.log([300.0])), [])
    >>> round(float(np.exp(x[0])))
    300
    """
    calls = 0

    def residuals(x: Floats) -> Floats:
        nonlocal calls
        calls += 1
        return model.residuals(x, observed)

    def slopes(x: Floats) -> Floats:
        nonlocal calls
        calls += 1 + len(x)
        return model.slopes(x, observed)

    starts = sorted(_starts(model, ends), key=lambda x: float((residuals(x) ** 2).sum()))
    high = np.full(len(starts[0]), np.inf)
    high[model.shapes] = np.log(BROADEST * model.n)
    low = np.where(np.isfinite(high), 0.0, -np.inf)
    shares = [model.shapes + 1 + k for k, name in enumerate(model.named) if name in NEAR_ONES]
    low[shares], high[shares] = -FEW, FEW  # where one is next to nothing, nothing says how little
    options: Any = {"x_scale": "jac", "ftol": 1e-7, "xtol": 1e-6, "gtol": 1e-4}

    def led(start: Floats, steps: int) -> Any:
        return optimize.least_squares(residuals, start, slopes, (low, high), max_nfev=steps, **options)

    if model.guess in WIDE and not ends:  # of several valleys the lowest is told after a few steps, not before
        cells: dict[tuple[float, ...], Floats] = {}
        for x in starts:
            cells.setdefault(tuple(x[model.shapes + 1 :]), x)
        few = [led(x, FIRST) for x in list(cells.values())[:VALLEYS]]
        starts = [one.x for one in sorted(few, key=lambda one: float(one.cost))]
    tried = [*ends, starts[0]] if ends else starts[:TRIED]
    found = [led(x, STEPS) for x in tried]
    best = min(found, key=lambda one: float(one.cost)).x
    loss = -2 * observed @ np.log(model.probabilities(best)) + (model.aside(best) ** 2).sum()
    return best, float(loss), calls


def _starts(model: Model, ends: list[Floats]) -> list[Floats]:
    family, s = FAMILIES[model.family], model.shapes
    couplings = STARTS.get(model.coupling, [()])
    if model.guess in WIDE:
        own = [WIDE_STARTS, NEAR_STARTS] if model.coupling == "near" else [WIDE_STARTS]
        guesses = [g for starts in own for g in product(*(starts[name] for name in model.guessed))]
        couplings = [(*c, *g) for c, g in product(couplings, guesses)]
    if ends:
        return [np.array([*x[: s + 1], *c, m]) for x, c, m in product(ends, couplings, MIXED)]
    shapes = [[family.inward(shape)] for shape in family.starts] if s else [[]]
    # where strangers carry, they are many to a subpopulation
    sizes = np.log(model.n * np.array([0.002, 0.05, 0.3] if model.coupling == "near" else [0.05, 0.3, 2.0]))
    return [np.array([*shape, size, *c]) for shape, size, c in product(shapes, sizes, couplings)]


def _deviances(observed: Floats, expected: Floats) -> Floats:
    """±√(2(o log(o/e) − o + e)): their squares add up to −2 log L, up to a constant."""
    return np.asarray(np.sign(observed - expected) * np.sqrt(2 * np.maximum(special.kl_div(observed, expected), 0.0)))


def _beta(x: Floats) -> Beta:
    """By the logit of the mean and the logarithm of a + b, as far as there is such a law."""
    mean, both = float(special.expit(x[0])), np.exp(np.clip(x[1], -50.0, SPIKE))
    a, b = (max(float(m * both), 1e-3) for m in (mean, 1 - mean))
    return Beta(a, b)


def _shares(names: tuple[str, ...], x: Floats) -> dict[str, Any]:
    return dict(zip(names, special.expit(x).tolist(), strict=True))
