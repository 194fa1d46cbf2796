"""What may be kept of a prediction: whether it was right, the probability of the true label, its margin, or its loss."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Score = Literal["correct", "probability", "margin", "loss"]
SCORES: tuple[Score, ...] = ("correct", "probability", "margin", "loss")
Floats32 = NDArray[np.float32]
