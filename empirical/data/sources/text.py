"""Labelled text by TF-IDF: lines ``LABEL words ...`` in a .txt, in train.txt and test.txt of a folder or a .zip (as TREC's).

TREC's labels are ``coarse:fine`` (Li & Roth 2002); ``--label coarse`` keeps what is before the colon. Words are weighted
(1 + log tf)(1 + log((1 + n)/(1 + df))) and rows brought to length 1, over the 2,000 commonest of at least two documents.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.dataset import Dataset, encoded, split
from empirical.data.options import TEST_FRACTION, refuse, refuse_share
from empirical.data.sources.zipped import archived, check, unpacked
from empirical.data.texts import Texts
from longtail.core import ArgumentError
from longtail.core.opened import content, within

WORDS = 2000
COPIES = 45  # bytes of memory for a byte of text, measured: most where each word is another, or each line is short
SMALLER = "give fewer or shorter texts"


def load(source: str, options: dict[str, Any]) -> Dataset:
    """``label`` "fine" (all of it, the default) or "coarse"; ``test`` another file, else a share is drawn at random."""
    refuse(options, "label", "test", "test_fraction")
    kind = options.get("label", "fine")
    if kind not in ("fine", "coarse"):
        raise ArgumentError("label", kind, "text has labels 'fine' (all of it) and 'coarse' (before the colon)")
    files = texts(source)
    if "test" in options:
        files["test"] = next(iter(texts(str(options["test"])).values()))
    if "test" in files:
        refuse_share(options, str(options.get("test", f"{source}, in test.txt")))
        parts = [labelled(source, files["train"]), labelled(source, files["test"])]
        numbers = [range(len(part)) for part in parts]
    else:
        every = labelled(source, files["train"])
        rows = split(len(every), float(options.get("test_fraction", TEST_FRACTION)), int(options.get("seed", 0)))
        parts, numbers = [[every[i] for i in part] for part in rows], [part.tolist() for part in rows]
    if kind == "coarse":
        parts = [[(label.split(":")[0], words) for label, words in part] for part in parts]
    y, z, classes = encoded("label", [label for label, _ in parts[0]], [label for label, _ in parts[1]])
    data, note = worded(y, z, classes, *([words for _, words in part] for part in parts))
    return Dataset(Path(source).resolve().name, data, tuple(numbers[0]), tuple(numbers[1]), (note,))


def worded(
    y: NDArray[np.int64], z: NDArray[np.int64], classes: tuple[Any, ...], train: list[str], test: list[str]
) -> tuple[Data, str]:
    """Texts by TF-IDF, and themselves beside; and what to say of it."""
    x, x_test = tfidf(train, test)
    return Data(x, y, x_test, z, classes, (Texts.of(train), Texts.of(test))), f"{x.shape[1]} words by TF-IDF"


def texts(source: str) -> dict[str, str]:
    """ "train" and, where there is one, "test": the text of a file, of a folder's files or of a zip's."""
    path = Path(source)
    if path.is_dir():
        there = [p for p in (path / "train.txt", path / "test.txt") if p.exists()]
        found = {p.stem: content("data", p, COPIES, SMALLER) for p in there}
    elif path.suffix.lower() == ".zip":
        found = _zipped(source)
    else:
        found = {"train": content("data", source, COPIES, SMALLER)}
    if "train" not in found:
        raise ArgumentError("data", source, "no train.txt is in it")
    return {name: decoded(source, found[name]) for name in ("train", "test") if name in found}


def _zipped(source: str) -> dict[str, bytes]:
    with archived("data", source) as (file, archive):
        members = [m for m in archive.infolist() if Path(m.filename).name in ("train.txt", "test.txt")]
        if len({Path(m.filename).name for m in members}) < len(members):
            raise ArgumentError("data", source, "more than one train.txt or test.txt; leave one of each")
        check("data", source, file, members)
        within("data", source, COPIES * sum(m.file_size for m in members), SMALLER)
        return {Path(m.filename).stem: unpacked(archive, m) for m in members}


def decoded(source: str, raw: bytes) -> str:
    """UTF-8, or Latin-1 where it is not (as TREC's questions are)."""
    if b"\0" in raw:
        raise ArgumentError("data", source, "it holds zero bytes, which text in UTF-8 does not; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")  # the mark that some editors begin with is no part of the first label
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def labelled(source: str, text: str) -> list[tuple[str, str]]:
    """(label, words) of each line that is not blank."""
    out = []
    # no splitlines: it also ends a line at characters that are words in older encodings ("…" in Windows')
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not line.strip():
            continue
        label, _, words = line.strip().partition("\t" if "\t" in line else " ")
        if not words.strip():
            raise ArgumentError(
                "data", f"{source}, line {number}: {line[:40]!r}", "write a label, a space or tab, and words"
            )
        out.append((label, words))
    if len(out) < 3:
        raise ArgumentError("data", source, f"{len(out)} lines; give at least three labelled texts")
    return out


def tfidf(train: list[str], test: list[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Dense float32 rows of length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(
        max_features=WORDS, min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|\?", dtype=np.float32
    )
    try:
        x = weights.fit_transform(train)
    except ValueError as error:
        raise ArgumentError("data", "texts without a word in common", f"nothing to learn from ({error})") from error
    count = len(train) + len(test)
    within("data", f"{count:,} texts, {x.shape[1]:,} words", 4 * count * x.shape[1], "give fewer texts")
    return x.toarray(), weights.transform(test).toarray()
