"""From seeds to scores, and to the influence of all examples on tests, taken up where they stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from empirical.data.data import Data
from empirical.data.sources.npz import opened
from empirical.dynamics.influence import Probes, averaged
from empirical.dynamics.scores import Scores, joined, scored
from empirical.dynamics.store import Nets
from empirical.dynamics.training import Ints, Trainer
from empirical.learners.learner import features
from empirical.learners.score import Floats32
from longtail.core import ArgumentError, whole
from longtail.core.files import whole as written
from longtail.core.opened import within

log = logging.getLogger(__name__)
ARRAYS = ("influence", "stderr", "tests", "epochs", "run")


@dataclass(frozen=True)
class Progress:
    """How far a run is: units done and wanted, how many of those were there before, and seconds."""

    done: int
    wanted: int
    found: int
    seconds: float


Told = Callable[[Progress], None]


def trained(
    trainer: Trainer,
    data: Data,
    seeds: Sequence[int],
    epochs: Sequence[int],
    nets: Nets | None = None,
    progress: Told = lambda _: None,
) -> Scores:
    """Scores of a net a seed; those in the store are read, the others trained and stored."""
    began = time.monotonic()
    parts = {} if nets is None else {seed: found for seed in seeds if (found := nets.scores(seed)) is not None}
    there = len(parts)
    progress(Progress(there, len(seeds), there, 0.0))
    for seed in seeds:
        if seed in parts:
            continue
        parts[seed], parameters = scored(trainer, data, seed, epochs)
        if nets is not None:
            nets.write(parts[seed], parameters)
        progress(Progress(len(parts), len(seeds), there, time.monotonic() - began))
    return joined(list(parts.values()))


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
    """
    epochs, n, target = nets.identity.epochs, data.n, out / "influence.npz"
    which = np.arange(whole("tests", tests, 1, data.n_test))
    within(
        "tests", f"{tests} tests of {n} examples at {len(epochs)} epochs", 16 * len(epochs) * tests * n, "give fewer"
    )
    told = json.dumps([nets.identity.digest, list(seeds), tests])
    key = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "little")
    if _there(target, key, (len(epochs), tests, n)):
        log.info("%s is there already, of the very same nets", target)
        return target
    began, parts = time.monotonic(), []
    files = [out / "nets" / f"influence-{epoch:07d}.npz" for epoch in epochs]
    found = sum(_there(file, key, (1, tests, n)) for file in files)
    for at, file in enumerate(files):
        if not _there(file, key, (1, tests, n)):
            probes = [_probes(trainer, data, seed, nets, at, tests) for seed in seeds]
            _save(file, _matrix(probes, n), which, epochs[at : at + 1], key)
        parts.append(opened(str(file), ARRAYS, ARRAYS, "out"))
        progress(Progress(at + 1, len(files), found, time.monotonic() - began))
    both = [np.concatenate([part[name] for part in parts]) for name in ("influence", "stderr")]
    _save(target, (both[0], both[1]), which, epochs, key)
    for file in files:
        file.unlink()
    return target


def _probes(trainer: Trainer, data: Data, seed: int, nets: Nets, at: int, tests: int) -> Probes:
    parameters = nets.parameters(seed)
    if parameters is None:
        raise ArgumentError("out", str(nets.path(seed)), "it was there a moment ago: run the same command again")
    x = features(data)[1][:tests]
    return Probes.of(trainer, seed, parameters[at], x, data.y_test[:tests])


def _matrix(probes: Sequence[Probes], n: int) -> tuple[Floats32, Floats32]:
    """Mean and standard error, (1, tests, n)."""
    mean, stderr = np.empty((2, 1, len(probes[0].labels), n), np.float32)
    for block, value, error in averaged(probes):
        mean[0, :, block], stderr[0, :, block] = value.T, error.T
    return mean, stderr


def _save(path: Path, both: tuple[Floats32, Floats32], tests: Ints, epochs: Sequence[int], key: int) -> None:
    with written(path) as file:
        np.savez(file, influence=both[0], stderr=both[1], tests=tests, epochs=np.array(epochs), run=np.uint64(key))


def _there(path: Path, key: int, shape: tuple[int, ...]) -> bool:
    """Whether a file holds the influence asked for."""
    if not path.exists():
        return False
    try:
        found = opened(str(path), ARRAYS, ARRAYS, "out")
    except ArgumentError as error:
        log.warning("%s is damaged (%s); it will be made again", path, error)
        return False
    return found["run"].shape == () and int(found["run"]) == key and found["influence"].shape == shape
