"""Which trials of a shard a file holds: all of them, or the part from one on to another that a run asked for and no more.

A shard's whole file is ``shard-000007.npz``; that of trials 10 to 35 of it ``shard-000007-10-36.npz``. A run that ends, or
begins, within a shard trains and keeps its part only; one that goes on from there keeps the rest as another part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Span = tuple[int, int]  # trials of a shard, by their place in it: the first, and the one after the last
NAMED = re.compile(r"shard-(\d{6,})(?:-(\d+)-(\d+))?\.npz", re.ASCII)


def name_of(number: int, size: int, span: Span) -> str:
    """The file of a shard of ``size`` trials, or of some of them.

    >>> name_of(7, 64, (0, 64)), name_of(7, 64, (10, 36))
    ('shard-000007.npz', 'shard-000007-10-36.npz')
    """
    part = "" if span == (0, size) else f"-{span[0]}-{span[1]}"
    return f"shard-{number:06d}{part}.npz"


def spans_in(names: Iterable[str], size: int) -> dict[int, tuple[Span, ...]]:
    """What files hold by their names, by number of the shard: of one that is there whole nothing else is needed.

    >>> spans_in(["shard-000000.npz", "shard-000001-0-36.npz", "shard-000000-0-2.npz", "shard-1.npz"], 64)
    {0: ((0, 64),), 1: ((0, 36),)}
    """
    found: dict[int, set[Span]] = {}
    for name in names:
        if (match := NAMED.fullmatch(name)) is None:
            continue
        start, stop = (0, size) if match[2] is None else (int(match[2]), int(match[3]))
        if 0 <= start < stop <= size and name == name_of(int(match[1]), size, (start, stop)):
            found.setdefault(int(match[1]), set()).add((start, stop))
    whole = (0, size)
    return {number: (whole,) if whole in some else tuple(sorted(some)) for number, some in sorted(found.items())}


def gaps(wanted: Span, there: Iterable[Span]) -> list[Span]:
    """What of ``wanted`` is not there, in order.

    >>> gaps((0, 64), [(40, 50), (0, 10), (5, 20)]), gaps((3, 9), [(0, 64)])
    ([(20, 40), (50, 64)], [])
    """
    left, at = [], wanted[0]
    for start, stop in sorted(there):
        if start >= wanted[1]:
            break
        if start > at:
            left.append((at, start))
        at = max(at, stop)
    if at < wanted[1]:
        left.append((at, wanted[1]))
    return left


def parts_of(wanted: range, size: int) -> list[tuple[int, Span]]:
    """The shards that trials lie in, and which of each.

    >>> parts_of(range(50, 140), 64)
    [(0, (50, 64)), (1, (0, 64)), (2, (0, 12))]
    """
    first, stop = wanted.start, wanted.stop
    return [(k, (max(first - k * size, 0), min(stop - k * size, size))) for k in shards_of(wanted, size)]


def shards_of(wanted: range, size: int) -> range:
    """Numbers of the shards that trials lie in.

    >>> shards_of(range(50, 140), 64)
    range(0, 3)
    """
    return range(wanted.start // size, -(-wanted.stop // size))
