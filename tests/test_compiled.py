"""Compiled code is cached, and recompiled when any source it is made of changes, not its own file alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CODE = """
from longtail.philox import block_cpu
made = block_cpu.words(1, 2, 3, 0, 8).tolist()
stats = block_cpu.fill.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), made)
"""


def test_a_change_in_another_file_recompiles(tmp_path: Path) -> None:
    import longtail

    home = Path(longtail.__file__).parent
    shutil.copytree(home, tmp_path / "longtail", ignore=shutil.ignore_patterns("__pycache__"))

    def run() -> list[str]:
        done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.split(maxsplit=2)

    first, second = run(), run()
    assert first[:2] == ["0", "1"]
    assert second == ["1", "0", first[2]]
    constants = tmp_path / "longtail" / "philox" / "__init__.py"
    constants.write_text(constants.read_text().replace("ROUNDS: Final = 10", "ROUNDS: Final = 9"))
    third = run()
    assert third[:2] == ["0", "1"]
    assert third[2] != first[2]


def test_a_cold_cache_is_said_once_and_its_time_is_known(tmp_path: Path) -> None:
    """Of our kernels alone: what a user compiles is not ours to speak of (negative control)."""
    code = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
import numba
from longtail.core.compiled_cpu import compiling
numba.njit(lambda x: x + 1)(1)
print(compiling.seconds > 0)
compiling.meanwhile = "7 of 9"
from longtail.philox import block_cpu
block_cpu.words(1, 2, 3, 0, 8)
print(compiling.seconds > 0)
"""

    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        )
        return done.stdout.splitlines()

    assert run() == [
        "False",
        "compiling for this processor, once: this may take a minute",
        "known already: 7 of 9",
        "True",
    ]
    assert run() == ["False", "False"]
