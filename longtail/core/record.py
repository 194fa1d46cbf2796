"""A run's record: what was asked, with which versions on which machine, and the named tables that came out."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail import __version__
from longtail.core import ArgumentError
from longtail.core.files import folder, read_json, read_table, write_json, write_table
from longtail.core.opened import why
from longtail.core.sealed import FILES, SEAL, check, sealed
from longtail.core.shown import table

if TYPE_CHECKING:
    import pandas as pd

PACKAGES = ("numpy", "scipy", "pandas", "matplotlib", "numba", "scikit-learn", "torch", "cupy-cuda12x", "cupy-cuda13x")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Python's version and that of every package here that bears on a result."""
    found = {"python": platform.python_version(), "longtail": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def kernels() -> dict[str, str]:
    """What computes here and rounds in ways of its own: the BLAS of NumPy and SciPy, and the processor numba compiles for."""
    return {"machine": platform.machine(), "blas": ", ".join(_blas()), "numba": _target()}


def _blas() -> list[str]:
    """Library, version and kernel of each; of what other packages bring nothing, for it comes and goes with imports."""
    import numpy as np
    import scipy.linalg  # noqa: F401 - its BLAS must be loaded to be found
    from threadpoolctl import threadpool_info

    found = [one for one in threadpool_info() if one["user_api"] == "blas"]
    own = [one for one in found if any(name in one["filepath"] for name in ("numpy", "scipy"))]
    shown = [
        " ".join(str(one[key]) for key in ("internal_api", "version", "architecture") if one.get(key))
        for one in sorted(own or found, key=lambda one: str(one["filepath"]))
    ]
    built: Any = np.show_config(mode="dicts")
    return shown or [str(built["Build Dependencies"]["blas"]["name"])]  # as Apple's, which says no more


def _target() -> str:
    """The processor's name and what of it decides how sums round: fused multiply-adds, and how wide vectors are."""
    from llvmlite import binding

    name = os.environ.get("NUMBA_CPU_NAME") or binding.get_host_cpu_name()
    features = os.environ.get(
        "NUMBA_CPU_FEATURES", "" if name == "generic" else binding.get_host_cpu_features().flatten()
    )
    wanted = ("avx", "avx2", "avx512f", "fma", "neon", "sve")
    return " ".join([name, *(one for one in wanted if f"+{one}" in features.split(","))])


@lru_cache(maxsize=1)
def hardware() -> dict[str, str | int]:
    """Processor, cores and memory, and the kernels in force."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    found: dict[str, str | int] = {"system": platform.platform(), "processor": model, "cores": os.cpu_count() or 1}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return found | kernels()


@dataclass(frozen=True)
class Run:
    """A command, its arguments and seed, where and when it ran, and the DataFrames by name that it produced."""

    command: str
    arguments: dict[str, Any]
    seed: int
    frames: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    versions: dict[str, str] = field(default_factory=versions)
    hardware: dict[str, str | int] = field(default_factory=hardware)
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def of(cls, arguments: dict[str, Any], seed: int, frames: dict[str, pd.DataFrame]) -> Run:
        """The run of this very process."""
        return cls(" ".join(sys.argv), arguments, seed, frames)

    def _repr_html_(self) -> str:
        told = [("command", self.command), ("date", self.date), ("seed", str(self.seed))]
        told += [(name, value) for name, value in self.arguments.items() if value is not None]
        frames = [
            (name, f"{len(frame):,} rows: {', '.join(map(str, frame.columns))}") for name, frame in self.frames.items()
        ]
        return table("Run", told) + table("Tables", frames)

    def write(self, directory: str | Path) -> list[Path]:
        """``run.json`` and one CSV a frame, whose digests it has; each file is there whole or not at all, the record last."""
        target = folder("out", directory)
        written = [write_table(target / f"{name}.csv", frame) for name, frame in self.frames.items()]
        record = {**self.__dict__, "frames": list(self.frames)}
        return [*written, write_json(target / "run.json", sealed(record, written), indent=2)]

    @classmethod
    def read(cls, directory: str | Path) -> Run:
        """What ``write`` wrote; an ArgumentError names the file that has changed since."""
        source = Path(directory)
        try:
            record = read_json(source / "run.json")
            names = [str(name) for name in record.pop("frames")]
            if any(Path(name).name != name for name in names):
                raise ValueError("a table outside the folder")
            check({**record, "frames": names}, "run.json", source, [f"{name}.csv" for name in names])
            frames = {name: read_table(source / f"{name}.csv") for name in names}
            record = {name: value for name, value in record.items() if name not in (FILES, SEAL)}
            return cls(frames=frames, **record)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArgumentError(
                "run", str(directory), f"it is not the folder of a run ({why(error)}); give one that --out wrote"
            ) from error
