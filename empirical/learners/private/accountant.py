"""How private a mechanism is, by Google's accountant (``dp-accounting``, extra ``privacy``): never by arithmetic of our own.

Two data sets are neighbors if one has an example more. ε is that of privacy-loss distributions (Koskela, Jälkö & Honkela, AISTATS
2020; Doroshenko et al., PETS 2022), an upper bound that is off little by the step of its lattice of losses.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from scipy import optimize

from longtail.core import ArgumentError

NEAR = 1e-3  # relative, of a noise that is looked for
FINE, COARSE = 1e-4, 1e-3  # of the lattice of losses: for an answer, and in the search for a noise
LARGEST, TINY = 1e6, 1e-12  # noise multiplier; ε


@dataclass(frozen=True)
class Privacy:
    """What a run keeps of a private learner: (ε, δ), how far one example can move what noise is added to, and that noise.

    ``clip`` is the bound on a gradient's norm, or the sensitivity of the minimizer; ``noise`` the standard deviation over it
    (of pure ε-privacy, 1/ε: the noise is not normal). ``chance`` of an example in a batch, and ``steps``, are 1 without batches.

    >>> Privacy("output perturbation", epsilon=2.0, delta=0.0, clip=0.1, noise=0.5).record()["epsilon"]
    2.0
    """

    mechanism: str
    epsilon: float
    delta: float
    clip: float
    noise: float
    chance: float = 1.0
    steps: int = 1

    def record(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)


def _library() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it depends on
            from dp_accounting import dp_event
            from dp_accounting.pld import PLDAccountant
    except ImportError as error:
        remedy = "its ε is counted by dp-accounting: pip install 'longtail[privacy]'"
        raise ArgumentError("epsilon", "no accountant", remedy) from error
    return dp_event, PLDAccountant


@lru_cache(maxsize=512)
def epsilon(noise: float, delta: float, chance: float = 1.0, steps: int = 1, step: float = FINE) -> float:
    """ε at ``delta`` of ``steps`` Gaussian mechanisms of that noise, each of a Poisson sample."""
    if noise == 0:
        return math.inf
    event, accountant = _library()
    once = event.GaussianDpEvent(noise)
    sampled = event.PoissonSampledDpEvent(chance, once) if chance < 1 else once
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        composed = accountant(value_discretization_interval=step).compose(event.SelfComposedDpEvent(sampled, steps))
        return float(composed.get_epsilon(delta))


@lru_cache(maxsize=512)
def noise(wanted: float, delta: float, chance: float = 1.0, steps: int = 1) -> float:
    """The least noise, to a thousandth above, whose ε is at most ``wanted``: log ε is nearly straight in log noise."""

    def excess(log: float) -> float:
        return math.log(max(epsilon(math.exp(log), delta, chance, steps, COARSE), TINY) / wanted)

    low, high = -0.5, 0.0
    while excess(high) > 0:
        low, high = high, high + 1
        if high > math.log(LARGEST):
            raise ArgumentError(
                "epsilon", wanted, f"no noise up to {LARGEST:g} reaches it at delta {delta:g}; give more"
            )
    while excess(low) <= 0:
        low, high = low - 0.5, low
    found = float(optimize.brentq(excess, low, high, xtol=NEAR / 4))
    while excess(found) > 0:
        found += NEAR / 4
    return math.exp(found)
