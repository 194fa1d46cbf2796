"""How much of the examples that a learner saw alone comes back out of its model, beside how accurate the model is.

A repeat draws a data set, trains on it, and attacks the class of every example that is alone in its cluster. The control is
the same attack on the next repeat's model, which never saw this data set or its clusters: its bits are coins, and half of them
agree. Errors are those of repeats, whose data sets are independent; of one repeat, of its examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from empirical.irrelevant.learners import Learner
from longtail.core import ArgumentError, Estimate, Floats, Integers, Moments, whole
from longtail.core.intervals import wilson
from longtail.core.shares import percent
from longtail.irrelevant.attacks import NAMES, Attack
from longtail.irrelevant.population import population
from longtail.irrelevant.reachable import recovered_bits
from longtail.irrelevant.tasks import Clusters, Sample, inputs

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("recovered", "relevant", "irrelevant", "control")
ACCURACIES = ("train", "represented", "singletons")
CELLS = 2**30  # of the largest matrix that is trained on
APART = 0.5  # how often the best learner must find a singleton's cluster, for clusters to be told apart


@dataclass(frozen=True)
class Recovered:
    """Of each singleton attacked: repeat, place in its data set, cluster; bits and right ones of each part; of each repeat:
    accuracies, and the best learner's on the same points.

    >>> import pandas as pd
    >>> bits = {"repeat": 0, "irrelevant_bits": 100, "irrelevant_right": [90, 70]}
    >>> found = Recovered(pd.DataFrame(bits), pd.DataFrame({"train": [1.0]}))
    >>> found.rate("irrelevant").value, found.alone, found.entropy
    (0.8, 2.0, 100.0)
    """

    singletons: pd.DataFrame = field(repr=False)
    repeats: pd.DataFrame = field(repr=False)

    def rate(self, part: str) -> Estimate:
        """Share of bits recovered, of all, of relevant and irrelevant ones, or by the control."""
        rows = self.singletons[[f"{part}_right", f"{part}_bits"]]
        if len(self.repeats) > 1:
            rows = rows.groupby(self.singletons["repeat"]).sum()
        return Moments.of(rows.to_numpy(float)).ratio((1, 0), (0, 1))

    def interval(self, part: str) -> tuple[float, float]:
        """95 %, each singleton taken for one trial: too wide rather than too narrow, and not a point where all bits are right."""
        low, high = wilson(np.asarray(self.rate(part).value), float(len(self.singletons)))
        return float(low), float(high)

    @property
    def alone(self) -> float:
        """Singletons a data set."""
        return len(self.singletons) / len(self.repeats)

    @property
    def entropy(self) -> float:
        """Bits that a singleton has to itself, its cluster known: those that the cluster did not give it."""
        return float(self.singletons["irrelevant_bits"].mean())

    @property
    def held(self) -> float:
        """Bits of a singleton's own that a model must hold to give back so many (``reachable.recovered_bits``)."""
        return recovered_bits(max(float(self.rate("irrelevant").value), 0.5), self.entropy)

    def accuracy(self, of: str) -> Estimate:
        """Mean over repeats: on training points, and on fresh ones of represented clusters or of singletons'."""
        values = self.repeats[of].to_numpy(float)
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        return Estimate(float(values.mean()), float(error))

    @property
    def excess(self) -> Estimate:
        """Error on fresh points of the task less the best learner's on the same."""
        values = (self.repeats["best"] - self.repeats["fresh"]).to_numpy(float)
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        return Estimate(float(values.mean()), float(error))


Told = Callable[[int], None]


def check(task: Clusters, learner: Learner, attack: Attack, n: int, seed: int = 0) -> None:
    """Refuse what would be found out only after training: a learner that shows too little, clusters that are all alike.

    >>> from empirical.irrelevant.learners import KNN
    >>> from longtail.irrelevant.attacks import Signs
    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> check(Hypercube(Uniform(size=10), 200, 0.4), KNN(), Signs(), n=10)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: attack: got Signs(); a model of KNN() shows no weights: take queries, which all answer
    """
    if not issubclass(learner.kind, attack.needs):
        raise ArgumentError(
            "attack",
            repr(attack),
            f"a model of {learner!r} shows no {NAMES[attack.needs]}: take queries, which all answer",
        )
    largest = max(whole("n", n), task.prior.size) * max(n, task.dimension)
    if largest > CELLS:
        raise ArgumentError(
            "n", n, f"matrices of {4e-9 * largest:,.0f} GB: give fewer examples, clusters or dimensions"
        )
    drawn = population(task.prior, n, seed)
    if not len(drawn.alone):
        raise ArgumentError(
            "n", n, f"no example is alone in its cluster of {task.prior!r}: give fewer, or more clusters"
        )
    rivals = int((drawn.count > 0).sum()) - 1
    chance = task.right(n, rivals)
    if rivals and chance < APART:
        raise ArgumentError(
            "dimension",
            task.dimension,
            f"clusters cannot be told apart: of {task!r} a nearest neighbor finds that of a singleton, among {rivals + 1}, "
            f"{percent(chance, '.1f')} of the time; give more dimensions, or clusters that share more",
        )


