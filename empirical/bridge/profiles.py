"""Profiles of a fit: how −2 log L rises as one parameter is moved and the others follow.

A parabola that has risen by 3.84 at either end of the 95 % interval is what independent examples would make; members of a
subpopulation are not, and the fit's errors, from simulated data sets, say how much wider it is. What a profile shows beside
that is whether there is an end at all: one that stays low on a side leaves the parameter open there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from empirical.bridge.fit import TheoryFit
from empirical.bridge.model import Model
from longtail.core import ArgumentError
from longtail.counts.fit import FAMILIES

if TYPE_CHECKING:
    import pandas as pd

FARTHEST = 4.0  # of a coordinate, a logarithm or a logit, from its best value
BEYOND = 1.3  # times the interval that is shown


def profiles(found: TheoryFit, names: Iterable[str] | None = None, points: int = 7) -> pd.DataFrame:
    """``value`` of each parameter, ``points`` of them across its interval and a little beyond, the ``rise`` of −2 log L, and how
    large a rise is ``allowed`` within 95 %, by simulated data sets.

    >>> from empirical.bridge.fit import fit
    >>> from empirical.estimates.noise import SubsetNoise
    >>> found = fit(np.repeat([0.0, 0.9], [300, 200]), 10, SubsetNoise(100), "Uniform", "lookup", simulations=5)
    >>> profiles(found, points=3)["parameter"].tolist()
    ['size', 'size', 'size']
    """
    import pandas as pd

    model, x = found.reach.model, found.reach.x
    known = coordinates(model)
    rows = []
    for name in known if names is None else names:
        if name not in known:
            raise ArgumentError("names", name, f"give one of {', '.join(known)}")
        i = known[name]
        low, high = (_inward(model, i, end, x[i]) for end in found.intervals[name])
        ridge = found.reach.ridge(i)
        known_error = np.isfinite(found.parameters[name].stderr)
        allowed = found.reach.rise(np.eye(len(x))[i]) if known_error else found.reach.allowed
        base, _ = ridge.best(float(x[i]), x)
        for end, count in ((low, points // 2), (high, points - points // 2 - 1)):
            there = x
            for part in np.linspace(0, 1, count + 1)[1:]:
                value = float(np.clip(x[i] + BEYOND * part * (end - x[i]), *model.limits(i)))
                worse, there = ridge.best(value, there)
                rows.append((name, _outward(model, i, value), max(worse - base, 0.0), allowed))
        rows.append((name, _outward(model, i, float(x[i])), 0.0, allowed))
    table = pd.DataFrame(rows, columns=["parameter", "value", "rise", "allowed"])
    place = table["parameter"].map(known)
    return table.assign(place=place).sort_values(["place", "value"], ignore_index=True).drop(columns="place")


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
    """The coordinate of an end, not beyond where it makes no difference."""
    with np.errstate(divide="ignore"):
        if i < model.shapes:
            at = FAMILIES[model.family].inward(value) if np.isfinite(value) else np.inf
        else:
            at = float(special.logit(value) if i in model.bounded else np.log(value))
    return float(np.clip(at, best - FARTHEST, best + FARTHEST))
