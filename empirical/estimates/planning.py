"""How many models a wanted error or power takes.

An estimate has variance q(1 − q)/(r(1 − r)t) where q is about the same in and out (arXiv 2008.03703, lemma 2.1, and
measured within 2 %); an orthogonal array divides it by its variance factor. A pair of true influence δ passes the
threshold θ with chance Φ((δ − θ)/sd), one without influence with Φ(−θ/sd). Worst case q = ½.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.special import ndtr, ndtri

from empirical.estimates import INFLUENCE, THRESHOLD
from longtail.core import ArgumentError, real, whole

PLANNED = ("correct", "predicted", "probability")  # scores from 0 to 1, whose variance is q(1 − q) at most


@dataclass(frozen=True)
class Plan:
    """A number of models, the standard error it gives, and what that means for pairs at a threshold.

    >>> found = plan(power=0.9)
    >>> found.models, round(found.power, 2)
    (196, 0.9)
    """

    models: int
    stderr: float
    power: float
    expected_false: float


def stderr(models: int, fraction: float = 0.7, accuracy: float = 0.5, factor: float = 1.0) -> float:
    """√(q(1 − q)/(r(1 − r)t · factor)).

    >>> round(stderr(2000), 4)
    0.0244
    """
    whole("models", models)
    r = real("fraction", fraction, 0, 1, open_low=True, open_high=True)
    q = real("accuracy", accuracy, 0, 1)
    return float(np.sqrt(q * (1 - q) / (r * (1 - r) * models * real("factor", factor, 0, open_low=True))))


def plan(
    *,
    error: float | None = None,
    power: float | None = None,
    influence: float = INFLUENCE,
    threshold: float = THRESHOLD,
    pairs: int = 0,
    false: float | None = None,
    fraction: float = 0.7,
    accuracy: float = 0.5,
    factor: float = 1.0,
) -> Plan:
    """The fewest models with standard error ≤ ``error``, or that find a pair of ``influence`` with chance ``power`` at
    ``threshold``, or that let at most ``false`` of ``pairs`` pairs without influence through; all that are asked for.

    >>> plan(error=0.02).models
    2977
    """
    asked = []
    unit = stderr(1, fraction, accuracy, factor)
    if error is not None:
        asked.append((unit / real("error", error, 0, open_low=True)) ** 2)
    theta = real("threshold", threshold, 0, 1, open_low=True)
    gap = real("influence", influence, 0, 1) - theta
    if power is not None:
        z = float(ndtri(real("power", power, 0, 1, open_low=True, open_high=True)))
        if z > 0 and gap <= 0:
            raise ArgumentError("influence", influence, f"above half power needs an influence above {theta:g}")
        asked.append((z * unit / gap) ** 2 if z > 0 else 1.0)
    if false is not None:
        share = real("false", false, 0, open_low=True) / whole("pairs", pairs)
        asked.append((float(ndtri(min(share, 0.5))) * unit / theta) ** 2)
    if not asked:
        raise ArgumentError("error, power, false", None, "ask for at least one of them")
    models = max(2, ceil(max(asked) - 1e-9))
    sd = unit / np.sqrt(models)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Plan(models, float(sd), float(ndtr(gap / sd)), float(pairs * ndtr(-theta / sd)))
