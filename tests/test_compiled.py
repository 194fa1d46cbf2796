"""Compiled code is cached, and recompiled when any source it is made of changes, not its own file alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CODE = """
import numpy as np
from longtail.kernels import census_cpu
number, mass = np.empty((1, 5), np.int64), np.empty((1, 5))
arguments = np.ones(9), np.empty((0, 0)), 9, 9, np.uint64(1), 0, number, mass, np.empty((0, 0))
census_cpu.trials(*arguments, np.empty((0, 0), np.int64))
stats = census_cpu.trials.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), number.tolist())
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
    changed = constants.read_text().replace("FREQUENCIES: Final = 1 ", "FREQUENCIES: Final = 101 ")
    constants.write_text(changed.replace("SAMPLE: Final = 2 ", "SAMPLE: Final = 102 "))
    third = run()
    assert third[:2] == ["0", "1"]
    assert third[2] != first[2]
