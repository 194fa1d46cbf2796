"""Laws of scale: the error against the number of samples, and what it tends to under a Zipf list without end.

With D(k) = k^{−s}/Z, s > 1, a sum over k of f(nD(k)) is an integral over x = nD(k), dk = (1/s)(n/Z)^{1/s} x^{−1/s−1} dx. With
a = 1 − 1/s, in n samples, up to relative terms of order 1/n where nothing else is said,

    mass seen fewer than τ times        (1/s) Z^{−1/s} n^{−a} Σ_{ℓ<τ} Γ(ℓ + a)/ℓ!       (τ = 1, the unseen mass: Γ(a))
    its gain from one sample more       (1/s) Z^{−1/s} Γ(1 + a) n^{−(1+a)}              Σ_k D(k)² (1 − D(k))^n
    variance of the unseen mass         (1/s) Z^{−1/s} Γ(1 + a)(1 − 2^{−(1+a)}) n^{−(1+a)}     relative terms n^{−a}
    distinct subpopulations (Heaps)     Γ(a) (n/Z)^{1/s} − 1/2 + ...
    unseen mass, of m kept, one copy each      Γ(a)^s/(sZ) · m^{−(s−1)}

the last by putting n = Z (m/Γ(a))^s in the first: m^{−(s−1)} in what is kept is the same error as n^{−a} in what was drawn. The
exponent of the first is Hutter's (arXiv 2102.04074). The 1/2 is Euler and Maclaurin's: 1 − (1 − D(k))^n starts at 1, not at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from longtail.core import LARGEST, AccuracyError, ArgumentError, Floats, Problem, compressed, real, whole
from longtail.exact.functions import cost, optimal_error, unseen_mass
from longtail.exact.laws import mass_variance
from longtail.exact.spectrum import spectrum
from longtail.priors.zipf import Zipf

if TYPE_CHECKING:
    import pandas as pd

STEEP = 2**0.5  # local exponents are over this factor in n to either side
PER_DECADE = 8
MOST = LARGEST // 4


def error_against_samples(problem: Problem, points: int = 17, decades: float = 2.0) -> pd.DataFrame:
    """Optimal error, and error when singletons are guessed, for n up to ``decades`` powers of ten below and above.

    >>> from longtail import Problem, Zipf
    >>> found = error_against_samples(Problem(Zipf(alpha=1, size=1000), n=1000), points=3, decades=1)
    >>> found[["samples", "optimal_error"]].round(3).values.tolist()
    [[100.0, 0.458], [1000.0, 0.189], [10000.0, 0.015]]
    """
    import pandas as pd

    exponent = np.log10(problem.n) + np.linspace(-decades, decades, points)
    sizes = np.unique(np.clip(np.round(10**exponent), 1, LARGEST).astype(np.int64))
    rows = []
    for n in sizes:
        there = replace(problem, n=int(n))
        try:
            optimal, guessing = optimal_error(there).value, cost(there, 1).value
        except AccuracyError:  # far beyond where anything is left to see: a curve may end there
            continue
        rows.append(
            {
                "samples": int(n),
                "optimal_error": optimal,
                "cost": guessing,
                "error_guessing_singletons": optimal + guessing,
            }
        )
    return pd.DataFrame(rows, columns=["samples", "optimal_error", "cost", "error_guessing_singletons"])


@dataclass(frozen=True)
class ScaleLaw:
    """A quantity under a fixed Zipf list: exactly, and constant · along^exponent, ``along`` being n but where it is told.

    >>> from longtail import Zipf
    >>> law, problem = fewer_than(1), Problem(Zipf(alpha=2, size=10**9), n=10**4, mode="fixed")
    >>> round(law.exact(problem), 6), round(law.asymptote(problem), 6), law.exponent(2.0)
    (0.00691, 0.00691, -0.5)
    """

    name: str
    exact: Callable[[Problem], float]
    constant: Callable[[float, float], float]  # of s and Z
    exponent: Callable[[float], float]
    along: Callable[[Problem], float] = lambda problem: float(problem.n)

    def asymptote(self, problem: Problem) -> float:
        """What ``exact`` tends to."""
        s = _exponent(problem)
        return float(self.constant(s, _normalizer(problem)) * self.along(problem) ** self.exponent(s))

    def local_exponent(self, problem: Problem) -> float:
        """The exact quantity's own exponent, from n/√2 to √2 n."""
        low, high = (replace(problem, n=max(1, round(problem.n * f))) for f in (1 / STEEP, STEEP))
        return float(np.log(self.exact(high) / self.exact(low)) / np.log(self.along(high) / self.along(low)))

    def within(self, problem: Problem, tolerance: float = 0.01) -> int | None:
        """The n from which on the asymptote is within ``tolerance`` of the exact; None where not even at 2.5e11 samples."""
        real("tolerance", tolerance, 0.0, open_low=True)

        def off(n: int) -> bool:
            there = replace(problem, n=n)
            exact = self.exact(there)
            return not abs(self.asymptote(there) - exact) <= tolerance * exact

        grid = np.unique(
            np.round(np.logspace(0, np.log10(MOST), 1 + int(PER_DECADE * np.log10(MOST)))).astype(np.int64)
        )
        far = len(grid) - 1
        while far >= 0 and not off(int(grid[far])):
            far -= 1
        if far == len(grid) - 1:
            return None
        if far < 0:
            return 1
        low, high = int(grid[far]), int(grid[far + 1])
        while high - low > max(1, low // 1000):
            middle = (low + high) // 2
            low, high = (middle, high) if off(middle) else (low, middle)
        return high


def _exponent(problem: Problem) -> float:
    prior = problem.prior
    if not isinstance(prior, Zipf) or prior.alpha <= 1 or problem.mode != "fixed":
        raise ArgumentError("prior", prior, "laws of scale are of a Zipf list with alpha > 1, in mode='fixed'")
    return prior.alpha


def _normalizer(problem: Problem) -> float:
    nodes = compressed(problem.prior)
    return float(nodes.count @ np.exp(nodes.log_value))


def _frequencies(problem: Problem) -> tuple[Floats, Floats]:
    nodes = compressed(problem.prior)
    value = np.exp(nodes.log_value)
    return value / (nodes.count @ value), nodes.count


def distinct(problem: Problem) -> float:
    """E of how many subpopulations are seen at all, Σ_k 1 − (1 − D(k))^n, by itself: N − E|X_0| has few digits of it.

    >>> from longtail import Problem, Zipf
    >>> round(distinct(Problem(Zipf(alpha=2, size=10_000), n=1_000)), 6)
    43.147936
    """
    share, count = _frequencies(problem)
    with np.errstate(divide="ignore"):
        return float(-np.expm1(problem.n * np.log1p(-share)) @ count)


def _gain(problem: Problem) -> float:
    """M_n − M_{n+1} = Σ D² (1 − D)^n = E M_1/(n + 1) in n + 1 samples."""
    there = replace(problem, n=problem.n + 1)
    return float(spectrum(there, np.array([1])).mass[0]) / there.n


def fewer_than(sightings: int) -> ScaleLaw:
    """The mass of what is seen fewer than ``sightings`` times.

    >>> fewer_than(2).name
    'seen_fewer_than_2'
    """
    times = np.arange(whole("sightings", sightings, 1, 1000))

    def constant(s: float, z: float) -> float:
        a = 1 - 1 / s
        return float(z ** (-1 / s) / s * np.exp(special.gammaln(times + a) - special.gammaln(times + 1.0)).sum())

    name = "unseen_mass" if sightings == 1 else f"seen_fewer_than_{sightings}"
    return ScaleLaw(name, lambda p: float(spectrum(p, times).mass.sum()), constant, lambda s: -(1 - 1 / s))


LAWS = (
    fewer_than(1),
    fewer_than(3),
    ScaleLaw(
        "gain_of_one_sample",
        _gain,
        lambda s, z: float(z ** (-1 / s) / s * special.gamma(2 - 1 / s)),
        lambda s: -(2 - 1 / s),
    ),
    ScaleLaw(
        "variance_of_unseen_mass",
        lambda p: float(mass_variance(p, 0).value),
        lambda s, z: float(z ** (-1 / s) / s * special.gamma(2 - 1 / s) * (1 - 2 ** -(2 - 1 / s))),
        lambda s: -(2 - 1 / s),
    ),
    ScaleLaw(
        "distinct_subpopulations",
        distinct,
        lambda s, z: float(special.gamma(1 - 1 / s) * z ** (-1 / s)),
        lambda s: 1 / s,
    ),
    ScaleLaw(
        "unseen_mass_of_kept",
        lambda p: float(unseen_mass(p).value),
        lambda s, z: float(special.gamma(1 - 1 / s) ** s / (s * z)),
        lambda s: -(s - 1),
        distinct,
    ),
)


def asymptotes(problem: Problem, samples: ArrayLike) -> pd.DataFrame:
    """Each law of scale at each number of samples: exact, asymptote, their ratio, local exponent and its limit.

    >>> from longtail import Problem, Zipf
    >>> found = asymptotes(Problem(Zipf(alpha=2, size=10**9), n=10**4, mode="fixed"), [10**4])
    >>> found[["law", "ratio"]].round(2).values.tolist()[0]
    ['unseen_mass', 1.0]
    """
    import pandas as pd

    s = _exponent(problem)
    rows = []
    for law in LAWS:
        for n in np.atleast_1d(np.asarray(samples)):
            there = replace(problem, n=whole("samples", n.item(), 2, MOST))
            exact, asymptote = law.exact(there), law.asymptote(there)
            rows.append(
                {
                    "law": law.name,
                    "samples": there.n,
                    "exact": exact,
                    "asymptote": asymptote,
                    "ratio": asymptote / exact,
                    "exponent": law.local_exponent(there),
                    "limit_exponent": law.exponent(s),
                }
            )
    return pd.DataFrame(rows)
