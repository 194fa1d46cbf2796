"""A learner that is a net of PyTorch's: what ``plan`` says of it, trained by ``nets``."""

from __future__ import annotations

from dataclasses import dataclass

from empirical.data.data import Data
from empirical.learners.learner import Trainer
from empirical.learners.score import Score
from empirical.learners.torch.nets import Nets
from empirical.learners.torch.plan import Plan
from longtail.core import ArgumentError
from longtail.core.arrays import CPU, Device


@dataclass(frozen=True, kw_only=True)
class Net(Plan):
    """A net of one's own gives ``module``, and what else of ``Plan`` it does its own way.

    >>> from torch import nn
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Linear(Net):
    ...     def module(self, shape, n_classes):
    ...         return nn.Linear(shape[0], n_classes)
    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> train, test = Linear(epochs=2).prepare(data)(np.ones((1, 4), bool), np.array([0]))
    >>> train.shape, test.shape
    ((1, 4), (1, 4))
    """

    def place(self, choice: str = "auto") -> Device:
        _needed()
        return super().place(choice)

    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """Nothing is shared but the examples, on the device."""
        self.check(data, score)
        _needed()
        return Nets(self, score, data, device, seed)


def _needed() -> None:
    """An ArgumentError that says how to get PyTorch where it is not installed."""
    try:
        import torch  # noqa: F401 - whether it can be imported is what is asked
    except ImportError as error:
        remedy = f"PyTorch cannot be imported ({error}): pip install 'longtail[torch]'"
        raise ArgumentError("learner", "a PyTorch net", remedy) from error
