"""What finding wrong labels costs, counted, and timed by doing a little of each stage here.

Of n training examples of d features and K classes, q test examples to be judged, and t models:

    train     t models, of so many operations as the learner says, where it does
    store     t n random keys for parts, t (n + q) probabilities of K classes, or classes, written
    chances   t (n + q) K probabilities read, and the two EMs on their means (``empirical.estimates.mislabeled``)
    nearest   2 d n operations for each of the likeliest, and for those that say what is near

Tables and the page come on top; the page grows with --top alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from empirical.data.examples import Examples
from empirical.designs.design import Design
from empirical.estimates import costs
from empirical.estimates.issues import SHOWN, issues
from empirical.estimates.rivals import SAMPLE, rivals
from empirical.training.stages import Stage, spent
from empirical.training.trials import Trials
from longtail.core.shown import many

ROWS, ASKED, FEW = 2048, 256, 512  # examples of which stages are timed, at the most; a few for a first word
SURE = 4.0  # of the logit of the true class in made-up probabilities, beyond the others'


@dataclass(frozen=True)
class Case:
    """Sizes: ``kept`` bytes of an example and model, ``features`` of an example, 0 where distances are not known; ``n_test`` of
    those that are judged; ``per_model`` operations train one, None if unknown.

    >>> Case(n=1500, n_test=297, classes=10, models=6, kept=20, features=64).compared
    3297
    """

    n: int
    n_test: int
    classes: int
    models: int
    kept: int
    features: int
    per_model: float | None = None

    @property
    def compared(self) -> int:
        """Examples whose distances to all are taken."""
        shown = min(SHOWN, self.n) + min(SHOWN, self.n_test)
        return shown + min(SAMPLE, self.n) * (2 if self.n_test else 1)


@dataclass(frozen=True)
class Rates:
    """A processor's seconds: of a model; of an example and model kept; of an example judged; of a pair of examples compared.

    >>> stages(Case(1500, 0, 10, 6, 20, 64), Rates(model=0.5, kept=0.0, judged=0.001, pair=0.0))[2].seconds
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


def stages(case: Case, rates: Rates | None = None) -> tuple[Stage, ...]:
    """All four; without rates no seconds.

    >>> [stage.name for stage in stages(Case(1500, 0, 10, 6, 20, 64))]
    ['train', 'store', 'chances', 'nearest']
    """
    r = rates or Rates(*[float("nan")] * 4)
    t, every = case.models, case.n + case.n_test
    pairs = case.compared * case.n if case.features else 0
    trained = None if case.per_model is None else t * case.per_model
    return (
        Stage("train", trained, "FLOP", 0, t * r.model),
        Stage("store", case.n * t + every * t, "keys, numbers", every * t * case.kept, t * every * r.kept),
        Stage("chances", t * every * case.classes, "numbers", every * t * case.kept, every * r.judged),
        Stage("nearest", 2 * pairs * case.features, "FLOP", 0, pairs * r.pair),
    )


def calibrated(case: Case, model: float, design: Design) -> Rates:
    """Rates of this machine, by a second or so of each stage; ``model`` is what training one takes, rehearsed.

    >>> from empirical.designs import Folds
    >>> calibrated(Case(60, 0, 3, 4, 6, 2), 0.5, Folds(2)).model
    0.5
    """
    sizes = costs.Case(case.n, max(case.n_test, 1), case.models, 0, 0, shard=min(case.models, 64))
    n = min(case.n, ROWS)
    judged = spent(lambda: _judged(case, n)) / n
    return Rates(model, costs.stored(sizes, design), judged, _pair(case))


def afterwards(case: Case, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of chances and distances, by a single round on few examples, in a fraction of a second.

    >>> afterwards(Case(1500, 0, 10, 6, 20, 64)) > 0
    True
    """
    n = min(case.n, FEW)
    _judged(case, n)
    start = clock()
    _judged(case, n)
    rates = Rates(0.0, 0.0, (clock() - start) / n, _pair(case, rounds=1))
    return sum(stage.seconds for stage in stages(case, rates))


def _judged(case: Case, n: int) -> None:
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


def _pair(case: Case, rounds: int = 3) -> float:
    """Seconds of a pair in the stage of distances, on made-up examples; nothing where there are none."""
    if not case.features:
        return 0.0
    n = min(case.n, ROWS)
    at, rng = np.arange(min(ASKED, n)), np.random.default_rng(0)
    x, masks = rng.random((n, case.features), np.float32), np.packbits(np.ones((2, n), bool), axis=1)
    trials = Trials(n, 0, np.arange(2), masks, np.zeros((2, n), np.uint8), np.zeros((2, 0), np.uint8), "predicted")
    return spent(lambda: rivals(trials, x, np.arange(n) % 2, at), rounds) / ((len(at) + min(SAMPLE, n)) * n)


def head(case: Case) -> str:
    """The sizes, for a person to read.

    >>> head(Case(1500, 297, 10, 6, 20, 64))
    '1,500 training and 297 test examples, 10 classes, 6 models'
    """
    judged = f"{case.n:,} training" + (f" and {case.n_test:,} test" if case.n_test else "")
    return f"{judged} examples, {many(case.classes, 'class')}, {many(case.models, 'model')}"
