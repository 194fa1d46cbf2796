"""What of this machine and installation bears on speed: looked at, and said where something will be slow and what to do."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import numpy as np

from longtail.core.arrays import CPU, device, workers
from longtail.core.record import hardware, versions
from longtail.core.shown import many

GIB = 2**30
ROOM = 2 * GIB  # memory and disk that a run of a thousand models on 60,000 examples takes, its pairs included
OLD = ("Prescott", "Nehalem", "generic", "Core2", "Penryn")  # OpenBLAS's kernels without AVX
SIDE = 768  # of the matrices whose product is timed


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and the ``remedy`` where it will be slow or fail: "" where all is well."""

    about: str
    found: str
    remedy: str = ""


def checkup(packages: tuple[str, ...] = ("longtail",), folder: Path = Path()) -> list[Finding]:
    """Everything that is looked at, for these packages' kernels and for runs written to ``folder``."""
    return [
        *_processor(),
        *_load(),
        _products(),
        _gpu(),
        _memory(),
        _disk(folder),
        *map(_kernels, packages),
        *_extras(),
    ]


def _processor() -> list[Finding]:
    machine = hardware()
    allowed, cores = _allowed(), int(machine["cores"])
    few = "" if allowed >= cores else f"{allowed:.3g} of {cores} cores are allowed here: more --workers gain nothing"
    narrow = "" if any(one in str(machine["numba"]) for one in ("avx2", "avx512f", "neon", "sve")) else "no AVX2"
    if narrow:
        narrow = "loops are compiled without AVX2, for a processor of before 2013; is NUMBA_CPU_NAME set?"
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        narrow = "NUMBA_DISABLE_JIT is set: every loop runs in Python, hundreds of times slower; unset it"
    old = any(name in str(machine["blas"]) for name in OLD)
    blas = "products of matrices run without AVX; is OPENBLAS_CORETYPE set?" if old else ""
    return [
        Finding("processor", f"{machine['processor']}, {many(cores, 'core')}, {allowed:.3g} for this process", few),
        Finding("compiled for", str(machine["numba"]), narrow),
        Finding("BLAS", str(machine["blas"]), blas),
        Finding("threads", ", ".join(_threads()) or "as many as there are cores, one in each worker"),
        Finding("versions", ", ".join(f"{name} {number}" for name, number in versions().items())),
    ]


def _load() -> list[Finding]:
    """How many processes wanted a core in the last minute, this one's commands included; nothing where that is not known."""
    try:
        wanted = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows
        return []
    cores = os.cpu_count() or 1
    busy = f"this machine is busy: all takes about {wanted / cores:.1f} times as long" if wanted > 1.5 * cores else ""
    return [Finding("load", f"{wanted:.1f} processes want {many(cores, 'core')}", busy)]


def _allowed() -> float:
    """Cores that this process may use: by affinity, and by the quota of its control group, as containers set it."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return min(workers(), int(quota) / int(period))
    except (OSError, ValueError):  # no control group, or "max"
        return workers()


def _threads() -> list[str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return [f"{name}={os.environ[name]}" for name in names if name in os.environ]


def _products() -> Finding:
    """float32 operations a second of one product of matrices, the best of five: 2 SIDE³ each."""
    a = np.ones((SIDE, SIDE), np.float32)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        took.append(time.perf_counter() - began)
    rate = 2 * SIDE**3 / min(took) / 1e9
    slow = (
        "nets and ridge are slow here, or others use the cores: a laptop of 2015 has 10 and more" if rate < 10 else ""
    )
    return Finding("products", f"{rate:,.0f} GFLOP/s in float32", slow)


def _gpu() -> Finding:
    found = device("auto")
    if found.kind == "gpu":
        return Finding("GPU", found.name)
    have = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    remedy = "there is an NVIDIA driver: pip install 'longtail[cuda13]' (or cuda12)" if have else ""
    return Finding("GPU", f"none: {found.reason}", remedy)


def _memory() -> Finding:
    free = CPU.free
    remedy = "" if free >= ROOM else "large runs will swap: give --memory, fewer --trials or --rows"
    return Finding("memory", f"{free / GIB:.1f} GiB free", remedy)


def _disk(folder: Path) -> Finding:
    """Free bytes where runs would be written, and whether a file can be linked there, by which a shard is created once only."""
    free = shutil.disk_usage(folder).free
    remedy = "" if free >= ROOM else "the trials of a large run may not fit: give --out on another disk"
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".longtail-") as inside:
            one = Path(inside) / "one"
            one.touch()
            os.link(one, one.with_name("two"))
    except OSError as error:
        remedy = (
            f"no run can be kept here ({error.strerror}): give --out in a folder where files can be made and linked"
        )
    return Finding("disk", f"{free / GIB:.1f} GiB free in {folder.resolve()}", remedy)


def _kernels(package: str) -> Finding:
    """How many of a package's compiled loops are in numba's cache for this processor; the others compile when first called."""
    from longtail.core.compiled_cpu import cached

    about = f"loops of {package}"
    root = Path(str(importlib.import_module(package).__file__)).parent
    names = [".".join((package, *p.relative_to(root).with_suffix("").parts)) for p in root.rglob("*_cpu.py")]
    try:
        found = [one for name in sorted(names) for one in cached(importlib.import_module(name)).values()]
    except RuntimeError as error:  # numba's, where it finds no folder that it may write
        return Finding(about, f"not kept: {error}", "set NUMBA_CACHE_DIR to a folder that can be written")
    ready = sum(found)
    remedy = "" if ready else "the first run compiles for up to a minute; longtail doctor --warm does it now"
    return Finding(about, f"{ready} of {len(found)} compiled for this processor", remedy)


def _extras() -> list[Finding]:
    """What the extras bring that is here, and which are not."""
    try:
        wanted = requires("longtail") or []
    except PackageNotFoundError:
        return [Finding("extras", "not known: longtail is not installed", "pip install .")]
    found: dict[str, list[str]] = {}
    for requirement in wanted:
        if (named := re.match(r"([\w.-]+)(?:\[[^]]*\])?[^;]*;\s*extra\s*==\s*['\"]([\w-]+)['\"]", requirement)) is None:
            continue
        package, extra = named.groups()
        try:
            found.setdefault(extra, []).append("" if package == "longtail" else version(package))
        except PackageNotFoundError:
            found.setdefault(extra, []).append("no")
    here = [extra for extra, said in found.items() if "no" not in said]
    gone = [extra for extra in found if extra not in here]
    return [Finding("extras", ", ".join(here) or "none"), Finding("not installed", ", ".join(gone) or "none")]
