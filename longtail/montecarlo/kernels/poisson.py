"""Poisson counts from Philox words: what ``poisson_cpu`` and ``poisson.cu`` have in common.

A count is the inverse of the Poisson law at a uniform u = (word + …)/2^32, whose further bits are the DOUBT word.
``quick`` finds it for most cells in single precision, many at a time, and answers only where u is farther than
``MARGIN`` from every threshold, so that it is what infinite precision would have given. ``exact`` decides the rest in
doubles, on 53 bits. From a mean of ``HEAVY`` on, counts come from transformed rejection with squeeze (PTRS; Hörmann,
"The transformed rejection method for generating Poisson random variables", 1993), on words of their own, with the law
by Loader's deviance form (2000), as lgamma loses a mean of 10^12.

So the two devices, which round differently, give the same counts but where a double's last bit decides.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

# e^(-x) on [0, 1] to 3e-8, raised to the 8th power by three squarings: no bit tricks, so it runs in lanes anywhere.
SERIES: Final = tuple(
    float(c) for c in Chebyshev.interpolate(lambda x: np.exp(-x), 6, domain=[0, 1]).convert(kind=Polynomial).coef
)
UNSURE: Final = 255  # what ``quick`` says where it cannot tell, and of all counts from 4 on, which are rarer
LIMIT: Final = 8.0  # largest mean it takes
MARGIN: Final = 8e-6  # its rounding stays below a quarter of this (tested)
HEAVY: Final = 10.0
TURNS: Final = 4096  # streams set aside for one attempt: its words, then a stream for each round of rejection
