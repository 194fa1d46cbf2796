"""A learner whose second shard never ends, where a worker trains it: only who ends workers ends that."""

import multiprocessing

import numpy as np

SHARD = 8
trained = []


def predict(X, y, subset):
    """The first label, for as many models as a shard has."""
    if multiprocessing.current_process().name.startswith("Loky"):
        trained.append(1)
        while len(trained) > SHARD:
            pass
    return np.full(len(X), y[subset[0]])
