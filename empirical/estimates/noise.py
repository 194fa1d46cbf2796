"""The noise of the subset estimator: how far its estimates lie from what they are estimates of.

An example that h of the t models held out, each right on it with chance 1 − mem, has the estimate X/h,

    X ~ Binomial(h, mem),     h ~ Binomial(t, 1 − r),

for models are right on what they trained on. An influence is estimated by the difference of two shares, of rt models and of
(1 − r)t: it is off by a nearly normal amount of variance q_in(1 − q_in)/(rt) + q_out(1 − q_out)/((1 − r)t), and so is that of
a pair without any (Feldman & Zhang, arXiv 2008.03703, Lemma 2.1, which bounds it).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from longtail.core import ArgumentError, Floats, real, whole
from longtail.experiment.noise import FRACTION, Noise, checked

MANY = 10**6  # models, from which on estimates have no noise to speak of, nor steps
TINY = 1e-14  # a chance, or a deviation, that makes no difference
TIE = 1e-9  # estimates are fractions, and where one is a threshold, rounding shall not say on which side it lies
SURE = 1e-12  # chance of an estimate as large as the lowest threshold, below which it is 0 for sure


@dataclass(frozen=True)
class SubsetNoise(Noise):
    """That of ``models`` independent models, each trained on a share ``fraction`` of the examples.

    >>> noise = SubsetNoise(models=2000, fraction=0.7)
    >>> round(noise.held_out, 9), noise.above(np.array([0.25]), np.array([0.1, 0.3])).round(3).tolist()
    (600.0, [[0.0, 0.997]])
    """

    models: int
    fraction: float = FRACTION

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", whole("models", self.models, 2))
        if checked(self.fraction) == 1:
            raise ArgumentError("fraction", self.fraction, "no model would hold an example out; give less than 1")

    @property
    def held_out(self) -> float:
        """How often an example is held out, in the mean."""
        return (1 - self.fraction) * self.models

    @property
    def sharpness(self) -> float:
        return float(np.sqrt(self.held_out))

    def above(self, theta: Floats, memorized: Floats) -> Floats:
        at_least = np.asarray(theta, float)
        some = memorized > SURE * at_least[at_least > 0].min(initial=1.0)  # others have no more chance (Markov)
        over = np.tile(np.where(at_least <= 0, 1.0, 0.0)[:, None], len(memorized))
        step = steps(tuple(at_least), self.models, self.fraction)
        over[:, some] = above(at_least, memorized[some], self.held_out, step)
        return over

    def influence_above(self, theta: float, wrong_in: Floats, wrong_out: Floats) -> Floats:
        a, b = np.clip(wrong_in, 0.0, 1.0), np.clip(wrong_out, 0.0, 1.0)
        deviation = np.sqrt((a * (1 - a) / self.fraction + b * (1 - b) / (1 - self.fraction)) / self.models)
        return np.asarray(special.ndtr((b - a - theta) / np.maximum(deviation, TINY)))

    def draw(self, memorized: Floats, rng: np.random.Generator) -> Floats:
        size, t = len(memorized), self.models
        held_out = rng.binomial(t, 1 - self.fraction, size=size) if t < MANY else np.full(size, t)
        held_out = np.maximum(held_out, 1)
        return np.asarray(rng.binomial(held_out, memorized) / held_out)


def above(theta: Floats, memorized: Floats, held_out: float, step: ArrayLike = 0.5) -> Floats:
    """Pr[X/h ≥ θ] by (θ, true memorization).

    h differs a little between examples, so the binomial's steps are evened out: its distribution function at real arguments,
    an incomplete beta function. ``step``, one for all or one a threshold, is how far beyond hθ the next whole number lies, in
    the mean.

    >>> above(np.array([0.25]), np.array([0.2, 0.25, 0.3]), held_out=600.0).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    t = np.asarray(theta, float)[:, None]
    beyond = np.reshape(step, (-1, 1))
    h = real("models", held_out, 1.0)
    inside = (t > 0) & (t <= 1)
    x = np.where(inside, t, 0.5)
    chance = special.betainc(h * x + beyond - 1e-9, h * (1 - x) + 1 - beyond, np.asarray(memorized, float)[None, :])
    return np.asarray(np.where(inside, chance, np.where(t <= 0, 1.0, 0.0)))


@lru_cache(maxsize=64)
def steps(theta: tuple[float, ...], models: int, fraction: float) -> Floats:
    """E⌈hθ⌉ − hθ over how often an example is held out: ½ but where hθ is often whole, as it is at ½ for every other h.

    >>> steps((0.5, 0.123), 1000, 0.7).round(1).tolist()
    [0.2, 0.5]
    """
    if models >= MANY:
        return np.full(len(theta), 0.5)
    h = np.arange(1.0, models + 1)
    chance = stats.binom.pmf(h, models, 1 - fraction)
    h, chance = h[chance > TINY], chance[chance > TINY]
    exact = np.multiply.outer(np.array(theta), h)
    return np.asarray((np.ceil(exact - TIE) - exact) @ chance / chance.sum())
