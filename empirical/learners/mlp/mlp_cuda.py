"""Nets trained on a GPU in mixed precision: float16 operands, float32 sums, weights and moments; ``mlp.cu`` between products.

Micikevicius et al., "Mixed precision training" (arXiv 1710.03740): weights are kept in float32 beside a rounded copy that
the products read, and gradients of the loss are scaled (by ``SCALE`` times the minibatch) so that they do not sink below
float16. All models take a step at once: 7 batched products and 5 kernels, Adam one of them; examples, orders, weights
and moments stay on the device, where Philox draws them as on the CPU.

With operands rounded so in NumPy, test accuracy was .9061 against .9070 in float32 on digits (64-256-10, 16 subsets) and
.9280 against .9280 on 6,000 of MNIST's images (784-128-10, 4 subsets); .03 % and .2 % of predictions differed.

CuPy's own ``matmul`` is no use for this: as released it casts a batched float16 product to float32 and runs it without
tensor cores (cupy/cupy pull request 10317 says so, and mends it but for the output, rounded to float16), reads no CUPY_TF32
there, and copies transposed views. So products go to what it calls, cuBLAS's ``gemmStridedBatchedEx``, with float16 in and
float32 out.

On paper, not measured, 784-512-10 on 42,000 of MNIST's images, b = 1,024, 20 epochs, on an H200 (989 TFLOP/s at 16 bit,
4.8 TB/s): a step of one model is 1.7 GFLOP, 3.4 µs at half that peak; gradients and Adam move 34 bytes a parameter, 14 MB,
examples as float16 four times 6.4 MB, hidden units and their gradients 30 bytes a unit and example, 16 MB: 7.5 µs. 840
steps of 11 µs are 9.2 ms, scoring 70,000 rows .3: about 100 models a second, t = 4,000 in 40 s. At b = 64 there are 13,140
steps, in which parameters alone take 38 ms. Twelve launches a step may cost the host .1 ms, where 32 such models take .35.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from empirical.learners.mlp.descent import LARGEST, SCALE, Net
from empirical.learners.score import Floats32
from longtail.core import Bools
from longtail.philox import WEIGHTS, block_cuda, substream

BLOCK: Final = 128
SPAN: Final = 1024  # parameters to a block's turn
MOST: Final = 2**16  # blocks a launch: each takes turns
ROWS: Final = 1024  # examples scored at a time, at least
ONE, ZERO = np.ones(1, np.float32), np.zeros(1, np.float32)

Run = Callable[..., None]


def source() -> str:
    """The CUDA text of all kernels, Philox first."""
    numbers = {"SPAN": SPAN, "SCALE": f"{SCALE}f", "LARGEST": f"{LARGEST}f"}
    defined = "".join(f"#define {name} {value}\n" for name, value in numbers.items())
    text = (files("empirical.learners.mlp") / "mlp.cu").read_text(encoding="utf-8")
    return "\n".join([block_cuda.SOURCE, defined, text])


@lru_cache(maxsize=16)
def kernel(name: str, device: int) -> Any:
    """A compiled kernel."""
    import cupy

    with cupy.cuda.Device(device):
        return cupy.RawModule(code=source(), options=("--std=c++14",)).get_function(name)


@dataclass(frozen=True)
class Examples:
    """Training rows first, as float16, and the training labels: once a process, on the device."""

    x: Any
    labels: Any
    classes: int

    @classmethod
    def there(cls, rows: Floats32, labels: NDArray[np.int64], classes: int) -> Examples:
        import cupy

        return cls(cupy.asarray(rows.astype(np.float16)), cupy.asarray(labels.astype(np.uint32)), classes)


def values(net: Net, seed: int, examples: Examples, present: Bools, masks: Bools, trials: NDArray[np.int64]) -> Any:
    """Decision values (t, rows, K) of every row by nets trained on each subset."""
    import cupy

    t, n = masks.shape
    d, h, classes = examples.x.shape[1], net.width, examples.classes
    b, shown = net.batch, max(net.batch, ROWS)
    size, lift, out, shift = (d + 1) * h + (h + 1) * classes, d * h, d * h + h, d * h + h + h * classes
    counts = masks.sum(1)
    members, numbers = cupy.asarray(counts.astype(np.uint32)), cupy.asarray(trials.astype(np.uint64))
    held, orders = cupy.asarray(present.astype(np.uint8)), shuffled(net, seed, numbers, masks)
    w, operand = started(net, seed, numbers, d, classes)
    g, mean, square = cupy.empty(w.shape, w.dtype), cupy.zeros_like(w), cupy.zeros_like(w)

    into, outward = _view(operand[:, :lift], t, d, h), _view(operand[:, out:shift], t, h, classes)
    sums, units = (cupy.empty(t * shown * h, kind) for kind in (cupy.float32, cupy.float16))
    hidden, open_ = (v[: t * b * h].reshape(t, b, h) for v in (sums, units))
    back = cupy.empty((t, b, h), cupy.float16)
    rows = cupy.empty((t, b, d), cupy.float16)
    z, error = (cupy.empty((t, b, classes), kind) for kind in (cupy.float32, cupy.float16))
    ones = cupy.broadcast_to(cupy.ones((1, 1, b), cupy.float16), (t, 1, b))
    listed = (examples.labels, held, orders, members, *_long(size, shift))
    fixed = (*_whole(t, b, d, h, classes), np.float32(net.rate), np.float32(net.penalty))
    gather = _bound("gather", t * b * BLOCK, examples.x, orders, members, *_whole(t, b, d, n), rows)
    softmax = _bound("softmax", t * b, z, w, *listed, *_whole(t, b, n, classes), error)
    adam = _bound("adam", t * -(-size // SPAN) * BLOCK, g, members, *fixed, w, mean, square, operand)
    between = [
        product(rows, into, hidden),
        _bound("lift", t * b * BLOCK, hidden, w, *_long(size, lift), *_whole(t * b, b, h), open_),
        product(open_, outward, z),
    ]
    backward = [
        product(error, outward.transpose(0, 2, 1), hidden),
        _bound("gated", t * b * h, hidden, open_, *_long(t * b * h), back),
        product(rows.transpose(0, 2, 1), back, _view(g[:, :lift], t, d, h)),
        product(ones, back, _view(g[:, lift:out], t, 1, h)),
        product(open_.transpose(0, 2, 1), error, _view(g[:, out:shift], t, h, classes)),
        product(ones, error, _view(g[:, shift:], t, 1, classes)),
    ]
    for step in range(int(net.epochs * -(-counts.max() // b))):
        now = _whole(step, net.epochs)
        gather(*now)
        for run in between:
            run()
        softmax(*now)
        for run in backward:
            run()
        adam(*now, np.float32(1 - 0.9 ** (step + 1)), np.float32(1 - 0.999 ** (step + 1)))

    found = cupy.empty((t, len(examples.x), classes), cupy.float32)
    for first in range(0, len(examples.x), shown):
        part = examples.x[first : first + shown]
        many = len(part)
        hidden, open_ = (v[: t * many * h].reshape(t, many, h) for v in (sums, units))
        product(cupy.broadcast_to(part[None], (t, many, d)), into, hidden)()
        _bound("lift", t * many * BLOCK, hidden, w, *_long(size, lift), *_whole(t * many, many, h), open_)()
        product(open_, outward, found[:, first : first + many])()
    found += w[:, None, shift:]
    return found


def numbers(net: Net, rows: int, n: int, d: int, classes: int) -> int:
    """Numbers of 4 bytes that a model takes: parameters and moments, a minibatch, orders and their keys, scores."""
    size = (d + 1) * net.width + (net.width + 1) * classes
    minibatch = net.batch * (d + 2 * net.width + 2 * classes) + 2 * max(net.batch, ROWS) * net.width
    return 5 * size + minibatch + (net.epochs + 8) * n + 5 * rows * classes


def started(net: Net, seed: int, trials: Any, d: int, classes: int) -> tuple[Any, Any]:
    """Each model's parameters before the first step, (t, size): ``Net.start``, and these as operands of products."""
    import cupy

    t, h = len(trials), net.width
    size = (d + 1) * h + (h + 1) * classes
    w, operand = (cupy.empty((t, size), kind) for kind in (cupy.float32, cupy.float16))
    bounds = (np.float32(np.sqrt(6 / (d + h))), np.float32(np.sqrt(6 / (h + classes))))
    fixed = (*_whole(substream(WEIGHTS, 0)), *_whole(t, d, h, classes), *bounds)
    _bound("start", t * size, trials, np.uint64(seed), *fixed, w, operand)()
    return w, operand


