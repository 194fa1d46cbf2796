"""The law of the unseen mass of two frequencies, which is one of atoms: sums of positive terms only.

Of N subpopulations a have frequency 1, the others r < 1: drawn, a is binomial, and of the list itself it is known. Of n samples
k fall among these a, binomial too, of θ = a/(a + (N − a) r). What k samples see of a equal ones knows nothing of the rest, so

    Pr[u and v are unseen] = Σ_k Bin(k; n, θ) S_a(a − u; k) S_{N−a}(N − a − v; n − k),    M_0 = (u + rv)/(a + (N − a) r),

S_a(d; k) the chance that k samples see d of a equal ones: S_a(d; k+1) = S_a(d; k) d/a + S_a(d − 1; k) (a − d + 1)/a. Counting
maps onto d of them, S_a(d; k) = d! {k over d} C(a, d)/a^k (Feller I, IV.2), so that of another size, b > a,

    S_a(d; k) = S_b(d; k) (b/a)^k Π_{i<d} (a − i)/(b − i),

and one table serves all a that are near enough for it not to underflow; where it does, another is laid. The bound is what all
chances lack of one, whatever was left out of them, and rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from longtail.core import Floats, Integers, Problem, compressed
from longtail.exact.mellin import EPS

FINER = 1.3  # refinement, at which a list that was thinned out has other nodes
TINY = 1e-250  # of a chance, that a table leaves out
ATOM = 1e-17  # the same of an atom
DRAWN = 1e-17  # of a number of draws, or of samples
LACKING = 1e-10  # that a table's chances may lack of one
AWAY = 10.0, 60.0  # standard deviations, and numbers besides: a binomial is farther from its mean once in e^{45}
SPREAD = 17.0  # standard deviations, all of them together, that atoms lie in
WORK = 6e9, 5e8  # multiplications, where a law may take seconds and where it may not
MOST = 1e7, 4e5  # atoms


@dataclass(frozen=True)
class _Seen:
    """S_size(d; k) by k from ``first`` on and d from ``low`` on."""

    size: int
    first: int
    low: int
    chance: Floats

    def of(self, size: int, k: Integers) -> tuple[Integers, Floats]:
        """d, and S by k and d of as many equal ones, at the most ``self.size``; without the d that neither end of k makes."""
        d = np.arange(self.low, min(self.low + self.chance.shape[1] - 1, size) + 1, dtype=np.int64)
        apart, row = self.size - size, k - self.first
        of_k, of_d = np.ones(len(k)), np.ones(len(d))
        if apart:
            less = np.append(0.0, np.cumsum(np.log1p(-apart / (self.size - np.arange(float(d[-1]))))))[d]
            half = less[len(d) // 2]
            of_k = np.exp(np.minimum(half - k * np.log1p(-apart / self.size), 700.0))
            of_d = np.exp(np.minimum(less - half, 700.0))
        ends = self.chance[row[[0, -1]], : len(d)] * of_k[[0, -1], None] * of_d
        made = np.flatnonzero(ends.max(0) > ATOM)
        kept = slice(int(made[0]), int(made[-1]) + 1) if len(made) else slice(0, 0)
        return d[kept], self.chance[row, kept] * of_k[:, None] * of_d[kept]


@lru_cache(maxsize=8)
def two_frequencies(problem: Problem, slowly: bool = True) -> tuple[Floats, Floats, float] | None:
    """Values of M_0 that ascend, their chances, and a bound on what a sum of these is off by; None where they are not these."""
    pair = _pair(problem)
    if pair is None:
        return None
    ratio, common, size = pair
    drawn = problem.mode == "random"
    many, chance = _binomial(size, common / size) if drawn else (np.array([common], np.int64), np.ones(1))
    many, chance = many[chance > DRAWN], chance[chance > DRAWN]
    if not _cheap(many, size, ratio, problem.n, slowly):
        return None
    sides = _Side(many, 0, size, ratio, problem.n), _Side(many, 1, size, ratio, problem.n)
    values, chances = [], []
    for a, likely in zip(many[::-1], chance[::-1], strict=True):
        total = float(a + (size - a) * ratio)
        k, hit = _binomial(problem.n, float(a) / total)
        seen = sides[0].seen(int(a), k, hit), sides[1].seen(int(size - a), problem.n - k, hit)
        (u, of_u), (v, of_v) = (
            (own - d[kept], s[:, kept])
            for own, (d, s) in zip((a, size - a), seen, strict=True)
            for kept in [hit @ s > ATOM]
        )
        joint = likely * ((of_u * hit[:, None]).T @ of_v)
        at = np.nonzero(joint > ATOM)
        values.append((u[at[0]] + ratio * v[at[1]]) / total)
        chances.append(joint[at])
    value, place = np.unique(np.concatenate(values), return_inverse=True)
    probability = np.asarray(np.bincount(place, np.concatenate(chances)), float)
    rounding = EPS * (8.0 * problem.n + 64 * np.sqrt(float(size)) + 256)
    return value, probability, float(abs(1 - probability.sum()) + rounding)


def _pair(problem: Problem) -> tuple[float, int, int] | None:
    """The smaller frequency in the larger, how many there are of that, and of both; None of a list of more than two."""
    prior = problem.prior
    if prior.is_law or prior.size >= 2**53:
        return None
    nodes, again = compressed(prior), compressed(prior, FINER)
    if len(nodes.count) != 2 or not np.array_equal(nodes.log_value, again.log_value):
        return None
    high = int(np.argmax(nodes.log_value))
    if not np.array_equal(nodes.count, np.round(nodes.count)) or nodes.count.sum() != prior.size:
        return None
    return float(np.exp(-np.ptp(nodes.log_value))), int(nodes.count[high]), int(prior.size)


def _binomial(n: int, chance: float) -> tuple[Integers, Floats]:
    """Numbers and their chances, by the ratios of neighbors from the likeliest on: a constant factor falls out."""
    if chance in (0.0, 1.0):
        return np.array([n * int(chance)], np.int64), np.ones(1)
    away = AWAY[0] * np.sqrt(n * chance * (1 - chance)) + AWAY[1]
    mode = min(int((n + 1) * chance), n)
    k = np.arange(max(0, mode - int(away)), min(n, mode + int(away)) + 1, dtype=np.int64)
    here, odds = mode - int(k[0]), chance / (1 - chance)
    ratio = (n - k[:-1]) / (k[:-1] + 1.0) * odds
    up, down = np.cumprod(ratio[here:]), np.cumprod(1 / ratio[:here][::-1])[::-1]
    out = np.concatenate([down, [1.0], up])
    out /= out.sum()
    return k[out > DRAWN], np.asarray(out[out > DRAWN])


def table(size: int, first: int, last: int) -> _Seen:
    """S_size(d; k) for k = ``first`` … ``last``, one sample after another.

    >>> table(2, 0, 3).chance.tolist()  # of two equal ones, none to three samples (rows) see none, one or both
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.25, 0.75]]
    """
    top = min(size, last)
    d = np.arange(top + 1.0)
    same, new = d / max(size, 1), (size - d[:-1]) / max(size, 1)
    row = np.zeros(top + 1)
    row[0] = 1.0
    low = high = 0
    kept = [(0, row[:1].copy())] if first == 0 else []
    for k in range(1, last + 1):
        end = min(high + 1, top)
        gained = row[low:end] * new[low:end]
        row[low : end + 1] *= same[low : end + 1]
        row[low + 1 : end + 1] += gained
        high = end
        while low < high and row[low] < TINY:
            row[low], low = 0.0, low + 1
        while high > low and row[high] < TINY:
            row[high], high = 0.0, high - 1
        if k >= first:
            kept.append((low, row[low : high + 1].copy()))
    low = min(start for start, _ in kept)
    chance = np.zeros((len(kept), max(start + len(part) for start, part in kept) - low))
    for at, (start, part) in enumerate(kept):
        chance[at, start - low : start - low + len(part)] = part
    return _Seen(size, first, low, chance)


class _Side:
    """What is seen of those of one frequency, by tables that are laid as they are needed."""

    def __init__(self, many: Integers, side: int, size: int, ratio: float, n: int) -> None:
        ends = [_binomial(n, a / (a + (size - a) * ratio))[0] for a in (int(many[0]), int(many[-1]))]
        low, high = int(min(k[0] for k in ends)), int(max(k[-1] for k in ends))
        self.first, self.last = (low, high) if side == 0 else (n - high, n - low)
        self.most = int(many[-1]) if side == 0 else size - int(many[0])
        self.ahead = 0 if side == 0 else int(many[-1] - many[0])  # numbers of draws fall: these here grow
        self.laid = table(self.most, self.first, self.last)

    def seen(self, size: int, k: Integers, hit: Floats) -> tuple[Integers, Floats]:
        """d, and S_size(d; k) by k, whose chances are ``hit``, and d."""
        while True:
            if size <= self.laid.size and min(size, int(k.max())) >= self.laid.low and (size or not self.laid.size):
                d, rows = self.laid.of(size, k)
                if size == self.laid.size or abs(1 - float((hit @ rows).sum())) <= LACKING:
                    return d, rows
                self.ahead //= 2
            self.laid = table(min(self.most, size + (self.ahead if size else 0)), self.first, self.last)


def _cheap(many: Integers, size: int, ratio: float, n: int, slowly: bool) -> bool:
    """Whether atoms, and what they take, are few enough: by how far numbers of unseen spread at the middle number of draws."""
    a = float(many[len(many) // 2])
    theta = a / (a + (size - a) * ratio)
    spread, tables = 1.0, 0.0
    for own, count in ((a, n * theta), (size - a, n * (1 - theta))):
        left = np.exp(-count / max(own, 1.0))
        spread *= min(own + 1, count + 1, SPREAD * np.sqrt(own * left * (1 - left)) + 4)
        tables += n * min(own, count, 70 * np.sqrt(min(own, count)) + 30)
    hits = min(n + 1.0, SPREAD * np.sqrt(n * theta * (1 - theta)) + 10)
    atoms = spread * len(many) / 2
    return bool(atoms <= MOST[not slowly] and 2 * atoms * hits + 3 * tables + 2000 * n <= WORK[not slowly])
