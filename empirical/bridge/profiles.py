"""Profiles of a fit: how −2 log L rises as one parameter is moved and the others follow.

A parabola that has risen by 3.84 at either end of the 95 % interval is what independent examples would make; members of a
subpopulation are not, and the fit's errors, from simulated data sets, say how much wider it is. What a profile shows beside
that is whether there is an end at all: one that stays low on a side leaves the parameter open there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from empirical.bridge.fit import TheoryFit
from empirical.bridge.followed import Ridge
from empirical.bridge.model import Model
from longtail.core import ArgumentError, Floats
from longtail.counts.fit import FAMILIES

if TYPE_CHECKING:
    import pandas as pd

FARTHEST = 4.0  # of a coordinate, a logarithm or a logit, from its best value, where an interval has no end
BEYOND = 1.3  # times the interval that is shown
FURTHER, LONGER = 4, 1.15  # steps on where that is not far enough, and how much longer each is at the least


def profiles(found: TheoryFit, names: Iterable[str] | None = None, points: int = 7) -> pd.DataFrame:
    """``value`` of each parameter, ``points`` of them across its interval and a little beyond, the ``rise`` of −2 log L, and how
    large a rise is ``allowed`` within 95 %, by ``Reach.allowance``. Where it has not risen so far there, it is followed on, a few
    points more: a side on which it stays below is open as far as it was followed.

    >>> from empirical.bridge.fit import fit
    >>> from empirical.estimates.noise import SubsetNoise
    >>> found = fit(np.repeat([0.0, 0.9], [300, 200]), 10, SubsetNoise(100), "Uniform", "lookup", simulations=5)
    >>> profiles(found, points=3)["parameter"].unique().tolist()
    ['size']
    """
    import pandas as pd

    model, x = found.reach.model, found.reach.x
    known = coordinates(model)
    rows = []
    for name in known if names is None else names:
        if name not in known:
            raise ArgumentError("names", name, f"give one of {', '.join(known)}")
        i = known[name]
        low, high = (_inward(model, i, end, x[i]) for end in found.reach.interval(name))
        ridge = found.reach.ridge(i)
        allowed = found.reach.allowance(i)
        base, _ = ridge.best(float(x[i]), x)
        for end, count in ((low, points // 2), (high, points - points // 2 - 1)):
            along = _side(ridge, model, i, x, end, count, base, allowed)
            rows += [(name, _outward(model, i, value), rise, allowed) for value, rise in along]
        rows.append((name, _outward(model, i, float(x[i])), 0.0, allowed))
    table = pd.DataFrame(rows, columns=["parameter", "value", "rise", "allowed"])
    place = table["parameter"].map(known)
    return table.assign(place=place).sort_values(["place", "value"], ignore_index=True).drop(columns="place")


def _side(
    ridge: Ridge, model: Model, i: int, x: Floats, end: float, count: int, base: float, allowed: float
) -> Iterator[tuple[float, float]]:
    """Values of coordinate i on one side of x, and rises."""
    there, value, rise = x, float(x[i]), 0.0
    farthest, limits = BEYOND * FARTHEST, model.limits(i)
    for k in range(1, count + 1 + FURTHER * bool(count)):
        if k <= count:
            far = BEYOND * k / count * (end - float(x[i]))
        elif rise >= allowed or value in (x[i], *limits) or abs(far) >= farthest:
            return
        else:  # Wald's interval may end where the likelihood has not risen yet
            longer = float(np.clip(LONGER * np.sqrt(allowed / max(rise, 1e-9)), LONGER, 3.0))
            far = float(np.clip(longer * far, -farthest, farthest))
        value = float(np.clip(x[i] + far, *limits))
        worse, there = ridge.best(value, there)
        rise = max(worse - base, 0.0)
        yield value, rise


def coordinates(model: Model) -> dict[str, int]:
    """Which coordinate each parameter is.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> coordinates(Model("Zipf", "fixed", "fresh", 1000, 10, SubsetNoise(100)))
    {'alpha': 0, 'size': 1, 'coupling': 2}
    """
    shape = FAMILIES[model.family].parameter
    names = [*([shape] if shape is not None else []), "size", *model.named]
    return {name: i for i, name in enumerate(names)}


def _outward(model: Model, i: int, at: float) -> float:
    if i < model.shapes:
        return float(FAMILIES[model.family].outward(at))
    return float(special.expit(at) if i in model.bounded else np.exp(at))


def _inward(model: Model, i: int, value: float, best: float) -> float:
    """The coordinate of an end; where there is none, of what is far enough to see that."""
    with np.errstate(divide="ignore"):
        if i < model.shapes:
            at = FAMILIES[model.family].inward(value) if np.isfinite(value) else np.inf
        else:
            at = float(special.logit(value) if i in model.bounded else np.log(value))
    return at if np.isfinite(at) else float(np.clip(at, best - FARTHEST, best + FARTHEST))
