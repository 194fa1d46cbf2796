"""``longtail doctor``: each thing that makes runs slow is found and told what to do about, and none is where all is well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from longtail.command import checkup
from longtail.doctor import main

ROOT = Path(__file__).resolve().parents[1]


def _about(name: str, folder: Path = Path()) -> checkup.Finding:
    (found,) = [one for one in checkup.checkup((), folder) if one.about == name]
    return found


def test_it_prints_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {tuple(one) for one in found} == {("about", "found", "remedy")}
    abouts = [one["about"] for one in found]
    assert len(set(abouts)) == len(abouts)
    assert {"processor", "BLAS", "GPU", "memory", "disk", "loops of longtail", "loops of empirical", "extras"} <= set(
        abouts
    )
    assert all(f"{one['about']:>22}  " in printed and one["found"] for one in found)


@pytest.mark.parametrize(
    ("about", "change", "said"),
    [
        ("compiled for", lambda m: m.setenv("NUMBA_DISABLE_JIT", "1"), "unset it"),
        ("compiled for", lambda m: m.setattr(checkup, "hardware", lambda: _machine(numba="generic")), "without AVX2"),
        ("BLAS", lambda m: m.setattr(checkup, "hardware", lambda: _machine(blas="openblas 0.3 Prescott")), "OPENBLAS_CORETYPE"),
        ("processor", lambda m: m.setattr(checkup, "_allowed", lambda: 0.5), "0.5 of 4 cores"),
        ("memory", lambda m: m.setattr(checkup, "ROOM", 2**60), "--memory"),
        ("disk", lambda m: m.setattr(checkup, "ROOM", 2**60), "--out on another disk"),
        ("disk", lambda m: m.setattr(os, "link", _refused), "files can be made and linked"),
        ("load", lambda m: m.setattr(os, "getloadavg", lambda: (3.2 * (os.cpu_count() or 1), 0, 0)), "3.2 times as long"),
        ("products", lambda m: m.setattr(checkup.time, "perf_counter", iter(range(100)).__next__), "10 and more"),
    ],
)  # fmt: skip
def test_what_is_slow_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, about: str, change: Any, said: str
) -> None:
    monkeypatch.setattr(checkup, "hardware", _machine)
    monkeypatch.setattr(checkup, "_allowed", lambda: 4)
    monkeypatch.setattr(checkup, "ROOM", 1)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.0, 1.0, 1.0))
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    if about != "products":
        assert _about(about, tmp_path).remedy == ""
    change(monkeypatch)
    assert said in _about(about, tmp_path).remedy


def _machine(**changed: str) -> dict[str, str | int]:
    return {"processor": "one", "cores": 4, "blas": "openblas 0.3 Haswell", "numba": "znver3 avx avx2 fma", **changed}


def _refused(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_cold_cache_is_told_from_a_warm_one(tmp_path: Path) -> None:
    """In a cache of its own: nothing is compiled, then what was called is, but not for another processor."""
    code = """
from longtail.command.checkup import _kernels
from longtail.core.compiled_cpu import cached
from longtail.philox import block_cpu
print(_kernels("longtail").remedy)
print(cached(block_cpu))
block_cpu.words(0, 0, 0, 0, 8)
print(cached(block_cpu))
"""

    def lines(**environment: str) -> list[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path), **environment}
        run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return run.stdout.splitlines()

    cold = lines()
    assert "doctor --warm" in cold[0]
    assert cold[1:] == ["{'fill': False}", "{'fill': True}"]
    assert lines()[:2] == ["", "{'fill': True}"]
    assert lines(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")[1] == "{'fill': False}"
