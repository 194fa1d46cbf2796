"""A small problem and a small learner, for what is about neither; importable, so that worker processes find them."""

from dataclasses import dataclass

import numpy as np

from empirical.data.data import Data
from empirical.learners.learner import Learner, Trainer


@dataclass(frozen=True)
class Nearest(Learner):
    """One nearest neighbor by brute force: enough to test what surrounds a learner."""

    scores = ("correct", "probability")

    def prepare(self, data, score="correct", *, seed=0, device="cpu"):
        return NearestTrainer(data, score)


class NearestTrainer(Trainer):
    def __init__(self, data, score):
        self.data, self.score = data, score
        x = np.concatenate([data.x_train, data.x_test])
        self.order = np.argsort(((x[:, None] - data.x_train) ** 2).sum(-1), axis=1, kind="stable")
        self.labels = np.concatenate([data.y_train, data.y_test])

    def fill(self, masks, trials, present, scores):
        first = np.take_along_axis(
            self.order, masks[:, self.order].argmax(2)[..., None].T[0].reshape(-1, len(masks)), 1
        )
        right = (self.data.y_train[first] == self.labels[:, None]).T
        scores[:] = right if self.score == "correct" else np.where(right, 0.75, 0.25)


def blobs(n=60, n_test=30, labels=3, spread=1.0, seed=5):
    """Gaussian clouds, three in the plane unless told."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(labels, 2)) * 2
    y = rng.integers(labels, size=n + n_test)
    y[:labels] = np.arange(labels)
    x = (centers[y] + spread * rng.normal(size=(n + n_test, 2))).astype(np.float32)
    return Data(x[:n], y[:n], x[n:], y[n:], tuple(range(labels)))
