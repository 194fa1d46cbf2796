"""Where trials are kept, in a folder or a bucket: one .npz a shard, written whole or not at all.

The shard is the unit of training and writing: what it holds is a function of (data, learner, design, seed, score, shard
size, shard number), never of workers, resume or order. A shard is done if and only if its file is there, or those of parts
of it (``spans``), where a run was of no whole number of shards.
The file is NumPy's own format in a zip, which carries a CRC-32 of every array; each is read to its end, for only there
is the CRC checked. It is written under another name, flushed, then renamed, so a kill leaves either all of it or none.
``identity.json`` says whose shards these are, and each holds a digest of it. The subsets are not stored: the design can
draw them again.

On one kind of processor, with the same versions, a shard has the same bits however it comes about. Another kind's BLAS, or
its compiler, may round otherwise: ``kernels-*.json``, one a kind, say on which these were made, and a run that goes on
with others, or takes theirs over, says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import math
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.training.shard import NOTHING, Shard, pieced
from empirical.training.shelf import Shelf, shelf
from empirical.training.spans import Span, gaps, name_of, parts_of, spans_in
from longtail.core import ArgumentError
from longtail.core.files import json_of
from longtail.core.record import kernels, versions

FORMAT = 2  # 1 was without the digest of the run in each shard
PARTS = ("train", "test")
HEADER = 2**16  # bytes that NumPy may put before an array
IDENTITY, VERSIONS = "identity.json", "versions.json"
UNKNOWN = {"blas": "unknown"}  # the kernels of shards from before they were kept
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Whose trials these are. Runs that differ in any of it are never mixed.

    ``device`` is "cpu" or "gpu", which round differently; "" in stores from before it was kept. ``epochs`` are those after
    which scores were kept beside the end's. ``repeats``: trained again, a trial comes out with the same bits. ``classes``: how
    many numbers an example has, where it is one for each class.

    >>> from dataclasses import replace
    >>> one = Identity("", "KNN(k=1)", "Fixed(fraction=0.5)", 0, "correct", "uint8", shard=64, n=1500, n_test=297)
    >>> one.difference(replace(one, seed=1)), one.digest == replace(one, seed=1).digest
    ('seed is 0 there, 1 now', False)
    """

    data: str
    learner: str
    design: str
    seed: int
    score: str
    dtype: str
    shard: int
    n: int
    n_test: int
    device: str = ""
    format: int = FORMAT
    version: str = ""
    epochs: tuple[int, ...] = ()
    repeats: bool = True
    classes: int = 0

    @property
    def record(self) -> dict[str, Any]:
        """What is written, and what tells one run from another: without what most runs are and older ones did not tell."""
        usual = {"epochs": (), "repeats": True, "classes": 0}
        return {name: value for name, value in asdict(self).items() if name not in usual or value != usual[name]}

    def difference(self, other: Identity) -> str:
        """The fields in which ``other`` differs, for a person to read."""
        mine, theirs = asdict(self), asdict(other)
        return "; ".join(f"{k} is {mine[k]!r} there, {theirs[k]!r} now" for k in mine if mine[k] != theirs[k])

    @property
    def digest(self) -> int:
        """64 bits by which a shard tells whose it is."""
        return int.from_bytes(hashlib.sha256(json.dumps(self.record, sort_keys=True).encode()).digest()[:8], "little")


