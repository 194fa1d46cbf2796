"""The training of a net with one hidden layer, written once for any array namespace: all models in one batched product.

It is the oracle of the compiled training, and what a GPU runs in float32; with ``half``, the oracle of mixed precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Round = Callable[[Any], Any]
SCALE = 256.0  # of the loss in mixed precision: probabilities down to 2^-24 / 256 are not lost
LARGEST = 65504.0  # of float16


class Net(Protocol):
    """What the training asks of a net: its sizes and rates.

    >>> from empirical.learners import MLP
    >>> net: Net = MLP(width=16, epochs=3)
    >>> net.width, net.epochs, net.batch
    (16, 3, 64)
    """

    @property
    def width(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def penalty(self) -> float: ...


def descent(
    net: Net, start: Any, x: Any, targets: Any, present: Any, orders: list[Ints], half: Round | None = None
) -> Any:
    """Flat parameters (t, P) of all models trained at once from ``start`` (t, P): the oracle, in any array namespace.

    ``x`` (n, d) are the examples, ``targets`` (n, K) are 0/1, ``present`` (t, K) the classes held; ``orders`` one (epochs,
    members) array a model, of any sizes: short minibatches are padded with rows that do not count, and a model that is done
    stands still.
    ``half`` rounds the operands of products, in mixed precision.

    >>> from empirical.learners import MLP
    >>> net, x, targets = MLP(width=4, epochs=60, rate=0.1), np.eye(2), np.eye(2)  # two examples, of two classes
    >>> start = net.start(0, 0, 2, 2)[None].astype(float)
    >>> w = descent(net, start, x, targets, np.ones((1, 2), bool), [np.tile([0, 1], (60, 1))])
    >>> outputs(w, x, net.width, 2).argmax(2).tolist()
    [[0, 1]]
    """
    return course(net, start, x, targets, present, orders, (net.epochs,), half)[-1]


def course(
    net: Net,
    start: Any,
    x: Any,
    targets: Any,
    present: Any,
    orders: list[Ints],
    epochs: Sequence[int],
    half: Round | None = None,
) -> list[Any]:
    """What ``descent`` gives, after each of ``epochs``: a model's own, whose minibatches may be fewer than another's.

    >>> from empirical.learners import MLP
    >>> net = MLP(width=4, epochs=60, rate=0.1)
    >>> start, orders = net.start(0, 0, 2, 2)[None].astype(float), [np.tile([0, 1], (60, 1))]
    >>> kept = course(net, start, np.eye(2), np.eye(2), np.ones((1, 2), bool), orders, epochs=(1, 60))
    >>> [float(outputs(w, np.eye(2), 4, 2)[0, 0] @ [1, -1]) > 1 for w in kept]  # of the first example, by then
    [False, True]
    """
    xp = array_namespace(start, x)
    kind, d, classes, t, b = x.dtype, x.shape[1], targets.shape[1], start.shape[0], net.batch
    scale = 1.0 if half is None else SCALE
    half = half or (lambda v: v)
    listed, steps = _minibatches(orders, b)
    ends = np.multiply.outer(epochs, steps.astype(np.int64) // net.epochs)  # steps that each has taken by then
    most = int(ends[-1].max())
    listed = listed[:most]
    kept = [start] * len(epochs)
    turns = np.arange(most, dtype=np.float32)[:, None]
    paces = net.rate * np.maximum(1 - turns / steps, 0) / (1 - 0.9 ** (turns + 1))
    index, rates = xp.asarray(listed), xp.asarray(paces[:, :, None], dtype=kind)  # all of them there at once
    w, mean, square = start, xp.zeros_like(start), xp.zeros_like(start)
    shapes = ((d, net.width), (1, net.width), (net.width, classes), (1, classes))
    biases = (False, True, False, True)
    decayed = [
        np.full(p * q, 0 if bias else net.penalty, np.float32) for (p, q), bias in zip(shapes, biases, strict=True)
    ]
    shrink = xp.asarray(np.concatenate(decayed), dtype=kind)
    shut = xp.expand_dims(xp.where(present, xp.zeros((), dtype=kind), -xp.inf), axis=1)
    for step in range(most):
        real = xp.astype(index[step, :] >= 0, kind)
        held = xp.reshape(xp.maximum(xp.sum(xp.reshape(real, (t, b)), axis=1), xp.ones((), dtype=kind)), (t, 1))
        at = xp.where(index[step, :] >= 0, index[step, :], 0)
        rows = half(xp.reshape(xp.take(x, at, axis=0), (t, b, d)))
        wanted = xp.reshape(xp.take(targets, at, axis=0), (t, b, classes))
        into, lift, out, shift = _split(w, shapes)
        into, out = half(into), half(out)
        hidden = xp.matmul(rows, into) + lift
        hidden = half(hidden * xp.astype(hidden > 0, kind))
        z = xp.matmul(hidden, out) + shift + shut
        e = xp.exp(z - xp.max(z, axis=2, keepdims=True))
        z = half(scale * (e / xp.sum(e, axis=2, keepdims=True) - wanted) * xp.reshape(real, (t, b, 1)))
        back = half(xp.matmul(z, xp.matrix_transpose(out)) * xp.astype(hidden > 0, kind))
        parts = (
            xp.matmul(xp.matrix_transpose(rows), back),
            xp.sum(back, axis=1),
            xp.matmul(xp.matrix_transpose(hidden), z),
            xp.sum(z, axis=1),
        )
        g = xp.concat([xp.reshape(p, (t, -1)) for p in parts], axis=1) / (scale * held) + shrink * w
        mean = 0.9 * mean + 0.1 * g
        square = 0.999 * square + 0.001 * g * g
        w = w - rates[step, :, :] * mean / (xp.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8)
        for e, end in enumerate(ends == step + 1):
            if end.all():
                kept[e] = w
            elif end.any():
                kept[e] = xp.where(xp.asarray(end[:, None]), w, kept[e])
    return kept


def _minibatches(orders: list[Ints], b: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Examples of every step, (steps, t · b), −1 where there is none; and how many steps each model takes."""
    steps = np.array([len(o) * -(-o.shape[1] // b) for o in orders])
    index = np.full((len(orders), int(steps.max()), b), -1, np.int32)
    for order, own, count in zip(orders, index, steps.tolist(), strict=True):
        spread = np.full((len(order), count // len(order) * b), -1, np.int32)
        spread[:, : order.shape[1]] = order
        own[:count] = spread.reshape(-1, b)
    return np.ascontiguousarray(index.transpose(1, 0, 2)).reshape(len(index[0]), -1), steps.astype(np.float32)


def halved(v: Any) -> Any:
    """Rounded to float16, which holds at most 65,504: what a product's operands go through in mixed precision.

    >>> halved(np.array([1 / 3, 1e6])).tolist()
    [0.333251953125, 65504.0]
    """
    xp = array_namespace(v)
    return xp.astype(xp.astype(xp.clip(v, -LARGEST, LARGEST), xp.float16), v.dtype)


def _split(w: Any, shapes: tuple[tuple[int, int], ...]) -> list[Any]:
    """Flat parameters (t, P) as (t, rows, columns) arrays."""
    xp = array_namespace(w)
    first, parts = 0, []
    for p, q in shapes:
        parts.append(xp.reshape(w[:, first : first + p * q], (w.shape[0], p, q)))
        first += p * q
    return parts


def outputs(w: Any, x: Any, width: int, classes: int, half: Round | None = None) -> Any:
    """Decision values (t, rows, K) of flat parameters (t, P), in any array namespace.

    >>> w = np.array([[2.0, 0.0, 1.0, -1.0, 0.0, 0.5]])  # 1 input, 1 hidden unit, 2 classes: weights, bias, weights, biases
    >>> outputs(w, np.array([[3.0]]), width=1, classes=2).tolist()
    [[[6.0, -5.5]]]
    """
    xp = array_namespace(w, x)
    half = half or (lambda v: v)
    shapes = ((x.shape[1], width), (1, width), (width, classes), (1, classes))
    into, lift, out, shift = _split(w, shapes)
    hidden = xp.matmul(half(x), half(into)) + lift
    return xp.matmul(half(hidden * xp.astype(hidden > 0, x.dtype)), half(out)) + shift
