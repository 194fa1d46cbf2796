"""A probability by Davies' sum over the transform of a variable.

    Pr[Y ≤ 0] = 1/2 − Σ_{k ≥ 0} Im E e^{i(k+½)ΔY} / π(k+½),

off by no more than Pr[|Y| > 2π/Δ] (Davies, Biometrika 60, 1973). Where Y has steps the sum is that of Y + h times a normal
variable, whose transform ends at φ = ``END``/h, whatever the law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from longtail.exact.mellin import EPS

LEFT = 1e-8  # what that leaves out, and Davies' sum
END = 6.0  # of hφ: e^{−18}
ENDED = 1e-8  # of E e^{iφY}, that it may be cut off at where it does not come back
RUN = 6  # values in a row that are to be that small
# of all values, one of which is that small where the transform ends
PROBED, PROBABLY = (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0), 1e-6
CHECKED = 6  # one in so many values is computed on finer points as well
WORK = 1e8  # points for all values of φ
LONG = 1000  # values of φ
ROUNDING = 32 * EPS  # of a value

Transform = Callable[[float], complex]


@dataclass(frozen=True)
class Sum:
    """What a probability is made of: certain + rest/2 − Σ Im value((k + ½)Δ)/π(k + ½).

    On finer points there are a transform, tried at one value in ``CHECKED``, or a sum of its own.

    >>> def normal(phi):  # the transform of a normal variable about ½
    ...     return np.exp(0.5j * phi - phi**2 / 2)
    >>> round(probability(Sum(0.0, 1.0, 0.2, normal, points=1.0, finer=normal), h=0.0, steps=False)[0], 6)
    0.308538
    """

    certain: float
    rest: float
    turn: float
    value: Transform
    points: float
    finer: Transform | Sum


def probability(parts: Sum, h: float, steps: bool) -> tuple[float, float, bool]:
    """Pr[Y ≤ 0], what it may be off by, and whether it has ended, by itself (where there are no ``steps``) or by h.

    >>> def half(phi):  # of all, half lies about 0
    ...     return 0.5 * np.exp(-(phi**2) / 2)
    >>> value, bound, ended = probability(Sum(0.25, 0.5, 0.2, half, points=1.0, finer=half), h=0.0, steps=False)
    >>> round(value, 6), bound < 1e-6, ended  # a quarter for sure, and half of the half
    (0.5, True, True)
    """
    found: list[complex] = []
    apart, by_itself = 0.0, False
    most = int(min(2 * LONG, 2 * WORK / parts.points))
    while len(found) < most and not by_itself:
        phi = (len(found) + 0.5) * parts.turn
        if h * phi > END:
            break
        found.append(parts.value(phi))
        if not abs(found[-1]) <= 2:
            return np.nan, np.inf, False
        if len(found) % CHECKED == 1 and not isinstance(parts.finer, Sum):
            apart = max(apart, abs(parts.finer(phi) - found[-1]))
        by_itself = not steps and len(found) > RUN and max(map(abs, found[-RUN:])) <= ENDED
    half = np.arange(len(found)) + 0.5
    kept = np.ones(len(found)) if by_itself else np.exp(-((h * half * parts.turn) ** 2) / 2)
    value = parts.certain + parts.rest / 2 - float(((np.array(found) * kept).imag / (np.pi * half)).sum())
    ended = by_itself or h * (len(found) + 0.5) * parts.turn > END
    off = (4 * apart + ROUNDING) * np.log(len(found) + 2) + 8 * (ENDED if by_itself else np.exp(-END * END / 2)) + LEFT
    if isinstance(parts.finer, Sum):
        again, _, _ = probability(parts.finer, h if not by_itself else 0.0, steps)
        off += 8 * abs(again - value)
    return value, float(off), bool(ended)


def ends(parts: Sum) -> bool:
    """Whether a transform is ever next to nothing before ``probability`` would give up, by values along the way.

    >>> def normal(phi):
    ...     return np.exp(-(phi**2) / 2)
    >>> ends(Sum(0.0, 1.0, 0.2, normal, points=1.0, finer=normal))
    True
    >>> ends(Sum(0.0, 1.0, 0.2, lambda phi: 0.5 + 0j, points=1.0, finer=normal))  # half of it lies in one point
    False
    """
    most = int(min(2 * LONG, 2 * WORK / parts.points))
    found = np.abs([parts.value((round(most * part) - 0.5) * parts.turn) for part in PROBED])
    return bool((found <= PROBABLY).any())
