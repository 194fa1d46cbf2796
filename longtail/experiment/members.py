"""What the other members of a subpopulation leave untaught of one example: the law of R = Π_{k=1}^{c−1} (1 − rλ_k).

Each of the c − 1 others is in the training set with chance r and then teaches with chance λ_k. If λ is one for all,
R = (1 − rλ)^{c−1}, a point for each c and λ. If λ of a pair is its subpopulation's with chance 1 − ω and a draw of its own else
(``longtail.experiment.coupling``), −log R is a sum of c − 1 independent terms, given the subpopulation's λ: its law is laid on a
grid, each term between the two nearest points so that E(1 − rλ_k) is kept, and added up by powers of its Fourier transform. The
transform is that of the law times a falling exponential, so that sums beyond the grid come back as small as 10⁻¹¹.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from longtail.core import Floats
from longtail.experiment.coupling import Coupling

PAIRS = 48  # cells of a pair's own λ, and of a subpopulation's where it is not all
STEP = 0.01  # of −log R
POINTS = 1024  # of its grid
SHOWN = 520  # of them: R below e^{−5.2} is nothing
FALL = 25.0  # how far, in logarithm, the exponential falls along the grid
KEPT = 16  # laws where every λ is a pair's own, half a megabyte each
NOTHING = 1e-12  # weight of a λ that any sum does without


@dataclass(frozen=True)
class Members:
    """R and its chances, by number of copies and λ of the subpopulation; chances that add up to less than 1 leave R = 0.

    ``weight`` are those of the subpopulation's λ, ``mean`` is E λ of a pair given it. ``strength`` are values of a pair's λ and
    ``own`` their chances, by the subpopulation's λ; None where it is that itself.

    >>> from longtail.experiment.coupling import Fixed
    >>> found = members(Fixed(0.5), np.array([0.0, 1.0, 2.0]), fraction=0.7, cells=8)
    >>> found.left.ravel().round(4).tolist(), found.law.ravel().tolist()  # one λ for all: R is one value for each number
    ([1.0, 0.65, 0.4225], [1.0, 1.0, 1.0])
    """

    weight: Floats = field(repr=False)
    mean: Floats = field(repr=False)
    left: Floats = field(repr=False)  # copies × λ × values, or values alone
    law: Floats = field(repr=False)
    strength: Floats = field(repr=False)
    own: Floats | None = field(repr=False, default=None)


def members(coupling: Coupling, others: Floats, fraction: float, cells: int) -> Members:
    """R for each number of ``others``, each in the training set with chance ``fraction``; with λ at the ends of ``cells`` cells
    where it is one for all.

    >>> from longtail.experiment.coupling import Beta
    >>> found = members(Beta(1, 1, apart=1.0), np.array([1.0]), fraction=0.7, cells=8)  # a λ for each pair: R has a law
    >>> round(float(found.law[0, 0] @ found.left), 3)  # E(1 − .7 λ), λ uniform
    0.65
    """
    if coupling.apart == 0:
        lam, weight = coupling.nodes(cells)
        left = powers(1 - fraction * lam, others)[:, :, None]
        return Members(weight, lam, left, np.ones_like(left), lam)
    if coupling.apart < 1:
        return _mixed(coupling, others, fraction)
    return _apart(replace(coupling, steady=0.0, difficulty=None, dust=0.0, own=0.0), tuple(others.tolist()), fraction)  # type: ignore[type-var]


@lru_cache(maxsize=KEPT)  # the same where guesses, dust or frequencies differ
def _apart(coupling: Coupling, others: tuple[float, ...], fraction: float) -> Members:
    found = _mixed(coupling, np.array(others), fraction)
    found.law.setflags(write=False)
    return found


def powers(base: Floats, exponent: Floats) -> Floats:
    """base^exponent, by exponent and base; kept, for the values of λ are the same for all laws.

    >>> powers(np.array([0.5, 1.0]), np.array([1.0, 2.0])).tolist()
    [[0.5, 1.0], [0.25, 1.0]]
    """
    return _powers(np.ascontiguousarray(base, float).tobytes(), np.ascontiguousarray(exponent, float).tobytes())


@lru_cache(maxsize=32)
def _powers(base: bytes, exponent: bytes) -> Floats:
    found = np.asarray(np.frombuffer(base) ** np.frombuffer(exponent)[:, None])
    found.setflags(write=False)
    return found


def _mixed(coupling: Coupling, others: Floats, fraction: float) -> Members:
    lam, weight = coupling.nodes(PAIRS)
    transform = _transforms(tuple(lam.tolist()), fraction)
    mean = float(weight @ lam)
    fresh = weight @ transform
    if coupling.apart == 1:
        each, own, share, means = fresh[None], weight[None], np.ones(1), np.array([mean])
    else:
        some = weight > NOTHING
        each = (1 - coupling.apart) * transform[some] + coupling.apart * fresh
        own = (1 - coupling.apart) * np.eye(len(lam))[some] + coupling.apart * weight
        share, means = weight[some], (1 - coupling.apart) * lam[some] + coupling.apart * mean
    law = np.fft.irfft(np.exp(others[:, None, None] * np.log(each)), n=POINTS, axis=2)[:, :, :SHOWN]
    law *= np.exp(FALL / POINTS * np.arange(SHOWN))
    return Members(share, means, np.exp(-STEP * np.arange(SHOWN)), np.maximum(law, 0.0), lam, own)


@lru_cache(maxsize=8)
def _transforms(strength: tuple[float, ...], fraction: float) -> Floats:
    """Of the law of −log(1 − rλ), by λ: between two points of the grid, so that 1 − rλ is kept."""
    lam = np.array(strength)
    one = np.zeros((len(lam), POINTS))
    with np.errstate(divide="ignore"):
        place = np.minimum(-np.log1p(-fraction * lam) / STEP, POINTS - 2.0)
    low = place.astype(np.int64)
    near, far = np.exp(-STEP * low), np.exp(-STEP * (low + 1))
    share = (near - np.exp(-STEP * place)) / (near - far)
    row = np.arange(len(lam))
    one[row, low] += 1 - share
    one[row, low + 1] += share
    return np.asarray(np.fft.rfft(one * np.exp(-FALL / POINTS * np.arange(POINTS)), axis=1))
