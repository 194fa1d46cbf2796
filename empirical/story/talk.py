"""The whole talk: five acts in order, later ones on what earlier ones found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from empirical.story.act import Act
from longtail.core import ArgumentError, whole

if TYPE_CHECKING:
    from empirical.data.data import Data
    from empirical.dynamics.run import Progress

TRAIN = 1000  # of the digits
NET = "MLP(width=128, epochs=10)"
WATCHED = "MLP(width=128, epochs=30, batch=32, penalty=0)"
# of an act at its usual size on one core, nothing left to compile
SECONDS = {"singletons": 1.5, "learners": 13.0, "worth": 1.5, "irrelevant": 2.0, "epochs": 1.5}


def digits() -> Data:
    """Scikit-learn's 1,797 digits, as many of them to test on as small differences of accuracy take.

    They are in the order of their writers, so they are dealt: memory of a writer helps on the same writer's other digits.
    """
    from empirical.data.data import Data
    from empirical.data.load import load

    entire = load("digits").data
    x, y = np.concatenate([entire.x_train, entire.x_test]), np.append(entire.y_train, entire.y_test)
    own, rest = np.split(np.random.default_rng(0).permutation(len(y)), [TRAIN])
    return Data(x[own], y[own], x[rest], y[rest], entire.classes)


@dataclass(frozen=True)
class Talk:
    """How large it is played: ``models`` on subsets, ``removals`` retrained, data sets attacked (``repeats``) of so many bits,
    ``nets`` under turn-over dropout, for ``epochs``.
    """

    models: int = 2000
    removals: int = 20
    repeats: int = 5
    dimension: int = 1000
    samples: int = 500
    nets: int = 8
    epochs: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("models", 20),
            ("removals", 2),
            ("repeats", 2),
            ("samples", 10),
            ("nets", 2),
            ("epochs", 2),
        ):
            object.__setattr__(self, name, whole(name, getattr(self, name), least, 10**6))
        object.__setattr__(self, "dimension", whole("dimension", self.dimension, 1, 10**6))
        object.__setattr__(self, "seed", whole("seed", self.seed, 0, 2**63))

    def check(self) -> None:
        """Refuse before anything is trained what an act would refuse."""
        from empirical.irrelevant.parse import learner
        from empirical.irrelevant.recovery import check
        from longtail.irrelevant.attacks import attack
        from longtail.irrelevant.tasks import Hypercube
        from longtail.priors import Uniform

        task = Hypercube(Uniform(size=self.samples), self.dimension)
        check(task, learner("softmax"), attack("signs"), self.samples, self.seed)

    def seconds(self) -> dict[str, float]:
        """What each act will take, by what it took at the usual size."""
        usual = Talk()
        grown = {
            "learners": self.models / usual.models,
            "worth": self.removals / usual.removals,
            "irrelevant": (self.repeats + 1) * self.dimension * self.samples
            / ((usual.repeats + 1) * usual.dimension * usual.samples),
            "epochs": self.nets * self.epochs / (usual.nets * usual.epochs),
        }  # fmt: skip
        return {name: seconds * grown.get(name, 1.0) for name, seconds in SECONDS.items()}

    def acts(self, told: Callable[[Progress], None] = lambda _: None) -> Iterator[Act]:
        """One after the other, each once it is asked for; ``told`` hears how far the last one is."""
        from empirical.dynamics.net import Net
        from empirical.learners.parse import parse_learner
        from empirical.story.epochs import epochs
        from empirical.story.irrelevant import irrelevant
        from empirical.story.learners import learners, memorized
        from empirical.story.singletons import singletons
        from empirical.story.worth import worth

        yield singletons()
        data, net = digits(), parse_learner(NET)
        found = learners(data, net, self.models, self.seed)
        yield found
        memorization = memorized(found)
        if not (memorization > 0).any():
            raise ArgumentError("models", self.models, "no example was memorized: give more")
        yield worth(data, net, memorization, self.removals, self.seed)
        yield irrelevant(self.dimension, self.samples, self.repeats, self.seed)
        yield epochs(data, Net(epochs=self.epochs), parse_learner(WATCHED), memorization, self.nets, self.seed, told)
