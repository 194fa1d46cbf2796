"""What a net of PyTorch's is to a run: made, trained by minibatches on a subset, asked for the decision values of every example.

    repeat for each epoch, each minibatch B of the subset in a new order:
        w ← step of the optimizer along  ∇ (1/|B|) Σ_{i in B} ℓ(f_w(augmented x_i), y_i),   at the rate that ``pace`` says.

Examples lie on the device throughout. Orders, augmentation and first weights go by one whole number, a Philox word of
(seed, trial), so that a trial is a function of its number as far as PyTorch's operations are of theirs: on a CPU, with one thread
a process, they are; on a GPU sums are added up in the order in which they come, unless ``deterministic`` is asked for, which
PyTorch has for most operations and refuses for the others.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from empirical.data.data import Data
from empirical.learners.learner import Learner, images
from longtail.core import ArgumentError, flag, real, whole
from longtail.core.arrays import CPU, Device, Library

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True)
class Plan(Learner):
    """``epochs`` over the subset in minibatches of ``batch``, ``rate`` falling linearly to 0. ``precision`` "mixed": products in
    bfloat16; ``compiled`` hands the net to ``torch.compile``; ``channels_last`` lays images out as tensor cores like them;
    ``stacked`` trains several nets of dense layers as one.

    >>> from empirical.learners import SmallNet
    >>> net: Plan = SmallNet(epochs=10)
    >>> net.last_epoch, net.pace(0.5)  # the rate falls linearly
    (10, 0.5)
    """

    epochs: int = 10
    batch: int = 128
    rate: float = 0.1
    momentum: float = 0.9
    penalty: float = 5e-4
    precision: str = "float32"
    compiled: bool = False
    channels_last: bool = False
    deterministic: bool = False
    stacked: bool = False
    scores: ClassVar[tuple[str, ...]] = ("correct", "predicted", "probability", "margin", "loss", "probabilities")
    library: ClassVar[Library] = "torch"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            object.__setattr__(self, name, whole(name, getattr(self, name), 1, 2**20))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "momentum", real("momentum", self.momentum, 0, 1, open_high=True))
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0))
        if self.precision not in ("float32", "mixed"):
            raise ArgumentError("precision", self.precision, "give 'float32' or 'mixed'")
        for name in ("compiled", "channels_last", "deterministic", "stacked"):
            object.__setattr__(self, name, flag(name, getattr(self, name)))
        if self.stacked and self.compiled:
            raise ArgumentError("compiled", True, "nets that are stacked are not compiled: give one of the two")

    @abstractmethod
    def module(self, shape: tuple[int, ...], n_classes: int) -> nn.Module:
        """A fresh net for examples of this shape, channels first, that gives (examples, K) decision values."""

    def inputs(self, data: Data, where: str) -> Any:
        """Training and then test examples on their device, to be taken by their places; images with channels first."""
        import torch

        x = torch.as_tensor(images(data), device=where)
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last and x.ndim == 4 else x

    def begin(self, net: nn.Module, x: Tensor) -> None:
        """What first weights take from the subset's examples ``x``: nothing, unless a net says so."""

    def descent(self, net: nn.Module) -> Optimizer:
        """Stochastic descent with Nesterov's momentum."""
        from torch import optim

        given: dict[str, Any] = {"momentum": self.momentum, "nesterov": self.momentum > 0, "weight_decay": self.penalty}
        return optim.SGD([w for w in net.parameters() if w.requires_grad], lr=self.rate, **given)

    def pace(self, done: float) -> float:
        """The rate over the optimizer's own, when this share of training is done."""
        return 1 - done

    def augmented(self, x: Tensor, generator: Generator) -> Tensor:
        """A minibatch as it is trained on."""
        return x

    def cost(self, values: Tensor, labels: Tensor) -> Tensor:
        """The mean over a minibatch."""
        from torch.nn import functional

        return functional.cross_entropy(values, labels)

    def stepped(self, net: nn.Module, step: int, steps: int) -> None:
        """After each step of the optimizer."""

    def values(self, net: nn.Module, x: Tensor) -> Tensor:
        """Decision values of examples, by the trained net."""
        found: Tensor = net(x)
        return found

    @property
    def last_epoch(self) -> int:
        return self.epochs

    def repeats(self, device: Device = CPU) -> bool:
        return device.kind == "cpu" or self.deterministic


def shape_of_images(net: Plan, shape: tuple[int, ...], least: int) -> tuple[int, int, int]:
    """Channels, height and width, of at least so many pixels.

    >>> from empirical.learners import SmallNet
    >>> shape_of_images(SmallNet(), (1, 28, 28), least=8)
    (1, 28, 28)
    """
    if len(shape) != 3 or min(shape[1:]) < least:
        remedy = f"{type(net).__name__} takes images of {least} × {least} pixels or more: give a net for such data"
        raise ArgumentError("x_train", f"examples of shape {shape}", remedy)
    return shape[0], shape[1], shape[2]
