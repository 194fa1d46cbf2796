"""What counts alone say about frequencies and about what is unseen, with no prior: Good (1953), Turing's idea.

With f_ℓ subpopulations seen ℓ times in n samples,

    τ_ℓ ≈ (ℓ + 1) f_{ℓ+1} / (n f_ℓ)        the expected frequency of what was seen ℓ times,
    M ≈ f_1 / n                            the unseen mass,
    U(t) ≈ −Σ_k (−t)^k f_k                 new subpopulations among the next t·n samples (Good & Toulmin 1956),
    M(t) ≈ Σ_k (−t)^{k−1} k f_k / n        the unseen mass after them: U'(t)/n.

From t = 1 on the sums explode; beyond ½ each term is weighted by Pr[Poisson(r) ≥ k], r = log(n (t + 1)²/(t − 1)) / 2t
(Orlitsky, Suresh & Wu 2016; t − 1 no less than .1). Variances are those of independent Poisson f_k, which bounds the
multinomial's from above; what the smoothing leaves out is bias, and no error bar shows it. Beside them, the same numbers of a
prior fitted to the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from longtail.core import ArgumentError, Estimate, Floats, real, whole
from longtail.counts.fit import Counts, Fit
from longtail.counts.law import log_law

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fitted_prospects", "fitted_tau", "outlook", "prospects", "table", "tau", "unseen_mass"]

FARTHEST = 100.0
SMOOTH = 0.5


def tau(counts: ArrayLike | Counts, ell: ArrayLike = 1) -> Estimate:
    """(ℓ + 1) f_{ℓ+1} / (n f_ℓ), its error by the delta method; NaN where nothing was seen ℓ times.

    >>> tau(np.repeat([1, 2], [60, 20]), 1).value  # 2 · 20 / (100 · 60)
    0.006666666666666667
    """
    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    times = np.asarray(ell, float)
    if (times < 1).any():
        raise ArgumentError(
            "ell", ell, "give 1 or more; of what was never seen only the mass can be known: unseen_mass"
        )
    below, above = given.at(times), given.at(times + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(below > 0, (times + 1) * above / (given.n * below), np.nan)
        error = value * np.sqrt(1 / above + 1 / below)
        alone = (times + 1) / (given.n * below)  # where nothing was seen ℓ + 1 times: as if one had been
    error = np.where((below > 0) & (above == 0), alone, error)
    if np.ndim(ell) == 0:
        return Estimate(float(value), float(error))
    return Estimate(value, error)


def unseen_mass(counts: ArrayLike | Counts) -> Estimate:
    """f_1/n, with Robbins' variance (f_1 + 2 f_2)/n² less f_1²/n³ (Esty 1983).

    >>> found = unseen_mass([1, 1, 1, 2, 5])  # three of ten samples are alone
    >>> round(found.value, 3)
    0.3
    """
    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    once, twice = (float(given.at(k)) for k in (1.0, 2.0))
    n = given.n
    return Estimate(once / n, float(np.sqrt(max(once + 2 * twice - once**2 / n, 0.0)) / n))


def prospects(
    counts: ArrayLike | Counts, times: ArrayLike = (0.0, 0.25, 0.5, 1.0, 2.0), n_classes: int = 10
) -> pd.DataFrame:
    """What the next t·n samples would buy: new subpopulations, unseen mass, error of the optimal learner, with errors.

    >>> prospects([1] * 30 + [2] * 10 + [7] * 4, times=[0.5])["new_subpopulations"].round(1).tolist()
    [12.5]
    """
    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    guess = 1 - 1 / whole("n_classes", n_classes, 2)
    rows = []
    for t in _times(times):
        new, mass = _terms(given, t)
        found = float(new @ given.number)
        left = unseen_mass(given) if t == 0 else _sum(mass, given.number)
        bought = _sum(np.where(given.times == 1, 1 / given.n, 0.0) - mass, given.number)
        rows.append(_row(given, t, Estimate(found, _sum(new, given.number).stderr), left, bought, guess))
    return _frame(rows)


def fitted_tau(found: Fit, ell: ArrayLike = 1) -> Floats:
    """(ℓ + 1) P(ℓ + 1; s) / (n P(ℓ; s)): the same expectation under the fitted prior.

    >>> from longtail.counts.fit import fit
    >>> counts = [1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4
    >>> fitted_tau(fit(counts, "Uniform"), ell=[1, 2]).shape
    (2,)
    """
    times = np.asarray(ell, float)
    every = np.arange(times.max() + 2)
    law = log_law(found.prior, found.log_scale, every)
    at = times.astype(int)
    return np.asarray((times + 1) * np.exp(law[at + 1] - law[at]) / found.n)


def fitted_prospects(found: Fit, times: ArrayLike = (0.0, 0.25, 0.5, 1.0, 2.0), n_classes: int = 10) -> pd.DataFrame:
    """``prospects`` under the fitted prior: after t·n more samples the scale is (1 + t) s, the unseen mass N P(1)/((1 + t) n).

    >>> from longtail.counts.fit import fit
    >>> counts = [1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4
    >>> len(fitted_prospects(fit(counts, "Uniform"), times=[0.0, 1.0]))
    2
    """
    guess = 1 - 1 / whole("n_classes", n_classes, 2)
    now = log_law(found.prior, found.log_scale, np.array([0.0, 1.0]))
    size = found.prior.size
    rows = []
    for t in _times(times):
        then = log_law(found.prior, found.log_scale + np.log1p(t), np.array([0.0, 1.0]))
        new = Estimate(float(size * (np.exp(now[0]) - np.exp(then[0]))))
        left = Estimate(float(size * np.exp(then[1]) / (found.n * (1 + t))))
        bought = Estimate(float(size * np.exp(now[1]) / found.n) - left.value)
        rows.append(_row(found, t, new, left, bought, guess))
    return _frame(rows)


def table(counts: ArrayLike | Counts, found: Fit, ell: ArrayLike = range(1, 11)) -> pd.DataFrame:
    """n τ_ℓ from the counts, with errors, beside the fitted prior's.

    >>> from longtail.counts.fit import fit
    >>> counts = [1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4
    >>> found = table(counts, fit(counts, "Uniform"), ell=[1, 2])
    >>> list(found.columns)
    ['ell', 'subpopulations', 'n_tau', 'stderr', 'n_tau_fitted']
    """
    import pandas as pd

    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    times = np.asarray(list(ell) if isinstance(ell, range) else ell, int)
    estimate = tau(given, times)
    return pd.DataFrame(
        {
            "ell": times,
            "subpopulations": given.at(times).astype(int),
            "n_tau": given.n * estimate.value,
            "stderr": given.n * estimate.stderr,
            "n_tau_fitted": given.n * fitted_tau(found, times),
        }
    )


def outlook(
    counts: ArrayLike | Counts, found: Fit, times: ArrayLike = (0.0, 0.25, 0.5, 1.0, 2.0), n_classes: int = 10
) -> pd.DataFrame:
    """``prospects`` from the counts, with errors, beside the fitted prior's (``_fitted``).

    >>> from longtail.counts.fit import fit
    >>> counts = [1] * 60 + [2] * 20 + [3] * 9 + [5] * 7 + [12] * 4
    >>> outlook(counts, fit(counts, "Uniform"), times=[0.5])["new_subpopulations"].round(1).tolist()
    [26.3]
    """
    seen, fitted = prospects(counts, times, n_classes), fitted_prospects(found, times, n_classes)
    beside = fitted[["new_subpopulations", "unseen_mass", "error_bought"]].add_suffix("_fitted")
    return seen.join(beside)


def _times(times: ArrayLike) -> list[float]:
    return [real("times", t, 0.0, FARTHEST) for t in np.atleast_1d(np.asarray(times, float))]


def _terms(counts: Counts, t: float) -> tuple[Floats, Floats]:
    """The weights of the f_k in U(t) and in M(t)."""
    k = counts.times
    if t == 0:
        return np.zeros(len(k)), np.where(k == 1, 1 / counts.n, 0.0)
    log_weight = np.zeros(len(k))
    if t > SMOOTH:
        rate = np.log(counts.n * (t + 1) ** 2 / max(t - 1, 0.1)) / (2 * t)
        log_weight = stats.poisson.logsf(k - 1, rate)
    sign = np.where(k % 2 == 1, 1.0, -1.0)
    new = sign * np.exp(np.maximum(k * np.log(t) + log_weight, -700.0))
    return new, new * k / (t * counts.n)


def _sum(weight: Floats, number: Floats) -> Estimate:
    return Estimate(float(weight @ number), float(np.sqrt(weight**2 @ number)))


def _row(
    source: Counts | Fit, t: float, new: Estimate, left: Estimate, bought: Estimate, guess: float
) -> dict[str, float]:
    return {
        "times": t,
        "samples": round(t * source.n),
        "new_subpopulations": new.value,
        "new_stderr": float(new.stderr),
        "unseen_mass": left.value,
        "unseen_stderr": float(left.stderr),
        "error_bought": guess * bought.value,
        "error_bought_stderr": guess * float(bought.stderr),
    }


def _frame(rows: list[dict[str, float]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
