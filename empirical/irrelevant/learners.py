"""Learners of a task's labels, each with what it was published with as its defaults.

They are trained on one data set to the end and handed over as models that can be asked, where ``empirical.learners`` train
thousands on subsets and hand back scores only; with hundreds of classes the linear ones are one product, not many small ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from empirical.irrelevant import descent
from empirical.irrelevant.descent import Course, Examples
from empirical.irrelevant.models import Net
from longtail.core import real, whole
from longtail.irrelevant.models import Linear, Lookup, Nearest
from longtail.irrelevant.tasks import Clusters, Sample


@dataclass(frozen=True)
class Learner(ABC):
    """``kind`` is the class of its models: what an attack may see of them.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> @dataclass(frozen=True)
    ... class Centers(Learner):  # of each class, the mean of its examples
    ...     kind = Linear
    ...
    ...     def model(self, task, sample, seed=0):
    ...         one = np.eye(len(sample.population.frequency), dtype=np.float32)[sample.label]
    ...         return Linear(one.T @ sample.inputs, np.zeros(one.shape[1], np.float32))
    >>> task = Hypercube(Uniform(size=10), 50, 0.4)
    >>> Centers().model(task, task.draw(10)).weights().shape
    (10, 50)
    """

    kind: ClassVar[type]

    @abstractmethod
    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Any:
        """Trained on all of the task's sample; first weights are a function of (seed, number)."""


@dataclass(frozen=True)
class Trained(Learner):
    """By full-batch descent: ``steps`` at ``rate``, with Nesterov's ``momentum``.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = Hypercube(Uniform(size=10), 50, 0.4).draw(10)
    >>> [type(model).__name__ for model in Softmax(steps=5).at(sample, [0, 5])]  # the model on its way
    ['Linear', 'Linear']
    """

    steps: int = 50
    rate: float = 0.1
    momentum: float = 0.99

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", whole("steps", self.steps, 0, 10**7))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "momentum", real("momentum", self.momentum, 0, 1, open_high=True))

    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Any:
        return next(self.at(sample, [self.steps], seed))

    @abstractmethod
    def at(self, sample: Sample, steps: Sequence[int], seed: int = 0) -> Iterator[Any]:
        """The model after each of these steps, in order."""


@dataclass(frozen=True)
class Softmax(Trained):
    """Softmax regression; examples that are alone in their class count ``alone`` times.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = (task := Hypercube(Uniform(size=10), 50, 0.4)).draw(10)
    >>> models = Softmax().at(sample, steps=[0, 50])  # before and after training
    >>> [float((model.query(sample.inputs).argmax(1) == sample.label).mean()) > 0.9 for model in models]
    [False, True]
    """

    alone: float = 2.0
    kind = Linear

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "alone", real("alone", self.alone, 0, open_low=True))

    def at(self, sample: Sample, steps: Sequence[int], seed: int = 0) -> Iterator[Linear]:
        course = Course(max(steps), self.rate, self.momentum)
        return descent.softmax(_examples(sample, self.alone), course, steps, seed, sample.number)


@dataclass(frozen=True)
class MLP(Trained):
    """A net of ``width`` sigmoid units; from step ``slower`` on the rate is ``factor`` times itself (as in the authors' code).

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> task = Hypercube(Uniform(size=10), 50, 0.4)
    >>> MLP(steps=2, width=8).model(task, task.draw(10)).w.shape
    (8, 50)
    """

    steps: int = 2000
    rate: float = 3e-4
    momentum: float = 0.999
    width: int = 1500
    slower: int = 450
    factor: float = 0.3
    kind = Net

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "width", whole("width", self.width, 1, 2**20))
        object.__setattr__(self, "slower", whole("slower", self.slower, 0))
        object.__setattr__(self, "factor", real("factor", self.factor, 0, open_low=True))

    def at(self, sample: Sample, steps: Sequence[int], seed: int = 0) -> Iterator[Net]:
        course = Course(max(steps), self.rate, self.momentum, self.slower, self.factor)
        return descent.net(_examples(sample, 1.0), self.width, course, steps, seed, sample.number)


@dataclass(frozen=True)
class Ridge(Learner):
    """Least squares on the labels, 1 for an example's class and 0 for others: W = Yᵀ (X Xᵀ + λ)⁻¹ X, intercepts included.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = (task := Hypercube(Uniform(size=10), 50, 0.4)).draw(10)
    >>> bool((Ridge(penalty=0.1).model(task, sample).query(sample.inputs).argmax(1) == sample.label).all())
    True
    """

    penalty: float = 1.0
    kind = Linear

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0, open_low=True))

    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Linear:
        rows = np.concatenate([sample.inputs, np.ones((len(sample.x), 1), np.float32)], axis=1).astype(np.float64)
        targets = np.zeros((len(rows), _classes(sample)))
        targets[np.arange(len(rows)), sample.label] = 1
        solved = np.linalg.solve(rows @ rows.T + self.penalty * np.eye(len(rows)), targets)
        w = (solved.T @ rows).astype(np.float32)
        return Linear(w[:, :-1], w[:, -1])


@dataclass(frozen=True)
class KNN(Learner):
    """The nearest example's label.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = (task := Hypercube(Uniform(size=10), 50, 0.4)).draw(10)
    >>> bool((KNN().model(task, sample).query(sample.inputs).argmax(1) == sample.label).all())
    True
    """

    kind = Nearest

    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Nearest:
        return Nearest(sample.inputs, sample.label, _classes(sample))


@dataclass(frozen=True)
class ByHeart(Learner):
    """A table of its examples.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> sample = (task := Hypercube(Uniform(size=10), 50, 0.4)).draw(10)
    >>> bool((ByHeart().model(task, sample).query(sample.inputs).argmax(1) == sample.label).all())
    True
    """

    kind = Lookup

    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Lookup:
        return Lookup(sample.inputs, sample.label, _classes(sample))


@dataclass(frozen=True)
class Optimal(Learner):
    """The best there is, knowing the task.

    >>> from longtail.irrelevant.tasks import Hypercube
    >>> from longtail.priors import Uniform
    >>> task = Hypercube(Uniform(size=10), 50, 0.4)
    >>> Optimal().model(task, task.draw(10)).weights().shape
    (10, 50)
    """

    kind = Linear

    def model(self, task: Clusters, sample: Sample, seed: int = 0) -> Any:
        return task.optimal(sample)


NAMES: dict[str, type[Learner]] = {
    "softmax": Softmax,
    "mlp": MLP,
    "ridge": Ridge,
    "knn": KNN,
    "lookup": ByHeart,
    "optimal": Optimal,
}


def _classes(sample: Sample) -> int:
    return len(sample.population.frequency)


def _examples(sample: Sample, alone: float) -> Examples:
    counts = np.ones(len(sample.x), np.float32)
    counts[sample.population.alone] = alone
    return Examples(sample.inputs, sample.label, _classes(sample), counts)
