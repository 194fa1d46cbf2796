"""What the memorized examples are worth: retrain without them, and without as many random ones (arXiv 2008.03703, section 3).

For every threshold θ and seed s three models are trained: on everything, without the examples of memorization ≥ θ, and
without as many drawn at random. Accuracy lost is the paired difference on the same test examples, averaged over seeds; its
error has two parts, added: test examples are a sample (the spread over examples of the differences averaged over seeds), and
so are seeds (the spread over seeds of the averages over examples). The same on the test examples that have no near-duplicate
among the training examples answers whether the loss is but lost copies of the test set. A near-duplicate is as near as the
nearest twentieth of training examples are to each other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from empirical.data.data import Data
from empirical.data.duplicates import near_duplicates
from empirical.learners.learner import Learner, Trainer, Warned
from empirical.training.executors import Executor
from empirical.training.run import SERIAL, say
from empirical.training.work import prepared, token
from longtail import philox
from longtail.core import ArgumentError, Bools, Floats, real, whole
from longtail.core.arrays import CPU, Device
from longtail.core.files import read_json, write_json
from longtail.core.intervals import Z95, wilson
from longtail.core.sealed import check, sealed

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = (0.1, 0.25, 0.4, 0.6, 0.8)
SEEDS = 5
ALL, DISTINCT = "all", "no duplicates"  # sets of test examples
FOUND = ("threshold", "tests", "lost", "lost_stderr", "lost_random", "lost_random_stderr")  # numbers that are compared
FORETOLD = ("threshold", "removed_share", "lost", "lost_random")
SEALED = "removal.json"  # what was retrained, and the digests of both tables
RECORD = ("learner", "seed", "run")  # of what was retrained, in both tables: they are joined only where these agree


def removal(
    data: Data,
    learner: Learner,
    memorization: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    seeds: int = SEEDS,
    seed: int = 0,
    device: Device = CPU,
    duplicates: Bools | None = None,
    executor: Executor = SERIAL,
) -> pd.DataFrame:
    """Accuracy lost by threshold, on all test examples ("all") and on those without near-duplicates ("no duplicates").

    ``memorization`` is that of each training example; models are trained ``seeds`` times, with and without those at a threshold
    or above. ``duplicates`` says which tests have a near-duplicate, where that is known.

    >>> from empirical.data.load import load
    >>> from empirical.learners import KNN
    >>> data = load("planted", n=60).data
    >>> table = removal(data, KNN(), np.arange(60) % 2, thresholds=[0.5], seeds=2)  # as if every second were memorized
    >>> table[["set", "removed", "seeds"]].to_numpy().tolist()
    [['all', 30, 2], ['no duplicates', 30, 2]]
    """
    value = np.asarray(memorization, float)
    if value.shape != (data.n,):
        raise ArgumentError(
            "memorization", f"shape {value.shape}", f"give one estimate for each of the {data.n} examples"
        )
    count = whole("seeds", seeds, 2)
    gone = removed(data, value, thresholds)
    near = near_duplicates(data) if duplicates is None else duplicates
    arms = np.zeros((count, 1 + 2 * len(gone), data.n_test), bool)
    warned: list[Warned] = []
    with contextlib.closing(
        executor.map(_Retraining(data, learner, tuple(gone), seed, device), range(count))
    ) as results:
        for s, answers, told in results:
            arms[s] = answers
            warned += told
    say(warned, len(warned))
    sets = {ALL: np.ones(data.n_test, bool)} | ({DISTINCT: ~near} if near.any() and not near.all() else {})
    rows = []
    for name, chosen in sets.items():
        right = arms[:, :, chosen].astype(float)
        for k, (theta, out) in enumerate(zip(thresholds, gone, strict=True)):
            whole_set, without, random = right[:, 0], right[:, 1 + 2 * k], right[:, 2 + 2 * k]
            rows.append(_row(name, float(theta), out, chosen, whole_set, without, random))
    import pandas as pd

    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Retraining:
    """For a seed, models on everything, without those ``gone`` at each threshold, and without as many at random."""

    data: Data
    learner: Learner
    gone: tuple[Bools, ...]
    seed: int
    device: Device
    token: str = field(default_factory=token)

    def __call__(self, s: int) -> tuple[int, Bools, list[Warned]]:
        """The seed, which tests each model is right on, and what it warned of."""
        trainer = prepared(self.token, self._trainer)
        masks = [np.ones(self.data.n, bool)]
        for out in self.gone:
            masks += [~out, ~at_random(self.data.n, int(out.sum()), self.seed, s)]
        right = np.zeros((len(masks), self.data.n_test), bool)
        warned: list[Warned] = []
        for k, mask in enumerate(masks):  # one trial number for all: a learner's own chance is the same in each
            right[k] = trainer(mask[None, :], np.array([s]))[1][0]
            warned.append(dict(trainer.warned))
        return s, right, warned

    def _trainer(self) -> Trainer:
        return self.learner.prepare(self.data, "correct", seed=self.seed, device=self.device)


def removed(data: Data, value: Floats, thresholds: Sequence[float]) -> list[Bools]:
    """Who is to go at each threshold; an ArgumentError where too little would be left to train on.

    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> [out.tolist() for out in removed(data, np.array([0.9, 0.1, 0.0, np.nan]), [0.25])]
    [[True, False, False, False]]
    """
    gone = [
        np.nan_to_num(value, nan=-np.inf) >= real("threshold", theta, 0.0, 1.0, open_low=True) for theta in thresholds
    ]
    for theta, out in zip(thresholds, gone, strict=True):
        left = len(np.unique(data.y_train[~out]))
        if left < 2:
            raise ArgumentError("threshold", theta, f"it leaves {left} classes to train on; give higher ones")
    return gone


def at_random(n: int, count: int, seed: int, s: int) -> Bools:
    """``count`` of n examples, for the s-th seed: those of the smallest keys, so that more hold fewer, on any machine the same.

    >>> bool((at_random(9, 3, seed=0, s=1) <= at_random(9, 5, seed=0, s=1)).all())
    True
    """
    out = np.zeros(n, bool)
    out[np.argsort(philox.uniforms(seed, philox.REMOVAL, s, 0, n), kind="stable")[:count]] = True
    return out


def seal(folder: Path, record: Mapping[str, Any], tables: Sequence[str]) -> None:
    r"""``removal.json``: what was retrained, and the digests of the tables that are there by now.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "removal.csv").write_text("lost\n0.01\n")
    ...     seal(Path(folder), {"learner": "KNN(k=1)"}, ["removal.csv"])
    ...     unbroken(Path(folder), ["removal.csv"])  # silent
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['removal.csv', 'removal.json']
    """
    write_json(folder / SEALED, sealed(record, [folder / name for name in tables]))


def unbroken(folder: Path, tables: Sequence[str]) -> None:
    r"""A ValueError names the table that is not as it was written; those of before they were sealed pass.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "removal.csv"
    ...     _ = table.write_text("lost\n0.01\n")
    ...     seal(Path(folder), {}, [table.name])
    ...     _ = table.write_text("lost\n0.5\n")
    ...     unbroken(Path(folder), [table.name])
    Traceback (most recent call last):
        ...
    ValueError: removal.csv is not as it was written: its digest in removal.json is another's
    """
    if (folder / SEALED).is_file():
        check(read_json(folder / SEALED), SEALED, folder, tables)


def _row(
    name: str, theta: float, out: Bools, chosen: Bools, whole_set: Floats, without: Floats, random: Floats
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "set": name,
        "threshold": theta,
        "tests": int(chosen.sum()),
        "removed": int(out.sum()),
        "removed_share": float(out.mean()),
        "seeds": len(whole_set),
        "accuracy": float(whole_set.mean()),
    }
    differences = {"lost": whole_set - without, "lost_random": whole_set - random, "lost_more": random - without}
    for label, difference in differences.items():
        row[label], row[f"{label}_stderr"] = paired(difference)
    return row


def of_set(removal: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of one set of test examples; all examples in a table that does not say.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"set": [ALL, DISTINCT], "threshold": 0.25, "lost": [0.01, 0.02]})
    >>> of_set(table, DISTINCT)["lost"].tolist()
    [0.02]
    """
    if "set" in removal:
        return removal[removal["set"] == name]
    return removal if name == ALL else removal.iloc[:0]


def paired(difference: Floats) -> tuple[float, float]:
    """The mean of a (seeds, tests) array of differences, and its error over both.

    >>> mean, stderr = paired(np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))  # two seeds, three tests
    >>> mean, round(stderr, 3)
    (0.5, 0.333)
    """
    seeds, tests = difference.shape
    over_tests = difference.mean(0).std(ddof=1) / np.sqrt(tests) if tests > 1 else np.nan
    over_seeds = difference.mean(1).std(ddof=1) / np.sqrt(seeds)
    return float(difference.mean()), float(np.hypot(over_tests, over_seeds))


def margin(stderr: ArrayLike, tests: ArrayLike) -> Floats:
    """Half the width of a 95 % interval of a loss. Where no answer changed, what Wilson's of 0 in so many tests reaches.

    >>> margin([0.01, 0.0], [300, 300]).round(4).tolist()
    [0.0196, 0.0126]
    """
    error, count = np.asarray(stderr, float), np.asarray(tests, float)
    return np.where(error == 0, wilson(np.zeros_like(count), count)[1], Z95 * error)