@dataclass(frozen=True)
class Store:
    """A shelf of shards. ``Store.open`` makes it, or takes it up again if it is of the same run.

    >>> import tempfile
    >>> run = Identity("", "KNN(k=1)", "Fixed(fraction=0.5)", 0, "correct", "uint8", shard=2, n=8, n_test=8)
    >>> bits = np.packbits(np.ones((2, 8), bool), axis=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.open(folder, run)
    ...     store.write(Shard(0, bits, bits))
    ...     print(store.numbers(), store.read(0).train.tolist(), store.read(1))
    [0] [[255], [255]] None
    """

    shelf: Shelf
    identity: Identity

    @classmethod
    def open(cls, place: str | Path | Shelf, identity: Identity, *, resume: bool = True) -> Store:
        """The store at a folder, or an address; an ArgumentError names the difference where it belongs to another run."""
        where = shelf(place) if isinstance(place, str | Path) else place
        where.make()
        shards = bool(_shards(where))  # looked for first: another process writes its identity before them
        if not where.has(IDENTITY):
            if shards:
                remedy = "it holds trials, but no identity.json that says whose: put that back, or give a new folder"
                raise ArgumentError("out", str(where), remedy)
            with where.write(IDENTITY, first=True) as file:
                file.write((json.dumps(identity.record, indent=1) + "\n").encode())
        store = cls(where, identity)
        store._check(resume)  # read again even if just written: another process may have been first
        _compare(where)
        _differ(store.kernels(), kernels(), "now")
        return store

    @classmethod
    def look(cls, place: str | Path | Shelf, identity: Identity, *, resume: bool = True) -> Store | None:
        """The store that ``open`` would take up again, or refuse; None where it would make a new one. Nothing is written."""
        where = shelf(place) if isinstance(place, str | Path) else place
        if not where.has(IDENTITY) and not _shards(where):
            return None
        store = cls(where, identity)
        store._check(resume)
        return store

    def _check(self, resume: bool) -> None:
        """Refuse what is there of another run, or of any if it is not to be resumed."""
        where = self.shelf
        there = identity_of(where)
        if there != self.identity:
            remedy = f"another run is there ({there.difference(self.identity)}); give a new folder or the same run"
            raise ArgumentError("out", str(where), remedy)
        if not resume and _shards(where):
            raise ArgumentError("out", str(where), "trials are there already; resume them or give a new folder")

    @classmethod
    def at(cls, place: str | Path | Shelf) -> Store:
        """The store that is at a folder or an address, whatever run it is of."""
        where = shelf(place) if isinstance(place, str | Path) else place
        return cls(where, identity_of(where))

    @property
    def whole(self) -> Span:
        """All trials of a shard."""
        return 0, self.identity.shard

    def name(self, number: int, span: Span | None = None) -> str:
        """The file of a shard, or of some of its trials."""
        return name_of(number, self.identity.shard, self.whole if span is None else span)

    def has(self, number: int, span: Span | None = None) -> bool:
        """Whether a shard, or the file of just those trials, is there, unread."""
        return self.shelf.has(self.name(number, span))

    def spans(self) -> dict[int, tuple[Span, ...]]:
        """Which trials of which shards are there, unread."""
        return spans_in(_shards(self.shelf), self.identity.shard)

    def numbers(self) -> list[int]:
        """The shards that are there whole, unread."""
        return [number for number, some in self.spans().items() if some == (self.whole,)]

    def missing(self, wanted: range) -> int:
        """How many of these trials are not there, unread."""
        there = self.spans()
        return sum(b - a for k, span in parts_of(wanted, self.identity.shard) for a, b in gaps(span, there.get(k, ())))

    def kernels(self) -> list[dict[str, str]]:
        """The kinds of kernels that shards here were made by; none where the store is from before they were kept."""
        found = []
        for name in self.shelf.names():
            if name.startswith("kernels-") and name.endswith(".json"):
                with contextlib.suppress(OSError, ValueError), self.shelf.read(name) as file:
                    found.append({str(key): str(value) for key, value in json_of(file, name).items()})
        return found

    def _keep(self, kind: dict[str, str]) -> None:
        """A file of its own for a kind, so that two that write at once lose neither; that of trainers is the writer's."""
        told = json.dumps(kind, sort_keys=True)
        name = f"kernels-{hashlib.sha256(told.encode()).hexdigest()[:12]}.json"
        if self.shelf.has(name):
            return
        if kind != UNKNOWN and self.numbers() and not self.kernels():
            self._keep(UNKNOWN)
        with self.shelf.write(name) as file:
            file.write((json.dumps(kind, indent=1) + "\n").encode())

    def write(self, shard: Shard, *, first: bool = False) -> None:
        """All of it or nothing; with ``first``, one that is there stays."""
        self._keep(kernels())
        self._write(shard, first)

    def _write(self, shard: Shard, first: bool = False) -> None:
        with self.shelf.write(self.name(shard.number, shard.span), first=first) as file:
            run = np.uint64(self.identity.digest)
            early = {
                f"{part}-{e}": one for e, both in shard.earlier.items() for part, one in zip(PARTS, both, strict=True)
            }
            arrays: dict[str, Any] = {"train": shard.train, "test": shard.test, **early}
            if shard.span != self.whole:
                arrays["start"] = np.int64(shard.start)
            np.savez(file, number=np.int64(shard.number), run=run, **arrays)

    def gather(
        self, number: int, wanted: Span, parts: Sequence[str] = PARTS, spans: Sequence[Span] | None = None
    ) -> Shard | None:
        """Some trials of a shard, from its file or those of parts of it, ``spans``; None where any is missing or damaged."""
        if spans is None:
            spans = [self.whole] if self.has(number) else self.spans().get(number, ())
        used = [span for span in spans if span[0] < wanted[1] and span[1] > wanted[0]]
        if gaps(wanted, used):
            return None
        found = [self.read(number, parts, span) for span in used]
        there = [part for part in found if part is not None]
        return pieced(there, wanted) if len(there) == len(found) else None

    def read(self, number: int, parts: Sequence[str] = PARTS, span: Span | None = None) -> Shard | None:
        """A shard, or the file of some of its trials, or None where that is missing or damaged (which is logged): then it is to
        be done again. Of ``parts`` that are not asked for there is nothing.

        A whole one of another run is refused: done again, it would be lost.
        """
        start, stop = self.whole if span is None else span
        name = f"{self.shelf}/{self.name(number, span)}"
        try:
            opened = self.shelf.read(self.name(number, span))
        except FileNotFoundError:
            return None
        except ArgumentError as error:  # a pipe, or what may not be read
            log.warning("%s is damaged (%s); its trials will be done again", name, error.remedy)
            return None
        try:
            with opened as file, zipfile.ZipFile(file) as archive:
                if self._member(archive, "run", 0) != self.identity.digest:
                    remedy = "it is a shard of another run than this folder's: take it out, or give a new folder"
                    raise ArgumentError("out", name, remedy)
                held, rows = self._member(archive, "number", 0), stop - start
                train, test = (self._member(archive, part, rows) if part in parts else NOTHING for part in PARTS)
                epochs = self.identity.epochs if len(parts) == len(PARTS) else ()
                early = {e: tuple(self._member(archive, f"{part}-{e}", rows) for part in PARTS) for e in epochs}
                if span is not None and span != self.whole and self._member(archive, "start", 0) != start:
                    raise ValueError("it holds other trials than its name says")
        except ArgumentError:
            raise
        except Exception as error:  # a flipped bit can make zipfile and NumPy raise nearly anything
            log.warning("%s is damaged (%s); its trials will be done again", name, error)
            return None
        if held != number:
            log.warning("%s holds another shard than its name says; its trials will be done again", name)
            return None
        return Shard(number, train, test, earlier={e: (a, b) for e, (a, b) in early.items()}, start=start)

    def _member(self, archive: zipfile.ZipFile, part: str, rows: int) -> NDArray[Any]:
        """One array of a shard: all bytes of it first, so that their CRC is checked, then nothing but what belongs."""
        shape, kind = self._expected(part, rows)
        if archive.getinfo(f"{part}.npy").file_size > math.prod(shape) * kind.itemsize + HEADER:
            raise ValueError(f"{part} is larger than it should be")
        content = io.BytesIO(archive.read(f"{part}.npy"))
        array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
        if content.read(1):
            raise ValueError(f"{part} has bytes left over")
        if (array.shape, array.dtype) != (shape, kind):
            raise ValueError(f"{part} is {array.dtype} of shape {array.shape}")
        return array

    def _expected(self, part: str, rows: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an array of so many trials in the files of this run."""
        if part in ("number", "run", "start"):
            return (), np.dtype(np.uint64 if part == "run" else np.int64)
        one = self.identity
        columns = (one.n if part.partition("-")[0] == "train" else one.n_test) * max(one.classes, 1)
        return (rows, -(-columns // (8 if one.score == "correct" else 1))), np.dtype(one.dtype)

    def same(self, identity: Identity) -> Store:
        """This store, if it is of that run."""
        if self.identity != identity:
            raise ArgumentError("merge", str(self.shelf), f"not the same run: {self.identity.difference(identity)}")
        return self

    def merge(self, other: Store) -> int:
        """Copy the files of trials that are missing here; how many these hold. Stores of different runs are refused."""
        other.same(self.identity)
        here = self.spans()
        lacking = [
            (number, span)
            for number, some in other.spans().items()
            for span in some
            if gaps(span, here.get(number, ()))
        ]
        theirs, mine = other.kernels() or [UNKNOWN], self.kernels() or [kernels()]
        new = [kind for kind in theirs if kind not in mine and kind != UNKNOWN]
        if new and lacking:
            _differ(new, mine[0], "here")
        copied = 0
        for number, span in lacking:
            shard = other.read(number, span=span)
            if shard is not None:
                for kind in theirs:
                    self._keep(kind)
                self._write(shard)
                copied += span[1] - span[0]
        return copied


def identity_of(where: Shelf) -> Identity:
    """What ``identity.json`` says; an ArgumentError where there is none or it cannot be read.

    >>> import tempfile
    >>> run = Identity("", "KNN(k=1)", "Fixed(fraction=0.5)", 0, "correct", "uint8", shard=2, n=8, n_test=8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Store.open(folder, run)
    ...     identity_of(shelf(folder)) == run
    True
    """
    try:
        with where.read(IDENTITY) as file:
            told = json_of(file, IDENTITY)
        epochs = told.pop("epochs", [])
        if not isinstance(epochs, list) or not all(type(e) is int and e > 0 for e in epochs):
            raise ValueError("epochs are not a list of whole numbers")
        return Identity(**told, epochs=tuple(epochs))
    except FileNotFoundError as error:
        raise ArgumentError("out", str(where), "no trials are there") from error
    except (ValueError, TypeError) as error:
        remedy = f"it is not the identity of a run ({error}); give a new folder"
        raise ArgumentError("out", f"{where}/{IDENTITY}", remedy) from error


def _shards(where: Shelf) -> list[str]:
    return [name for name in where.names() if name.startswith("shard-") and name.endswith(".npz")]


def _compare(where: Shelf) -> None:
    """Keep the libraries' versions; say so where they are others than the run began with, for bits may then differ."""
    now = versions()
    if not where.has(VERSIONS):
        with where.write(VERSIONS) as file:
            file.write((json.dumps(now, indent=1) + "\n").encode())
        return
    with contextlib.suppress(OSError, ValueError), where.read(VERSIONS) as file:
        then = json_of(file, VERSIONS)
        other = [f"{k} {then[k]} then, {now[k]} now" for k in now if k in then and then[k] != now[k]]
        if other:
            log.warning(
                "the run began with other versions (%s); scores may differ in their last bits", "; ".join(other)
            )


def _differ(there: list[dict[str, str]], here: dict[str, str], when: str) -> None:
    """Say in what the kernels there are others; nothing where they are not known, or were these too."""
    known = [kind for kind in there if kind != UNKNOWN]
    if known and here not in known:
        other = known[0]
        parts = [f"{k} {other.get(k)} there, {here.get(k)} {when}" for k in here if other.get(k) != here.get(k)]
        log.warning("scores may differ in their last bits: made with other kernels (%s)", "; ".join(parts))
