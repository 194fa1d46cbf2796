"""Uniform numbers that serve twice, for the CPU, by the method of ``kernels.uniforms``."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numba as nb
import numpy as np

from longtail.core.compiled_cpu import compiled
from longtail.montecarlo.kernels.uniforms import NEXT
from longtail.philox.block_cpu import block

_LOW, _SHIFT = np.uint64(2**32 - 1), np.uint64(32)


@nb.njit(inline="always")
def unit(high, low):
    """A double in [0, 1) from two words, a multiple of 2^-53."""
    return np.float64(((np.uint64(high) << np.uint64(32)) | np.uint64(low)) >> np.uint64(11)) * 2.0**-53


@compiled()
def parts(word, listed, seed, trial, cell):
    """floor(U·listed) and the first 64 bits of the fraction, U = ``word`` and its 64 further bits."""
    at = np.uint64(cell)
    w0, w1, w2, w3 = block(
        np.uint32(at >> np.uint64(1)),
        np.uint32(NEXT),
        np.uint32(trial),
        np.uint32(trial >> _SHIFT),
        np.uint32(seed),
        np.uint32(seed >> _SHIFT),
    )
    odd = at & np.uint64(1) != 0
    high, low = np.uint64(w2 if odd else w0), np.uint64(w3 if odd else w1)
    scaled = np.uint64(word) * listed
    more = high * listed + ((low * listed) >> _SHIFT)
    fraction = np.uint64((scaled << _SHIFT) + more)  # modulo 2^64
    return (scaled >> _SHIFT) + np.uint64(fraction < more), fraction


@compiled()
def look_up(words, entries, first, seed, trial, p):
    """p = entries[floor(U·L)], and a word becomes a lower bound, less than L/2^32 below, of the fraction of U·L.

    A multiplication and a look-up a cell, which take as long as the list is far: nothing here runs in lanes.
    """
    listed = np.uint64(len(entries))
    clear = np.uint64(2**32) - listed
    for i in range(len(words)):
        scaled = np.uint64(words[i]) * listed
        index, low = scaled >> _SHIFT, scaled & _LOW
        if low > clear:  # further bits may carry
            index, fraction = parts(words[i], listed, seed, trial, first + i)
            low = fraction >> _SHIFT
        words[i] = np.uint32(low)
        p[i] = entries[index]
