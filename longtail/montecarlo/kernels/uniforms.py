"""Uniform numbers that serve twice: what ``uniforms_cpu`` and ``census.cu`` have in common.

With U uniform on [0, 1) and L the length of a list, floor(U L) is uniform on 0 … L − 1, the fraction of U L is uniform on
[0, 1), and they are independent: floor(U L) = i with a fraction below v is U in [i/L, (i + v)/L), of length v/L. So one
random number picks a cell's frequency with the one and draws its count with the other.

U has 96 bits: word x of FREQUENCIES for cell x, and words 2x and 2x + 1 of the stream ``NEXT``, which are made only where
the first 32 leave doubt: in about L of 2^32 cells about the whole part, and wherever what is read off the fraction hangs on
them. So the whole part is uniform to L/2^96, and the fraction to 2^-64. Of a list longer than ``LONGEST`` the fraction would
leave doubt too often, and counts have words of their own.
"""

from __future__ import annotations

from typing import Final

from longtail.philox import FREQUENCIES

NEXT: Final = FREQUENCIES | 1 << 8
LONGEST: Final = 2**20
