"""How many pairs have how much influence, how many of them chance makes, and what other models would have counted.

By level θ: pairs of influence θ or more, test examples in them, and test examples in exactly one, as Feldman & Zhang (arXiv
2008.03703, section 3.2) count them. Differences of neighboring levels are a histogram. False pairs are those of
``empirical.estimates.false_pairs``, level by level.

Errors are over models, by a jackknife that leaves out d of G groups of them, a quarter (Shao & Wu, Annals of Statistics 17,
1989): what passes a threshold is no smooth function of models, and leaving out one at a time would not do. A random quarter is
left out R times, of the pairs that come within three deviations of the lowest level, as far as this makes them deviate. With
f = (G − d)/d, V the covariance of the R counts, and W what test examples add to V one by one (the sum of their own covariances),

    Cov = f (V − W) + √f W.

What pairs of several tests do together goes as the square of their deviation, and this is 1/f of what all models make; but
how many pairs cross a level one by one goes as the deviation itself. Where most pairs near a level are false, W counts those
of a noise whose variance is larger by 1 + 1/f, and errors are too large, up to twice; where many pairs have one true influence,
and it is a level, they are too small by a fifth.

Work: a pair within reach takes t/64 words ANDed and counted and G R multiplications.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.bits import Words
from empirical.estimates import orthogonal_errors
from empirical.estimates.false_pairs import HELD, at_least, by_chance, expected_false
from empirical.estimates.influence import counted_pairs, words
from empirical.estimates.pairing import Pairing, growing
from empirical.estimates.planning import stderr
from empirical.training.columns import Bits
from empirical.training.trials import Trials
from longtail import philox
from longtail.core import Floats, Integers
from longtail.core.arrays import CPU, Device

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
AGAIN = 128  # R
LEFT_OUT = 4  # one in so many groups
GROUPS = 64  # of models, where these are enough
FEWEST = 4  # groups, without which there is no error
REACH = 3.0  # deviations
PART = 2048  # pairs at a time
TIE = 1e-12


@dataclass(frozen=True)
class Histogram:
    """At each of ``levels``: ``pairs`` of that influence or more, ``false`` ones expected among them, ``tests`` in these pairs,
    and ``single`` ones, in exactly one. ``covariance`` (3K, 3K) is over models, of (pairs, tests, single), NaN where not known.

    >>> masks = np.random.default_rng(0).random((256, 5)) < 0.5
    >>> found = histogram(Trials.of(masks, masks, masks[:, 3:]), Pairing(same_class=False), levels=[0.2, 0.5])
    >>> found.table[["low", "in_bin", "pairs", "tests", "single"]].to_numpy().tolist()
    [[0.2, 0.0, 2.0, 2.0, 2.0], [0.5, 2.0, 2.0, 2.0, 2.0]]
    """

    levels: Floats
    pairs: Floats
    false: Floats
    tests: Floats
    single: Floats
    covariance: Floats = field(repr=False)

    @property
    def bins(self) -> tuple[Floats, Floats, Floats]:
        """Pairs in [level, next level), the last without end; false ones expected there; the covariance of the first."""
        k = len(self.levels)
        apart = np.eye(k) - np.eye(k, k=1)
        return apart @ self.pairs, apart @ self.false, apart @ self.covariance[:k, :k] @ apart.T

    @property
    def stderr(self) -> Floats:
        """(3, K): of pairs, tests and single ones at or above each level."""
        return np.sqrt(np.diag(self.covariance)).reshape(3, -1)

    @property
    def table(self) -> pd.DataFrame:
        """One row a level: low, high, in_bin, in_bin_stderr, false_in_bin, and all at or above low, with errors."""
        import pandas as pd

        count, false, covariance = self.bins
        columns: dict[str, Any] = {
            "low": self.levels,
            "high": np.append(self.levels[1:], 1.0),
            "in_bin": count,
            "in_bin_stderr": np.sqrt(np.diag(covariance)),
            "false_in_bin": false,
        }
        for name, error in zip(("pairs", "tests", "single"), self.stderr, strict=True):
            columns |= {name: getattr(self, name), f"{name}_stderr": error}
        return pd.DataFrame(columns | {"false": self.false})


def histogram(trials: Trials, pairing: Pairing, levels: Any = None, *, device: Device = CPU) -> Histogram:
    """Counts at ``levels``, which are the threshold of ``pairing`` and those of ``LEVELS`` above it unless told.

    >>> masks = np.random.default_rng(0).random((256, 5)) < 0.5
    >>> trials = Trials.of(masks, masks, masks[:, 3:])  # each of two test examples hangs on one of five
    >>> found = histogram(trials, Pairing(same_class=False), levels=[0.2, 0.5])
    >>> found.pairs.tolist(), found.single.tolist()
    ([2.0, 2.0], [2.0, 2.0])
    """
    level = of_levels(pairing.threshold, levels)
    groups = grouped(trials)
    reach = 0.0
    if groups is not None:
        reach = within(trials.count, float(trials.masks(slice(0, 64)).mean()))
        if by_chance(trials, pairing, level[:1] - reach)[0] > HELD:  # noise is all that there is
            groups = None
    lowest = level[0] if groups is None else level[0] - reach
    found = counted_pairs(trials, pairing.at(lowest), device=device)
    false = expected_false(trials, pairing.at(level[0]), level, device=device)
    seen = found.take(found.influence >= level[0] - TIE)
    pairs = at_least(seen.influence, level)
    times = [np.bincount(seen.test[seen.influence >= v - TIE], minlength=trials.n_test) for v in level]
    if groups is None:
        return counted(level, pairs, false, times)
    order = np.argsort(found.test, kind="stable")
    i, j = found.train[order], found.test[order]
    left = Left.drawn(groups, trials.count, level)
    inside, right = (words(trials, part) for part in ("inside", "test"))

    def reached(start: int, stop: int) -> NDArray[Any]:
        return left.reached(inside[i[start:stop]], right[j[start:stop]])

    return counted(level, pairs, false, times, left.spread(j, reached))


def of_levels(least: float, levels: Any = None) -> Floats:
    """The levels, which grow.

    >>> of_levels(0.75).tolist()
    [0.75, 0.8, 0.9]
    """
    return growing("levels", [least, *(v for v in LEVELS if v > least + TIE)] if levels is None else levels)


def within(models: int, share: float) -> float:
    """How far below the lowest level pairs may come up to it when a quarter of the models is left out.

    >>> round(within(2000, 0.7), 4)
    0.0423
    """
    return float(REACH * stderr(models, float(np.clip(share, 0.01, 0.99))) / np.sqrt(LEFT_OUT - 1))


def counted(
    level: Floats, pairs: Floats, false: Floats, times: Sequence[Integers], covariance: Floats | None = None
) -> Histogram:
    """From pairs at or above each level, and in how many of these each test example is.

    >>> found = counted(np.array([0.1]), np.array([3.0]), np.array([1.0]), [np.array([2, 1, 0])])
    >>> found.tests.tolist(), found.single.tolist()
    ([2.0], [1.0])
    """
    tests, single = (np.array(v, float) for v in zip(*((np.sum(t > 0), np.sum(t == 1)) for t in times), strict=True))
    unknown = np.full((3 * len(level), 3 * len(level)), np.nan)
    return Histogram(level, pairs, false, tests, single, unknown if covariance is None else covariance)


@dataclass(frozen=True)
class Groups:
    """Trials in words of ``kind``, the group that each word belongs to, and how many groups there are.

    >>> Groups(np.uint8, np.arange(8), 8).count
    8
    """

    kind: type[np.unsignedinteger[Any]]
    of_word: Integers
    count: int


def grouped(trials: Trials | Bits) -> Groups | None:
    """Models that are left out together: whole arrays, or as many in a row as a word has bits; None where these are too few.

    >>> masks = np.eye(64, dtype=bool)
    >>> grouped(Trials.of(masks, masks, masks)).count
    8
    """
    kinds: tuple[type[np.unsignedinteger[Any]], ...] = (np.uint64, np.uint32, np.uint16, np.uint8)
    if trials.score != "correct":
        return None
    if trials.iid:
        kind = next((k for k in kinds if trials.count >= GROUPS * 8 * k().itemsize), np.uint8)
        of_word = np.arange(-(-trials.count // (8 * kind().itemsize)))
    else:
        if isinstance(trials, Bits) or (design := orthogonal_errors.arrays(trials)) is None:
            return None
        kind = next((k for k in kinds if design.rows % (8 * k().itemsize) == 0), np.uint8)
        width = 8 * kind().itemsize
        of_word = np.arange(-(-trials.count // width)) * width // max(design.rows, width)
    count = int(of_word[-1]) + 1
    return Groups(kind, of_word, count) if count >= FEWEST else None


@dataclass(frozen=True)
class Left:
    """R subsets of ``models`` models: ``kept`` (words, R) are those whose words stay.

    >>> groups = Groups(np.uint8, np.arange(8), 8)
    >>> Left.drawn(groups, 64, np.array([0.1])).kept.sum(0)[:3].tolist()
    [6.0, 6.0, 6.0]
    """

    groups: Groups
    models: int
    level: Floats
    kept: NDArray[np.float32] = field(repr=False)

    @classmethod
    def drawn(cls, groups: Groups, models: int, level: Floats) -> Left:
        """A random quarter of the groups left out, R times."""
        out = max(1, groups.count // LEFT_OUT)
        keys = philox.uniforms(0, philox.RESAMPLE, np.arange(AGAIN), 0, groups.count)
        stays = np.ones((AGAIN, groups.count), bool)
        np.put_along_axis(stays, np.argsort(keys, axis=1, kind="stable")[:, :out], False, axis=1)
        return cls(groups, models, level, stays[:, groups.of_word].T.astype(np.float32))

    def reached(self, inside: Words, right: Words) -> NDArray[Any]:
        """(pairs, R): how many levels a pair's influence reaches, from the bits of its training and of its test example."""
        many = len(self.groups.of_word)
        a, b = (words.view(self.groups.kind)[:, :many] for words in (inside, right))
        width = 8 * self.groups.kind().itemsize
        size = np.minimum(width, self.models - width * np.arange(many)).astype(np.float32) @ self.kept
        n_in, total, both = (np.bitwise_count(v).astype(np.float32) @ self.kept for v in (a, b, a & b))
        with np.errstate(invalid="ignore", divide="ignore"):
            value = both / n_in.astype(float) - (total - both) / (size - n_in).astype(float)
        found = np.zeros(value.shape, np.min_scalar_type(len(self.level)))
        for v in self.level:
            found += value >= v - TIE
        return found

    def spread(self, test: Integers, reached: Callable[[int, int], NDArray[Any]]) -> Floats:
        """Cov, of pairs that are in order of their ``test`` example, by the levels that some of them reach."""
        out = max(1, self.groups.count // LEFT_OUT)
        factor = (self.groups.count - out) / out
        width = 3 * len(self.level)
        total, own = np.zeros((AGAIN, width)), np.zeros((width, width))
        for x in self._again(test, reached):
            total += x.sum(0, dtype=float)
            around = (x - x.mean(1, keepdims=True)).reshape(-1, width)
            own += around.T @ around
        around = total - total.mean(0)
        together, own = around.T @ around / (AGAIN - 1), own / (AGAIN - 1)
        found_here = factor * (together - own) + np.sqrt(factor) * own
        value, direction = np.linalg.eigh((found_here + found_here.T) / 2)
        return np.asarray((direction * np.maximum(value, 0.0)) @ direction.T)

    def _again(self, test: Integers, reached: Callable[[int, int], NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
        """(tests, R, 3K) counts of test examples, some at a time."""
        for bounds in chunks(test):
            start = bounds[0]
            levels = reached(int(start), int(bounds[-1]))
            x = np.empty((len(bounds) - 1, AGAIN, 3, len(self.level)), np.float32)
            for k in range(len(self.level)):
                times = np.add.reduceat(levels > k, bounds[:-1] - start, axis=0, dtype=np.int64)
                x[:, :, 0, k], x[:, :, 1, k], x[:, :, 2, k] = times, times > 0, times == 1
            yield x.reshape(len(bounds) - 1, AGAIN, -1)


def chunks(test: Integers) -> Iterator[Integers]:
    """Where the pairs of each test example begin, and the last of them end: about ``PART`` pairs at a time.

    >>> [bounds.tolist() for bounds in chunks(np.array([0, 0, 2]))]
    [[0, 2, 3]]
    """
    bounds = np.append(np.flatnonzero(np.diff(test, prepend=-1)), len(test))
    first = 0
    while first < len(bounds) - 1:
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + PART, side="right")) - 1)
        yield bounds[first : last + 1]
        first = last
