"""Where a run keeps its trials or nets, by its options; and what is there already."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from empirical.training.job import Job
from empirical.training.shelf import Shelf, shelf
from empirical.training.spans import gaps, parts_of
from empirical.training.store import IDENTITY, Store
from longtail.core import ArgumentError


def kept_at(store: str | None, out: Path | None, beside: str = "", *, what: str = "trials") -> Shelf | None:
    """Where trials, or nets, are kept: as --store says, else in the folder of the tables, else nowhere; ``beside`` are others
    of a run.
    """
    kind, address, bucket = (store or "").partition("://")
    if beside and bucket.strip("/") and "/" not in bucket.strip("/"):
        remedy = "more trials are kept beside those of the run: give s3://bucket/prefix"
        raise ArgumentError("--store", store, remedy)
    if store is not None:
        return shelf((f"{kind}://{bucket.rstrip('/')}" if address else kind.rstrip("/") or kind) + beside, "--store")
    return None if out is None else shelf(out / f"{what}{beside}")


def named(place: str) -> Store:
    """The store that --merge names, by its folder or by that of its tables."""
    where = shelf(place, "--merge")
    within = where.inside("trials")
    return Store.at(within if within.has(IDENTITY) else where)


@dataclass(frozen=True)
class There:
    """What a run would find where its trials are kept: so many of the models it wants, and how many it would train."""

    place: str
    models: int
    missing: int

    def __str__(self) -> str:
        where = f"the bucket {self.place}" if "://" in self.place else self.place
        return f"{self.models:,} of them are in {where}, {self.missing:,} are left to train"

    @classmethod
    def of(cls, arguments: argparse.Namespace, job: Job, count: int) -> There | None:
        """Nothing is made or written there; None where trials are kept nowhere."""
        where = kept_at(arguments.store, Path(arguments.out) if arguments.out else None)
        if where is None:
            return None
        store = Store.look(where, job.identity(), resume=arguments.resume)
        kept = [] if store is None else [store.spans()]
        kept += [named(other).same(job.identity()).spans() for other in arguments.merge]
        missing = 0
        for k, span in parts_of(range(arguments.first, arguments.first + count), job.shard):
            there = [one for spans in kept for one in spans.get(k, ())]
            missing += sum(stop - start for start, stop in gaps(span, there))
        return cls(str(where), count - missing, missing)
