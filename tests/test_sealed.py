"""A record is believed as it was written, and no file beside it that has changed since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longtail.core.files import json_text, read_json
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
