"""What finding wrong labels costs, counted, and timed by doing a little of each stage here.

Of n training examples of d features and K classes, q test examples to be judged, and t models:

    train     t models, of so many operations as the learner says, where it does
    store     t n random keys for parts, t (n + q) probabilities of K classes, or classes, written
    chances   t (n + q) K probabilities read, and the two EMs on their means (``empirical.estimates.mislabeled``)
    nearest   2 d n operations for each of the likeliest and of the memorized, and for those that say what is near

Rounds of the EMs, and how many are memorized, go by the data. So chances and distances are timed on the user's own: on what a
few of the models say of at most ``ROWS`` examples, each of these models in the place of several. What every run costs, whatever
its size, comes on top (``empirical.command.cleaning``).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.examples import Examples
from empirical.designs.design import Design
from empirical.estimates import MEMORIZED
from empirical.estimates.issues import SHOWN, Issues, issues, with_tests
from empirical.estimates.rivals import SAMPLE, rivals
from empirical.training.shard import Shard
from empirical.training.stages import Stage, spent
from empirical.training.store import Identity, Store
from empirical.training.trials import Trials
from longtail.core.shown import many

ROWS, ASKED, FEW = 8192, 256, 512  # examples of which stages are timed, at the most; a few for a first word
SURE = 4.0  # of the logit of the true class in made-up probabilities, beyond the others'


@dataclass(frozen=True)
class IssuesCase:
    """Sizes: ``kept`` bytes of an example and model, ``features`` of an example, 0 where they are not numbers; ``n_test`` of
    those that are judged; ``per_model`` operations train one, None if unknown; ``asked``, of how many training examples the
    nearest is sought.

    >>> IssuesCase(n=1500, n_test=297, classes=10, models=6, kept=20, features=64).compared
    3297
    """

    n: int
    n_test: int
    classes: int
    models: int
    kept: int
    features: int
    per_model: float | None = None
    asked: int = SHOWN

    @property
    def compared(self) -> int:
        """Examples whose distances to all are taken."""
        shown = min(self.asked, self.n) + min(SHOWN, self.n_test)
        return shown + min(SAMPLE, self.n) * (2 if self.n_test else 1)


@dataclass(frozen=True)
class IssuesRates:
    """A processor's seconds: of a model; of an example and model kept; of an example judged; of a pair of examples compared.

    >>> stages(IssuesCase(1500, 0, 10, 6, 20, 64), IssuesRates(model=0.5, kept=0.0, judged=0.001, pair=0.0))[2].seconds
    1.5
    """

    model: float
    kept: float
    judged: float
    pair: float


def features(x: Any) -> int:
    """Numbers of an example, 0 where it is none.

    >>> features(np.zeros((5, 2, 3))), features(["a text"])
    (6, 0)
    """
    return int(np.prod(x.shape[1:])) if isinstance(x, np.ndarray) and x.dtype.kind in "fiub" else 0


def stages(case: IssuesCase, rates: IssuesRates | None = None) -> tuple[Stage, ...]:
    """All four; without rates no seconds.

    >>> [stage.name for stage in stages(IssuesCase(1500, 0, 10, 6, 20, 64))]
    ['train', 'store', 'chances', 'nearest']
    """
    r = rates or IssuesRates(*[float("nan")] * 4)
    t, every = case.models, case.n + case.n_test
    pairs = case.compared * case.n
    trained = None if case.per_model is None else t * case.per_model
    return (
        Stage("train", trained, "FLOP", 0, t * r.model),
        Stage("store", case.n * t + every * t, "keys, numbers", every * t * case.kept, t * every * r.kept),
        Stage("chances", t * every * case.classes, "numbers", every * t * case.kept, every * r.judged),
        Stage("nearest", 2 * pairs * case.features, "FLOP", 0, pairs * r.pair),
    )


@dataclass(frozen=True)
class Few:
    """Trials of the whole number of models, made of a few of them, on some examples that one of these saw and another did not.

    >>> from empirical.learners import Softmax
    >>> from empirical.data.load import load
    >>> from empirical.designs import Folds
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import run
    >>> data = load("planted", n=60).data
    >>> few = Few.of(run(Job(data, Softmax(), Folds(2), score="probabilities"), 2), data, models=8)
    >>> few.trials.count, few.trials.n, len(few.found()[0].table)
    (8, 60, 60)
    """

    trials: Trials = field(repr=False)
    examples: Examples = field(repr=False)
    x: Any = field(repr=False)
    x_test: Any = field(repr=False)
    tests: bool = False

    @classmethod
    def of(cls, trials: Trials, data: Data, models: int, tests: bool = False) -> Few:
        """Of the first trials of a job on the data."""
        masks = trials.masks()
        both = np.flatnonzero(masks.any(0) & ~masks.all(0))
        at, at_test = (some[_spread(len(some), ROWS)] for some in (both, np.arange(data.n_test)))
        k = np.arange(models) % trials.count
        inside = np.packbits(masks[:, at][k], axis=1)
        said, test = (
            scores.reshape(trials.count, n, -1)[:, some][k].reshape(models, -1)
            for scores, n, some in ((trials.train, trials.n, at), (trials.test, trials.n_test, at_test))
        )
        made = Trials(len(at), len(at_test), np.arange(models), inside, said, test, trials.score)
        x, z = (_rows(part, some) for part, some in ((data.x_train, at), (data.x_test, at_test)))
        return cls(made, Examples(data.y_train[at], data.y_test[at_test], data.classes), x, z, tests)

    def found(self) -> list[Issues]:
        """What the stage of chances does."""
        return with_tests(self.trials, self.examples) if self.tests else [issues(self.trials, self.examples)]

    @cached_property
    def issues(self) -> list[Issues]:
        """Found, once."""
        return self.found()

    def asked(self, n: int) -> int:
        """Of how many of n training examples the nearest would be sought: the first, and those that are memorized."""
        table, here = self.issues[0].table, self.trials.n
        first = np.arange(here) < round(min(SHOWN, n) * here / n)
        either = int((first | (table["memorization"] >= MEMORIZED)).sum())
        return max(min(SHOWN, n), round(either * n / here))

    def nearest(self) -> tuple[Callable[[], object], int]:
        """What the stage of distances does, of a few examples, and of how many pairs."""
        n = self.trials.n
        at = _spread(n, ASKED)
        work = partial(rivals, self.trials, self.x, self.examples.y_train, at)
        return work, (len(at) + min(SAMPLE, n)) * n


def _spread(n: int, most: int) -> Any:
    """So many of n places, evenly."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _rows(x: Any, at: Any) -> Any:
    return [x[i] for i in at] if isinstance(x, list) else x[at]


