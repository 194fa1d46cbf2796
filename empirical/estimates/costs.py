"""What a run of the subset estimator costs, counted from its sizes stage by stage, and timed by doing a little of each here.

Of n training and q test examples, n_c and q_c of class c, and t models:

    train    t models, of so many operations each as the learner says, where it does
    store    n t random keys drawn for subsets, (n + q) t bits packed and written, 64 t/shard files
    pairs    2 Σ_c n_c q_c ⌈t/64⌉ words ANDed and counted: all models, and two halves of them; (n + q) t bits turned about twice
    taught   2 Σ_c n_c² ⌈t/64⌉ words: training examples on each other; left out, and 0 seconds, where it is mostly noise
    report   memorization and its errors, of all models, of halves of them, and of fewer: about 5 n t bits unpacked and added

Operations and bytes depend on no machine. Seconds are those of one processor: operations times what one takes here, timed on
made-up trials of the same t on at most ``SAMPLE`` examples, and for training on a few models (``training.resources``).
Figures and fits of theory are not in it: they take about the same time whatever the sizes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from empirical.designs import Fixed
from empirical.designs.design import Design
from empirical.estimates import THRESHOLD
from empirical.estimates.false_pairs import HELD
from empirical.estimates.halves import curve, halves
from empirical.estimates.influence import counted_pairs, influence_pairs
from empirical.estimates.memorization import memorization, memorization_cells
from empirical.estimates.pairing import Pairing
from empirical.estimates.taught import expected_false, unless_noise
from empirical.training import SHARD
from empirical.training.shard import Shard
from empirical.training.stages import Stage, spent
from empirical.training.store import Identity, Store
from empirical.training.trials import Trials
from longtail.core import Integers
from longtail.core.opened import size
from longtail.core.shown import many

SAMPLE, TESTS, BITS = 2048, 512, 2**24  # examples, tests and bits of trials of which a stage is timed, at the most
FEW = 1024  # examples of which stages are timed before each run
FIGURES = 3.0  # seconds of figures and the report's pages, on one core
THEORY = 10.0  # and of fits of theory with their figures: 11 to 15 were measured of both, 1 to 4 without theory
JOINT = 70.0  # and of a run with a learning curve, to which models of more are fitted too: 55 and 92 were measured
CLASS = 6144  # training examples of a class on each other
ONE = Fixed(0.7)


@dataclass(frozen=True)
class Case:
    """Sizes of a run: ``pairs`` is Σ_c n_c q_c and ``among`` Σ_c n_c². ``per_model`` operations train one, None if unknown.

    >>> Case.of(np.array([0, 0, 1]), np.array([0, 1]), models=100).pairs  # of one class: 2 · 1 + 1 · 1
    3
    """

    n: int
    n_test: int
    models: int
    pairs: int
    among: int
    shard: int = SHARD
    per_model: float | None = None

    @classmethod
    def of(cls, y_train: Integers, y_test: Integers, models: int, **more: Any) -> Case:
        """Of a run on labeled data."""
        classes = int(max(y_train.max(), y_test.max())) + 1
        # as Python's whole numbers, of any size
        a, b = (np.bincount(y, minlength=classes).astype(object) for y in (y_train, y_test))
        return cls(len(y_train), len(y_test), models, int((a * b).sum()), int((a * a).sum()), **more)

    @classmethod
    def even(cls, n: int, n_test: int, classes: int, models: int, **more: Any) -> Case:
        """Of classes of one size."""
        return cls(n, n_test, models, n * n_test // classes, n * n // classes, **more)

    @property
    def words(self) -> int:
        """⌈t/64⌉."""
        return -(-self.models // 64)


def _resnet50(n: int, n_test: int, epochs: int, fraction: float = 0.7) -> float:
    """FLOP of one ResNet-50 at 224 × 224: 4.1 × 10^9 multiplications and as many additions an image forward (torchvision's
    count; He et al., CVPR 2016, table 1, say 3.8), three times that to learn from it, and one time to score it.
    """
    forward = 8.2e9
    return forward * (3 * epochs * fraction * n + n + n_test)


PUBLISHED = {  # docs/size.md has their tables
    "ImageNet": Case.even(1_281_167, 50_000, 1000, 2000, per_model=_resnet50(1_281_167, 50_000, 90)),
    "100 M examples": Case.even(10**8, 10**5, 1000, 2000, per_model=_resnet50(10**8, 10**5, 4)),
}


@dataclass(frozen=True)
class Rates:
    """Seconds of a processor here: of training a model; of a trial's subset and writing, an example; of a word, and a bit turned
    about, in the search for pairs; of a word in that among training examples; and of a bit in tables.

    >>> rates = Rates(model=0.1, kept=0.0, word=1e-9, bit=0.0, among=1e-9, table=1e-9)
    >>> stages(Case.even(1000, 100, classes=10, models=2000), rates)[0].seconds
    200.0
    """

    model: float
    kept: float
    word: float
    bit: float
    among: float
    table: float


def stages(case: Case, rates: Rates | None = None, missing: int | None = None) -> tuple[Stage, ...]:
    """All five; without rates no seconds. Of models so many are ``missing``, if not all.

    >>> [(stage.name, stage.operations) for stage in stages(Case.even(1000, 100, classes=10, models=640))][2:4]
    [('pairs', 200000), ('taught', 2000000)]
    """
    t, both = case.models, case.n + case.n_test
    left = t if missing is None else missing
    r = rates or Rates(*[float("nan")] * 6)
    trained = None if case.per_model is None else left * case.per_model
    found, among, turned = 2 * case.pairs * case.words, 2 * case.among * case.words, 2 * both * t
    bits = both * t / 8
    return (
        Stage("train", trained, "FLOP", 0, left * r.model),
        Stage("store", case.n * left + both * left, "keys and bits", both * left / 8, left * both * r.kept),
        Stage("pairs", found, "words", 2 * bits, found * r.word + turned * r.bit),
        Stage("taught", among, "words", 2 * case.n * t / 8, among * r.among),
        Stage("report", 5 * case.n * t, "bits", 3 * case.n * t / 8, 5 * case.n * t * r.table),
    )


def calibrated(case: Case, model: float, design: Design = ONE, threshold: float = THRESHOLD) -> Rates:
    """Rates of this machine, by a second or so of each stage; ``model`` is what training one takes, rehearsed.

    >>> rates = calibrated(Case.even(100, 10, classes=2, models=64), model=0.1)
    >>> rates.model, rates.kept > 0
    (0.1, True)
    """
    t, kept = case.models, stored(case, design)
    n, q = min(case.n, max(SAMPLE, BITS // t)), min(case.n_test, TESTS)
    few = max(n // 8, 2)
    large, small = made_up(n, q, t), made_up(few, q, t)
    whole = spent(lambda: found(large, _alone(large, True, threshold)))
    apart, less = (spent(partial(found, one, _alone(one, False, threshold))) for one in (large, small))
    bit = max(apart - less, 0.0) / (2 * max(n - few, 1) * t)
    word = max(whole - apart, 0.0) / (2 * n * q * case.words)
    m = min(max(case.among // case.n, 2), CLASS)
    classes = min(max(case.n // m, 1), max(2 * CLASS // m, 1))  # as many as outgrow caches, as a run's do
    pupils = made_up(classes * m, 1, t)
    each = Pairing(np.arange(pupils.n) % classes, None, threshold)
    noisy = expected_false(pupils, each) * case.among > HELD * classes * m * m  # it is left out
    among = 0.0 if noisy else spent(partial(teachers, pupils, each)) / (2 * classes * m**2 * case.words)
    table = max(spent(lambda: tables(large)) - spent(lambda: tables(small)), 0.0) / (5 * max(n - few, 1) * t)
    return Rates(model, kept, word, bit, among, table)


def rough(case: Case, threshold: float = THRESHOLD, clock: Callable[[], float] = time.perf_counter) -> Rates:
    """Rates of words and of bits in tables, of one round on few examples, in a fraction of a second; the others are 0.

    >>> import itertools
    >>> case = Case.even(1000, 100, classes=10, models=64)
    >>> rough(case, clock=itertools.count().__next__).table == 1 / (5 * 1000 * 64)  # by a clock on which it takes a second
    True
    """
    t = min(max(case.models, 64), SAMPLE)
    few = made_up(min(case.n, FEW), min(case.n_test, TESTS), t)
    pairing = _alone(few, True, threshold)
    took = []
    for work in (partial(found, few, pairing), partial(tables, few)):
        work()  # compiled by now
        start = clock()
        work()
        took.append(clock() - start)
    words = 2 * few.n * few.n_test * -(-t // 64)
    return Rates(0.0, 0.0, took[0] / max(words, 1), 0.0, 0.0, took[1] / (5 * few.n * t))


def afterwards(case: Case, rates: Rates) -> float:
    """Seconds after training: pairs and tables, which grow with n, and figures and pages, which hardly do. Theory is not in it.

    >>> rates = Rates(model=0.1, kept=0.0, word=1e-9, bit=0.0, among=1e-9, table=1e-9)
    >>> afterwards(Case.even(1000, 100, classes=10, models=2000), rates) > FIGURES
    True
    """
    return FIGURES + sum(stage.seconds for stage in stages(case, rates) if stage.name in ("pairs", "taught", "report"))


def _alone(trials: Trials, paired: bool, threshold: float) -> Pairing:
    """All pairs, or none: training examples of one class, and tests of that or of another."""
    return Pairing(np.zeros(trials.n, np.int64), np.full(trials.n_test, int(not paired)), threshold)


def tables(trials: Trials) -> None:
    """What the report's stage does.

    >>> tables(made_up(20, 5, 64))
    """
    memorization(trials)
    for part in halves(trials):
        memorization_cells(part)
    curve(trials)


def teachers(trials: Trials, pairing: Pairing) -> None:
    """What the stage of training examples on each other does: it is asked whether they are mostly noise, and found if not.

    >>> teachers(made_up(20, 5, 64), Pairing(np.zeros(20, int), np.zeros(5, int)))
    """
    unless_noise(trials, pairing, HELD)


def found(trials: Trials, pairing: Pairing) -> None:
    """What the stage of pairs does.

    >>> found(made_up(20, 5, 64), Pairing(np.zeros(20, int), np.zeros(5, int)))  # nothing comes back: its time is wanted
    """
    influence_pairs(trials, pairing)
    for part in halves(trials):
        counted_pairs(part, pairing)


def made_up(n: int, q: int, models: int) -> Trials:
    """Trials of chance, seven in ten examples in, each right at a rate of its own.

    >>> trials = made_up(20, 5, models=64)
    >>> trials.n, trials.n_test, trials.count
    (20, 5, 64)
    """
    rng = np.random.default_rng(0)
    inside = np.packbits(rng.random((models, n), np.float32) < 0.7, axis=1)
    train, test = (np.packbits(rng.random((models, w), np.float32) < rng.random(w, np.float32), axis=1) for w in (n, q))
    return Trials(n, q, np.arange(models), inside, train, test)


def stored(case: Case, design: Design) -> float:
    """Seconds of an example and model beside its training: subsets, bits and file of a shard, in a folder that goes again.

    >>> stored(Case.even(100, 10, classes=2, models=64), ONE) > 0
    True
    """
    n = min(case.n, 2**18)
    y = np.arange(n) % 2 if getattr(design, "stratified", False) else None
    one = Identity("", "", repr(design), 0, "correct", "uint8", case.shard, n, case.n_test)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "trials", one)
        return spent(lambda: kept(store, design, 0, y)) / (case.shard * (n + case.n_test))


def kept(store: Store, design: Design, number: int, y: Integers | None = None) -> None:
    """What the stage of the store does for a shard, of scores that are all right.

    >>> one = Identity("", "", repr(ONE), 0, "correct", "uint8", shard=8, n=20, n_test=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.open(folder, one)
    ...     kept(store, ONE, 0)
    ...     print(store.numbers())
    [0]
    """
    one = store.identity
    masks = design.subsets(one.seed, np.arange(one.shard) + number * one.shard, one.n, y)
    right, test = np.ones((one.shard, one.n), bool), np.ones((one.shard, one.n_test), bool)
    np.packbits(masks, axis=1)
    store.write(Shard(number, np.packbits(right, axis=1), np.packbits(test, axis=1)))


def head(case: Case) -> str:
    """The sizes, for a person to read.

    >>> head(Case.even(50_000, 10_000, classes=10, models=2000))
    '50,000 training and 10,000 test examples, 2,000 models'
    """
    return f"{case.n:,} training and {many(case.n_test, 'test example')}, {many(case.models, 'model')}"


def markdown(case: Case) -> str:
    """The part that depends on no machine, as a table.

    >>> print(markdown(Case.even(50_000, 10_000, classes=10, models=2000)))
    | stage | operations | of | bytes |
    |---|---|---|---|
    | train | unknown | FLOP | 0 bytes |
    | store | 2.2e+08 | keys and bits | 15 MB |
    | pairs | 3.2e+09 | words | 30 MB |
    | taught | 1.6e+10 | words | 25 MB |
    | report | 5e+08 | bits | 37.5 MB |
    """
    lines = ["| stage | operations | of | bytes |", "|---|---|---|---|"]
    for s in stages(case):
        count = "unknown" if s.operations is None else f"{s.operations:.3g}"
        lines.append(f"| {s.name} | {count} | {s.kind} | {size(s.bytes)} |")
    return "\n".join(lines)
