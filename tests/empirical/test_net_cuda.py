"""Nets under masks on a GPU: the launch code on a stand-in for CuPy, its kernels compiled by g++, against the CPU's training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.dynamics import net_cuda, run
from empirical.dynamics.descent import descent, dropped
from empirical.dynamics.masks import Masks
from empirical.dynamics.net import Net
from empirical.dynamics.store import Identity, Nets
from empirical.dynamics.training import Trainer
from longtail.core import ArgumentError
from tests.host_cupy import stand_in

SEEDS = (0, 2**40 + 5, 7)
NETS = [
    Net(widths=(12,), epochs=4, batch=16, rate=0.05),
    Net(
        (12, 9, 11), Masks(0.4, (1, 3), shared=0.2), biases=False, rate=0.05, decay=0.01, batch=16, epochs=4, smoothing=0.1,
        dropout=0.2,
    ),
    Net((10, 9), Masks(kept=0.3, layers=(2,), scaled=False), rate=0.05, batch=128, epochs=4),
]  # fmt: skip


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stand_in(monkeypatch)
    net_cuda.kernel.cache_clear()
    yield
    net_cuda.kernel.cache_clear()


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_it_trains_as_the_oracle_and_the_compiled_do(small: Data, net: Net) -> None:
    groups = np.arange(small.n) // 2
    trainer = Trainer.of(net, small, groups, left_out=[3])
    found = [np.array(w) for w in net_cuda.course(trainer, SEEDS, (1, 4))]
    x = small.x_train.astype(float)
    want = list(descent(net, SEEDS, x, small.y_train, 3, (1, 4), groups=groups, left_out=[3]))
    for mine, theirs in zip(found, want, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert np.abs(want[0] - want[1]).max() > 0.02
    for row, seed in enumerate(SEEDS):
        np.testing.assert_allclose(found[1][row], trainer.parameters(seed, (4,))[0], atol=1e-5)


def test_masks_and_dropout_are_drawn_there_as_here(small: Data) -> None:
    import cupy

    net = NETS[1]
    trainer = Trainer.of(net, small)
    own = np.array([[5, 0, 89], [1, 1, 2], [7, 8, 9]])
    found = np.asarray(net_cuda.Scales(trainer, SEEDS)(cupy.asarray(own.astype(np.uint32)), 0, 3, 3))
    kept = net.scales()[0]
    for row, seed in enumerate(SEEDS):
        masked = np.where(net.bits(seed, own[row]).astype(bool), kept[1], kept[0])
        np.testing.assert_array_equal(found[row], masked * dropped(net, SEEDS, 3, own)[row])
    plain = net_cuda.Scales(Trainer.of(replace(net, dropout=0.0), small), SEEDS)(
        cupy.asarray(own.astype(np.uint32)), 0, 3, 3
    )
    assert (np.asarray(plain) != found).any()


def test_a_run_trains_what_is_missing_there_in_batches_that_fit(small: Data, tmp_path: Path) -> None:
    trainer, epochs = Trainer.of(NETS[0], small), (1, 4)
    nets = Nets.open(tmp_path / "nets", Identity.of(trainer, small, epochs))
    run.trained(trainer, small, [1], epochs, nets)
    before = (tmp_path / "nets" / nets.name(1)).read_bytes()
    room: Any = SimpleNamespace(kind="gpu", free=2 * 2 * 4 * net_cuda.numbers(trainer))  # two nets in half of it
    done: list[int] = []
    tell = lambda now: done.append(now.done)  # noqa: E731
    read: Any = lambda seed, w: (seed, w.shape)  # noqa: E731
    scores, seen = run.trained(trainer, small, range(4), epochs, nets, tell, device=room, reading=read)
    assert (tmp_path / "nets" / nets.name(1)).read_bytes() == before
    assert done == [1, 2, 3, 4]
    assert seen == [(seed, (2, NETS[0].parameters(7, 3))) for seed in range(4)]
    here, _ = run.trained(trainer, small, range(4), epochs)
    assert scores.seeds == here.seeds == (0, 1, 2, 3)
    np.testing.assert_allclose(scores.loss, here.loss, atol=1e-4)
    assert (scores.right == here.right).mean() > 0.99


def test_what_cannot_be_is_refused(small: Data) -> None:
    trainer = Trainer.of(NETS[0], small)
    with pytest.raises(ArgumentError, match="epochs: got 9"):
        next(net_cuda.course(trainer, SEEDS, (9,)))
    with pytest.raises(ArgumentError, match="seed: got -1"):
        next(net_cuda.course(trainer, (-1,), (1,)))
    assert net_cuda.numbers(trainer) > 5 * 12 * 7
