"""scikit-learn's digits (Alpaydin & Kaynak, UCI 1998): 8 × 8 images, embedded in scikit-learn; the first 1,500 to
train on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.options import refuse

TRAIN = 1500


def load(source: str, options: dict[str, Any]) -> Dataset:
    """Pixels in [0, 1]."""
    from sklearn.datasets import load_digits

    refuse(options)
    bunch = load_digits()
    x = (bunch.images / 16).astype(np.float32)
    y = bunch.target.astype(np.int64)
    return Dataset("digits", Data(x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:], tuple(range(10))))
