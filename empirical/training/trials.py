"""Trials: who was in, and how each example was predicted, trial by trial. Additive by concatenation.

Everything else (memorization, influence, their errors, split halves, curves over t) is read off this one record; so a
shard, a checkpoint, several machines and a merge are the same operation. Booleans are packed eight a byte along the
examples; other scores are float16 or float32 arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.designs.design import Design
from empirical.learners.score import BY_CLASS, SCORES, class_type
from longtail.core import ArgumentError, Bools, Integers, whole

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Trials:
    """``number`` (t,) ascending; ``inside`` (t, ⌈n/8⌉) bits; ``train`` and ``test`` bits for "correct", numbers of classes for
    "predicted", else floats, for "probabilities" all classes of an example in a row; ``earlier`` these two after each epoch that
    was asked for.
    """

    n: int
    n_test: int
    number: Integers = field(repr=False)
    inside: Bytes = field(repr=False)
    train: NDArray[Any] = field(repr=False)
    test: NDArray[Any] = field(repr=False)
    score: str = "correct"
    design: Design | None = None
    earlier: Mapping[int, tuple[NDArray[Any], NDArray[Any]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        masks: Any,
        train: Any,
        test: Any,
        *,
        score: str = "correct",
        number: Any = None,
        design: Design | None = None,
    ) -> Trials:
        """From masks (t, n), train (t, n) and test (t, n_test), as a trainer gives them.

        >>> t = Trials.of([[True, False]], [[True, False]], [[True]])
        >>> t.count, t.n, t.n_test
        (1, 2, 1)
        """
        if score not in SCORES:
            raise ArgumentError("score", score, f"give one of {', '.join(SCORES)}")
        m, a, b = (np.asarray(v) for v in (masks, train, test))
        if m.ndim != 2:
            raise ArgumentError("masks", f"shape {m.shape}", "give booleans of shape (trials, n)")
        for name, v, rows in (("train", a, m.shape), ("test", b, (len(m),))):
            if v.ndim != 2 or v.shape[: len(rows)] != rows:
                wanted = f"({len(m)}, {m.shape[1] if name == 'train' else 'n_test'})"
                raise ArgumentError(name, f"shape {v.shape}", f"give scores of shape {wanted}, one row for each mask")
        k = np.arange(len(m)) if number is None else np.asarray(number, np.int64)
        inside = np.packbits(_booleans("masks", m), axis=1)
        train, test = (_kept(score, name, v) for name, v in (("train", a), ("test", b)))
        return cls(m.shape[1], b.shape[1], k, inside, train, test, score, design)

    @property
    def count(self) -> int:
        """t."""
        return len(self.number)

    @property
    def sign(self) -> int:
        """1, or −1 for a loss: what an example does for a score is counted so that more is better."""
        return -1 if self.score == "loss" else 1

    @property
    def iid(self) -> bool:
        """Whether trials are independent of each other."""
        return self.design is None or self.design.iid

    @property
    def right(self) -> Trials:
        """The same trials by whether models were right: a margin above 0. A tie is wrong, for who it went to was not kept."""
        if self.score == "correct":
            return self
        if self.score in BY_CLASS:
            raise ArgumentError("score", self.score, "labels say who was right: ask .judged(y_train, y_test)")
        if self.score != "margin":
            raise ArgumentError(
                "score", self.score, "only margins say who was right; estimate --score correct, or margin"
            )
        train, test = _above_zero((self.train, self.test))
        earlier = {e: _above_zero(both) for e, both in self.earlier.items()}
        return replace(self, train=train, test=test, score="correct", earlier=earlier)

    def judged(self, y_train: Any, y_test: Any) -> Trials:
        """The same trials by whether the classes that models predict, of equally likely ones the lower, are these labels.

        >>> Trials.of([[True, False]], [[0, 2]], [[1]], score="predicted").judged([0, 1], [1]).train_scores().tolist()
        [[True, False]]
        """
        y, z = (np.asarray(v) for v in (y_train, y_test))

        def bits(both: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Bytes, Bytes]:
            a, b = (judged(self.score, part, v) for part, v in zip(both, (y, z), strict=True))
            return a, b

        train, test = bits((self.train, self.test))
        earlier = {e: bits(both) for e, both in self.earlier.items()}
        return replace(self, train=train, test=test, score="correct", earlier=earlier)

    def classes(self, scores: NDArray[Any], width: int) -> NDArray[Any]:
        """The classes that models predict, (t, width), by their ``train`` or ``test`` scores."""
        return _classes(self.score, scores, width)

    def __add__(self, other: Trials) -> Trials:
        return joined([self, other])

    def take(self, rows: Any) -> Trials:
        """The trials at these positions; consecutive ones share their memory with all."""
        at = rows if isinstance(rows, slice) and rows.step in (None, 1) else np.arange(self.count)[rows]
        kept = {name: getattr(self, name)[at] for name in ("number", "inside", "train", "test")}
        return replace(self, **kept, earlier={e: (a[at], b[at]) for e, (a, b) in self.earlier.items()})

    def at(self, epoch: int) -> Trials:
        """The trials as they were after that many epochs."""
        epoch = whole("epoch", epoch, 0)
        if epoch not in self.earlier:
            kept = ", ".join(map(str, self.earlier)) or "none"
            raise ArgumentError("epoch", epoch, f"scores were kept at the end, and after these epochs: {kept}")
        train, test = self.earlier[epoch]
        return replace(self, train=train, test=test, earlier={})

    def masks(self, rows: Any = slice(None)) -> Bools:
        """Who was in: (t, n) booleans."""
        return unpacked(self.inside[rows], self.n)

    def train_scores(self, columns: slice = slice(None)) -> NDArray[Any]:
        """Scores on training examples, (t, n) or some columns of it: booleans or floats."""
        return self._columns(self.train, self.n, columns)

    def test_scores(self, columns: slice = slice(None)) -> NDArray[Any]:
        """Scores on test examples, (t, n_test) or some columns of it: booleans or floats."""
        return self._columns(self.test, self.n_test, columns)

    def masks_columns(self, columns: slice) -> Bools:
        """Who was in, for some examples: (t, columns)."""
        return unpacked_columns(self.inside, self.n, columns)

    def _columns(self, scores: NDArray[Any], width: int, columns: slice) -> NDArray[Any]:
        return unpacked_columns(scores, width, columns) if self.score == "correct" else scores[:, columns]


def judged(score: str, scores: NDArray[Any], y: Any) -> Bytes:
    """Packed bits of whether the classes that models predict are the labels ``y``.

    >>> np.unpackbits(judged("predicted", np.array([[0, 2]]), np.array([0, 1])))[:2].tolist()
    [1, 0]
    """
    return np.packbits(_classes(score, scores, len(y)) == y, axis=1)


def _classes(score: str, scores: NDArray[Any], width: int) -> NDArray[Any]:
    if score not in BY_CLASS:
        raise ArgumentError("score", score, f"it does not tell which class: keep {' or '.join(BY_CLASS)}")
    if score == "predicted" or not width:  # as where nobody is tested on
        return scores
    return np.asarray(scores.reshape(len(scores), width, -1).argmax(2))


def _above_zero(both: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Bytes, Bytes]:
    train, test = both
    return np.packbits(train > 0, axis=1), np.packbits(test > 0, axis=1)


def enough(trials: Trials) -> Trials:
    """The trials, if something can be said of them: two or more, of some examples.

    >>> enough(Trials.of([[True, False]], [[True, False]], [[True]]))
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: masks: got 1 trials of 2 and 1 examples; give those of two models or more, ...
    """
    if trials.count < 2 or not trials.n or not trials.n_test:
        got = f"{trials.count} trials of {trials.n} and {trials.n_test} examples"
        raise ArgumentError("masks", got, "give those of two models or more, and some examples")
    return trials


def joined(parts: Iterable[Trials]) -> Trials:
    """One record of several with disjoint trials, in the order of their numbers.

    >>> one, two = (Trials.of([[True, False]], [[True, False]], [[k]], number=[k]) for k in (1, 0))
    >>> whole = joined([one, two])
    >>> whole.number.tolist(), whole.test_scores().tolist()  # in the order of their numbers
    ([0, 1], [[False], [True]])
    """
    every = list(parts)
    if not every:
        raise ArgumentError("trials", "none", "give at least one shard of trials")
    head = every[0]
    for name in ("n", "n_test", "score", "design"):
        for part in every[1:]:
            if getattr(part, name) != getattr(head, name):
                raise ArgumentError(
                    name, getattr(part, name), f"only runs alike can be joined; the first has {getattr(head, name)!r}"
                )
    for part in every[1:]:
        if part.earlier.keys() != head.earlier.keys():
            raise ArgumentError(
                "epochs", [*part.earlier], f"only runs alike can be joined; the first has {[*head.earlier]}"
            )
    number = np.concatenate([p.number for p in every])
    order = np.argsort(number, kind="stable")
    twice = np.flatnonzero(np.diff(number[order]) == 0)
    if twice.size:
        raise ArgumentError("trials", f"trial {number[order][twice[0]]} twice", "join runs of different trials")

    def together(parts: list[NDArray[Any]]) -> NDArray[Any]:
        whole = np.concatenate(parts)
        return whole if (np.diff(order) == 1).all() else whole[order]  # no second copy of what is in order

    return replace(
        head,
        number=number[order],
        inside=together([p.inside for p in every]),
        train=together([p.train for p in every]),
        test=together([p.test for p in every]),
        earlier={
            e: (together([p.earlier[e][0] for p in every]), together([p.earlier[e][1] for p in every]))
            for e in head.earlier
        },
    )


def unpacked(bits: Bytes, width: int) -> Bools:
    """Booleans of packed rows.

    >>> unpacked(np.packbits([[True, False, True]], axis=1), 3).tolist()
    [[True, False, True]]
    """
    return np.unpackbits(bits, axis=1, count=width).view(bool)


def unpacked_columns(bits: Bytes, width: int, columns: slice) -> Bools:
    """Booleans of some columns of packed rows, without unpacking the others.

    >>> rows = np.packbits(np.arange(20)[None] % 3 == 0, axis=1)
    >>> unpacked_columns(rows, 20, slice(9, 13)).tolist()
    [[True, False, False, True]]
    """
    start, stop, step = columns.indices(width)
    if step != 1:
        raise ArgumentError("columns", columns, "give consecutive columns")
    if stop <= start:
        return np.zeros((len(bits), 0), bool)
    first = start // 8
    block = np.unpackbits(bits[:, first : -(-stop // 8)], axis=1).view(bool)
    return block[:, start - 8 * first : stop - 8 * first]


def _kept(score: str, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """As trials hold them."""
    if score == "correct":
        return np.packbits(_booleans(name, values), axis=1)
    return whole_numbers(name, values) if score == "predicted" else floats(name, values)


def whole_numbers(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Numbers of classes, from 0, in a byte each or two.

    >>> whole_numbers("train", np.array([[0, 7, 300]])).dtype  # two bytes each
    dtype('uint16')
    """
    if not np.issubdtype(values.dtype, np.integer) or (values.size and values.min() < 0):
        raise ArgumentError(name, f"{values.dtype} values", "give the number of a class for each example, from 0")
    kind = class_type(int(values.max(initial=0)) + 1)
    return values if values.dtype in (np.uint8, np.uint16) else values.astype(kind)


def _booleans(name: str, values: NDArray[Any]) -> Bools:
    """Booleans, or numbers that are all 0 or 1."""
    if values.dtype == np.bool_:
        return values
    if not np.issubdtype(values.dtype, np.number) or not np.isin(values, (0, 1)).all():
        raise ArgumentError(name, f"{values.dtype} values other than 0 and 1", "give booleans, or name another score")
    return values.astype(bool)


def floats(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """float16 or float32, finite.

    >>> floats("train", np.array([0.5, 1.5])).dtype
    dtype('float32')
    >>> floats("train", np.array([0.5, np.inf]))
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: train: got values that are NaN or infinite; give finite scores; clip a loss before
    """
    kept = values if values.dtype in (np.float16, np.float32) else values.astype(np.float32)
    if not np.isfinite(kept).all():
        raise ArgumentError(name, "values that are NaN or infinite", "give finite scores; clip a loss before")
    return kept
