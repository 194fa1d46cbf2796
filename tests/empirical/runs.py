"""Two runs compared, and a store opened."""

import numpy as np

from empirical.training.store import Store
from empirical.training.trials import Trials


def same(a: Trials, b: Trials) -> bool:
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("number", "inside", "train", "test"))


def opened(job, folder):
    return Store.open(folder, job.identity())
