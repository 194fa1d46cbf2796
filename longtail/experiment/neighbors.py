"""Who influences a test example where one member does not teach all others alike (``longtail.experiment.coupling``, ``apart``).

Of the c members of its subpopulation the k-th has influence u λ_k Π_{l≠k}(1 − rλ_l). With M the number of those whose influence
is estimated to be θ or more, and S_j = E C(M, j),

    E M = S_1,     Pr[M ≥ 1] = S_1 − S_2 + S_3 − …,     Pr[M = 1] = S_1 − 2 S_2 + 3 S_3 − …,

and S_j takes a sum over j of the λ and over the product of the c − j others, whose law ``longtail.experiment.members`` has.
Influences of four members can hardly be .15 each, r = .7: λ(1 − rλ)³ is at most .151. So the sums end with S_3, and what is
left out is less than S_4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from longtail.core import Floats
from longtail.experiment.coupling import Coupling
from longtail.experiment.members import SHOWN, STEP, Members, members
from longtail.experiment.noise import Noise

COARSE = 4  # steps of −log R to one, where several λ are summed over
FINE = 16  # points of what is left untaught to a standard deviation of an estimate
CELLS = (16, 8)  # of λ, where two and where three are summed over
TIE = 1e-12


@dataclass(frozen=True)
class _Passed:
    """S_1, S_2, S_3 by number of copies and λ of the subpopulation, at one u and θ."""

    one: Floats = field(repr=False)
    two: Floats = field(repr=False)
    three: Floats = field(repr=False)

    @property
    def some(self) -> Floats:
        """Pr[M ≥ 1]."""
        return np.clip(self.one - self.two + self.three, 0.0, np.minimum(self.one, 1.0))

    @property
    def alone(self) -> Floats:
        """Pr[M = 1]."""
        return np.clip(self.one - 2 * self.two + 3 * self.three, 0.0, self.some)


class Neighbors:
    """The laws of c − 1, c − 2, c − 3 and of all c members, prepared once for every u and θ; ``copies`` are the numbers c, each
    member is in with chance ``fraction``.

    >>> from longtail.experiment.coupling import Beta
    >>> near = Neighbors(Beta(1, 1, apart=1.0), copies=np.array([1.0, 2.0]), fraction=0.7, cells=8)
    >>> near.passed(0.45, None, 0.9, np.ones((2, 1))).some.round(3).tolist()  # of one: λ is .5 or more
    [[0.516], [0.44]]
    """

    def __init__(self, coupling: Coupling, copies: Floats, fraction: float, cells: int) -> None:
        def law(j: int) -> Members:
            return members(coupling, np.maximum(copies - j, 0.0), fraction, cells)

        self.copies, self.fraction = copies, fraction
        self.of, self.whole = law(1), law(0).law
        self.fewer = [_coarse(law(j).law) for j in (2, 3)]

    def kept(self, passes: Callable[[Floats], Floats], top: float) -> Floats:
        """Pr[a training example is counted], by copies and λ."""
        law = self.of.law
        rest = np.maximum(1 - law.sum(2), 0.0)
        return np.asarray(law @ passes(top * self.of.left) + rest * float(passes(np.zeros(1))[0]))

    def by_chance(self, chance: Callable[[Floats], Floats], top: float) -> Floats:
        """Pr[an example of another subpopulation passes], by copies and λ."""
        return np.asarray(self.whole @ chance(top * self.of.left))

    def passed(self, theta: float, noise: Noise | None, top: float, kept: Floats) -> _Passed:
        """S_j for influence θ or more of members that count with chance ``kept``."""
        c, own = self.copies[:, None], self.of.own
        assert own is not None
        passes = influential(theta, noise, self.of, top * self.of.left)
        one = c * kept * np.einsum("cls,ls->cl", self.of.law, passes)
        more = []
        for count, cells, law in zip((2, 3), CELLS, self.fewer, strict=True):
            lam, share = _fewer(self.of.strength, own, cells)
            places = np.indices((len(lam),) * count).reshape(count, -1)
            weight = share[:, places].prod(1)
            together = weight @ _together(tuple(lam.tolist()), count, theta, noise, top, self.fraction)
            ways = c * (c - 1) / 2 if count == 2 else c * (c - 1) * (c - 2) / 6
            more.append(np.maximum(ways, 0.0) * kept**count * np.einsum("cls,ls->cl", law, together))
        return _Passed(one, *more)


@lru_cache(maxsize=48)  # the same for all laws of λ, where the values of u are
def _together(
    strength: tuple[float, ...], count: int, theta: float, noise: Noise | None, top: float, fraction: float
) -> Floats:
    """Pr[all of ``count`` members pass], by the λ of each and what the others leave."""
    lam, left = np.array(strength), top * np.exp(-STEP * COARSE * np.arange(-(-SHOWN // COARSE)))
    places = np.indices((len(lam),) * count).reshape(count, -1)
    rest = 1 - fraction * lam[places]
    whole = rest.prod(0)
    chance = np.ones((places.shape[1], len(left)))
    for k in range(count):
        own = np.multiply.outer(whole / np.maximum(rest[k], TIE), left)
        chance *= _chance(theta, noise, own, lam[places[k]][:, None])
    return chance


def influential(theta: float, noise: Noise | None, of: Members, left: Floats) -> Floats:
    """Pr[a member's influence is θ or more], by λ of the subpopulation and then as ``left``, what the others leave of u.

    >>> from longtail.experiment.coupling import Beta
    >>> of = members(Beta(1, 1, apart=1.0), np.array([0.0]), 0.7, 8)
    >>> influential(0.45, None, of, np.array([0.9, 0.4])).round(3).tolist()
    [[0.516, 0.0]]
    """
    assert of.own is not None
    if noise is None:
        each = [_chance(theta, None, left, np.array(lam)) for lam in of.strength]
        return np.asarray(np.tensordot(of.own, each, 1))
    line, table = _table(theta, noise, tuple(of.strength.tolist()))
    return np.array([np.interp(left, line, row) for row in of.own @ table])


def _chance(theta: float, noise: Noise | None, left: Floats, lam: Floats) -> Floats:
    """Pr[estimate ≥ θ] of an influence ``left`` · λ."""
    if noise is None:
        return np.asarray(left * lam >= theta - TIE, float)
    return noise.influence_above(theta, left * (1 - lam), left)


@lru_cache(maxsize=32)  # the same for all models
def _table(theta: float, noise: Noise, strength: tuple[float, ...]) -> tuple[Floats, Floats]:
    """What is left untaught, u R, and Pr[estimate ≥ θ] by λ and that."""
    left = np.linspace(0, 1, int(FINE * noise.sharpness) + 200)
    return left, _chance(theta, noise, np.tile(left, (len(strength), 1)), np.array(strength)[:, None])


def _fewer(strength: Floats, own: Floats, cells: int) -> tuple[Floats, Floats]:
    """The laws of a pair's λ on fewer points, with the same means."""
    lam = strength[:: (len(strength) - 1) // cells]
    place = np.interp(strength, lam, np.arange(len(lam)))
    hats = np.maximum(1 - np.abs(place[:, None] - np.arange(len(lam))), 0.0)
    return lam, own @ hats


def _coarse(law: Floats) -> Floats:
    """The law of R on every fourth point, mass divided between the nearest."""
    count = law.shape[2]
    points = -(-count // COARSE)
    place = np.arange(count) / COARSE
    hats = np.maximum(1 - np.abs(place[:, None] - np.arange(points)), 0.0)
    return np.asarray(law @ hats)
