"""Feldman's long-tail model, exactly ("Does Learning Require Memorization?", arXiv 1906.05271, section 2).

    τ_ℓ = E_π̄[α^{ℓ+1}(1−α)^{n−ℓ}] / E_π̄[α^ℓ(1−α)^{n−ℓ}]:  the expected frequency of what was seen ℓ times,
    err(A) = opt + E Σ_{ℓ≥1} τ_ℓ errn_Z(A, ℓ):             what a learner pays for each point that it does not fit,

π̄ the law of one D(x). Every function takes a ``Problem`` and returns an ``Estimate`` whose ``stderr`` is 0 and whose
``error`` is never smaller than what the value is off by: discretization of the law of T, as far as the list's compression shows
in two rules, and rounding (``longtail.exact.spectrum`` says how it is made up). A value with fewer than eight digits is an
AccuracyError, never a number.
``longtail.montecarlo`` has the same functions by simulation, and shares nothing with these but ``longtail.core``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from longtail.core import Estimate, Floats, Problem
from longtail.exact.spectrum import Spectrum, digits, sightings, spectrum

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 4 * float(np.finfo(float).eps)


def tau(problem: Problem, ell: ArrayLike = 1) -> Estimate:
    """τ_ℓ = E[α^{ℓ+1}(1−α)^{n−ℓ}] / E[α^ℓ(1−α)^{n−ℓ}] (equation 1): the expected frequency of what was seen ℓ times.

    >>> from longtail import Gamma, Problem
    >>> round(tau(Problem(Gamma(shape=1, size=100), n=50), ell=2).value, 10)  # (a + ℓ)/(N a + n), in closed form
    0.02
    """
    s = spectrum(problem, sightings(problem, ell))
    digits(problem, s.ell, s.seen, s.seen_error, "the number of subpopulations")
    value, error = ratio(s)
    digits(problem, s.ell, value, error, "the expected frequency")
    return _estimate(ell, value, error)


def subpopulations(problem: Problem, ell: ArrayLike) -> Estimate:
    """E|X_{Z#ℓ}| = N C(n, ℓ) E[α^ℓ(1−α)^{n−ℓ}]: how many subpopulations are seen exactly ℓ times.

    >>> from longtail import Problem, Uniform
    >>> round(subpopulations(Problem(Uniform(size=2), n=3), ell=3).value, 12)  # all three of one kind, in one data set of four
    0.25
    """
    s = spectrum(problem, sightings(problem, ell))
    digits(problem, s.ell, s.seen, s.seen_error, "the number of subpopulations")
    return _estimate(ell, s.seen, s.seen_error)


def samples(problem: Problem, ell: ArrayLike) -> Estimate:
    """ℓ E|X_{Z#ℓ}|: how many of the n samples are of subpopulations seen exactly ℓ times.

    >>> from longtail import Problem, Uniform
    >>> samples(Problem(Uniform(size=2), n=3), ell=[0, 1, 2, 3]).value.round(12).tolist()  # n in all
    [0.0, 0.75, 1.5, 0.75]
    """
    return _times(subpopulations(problem, ell), np.asarray(ell))


def singleton_fraction(problem: Problem) -> Estimate:
    """E|X_{Z#1}|/n: the share of the samples that are alone in their subpopulation.

    >>> from longtail import Problem, Zipf
    >>> round(singleton_fraction(Problem(Zipf(alpha=1, size=50_000), n=50_000)).value, 8)
    0.17105581
    """
    return _times(subpopulations(problem, 1), 1 / problem.n)


def unseen_mass(problem: Problem) -> Estimate:
    """N E[α(1−α)^n]: the probability that the next sample is of a subpopulation never seen.

    >>> from longtail import Problem, Zipf
    >>> found = unseen_mass(Problem(Zipf(alpha=2, size=10**12), n=10**6))
    >>> round(found.value, 11), found.bound < 1e-10
    (0.00083449692, True)
    """
    return _mass(problem, 0)


def optimal_error(problem: Problem) -> Estimate:
    """(1 − 1/K) N E[α(1−α)^n]: the least error, a guess on what was never seen (labels noiseless and uniform over K).

    >>> from longtail import Problem, Zipf
    >>> round(optimal_error(Problem(Zipf(alpha=1, size=50_000), n=50_000)).value, 6)
    0.153949
    """
    return _times(unseen_mass(problem), problem.guess)


def cost(problem: Problem, ell: ArrayLike = 1) -> Estimate:
    """(1 − 1/K) τ_ℓ E|X_{Z#ℓ}|: the error added by guessing on what was seen ℓ times instead of memorizing it.

    >>> from longtail import Problem, Zipf
    >>> problem = Problem(Zipf(alpha=1, size=50_000), n=50_000)
    >>> cost(problem, ell=[1, 2, 3]).value.round(5).tolist()  # what was seen once, twice, three times
    [0.07307, 0.03982, 0.02664]
    """
    return _times(_mass(problem, ell), problem.guess)


def table(problem: Problem, ell: ArrayLike = range(11)) -> pd.DataFrame:
    """Every quantity by ℓ, one row each; at ℓ = 0 ``mass`` is the unseen mass and ``cost`` the optimal error.

    >>> from longtail import Problem, Zipf
    >>> found = table(Problem(Zipf(alpha=1, size=50_000), n=50_000), ell=[0, 1])
    >>> found[["ell", "n_tau", "cost"]].round(4).values.tolist()
    [[0.0, 0.2299, 0.1539], [1.0, 0.4747, 0.0731]]
    """
    import pandas as pd

    s = spectrum(problem, sightings(problem, list(ell) if isinstance(ell, range) else ell))
    digits(problem, s.ell, s.seen, s.seen_error, "the number of subpopulations")
    digits(problem, s.ell, s.mass, s.mass_error, "the mass of the subpopulations")
    value, error = ratio(s)
    relative = np.divide(error, value, out=np.zeros(len(value)), where=s.mass > 0)
    return pd.DataFrame(
        {
            "ell": s.ell,
            "tau": value,
            "n_tau": problem.n * value,
            "subpopulations": s.seen,
            "samples": s.ell * s.seen,
            "sample_fraction": s.ell * s.seen / problem.n,
            "mass": s.mass,
            "cost": problem.guess * s.mass,
            "relative_error": relative,
        }
    )


def _mass(problem: Problem, ell: ArrayLike) -> Estimate:
    s: Spectrum = spectrum(problem, sightings(problem, ell))
    digits(problem, s.ell, s.mass, s.mass_error, "the mass of the subpopulations")
    return _estimate(ell, s.mass, s.mass_error)


def ratio(s: Spectrum) -> tuple[Floats, Floats]:
    """τ_ℓ and its bound, relative to which those of seen_ℓ and of mass_ℓ are smaller; NaN where τ_ℓ is not defined.

    >>> from longtail import Gamma
    >>> tau, bound = ratio(spectrum(Problem(Gamma(shape=1, size=100), n=50), np.array([1, 2])))
    >>> tau.round(10).tolist(), bool((bound < 1e-10).all())
    ([0.0133333333, 0.02], True)
    """
    with np.errstate(invalid="ignore"):  # 0/0 beyond n sightings
        value, off = s.mass / s.seen, s.seen_error / s.seen
        return value, value * (ROUNDING + off / (1 - off)) + s.mass_error / s.seen / (1 - off)


def _times(estimate: Estimate, factor: ArrayLike) -> Estimate:
    """An estimate times numbers that are not negative."""
    value = estimate.value * np.asarray(factor)
    bound = estimate.bound * np.asarray(factor) + ROUNDING * value
    return Estimate(float(value), bound=float(bound)) if np.ndim(value) == 0 else Estimate(value, bound=bound)


def _estimate(ell: ArrayLike, value: Floats, error: Floats) -> Estimate:
    """Numbers for a number, arrays for an array."""
    if np.ndim(ell) == 0:
        return Estimate(float(value[0]), bound=float(error[0]))
    return Estimate(value, bound=error)
