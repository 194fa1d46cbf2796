"""The GPU's half of ``kernels``: ``census.cu`` and ``expected.cu``, compiled by NVRTC through CuPy at first use.

``source`` is the whole text, Philox first; the tests compile that very text with g++ and with nvcc for sm_90.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from longtail import philox
from longtail.montecarlo.census import Census, Draws
from longtail.montecarlo.kernels import poisson, uniforms
from longtail.philox import block_cuda

if TYPE_CHECKING:
    from longtail.core.arrays import Random
    from longtail.montecarlo.kernels import Source

BLOCK: Final = 256
TILE: Final = 16  # cells to a partial sum of T: a thread's turn
STEP: Final = 4  # rows of an expected census held in registers
SHARED_ROWS: Final = 256  # a census this long is kept in shared memory
RESIDENT: Final = 6  # blocks to a multiprocessor: three run at once, and three wait


def source() -> str:
    """The CUDA text of all kernels."""
    numbers: dict[str, Any] = {
        "FREQUENCIES": philox.FREQUENCIES,
        "SAMPLE": philox.SAMPLE,
        "CORRECTION": philox.CORRECTION,
        "DOUBT": philox.DOUBT,
        "NEXT": uniforms.NEXT,
        "LONGEST": uniforms.LONGEST,
        "UNSURE": poisson.UNSURE,
        "TURNS": poisson.TURNS,
        "HEAVY": poisson.HEAVY,
        "LIMIT": f"{poisson.LIMIT}f",
        "MARGIN": f"{poisson.MARGIN}f",
        "BLOCK": BLOCK,
        "TILE": TILE,
        "STEP": STEP,
        "SHARED_ROWS": SHARED_ROWS,
    }
    numbers |= {f"A{i}": f"{value!r}f" for i, value in enumerate(poisson.SERIES)}
    defined = "".join(f"#define {name} {value}\n" for name, value in numbers.items())
    folder = files("longtail.montecarlo.kernels")
    texts = [(folder / f"{name}.cu").read_text(encoding="utf-8") for name in ("poisson", "census", "expected")]
    return "\n".join([block_cuda.SOURCE, defined, *texts])


def room(n: int) -> int:
    """Points that may be missing from a sample: 2√n are expected, with a standard deviation of √n."""
    return min(n, 12 * math.isqrt(n) + 64)


@lru_cache(maxsize=8)
def kernel(name: str, device: int) -> Any:
    """A compiled kernel."""
    import cupy

    with cupy.cuda.Device(device):
        return cupy.RawModule(code=source(), options=("--std=c++14",)).get_function(name)


def census(source_: Source, rng: Random, first: int, trials: int, rows: int) -> Census:
    """``kernels.census`` on a GPU: rows come back to the host."""
    import cupy

    number, mass = (cupy.empty((trials, rows), cupy.uint64) for _ in range(2))
    _launch(source_, rng, first, trials, rows, number, mass, None, None)
    return Census(number.astype(cupy.int64).get(), (mass.astype(cupy.float64) * 2.0**-63).get())


def draws(source_: Source, rng: Random, first: int, trials: int) -> Draws:
    """``kernels.draws`` on a GPU, where they stay."""
    import cupy

    number, mass = (cupy.empty((trials, 2), cupy.uint64) for _ in range(2))
    counts = cupy.empty((trials, source_.size), cupy.uint64)
    frequency = cupy.empty((trials, source_.size), cupy.float64)
    _launch(source_, rng, first, trials, 2, number, mass, counts, frequency)
    return Draws(counts.view(cupy.int64), frequency)


def expected(source_: Source, rng: Random, first: int, trials: int, rows: int) -> Census:
    """``kernels.expected`` on a GPU."""
    import cupy

    number, mass = (cupy.empty((trials, rows), cupy.float64) for _ in range(2))
    blocks, entries, given = _prepare(source_, trials)
    before = cupy.empty((blocks, -(-source_.size // TILE)), cupy.float64)
    arguments = _arguments(source_, rng, first, trials, rows, entries, given)
    kernel("expected", cupy.cuda.Device().id)((blocks,), (BLOCK,), (*arguments, number, mass, before))
    return Census(number.get(), mass.get())


def _launch(
    source_: Source, rng: Random, first: int, trials: int, rows: int, number: Any, mass: Any, counts: Any, freq: Any
) -> None:
    import cupy

    blocks, entries, given = _prepare(source_, trials)
    size, short = source_.size, room(source_.n)
    before = cupy.empty((blocks, -(-size // TILE)), cupy.float64)
    queue, points = cupy.empty((blocks, size), cupy.uint32), cupy.empty((blocks, short), cupy.uint32)
    arguments = _arguments(source_, rng, first, trials, rows, entries, given)
    null = cupy.uint64(0)
    kept = (null if counts is None else counts, null if freq is None else freq)
    working = (before, queue, points, cupy.uint64(short))
    kernel("census", cupy.cuda.Device().id)((blocks,), (BLOCK,), (*arguments, number, mass, *kept, *working))


def _prepare(source_: Source, trials: int) -> tuple[int, Any, Any]:
    """How many blocks, as many as the device holds and a quarter of its free memory serves, and what they read."""
    import cupy

    device = cupy.cuda.Device()
    working = 8 * -(-source_.size // TILE) + 4 * source_.size + 4 * room(source_.n)
    free = int(cupy.cuda.runtime.memGetInfo()[0]) + int(cupy.get_default_memory_pool().free_bytes())
    most = RESIDENT * int(device.attributes["MultiProcessorCount"])
    blocks = max(1, min(trials, most, free // 4 // working))
    return blocks, cupy.asarray(source_.entries), cupy.asarray(source_.given)


def _arguments(
    source_: Source, rng: Random, first: int, trials: int, rows: int, entries: Any, given: Any
) -> tuple[Any, ...]:
    import cupy

    whole = cupy.uint64
    listed = (entries, whole(len(source_.entries)), given, whole(len(source_.given)))
    return (*listed, *(whole(v) for v in (source_.size, source_.n, rng.seed, first, trials, rows)))
