"""Compiled code is cached, and recompiled when any source it is made of changes, not its own file alone."""

from __future__ import annotations

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
