"""The prior in words: how frequent subpopulations are."""

from __future__ import annotations

from empirical.report.numbers import brief, digits
from longtail.core import Prior
from longtail.core.shown import many
from longtail.priors import Gamma, Geometric, Listed, LogNormal, Pareto, TwoLevel, Uniform, Zipf

PARAMETERS = {
    "alpha": "exponent",
    "ratio": "of one to the one before",
    "sigma": "standard deviation of the logarithm",
    "size": "subpopulations",
    "coupling": "probability to teach",
    "concentration": "evenness of that",
    "twins": "share of near-duplicates",
    "strangers": "share of strangers",
    "steady": "correlation of guesses",
    "difficulty": "chance to be wrong untaught",
    "dust": "share without their like",
    "apart": "share of teaching that is each pair's own",
}


def frequencies(prior: Prior) -> str:
    """The prior as a sentence has it; of a kind that is not known here, as code.

    >>> frequencies(Zipf(alpha=0.7623997, size=13353))
    '13,353 subpopulations, the k-th most frequent in proportion to k^−0.762 (Zipf)'
    >>> frequencies(TwoLevel(common=10, rare=1000, ratio=0.01))
    '10 frequent subpopulations and 1,000 others, 0.01 times as frequent'
    """
    match prior:
        case Zipf():
            law = "all equally frequent" if prior.alpha == 0 else _power(prior.alpha)
        case Uniform():
            law = "all equally frequent"
        case Geometric():
            law = f"each {digits(prior.ratio)} times as frequent as the one before (geometric)"
        case LogNormal():
            law = f"log-normal: the standard deviation of the frequency's logarithm is {digits(prior.sigma)}"
        case Pareto():
            law = f"a share s^−{digits(prior.shape)} of them more than s times as frequent as the least (Pareto)"
        case Gamma():
            law = f"their frequencies drawn from a Gamma law of shape {digits(prior.shape)}"
        case TwoLevel():
            times = f"{digits(prior.ratio)} times as frequent"
            return f"{prior.common:,} frequent subpopulations and {prior.rare:,} others, {times}"
        case Listed():
            law = f"as frequent as {'those of ' + prior.file if prior.file else 'counted'}"
        case _:
            return brief(prior)
    return f"{many(prior.size, 'subpopulation')}, {law}"


def _power(alpha: float) -> str:
    """In proportion to a power of the rank."""
    return f"the k-th most frequent in proportion to k^−{digits(alpha)} (Zipf)"
