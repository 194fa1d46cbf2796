"""A PyTorch net of the user's own, in ten lines:

    import torch
    from empirical import SubsetEstimator
    from empirical.learners import TorchLearner

    def net(shape, n_classes):
        hidden = torch.nn.Linear(shape[0], 256)
        return torch.nn.Sequential(hidden, torch.nn.ReLU(), torch.nn.Linear(256, n_classes))

    SubsetEstimator(TorchLearner(net, epochs=15), models=200).fit(X, y, X_test, y_test).memorization_

On the command line a function that returns it is named, marked by ``empirical.makes_learner``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from empirical.learners.fingerprint import shown
from empirical.learners.torch.net import Net
from longtail.core import ArgumentError

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer


@dataclass(frozen=True, repr=False)
class TorchLearner(Net):
    """``make`` is a function of (shape of one example, number of classes) that makes a fresh module, which gives decision values
    (examples, K); images have their channels first. What is left out is done as ``Net`` does it:

    - ``optimizer``: a function of the module that makes a ``torch.optim`` optimizer;
    - ``schedule``: of the share of training that is done, what to multiply the optimizer's rates with;
    - ``augment``: of a minibatch and a ``torch.Generator``, the minibatch to train on; both are on the device;
    - ``loss``: of decision values and labels, their mean loss;
    - ``score``: of the trained module and examples, decision values, as of images and their mirror images together.

    >>> import torch
    >>> from empirical import SubsetEstimator
    >>> def net(shape, n_classes):
    ...     hidden = torch.nn.Linear(shape[0], 8)
    ...     return torch.nn.Sequential(hidden, torch.nn.ReLU(), torch.nn.Linear(8, n_classes))
    >>> learner = TorchLearner(net, epochs=3)
    >>> SubsetEstimator(learner, models=4).fit(np.eye(6), [0, 1, 0, 1, 0, 1]).memorization_.shape[0]
    6
    """

    make: Callable[[tuple[int, ...], int], nn.Module]
    optimizer: Callable[[nn.Module], Optimizer] | None = None
    schedule: Callable[[float], float] | None = None
    augment: Callable[[Tensor, Generator], Tensor] | None = None
    loss: Callable[[Tensor, Tensor], Tensor] | None = None
    score: Callable[[nn.Module, Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("make", "optimizer", "schedule", "augment", "loss", "score"):
            given = getattr(self, name)
            if not (callable(given) or (given is None and name != "make")) or hasattr(given, "forward"):
                remedy = (
                    "give a function of (shape, n_classes) that makes a fresh net"
                    if name == "make"
                    else "give a function"
                )
                raise ArgumentError(name, given, remedy)

    def __repr__(self) -> str:
        given = [
            (f.name, getattr(self, f.name)) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default
        ]
        told = [f"{name}={shown(value) if callable(value) else repr(value)}" for name, value in given if name != "make"]
        return f"TorchLearner({', '.join([shown(self.make), *told])})"

    def module(self, shape: tuple[int, ...], n_classes: int) -> nn.Module:
        return self.make(shape, n_classes)

    def descent(self, net: nn.Module) -> Optimizer:
        return super().descent(net) if self.optimizer is None else self.optimizer(net)

    def pace(self, done: float) -> float:
        return super().pace(done) if self.schedule is None else self.schedule(done)

    def augmented(self, x: Tensor, generator: Generator) -> Tensor:
        return x if self.augment is None else self.augment(x, generator)

    def cost(self, values: Tensor, labels: Tensor) -> Tensor:
        return super().cost(values, labels) if self.loss is None else self.loss(values, labels)

    def values(self, net: nn.Module, x: Tensor) -> Tensor:
        return super().values(net, x) if self.score is None else self.score(net, x)
