"""k nearest neighbors: no training, and the one learner whose memorization and influence are known exactly.

The neighbors of an example in a subset are the first k of its list that the subset holds, ties in distance to the lower
index; their majority is the prediction, ties in votes to the lower class. So lists are made once, and a trial is a walk
down each of them. ``empirical.learners.knn_exact`` has the same quantities in closed form.

Work. At k = 1 and r = .7 a list is walked 1.4 places a trial; 64 trials share a word, and about 5 steps settle them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from empirical.data import Data
from empirical.kernels.bits import pack, unpack
from empirical.learner import Bools, Floats32, Learner, Score, features, subsets
from empirical.learners.neighbors import neighbors
from empirical.threads import one_thread
from longtail.core import whole


@dataclass(frozen=True)
class KNN(Learner):
    """Majority of the ``k`` nearest; fewer where the subset holds fewer."""

    k: int = 1
    scores: ClassVar[tuple[str, ...]] = ("correct", "probability", "margin")

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole("k", self.k, 1, 2**15))

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: str = "cpu") -> Neighbors:
        """Lists of neighbors, long enough that few subsets outlast them; those that do are walked to the end."""
        self.check(data, score)
        train, test = features(data)
        length = min(data.n, max(128, 16 * self.k))
        queries = np.concatenate([train, test])
        return Neighbors(
            self.k, score, data, queries, train, neighbors(queries, train, length), np.append(data.y_train, data.y_test)
        )


@dataclass(frozen=True)
class Neighbors:
    """The trainer: training examples first among the queries, then test examples."""

    k: int
    score: Score
    data: Data
    queries: Floats32
    train: Floats32
    order: NDArray[np.int32]
    labels: NDArray[np.int64]
    batch: int = 64

    @one_thread
    def __call__(self, masks: Bools, trials: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        masks, trials = subsets(masks, trials, self.data.n)
        if self.k == 1 and self.score != "margin":
            right = self._nearest(masks)
            scores: NDArray[Any] = right if self.score == "correct" else right.astype(np.float32)
        else:
            scores = np.concatenate(
                [self._majority(masks[i : i + self.batch]) for i in range(0, len(masks), self.batch)]
            )
        return scores[:, : self.data.n], scores[:, self.data.n :]

    def _nearest(self, masks: Bools) -> Bools:
        from empirical.learners.knn_cpu import nearest

        bits = pack(masks)
        valid = pack(np.ones((len(masks), 1), bool))[0]
        right = np.empty((len(self.queries), bits.shape[1]), np.uint64)
        open_ = np.zeros(len(self.queries), bool)
        agree = self.data.y_train[self.order] == self.labels[:, None]
        nearest(self.order, agree, bits, valid, right, open_)
        late = np.flatnonzero(open_)
        if late.size:
            order = neighbors(self.queries[late], self.train, self.data.n)
            again = np.empty((late.size, bits.shape[1]), np.uint64)
            agree = self.data.y_train[order] == self.labels[late, None]
            nearest(order, agree, bits, valid, again, np.zeros(late.size, bool))
            right[late] = again
        return unpack(right, len(masks))

    def _majority(self, masks: Bools) -> NDArray[Any]:
        from empirical.learners.knn_cpu import votes

        counts = np.zeros((len(masks), len(self.queries), self.data.labels), np.int16)
        short = np.zeros(len(self.queries), bool)
        votes(self.order, self.data.y_train, masks, self.k, counts, short)
        late = np.flatnonzero(short)
        if late.size and self.order.shape[1] < self.data.n:
            order = neighbors(self.queries[late], self.train, self.data.n)
            again = np.zeros((len(masks), late.size, self.data.labels), np.int16)
            votes(order, self.data.y_train, masks, self.k, again, np.zeros(late.size, bool))
            counts[:, late] = again
        return tallied(counts, self.labels, self.score)


def tallied(counts: NDArray[np.int16], labels: NDArray[np.int64], score: Score) -> NDArray[Any]:
    """Votes (t, q, K) read as a score for the true labels (q,)."""
    if score == "correct":
        return np.asarray(counts.argmax(2) == labels)
    own = np.take_along_axis(counts, labels[None, :, None], 2)[..., 0]
    share = np.float32(1) / counts.sum(2, dtype=np.float32)
    if score == "probability":
        return np.asarray(own * share)
    others = counts.copy()
    np.put_along_axis(others, np.broadcast_to(labels[None, :, None], (len(counts), len(labels), 1)), -1, 2)
    return np.asarray((own - others.max(2)) * share)


def votes(order: Any, labels: Any, masks: Any, k: int, classes: int) -> Any:
    """(t, q, K) votes of the first k of each list that each mask holds: the oracle, in any array namespace."""
    xp = array_namespace(order, labels, masks)
    q, length = order.shape
    flat = xp.reshape(order, (-1,))
    held = xp.reshape(xp.take(masks, flat, axis=1), (-1, q, length))
    place = xp.cumulative_sum(xp.astype(held, xp.int64), axis=2)
    chosen = xp.astype(held & (place <= k), xp.int64)
    own = xp.reshape(xp.take(labels, flat, axis=0), (q, length))
    return xp.stack([xp.sum(chosen * xp.astype(own == c, xp.int64), axis=2) for c in range(classes)], axis=2)
