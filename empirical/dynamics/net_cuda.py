"""Nets under masks trained on a GPU, all seeds at once: ``descent``'s gradient, with masks, dropout and the step as kernels.

Examples, weights and momentum stay on the device, where Philox draws masks and dropout as on the CPU; an epoch's orders are sent
there. A step is batched products, a kernel for the scales and one for the step.

On paper, not measured: a step of 784-768-768-768-10 at 32 examples has 305 MFLOP a net, for dense products leave no zeros out,
and moves 57 MB (weights four times, momentum and gradient twice): 12 µs at 4.8 TB/s, so a launch costs as much, and batches of
nets pay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import numpy as np

from empirical.dynamics.descent import gradient
from empirical.dynamics.training import Trainer
from longtail.core import whole
from longtail.philox import DROPOUT, MASK, block_cuda, substream

BLOCK: Final = 128
MOST: Final = 2**16  # blocks a launch: threads take turns


def source() -> str:
    """The CUDA text of both kernels, Philox first."""
    return "\n".join([block_cuda.SOURCE, (files("empirical.dynamics") / "net.cu").read_text(encoding="utf-8")])


@lru_cache(maxsize=16)
def kernel(name: str, device: int) -> Any:
    """A compiled kernel."""
    import cupy

    with cupy.cuda.Device(device):
        return cupy.RawModule(code=source(), options=("--std=c++14",)).get_function(name)


def numbers(trainer: Trainer) -> int:
    """Numbers of 4 bytes that a net takes: weights, momentum, gradient and its parts, and a minibatch."""
    sizes = trainer.sizes
    return 5 * trainer.net.parameters(int(sizes[0]), int(sizes[-1])) + 6 * trainer.net.batch * int(sizes.sum())


def course(trainer: Trainer, seeds: Sequence[int], epochs: Sequence[int]) -> Iterator[Any]:
    """Flat parameters (seeds, P) after each of ``epochs``, on the device: one array, trained further."""
    import cupy

    net, n = trainer.net, len(trainer.labels)
    epochs = net.check_epochs(epochs)
    for seed in seeds:
        whole("seed", seed, 0, 2**64 - 1)
    onehot = (1 - net.smoothing) * np.eye(trainer.classes)[trainer.labels] + net.smoothing / trainer.classes
    x, wanted, learned = (cupy.asarray(v.astype(np.float32)) for v in (trainer.x, onehot, trainer.learned))
    w = cupy.asarray(np.stack([net.start(seed, trainer.x.shape[1], trainer.classes) for seed in seeds]))
    v = cupy.zeros_like(w)
    scales = Scales(trainer, seeds)
    fixed = (np.uint64(w.size), *(np.float32(value) for value in (net.rate, net.momentum, net.decay)))
    for epoch in range(epochs[-1]):
        orders = cupy.asarray(np.stack([net.order(seed, epoch, n) for seed in seeds]).astype(np.uint32))
        for first in range(0, n, net.batch):
            own = orders[:, first : first + net.batch]
            b = own.shape[1]
            counted = learned[own][:, :, None] / np.float32(b)
            g = gradient(net, w, x[own], wanted[own], scales(orders, first, b, epoch), counted)
            launch("descend", w.size, cupy.asarray(g), *fixed, w, v)
        if epoch + 1 in epochs:
            yield w


class Scales:
    """What minibatches' units are multiplied by: of masks, and of ordinary dropout."""

    def __init__(self, trainer: Trainer, seeds: Sequence[int]) -> None:
        import cupy

        net = trainer.net
        layer = np.repeat(np.arange(1, len(net.widths) + 1), net.widths)
        units = np.concatenate([np.arange(width) for width in net.widths]).astype(np.uint32)
        streams = [np.array([substream(kind, int(k)) for k in layer], np.uint32) for kind in (MASK, DROPOUT)]
        self.each = [cupy.asarray(part) for part in (*streams, units, *net.scales()[0])]
        self.seeds = cupy.asarray(np.array(seeds, np.uint64))
        self.groups = cupy.asarray(trainer.groups.astype(np.uint64))
        self.limit = np.uint64(round(net.masks.kept * 2**32))
        self.drop, self.lift = np.uint64(round(net.dropout * 2**32)), np.float32(1 / (1 - net.dropout))

    def __call__(self, orders: Any, first: int, b: int, epoch: int) -> Any:
        """Of ``b`` examples from the ``first`` on of orders (seeds, n): (seeds, b, Σ widths)."""
        import cupy

        (t, n), wide = orders.shape, self.each[0].size
        out = cupy.empty((t, b, wide), np.float32)
        sizes = [np.uint32(size) for size in (t, n, first, b, wide)]
        launch(
            "scale", out.size, self.seeds, orders, self.groups, *self.each, *sizes, self.limit, np.uint64(epoch), self.drop,
            self.lift, out,
        )  # fmt: skip
        return out


def launch(name: str, threads: int, *arguments: Any) -> None:
    """A kernel by so many threads, as far as there may be so many."""
    import cupy

    kernel(name, cupy.cuda.Device().id)((max(1, min(MOST, -(-threads // BLOCK))),), (BLOCK,), arguments)
