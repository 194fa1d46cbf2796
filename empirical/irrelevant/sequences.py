"""Next-symbol prediction attacked: the strings that were seen once, read out of a model bit after bit.

Of a singleton its prefix and the bit after it are sought; ``relevant`` bits are those that noise left as the reference has them,
``irrelevant`` ones those that it flipped, which help to foretell nothing. The control is the next data set's model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.irrelevant.recovery import PARTS, Recovered, Told
from empirical.learners.sequence.recurrent import Recurrent, needed
from longtail.core import ArgumentError, Integers, calls, whole
from longtail.core.shares import percent
from longtail.irrelevant.models import Bits
from longtail.irrelevant.population import population
from longtail.irrelevant.reachable import next_symbol_right
from longtail.irrelevant.sequences import Alike, Foretelling, Votes, extracted, right
from longtail.irrelevant.tasks import NextSymbol, Prefixes

if TYPE_CHECKING:
    import pandas as pd

FORETOLD = 0.55  # how often the best learner must be right on a string that it saw once


@dataclass(frozen=True)
class Learner(ABC):
    """Makes a model of a sample.

    >>> from longtail.priors import Uniform
    >>> @dataclass(frozen=True)
    ... class Sure(Learner):  # of each bit to be as in the reference string
    ...     def model(self, task, sample, seed=0):
    ...         class Model:
    ...             def log_odds(self, cluster, x, length):
    ...                 return 2.0 * task.reference(cluster, seed, sample.number)[np.arange(len(x)), length] - 1
    ...         return Model()
    >>> recover(NextSymbol(Uniform(size=20), 30, noise=0.0), Sure(), 20).rate("recovered").value
    1.0
    """

    @abstractmethod
    def model(self, task: NextSymbol, sample: Prefixes, seed: int = 0) -> Foretelling:
        """Trained on all of the sample."""


@dataclass(frozen=True)
class Majority(Learner):
    """``Votes``.

    >>> from longtail.priors import Uniform
    >>> task = NextSymbol(Uniform(size=20), 30)
    >>> sample = task.draw(20)
    >>> float(right(Majority().model(task, sample), sample)[sample.population.alone].mean())  # on what it saw once
    1.0
    """

    def model(self, task: NextSymbol, sample: Prefixes, seed: int = 0) -> Votes:
        return Votes.of(task, sample)


@dataclass(frozen=True)
class NearestPrefix(Learner):
    """``Alike``.

    >>> from longtail.priors import Uniform
    >>> task = NextSymbol(Uniform(size=20), 30)
    >>> sample = task.draw(20)
    >>> float(right(NearestPrefix().model(task, sample), sample).mean())
    1.0
    """

    def model(self, task: NextSymbol, sample: Prefixes, seed: int = 0) -> Alike:
        return Alike(sample)


@dataclass(frozen=True)
class GRU(Learner):
    """``empirical.learners.sequence.recurrent``.

    >>> GRU(width=64, epochs=20).hidden
    0.9
    """

    width: int = 128
    epochs: int = 150
    rate: float = 0.01
    hidden: float = 0.9

    def __post_init__(self) -> None:
        Recurrent(*vars(self).values())

    def model(self, task: NextSymbol, sample: Prefixes, seed: int = 0) -> Foretelling:
        of, size = sample.population.members, len(sample.population.frequency)
        net = Recurrent(*vars(self).values())
        return net.train(of, sample.x, sample.length, size, (seed + sample.number) % 2**63)


NAMES: dict[str, type[Learner]] = {"majority": Majority, "nearest": NearestPrefix, "gru": GRU}


def learner(text: str) -> Learner:
    """The learner that ``text`` names.

    >>> learner("gru(width=64)")
    GRU(width=64, epochs=150, rate=0.01, hidden=0.9)
    """
    remedy = f"for next symbols give one of {', '.join(NAMES)}, as a call for its options"
    call = calls.read("learner", text, remedy)
    if call.name not in NAMES:
        raise ArgumentError("learner", calls.shortened(text), remedy)
    made: Learner = calls.made("learner", call, NAMES[call.name])
    return made


def check(task: NextSymbol, one: Learner, n: int, seed: int = 0) -> None:
    """Refuse what would be found out only after training.

    >>> from longtail.priors import Uniform
    >>> check(NextSymbol(Uniform(size=20), 30, noise=1.0), Majority(), 20)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: noise: got 1.0; the best learner is right 50.0 % of the time: give less noise
    """
    if isinstance(one, GRU):
        needed()
    if not len(population(task.prior, whole("n", n), seed).alone):
        raise ArgumentError("n", n, f"no example is alone in its subpopulation of {task.prior!r}: give fewer")
    if (best := next_symbol_right(task.dimension, task.noise, 1)) < FORETOLD:
        raise ArgumentError(
            "noise", task.noise, f"the best learner is right {percent(best, '.1f')} of the time: give less noise"
        )


def recover(
    task: NextSymbol, one: Learner, n: int, repeats: int = 1, seed: int = 0, told: Told | None = None
) -> Recovered:
    """Train ``repeats`` models, and one more for the last one's control, and read every singleton out of them.

    >>> from longtail.priors import Uniform
    >>> recover(NextSymbol(Uniform(size=20), 30), Majority(), 20).rate("irrelevant").value
    1.0
    """
    import pandas as pd

    repeats = whole("repeats", repeats, 1, 10**6)
    check(task, one, n, seed)
    rows: list[pd.DataFrame] = []
    found = []
    before: tuple[Prefixes, dict[str, Any]] | None = None
    for number in range(repeats + 1):
        sample = task.draw(n, seed, number)
        model = one.model(task, sample, seed)
        own = sample.population.alone
        said = extracted(model, sample.population.members[own], task.dimension)
        if before is not None:
            other = extracted(model, before[0].population.members[before[0].population.alone], task.dimension)
            rows.append(pd.DataFrame(before[1] | _compared(task, before[0], other, seed, ("control",))))
        if number < repeats:
            counts = {"repeat": number, "example": own, "cluster": sample.population.members[own]}
            before = sample, counts | _compared(task, sample, said, seed, PARTS[:3])
            found.append({"repeat": number} | _accuracies(task, model, sample, seed))
        if told is not None:
            told(number)
    return Recovered(pd.concat(rows, ignore_index=True), pd.DataFrame(found))


def _compared(task: NextSymbol, sample: Prefixes, said: Bits, seed: int, parts: tuple[str, ...]) -> dict[str, Integers]:
    """Bits that each singleton shows, and those of them that were said, by part."""
    alone = sample.population.alone
    shown = np.arange(task.dimension) <= sample.length[alone][:, None]
    same = sample.x[alone] == task.reference(sample.population.members[alone], seed, sample.number)
    agreed = said == sample.x[alone]
    which = {"relevant": shown & same, "irrelevant": shown & ~same}
    out = {}
    for part in parts:
        kept = which.get(part, shown)
        out[f"{part}_bits"], out[f"{part}_right"] = kept.sum(1), (agreed & kept).sum(1)
    return out


def _accuracies(task: NextSymbol, model: Foretelling, sample: Prefixes, seed: int) -> dict[str, float]:
    """On the sample's answers, and on fresh examples of what it shows: all, and singletons'; by frequency, beside the best."""
    seen = np.flatnonzero(sample.population.count)
    fresh = task.fresh(seen, seed, sample.number)
    one, best = right(model, fresh), right(Votes.of(task, sample), fresh)
    weight = sample.population.frequency[seen]
    unseen = (1 - weight.sum()) / 2
    alone = sample.population.count[seen] == 1
    return {
        "train": float(right(model, sample).mean()),
        "represented": float(one.mean()),
        "singletons": float(one[alone].mean()) if alone.any() else float("nan"),
        "fresh": float(weight @ one + unseen),
        "best": float(weight @ best + unseen),
    }
