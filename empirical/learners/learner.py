"""What the estimator asks of a learner: train on many subsets, say how each example was predicted.

A learner is a frozen dataclass whose repr is its name: ``Ridge(penalty=1.0)``. ``prepare`` does once per process what
all trials share and gives a trainer; the trainer takes a block of subsets. What it gives for trial k is a function of
the data, the learner, the seed, k and subset k alone, never of the block that k came in: on one kind of processor and
with the same versions shards and resumed runs agree to the bit, whatever blocks, workers, order and kills. Another kind
may round otherwise in the last bits (its BLAS, fused multiply-adds), which a run says. On a GPU a trial has a place of its
own in a block likewise, and its bits are as good as its libraries' word that a place decides them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.score import Floats32, Score, class_type, empty
from empirical.learners.shared.scores import held_classes
from empirical.learners.shared.threads import one_thread
from longtail.core import ArgumentError, Bools, arrays, whole
from longtail.core.arrays import CPU, Device, Library
from longtail.core.opened import within
from longtail.core.shown import not_finite

F = TypeVar("F", bound=Callable[..., Any])


Change = Callable[[NDArray[Any]], None]  # of a model's weights, in place, before it is asked anything
Warned = Mapping[str, tuple[int, str]]  # how many models warned of what, and in which words
Scores = tuple[NDArray[Any], NDArray[Any]]  # of training and of test examples


class Trainer(ABC):
    """``trainer(masks, trials)``: train on each subset and score every training and test example. Have
    ``data`` and ``score``, and write ``fill``; the frame around it is here. Where models are trained by epochs, write
    ``fill_at`` too, which gives scores on the way.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Commonest(Trainer):
    ...     data: Data
    ...     score: Score = "correct"
    ...
    ...     def fill(self, masks, trials, present, scores):  # always the class that the subset has most of
    ...         said = (masks @ np.eye(self.data.n_classes)[self.data.y_train]).argmax(1)
    ...         scores[:] = said[:, None] == np.append(self.data.y_train, self.data.y_test)
    >>> data = Data(np.eye(3), np.array([0, 1, 1]), np.eye(3), np.array([1, 1, 0]), ("a", "b"))
    >>> train, test = Commonest(data)(np.array([[True, False, False]]), np.array([0]))
    >>> train.tolist(), test.tolist()
    ([[True, False, False]], [[False, False, True]])
    """

    data: Data
    score: Score

    @property
    def batch(self) -> int:
        """The fewest trials a call that run at full speed; any number gives the same answers, to the bit."""
        return 1

    @property
    def warned(self) -> Warned:
        """What the models of the last call warned of."""
        return {}

    @one_thread
    def __call__(self, masks: Bools, trials: NDArray[np.int64]) -> Scores:
        """Scores of the (t, n) training and (t, n_test) test examples: bool for "correct", whole numbers for "predicted",
        float32 otherwise, and for "probabilities" one for each class, (t, n, K).

        ``masks`` is (t, n), true where trial ``trials[row]`` trains on the example.
        """
        chosen, numbers, present, scores = self._room(masks, trials, 1)
        self.fill(chosen, numbers, present, scores[0])
        return self._parts(scores[0])

    @one_thread
    def course(self, masks: Bools, trials: NDArray[np.int64], epochs: Sequence[int]) -> list[Scores]:
        """What ``__call__`` gives, after each of ``epochs`` (ascending); training ends with the last of them."""
        chosen, numbers, present, scores = self._room(masks, trials, len(epochs))
        self.fill_at(chosen, numbers, present, epochs, scores)
        return [self._parts(one) for one in scores]

    def _room(self, masks: Bools, trials: NDArray[np.int64], times: int) -> tuple[Any, Any, Any, NDArray[Any]]:
        data = self.data
        chosen, numbers = subsets(masks, trials, data.n)
        scores = empty(self.score, (times, len(chosen), data.n + data.n_test), data.n_classes)
        return chosen, numbers, held_classes(chosen, data.y_train, data.n_classes), scores

    def _parts(self, scores: NDArray[Any]) -> Scores:
        return scores[:, : self.data.n], scores[:, self.data.n :]

    @abstractmethod
    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        """Write the scores (t, n + n_test), for "probabilities" (t, n + n_test, K), of trials whose subsets hold the classes
        ``present`` (t, K).
        """

    def fill_at(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        """The same after each of ``epochs``, into ``scores`` (epochs, t, n + n_test)."""
        raise ArgumentError("epochs", tuple(epochs), f"{type(self).__name__} gives scores at the end only")


class Learner(ABC):
    """Subclass it (a frozen dataclass) to bring your own; ``External`` wraps a model that is trained one at a time.

    >>> from dataclasses import dataclass
    >>> class Coins(Trainer):  # right by coins of the trial's own
    ...     def __init__(self, data, seed):
    ...         self.data, self.score, self.seed = data, "correct", seed
    ...
    ...     def fill(self, masks, trials, present, scores):
    ...         for k, trial in enumerate(trials):
    ...             scores[k] = np.random.default_rng([self.seed, trial]).random(scores.shape[1]) < 0.5
    >>> @dataclass(frozen=True)
    ... class Guess(Learner):
    ...     def prepare(self, data, score="correct", *, seed=0, device=CPU):
    ...         self.check(data, score)
    ...         return Coins(data, seed)
    >>> from empirical import SubsetEstimator
    >>> SubsetEstimator(Guess(), models=8).fit(np.eye(4), [0, 1, 0, 1]).memorization_.shape[0]
    4
    """

    scores: ClassVar[tuple[str, ...]] = ("correct",)
    devices: ClassVar[tuple[str, ...]] = ("cpu", "gpu")
    library: ClassVar[Library] = "cupy"  # whose GPU it trains on

    @property
    def last_epoch(self) -> int:
        """How many epochs a model is trained for, at the most; 0 where it is not trained by epochs."""
        return 0

    @abstractmethod
    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """What all trials share (Gram matrices, neighbor lists, device arrays), done once per process."""

    def operations(self, data: Data, members: int) -> float | None:
        """Floating-point operations of a model of so many examples, scores of all included; None where it is not known."""
        return None

    def repeats(self, device: Device = CPU) -> bool:
        """Whether a trial comes out with the same bits again, on the same device and with the same versions."""
        return True

    def place(self, choice: str = "auto") -> Device:
        """The device that "auto", "cpu" or "gpu" comes to; an ArgumentError where a GPU is asked for in vain."""
        if "gpu" in self.devices:
            return arrays.device(choice, self.library)
        self.check_device(arrays.device(choice) if choice != "auto" else CPU)
        return replace(CPU, reason=f"{type(self).__name__} trains on the CPU only")

    def check_device(self, device: Device) -> None:
        """Refuse a GPU where it trains on the CPU only."""
        if device.kind not in self.devices:
            raise ArgumentError("device", "gpu", f"{type(self).__name__} trains on the CPU only: give cpu or auto")

    def check_epochs(self, epochs: Sequence[int], device: Device = CPU) -> None:
        """Refuse scores at epochs that there are not."""
        last = self.last_epoch
        if not last:
            raise ArgumentError(
                "epochs", tuple(epochs), f"{type(self).__name__} is not trained by epochs: leave it out"
            )
        for epoch in epochs:
            whole("epochs", epoch, 1, last)
        if any(a >= b for a, b in pairwise(epochs)):
            raise ArgumentError("epochs", tuple(epochs), "give each once, in ascending order")

    def check(self, data: Data, score: str) -> None:
        """Refuse a score this learner does not give, and data with one class only."""
        if score not in self.scores:
            raise ArgumentError("score", score, f"{type(self).__name__} gives {', '.join(self.scores)}")
        present = len(np.unique(data.y_train))
        if present < 2:
            raise ArgumentError("y_train", f"{present} class", "give training examples of at least two classes")
        if score == "predicted":
            class_type(data.n_classes)


def makes_learner(function: F) -> F:
    """Mark a function of yours that makes a learner, a classifier or a function of (X, y, subset), so that it is called by
    its name: ``--learner "package.module.function(depth=3)"``. A function without the mark is not.

    >>> @makes_learner
    ... def forest(trees: int = 10):
    ...     from sklearn.ensemble import RandomForestClassifier
    ...
    ...     return RandomForestClassifier(trees)
    >>> forest.makes_learner
    True
    """
    function.makes_learner = True  # type: ignore[attr-defined]  # a mark, no part of its type
    return function


def features(data: Data) -> tuple[Floats32, Floats32]:
    """Training and test examples as rows of float32, flattened; an ArgumentError where they are not finite numbers.

    Sparse matrices are filled with their zeros, where memory holds them.

    >>> data = Data(np.ones((2, 8, 8)), np.array([0, 1]), np.ones((1, 8, 8)), np.array([1]), ("a", "b"))
    >>> [part.shape for part in features(data)]
    [(2, 64), (1, 64)]
    """
    return _rows("x_train", data.x_train), _rows("x_test", data.x_test)


def images(data: Data) -> Floats32:
    """Training and then test examples as float32 in the shape that they have, images with their channels first, gray ones one.

    >>> data = Data(np.ones((2, 8, 8, 3)), np.array([0, 1]), np.ones((1, 8, 8, 3)), np.array([1]), ("a", "b"))
    >>> images(data).shape
    (3, 3, 8, 8)
    """
    rows = np.concatenate(features(data))
    shape = tuple(np.shape(data.x_train)[1:])
    if len(shape) == 2:
        return rows.reshape(-1, 1, *shape)
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        return np.ascontiguousarray(rows.reshape(-1, *shape).transpose(0, 3, 1, 2))
    return rows.reshape(-1, *shape)


def _rows(argument: str, x: Any) -> Floats32:
    dense = _filled(argument, x) if hasattr(x, "tocsr") else x
    try:
        rows = np.asarray(dense, np.float32)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            argument, type(x).__name__, "give an array of numbers, or use an External learner"
        ) from error
    if rows.ndim < 2:
        raise ArgumentError(argument, f"shape {rows.shape}", "give one row of features per example")
    bad = int((~np.isfinite(rows)).sum())
    if bad:
        raise ArgumentError(argument, not_finite(bad), "drop or fill them first")
    return cast(Floats32, np.ascontiguousarray(rows.reshape(len(rows), math.prod(rows.shape[1:]))))


def _filled(argument: str, x: Any) -> NDArray[Any]:
    """A sparse matrix as float32 with its zeros, no larger than memory."""
    got = f"a sparse matrix of {' × '.join(map(str, x.shape))}"
    remedy = "give fewer features, or a classifier that takes sparse matrices, as sklearn.linear_model.SGDClassifier()"
    within(argument, got, 2 * 4 * math.prod(x.shape), remedy)  # and once more where a learner joins both parts
    return np.asarray(x.astype(np.float32).toarray())


def subsets(masks: Any, trials: Any, n: int) -> tuple[Bools, NDArray[np.int64]]:
    """Masks and trial numbers with their shapes checked; a subset without examples is refused.

    >>> subsets([[True, False], [False, False]], [4, 5], n=2)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: masks: got no example in trial 5; give subsets of at least one example
    """
    m, k = np.asarray(masks), np.asarray(trials, np.int64)
    if m.dtype != np.bool_ or m.ndim != 2 or m.shape[1] != n:
        raise ArgumentError("masks", f"{m.dtype} of shape {m.shape}", f"give booleans of shape (trials, {n})")
    if k.shape != (len(m),):
        raise ArgumentError("trials", f"shape {k.shape}", f"give one trial number for each of the {len(m)} masks")
    empty = np.flatnonzero(~m.any(1))
    if empty.size:
        raise ArgumentError("masks", f"no example in trial {k[empty[0]]}", "give subsets of at least one example")
    return m, k
