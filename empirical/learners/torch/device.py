"""The device that PyTorch trains on, as the ``Device`` that a run knows: resolved once, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from longtail.core import ArgumentError, arrays
from longtail.core.arrays import CPU, Device


@dataclass(frozen=True)
class TorchDevice(Device):
    """A GPU of PyTorch's: its memory is asked of PyTorch, and pairs are found by CuPy only where that is there too."""

    @property
    def xp(self) -> Any:
        return np

    @property
    def free(self) -> int:
        if not self.torch.startswith("cuda"):
            return CPU.free  # Apple's GPUs share the memory
        return int(library().cuda.mem_get_info(self.torch)[0])

    @property
    def held(self) -> int:
        return int(library().cuda.max_memory_reserved(self.torch)) if self.torch.startswith("cuda") else 0

    @property
    def arrays(self) -> Device:
        return arrays.device("auto") if self.torch.startswith("cuda") else CPU


def library() -> Any:
    """PyTorch; an ArgumentError that says how to get it where it is not installed."""
    try:
        import torch
    except ImportError as error:
        remedy = f"PyTorch cannot be imported ({error}): pip install 'longtail[torch]'"
        raise ArgumentError("learner", "a PyTorch net", remedy) from error
    return torch


def place(choice: str = "auto") -> Device:
    """What "auto", "cpu", "gpu", or PyTorch's own name of a device, as "cuda:1", comes to."""
    torch = library()
    if choice == "cpu":
        return CPU
    if choice not in ("auto", "gpu"):
        try:
            kind = torch.device(choice)
            torch.empty(1, device=kind)
        except Exception as error:  # each backend fails in its own way
            remedy = "give auto, cpu, gpu, or a device that PyTorch has here"
            raise ArgumentError("device", choice, remedy) from error
        return CPU if kind.type == "cpu" else _gpu(choice, "asked for")
    for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if there:
            return _gpu(name, "asked for" if choice == "gpu" else "PyTorch has it")
    if choice == "gpu":
        raise ArgumentError("device", "gpu", "PyTorch has no GPU here: give cpu or auto")
    return replace(CPU, reason="PyTorch has no GPU here")


def _gpu(name: str, reason: str) -> TorchDevice:
    return TorchDevice("gpu", library().cuda.get_device_name(name) if name.startswith("cuda") else name, reason, name)
