"""The training of nets under masks, written once for any array namespace, all seeds in one batched product.

It is the oracle of the compiled training, and what a GPU runs. What an example's units are multiplied by is made on the host,
from Philox words, and moved as bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from empirical.dynamics.net import Net
from longtail.core import Bools
from longtail.philox import DROPOUT, substream, words

Ints = NDArray[np.int64]


def descent(
    net: Net,
    seeds: Sequence[int],
    x: Any,
    labels: Ints,
    classes: int,
    epochs: Sequence[int],
    *,
    groups: Ints | None = None,
    left_out: Sequence[int] = (),
) -> Iterator[Any]:
    """Flat parameters (seeds, P) after each of ``epochs``, in the namespace of ``x`` (n, d).

    Examples ``left_out`` keep their places in minibatches, and what would be their words; no net learns from them.

    >>> x, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> [w.shape for w in descent(Net((3,), epochs=2), [0, 1, 2], x, y, 2, (1, 2))]  # three nets of 23 numbers, at two epochs
    [(3, 23), (3, 23)]
    """
    xp = array_namespace(x)
    n, t, b, kind = len(labels), len(seeds), net.batch, x.dtype
    size = x.shape[1]
    groups = np.arange(n) if groups is None else groups
    learned = np.ones(n, np.float32)
    learned[list(left_out)] = 0
    onehot = (1 - net.smoothing) * np.eye(classes)[labels] + net.smoothing / classes
    wanted, weight = xp.asarray(onehot, dtype=kind), xp.asarray(learned, dtype=kind)
    bits = xp.asarray(np.concatenate([net.bits(seed, groups) for seed in seeds]).astype(bool))
    kept = xp.asarray(net.scales()[0], dtype=kind)
    w = xp.asarray(np.stack([net.start(seed, size, classes) for seed in seeds]), dtype=kind)
    v = xp.zeros_like(w)
    for epoch in range(epochs[-1]):
        orders = np.stack([net.order(seed, epoch, n) for seed in seeds])
        for first in range(0, n, b):
            at = orders[:, first : first + b]
            own = xp.reshape(xp.asarray(at + n * np.arange(t)[:, None]), (-1,))
            index = xp.reshape(xp.asarray(at), (-1,))
            on = xp.reshape(xp.take(bits, own, axis=0), (t, at.shape[1], -1))
            scale = xp.where(on, kept[1, :], kept[0, :])
            if net.dropout:
                scale = scale * xp.asarray(dropped(net, seeds, epoch, at), dtype=kind)
            rows, aims = (xp.reshape(xp.take(a, index, axis=0), (t, at.shape[1], -1)) for a in (x, wanted))
            counted = xp.reshape(xp.take(weight, index, axis=0), (t, at.shape[1], 1)) / at.shape[1]
            v = net.momentum * v + gradient(net, w, rows, aims, scale, counted) + net.decay * w
            w = w - net.rate * v
        if epoch + 1 in epochs:
            yield w


def dropped(net: Net, seeds: Sequence[int], epoch: int, at: Ints) -> NDArray[np.float32]:
    """Ordinary dropout of minibatches ``at`` (seeds, b): 0, or else 1/(1 − share); (seeds, b, Σ widths).

    >>> scale = dropped(Net((50,), dropout=0.2), seeds=[0], epoch=0, at=np.array([[3, 4]]))
    >>> scale.shape, np.unique(scale).tolist()
    ((1, 2, 50), [0.0, 1.25])
    """
    out = np.empty((*at.shape, sum(net.widths)), np.float32)
    limit = round(net.dropout * 2**32)
    for layer, (width, columns) in enumerate(zip(net.widths, net.columns(), strict=True), 1):
        for row, seed in enumerate(seeds):
            drawn = words(seed, substream(DROPOUT, layer), (epoch << 32) + at[row], 0, width)
            out[row][:, columns] = (drawn >= limit) * np.float32(1 / (1 - net.dropout))
    return out


def gradient(net: Net, w: Any, rows: Any, aims: Any, scale: Any, counted: Any) -> Any:
    """Of Σ counted · loss over each net's rows (t, b, d), by its flat parameters (t, P).

    >>> net, one = Net((2,), biases=False), np.ones((1, 1, 2))
    >>> w = np.array([[1.0, 0, 0, 1, 0, 0, 0, 0]])  # into two units the identity, out of them nothing
    >>> gradient(net, w, rows=one, aims=np.array([[[1.0, 0]]]), scale=one, counted=np.ones((1, 1, 1))).tolist()
    [[0.0, 0.0, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5]]
    """
    xp = array_namespace(w)
    layers = _split(net, w, rows.shape[2], aims.shape[2])
    inputs, z = [rows], rows
    for (into, lift), columns in zip(layers[:-1], net.columns(), strict=True):
        z = xp.matmul(z, into) + lift
        z = xp.where(z > 0, z, xp.zeros((), dtype=z.dtype)) * scale[:, :, columns]
        inputs.append(z)
    into, lift = layers[-1]
    z = xp.matmul(z, into) + lift
    e = xp.exp(z - xp.max(z, axis=2, keepdims=True))
    back = (e / xp.sum(e, axis=2, keepdims=True) - aims) * counted
    parts = []
    slices = [slice(0, 0), *net.columns()]
    for layer in reversed(range(len(layers))):
        if net.biases:
            parts.append(xp.sum(back, axis=1))
        parts.append(xp.reshape(xp.matmul(xp.matrix_transpose(inputs[layer]), back), (w.shape[0], -1)))
        if layer:
            back = xp.matmul(back, xp.matrix_transpose(layers[layer][0]))
            back = xp.where(inputs[layer] > 0, back * scale[:, :, slices[layer]], xp.zeros((), dtype=w.dtype))
    return xp.concat(parts[::-1], axis=1)


def _split(net: Net, w: Any, size: int, classes: int) -> list[tuple[Any, Any]]:
    """Flat parameters (t, P) as weights (t, in, out) and biases (t, 1, out), or 0 where there are none."""
    xp = array_namespace(w)
    first, parts = 0, []
    for p, q in net.shapes(size, classes):
        parts.append(xp.reshape(w[:, first : first + p * q], (w.shape[0], p, q)))
        first += p * q
    return list(zip(parts[::2], parts[1::2], strict=True)) if net.biases else [(part, 0.0) for part in parts]


def values(net: Net, w: Any, x: Any, classes: int, scale: Any) -> Any:
    """Decision values (t, rows, K) of flat parameters (t, P), hidden units being multiplied by ``scale`` (…, rows, Σ widths).

    >>> w = np.array([[1.0, 0, 0, 1, 1, 2, 3, 4]])  # into two units the identity, out of them (1, 2) and (3, 4)
    >>> values(Net((2,), biases=False), w, np.array([[1.0, 1]]), 2, scale=np.array([[2.0, 0]])).tolist()
    [[[2.0, 4.0]]]
    """
    xp = array_namespace(w)
    layers = _split(net, w, x.shape[-1], classes)
    z = x
    for (into, lift), columns in zip(layers[:-1], net.columns(), strict=True):
        z = xp.matmul(z, into) + lift
        z = xp.where(z > 0, z, xp.zeros((), dtype=z.dtype)) * scale[..., columns]
    into, lift = layers[-1]
    return xp.matmul(z, into) + lift


def scaled(net: Net, bits: Bools | NDArray[np.uint8]) -> NDArray[np.float32]:
    """What units are multiplied by in examples' sub-networks, the flipped ones and the whole net: (3, rows, Σ widths).

    >>> scaled(Net((2,)), np.array([[1, 0]])).tolist()  # by its own sub-network, by the flipped one, by the whole net
    [[[2.0, 0.0]], [[0.0, 2.0]], [[1.0, 1.0]]]
    """
    table = net.scales()
    return np.where(bits[None].astype(bool), table[:, 1:], table[:, :1])
