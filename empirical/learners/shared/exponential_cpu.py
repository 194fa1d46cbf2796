"""e^x in float32 from arithmetic alone, so that LLVM vectorizes the loops that call it, and softmax's numerators.

Of float64 numbers the numerators are the C library's: slow, for kernels to be checked against plain loops beyond rounding.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numba.extending import overload

_LOG2E = np.float32(1.4426950408889634)
_HIGH = np.float32(0.693359375)
_LOW = np.float32(-2.12194440e-4)
_LEAST, _MOST = np.float32(-87.3), np.float32(88)
_ROUND = np.float32(12582912.0)  # 1.5 · 2^23: adding it rounds to a whole number
_C = tuple(
    np.float32(c)
    for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
_ONE, _BIAS, _MANTISSA = np.float32(1), np.int32(127), np.int32(23)


@nb.njit(inline="always", error_model="numpy")
def exponential(x):
    """e^x, x clipped to [−87.3, 88]: within 2 units in the last place (Cephes' expf)."""
    x = min(max(x, _LEAST), _MOST)
    whole = (x * _LOG2E + _ROUND) - _ROUND
    r = x - whole * _HIGH - whole * _LOW
    p = ((((_C[0] * r + _C[1]) * r + _C[2]) * r + _C[3]) * r + _C[4]) * r + _C[5]
    y = p * (r * r) + r + _ONE
    return y * np.int32((np.int32(whole) + _BIAS) << _MANTISSA).view(np.float32)


def power(x):
    """e^x as numbers of its precision have it; known to compiled code only."""
    raise NotImplementedError


@overload(power)
def _power(x):
    if x == nb.types.float64:
        return lambda x: math.exp(x)
    return lambda x: exponential(x)


@nb.njit(error_model="numpy")
def numerators(values, present, total, top):
    """Decision values (K, rows) become e^(value − largest) in place, 0 for absent classes; sums and the largest beside."""
    classes, rows = values.shape
    top[:] = -np.inf
    total[:] = 0
    for c in range(classes):
        if present[c]:
            line = values[c]
            for i in range(rows):
                top[i] = max(top[i], line[i])
    for c in range(classes):
        line = values[c]
        if not present[c]:
            line[:] = 0
            continue
        for i in range(rows):
            line[i] = power(line[i] - top[i])
            total[i] += line[i]
