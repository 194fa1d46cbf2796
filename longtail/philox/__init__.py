"""Philox4x32-10: random words as a pure function of (seed, stream, trial, position).

Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Ten rounds of two 32 × 32 → 64-bit
products turn a 128-bit counter and a 64-bit key into four independent-looking 32-bit words. There is no state: any word
can be had on any machine, in any order, and a seed means the same words in NumPy (here), numba (``block_cpu``) and CUDA
(``block_cuda``). It is the only randomness in kernels, designs and masks. What is only simulated beside a fit, or bootstrapped
for an error, is drawn by NumPy's generators, from a seed too: nothing is trained on it.

Layout. Word ``i`` of a stream is word ``i % 4`` of the block with

    key     = (seed low, seed high)                                  the 64 bits of the seed
    counter = (i // 4, stream, trial low, trial high)                32, 32 and 64 bits

so a (seed, stream, trial) has 2^34 words, and distinct (seed, stream, trial, i) never share one. The low 8 bits of a
stream name a purpose, one of the constants below; the upper 24 are that purpose's own (a layer, an attempt, a cell):
``stream = MASK | layer << 8``, which ``substream`` checks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.core import ArgumentError, whole

Words = NDArray[np.uint32]

FREQUENCIES: Final = 1  # which list entry each subpopulation gets
SAMPLE: Final = 2  # how often each subpopulation is seen; the upper bits count attempts
CORRECTION: Final = 3  # points added until there are n
LABELS: Final = 4  # true labels
NOISE: Final = 5  # labels flipped
LEARNER: Final = 6  # a learner's own coins
DOUBT: Final = 7  # the next 32 bits of a SAMPLE word, read where 32 cannot decide
DESIGN: Final = 8  # which examples a model trains on
MASK: Final = 9  # hidden units of turn-over dropout; the upper bits are the layer
WEIGHTS: Final = 10  # a model's initial weights and minibatches
RESAMPLE: Final = 11  # bootstrap and permutation tests
REMOVAL: Final = 12  # which examples are removed at random beside the memorized
BATCH: Final = 13  # Poisson batches of private training; the upper bits are the step
PRIVACY: Final = 14  # noise that makes training private; the upper bits are the step
DROPOUT: Final = 15  # hidden units of ordinary dropout; the upper bits are the layer
TASK: Final = 16  # examples of tasks in which irrelevant data must be memorized

MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
WEYL: Final = (0x9E3779B9, 0xBB67AE85)
ROUNDS: Final = 10
LENGTH: Final = 2**34  # words in one (seed, stream, trial)

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def substream(stream: int, part: int) -> int:
    """The ``part``-th stream of a purpose."""
    return whole("stream", stream, 1, 2**8 - 1) | whole("part", part, 0, 2**24 - 1) << 8


def block(counter: ArrayLike, key: ArrayLike) -> Words:
    """Ten Philox rounds: counters (..., 4) and keys (..., 2) of 32-bit words to four words each, broadcasting."""
    c = np.asarray(counter, np.uint64)
    k = np.asarray(key, np.uint64)
    c0, c1, c2, c3 = (c[..., i] for i in range(4))
    k0, k1 = k[..., 0], k[..., 1]
    m0, m1 = (np.uint64(m) for m in MULTIPLIERS)
    w0, w1 = (np.uint64(w) for w in WEYL)
    for _ in range(ROUNDS):
        p0, p1 = c0 * m0, c2 * m1
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    return np.stack(np.broadcast_arrays(c0, c1, c2, c3), axis=-1).astype(np.uint32)


def words(seed: int, stream: int, trial: ArrayLike, start: int, count: int) -> Words:
    """Words ``start`` to ``start + count`` of a stream, shape ``trial.shape + (count,)``.

    >>> words(7, DESIGN, [0, 1], 2, 3)[1].tolist() == words(7, DESIGN, 1, 0, 5)[2:].tolist()
    True
    """
    whole("seed", seed, 0, 2**64 - 1)
    whole("stream", stream, 0, 2**32 - 1)
    if start < 0 or count < 0 or start + count > LENGTH:
        raise ArgumentError("start, count", (start, count), "stay within words 0 to 2^34 - 1")
    trials = np.asarray(trial, np.uint64)
    first, last = start // 4, -(-(start + count) // 4)
    counter = np.empty((*trials.shape, last - first, 4), np.uint64)
    counter[..., 0] = np.arange(first, last, dtype=np.uint64)
    counter[..., 1] = stream
    counter[..., 2] = (trials & _LOW)[..., None]
    counter[..., 3] = (trials >> _SHIFT)[..., None]
    out = block(counter, (seed & 0xFFFFFFFF, seed >> 32))
    flat = out.reshape(*trials.shape, 4 * (last - first))
    return flat[..., start - 4 * first : start - 4 * first + count]


def uniforms(seed: int, stream: int, trial: ArrayLike, start: int, count: int) -> NDArray[np.float64]:
    """Doubles in [0, 1), multiples of 2^-53: number ``i`` is made of words ``2i`` (high) and ``2i + 1`` (low)."""
    pair = words(seed, stream, trial, 2 * start, 2 * count).astype(np.uint64)
    joined = (pair[..., 0::2] << _SHIFT) | pair[..., 1::2]
    out: NDArray[np.float64] = (joined >> np.uint64(11)).astype(np.float64)
    return np.multiply(out, 2.0**-53, out=out)
