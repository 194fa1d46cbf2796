"""Wilson's interval for a proportion (Journal of the American Statistical Association 22, 1927): it does not shrink to a point
where all trials came out alike.
"""

from __future__ import annotations

import numpy as np

from longtail.core.types import Floats

Z95 = 1.959963984540054  # Φ⁻¹(.975): standard errors to either side that hold 95 %


def wilson(proportion: Floats, trials: Floats | float, z: float = Z95) -> tuple[Floats, Floats]:
    """Low and high ends: (q + z²/2n ± z √(q(1 − q)/n + z²/4n²)) / (1 + z²/n).

    >>> [round(float(end), 4) for end in wilson(np.array(0.0), 300)]
    [0.0, 0.0126]
    """
    q, n = np.asarray(proportion, float), np.asarray(trials, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (q + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(q * (1 - q) / n + z * z / (4 * n * n))
    return middle - half, middle + half
