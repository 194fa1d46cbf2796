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

from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.options import refuse
from longtail import philox
from longtail.core import ArgumentError, Floats, Prior, whole

DIMENSIONS = 32
NOISE = 0.02  # of a coordinate; centers are √2 apart


def load(source: str, options: dict[str, Any]) -> Dataset:
    """``prior`` (Zipf(alpha=1, size=n) unless told), ``n`` training examples (1000), as many test examples."""
    from longtail.priors import parse

    refuse(options, "prior", "n")
    n = whole("n", options.get("n", 1000), 10, 10**6)
    prior = options.get("prior", f"Zipf(alpha=1, size={n})")
    return planted(parse(prior) if isinstance(prior, str) else prior, n, n, seed=int(options.get("seed", 0)))


def planted(prior: Prior, n: int, n_test: int, n_classes: int = 10, seed: int = 0) -> Dataset:
    """A data set of ``n`` and ``n_test`` examples, with subpopulation, copies and memorization in ``truth``."""
    if not isinstance(prior, Prior):
        raise ArgumentError("prior", prior, "give a longtail prior, for example Zipf(alpha=1, size=1000)")
    whole("n_classes", n_classes, 2)
    size = whole("prior size", prior.size, 1, 10**7)

    def uniforms(stream: int, part: int, count: int, trial: Any = 0) -> Floats:
        return philox.uniforms(seed, philox.substream(stream, part), trial, 0, count)

    entries = prior.entries()
    frequency = entries[(uniforms(philox.FREQUENCIES, 1, size) * size).astype(np.int64)]
    cumulative = np.cumsum(frequency)
    drawn = np.searchsorted(cumulative, uniforms(philox.SAMPLE, 1, n + n_test) * cumulative[-1], side="right")
    where = np.minimum(drawn, size - 1)
    label = (uniforms(philox.LABELS, 1, size) * n_classes).astype(np.int64)
    used, which = np.unique(where, return_inverse=True)
    keys = uniforms(philox.LEARNER, 1, 2 * DIMENSIONS, used).reshape(-1, DIMENSIONS, 2)
    centers = normal(keys[..., 0], keys[..., 1])
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    noise = uniforms(philox.NOISE, 1, 2 * (n + n_test) * DIMENSIONS).reshape(n + n_test, DIMENSIONS, 2)
    x = (centers[which] + NOISE * normal(noise[..., 0], noise[..., 1])).astype(np.float32)
    y = label[where]
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


def normal(u: Floats, v: Floats) -> Floats:
    """Standard normals of two uniforms (Box & Muller 1958)."""
    return np.asarray(np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v), float)


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
