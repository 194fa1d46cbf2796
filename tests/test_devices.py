"""Which files may know of a compiler or a GPU, and that the two halves of a result share nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import longtail

HOME = Path(longtail.__file__).parent


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def files() -> list[Path]:
    return sorted(HOME.rglob("*.py"))


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def test_numba_is_imported_in_cpu_files_alone() -> None:
    using = {path.name for path in files() if "numba" in roots(path)}
    assert using
    assert all(name.endswith("_cpu.py") for name in using)


def test_cupy_is_imported_in_cuda_files_and_arrays_alone() -> None:
    using = {path.name for path in files() if "cupy" in roots(path)}
    assert using == {"arrays.py", "census_cuda.py"}


def test_exact_and_montecarlo_share_core_and_priors_alone() -> None:
    def reached(module: str) -> set[str]:
        """Modules of the package that a module leads to."""
        waiting, found = [module], set[str]()
        while waiting:
            name = waiting.pop()
            path = HOME / f"{name.replace('.', '/')}.py"
            path = path if path.exists() else HOME / name.replace(".", "/") / "__init__.py"
            if name in found or not path.exists():
                continue
            found.add(name)
            waiting += [i.removeprefix("longtail.") for i in imports(path) if i.startswith("longtail.")]
        return found

    simulated, exactly = reached("montecarlo"), reached("exact")
    assert {"kernels", "kernels.census_cpu", "kernels.census_cuda", "learners", "philox", "simulation"} <= simulated
    assert {"spectrum", "mellin"} <= exactly
    assert {name for name in simulated & exactly if not name.startswith("priors")} == {"core"}
