"""What may import what, and what an import costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("pandas", "matplotlib", "sklearn", "scipy.stats", "numba", "torch", "cupy")


@pytest.mark.parametrize("module", ["longtail", "longtail.simulate", "longtail.exact", "empirical"])
def test_heavy_imports_wait(module: str) -> None:
    code = f"import {module}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_import_contracts_hold() -> None:
    pytest.importorskip("importlinter", reason="import-linter is a development dependency")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
