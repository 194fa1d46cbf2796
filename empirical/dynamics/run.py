"""From seeds to scores, and to the influence of all examples on tests, taken up where they stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.sources.arrays import opened
from empirical.dynamics.influence import Probes, averaged
from empirical.dynamics.scores import Scores, joined, of_parameters, scored
from empirical.dynamics.store import Nets
from empirical.dynamics.training import Ints, Trainer
from empirical.learners.learner import features
from empirical.learners.score import Floats32
from empirical.training.executors import Executor
from empirical.training.run import SERIAL
from empirical.training.work import visible
from longtail.core import ArgumentError, whole
from longtail.core.arrays import CPU, Device, fitting
from longtail.core.files import whole_binary
from longtail.core.opened import within

log = logging.getLogger(__name__)
ARRAYS = ("influence", "stderr", "tests", "epochs", "run")
PARTS = "nets"  # in the folder of the tables: where influence by epoch is kept until all of it is there


@dataclass(frozen=True)
class Progress:
    """How far a run is: units done and wanted, how many of those were there before, and seconds.

    >>> told = []
    >>> told.append(Progress(done=3, wanted=10, found=1, seconds=2.5))  # what ``progress=told.append`` is called with
    >>> told[0].wanted - told[0].done
    7
    """

    done: int
    wanted: int
    found: int
    seconds: float


Told = Callable[[Progress], None]
Reading = Callable[[int, Floats32], Any]


@dataclass(frozen=True)
class _Finished:
    """The net of a seed that is there: its scores at the epochs, and what a reading made of its parameters. Of a ``stored`` one
    another process gets no scores: they are read where they are.
    """

    seed: int
    scores: Scores | None
    read: Any
    stored: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _Finished, (self.seed, None if self.stored else self.scores, self.read, self.stored)


@dataclass(frozen=True)
class _Training:
    """Makes the net of a seed, wherever it is sent: the examples are laid out anew there, so that its bits are the same. Who
    trains it puts it where ``nets`` are kept, unless another run was quicker.
    """

    trainer: Trainer
    data: Data
    epochs: tuple[int, ...]
    reading: Reading | None = None
    nets: Nets | None = None
    damaged: frozenset[int] = frozenset()  # of these it was said: they are not looked for again

    def __call__(self, seed: int) -> _Finished:
        there = None if seed in self.damaged else self.there(seed)
        if there is not None:
            return there
        if self.nets is not None:
            visible(self.nets.shelf)
        own = self.trainer
        trainer = replace(Trainer.of(own.net, self.data, own.groups), learned=own.learned)
        return self._kept(*scored(trainer, self.data, seed, self.epochs))

    def there(self, seed: int) -> _Finished | None:
        """A net that is stored, if it is whole."""
        if self.nets is None or not self.nets.has(seed) or (scores := self.nets.scores(seed)) is None:
            return None
        if self.reading is None:
            return _Finished(seed, scores, None, True)
        parameters = self.nets.parameters(seed)
        return None if parameters is None else _Finished(seed, scores, self.reading(seed, parameters), True)

    def _kept(self, scores: Scores, parameters: Floats32) -> _Finished:
        """A net that was trained, once it is stored."""
        seed = scores.seeds[0]
        if self.nets is not None:
            self.nets.write(scores, parameters, first=not self.nets.has(seed))
        read = None if self.reading is None else self.reading(seed, parameters)
        return _Finished(seed, scores, read, self.nets is not None)

    def at_once(self, seeds: Sequence[int], device: Device) -> Generator[_Finished, None, None]:
        """The nets of seeds trained on a GPU, in batches that fit there; asked here."""
        from empirical.dynamics.net_cuda import course, numbers

        size = fitting(4 * numbers(self.trainer), device, max(len(seeds), 1))
        for start in range(0, len(seeds), size):
            some = seeds[start : start + size]
            kept = [_on_host(w) for w in course(self.trainer, some, self.epochs)]
            for row, seed in enumerate(some):
                parameters = np.stack([w[row] for w in kept])
                yield self._kept(of_parameters(self.trainer, self.data, seed, self.epochs, parameters), parameters)


def trained(
    trainer: Trainer,
    data: Data,
    seeds: Sequence[int],
    epochs: Sequence[int],
    nets: Nets | None = None,
    progress: Told = lambda _: None,
    *,
    executor: Executor = SERIAL,
    device: Device = CPU,
    reading: Reading | None = None,
) -> tuple[Scores, list[Any]]:
    """Scores of a net a seed, and what ``reading`` makes of each one's seed and parameters; nets in the store are read, the
    others trained, by the executor or as many at once as fit on a GPU, and stored.

    >>> from empirical.dynamics.net import Net
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> data = Data(x, y, x, y, (0, 1))
    >>> scores, read = trained(Trainer.of(Net((6,), epochs=2), data), data, seeds=[0, 1], epochs=(1, 2))
    >>> scores.seeds, scores.loss.shape, read  # nets, epochs, own, flipped and whole, examples
    ((0, 1), (2, 2, 3, 4), [None, None])
    """
    began, training = time.monotonic(), _Training(trainer, data, tuple(epochs), reading, nets)
    parts: dict[int, tuple[Scores, Any]] = {}
    for seed in seeds:
        if (there := training.there(seed)) is not None and there.scores is not None:
            parts[seed] = there.scores, there.read
    before = len(parts)
    progress(Progress(before, len(seeds), before, 0.0))
    while missing := [seed for seed in seeds if seed not in parts]:
        damaged = frozenset() if nets is None else frozenset(seed for seed in missing if nets.has(seed))
        training = replace(training, damaged=damaged)
        found_now = executor.map(training, missing) if device.kind == "cpu" else training.at_once(missing, device)
        with contextlib.closing(found_now) as results:
            for net in results:
                scores = nets.scores(net.seed) if net.scores is None and nets is not None else net.scores
                if scores is not None:  # else it was damaged since, which is said: it is done again
                    parts[net.seed] = scores, net.read
                    progress(Progress(len(parts), len(seeds), before, time.monotonic() - began))
    ordered = [parts[seed] for seed in sorted(parts)]
    return joined([scores for scores, _ in ordered]), [read for _, read in ordered]


def _on_host(w: Any) -> Floats32:
    """A copy of parameters, which the device trains further."""
    return np.array(w.get() if hasattr(w, "get") else w, np.float32)


def influence(
    trainer: Trainer,
    data: Data,
    seeds: Sequence[int],
    nets: Nets,
    tests: int,
    out: Path,
    progress: Told = lambda _: None,
) -> Path:
    """``influence.npz``: influence in loss of every training example on the first ``tests`` test examples, (epochs, tests, n),
    the mean over seeds of nets that are stored, and its standard error; an epoch at a time, each kept until all are there.

    >>> import tempfile
    >>> from empirical.dynamics.net import Net
    >>> from empirical.dynamics.store import Identity
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> data = Data(x, y, x, y, (0, 1))
    >>> trainer = Trainer.of(Net((6,), epochs=2), data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nets = Nets.open(f"{folder}/nets", Identity.of(trainer, data, (1, 2)))
    ...     _ = trained(trainer, data, [0, 1], (1, 2), nets)
    ...     with np.load(influence(trainer, data, [0, 1], nets, tests=3, out=Path(folder))) as found:
    ...         print(found["influence"].shape)  # epochs, tests, examples
    (2, 3, 4)
    """
    epochs, n, target = nets.identity.epochs, data.n, out / "influence.npz"
    which = np.arange(whole("tests", tests, 1, data.n_test))
    within(
        "tests", f"{tests} tests of {n} examples at {len(epochs)} epochs", 16 * len(epochs) * tests * n, "give fewer"
    )
    told = json.dumps([nets.identity.digest, list(seeds), tests])
    key = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "little")
    files = [out / PARTS / f"influence-{epoch:07d}.npz" for epoch in epochs]
    files[0].parent.mkdir(exist_ok=True)
    if _there(target, key, (len(epochs), tests, n)) is not None:
        log.info("%s is there already, of the very same nets", target)
    else:
        began, parts, found = time.monotonic(), [], sum(file.exists() for file in files)
        for at, file in enumerate(files):
            part = _there(file, key, (1, tests, n))
            if part is None:
                part = _matrix([_probes(trainer, data, seed, nets, at, tests) for seed in seeds], n)
                _save(file, part, which, epochs[at : at + 1], key)
            parts.append(part)
            progress(Progress(at + 1, len(files), found, time.monotonic() - began))
        both = [np.concatenate(one) for one in zip(*parts, strict=True)]
        _save(target, (both[0], both[1]), which, epochs, key)
    for file in files:  # which another run on this folder, or a killed one, may have left, or taken already
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # where nets are elsewhere nothing is left in it
        files[0].parent.rmdir()
    return target


def _probes(trainer: Trainer, data: Data, seed: int, nets: Nets, at: int, tests: int) -> Probes:
    parameters = nets.parameters(seed)
    if parameters is None:
        raise ArgumentError(
            "out", f"{nets.shelf}/{nets.name(seed)}", "it was there a moment ago: run the same command again"
        )
    x = features(data)[1][:tests]
    return Probes.of(trainer, seed, parameters[at], x, data.y_test[:tests])


def _matrix(probes: Sequence[Probes], n: int) -> tuple[Floats32, Floats32]:
    """Mean and standard error, (1, tests, n)."""
    mean, stderr = np.empty((2, 1, len(probes[0].labels), n), np.float32)
    for block, value, error in averaged(probes):
        mean[0, :, block], stderr[0, :, block] = value.T, error.T
    return mean, stderr


def _save(path: Path, both: tuple[Floats32, Floats32], tests: Ints, epochs: Sequence[int], key: int) -> None:
    with whole_binary(path) as file:
        np.savez(file, influence=both[0], stderr=both[1], tests=tests, epochs=np.array(epochs), run=np.uint64(key))


def _there(path: Path, key: int, shape: tuple[int, ...]) -> tuple[Floats32, Floats32] | None:
    """The influence asked for and its standard error, if a file holds them."""
    if not path.exists():
        return None
    try:
        found = opened(str(path), ARRAYS, ARRAYS, "out")
    except ArgumentError as error:
        log.warning("%s is damaged (%s); it will be made again", path, error)
        return None
    if found["run"].shape != () or int(found["run"]) != key or found["influence"].shape != shape:
        return None
    return found["influence"], found["stderr"]
