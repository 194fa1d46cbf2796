"""Counts as data: frequencies of frequencies, the bins that a fit sees them by, and Pearson's test over those.

Counts up to ten are bins of their own; beyond, each is a fifth wider than the last; the thirty largest share one. There a list
is a handful of atoms (1, ½, ⅓, ... for Zipf), and the place of a count would measure which atom it is, of which real frequencies
know nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Number

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from longtail.core import ArgumentError, Floats, Prior
from longtail.core.shown import many
from longtail.counts.law import log_law, survival

EXPECTED = 5.0  # in a bin of the goodness of fit, at least
SINGLE, WIDER = 10, 1.2  # counts up to here have a bin each; beyond, neighboring edges have this ratio
HEAD = 30  # of the largest counts that share a bin


@dataclass(frozen=True)
class Counts:
    """Frequencies of frequencies: ``number`` subpopulations were seen ``times`` times, times ascending from 1.

    >>> counts = Counts.of([3, 1, 1, 1, 0])
    >>> counts.n, counts.seen, counts.at([1, 2, 3]).tolist()
    (6, 4, [3.0, 0.0, 1.0])
    """

    times: Floats
    number: Floats

    @classmethod
    def of(cls, counts: ArrayLike) -> Counts:
        """From one count a subpopulation, in a row or a column; zeros, the unseen, are left out."""
        try:
            given = np.asarray(counts)
        except (TypeError, ValueError) as error:
            raise ArgumentError("counts", type(counts).__name__, "give an array of counts") from error
        if given.ndim == 0:
            raise ArgumentError("counts", type(counts).__name__, "give an array of counts")
        if given.ndim == 2 and 1 in given.shape:
            given = given.reshape(-1)
        if given.ndim != 1 or not (given.dtype.kind in "iuf" or (given.dtype.kind == "O" and all(map(_real, given)))):
            got = f"an array of {given.dtype}, of shape {given.shape}"
            raise ArgumentError("counts", got, "give one number a subpopulation, in one row")
        c = given.astype(float)
        if (~np.isfinite(c) | (c < 0) | (c != np.floor(c))).any():
            bad = c[~np.isfinite(c) | (c < 0) | (c != np.floor(c))][0]
            raise ArgumentError("counts", f"{bad:g}", "give whole numbers: how often each was seen")
        times, number = np.unique(c[c > 0], return_counts=True)
        if number.sum() < 2:
            raise ArgumentError("counts", many(int(number.sum()), "count"), "give at least two that are not zero")
        return cls(times, number.astype(float))

    @property
    def n(self) -> int:
        """How many samples."""
        return int(self.times @ self.number)

    @property
    def seen(self) -> int:
        """How many subpopulations."""
        return int(self.number.sum())

    def at(self, times: ArrayLike) -> Floats:
        """f_c for given c, 0 where none."""
        c = np.asarray(times, float)
        where = np.minimum(np.searchsorted(self.times, c), len(self.times) - 1)
        return np.where(self.times[where] == c, self.number[where], 0.0)


def _real(value: object) -> bool:
    """Whether an array's object is a number of those that can count: words and truths NumPy would make some of."""
    return isinstance(value, Number) and not isinstance(value, bool | complex | np.complexfloating)


@dataclass(frozen=True)
class Goodness:
    """Pearson's statistic over ``bins``, its degrees of freedom and the chance of a worse one under the fitted prior.

    >>> Goodness(statistic=7.0, freedom=5, p_value=0.22).p_value
    0.22
    """

    statistic: float
    freedom: int
    p_value: float


@dataclass(frozen=True)
class Bins:
    """How many subpopulations have a count in [edge_b, edge_{b+1}), the last bin open.

    >>> bins = Bins.of(Counts.of([1] * 500 + [2] * 100 + [3] * 40 + [30] * 60))
    >>> bins.number[:3].tolist(), float(bins.number.sum())
    ([500.0, 100.0, 40.0], 700.0)
    """

    edge: Floats
    number: Floats

    @classmethod
    def of(cls, counts: Counts) -> Bins:
        """The bins described above."""
        beyond = np.cumsum(counts.number[::-1])[::-1]
        last = counts.times[np.flatnonzero(beyond >= min(HEAD, counts.seen / 4))[-1]]
        edges = [1.0]
        while edges[-1] < last:
            edges.append(edges[-1] + 1 if edges[-1] <= SINGLE else float(np.ceil(edges[-1] * WIDER)))
        edge = np.array(edges)
        where = np.searchsorted(edge, counts.times, side="right") - 1
        number = np.bincount(where, weights=counts.number, minlength=len(edge))
        return cls(edge, np.asarray(number, float))

    def probability(self, prior: Prior, log_scale: float) -> tuple[float, Floats]:
        """log P(0; s), and P of each bin."""
        single = self.edge[self.edge <= SINGLE]
        law = log_law(prior, log_scale, np.append(0.0, single))
        bins = np.exp(law[1:])
        if len(single) < len(self.edge):
            above = survival(prior, log_scale, self.edge[len(single) :])
            bins = np.concatenate([bins, -np.diff(above, append=0.0)])
        else:
            bins[-1] = -np.expm1(np.logaddexp.reduce(law[:-1]))
        return float(law[0]), np.maximum(bins, 1e-300)

    def log_likelihood(self, prior: Prior, log_scale: float) -> float:
        """log L, −inf where the prior has fewer subpopulations than were seen."""
        seen = self.number.sum()
        unseen = prior.size - seen
        if unseen < 0:
            return -np.inf
        log_none, bins = self.probability(prior, log_scale)
        ways = special.gammaln(prior.size + 1.0) - special.gammaln(unseen + 1.0)
        constant = special.gammaln(self.number + 1).sum()
        return float(ways - constant + unseen * log_none + self.number @ np.log(bins))

    def goodness(self, prior: Prior, log_scale: float, fitted: int) -> Goodness:
        """Pearson's test: Σ (f − N P)²/(N P), neighbors joined where a bin expects fewer than five."""
        expected, observed = prior.size * self.probability(prior, log_scale)[1], self.number
        joined = []
        e = o = 0.0
        for more, found in zip(expected[::-1], observed[::-1], strict=True):
            e, o = e + more, o + found
            if e >= EXPECTED:
                joined.append((e, o))
                e = o = 0.0
        if joined and e > 0:
            joined[-1] = (joined[-1][0] + e, joined[-1][1] + o)
        statistic = sum((o - e) ** 2 / e for e, o in joined)
        freedom = len(joined) - fitted
        return Goodness(statistic, freedom, float(stats.chi2.sf(statistic, freedom)) if freedom > 0 else np.nan)
