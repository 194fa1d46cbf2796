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

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empirical.estimates import orthogonal_errors
from empirical.estimates.false_pairs import HELD, at_least, by_chance, expected_false
from empirical.estimates.influence import Pairs, above, words
from empirical.estimates.pairing import Pairing
from empirical.estimates.planning import stderr
from empirical.training.trials import Trials
from longtail import philox
from longtail.core import ArgumentError, Floats, Integers
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
    least = pairing.threshold
    level = np.array([least, *(v for v in LEVELS if v > least + TIE)] if levels is None else levels, float)
    if level.ndim != 1 or not level.size or not (np.diff(level) > 0).all():
        raise ArgumentError("levels", levels, "give numbers that grow")
    groups = _grouped(trials)
    reach = 0.0
    if groups is not None:
        share = float(np.clip(trials.masks(slice(0, 64)).mean(), 0.01, 0.99))
        reach = REACH * stderr(trials.count, share) / np.sqrt(LEFT_OUT - 1)
        if by_chance(trials, pairing, level[:1] - reach)[0] > HELD:  # noise is all that there is
            groups = None
    lowest = level[0] if groups is None else level[0] - reach
    found = above(trials, pairing.at(lowest), device=device)
    false = expected_false(trials, pairing.at(level[0]), level, device=device)
    seen = found.take(found.influence >= level[0] - TIE)
    pairs = at_least(seen.influence, level)
    times = [np.bincount(seen.test[seen.influence >= v - TIE], minlength=trials.n_test) for v in level]
    tests, single = (np.array(v, float) for v in zip(*((np.sum(t > 0), np.sum(t == 1)) for t in times), strict=True))
    spread = (
        np.full((3 * len(level), 3 * len(level)), np.nan) if groups is None else _spread(trials, found, level, groups)
    )
    return Histogram(level, pairs, false, tests, single, spread)


@dataclass(frozen=True)
class _Groups:
    """Trials in words of ``kind``, the group that each word belongs to, and how many groups there are."""

    kind: type[np.unsignedinteger[Any]]
    of_word: Integers
    count: int


def _grouped(trials: Trials) -> _Groups | None:
    """Models that are left out together: whole arrays, or as many in a row as a word has bits; None where these are too few."""
    kinds: tuple[type[np.unsignedinteger[Any]], ...] = (np.uint64, np.uint32, np.uint16, np.uint8)
    if trials.score != "correct":
        return None
    if trials.iid:
        kind = next((k for k in kinds if trials.count >= GROUPS * 8 * k().itemsize), np.uint8)
        of_word = np.arange(-(-trials.count // (8 * kind().itemsize)))
    else:
        design = orthogonal_errors.arrays(trials)
        if design is None:
            return None
        kind = next((k for k in kinds if design.rows % (8 * k().itemsize) == 0), np.uint8)
        width = 8 * kind().itemsize
        of_word = np.arange(-(-trials.count // width)) * width // max(design.rows, width)
    count = int(of_word[-1]) + 1
    return _Groups(kind, of_word, count) if count >= FEWEST else None


def _spread(trials: Trials, found: Pairs, level: Floats, groups: _Groups) -> Floats:
    """Cov, from the counts that R subsets of the models make."""
    out = max(1, groups.count // LEFT_OUT)
    factor = (groups.count - out) / out
    keys = philox.uniforms(0, philox.RESAMPLE, np.arange(AGAIN), 0, groups.count)
    stays = np.ones((AGAIN, groups.count), bool)
    np.put_along_axis(stays, np.argsort(keys, axis=1, kind="stable")[:, :out], False, axis=1)
    kept = stays[:, groups.of_word].T.astype(np.float32)
    width = 3 * len(level)
    total, own = np.zeros((AGAIN, width)), np.zeros((width, width))
    for x in _again(trials, found, level, groups, kept):
        total += x.sum(0, dtype=float)
        around = (x - x.mean(1, keepdims=True)).reshape(-1, width)
        own += around.T @ around
    around = total - total.mean(0)
    together, own = around.T @ around / (AGAIN - 1), own / (AGAIN - 1)
    found_here = factor * (together - own) + np.sqrt(factor) * own
    value, direction = np.linalg.eigh((found_here + found_here.T) / 2)
    return np.asarray((direction * np.maximum(value, 0.0)) @ direction.T)


def _again(
    trials: Trials, found: Pairs, level: Floats, groups: _Groups, kept: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    """(tests, R, 3K) counts of test examples, some at a time."""
    order = np.argsort(found.test, kind="stable")
    found = replace(
        found, train=found.train[order], test=found.test[order], influence=found.influence[order], in_sum=None
    )
    inside, right = (words(trials, part).view(groups.kind)[:, : len(groups.of_word)] for part in ("inside", "test"))
    width = 8 * groups.kind().itemsize
    size = np.minimum(width, trials.count - width * np.arange(len(groups.of_word))).astype(np.float32) @ kept
    bounds = np.append(np.flatnonzero(np.diff(found.test, prepend=-1)), len(found))
    first = 0
    while first < len(bounds) - 1:
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + PART, side="right")) - 1)
        start, stop = bounds[first], bounds[last]
        i, j = found.train[start:stop], found.test[start:stop]
        a, b = inside[i], right[j]
        n_in, total, both = (np.bitwise_count(v).astype(np.float32) @ kept for v in (a, b, a & b))
        with np.errstate(invalid="ignore", divide="ignore"):
            value = both / n_in.astype(float) - (total - both) / (size - n_in).astype(float)
        x = np.empty((last - first, AGAIN, 3, len(level)), np.float32)
        for k, v in enumerate(level):
            times = np.add.reduceat(value >= v - TIE, bounds[first:last] - start, axis=0, dtype=np.int64)
            x[:, :, 0, k], x[:, :, 1, k], x[:, :, 2, k] = times, times > 0, times == 1
        yield x.reshape(last - first, AGAIN, -1)
        first = last
