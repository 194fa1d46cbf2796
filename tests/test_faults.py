"""Some faults of each kind, what the README says of the long run, and a control that must be found out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import faults
from tests.faulted import Ended, lost

ROOT = Path(__file__).parents[1]
COUNTS = re.compile(
    r"^\| (?P<kind>.+?) \| (?P<tried>[\d,]+) \| (?P<survived>[\d,]+) \| (?P<bits>[\d,]+) \|$", re.MULTILINE
)
linux = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are read off Linux' /proc")


def counted(text: str) -> dict[str, tuple[int, ...]]:
    numbers = ("tried", "survived", "bits")
    return {found["kind"]: tuple(int(found[k].replace(",", "")) for k in numbers) for found in COUNTS.finditer(text)}


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, that may have children as it likes."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_the_readme_says_what_the_long_run_found() -> None:
    found = counted(faults.RESULT.read_text(encoding="utf-8"))
    assert list(found) == [*faults.KINDS, faults.STRANGERS]
    assert all(tried == survived > 0 and bits == 0 for tried, survived, bits in found.values()), found
    tried = sum(one for one, *_ in found.values())
    said = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{tried:,} faults" in said
    for kind in ("killed at a random moment, one to three times", faults.STRANGERS):
        assert f"{found[kind][0]:,}" in said


@linux
@pytest.mark.extra
def test_each_kind_is_survived(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")  # strangers' files are of its format too
    ended = ran("-m", "tests.faults", "--minutes", "1000", "--rounds", "1", "--fuzz", "2", "--folder", str(tmp_path))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(tried == survived > 0 and bits == 0 for tried, survived, bits in counted(ended.stdout).values())


CONTROL = """
import random, sys
from pathlib import Path
from tests import faulted, faults

faulted.COMMANDS["bad"] = faulted.Command("tests.forgetful", ("out",))
faults.READERS["bad"] = ("bad",)
shop = faulted.Workshop(Path(sys.argv[1]))
for fault in (faults.killed, faults.damaged):
    print(*(bits for survived, bits in (fault(shop, "bad", random.Random(seed)) for seed in range(8)) if not survived))
"""


@linux
def test_what_is_lost_is_counted(tmp_path: Path) -> None:
    """A command that goes on behind what a killed one left, and believes what was changed, is found out by both faults."""
    ended = ran("-c", CONTROL, str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    killed, damaged = ([int(bits) for bits in line.split()] for line in ended.stdout.splitlines())
    assert max(killed) > 0
    assert max(damaged) > 0


def test_bits_are_counted() -> None:
    assert lost({"a": b"\x00\xff", "b": b"x"}, {"a": b"\x01\xff"}) == 1 + 8
    assert lost({"a": b"same"}, {"a": b"same"}) == 0


@pytest.mark.parametrize(
    ("code", "said", "refused"),
    [
        (2, "python -m x: error: a: got b; do c\n", True),
        (1, "python -m x: error: no room\n", True),
        (0, "", False),
        (-9, "", False),
        (1, "Traceback (most recent call last):\nValueError: error: x\n", False),
    ],
)
def test_only_a_line_is_an_error(code: int, said: str, refused: bool) -> None:
    assert Ended(code, said, "").refused == refused
