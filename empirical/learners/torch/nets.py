"""Nets trained on their subsets, on one device: one after the other, or several at a time where a GPU has room for them.

Several take turns, a step each, on streams of their own; what one draws is its own (``chance``), so that a net is the same
however many there are. How many: the first is trained alone and the memory that it took is measured; as many fit as the free
memory holds, and half as many where it runs out in spite of that. On a CPU there is one at a time, and several are several
processes. Stacked nets of dense layers are one computation (``stacked``), of as many.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.learners.learner import Trainer
from empirical.learners.score import Score
from empirical.learners.shared.naming import naming
from empirical.learners.shared.places import seated
from empirical.learners.shared.scores import read
from empirical.learners.torch.chance import Chance
from empirical.learners.torch.plan import Plan
from empirical.learners.torch.stacked import stacked
from longtail.core import ArgumentError, Bools
from longtail.core.arrays import Device, fitting
from longtail.core.opened import why
from longtail.philox import LEARNER, words

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

SHOWN = 2000  # examples that are asked about at a time
MOST = 64  # nets at a time: a shard of the default size
STACK = 16  # stacked nets at a time on a CPU
SHARE = 0.8  # of a GPU's free memory that nets may fill


@dataclass(frozen=True)
class Nets(Trainer):
    """Trainer; ``room``: how many nets at a time, one number, once that is known.

    >>> import torch
    >>> from empirical.learners import TorchLearner
    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> learner = TorchLearner(lambda shape, n_classes: torch.nn.Linear(shape[0], n_classes), epochs=3)
    >>> nets = learner.prepare(data).nets(np.ones(4, bool), trial=0, epochs=(1, 3))  # of one trial, after either epoch
    >>> [tuple(net.weight.shape) for net in nets]
    [(2, 4), (2, 4)]
    """

    learner: Plan
    score: Score
    data: Data
    device: Device
    seed: int
    room: list[int] = field(default_factory=list, repr=False)

    @property
    def batch(self) -> int:
        return STACK if self.learner.stacked else 1

    @cached_property
    def x(self) -> Any:
        """Training and then test examples, on the device."""
        return self.learner.inputs(self.data, self.device.torch)

    @cached_property
    def y(self) -> Tensor:
        import torch

        return torch.as_tensor(self.data.y_train, device=self.device.torch)

    @cached_property
    def _labels(self) -> NDArray[np.int64]:
        return np.append(self.data.y_train, self.data.y_test)

    def fill(self, masks: Bools, trials: NDArray[np.int64], present: Bools, scores: NDArray[Any]) -> None:
        self.fill_at(masks, trials, present, (self.learner.epochs,), scores[None])

    def fill_at(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        import torch

        train = self._stack if self.learner.stacked else self._turns

        def some(first: int, count: int) -> None:
            rows = slice(first, first + count)
            train(masks[rows], trials[rows], present[rows], epochs, scores[:, rows])

        with _settings(self.learner, self.device):
            measured, first = bool(self.room) or self.device.kind == "cpu", 0
            if not self.room:
                self.room.append(self.batch if measured else 1)
            while first < len(masks):
                count, taken = min(self.room[-1], len(masks) - first), 0
                work, failed = functools.partial(some, first, count), False
                try:
                    if measured:
                        work()
                    else:
                        taken = self.device.measured(work)
                except torch.OutOfMemoryError:  # what it held is free only when the error is forgotten
                    failed = True
                if failed:
                    self._halve(count)
                    continue
                if not measured:
                    self.room[-1] = fitting(taken, self.device, MOST, SHARE) if taken else self.batch
                measured, first = True, first + count

    def _halve(self, count: int) -> None:
        """Of what ran out of memory half as many are the most from now on; for one there is no less."""
        import torch

        if self.device.torch.startswith("cuda"):
            torch.cuda.empty_cache()
        together = self.room[-1] if self.learner.stacked else count  # stacks are filled up
        if together == 1:
            remedy = f"a net alone does not fit into {self.device.name}'s memory: give a smaller batch or a smaller net"
            raise ArgumentError("batch", self.learner.batch, remedy)
        self.room[-1] = together // 2

    def _turns(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        """Each net a step, until all are trained; one alone without pause."""
        import torch

        lanes = [_Lane(self, mask, trial, epochs) for mask, trial in zip(masks, trials.tolist(), strict=True)]
        going = dict(enumerate(lanes))
        while going:
            for k, lane in list(going.items()):
                with naming(self.learner, lane.trial, torch.OutOfMemoryError), lane.turn(len(lanes) > 1):
                    for net in lane.steps:
                        if net is not None:
                            self._asked(net, lane.trial, present[k : k + 1], scores[lane.done, k : k + 1])
                            lane.done += 1
                        elif len(lanes) > 1:
                            break
                    else:
                        del going[k]

    def _stack(
        self, masks: Bools, trials: NDArray[np.int64], present: Bools, epochs: Sequence[int], scores: NDArray[Any]
    ) -> None:
        """All nets a step at once. A trial has a place of its own among them, on which its rounding may depend."""
        import torch

        for rows, places in seated(trials, self.room[-1]):
            own = np.arange(len(masks))[rows]
            filled = np.full(self.room[-1], own[0])
            filled[places] = own
            with naming(self.learner, int(trials[own[0]]), torch.OutOfMemoryError):
                for e, nets in enumerate(stacked(self, masks[filled], trials[filled].tolist(), epochs)):
                    for k, place in zip(own, np.arange(len(filled))[places], strict=True):
                        self._asked(nets[place], int(trials[k]), present[k : k + 1], scores[e, k : k + 1])

    def nets(self, mask: Bools, trial: int, epochs: Sequence[int]) -> Iterator[nn.Module]:
        """One net, after each of ``epochs``."""
        lane = _Lane(self, mask, trial, epochs)
        with lane.turn(False):
            yield from (net for net in lane.steps if net is not None)

    def steps(self, mask: Bools, epochs: Sequence[int], chance: Chance) -> Iterator[nn.Module | None]:
        """One net, after each of ``epochs``; nothing after each step."""
        import torch

        net, subset = self.begun(mask)
        run = torch.compile(net) if self.learner.compiled else net
        optimizer = self.learner.descent(net)
        for first, last in pairwise((0, *epochs)):
            net.train()
            for epoch in range(first, last):
                order = subset[torch.randperm(len(subset), generator=chance.generator, device=self.device.torch)]
                for some, step, total in self.minibatches(order, epoch, optimizer):
                    optimizer.zero_grad(set_to_none=True)
                    with self.mixed():
                        x = self.learner.augmented(self.x[some], chance.generator)
                        loss = self.learner.cost(self._found(run, x), self.y[some])
                    loss.backward()
                    optimizer.step()
                    self.learner.stepped(net, step, total)
                    yield None
            yield net

    def _found(self, run: Any, x: Any) -> Tensor:
        """Decision values in training, where a net that is compiled is so when it is first asked."""
        if not self.learner.compiled:
            return run(x)
        from torch._dynamo.exc import TorchDynamoException

        try:
            return run(x)
        except TorchDynamoException as error:
            remedy = f"torch.compile does not work here ({why(error)}): leave it out"
            raise ArgumentError("compiled", True, remedy) from error

    def begun(self, mask: Bools) -> tuple[nn.Module, Tensor]:
        """A fresh net on the device, and the places of its subset's examples."""
        import torch

        net = self.learner.module(tuple(self.x.shape[1:]), self.data.n_classes).to(self.device.torch)
        if self.learner.channels_last:
            net = net.to(memory_format=torch.channels_last)
        subset = torch.as_tensor(np.flatnonzero(mask), device=self.device.torch)
        self.learner.begin(net, self.x[subset])
        return net, subset

    def minibatches(self, order: Tensor, epoch: int, optimizer: Optimizer) -> Iterator[tuple[Tensor, int, int]]:
        """Examples of each, the optimizer at the rate that they are due; steps after it, and steps in all."""
        learner = self.learner
        each = -(-order.shape[-1] // learner.batch)
        total = learner.epochs * each
        for step, some in enumerate(order.split(learner.batch, -1), epoch * each):
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("own_lr", group["lr"]) * learner.pace(step / total)
            yield some, step + 1, total

    def mixed(self) -> Any:
        """Products in bfloat16, where asked for."""
        import torch

        if self.learner.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device.torch).type, torch.bfloat16)

    def chance(self, trial: int) -> Chance:
        """A trial's random words."""
        return Chance(int(words(self.seed, LEARNER, trial, 0, 1)[0]), self.device.torch)

    def _asked(self, net: nn.Module, trial: int, present: Bools, scores: NDArray[Any]) -> None:
        """The scores of all examples."""
        import torch

        net.eval()
        with torch.no_grad(), self.mixed():
            found = torch.cat([self.learner.values(net, x) for x in self.x.split(SHOWN)]).float()
        wanted = (len(self.x), self.data.n_classes)
        if tuple(found.shape) != wanted:
            remedy = f"give decision values of shape {wanted}, one for each example and class"
            raise ArgumentError("make", f"a net whose values have shape {tuple(found.shape)}", remedy)
        values = np.ascontiguousarray(found.T.cpu().numpy())
        if not np.isfinite(values).all():
            remedy = f"trial {trial} ended with values that are no numbers: give a lower rate"
            raise ArgumentError("rate", self.learner.rate, remedy)
        read(values[None], present, self._labels, self.score, scores)


class _Lane:
    """A trial on its way: what it does next, how many of its epochs' scores are there, and its stream where there are several."""

    def __init__(self, nets: Nets, mask: Bools, trial: int, epochs: Sequence[int]) -> None:
        self.trial, self.done, self.where = trial, 0, nets.device.torch
        self.chance = nets.chance(trial)
        self.steps = nets.steps(mask, epochs, self.chance)

    @contextlib.contextmanager
    def turn(self, several: bool) -> Iterator[None]:
        """Inside, it is this trial's turn."""
        with self.chance.turn(), self._stream() if several else contextlib.nullcontext():
            yield

    def _stream(self) -> Any:
        import torch

        if not self.where.startswith("cuda"):
            return contextlib.nullcontext()
        if not hasattr(self, "stream"):
            self.stream = torch.cuda.Stream(self.where)
            self.stream.wait_stream(torch.cuda.current_stream(self.where))  # examples are there
        return torch.cuda.stream(self.stream)


@contextlib.contextmanager
def _settings(net: Plan, device: Device) -> Iterator[None]:
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