def shuffled(net: Net, seed: int, trials: Any, masks: Bools) -> Any:
    """Each model's examples in the order of each epoch, (t, epochs, n): ``Net.orders``, the rest of a row unread."""
    import cupy

    t, n = masks.shape
    inside, key = cupy.asarray(masks.astype(np.uint8)), cupy.empty((t, n), cupy.uint64)
    orders = cupy.empty((t, net.epochs, n), cupy.uint32)
    for epoch in range(net.epochs):
        stream = substream(WEIGHTS, 1 + epoch)
        _bound("keys", t * n, trials, inside, np.uint64(seed), *_whole(stream, t, n), key)()
        orders[:, epoch] = cupy.sort(key, axis=1).astype(cupy.uint32)  # the low half: the example
    return orders


def product(a: Any, b: Any, out: Any) -> Run:
    """out (t, m, n) = a (t, m, k) b (t, k, n) in float32 from float16, on tensor cores, whenever it is called.

    Views serve whose rows or columns are contiguous, and one matrix broadcast to all; their memory is the caller's to keep.
    """
    from cupy.cuda import device, runtime
    from cupy_backends.cuda.libs import cublas

    count, m, n = out.shape
    half, single = runtime.CUDA_R_16F, runtime.CUDA_R_32F
    (turn_a, lead_a, stride_a), (turn_b, lead_b, stride_b), (_, lead, stride) = (_layout(v) for v in (a, b, out))
    return partial(  # it counts by columns: outᵀ = bᵀ aᵀ
        cublas.gemmStridedBatchedEx, device.get_cublas_handle(), turn_b, turn_a, n, m, a.shape[2], ONE.ctypes.data,
        b.data.ptr, half, lead_b, stride_b, a.data.ptr, half, lead_a, stride_a, ZERO.ctypes.data,
        out.data.ptr, single, lead, stride, count, cublas.CUBLAS_COMPUTE_32F, cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip


def _view(v: Any, *shape: int) -> Any:
    """Columns of parameters as matrices, in place: a copy would be trained in vain."""
    out = v.reshape(shape)
    assert out.data.ptr == v.data.ptr
    return out


def _layout(v: Any) -> tuple[int, int, int]:
    """Whether a matrix of the batch lies transposed, numbers between its lines, and between matrices."""
    batch, rows, columns = (s // v.itemsize for s in v.strides)
    turned = columns != 1
    lead, length = (columns, v.shape[1]) if turned else (rows, v.shape[2])
    return int(turned), max(lead, length), batch


def _bound(name: str, threads: int, *fixed: Any) -> Run:
    """A kernel ready to run: all that does not change from step to step is looked up and sized once."""
    import cupy

    grid, run = (max(1, min(MOST, -(-threads // BLOCK))),), kernel(name, cupy.cuda.Device().id)
    return lambda *varying: run(grid, (BLOCK,), (*varying, *fixed))


def _whole(*sizes: int) -> list[Any]:
    return [np.uint32(v) for v in sizes]


def _long(*sizes: int) -> list[Any]:
    return [np.uint64(v) for v in sizes]
