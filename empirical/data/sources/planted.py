"""Data drawn from a long-tailed prior, so that what must be memorized is known (Feldman, arXiv 1906.05271, section 2).

Subpopulation x has frequency p_x / Σ p with p_x drawn from the prior, a center on a sphere and a label of its own, uniform over
K. Centers are far apart against the noise, so a learner either has seen a subpopulation or guesses. A lookup table then has

    mem(c copies) = (1 − 1/K) C(n−c, m)/C(n−1, m)        subsets of fixed size m
    mem(c copies) = (1 − 1/K) (1 − p)^{c−1}              Bernoulli(p),

(theory, section 2), which ``memorization`` gives and ``Dataset.truth`` lists for r = .7.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from empirical.data.clusters import Gaussian
from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.options import refuse
from longtail.core import ArgumentError, Floats, Prior, whole


def load(source: str, options: dict[str, Any]) -> Dataset:
    """``prior`` (Zipf(alpha=1, size=n) unless told), ``n`` training examples (1000), as many test examples."""
    from longtail.priors import parse

    refuse(options, "prior", "n")
    n = whole("n", options.get("n", 1000), 10, 10**6)
    prior = options.get("prior", f"Zipf(alpha=1, size={n})")
    return planted(parse(prior) if isinstance(prior, str) else prior, n, n, seed=int(options.get("seed", 0)))


def planted(prior: Prior, n: int, n_test: int, n_classes: int = 10, seed: int = 0) -> Dataset:
    """A data set of ``n`` and ``n_test`` examples, with subpopulation, copies and memorization in ``truth``."""
    drawn = Gaussian(prior, n_classes).draw(n + n_test, seed)
    x, y, where, size = drawn.x, drawn.y, drawn.cluster, prior.size
    copies = np.bincount(where[:n], minlength=size)[where[:n]]
    truth = pd.DataFrame(
        {
            "index": np.arange(n),
            "subpopulation": where[:n],
            "copies": copies,
            "memorization": memorization(copies, n, n_classes, m=round(0.7 * n)),
        }
    )
    data = Data(x[:n], y[:n], x[n:], y[n:], tuple(range(n_classes)))
    once = int((copies == 1).sum())
    note = f"{len(np.unique(where[:n]))} of {size} subpopulations of {prior!r} are seen, {once} of them once"
    return Dataset("planted", data, notes=(note,), truth=truth)


def memorization(
    copies: NDArray[Any], n: int, n_classes: int, *, m: int | None = None, p: float | None = None
) -> Floats:
    """What a lookup table memorizes of an example with so many copies in all, by subsets of size m or with chance p."""
    c = np.asarray(copies, float)
    if (m is None) == (p is None):
        raise ArgumentError("design", f"m={m}, p={p}", "give one of m (fixed size) and p (Bernoulli)")
    if p is not None:
        return np.asarray((1 - 1 / n_classes) * (1 - p) ** (c - 1), float)
    size = whole("m", m, 1, n - 1)

    def ways(top: Any) -> Floats:
        return np.asarray(gammaln(top + 1) - gammaln(top - size + 1), float)

    with np.errstate(invalid="ignore"):
        share = np.where(n - c >= size, np.exp(ways(np.maximum(n - c, size)) - ways(n - 1.0)), 0)
    return np.asarray((1 - 1 / n_classes) * share, float)