def recover(
    task: Clusters, learner: Learner, attack: Attack, n: int, repeats: int = 1, seed: int = 0, told: Told | None = None
) -> Recovered:
    """Train and attack ``repeats`` models, and one more for the last one's control; ``told`` hears of each.

    >>> from empirical.irrelevant.learners import KNN
    >>> from longtail.irrelevant.attacks import Coordinates
    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> recover(Hypercube(Uniform(size=10), 200, 0.4), KNN(), Coordinates(), n=10).rate("recovered").value > 0.99
    True
    """
    import pandas as pd

    repeats = whole("repeats", repeats, 1, 10**6)
    check(task, learner, attack, n, seed)
    rows, found = [], []
    before: tuple[Sample, dict[str, Any]] | None = None
    sample = task.draw(n, seed, 0)
    for number in range(repeats + 1):
        model = learner.model(task, sample, seed)
        own = sample.label[sample.population.alone] if number < repeats else np.empty(0, np.int64)
        asked = np.unique(np.append(own, before[0].label[before[0].population.alone])) if before else np.unique(own)
        said = attack.recover(model, asked, task.dimension, seed, number)
        if before is not None:
            rows.append(pd.DataFrame(before[1] | compared(before[0], asked, said, ("control",))))
        if number < repeats:
            counts = {"repeat": number, "example": sample.population.alone, "cluster": own}
            before = sample, counts | compared(sample, asked, said, PARTS[:3])
            found.append({"repeat": number} | accuracies(task, model, sample, n, seed))
            sample = task.draw(n, seed, number + 1)
        if told is not None:
            told(number)
    return Recovered(pd.concat(rows, ignore_index=True), pd.DataFrame(found))


def compared(sample: Sample, asked: Integers, said: Any, parts: tuple[str, ...]) -> dict[str, Integers]:
    """Bits and right ones of each singleton, by part.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = Hypercube(Uniform(size=10), 200, 0.4).draw(10)
    >>> asked = np.unique(sample.label[sample.population.alone])
    >>> found = compared(sample, asked, np.zeros((len(asked), 200), np.uint8), ("recovered",))  # said to be all 0
    >>> bool((found["recovered_right"] == (sample.bits[sample.population.alone] == 0).sum(1)).all())
    True
    """
    alone = sample.population.alone
    right = said[np.searchsorted(asked, sample.label[alone])] == sample.bits[alone]
    which = {"relevant": sample.relevant[alone], "irrelevant": ~sample.relevant[alone]}
    everything = np.ones_like(right)
    out = {}
    for part in parts:
        kept = which.get(part, everything)
        out[f"{part}_bits"], out[f"{part}_right"] = kept.sum(1), (right & kept).sum(1)
    return out


def accuracies(task: Clusters, model: Any, sample: Sample, n: int, seed: int) -> dict[str, float]:
    """On the training points; on a fresh point of each represented cluster, of each singleton's; and, weighted by frequency, on
    all fresh points, where what is not represented is got wrong, beside the best learner's.

    >>> from empirical.irrelevant.learners import ByHeart
    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = (task := Hypercube(Uniform(size=10), 200, 0.4)).draw(10)
    >>> found = accuracies(task, ByHeart().model(task, sample), sample, n=10, seed=0)
    >>> found["train"], found["best"] > found["fresh"]
    (1.0, True)
    """
    seen = np.flatnonzero(sample.population.count)
    fresh = inputs(task.fresh(seen, n, seed, sample.number))
    right = model.query(fresh).argmax(1) == seen
    best = task.optimal(sample).query(fresh).argmax(1) == seen
    weight: Floats = sample.population.frequency[seen]
    alone = sample.population.count[seen] == 1
    return {
        "train": float((model.query(sample.inputs).argmax(1) == sample.label).mean()),
        "represented": float(right.mean()),
        "singletons": float(right[alone].mean()) if alone.any() else float("nan"),
        "fresh": float(weight @ right),
        "best": float(weight @ best),
    }
