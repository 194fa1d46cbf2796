"""Where nets trained under masks are kept, a folder or a bucket: one .npz a seed, written whole or not at all.

What it holds is a function of (data, net, groups, epochs, seed) alone, so that a killed run goes on and a longer one takes over
what is there. The masks are not stored, for the net's description draws them again; so a description that changed since would ask
nets under masks that they never had: ``identity.json`` says whose nets these are, each file has a digest of it, and others are
refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.data import Data
from empirical.data.fingerprint import digest
from empirical.data.sources.arrays import arrays as arrays_in
from empirical.dynamics.scores import Scores
from empirical.dynamics.training import Trainer
from empirical.learners.score import Floats32
from empirical.training.shelf import Shelf, shelf
from empirical.training.store import IDENTITY
from longtail.core import ArgumentError
from longtail.core.files import json_of
from longtail.core.record import kernels

log = logging.getLogger(__name__)
FORMAT = 1
SCORES = ("loss", "right", "loss_test", "right_test")


@dataclass(frozen=True)
class Identity:
    """Whose nets these are. Runs that differ in any of it are never mixed.

    >>> from dataclasses import replace
    >>> one = Identity("", "Net()", "", epochs=(20,), n=1000, n_test=100, parameters=2634)
    >>> one.difference(replace(one, n_test=99))
    'n_test is 100 there, 99 now'
    """

    data: str
    net: str
    groups: str
    epochs: tuple[int, ...]
    n: int
    n_test: int
    parameters: int
    format: int = FORMAT

    @classmethod
    def of(cls, trainer: Trainer, data: Data, epochs: tuple[int, ...]) -> Identity:
        """Of the nets that a trainer makes."""
        groups = np.ascontiguousarray(trainer.groups, "<i8").tobytes() + trainer.learned.astype("<f4").tobytes()
        sizes = trainer.sizes.tolist()
        many = trainer.net.parameters(sizes[0], sizes[-1])
        told = hashlib.sha256(groups).hexdigest()
        return cls(digest(data), repr(trainer.net), told, epochs, data.n, data.n_test, many)

    def difference(self, other: Identity) -> str:
        """The fields in which ``other`` differs, for a person to read."""
        mine, theirs = asdict(self), asdict(other)
        return "; ".join(f"{k} is {mine[k]!r} there, {theirs[k]!r} now" for k in mine if mine[k] != theirs[k])

    @property
    def digest(self) -> int:
        """64 bits by which a file tells whose it is."""
        return int.from_bytes(hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).digest()[:8], "little")

    def shape(self, name: str) -> tuple[tuple[int, ...], Any]:
        """Shape and type of an array in every file of this run."""
        times = len(self.epochs)
        shapes = {
            "loss": (1, times, 3, self.n),
            "loss_test": (1, times, self.n_test),
            "parameters": (times, self.parameters),
        }
        if name in ("run", "seed"):
            return (), np.uint64
        return shapes[name.replace("right", "loss")], np.bool_ if "right" in name else np.float32


@dataclass(frozen=True)
class Nets:
    """A shelf of nets. ``Nets.open`` makes it, or takes it up again if it is of the same run.

    >>> import tempfile
    >>> from empirical.dynamics.net import Net
    >>> from empirical.dynamics.scores import scored
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    >>> data = Data(x, y, x, y, (0, 1))
    >>> trainer = Trainer.of(Net((6,), epochs=2), data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nets = Nets.open(folder, Identity.of(trainer, data, (1, 2)))
    ...     nets.write(*scored(trainer, data, 7, (1, 2)))
    ...     nets.scores(7).epochs, nets.scores(8)
    ((1, 2), None)
    """

    shelf: Shelf
    identity: Identity

    @classmethod
    def open(cls, place: str | Path | Shelf, identity: Identity) -> Nets:
        """The nets at a folder or an address; an ArgumentError names the difference where they are another run's."""
        where = shelf(place) if isinstance(place, str | Path) else place
        where.make()
        if not where.has(IDENTITY):
            if any(name.startswith("seed-") for name in where.names()):
                remedy = "it holds nets, but no identity.json that says whose: put that back, or give a new folder"
                raise ArgumentError("out", str(where), remedy)
            with where.write(IDENTITY, first=True) as file:
                file.write((json.dumps(asdict(identity), indent=1) + "\n").encode())
        try:
            with where.read(IDENTITY) as file:
                told = json_of(file, IDENTITY)
            there = Identity(**{**told, "epochs": tuple(told["epochs"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
            remedy = f"it is not the identity of a run ({error}); give a new folder"
            raise ArgumentError("out", f"{where}/{IDENTITY}", remedy) from error
        if there != identity:
            remedy = f"nets of another run are there ({there.difference(identity)}); give a new folder or the same run"
            raise ArgumentError("out", str(where), remedy)
        return cls(where, identity)

    def name(self, seed: int) -> str:
        """The file of a seed."""
        return f"seed-{seed:020d}.npz"

    def has(self, seed: int) -> bool:
        """Whether the net of a seed is there, unread."""
        return self.shelf.has(self.name(seed))

    def write(self, scores: Scores, parameters: Floats32, *, first: bool = False) -> None:
        """All of it or nothing; with ``first``, one that is there stays."""
        arrays: dict[str, Any] = {name: getattr(scores, name) for name in SCORES} | {"parameters": parameters}
        with self.shelf.write(self.name(scores.seeds[0]), first=first) as file:
            told: dict[str, Any] = {"run": np.uint64(self.identity.digest), "seed": np.uint64(scores.seeds[0])}
            np.savez(file, kernels=np.array(json.dumps(kernels(), sort_keys=True)), **told, **arrays)

    def scores(self, seed: int) -> Scores | None:
        """Of a seed; None where it is missing or damaged, which is logged: then it is to be done again."""
        found = self._read(seed, SCORES)
        return None if found is None else Scores((seed,), self.identity.epochs, *(found[name] for name in SCORES))

    def parameters(self, seed: int) -> Floats32 | None:
        """Of its net at the epochs, (epochs, P); None as above."""
        found = self._read(seed, ("parameters",))
        return None if found is None else found["parameters"]

    def _read(self, seed: int, names: tuple[str, ...]) -> Mapping[str, NDArray[Any]] | None:
        name, asked = f"{self.shelf}/{self.name(seed)}", ("run", "seed", "kernels", *names)
        try:
            with self.shelf.read(self.name(seed)) as file:
                found = arrays_in(file, name, asked, asked, "out")
            wrong = [one for one in ("run", "seed", *names) if not self._fits(one, found[one])]
        except FileNotFoundError:
            return None
        except ArgumentError as error:  # a flipped bit, a pipe, or what may not be read
            log.warning("%s is damaged (%s); its net will be trained again", name, error)
            return None
        if int(found["run"]) != self.identity.digest and not wrong:
            remedy = "it is a net of another run than this folder's, whose masks were others: take it out, or give a new folder"
            raise ArgumentError("out", name, remedy)
        if wrong or int(found["seed"]) != seed:
            log.warning("%s holds something else than its name says; its net will be trained again", name)
            return None
        if str(found["kernels"]) != json.dumps(kernels(), sort_keys=True):
            log.warning("%s was made with other kernels; scores may differ in their last bits", name)
        return found

    def _fits(self, name: str, array: NDArray[Any]) -> bool:
        return (array.shape, array.dtype) == self.identity.shape(name)
