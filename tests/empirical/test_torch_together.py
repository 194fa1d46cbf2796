"""Several nets at a time on one device: as many as memory holds, half as many where it runs out, and the same nets always."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.designs import Bernoulli, Fixed
from empirical.learners import SmallNet, SpeedNet, TorchLearner
from empirical.learners.torch.nets import MOST, STACK, Nets
from longtail.core import ArgumentError
from longtail.core.arrays import CPU, Device
from tests.empirical.nets import dense, threefold

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402

TRIALS = np.arange(13)


@pytest.fixture(scope="module")
def small() -> Data:
    return threefold()


@pytest.fixture(scope="module")
def masks(small: Data) -> Any:
    return Fixed(0.7).subsets(3, TRIALS, small.n, small.y_train)


def dropping(shape: tuple[int, ...], n_classes: int) -> Any:
    """A net that takes random words of the process's as it trains."""
    return nn.Sequential(nn.Linear(shape[0], 24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, n_classes))


def noised(x: Any, generator: Any) -> Any:
    """And one of augmentation, which takes the generator's."""
    return x + 0.1 * torch.randn(x.shape, generator=generator)


DROPPING = TorchLearner(dropping, epochs=3, batch=8, augment=noised)
STACKED = TorchLearner(dense, epochs=3, batch=8, augment=noised, stacked=True)


def trained(net: Any, data: Data, masks: Any, room: int | None = None, device: Device = CPU) -> tuple[Any, Nets]:
    trainer = net.prepare(data, "margin", seed=5, device=device)
    if room is not None:
        trainer.room.append(room)
    return np.hstack(trainer(masks, TRIALS[: len(masks)])), trainer


@dataclass(frozen=True)
class Planted(Device):
    """A GPU that PyTorch takes for the CPU: what is free, and what a net takes, are planted."""

    kind: Any = "gpu"
    torch: str = "cpu"
    library: Any = "torch"
    memory: int = 1000
    each: int = 100

    @property
    def free(self) -> int:
        return self.memory

    def measured(self, work: Callable[[], object]) -> int:
        work()
        return self.each


def limited(limit: int) -> tuple[Any, list[int]]:
    """A function that makes nets of which no more than that many fit, and how many there were when each was used."""
    alive: Any = weakref.WeakSet()
    seen: list[int] = []

    class Counted(nn.Sequential):
        def forward(self, x: Any) -> Any:
            seen.append(len(alive))
            if len(alive) > limit:
                raise torch.OutOfMemoryError("planted")
            return super().forward(x)

    def make(shape: tuple[int, ...], n_classes: int) -> Any:
        made = Counted(*dropping(shape, n_classes))
        alive.add(made)
        return made

    return make, seen


@pytest.mark.parametrize("room", [2, 5, 13])
@pytest.mark.parametrize("net", [DROPPING, SmallNet(width=2, epochs=2, batch=8)])
def test_nets_that_take_turns_are_those_trained_one_by_one(net: Any, room: int, small: Data, masks: Any) -> None:
    x, z = (np.repeat(part, 5, 1).reshape(-1, 5, 5) for part in (small.x_train, small.x_test))
    data = replace(small, x_train=x, x_test=z) if isinstance(net, SmallNet) else small
    before = torch.get_rng_state()
    alone, _ = trained(net, data, masks)
    together, _ = trained(net, data, masks, room)
    assert np.array_equal(alone, together)
    assert torch.equal(torch.get_rng_state(), before)  # nothing of the process's own is used up
    assert len({row.tobytes() for row in alone}) == len(alone)


def test_scores_on_the_way_are_the_same(small: Data, masks: Any) -> None:
    one, several = DROPPING.prepare(small, "loss", seed=2), DROPPING.prepare(small, "loss", seed=2)
    several.room.append(4)
    courses = [t.course(masks, TRIALS, (1, 3)) for t in (one, several)]
    for a, b in zip(*courses, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("memory", "expected"), [(1000, 8), (10**6, MOST), (50, 1)], ids=["eight fit", "a shard fits", "none beside it"]
)
def test_as_many_are_trained_as_memory_holds(memory: int, expected: int, small: Data, masks: Any) -> None:
    make, seen = limited(10**6)
    net = TorchLearner(make, epochs=2, batch=8, augment=noised)
    found, trainer = trained(net, small, masks, device=Planted(memory=memory))
    assert trainer.room == [expected]
    assert max(seen) == min(expected, len(masks) - 1)  # the first is trained alone
    assert np.array_equal(found, trained(replace(net, make=dropping), small, masks)[0])


