"""k nearest neighbors: no training, and the one learner whose memorization and influence are known exactly.

The neighbors of an example in a subset are the first k of its list that the subset holds, ties in distance to the lower
index; their majority is the prediction, ties in votes to the lower class. So lists are made once, and a trial is a walk
down each of them. ``empirical.learners.knn.exact`` has the same quantities in closed form.

Work. At k = 1 and r = .7 a list is walked 1.4 places a trial; 64 trials share a word, and about 5 steps settle them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from empirical.data.bits import Words, pack, unpack
from empirical.data.data import Data
from empirical.learners.knn.neighbors import neighbors
from empirical.learners.learner import Learner, Trainer, features
from empirical.learners.score import Floats32, Score
from empirical.learners.shared.threads import one_thread
from longtail.core import Bools, arrays, whole
from longtail.core.arrays import CPU, Device


@dataclass(frozen=True)
class KNN(Learner):
    """Majority of the ``k`` nearest; fewer where the subset holds fewer.

    >>> from empirical import SubsetEstimator, load
    >>> data = load("planted", n=60).data
    >>> found = SubsetEstimator(KNN(k=1), models=64).fit(data.x_train, data.y_train, data.x_test, data.y_test)
    >>> bool(found.memorization_["memorization"].max() > 0.5)
    True
    """

    k: int = 1
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "probability", "margin", "probabilities")

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole("k", self.k, 1, 2**15))

    @one_thread
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Neighbors:
        """Lists of neighbors, long enough that few subsets outlast them; those that do are walked to the end."""
        self.check(data, score)
        train, test = features(data)
        length = min(data.n, max(128, 16 * self.k))
        queries = np.concatenate([train, test])
        order, labels = neighbors(queries, train, length), np.append(data.y_train, data.y_test)
        return Neighbors(self.k, score, data, queries, train, order, labels, device)


@dataclass(frozen=True)
class Neighbors(Trainer):
    """The trainer: training examples first among the queries, then test examples.

    >>> data = Data(np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1]), np.array([[8.0]]), np.array([1]), ("a", "b"))
    >>> train, test = KNN().prepare(data)(np.array([[True, False, True]]), np.array([0]))
    >>> train.tolist(), test.tolist()
    ([[True, True, True]], [[True]])
    """

    k: int
    score: Score
    data: Data
    queries: Floats32
    train: Floats32
    order: NDArray[np.int32]
    labels: NDArray[np.int64]
    device: Device = CPU
    batch: int = 64

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        if self.k == 1 and self.score in ("correct", "probability"):
            scores[:] = self._nearest(masks)
            return
        for first in range(0, len(masks), self.batch):
            some = slice(first, first + self.batch)
            scores[some] = self._majority(masks[some])

    @property
    def _gpu(self) -> bool:
        return self.device.kind == "gpu"

    @cached_property
    def _lists(self) -> tuple[Any, Any]:
        """The lists, and where a neighbor's label is the query's, on the device that walks them."""
        agree = self.data.y_train[self.order] == self.labels[:, None]
        if not self._gpu:
            return self.order, agree
        xp = self.device.xp
        return xp.asarray(self.order), xp.asarray(agree)

    def _late(self, short: Bools) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Queries whose list ended too soon, and their lists to the end."""
        late = np.flatnonzero(short)
        return late, neighbors(self.queries[late], self.train, self.data.n)

    def _nearest(self, masks: Bools) -> Bools:
        bits = pack(masks)
        valid = pack(np.ones((len(masks), 1), bool))[0]
        right, short = self._first(*self._lists, bits, valid)
        if short.any():
            late, order = self._late(short)
            agree = self.data.y_train[order] == self.labels[late, None]
            right[late] = self._first(order, agree, bits, valid)[0]
        return unpack(right, len(masks))

    def _first(self, order: Any, agree: Any, bits: Words, valid: Words) -> tuple[Words, Bools]:
        if self._gpu:
            from empirical.learners.knn import knn_cuda

            return knn_cuda.nearest(order, agree, bits, valid)
        from empirical.learners.knn import knn_cpu

        right, short = np.empty((len(order), bits.shape[1]), np.uint64), np.zeros(len(order), bool)
        knn_cpu.nearest(order, agree, bits, valid, right, short)
        return right, short

    def _majority(self, masks: Bools) -> NDArray[Any]:
        counts, short = self._votes(self._lists[0] if self._gpu else self.order, masks)
        if short.any() and self.order.shape[1] < self.data.n:
            late, order = self._late(short)
            counts[:, arrays.namespace(counts).asarray(late)] = self._votes(order, masks)[0]
        found = tallied(counts, arrays.namespace(counts).asarray(self.labels), self.score)
        return np.asarray(found.get() if self._gpu else found)

    def _votes(self, order: Any, masks: Bools) -> tuple[Any, Bools]:
        if self._gpu:
            from empirical.learners.knn import knn_cuda

            return knn_cuda.votes(order, self.data.y_train, masks, self.k, self.data.n_classes)
        from empirical.learners.knn import knn_cpu

        counts = np.zeros((len(masks), len(order), self.data.n_classes), np.int16)
        short = np.zeros(len(order), bool)
        knn_cpu.votes(order, self.data.y_train, masks, self.k, counts, short)
        return counts, short


def tallied(counts: Any, labels: Any, score: Score) -> Any:
    """Votes (t, q, K) read as a score, most for the true labels (q,), in any array namespace.

    >>> counts = np.array([[[3, 1, 0]]])  # one model, one query: three votes for class 0, one for class 1
    >>> tallied(counts, np.array([1]), "predicted").tolist(), tallied(counts, np.array([1]), "margin").tolist()
    ([[0]], [[-0.5]])
    """
    xp = array_namespace(counts, labels)
    if score in ("correct", "predicted"):
        most = xp.argmax(counts, axis=2)
        return most == labels if score == "correct" else most
    if score == "probabilities":
        cast = xp.astype(counts, xp.float32)
        return cast / xp.sum(cast, axis=2, keepdims=True)
    own = xp.arange(counts.shape[2], dtype=labels.dtype) == xp.expand_dims(labels, axis=1)
    mine = xp.astype(xp.max(xp.where(own, counts, -1), axis=2), xp.float32)  # votes are never below 0
    share = 1 / xp.astype(xp.sum(counts, axis=2), xp.float32)
    if score == "probability":
        return mine * share
    return (mine - xp.astype(xp.max(xp.where(own, -1, counts), axis=2), xp.float32)) * share


def votes(order: Any, labels: Any, masks: Any, k: int, classes: int) -> Any:
    """(t, q, K) votes of the first k of each list that each mask holds: the oracle, in any array namespace.

    >>> votes(np.array([[2, 0, 1]]), np.array([0, 1, 1]), np.array([[True, True, False]]), k=2, classes=2).tolist()
    [[[1, 1]]]
    """
    xp = array_namespace(order, labels, masks)
    q, length = order.shape
    flat = xp.reshape(order, (-1,))
    held = xp.reshape(xp.take(masks, flat, axis=1), (-1, q, length))
    place = xp.cumulative_sum(xp.astype(held, xp.int64), axis=2)
    chosen = xp.astype(held & (place <= k), xp.int64)
    own = xp.reshape(xp.take(labels, flat, axis=0), (q, length))
    return xp.stack([xp.sum(chosen * xp.astype(own == c, xp.int64), axis=2) for c in range(classes)], axis=2)
