"""Exact results and simulated ones witness each other: followed to the end, their imports meet in core alone."""

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


def test_exact_and_montecarlo_share_core_and_what_a_learner_is() -> None:
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
    kernels = {f"montecarlo.kernels.{name}" for name in ("census_cpu", "census_cuda", "expected_cpu")}
    assert kernels | {"learners", "philox", "montecarlo.simulation"} <= simulated
    assert {"exact.spectrum", "exact.mellin"} <= exactly
    # how often a learner errs on what it saw is its definition
    assert {name.split(".")[0] for name in simulated & exactly} == {"core", "learners"}
