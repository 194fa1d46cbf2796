"""Arrays carry the library, ``Random`` carries seed and device: namespaces, devices, free memory, batches that fit.

Nothing below the command line has a flag for the GPU: a function asks its arrays for their namespace, or its ``Random``
for its device. CuPy is imported here and in the ``*_cuda`` kernels, and only when a GPU is asked for; PyTorch here and by its
nets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from array_api_compat import array_namespace

from longtail.core import ArgumentError, whole
from longtail.core.shown import many

Kind = Literal["cpu", "gpu"]
Library = Literal["cupy", "torch"]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Device:
    """Where arrays live: ``kind``, the hardware's ``name``, and why it was taken. Resolved once, where a command begins.

    ``torch`` is how PyTorch calls it, where that is not "cpu" or "cuda": "mps", or "cuda:1". ``library`` is whose a GPU is: what
    is PyTorch's is asked of PyTorch, and ``arrays`` are found beside it.
    """

    kind: Kind
    name: str = field(default="", compare=False)
    reason: str = field(default="", compare=False)
    torch: str = ""
    library: Library = "cupy"

    def __post_init__(self) -> None:
        object.__setattr__(self, "torch", self.torch or ("cuda" if self.kind == "gpu" else "cpu"))

    def __str__(self) -> str:
        return self.kind

    @property
    def xp(self) -> Any:
        """The array namespace: NumPy or CuPy."""
        if self.kind == "cpu" or self.library == "torch":
            return np
        import cupy

        return cupy

    @property
    def arrays(self) -> Device:
        """Where arrays are handled beside nets of PyTorch's: on the same GPU, where CuPy has it."""
        if self.library == "cupy":
            return self
        return device("auto") if self.torch.startswith("cuda") else CPU

    @property
    def free(self) -> int:
        """Bytes of memory free; Apple's GPUs share the computer's."""
        if self.torch.startswith("cuda") and self.library == "torch":
            import torch

            return int(torch.cuda.mem_get_info(self.torch)[0])
        if self.kind == "gpu" and self.library == "cupy":
            import cupy

            pool = cupy.get_default_memory_pool()
            return int(cupy.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())
        try:
            with open("/proc/meminfo") as lines:
                return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
        except (OSError, StopIteration):
            return 2**30

    @property
    def held(self) -> int:
        """Bytes of a GPU's memory that its library has taken so far, which is the most that were in use; 0 on a CPU."""
        if self.library == "torch" and self.torch.startswith("cuda"):
            import torch

            return int(torch.cuda.max_memory_reserved(self.torch))
        if self.kind == "cpu" or self.library == "torch":
            return 0
        import cupy

        return int(cupy.get_default_memory_pool().total_bytes())

    def measured(self, work: Callable[[], object]) -> int:
        """The most bytes of a GPU's memory that work on PyTorch's arrays held beside what was there; 0 where that is not told."""
        if self.library != "torch" or not self.torch.startswith("cuda"):
            work()
            return 0
        import torch

        torch.cuda.reset_peak_memory_stats(self.torch)
        before = int(torch.cuda.memory_allocated(self.torch))
        work()
        return int(torch.cuda.max_memory_allocated(self.torch)) - before


CPU = Device("cpu", many(os.cpu_count() or 1, "core"), "asked for")


def gpu() -> Device:
    """The first CUDA device; an ArgumentError that says what is missing where there is none."""
    name, missing = _look()
    if missing:
        remedy = "pip install 'longtail[cuda13]' (or cuda12), or give cpu" if "CuPy" in missing else "give cpu"
        raise ArgumentError("device", "gpu", f"{missing}: {remedy}")
    return Device("gpu", name, "asked for")


def device(choice: str = "auto", library: Library = "cupy") -> Device:
    """``auto``, ``cpu`` or ``gpu`` as a device that says which was taken and why; for ``library`` "torch", which has to be
    installed, also as PyTorch calls it: "mps", "cuda:1".
    """
    if library == "torch" and choice != "cpu":
        return _of_torch(choice)
    if choice not in ("auto", "cpu", "gpu"):
        raise ArgumentError("device", choice, "give auto, cpu or gpu")
    if choice == "cpu":
        return CPU
    if choice == "gpu":
        return gpu()
    name, missing = _look()
    return Device("cpu", CPU.name, missing) if missing else Device("gpu", name, "a CUDA device is present")


def _of_torch(choice: str) -> Device:
    import torch

    def there(name: str, reason: str) -> Device:
        return Device(
            "gpu", torch.cuda.get_device_name(name) if name.startswith("cuda") else name, reason, name, "torch"
        )

    if choice not in ("auto", "gpu"):
        try:
            kind = torch.device(choice)
            torch.empty(1, device=kind)
        except Exception as error:  # each backend fails in its own way
            remedy = "give auto, cpu, gpu, or a device that PyTorch has here"
            raise ArgumentError("device", choice, remedy) from error
        return CPU if kind.type == "cpu" else there(choice, "asked for")
    for name, has in (("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available)):
        if has():
            return there(name, "asked for" if choice == "gpu" else "PyTorch has it")
    if choice == "gpu":
        raise ArgumentError("device", "gpu", "PyTorch has no GPU here: give cpu or auto")
    return Device("cpu", CPU.name, "PyTorch has no GPU here")


def _look() -> tuple[str, str]:
    """The first CUDA device's name, and what is missing where there is none."""
    try:
        import cupy
    except ImportError as error:
        return "", "CuPy is not installed" if error.name == "cupy" else f"CuPy cannot be imported ({error})"
    try:
        if not cupy.cuda.runtime.getDeviceCount():
            return "", "no CUDA device is present"
        return str(cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()), ""
    except Exception as error:  # without a driver CuPy fails in several ways of its own
        return "", f"no CUDA device answers ({error})"


@dataclass(frozen=True)
class Random:
    """Seed and device of a simulation. The same seed means the same words and draws on every device.

    >>> drawn = [int(Random(seed=1).generator(stream=0, trial=trial).integers(1000)) for trial in (5, 5, 6)]
    >>> drawn[0] == drawn[1], drawn[0] == drawn[2]
    (True, False)
    """

    seed: int = 0
    device: Device = CPU

    def __post_init__(self) -> None:
        whole("seed", self.seed, 0, 2**64 - 1)

    def generator(self, stream: int, trial: int) -> np.random.Generator:
        """A NumPy generator for one (stream, trial): for priors that have a sampler of their own."""
        key = np.array([self.seed, stream], np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, trial], np.uint64)))


def workers(count: int | None = None) -> int:
    """How many threads: ``count``, or the cores that this process may use."""
    if count is not None:
        return whole("workers", count, 1, 4096)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def namespace(*arrays: Any) -> Any:
    """The array-API namespace of the arrays."""
    return array_namespace(*arrays)


def fitting(item: int, device: Device, most: int, share: float = 0.5) -> int:
    """How many items of ``item`` bytes fit in ``share`` of the device's free memory: at least 1, at most ``most``."""
    return max(1, min(most, int(share * device.free) // max(item, 1)))


def batches(work: Callable[[int, int], Result], first: int, count: int, size: int) -> Iterator[tuple[int, Result]]:
    """``work(start, size)`` over first, …, first + count, in order, with the size of each batch.

    Where memory runs out (a MemoryError, which CuPy's is) the size is halved and the batch tried again; the error is
    raised only when a single item does not fit.
    """
    start, end = first, first + count
    while start < end:
        take = min(size, end - start)
        try:
            result = work(start, take)
        except MemoryError:
            if take == 1:
                raise
            size = max(1, take // 2)
            continue
        yield take, result
        start += take
