"""A record is believed as it was written, and no file beside it that has changed since."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from longtail.core import ArgumentError
from longtail.core.files import json_text, read_json
from longtail.core.record import Run
from longtail.core.sealed import check, sealed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table, and a record that says what is in it."""
    (tmp_path / "table.csv").write_text("index,value\n0,0.25\n1,0.5\n")
    record = {"n": 10**15, "share": 0.1 + 0.2, "unknown": float("nan"), "words": ["ü", None], "at": {"2": 1, "1": 2.0}}
    (tmp_path / "record.json").write_text(json_text(sealed(record, [tmp_path / "table.csv"]), indent=1))
    return tmp_path


def checked(folder: Path) -> None:
    check(read_json(folder / "record.json"), "record.json", folder, ["table.csv", "other.csv"])


def test_what_was_written_is_believed(folder: Path) -> None:
    checked(folder)
    told = read_json(folder / "record.json")
    (folder / "record.json").write_text(json.dumps(dict(reversed(told.items()))))  # the same, in another order
    checked(folder)
    (folder / "table.csv").unlink()  # whoever needs it says so
    checked(folder)


@pytest.mark.parametrize("name", ["table.csv", "record.json"])
def test_no_flipped_bit_is(folder: Path, name: str) -> None:
    """Each bit of both: only what says the very same is believed, as a digit far behind the point, or another space."""
    good, truth = (folder / name).read_bytes(), read_json(folder / "record.json")
    said = set()
    for at in range(len(good)):
        for bit in range(8):
            (folder / name).write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
            try:
                checked(folder)
                assert name == "record.json"
                assert read_json(folder / name) == truth
            except ValueError as error:
                said.add(name in str(error))
    assert said == {True}


def test_records_of_before_pass(folder: Path) -> None:
    told = read_json(folder / "record.json")
    del told["checksum"], told["files"]
    (folder / "record.json").write_text(json.dumps(told | {"n": 3}))
    checked(folder)


def test_a_runs_record_and_tables_are_sealed(tmp_path: Path) -> None:
    frames = {"curve": pd.DataFrame({"x": [1, 2], "y": [0.25, 0.5]}), "other": pd.DataFrame({"x": [3]})}
    run = Run("command", {"alpha": 1.0, "path": "a/b"}, 7, frames)
    run.write(tmp_path)
    found = Run.read(tmp_path)
    assert (found.arguments, found.seed, found.date) == (run.arguments, 7, run.date)
    pd.testing.assert_frame_equal(found.frames["curve"], frames["curve"])
    for name, old, new in (
        ("curve.csv", b"0.25", b"0.26"),
        ("other.csv", b"3", b"7"),
        ("run.json", b'd": 7', b'd": 8'),
    ):
        good = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(good.replace(old, new))
        with pytest.raises(ArgumentError, match=f"{name} is not as it was written"):
            Run.read(tmp_path)
        (tmp_path / name).write_bytes(good)
    told = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({k: v for k, v in told.items() if k not in ("checksum", "files")}))
    assert Run.read(tmp_path).seed == 7  # as of before