def calibrated(case: IssuesCase, model: float, design: Design, few: Few) -> IssuesRates:
    """Rates of this machine, by a second or so of each stage; ``model`` is what training one takes, rehearsed.

    >>> from empirical.designs import Folds
    >>> rng, y = np.random.default_rng(0), np.arange(60) % 3
    >>> masks, said = rng.random((4, 60)) < 0.5, rng.integers(0, 3, (4, 60))
    >>> x = rng.random((60, 2), np.float32)
    >>> data = Data(x, y, x[:1], y[:1], ("a", "b", "c"))
    >>> few = Few.of(Trials.of(masks, said, said[:, :1], score="predicted"), data, models=4)
    >>> calibrated(IssuesCase(60, 0, 3, 4, 6, 2), 0.5, Folds(2), few).model
    0.5
    """
    judged = few.trials.n + (few.trials.n_test if few.tests else 0)
    work, pairs = few.nearest()
    return IssuesRates(
        model, _stored(design, few.trials, few.examples), spent(few.found) / judged, spent(work, rounds=1) / pairs
    )


def _stored(design: Design, trials: Trials, examples: Examples) -> float:
    """Seconds of an example and model beside its training: subsets and a file of what was said, in a folder that goes again."""
    t, n, q, kind = trials.count, trials.n, trials.n_test, trials.train.dtype.name
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "trials", Identity("", "", repr(design), 0, trials.score, kind, t, n, q))

        def kept() -> None:
            design.subsets(0, np.arange(t), n, examples.y_train)
            store.write(Shard(0, trials.train, trials.test))

        return spent(kept) / (t * (n + q))


def afterwards(case: IssuesCase, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of chances and distances, by a single round on few examples, in a fraction of a second.

    >>> afterwards(IssuesCase(1500, 0, 10, 6, 20, 64)) > 0
    True
    """
    n = min(case.n, FEW)
    _judged(case, n)
    start = clock()
    _judged(case, n)
    rates = IssuesRates(0.0, 0.0, (clock() - start) / n, _pair(case, rounds=1))
    return sum(stage.seconds for stage in stages(case, rates))


def _judged(case: IssuesCase, n: int) -> None:
    """What the stage of chances does, on made-up models of made-up examples, a twentieth of whose labels are wrong."""
    rng = np.random.default_rng(0)
    true = np.arange(n) % case.classes
    logits = rng.normal(size=(case.models, n, case.classes)) + SURE * np.eye(case.classes)[true]
    q = np.exp(logits)
    q /= q.sum(2, keepdims=True)
    y = np.where(rng.random(n) < 0.05, (true + 1) % case.classes, true)
    masks = np.packbits((np.arange(case.models)[:, None] + np.arange(n)) % 2 == 0, axis=1)
    said = q.astype(np.float16).reshape(case.models, -1)
    trials = Trials(n, 1, np.arange(case.models), masks, said, said[:, : case.classes], "probabilities")
    issues(trials, Examples(y, y[:1], tuple(range(case.classes))))


def _pair(case: IssuesCase, rounds: int = 3) -> float:
    """Seconds of a pair in the stage of distances, on made-up examples; nothing where there are none."""
    if not case.features:
        return 0.0
    n = min(case.n, ROWS)
    at, rng = np.arange(min(ASKED, n)), np.random.default_rng(0)
    x, masks = rng.random((n, case.features), np.float32), np.packbits(np.ones((2, n), bool), axis=1)
    trials = Trials(n, 0, np.arange(2), masks, np.zeros((2, n), np.uint8), np.zeros((2, 0), np.uint8), "predicted")
    return spent(lambda: rivals(trials, x, np.arange(n) % 2, at), rounds) / ((len(at) + min(SAMPLE, n)) * n)


def head(case: IssuesCase) -> str:
    """The sizes, for a person to read.

    >>> head(IssuesCase(1500, 297, 10, 6, 20, 64))
    '1,500 training and 297 test examples, 10 classes, 6 models'
    """
    judged = f"{case.n:,} training" + (f" and {case.n_test:,} test" if case.n_test else "")
    return f"{judged} examples, {many(case.classes, 'class')}, {many(case.models, 'model')}"
