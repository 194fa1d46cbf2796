"""What retraining without the memorized costs, counted, and timed by doing a little of each stage here.

Of S seeds and thresholds θ, of which each leaves out g_θ of n training examples, with q tests of d features:

    train       S (1 + 2 T) models, on n or twice on n − g_θ examples: operations as the learner says, where it does
    duplicates  2 d n (n + q) operations: which tests have a near-duplicate, by distances of all to all; of texts 2 d n q,
                and the words of all n + q of them
    report      S (1 + 2 T) q answers

What a model on fewer examples costs lies on a line through what one on all and one on half of them do. The fit of theory, made
before, comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from empirical.data.data import Data
from empirical.data.duplicates import nearest, said_alike, texts_of
from empirical.estimates.removal import paired
from empirical.learners.learner import Learner
from empirical.training.stages import Stage, spent
from longtail.core import Bools
from longtail.core.arrays import CPU, Device

ROWS = 256  # of which distances to all are timed


@dataclass(frozen=True)
class RemovalCase:
    """Sizes of a removal: training examples that models are trained on, each of the ``members`` in ``seeds`` of them.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> case = RemovalCase.of(data, [np.array([True, False, False, False])], seeds=5)
    >>> case.members, case.models  # on everything, without one, without another at random
    ((4, 3, 3), 15)
    """

    n: int
    n_test: int
    features: int
    seeds: int
    members: tuple[int, ...]
    texts: bool = False

    @classmethod
    def of(cls, data: Data, gone: Sequence[Bools], seeds: int) -> RemovalCase:
        """Without those ``gone`` at each threshold, and without as many at random."""
        x = data.x_train
        numbers = isinstance(x, np.ndarray) and x.dtype.kind in "fiub"
        left = (data.n - int(out.sum()) for out in gone)
        members = (data.n, *(m for one in left for m in (one, one)))
        texts = texts_of(data) is not None
        return cls(data.n, data.n_test, int(np.prod(x.shape[1:])) if numbers else 0, seeds, members, texts)

    @property
    def models(self) -> int:
        """How many are trained."""
        return self.seeds * len(self.members)

    def trained(self, model: float, half: float) -> float:
        """Seconds of all models, by those of one on all examples and of one on half of them."""
        return self.seeds * sum(max(half + (model - half) * (2 * m / self.n - 1), 0.0) for m in self.members)


@dataclass(frozen=True)
class RemovalRates:
    """A processor's seconds: to prepare a learner, of a model on all examples and on half of them, of an operation on distances,
    of an answer, of a text's words.

    >>> rates = RemovalRates(prepared=1.0, model=0.2, half=0.1, distance=0.0, answer=0.0)
    >>> case = RemovalCase(n=100, n_test=10, features=4, seeds=5, members=(100, 50, 50))
    >>> round(stages(case, None, None, rates)[0].seconds, 9)
    3.0
    """

    prepared: float
    model: float
    half: float
    distance: float
    answer: float
    words: float = 0.0


def stages(
    case: RemovalCase, learner: Learner | None, data: Data | None, rates: RemovalRates | None = None
) -> tuple[Stage, ...]:
    """All three; without rates no seconds.

    >>> case = RemovalCase(n=100, n_test=10, features=4, seeds=5, members=(100, 50, 50))
    >>> [(stage.name, stage.operations) for stage in stages(case, None, None)]
    [('train', None), ('duplicates', 88000.0), ('report', 150)]
    """
    r = rates or RemovalRates(*[float("nan")] * 6)
    each = None if learner is None or data is None else [learner.operations(data, m) for m in case.members]
    known = None if each is None or None in each else case.seeds * sum(v for v in each if v is not None)
    near = 2.0 * case.features * case.n * (case.n_test + (0 if case.texts else case.n))
    said = r.words * (case.n + case.n_test) if case.texts else 0.0
    answers = case.models * case.n_test
    return (
        Stage("train", known, "FLOP", 0, r.prepared + case.trained(r.model, r.half)),
        Stage("duplicates", near, "FLOP", 4.0 * case.features * (case.n + case.n_test), near * r.distance + said),
        Stage("report", answers, "answers", answers, answers * r.answer),
    )


def calibrated(data: Data, learner: Learner, device: Device = CPU) -> RemovalRates:
    """Rates of this machine, by preparing the learner, training a few models on all examples, and some distances.

    >>> from empirical.data.load import load
    >>> from empirical.learners import KNN
    >>> calibrated(load("planted", n=60).data, KNN()).model > 0
    True
    """
    made = spent(lambda: learner.prepare(data, "correct", device=device), 1)
    trainer = learner.prepare(data, "correct", device=device)
    everybody, some = np.ones((1, data.n), bool), np.arange(data.n)[None] % 2 == 0
    model, half = (spent(partial(trainer, mask, np.zeros(1, np.int64))) for mask in (everybody, some))
    distance, x = 0.0, data.x_train
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiub":
        flat = np.asarray(x, np.float32).reshape(data.n, -1)
        few = flat[:ROWS]
        distance = spent(lambda: nearest(few, flat)) / (2 * len(few) * data.n * flat.shape[1])
    right = np.random.default_rng(0).random((2, data.n_test)) < 0.5
    answer = spent(lambda: paired(right.astype(float))) / right.size
    return RemovalRates(made, model, half, distance, answer, _words(data))


def _words(data: Data) -> float:
    """Seconds of a text, where examples are texts, as the first of both parts tell: of tests as large a share as of all."""
    texts = texts_of(data)
    if texts is None:
        return 0.0
    train = texts[0][:ROWS]
    test = texts[1][: math.ceil(len(train) * data.n_test / data.n)]
    return spent(lambda: said_alike(train, test, np.zeros(len(test), np.int64))) / (len(train) + len(test))
