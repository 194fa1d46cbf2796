"""Attacks that see only the model: for each class, the bits that the one example of it must have had.

    Signs        the signs of the class's weights, less the mean of all classes': a linear model's weights are sums of examples
    Coordinates  from a random input, bit by bit, flip what raises the model's confidence in the class, until nothing does
                 (Brown et al., section 6: ten sweeps); by queries alone
    Increments   the same from the first layer's weights: a flip moves its sums by one column, so that they are not had anew
    Gradient     ascent of the confidence over the cube [−1, 1]^d, then signs

All classes asked for are attacked together, so that a step is one product of matrices. Work of ``Coordinates``: S inputs a
step, d steps a sweep, 2 S (d h + h K) operations each for a net of h units; ``Increments`` leaves 2 S h K of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from longtail import philox
from longtail.core import ArgumentError, Bools, Integers, calls, real, whole
from longtail.irrelevant.models import Bits, Floats32, Layered, Queried, Sloped, Weighted, confidence, signs

START = 5  # of a task's streams, that of inputs to start from
REFRESH = 64  # flips after which those at their end leave, and sums are had anew, lest rounding add up


@dataclass(frozen=True)
class Attack(ABC):
    """``needs`` is what a model must tell for it.

    >>> {name: kind.needs.__name__ for name, kind in KINDS.items()}  # attacks by name, and what each must be told
    {'signs': 'Weighted', 'queries': 'Queried', 'increments': 'Layered', 'gradient': 'Sloped'}
    """

    needs: ClassVar[type]

    def recover(self, model: Any, classes: Integers, dimension: int, seed: int = 0, number: int = 0) -> Bits:
        """Bits (len(classes), dimension); all randomness is a function of (seed, number)."""
        if not isinstance(model, self.needs):
            raise ArgumentError(
                "attack", repr(self), f"{type(model).__name__} gives no {NAMES[self.needs]}: take another attack"
            )
        if not len(classes):
            return np.empty((0, dimension), np.uint8)
        return self._recovered(model, np.asarray(classes), dimension, seed, number)

    @abstractmethod
    def _recovered(self, model: Any, classes: Integers, dimension: int, seed: int, number: int) -> Bits:
        """``recover`` of a model that tells what is needed."""


NAMES: dict[Any, str] = {Queried: "scores", Weighted: "weights", Sloped: "gradient", Layered: "first layer"}


@dataclass(frozen=True)
class Signs(Attack):
    """sign(w_j − mean_k w_k).

    >>> from longtail.irrelevant.models import Linear
    >>> model = Linear(np.array([[0.5, -0.2, 0.1], [-0.1, 0.3, 0.4]], np.float32), np.zeros(2, np.float32))
    >>> Signs().recover(model, np.array([0, 1]), dimension=3).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """

    needs = Weighted

    def _recovered(self, model: Weighted, classes: Integers, dimension: int, seed: int, number: int) -> Bits:
        w = model.weights()
        return np.asarray(w[classes] > w.mean(0)).view(np.uint8)


@dataclass(frozen=True)
class Ascent(Attack):
    """At most so many ``sweeps`` over all bits, in order; an input of which d flips in a row were refused is at its end.

    >>> from longtail.irrelevant.models import Linear
    >>> model = Linear(np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]], np.float32), np.zeros(2, np.float32))
    >>> Coordinates(sweeps=2).recover(model, np.array([0]), 3).tolist()  # what the model takes for the first class most surely
    [[1, 0, 1]]
    """

    sweeps: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "sweeps", whole("sweeps", self.sweeps, 1, 10**6))

    def _recovered(self, model: Any, classes: Integers, dimension: int, seed: int, number: int) -> Bits:
        x = start(len(classes), dimension, seed, number)
        left, some, aim = np.arange(len(x)), x.copy(), classes
        best, refused = confidence(self._scores(model, some), aim), np.zeros(len(x), np.int64)
        kept: Any = None
        for k in range(self.sweeps * dimension):
            if k % REFRESH == 0:
                x[left] = some
                busy = refused < dimension
                left, some, aim, best, refused = left[busy], some[busy], aim[busy], best[busy], refused[busy]
                if not len(left):
                    break
                kept = self._begun(model, some)
            i = k % dimension
            scores, trial = self._flipped(model, some, i, kept)
            found = confidence(scores, aim)
            better = found > best
            some[better, i] *= -1
            best[better] = found[better]
            refused = np.where(better, 0, refused + 1)
            self._take(kept, trial, better)
        x[left] = some
        return (x > 0).view(np.uint8)

    @abstractmethod
    def _scores(self, model: Any, x: Floats32) -> Floats32:
        """At inputs."""

    @abstractmethod
    def _begun(self, model: Any, x: Floats32) -> Floats32 | None:
        """What is kept of inputs from flip to flip."""

    @abstractmethod
    def _flipped(self, model: Any, x: Floats32, i: int, kept: Any) -> tuple[Floats32, Floats32 | None]:
        """Scores after a flip of bit i of each input, and what would then be kept."""

    def _take(self, kept: Floats32 | None, trial: Floats32 | None, better: Bools) -> None:
        """Keep it of those that took the flip."""
        if kept is not None and trial is not None:
            kept[better] = trial[better]


@dataclass(frozen=True)
class Coordinates(Ascent):
    """By queries alone.

    >>> from longtail.irrelevant.models import Nearest
    >>> hidden = np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 1]])  # an example of each of two classes
    >>> model = Nearest(signs(hidden), np.array([0, 1]), classes=2)
    >>> Coordinates().recover(model, np.array([0, 1]), dimension=5).tolist()
    [[1, 0, 1, 1, 0], [0, 1, 0, 0, 1]]
    """

    needs = Queried

    def _scores(self, model: Queried, x: Floats32) -> Floats32:
        return model.query(x)

    def _begun(self, model: Queried, x: Floats32) -> None:
        return None

    def _flipped(self, model: Queried, x: Floats32, i: int, kept: Any) -> tuple[Floats32, None]:
        x[:, i] *= -1
        scores = model.query(x)
        x[:, i] *= -1
        return scores, None


@dataclass(frozen=True)
class Increments(Ascent):
    """By the first layer's columns, another way to the scores of ``Coordinates``.

    >>> from longtail.irrelevant.models import Linear
    >>> model = Linear(np.array([[0.5, -0.2, 0.1], [-0.1, 0.3, 0.4]], np.float32), np.zeros(2, np.float32))
    >>> one, other = (attack(sweeps=2).recover(model, np.array([0, 1]), 3) for attack in (Increments, Coordinates))
    >>> one.tolist(), bool((one == other).all())
    ([[1, 0, 0], [0, 1, 1]], True)
    """

    needs = Layered

    def _scores(self, model: Layered, x: Floats32) -> Floats32:
        return model.ended(model.begun(x))

    def _begun(self, model: Layered, x: Floats32) -> Floats32:
        return model.begun(x)

    def _flipped(self, model: Layered, x: Floats32, i: int, kept: Any) -> tuple[Floats32, Floats32]:
        trial = np.asarray(kept - (2 * x[:, i, None]) * model.column(i), np.float32)
        return model.ended(trial), trial


@dataclass(frozen=True)
class Gradient(Attack):
    """``steps`` of length ``rate`` along the gradient's signs, from the middle of the cube.

    >>> from longtail.irrelevant.models import Linear
    >>> model = Linear(np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]], np.float32), np.zeros(2, np.float32))
    >>> Gradient().recover(model, np.array([0]), 3).tolist()
    [[1, 0, 1]]
    """

    steps: int = 20
    rate: float = 0.1
    needs = Sloped

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", whole("steps", self.steps, 1, 10**6))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))

    def _recovered(self, model: Sloped, classes: Integers, dimension: int, seed: int, number: int) -> Bits:
        x = np.zeros((len(classes), dimension), np.float32)
        for _ in range(self.steps):
            x = np.clip(x + np.float32(self.rate) * np.sign(model.slope(x, classes)), -1, 1).astype(np.float32)
        return (x > 0).view(np.uint8)


KINDS: dict[str, type[Attack]] = {
    "signs": Signs,
    "queries": Coordinates,
    "increments": Increments,
    "gradient": Gradient,
}


def attack(text: str) -> Attack:
    """The attack that ``text`` names, as a call for its options; read as data.

    >>> attack("queries(sweeps=3)")
    Coordinates(sweeps=3)
    """
    remedy = f"give one of {', '.join(KINDS)}, as a call for its options"
    call = calls.read("attack", text, remedy)
    if call.name not in KINDS:
        raise ArgumentError("attack", calls.shortened(text), remedy)
    made: Attack = calls.made("attack", call, KINDS[call.name])
    return made


def start(rows: int, dimension: int, seed: int, number: int) -> Floats32:
    """Uniform signs that attacks on data set ``number`` set out from, (rows, dimension).

    >>> start(2, 4, seed=0, number=0).tolist()
    [[-1.0, -1.0, 1.0, -1.0], [1.0, -1.0, 1.0, -1.0]]
    """
    words = philox.words(seed, philox.substream(philox.TASK, START), number, 0, rows * dimension)
    return signs((words >> np.uint32(31)).astype(np.uint8).reshape(rows, dimension))
