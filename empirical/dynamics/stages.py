"""What nets under masks cost, counted from their sizes, and timed by doing a little of each stage here.

Of S nets d-w_1-…-w_L-K with P = Σ a b weights, on n training and q test examples, asked after A of E epochs; a and b are the
units of neighboring layers, and nothing is left out of the counts for being 0, which the code then leaves out:

    train      S E n (4 d w_1 + 6 Σ_{later} a b) operations: forward, and back but for the first layer's inputs
    scores     S A (3 n + q) 2 P: three sub-networks of each training example; with groups, S A n 6 P for their gradients
    store      S A (4 P' + 5 (3 n + q)) bytes, P' = P and the biases
    influence  S A n q' 2 (½ a b + 2 Σ_{later} h_a h_b a b) for q' tests, h = ½ where a layer is masked (``influence``)
    report     A n rows of a table, and A n q' pairs averaged

Seconds are those of a processor on at most ``SAMPLE`` examples, spread over all of them.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise
from pathlib import Path

import numpy as np

from empirical.dynamics.influence import BLOCK, TESTS, Probes, averaged, by_epoch
from empirical.dynamics.net import Net
from empirical.dynamics.run import Reading
from empirical.dynamics.scores import Scores, judged
from empirical.dynamics.training import Ints, Trainer
from empirical.learners.score import Floats32
from empirical.learners.shared.places import lined
from empirical.training.shelf import Folder
from empirical.training.stages import Stage, spent

SAMPLE = 2048
BYTES = 2**24  # of a file that is written for the time of it


@dataclass(frozen=True)
class Case:
    """Sizes of a run: ``nets`` of them, asked ``times``; influence on ``tests`` of ``n_test`` tests, 0 where not asked for.

    >>> Case(n=1000, n_test=100, nets=3, times=1).trained(Net(widths=(64,), epochs=2), sizes=(20, 64, 10))
    53760000.0
    """

    n: int
    n_test: int
    nets: int
    times: int
    tests: int = 0
    grouped: bool = False
    kept: bool = True

    def trained(self, net: Net, sizes: Sequence[int]) -> float:
        """Operations of all nets' training."""
        first, *later = (a * b for a, b in pairwise(sizes))
        return float(self.nets * net.epochs * self.n * (4 * first + 6 * sum(later)))

    def scored(self, sizes: Sequence[int]) -> float:
        """Of scores."""
        return float(self.nets * self.times * (3 * self.n + self.n_test) * 2 * _weights(sizes))

    def followed(self, sizes: Sequence[int]) -> float:
        """Of groups' gradients."""
        return float(self.nets * self.times * self.n * 6 * _weights(sizes) * self.grouped)

    def bytes(self, net: Net, sizes: Sequence[int]) -> float:
        """Of the nets that are stored."""
        many = 4 * net.parameters(sizes[0], sizes[-1])
        return float(self.kept * self.nets * self.times * (many + 5 * (3 * self.n + self.n_test)))

    @property
    def pairs(self) -> int:
        """Of a training and a test example, at all epochs."""
        return self.times * self.n * self.tests


def per_pair(net: Net, sizes: Sequence[int]) -> float:
    """Operations for the influence of an example on a test.

    >>> per_pair(Net((8,)), (5, 8, 3))  # half of the 24 weights behind the units, a multiplication and an addition each
    24.0
    """
    first = net.masked[0]
    half = [0.5 if layer in net.masked else 1.0 for layer in range(len(sizes))]
    next_one = 0.5 * sizes[first] * sizes[first + 1]
    later = (2 * half[k] * half[k + 1] * sizes[k] * sizes[k + 1] for k in range(first + 1, len(sizes) - 1))
    return float(2 * (next_one + sum(later)))


@dataclass(frozen=True)
class Rates:
    """A processor's seconds: of an operation of training, of scores, of gradients and of influence; of a byte stored; of a row
    of a table, and of a pair averaged.

    >>> rates = Rates(train=1e-9, score=1e-9, group=1e-9, influence=1e-9, byte=1e-9, row=1e-6, pair=1e-8)
    >>> found = stages(Case(1000, 100, nets=10, times=4), Net((256,), epochs=20), (784, 256, 10), rates)
    >>> {one.name: round(one.seconds, 2) for one in found}
    {'train': 163.64, 'scores': 50.41, 'store': 0.03, 'report': 0.0}
    """

    train: float
    score: float
    group: float
    influence: float
    byte: float
    row: float
    pair: float


