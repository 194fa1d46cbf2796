"""Everything that trials are a function of."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.fingerprint import digest
from empirical.designs.design import Design
from empirical.learners.fingerprint import named
from empirical.learners.learner import Learner, Trainer
from empirical.learners.score import Score, class_type
from empirical.training import DTYPES, SHARD
from empirical.training.shard import Shard
from empirical.training.spans import Span
from empirical.training.store import Identity
from empirical.training.trials import Trials, floats
from longtail.core import ArgumentError, whole
from longtail.core.arrays import CPU, Device


@dataclass(frozen=True)
class Job:
    """Everything that trials are a function of, the device they are trained on, and ``only`` which are wanted, if not all of a
    shard: what was not asked for would be trained for nobody. ``epochs`` are those after which scores are kept
    beside those at the end.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> job = Job(load("planted", n=60).data, KNN(), Fixed(0.7), shard=8)
    >>> job.trials(job.train(job.trainer(), 2)).number.tolist()  # its third shard
    [16, 17, 18, 19, 20, 21, 22, 23]
    """

    data: Data
    learner: Learner
    design: Design
    seed: int = 0
    score: Score = "correct"
    dtype: str = "float16"
    shard: int = SHARD
    device: Device = CPU
    only: range | None = None
    epochs: tuple[int, ...] = ()

    def identity(self) -> Identity:
        """Its name in a store."""
        return Identity(
            data=digest(self.data),
            learner=named(self.learner),
            design=repr(self.design),
            seed=self.seed,
            score=self.score,
            dtype=self.kind.name,
            shard=self.shard,
            n=self.data.n,
            n_test=self.data.n_test,
            device=self.device.kind,
            version=_version(),
            epochs=self.earlier,
            repeats=self.learner.repeats(self.device),
            classes=self.data.n_classes if self.score == "probabilities" else 0,
        )

    @property
    def kind(self) -> np.dtype[Any]:
        """The type that scores are stored in: bytes of packed bits, numbers of classes, else ``dtype``."""
        if self.score == "predicted":
            return class_type(self.data.n_classes)
        return np.dtype("uint8" if self.score == "correct" else self.dtype)

    @property
    def earlier(self) -> tuple[int, ...]:
        """Of ``epochs`` those before the end."""
        return tuple(int(epoch) for epoch in self.epochs if epoch < self.learner.last_epoch)

    def trainer(self) -> Trainer:
        """What all shards share, made once per process."""
        return self.learner.prepare(self.data, self.score, seed=self.seed, device=self.device)

    def span(self, number: int) -> Span:
        """The trials of a shard that are wanted."""
        first = number * self.shard
        if self.only is None:
            return 0, self.shard
        return max(self.only.start - first, 0), min(self.only.stop - first, self.shard)

    def train(self, trainer: Trainer, number: int, span: Span | None = None) -> Shard:
        """One shard, or some trials of it: those that are wanted, unless told."""
        start, stop = self.span(number) if span is None else span
        trials = number * self.shard + np.arange(start, stop)
        masks = self.design.subsets(self.seed, trials, self.data.n, self.data.y_train)
        early = self.earlier
        found = trainer.course(masks, trials, (*early, self.learner.last_epoch)) if early else [trainer(masks, trials)]
        told: dict[str, Any] = {"warned": dict(trainer.warned), "inside": np.packbits(masks, axis=1)}
        kept = [(self._kept("train", train), self._kept("test", test)) for train, test in found]
        return Shard(number, *kept[-1], **told, earlier=dict(zip(early, kept, strict=False)), start=start)

    def check(self, models: int, first: int = 0) -> None:
        """Refuse what cannot be run before anything is trained."""
        whole("models", models)
        whole("first", first, 0)
        whole("shard", self.shard, 1, 2**20)
        if self.dtype not in DTYPES:
            raise ArgumentError("dtype", self.dtype, f"give {' or '.join(DTYPES)}")
        self.design.check(self.data.n, models, self.data.y_train)
        if first:
            self.design.check(self.data.n, first, self.data.y_train)
        self.learner.check_device(self.device)
        self.learner.check(self.data, self.score)
        if self.epochs:
            self.learner.check_epochs(self.epochs, self.device)

    def _kept(self, name: str, scores: Any) -> NDArray[Any]:
        """Packed bits, classes, or finite scores in the type they are stored in, which must hold them; all classes in a row."""
        if self.score == "correct":
            return np.packbits(scores, axis=1)
        if self.score == "predicted":
            return np.ascontiguousarray(scores, self.kind)
        given = floats(name, np.asarray(scores).reshape(len(scores), -1))
        with np.errstate(over="ignore"):
            kept = given.astype(self.dtype)
        if not np.isfinite(kept).all():
            largest = f"{self.dtype}, which does not hold a score of {np.abs(given).max():.3g}"
            raise ArgumentError("dtype", largest, "give float32")
        return kept

    def trials(self, shard: Shard) -> Trials:
        """A shard with its subsets, drawn again where it was read and not trained."""
        start, stop = shard.span
        number = shard.number * self.shard + np.arange(start, stop)
        inside = shard.inside
        if inside is None:
            inside = np.packbits(self.design.subsets(self.seed, number, self.data.n, self.data.y_train), axis=1)
        kept = inside, shard.train, shard.test
        return Trials(self.data.n, self.data.n_test, number, *kept, self.score, self.design, shard.earlier)


def _version() -> str:
    """The version of this package, part of a run's identity: a subset or a learner may change with it."""
    try:
        return metadata.version("longtail")
    except metadata.PackageNotFoundError:
        return "0"
