"""Labelled texts, in files and folders, in any encoding."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from empirical.data.load import load
from longtail.core import ArgumentError
from tests.empirical.places import real


def test_trec_questions():
    path = real("text/trec_questions.zip") / "text" / "trec_questions.zip"
    fine, coarse = load(path), load(path, label="coarse")
    assert (fine.data.n, fine.data.n_test) == (5452, 500)
    assert (fine.data.n_classes, coarse.data.n_classes) == (50, 6)
    assert np.allclose(np.linalg.norm(fine.data.x_train, axis=1), 1, atol=1e-5)


def test_labelled_text(tmp_path):
    lines = [f"{'good' if k % 2 else 'bad'}\tthe film was {'fine' if k % 2 else 'dull'} number {k}" for k in range(12)]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    found = load(tmp_path / "t.txt", test_fraction=0.25)
    assert found.data.classes == ("bad", "good")
    assert found.data.n_test == 3
    pd.DataFrame({"mood": [v.split("\t")[0] for v in lines], "words": [v.split("\t")[1] for v in lines]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert load(tmp_path / "t.csv", label="mood", text="words").data.x_train.shape[1] == found.data.x_train.shape[1]
    (tmp_path / "t.txt").write_text("good\nbad film\nbad film\n")
    with pytest.raises(ArgumentError, match="line 1"):
        load(tmp_path / "t.txt")


@pytest.mark.parametrize(
    "raw",
    [
        "bad\tcaf\xe9 film\x85 of {k}\n".encode("latin-1"),
        "bad\tcaf\xe9 film of {k}\r\n".encode(),
        b"bad\ta film of {k}\r",
    ],
)
def test_text_in_other_encodings(tmp_path, raw):
    """Latin-1 too, with the end of line of any system; the mark before UTF-8 is no part of a class."""
    mark = b"\xef\xbb\xbf" if b"\xc3" in raw else b""
    lines = b"".join(raw.replace(b"{k}", b"%d" % k) for k in range(8))
    (tmp_path / "t.txt").write_bytes(mark + lines + lines.replace(b"bad", b"good"))
    found = load(tmp_path / "t.txt")
    assert found.data.classes == ("bad", "good")
    assert found.data.n + found.data.n_test == 16


def test_text_that_cannot_serve_is_refused(tmp_path):
    path = tmp_path / "t.txt"
    for raw, named in (
        (b"", "0 lines"),
        (b"\n \n", "0 lines"),
        ("good film\nbad film\n".encode("utf-16"), "save it as UTF-8"),
        (b"good film\ngood news\ngood day\n", "nothing to learn from"),
        (b"a b\nb c\nbad\x00", "save it as UTF-8"),
    ):
        path.write_bytes(raw)
        with pytest.raises(ArgumentError, match=named):
            load(path)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for name in ("one/train.txt", "two/train.txt", "__MACOSX/._train.txt"):
            archive.writestr(name, "good film\n" * 9)
    with pytest.raises(ArgumentError, match="more than one"):
        load(tmp_path / "t.zip")
    raw = (tmp_path / "t.zip").read_bytes()
    for broken in (b"", raw[:-30], raw.replace(b"good film", b"Good film")):
        (tmp_path / "t.zip").write_bytes(broken)
        with pytest.raises(ArgumentError):
            load(tmp_path / "t.zip")


def test_a_folder_of_texts_by_any_name(tmp_path, monkeypatch):
    lines = b"".join(b"%s film number %d\n" % (label, k) for k in range(6) for label in (b"good", b"bad", b"fine"))
    (tmp_path / "train.txt").write_bytes(lines + b"once film\n")
    (tmp_path / "test.txt").write_bytes(lines)
    (tmp_path / ".DS_Store").write_bytes(b"\x00")
    (tmp_path / "README.txt").write_bytes(b"\x00")
    monkeypatch.chdir(tmp_path)
    found = load(".")
    assert found.name == tmp_path.name
    assert found.data.classes == ("bad", "fine", "good", "once")
