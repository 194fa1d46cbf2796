"""Every file, however broken, is data or one line that says why not; in memory that goes with its size, before it is unpacked.

``LONGTAIL_FUZZ=5000 pytest tests/empirical/test_fuzzed_files.py`` reads as many mutations of each format.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from empirical import compare, estimate
from longtail import infer, simulate
from tests.empirical.fuzzed import SAMPLES, beside
from tests.empirical.hostile import HOSTILE, pipe

COUNT = int(os.environ.get("LONGTAIL_FUZZ", "40"))
FORMATS = [name for name in SAMPLES if name != "parquet" or importlib.util.find_spec("pyarrow")]
LEAST, TIMES = 2**26, 150  # bytes that memory may rise by for any file, and for a byte of it (text takes the most)
ROOT = Path(__file__).parents[2]


def outcomes(folder, count, *words):
    """How reading each file ended, in a process of its own, which a crash, a hang or 4 GB would end."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.empirical.fuzzed", str(folder), str(count), "0", *words]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True)
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    after = f"after {found[-1]['format']}, {found[-1]['case']}" if found else "at once"
    assert ended.returncode == 0, f"{after}: {ended.stderr[-3000:]}"
    return found


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return outcomes(tmp_path_factory.mktemp("fuzzed"), COUNT, *FORMATS)


def of(read, name):
    return [r for r in read if r["format"] == name]


@pytest.mark.parametrize("name", FORMATS)
def test_a_broken_file_is_data_or_one_line(read, name):
    found = of(read, name)
    bad = [(r["case"], r["words"]) for r in found if r["how"] not in ("data", "refused")]
    assert not bad, f"{len(bad)} of {len(found)}: {bad[:3]}"
    long = [r["words"] for r in found if "\n" in r["words"] or len(r["words"]) > 1000]
    assert not long, long[:3]
    assert [r["how"] for r in found if r["case"] == "valid"] == ["data"]
    ends = Counter(r["how"] for r in found)
    assert min(ends["data"], ends["refused"]) > 1, ends  # else nothing was broken, or nothing read


@pytest.mark.parametrize("name", FORMATS)
def test_memory_goes_with_the_size_of_the_file(read, name):
    high = [(r["case"], r["rise"], r["size"]) for r in of(read, name) if r["rise"] > LEAST + TIMES * r["size"]]
    assert not high, high


@pytest.mark.parametrize("case", [case for case, (name, *_) in HOSTILE.items() if name in FORMATS])
def test_files_made_to_do_harm_are_refused(read, case):
    name, _, said = HOSTILE[case]
    (found,) = [r for r in of(read, name) if r["case"] == case]
    assert found["how"] == "refused"
    assert re.search(said, found["words"]), found["words"]


def test_a_reader_that_lets_errors_through_is_found_out(tmp_path):
    """The control: tracebacks where nothing is made of what parsers raise, and gigabytes where nothing is reckoned."""
    leaking = outcomes(tmp_path / "leak", 60, "npz", "idx", "leak")
    raised = {r["how"] for r in leaking} - {"data", "refused"}
    assert {"error", "BadZipFile"} <= raised, raised  # the first is zlib's
    greedy = outcomes(tmp_path / "greed", 0, "text zip", "greed")
    assert any(r["rise"] > LEAST + TIMES * r["size"] for r in greedy if r["case"] == "text bomb")


@pytest.mark.parametrize(
    ("main", "before", "name", "file"),
    [
        (estimate.main, [], "npz", "a.npz"),
        (estimate.main, ["--masks"], "masks", "m.npz"),
        (infer.main, [], "counts", "words.txt"),
        (simulate.main, ["--counts"], "counts", "words.txt"),
        (compare.main, [], "run", "memorization.csv"),
    ],
    ids=["estimate", "masks", "infer", "simulate", "compare"],
)
def test_commands_say_so_on_one_line(capsys, tmp_path, main, before, name, file):
    beside(name, tmp_path)
    path = tmp_path / file
    for make in (lambda path: path.write_bytes(b"\xff\xfe broken"), pipe):
        make(path)
        assert main([*before, str(tmp_path if name == "run" else path), "--quiet"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert file in said
    assert "it is a pipe" in said


def test_a_name_that_cannot_be_printed(capsys, tmp_path):
    assert estimate.main([str(tmp_path / "\udcff.csv")]) == 2
    assert "its name is not UTF-8" in capsys.readouterr().err
