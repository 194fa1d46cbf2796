"""Standard normal float32 numbers from Philox words, in loops that LLVM turns into vectors.

    z = √(−2 log u) cos 2πv,   √(−2 log u) sin 2πv,        u, v uniform (Box & Muller 1958)

of two words: u = (word + ½) 2⁻³², so that |z| reaches 6.8, and v a word as it is. Logarithm, sine and cosine are Cephes'
polynomials (within 2 units in the last place). ``LENGTH`` words are drawn at a time, the first half u, the other v: which
words a number is made of depends on its position alone. One word a number; measured 4.0 ns a number, 1.7 of them Philox,
while others used the machine.
"""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from longtail.philox.block_cpu import fill

LENGTH = 2048  # words at a time: they stay in first-level cache
_TURN = np.float32(2 * np.pi / 2**32)
_UNIT = np.float32(2.0**-32)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)
_ROOT = np.float32(np.sqrt(0.5))
_L = tuple(
    np.float32(c)
    for c in (
        *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
        *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
    )
)
_S = tuple(np.float32(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
_C = tuple(np.float32(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))
_HIGH, _LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_MASK, _HALVES, _BIAS, _SHIFT = np.int32(0x007FFFFF), np.int32(0x3F000000), np.int32(126), np.int32(23)


@compiled()
def paired(words, out):
    """out = normals of ``words``, an even number of them: u in the first half and v in the second."""
    half = words.shape[0] // 2
    radius = out[:half]
    for i in range(half):
        u = np.float32((np.float32(words[i]) + _HALF) * _UNIT)
        bits = u.view(np.int32)
        e = np.float32(np.int32((bits >> _SHIFT) - _BIAS))
        m = np.int32((bits & _MASK) | _HALVES).view(np.float32)
        small = m < _ROOT
        e = e - _ONE if small else e
        m = m + m - _ONE if small else m - _ONE
        p = (((_L[0] * m + _L[1]) * m + _L[2]) * m + _L[3]) * m + _L[4]
        p = (((p * m + _L[5]) * m + _L[6]) * m + _L[7]) * m + _L[8]
        s = m * m
        log = m + (p * m * s + e * _LOW - _HALF * s) + e * _HIGH
        radius[i] = np.sqrt(max(-_TWO * log, np.float32(0)))
    for i in range(half):
        v = words[half + i]
        quarter = np.uint32(np.uint32(v + np.uint32(0x20000000)) >> np.uint32(30))
        a = np.float32(np.int32(np.uint32(v - np.uint32(quarter << np.uint32(30))))) * _TURN
        s = a * a
        sine = ((_S[0] * s + _S[1]) * s + _S[2]) * s * a + a
        cosine = ((_C[0] * s + _C[1]) * s + _C[2]) * s * s - _HALF * s + _ONE
        swap = (quarter & np.uint32(1)) == np.uint32(1)
        x, y = (sine if swap else cosine), (cosine if swap else sine)
        turned = quarter == np.uint32(1) or quarter == np.uint32(2)
        r = radius[i]
        out[half + i] = -(r * y) if quarter >= np.uint32(2) else r * y
        radius[i] = -(r * x) if turned else r * x


@compiled()
def normals(out, words, seed, stream, trial):
    """Fill ``out``, whose length is a multiple of 8; ``words`` is room for LENGTH."""
    for start in range(0, out.shape[0], LENGTH):
        size = min(LENGTH, out.shape[0] - start)
        fill(words[:size], seed, stream, trial, np.uint64(start // 4))
        paired(words[:size], out[start : start + size])
