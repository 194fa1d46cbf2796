"""What a net of PyTorch's is to a run: made, trained by minibatches on a subset, asked for the decision values of every example.

    repeat for each epoch, each minibatch B of the subset in a new order:
        w ← step of the optimizer along  ∇ (1/|B|) Σ_{i in B} ℓ(f_w(augmented x_i), y_i),   at the rate that ``pace`` says.

Examples lie on the device throughout. Orders, augmentation and first weights go by one whole number, a Philox word of
(seed, trial), so that a trial is a function of its number as far as PyTorch's operations are of theirs: on a CPU, with one thread
a process, they are; on a GPU sums are added up in the order in which they come, unless ``deterministic`` is asked for, which
PyTorch has for most operations and refuses for the others.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Learner, Trainer, images
from empirical.learners.score import Score
from empirical.learners.shared.naming import naming
from empirical.learners.shared.scores import read
from empirical.learners.torch.device import library, place
from longtail.core import ArgumentError, Bools, real, whole
from longtail.core.arrays import CPU, Device
from longtail.philox import LEARNER, words

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer

SHOWN = 2000  # examples that are asked about at a time


@dataclass(frozen=True, kw_only=True)
class Net(Learner):
    """``epochs`` over the subset in minibatches of ``batch``, ``rate`` falling linearly to 0. ``precision`` "mixed": products in
    bfloat16; ``compiled`` hands the net to ``torch.compile``; ``channels_last`` lays images out as tensor cores like them.
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
    scores: ClassVar[tuple[str, ...]] = ("correct", "probability", "margin", "loss")

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            object.__setattr__(self, name, whole(name, getattr(self, name), 1, 2**20))
        object.__setattr__(self, "rate", real("rate", self.rate, 0, open_low=True))
        object.__setattr__(self, "momentum", real("momentum", self.momentum, 0, 1, open_high=True))
        object.__setattr__(self, "penalty", real("penalty", self.penalty, 0))
        if self.precision not in ("float32", "mixed"):
            raise ArgumentError("precision", self.precision, "give 'float32' or 'mixed'")

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

    def place(self, choice: str = "auto") -> Device:
        return place(choice)

    def prepare(self, data: Data, score: Score = "correct", *, seed: int = 0, device: Device = CPU) -> Trainer:
        """Nothing is shared but the examples, on the device."""
        self.check(data, score)
        library()
        return Nets(self, score, data, device, seed)


def shape_of_images(net: Net, shape: tuple[int, ...], least: int) -> tuple[int, int, int]:
    """Channels, height and width, of at least so many pixels."""
    if len(shape) != 3 or min(shape[1:]) < least:
        remedy = f"{type(net).__name__} takes images of {least} × {least} pixels or more: give a net for such data"
        raise ArgumentError("x_train", f"examples of shape {shape}", remedy)
    return shape[0], shape[1], shape[2]


@dataclass(frozen=True)
class Nets(Trainer):
    """Trainer: one net after the other; several at a time are several processes."""

    learner: Net
    score: Score
    data: Data
    device: Device
    seed: int

    @cached_property
    def _x(self) -> Any:
        return self.learner.inputs(self.data, self.device.torch)

    @cached_property
    def _y(self) -> Tensor:
        import torch

        return torch.as_tensor(self.data.y_train, device=self.device.torch)

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        self.fill_at(masks, trials, present, (self.learner.epochs,), scores[None])

    def fill_at(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        labels = np.append(self.data.y_train, self.data.y_test)
        with _settings(self.learner, self.device):
            for k, (mask, trial) in enumerate(zip(masks, trials.tolist(), strict=True)):
                with naming(self.learner, trial):
                    for e, net in enumerate(self.nets(mask, trial, epochs)):
                        values = self._values(net, trial)
                        read(values[None], present[k : k + 1], labels, self.score, scores[e, k : k + 1])

    def nets(self, mask: Bools, trial: int, epochs: Sequence[int]) -> Iterator[nn.Module]:
        """One net, after each of ``epochs``."""
        import torch

        learner, where = self.learner, self.device.torch
        own = int(words(self.seed, LEARNER, trial, 0, 1)[0])
        with torch.random.fork_rng(devices=[where] if where.startswith("cuda") else []):
            torch.manual_seed(own)
            net = learner.module(tuple(self._x.shape[1:]), self.data.n_classes).to(where)
            if learner.channels_last:
                net = net.to(memory_format=torch.channels_last)
            subset = torch.as_tensor(np.flatnonzero(mask), device=where)
            learner.begin(net, self._x[subset])
            run = torch.compile(net) if learner.compiled else net
            optimizer, chance = learner.descent(net), torch.Generator(where).manual_seed(own)
            rates = [group["lr"] for group in optimizer.param_groups]
            each = -(-len(subset) // learner.batch)
            total = learner.epochs * each
            for first, last in pairwise((0, *epochs)):
                net.train()
                for epoch in range(first, last):
                    order = subset[torch.randperm(len(subset), generator=chance, device=where)]
                    for step, some in enumerate(order.split(learner.batch), epoch * each):
                        for group, rate in zip(optimizer.param_groups, rates, strict=True):
                            group["lr"] = rate * learner.pace(step / total)
                        self._step(run, optimizer, some, chance)
                        learner.stepped(net, step + 1, total)
                yield net

    def _step(self, net: Any, optimizer: Optimizer, some: Tensor, chance: Generator) -> None:
        """One minibatch."""
        optimizer.zero_grad(set_to_none=True)
        with self._mixed():
            loss = self.learner.cost(net(self.learner.augmented(self._x[some], chance)), self._y[some])
        loss.backward()
        optimizer.step()

    def _mixed(self) -> Any:
        import torch

        if self.learner.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device.torch).type, torch.bfloat16)

    def _values(self, net: nn.Module, trial: int) -> NDArray[np.float32]:
        """(K, examples), of all."""
        import torch

        net.eval()
        with torch.no_grad(), self._mixed():
            found = torch.cat([self.learner.values(net, x) for x in self._x.split(SHOWN)]).float()
        wanted = (len(self._x), self.data.n_classes)
        if tuple(found.shape) != wanted:
            remedy = f"give decision values of shape {wanted}, one for each example and class"
            raise ArgumentError("make", f"a net whose values have shape {tuple(found.shape)}", remedy)
        values = np.ascontiguousarray(found.T.cpu().numpy())
        if not np.isfinite(values).all():
            remedy = f"trial {trial} ended with values that are no numbers: give a lower rate"
            raise ArgumentError("rate", self.learner.rate, remedy)
        return values


@contextlib.contextmanager
def _settings(net: Net, device: Device) -> Iterator[None]:
    """One thread, and PyTorch's deterministic operations where asked for; all as before afterwards."""
    import torch

    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fast = torch.backends.cudnn.benchmark
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(net.deterministic)
    torch.backends.cudnn.benchmark = not net.deterministic
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact)
        torch.backends.cudnn.benchmark = fast