def stages(case: Case, net: Net, sizes: Sequence[int], rates: Rates | None = None) -> tuple[Stage, ...]:
    """All that there are of a run; without rates no seconds.

    >>> found = stages(Case(100, 20, nets=2, times=1), Net((8,), epochs=3), (5, 8, 3))
    >>> [(one.name, one.operations) for one in found[:2]]
    [('train', 182400.0), ('scores', 81920.0)]
    """
    r = rates or Rates(*[float("nan")] * 7)
    train, score, group = case.trained(net, sizes), case.scored(sizes), case.followed(sizes)
    stored, asked = case.bytes(net, sizes), case.nets * case.pairs * per_pair(net, sizes)
    # parameters read at each epoch
    drawn = 4 * case.times * net.parameters(sizes[0], sizes[-1]) * case.nets * case.times
    rows = case.times * case.n * (2 if case.tests else 1)
    found = [
        Stage("train", train, "FLOP", 0, train * r.train),
        Stage("scores", score + group, "FLOP", 0, score * r.score + (group * r.group if group else 0)),
        Stage("store", None, "bytes", stored, stored * r.byte),
    ]
    if case.tests:
        found.append(Stage("influence", asked, "FLOP", 16 * case.pairs + drawn, asked * r.influence + drawn * r.byte))
    seconds = rows * r.row + (case.pairs * r.pair if case.tests else 0)
    return (*found, Stage("report", rows, "rows", 8 * case.pairs, seconds))


def calibrated(trainer: Trainer, tests: Floats32, reading: Callable[[Trainer, Ints], Reading] | None = None) -> Rates:
    """Rates of this machine, by a few seconds; ``reading`` makes the groups' gradients of some of the examples.

    >>> from empirical.data.data import Data
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> rates = calibrated(Trainer.of(Net((6,), epochs=2), Data(x, y, x, y, (0, 1))), x)
    >>> rates.train > 0, rates.influence > 0, rates.group  # of gradients nothing was asked
    (True, True, 0.0)
    """
    some = np.unique(np.linspace(0, len(trainer.labels) - 1, min(len(trainer.labels), SAMPLE)).astype(np.int64))
    few = replace(
        trainer, x=lined(trainer.x[some]), labels=trainer.labels[some], groups=trainer.groups[some],
        learned=trainer.learned[some],
    )  # fmt: skip
    sizes, m, weights = [int(v) for v in few.sizes], len(some), _weights(few.sizes.tolist())
    many = min(3, few.net.epochs)
    one = spent(lambda: few.parameters(0, (1,)))
    epoch = (spent(lambda: few.parameters(0, (many,))) - one) / (many - 1) if many > 1 else one
    epoch = epoch if epoch > 0 else one
    w = few.parameters(0, (1,))[0]
    bits = few.net.bits(0, few.groups)
    score = spent(lambda: judged(few.values(w, few.x, bits), few.labels)) / (6 * m * weights)
    group = 0.0
    if reading is not None:
        moved = reading(few, some)
        group = spent(lambda: moved(0, w[None])) / (6 * m * weights)
    probes = Probes.of(few, 0, w, tests[:TESTS], np.zeros(len(tests[:TESTS]), np.int64))
    pairs = min(m, BLOCK) * len(tests[:TESTS])
    asked = spent(lambda: next(averaged([probes]))) / (pairs * per_pair(few.net, sizes))
    rates = Case(m, 1, 1, 1).trained(replace(few.net, epochs=1), sizes)
    return Rates(epoch / rates, score, group, asked, per_byte(), _row(few), _pair())


def per_byte() -> float:
    """A processor's seconds of a byte that is written into the store.

    >>> per_byte() > 0
    True
    """
    with tempfile.TemporaryDirectory() as folder:
        values = np.random.default_rng(0).random(BYTES // 4, np.float32)

        names = count()

        def write() -> None:
            with Folder(Path(folder)).write(f"{next(names)}.npz") as file:  # one that is there would lend its pages
                np.savez(file, values=values)

        return spent(write) / BYTES


def _row(few: Trainer) -> float:
    m = len(few.labels)
    rng = np.random.default_rng(0)
    values = rng.random((2, 1, 3, m), np.float32)
    scores = Scores((0, 1), (1,), values, values < 0.5, values[:, :, 0], values[:, :, 0] < 0.5)
    return spent(lambda: scores.table([str(v) for v in few.labels]).to_csv(io.StringIO(), index=False)) / m


def _pair() -> float:
    rng = np.random.default_rng(0)
    value, same = rng.normal(size=(1, TESTS, SAMPLE)).astype(np.float32), rng.random((TESTS, SAMPLE)) < 0.1
    return spent(lambda: by_epoch(value, value, (1,), same)) / value.size


def _weights(sizes: Sequence[int]) -> int:
    return sum(a * b for a, b in pairwise(sizes))
