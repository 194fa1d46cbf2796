"""The GPU's half of ``knn_cpu``: ``knn.cu``, compiled by NVRTC through CuPy at first use, walking the same lists.

Where one neighbor decides, a thread takes a query and a word of 64 trials, and neighboring threads neighboring words; else
a query and a trial, so that the 32 threads of a warp mostly read one word. Nothing is shared and nothing rounds: scores
are the CPU's to the bit.

On paper, not measured, MNIST (70,000 queries, t = 4,000) on an H200: 4.4 × 10^6 walks of some 5 steps, each a word of
8 bytes in any of 60,000 rows of 504 bytes, are .2 GB of reads at 4.8 TB/s; the bits that come back, 35 MB, take longer.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from empirical.data.bits import Words, pack
from longtail.core import Bools

BLOCK: Final = 256


def source() -> str:
    """The CUDA text."""
    return (files("empirical.learners.knn") / "knn.cu").read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def kernel(name: str, device: int) -> Any:
    """A compiled kernel."""
    import cupy

    with cupy.cuda.Device(device):
        return cupy.RawModule(code=source(), options=("--std=c++14",)).get_function(name)


def nearest(order: Any, agree: Any, bits: Words, valid: Words) -> tuple[Words, Bools]:
    """Words of trials whose first neighbor agrees, (q, w), and which lists ended too soon; lists may lie there already."""
    import cupy

    right, open_ = cupy.empty((len(order), bits.shape[1]), cupy.uint64), cupy.zeros(len(order), cupy.uint8)
    given = (cupy.asarray(order), cupy.asarray(agree).view(cupy.uint8), cupy.asarray(bits), cupy.asarray(valid))
    sizes = [cupy.uint64(v) for v in (*order.shape, bits.shape[1])]
    _launch("nearest", right.size, (*given, *sizes, right, open_))
    return right.get(), open_.get().astype(bool)


def votes(order: Any, labels: NDArray[np.int64], masks: Bools, k: int, classes: int) -> tuple[Any, Bools]:
    """Votes (t, q, K) of the first k, left on the device, and which lists ended too soon."""
    import cupy

    bits = cupy.asarray(pack(masks))
    counts = cupy.zeros((len(order), len(masks), classes), cupy.int16)
    brief = cupy.zeros(len(order), cupy.uint8)
    sizes = [cupy.uint64(v) for v in (*order.shape, bits.shape[1], len(masks), k, classes)]
    given = (cupy.asarray(order), cupy.asarray(labels), bits, *sizes, counts, brief)
    _launch("votes", len(order) * len(masks), given)
    return counts.transpose(1, 0, 2), brief.get().astype(bool)


def _launch(name: str, threads: int, given: tuple[Any, ...]) -> None:
    import cupy

    kernel(name, cupy.cuda.Device().id)((-(-threads // BLOCK),), (BLOCK,), given)
