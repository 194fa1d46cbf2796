"""n_in, in_sum and total of training examples, on themselves, counted shard by shard: whole numbers, which add up in any order.

Of t trials, M_ki whether trial k trained on example i and C_ki whether it was right on it,

    n_in_i = Σ_k M_ki,    in_sum_i = Σ_k M_ki C_ki,    total_i = Σ_k C_ki,

from which come the two cells of memorization (``empirical.estimates.cells``). Even and odd trials, the halves, are counted apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from empirical.data.bits import pack
from empirical.estimates.cells import Cells
from empirical.training.shelved import Shelved
from longtail.core import Integers


@dataclass(frozen=True)
class Counts:
    """Of so many ``models``.

    >>> one = Counts(4, np.array([2]), np.array([2]), np.array([3]))
    >>> (one + one).models, one.cells.value.tolist()
    (8, [0.5])
    """

    models: int
    n_in: Integers = field(repr=False)
    in_sum: Integers = field(repr=False)
    total: Integers = field(repr=False)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.models + other.models, self.n_in + other.n_in, self.in_sum + other.in_sum, self.total + other.total
        )

    @property
    def cells(self) -> Cells:
        """The two cells of every training example."""
        return Cells.of_sums(self.models, self.n_in, self.in_sum, self.total)


def counted(shelved: Shelved, at: Collection[int] = ()) -> Iterator[tuple[Counts, Counts]]:
    """Even and odd trials: of the first t, for each t of ``at``, and of all of them last. What was given before counts on.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from empirical.training.job import Job
    >>> from empirical.training.run import fill
    >>> from empirical.training.store import Store
    >>> from empirical.data.data import Data
    >>> from empirical.designs import Fixed
    >>> from empirical.learners import KNN
    >>> x, y = np.arange(8.0, dtype=np.float32)[:, None], np.arange(8) % 2
    >>> job = Job(Data(x, y, x, y, (0, 1)), KNN(1), Fixed(0.5), shard=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.open(Path(folder), job.identity())
    ...     fill(job, 6, store)
    ...     [(even.models, odd.models) for even, odd in counted(Shelved.at(folder, 6), (4,))]
    [(2, 2), (3, 3)]
    """
    sums = np.zeros((2, 3, shelved.bits.n), np.int64)
    done, count = 0, shelved.bits.count

    def now(t: int) -> tuple[Counts, Counts]:
        return Counts(-(-t // 2), *sums[0]), Counts(t // 2, *sums[1])

    for size, inside, right in shelved.shards():
        places = np.arange(done, done + size)
        edges = [done, *sorted({t for t in at if done < t < done + size}), done + size]
        for start, stop in pairwise(edges):
            for odd in (0, 1):
                bits = pack(((places >= start) & (places < stop) & (places % 2 == odd))[:, None])
                held, known = inside & bits, right & bits
                for row, found in zip(sums[odd], (held, held & right, known), strict=True):
                    row += np.bitwise_count(found).sum(1, dtype=np.int64)
            if stop in at and stop < count:
                yield now(stop)
        done += size
    yield now(count)