@pytest.mark.parametrize(("limit", "room"), [(5, 4), (3, 2), (1, 1)])
def test_half_as_many_are_trained_where_memory_runs_out(limit: int, room: int, small: Data, masks: Any) -> None:
    make, seen = limited(limit)
    net = TorchLearner(make, epochs=2, batch=8, augment=noised)
    found, trainer = trained(net, small, masks, device=Planted(memory=1000))
    assert trainer.room == [room]
    assert max(seen) > limit  # it ran out
    assert np.array_equal(found, trained(replace(net, make=dropping), small, masks)[0])
    seen.clear()
    trainer(masks, TRIALS)
    assert max(seen) == room  # and does not again


@pytest.mark.parametrize("device", [CPU, Planted()])
def test_a_net_that_does_not_fit_alone_is_said(device: Device, small: Data, masks: Any) -> None:
    def full(values: Any, y: Any) -> Any:
        raise torch.OutOfMemoryError("planted")

    for net in (DROPPING, STACKED):
        with pytest.raises(ArgumentError, match="a net alone does not fit"):
            trained(replace(net, loss=full), small, masks, device=device)


@pytest.mark.parametrize("optimizer", [None, "adam"])
@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_stacked_nets_are_those_trained_one_by_one(
    optimizer: str | None, precision: str, small: Data, masks: Any
) -> None:
    def adam(net: Any) -> Any:
        last, *rest = reversed(list(net.parameters()))
        return torch.optim.Adam([{"params": rest}, {"params": [last], "lr": 0.1}], lr=1e-2)

    net = replace(STACKED, optimizer=adam if optimizer else None, precision=precision)
    together, trainer = trained(net, small, masks)
    alone, _ = trained(replace(net, stacked=False), small, masks)
    assert trainer.room == [STACK]
    np.testing.assert_allclose(together, alone, atol=1e-4 if precision == "float32" else 0.1)
    assert np.ptp(alone, axis=0).min() > 0.3  # nets differ by more


@pytest.mark.kernels
def test_stacked_nets_are_the_same_however_many(small: Data, masks: Any) -> None:
    whole, _ = trained(STACKED, small, masks)
    for room in (1, 3, 8):
        assert np.array_equal(whole, trained(STACKED, small, masks, room)[0])
    for first, last in ((0, 4), (4, 13)):
        some = STACKED.prepare(small, "margin", seed=5)(masks[first:last], TRIALS[first:last])
        assert np.array_equal(np.hstack(some), whole[first:last])


def test_stacks_are_halved_too(small: Data, masks: Any) -> None:
    calls: list[int] = []

    def loss(values: Any, y: Any) -> Any:
        calls.append(1)
        if len(calls) in (3, 9):  # in the midst of a block, twice
            raise torch.OutOfMemoryError("planted")
        return nn.functional.cross_entropy(values, y)

    net = replace(STACKED, loss=loss)
    found, trainer = trained(net, small, masks)
    assert trainer.room == [STACK // 4]
    np.testing.assert_allclose(found, trained(STACKED, small, masks)[0], atol=1e-5)


def test_what_is_not_to_be_stacked_is_refused_in_words(small: Data, masks: Any) -> None:
    def normalized(shape: tuple[int, ...], n_classes: int) -> Any:
        return nn.Sequential(nn.Linear(shape[0], 4), nn.BatchNorm1d(4), nn.Linear(4, n_classes))

    class Drops(nn.Linear):
        def forward(self, x: Any) -> Any:
            return nn.functional.dropout(super().forward(x))

    def drops(shape: tuple[int, ...], n_classes: int) -> Any:
        return Drops(shape[0], n_classes)

    def lbfgs(net: Any) -> Any:
        return torch.optim.LBFGS(net.parameters())

    pictures = Data(np.zeros((40, 16, 16, 3)), small.y_train, np.zeros((20, 16, 16, 3)), small.y_test, ("a", "b", "c"))
    for net, data, match in (
        (SpeedNet(width=4, epochs=1, stacked=True), pictures, "grouped ones, which are slow"),
        (replace(STACKED, make=normalized), small, "BatchNorm1d"),
        (replace(STACKED, make=dropping), small, "Dropout"),
        (replace(STACKED, make=drops), small, "random"),
        (replace(STACKED, optimizer=lbfgs), small, "LBFGS"),
    ):
        with pytest.raises(ArgumentError, match=match):
            trained(net, data, masks)
    uneven = Bernoulli(0.7).subsets(3, TRIALS, small.n, small.y_train)
    with pytest.raises(ArgumentError, match="subsets differ in size"):
        trained(STACKED, small, uneven)
    with pytest.raises(ArgumentError, match="compiled"):
        replace(STACKED, compiled=True)
