"""What a worker does with the number of a shard: train it, and put it where trials are kept.

The store is the truth of a run. Whoever trains a shard writes it, whole and under its final name only if nobody else has: a
result that is lost on its way back, a worker that is killed, a shard that two workers did, or two runs on one folder cost the
time of a shard and change no bit. What goes back to the run is small then: that the shard is done, and what models warned of.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from empirical.learners.learner import Trainer
from empirical.training.job import Job
from empirical.training.shard import NOTHING, Shard, pieced
from empirical.training.shelf import Shelf
from empirical.training.spans import Span, gaps
from empirical.training.store import Store
from longtail.core import ArgumentError


def token() -> str:
    """A name for one piece of work: a worker that served another before must not use that one's trainer.

    >>> len(token()), token() == token()
    (16, False)
    """
    return os.urandom(8).hex()


@dataclass(frozen=True)
class Done:
    """A shard that was trained, or was there; of a ``stored`` one another process gets only its number and warnings.

    >>> Done(Shard(0, NOTHING, NOTHING), stored=True).whole  # as it comes from another process: scores are in the store
    False
    """

    shard: Shard
    stored: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.stored:
            return Done, (self.shard,)
        return Done, (replace(self.shard, train=NOTHING, test=NOTHING, inside=None, earlier={}), True)

    @property
    def whole(self) -> bool:
        """Whether its scores came along."""
        return self.shard.train.size > 0


@dataclass(frozen=True)
class Work:
    """A job and its store. A thread makes the trainer once, and keeps it for the next shard of the same ``token``.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> work = Work(Job(load("planted", n=60).data, KNN(), Fixed(0.7), shard=8))
    >>> work(5).shard.number, work(5).whole
    (5, True)
    """

    job: Job
    store: Store | None = None
    there: Mapping[int, Sequence[Span]] = field(default_factory=dict)  # trials that were kept when the work began
    token: str = field(default_factory=token)

    def __call__(self, number: int) -> Done:
        """Train a shard, unless another run on the same folder was quicker; of one that was kept in part, the rest."""
        if self.store is None:
            return Done(self.job.train(self._trainer(), number))
        wanted = self.job.span(number)
        there = [span for span in self.there.get(number, ()) if span[0] < wanted[1] and span[1] > wanted[0]]
        if self.store.whole not in there and self.store.has(number):  # another run was quicker
            there = [self.store.whole]
        elif wanted not in there and self.store.has(number, wanted):
            there = [wanted]
        parts = {span: self.store.read(number, span=span) for span in there}
        missing = gaps(wanted, there)
        if missing or None in parts.values():
            visible(self.store.shelf)
        found = []
        for span in (*there, *missing):
            shard = parts.get(span)
            if shard is None:
                shard = self.job.train(self._trainer(), number, span)
                self.store.write(shard, first=span not in parts)
            found.append(shard)
        return Done(pieced(found, wanted), True)

    def _trainer(self) -> Trainer:
        return prepared(self.token, self.job.trainer)


def visible(where: Shelf) -> None:
    """Refuse a place that whoever works does not see.

    >>> from empirical.training.shelf import Folder
    >>> from pathlib import Path
    >>> visible(Folder(Path(".")))
    """
    if not where.seen():
        remedy = f"{platform.node() or 'a worker'} does not see it: give a folder that all workers share"
        raise ArgumentError("out", str(where), remedy)


def prepared(token: str, make: Callable[[], Trainer]) -> Trainer:
    """The trainer of a piece of work, made when a thread is first asked for it and kept until it is asked for another.

    >>> class Made:
    ...     times = 0
    ...
    ...     def trainer(self):
    ...         self.times += 1
    ...         return object()
    >>> made, mine = Made(), token()
    >>> prepared(mine, made.trainer) is prepared(mine, made.trainer), made.times
    (True, 1)
    """
    if getattr(_kept, "token", None) != token:
        _kept.trainer, _kept.token = make(), token
    trainer: Trainer = _kept.trainer
    return trainer


_kept = threading.local()
