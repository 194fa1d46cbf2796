"""Masks of many examples at once, compiled: words below a limit."""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from longtail.philox.block_cpu import fill


@compiled()
def below(seed, stream, trials, limit, out):
    """out[k, i] = word i of (seed, stream, trials[k]) < limit."""
    width = out.shape[1]
    words = np.empty(-(-width // 8) * 8, np.uint32)
    for k in range(len(trials)):
        fill(words, seed, stream, trials[k], np.uint64(0))
        for i in range(width):
            out[k, i] = np.uint64(words[i]) < limit
