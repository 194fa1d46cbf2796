"""A learner whose influences are known: right on a point if it holds any of the point's cluster, else by a guess.

Model k guesses rightly with a chance g_k of its own, one of two: good models and bad ones, good or bad on everything. With g the
mean of these, c the size of a point's cluster among the others, the chance of being wrong is (1 − g) times that of holding none
of them, which subsets of m of n hold with chance C(n − c, m)/C(n, m), independent coins with (1 − r)^c.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from empirical.designs import Fixed
from empirical.training.trials import Trials

GUESSES = (0.05, 0.55)


@dataclass(frozen=True)
class Teachers:
    """``cluster`` of each training example, ``tested`` of each test example; clusters without tests teach nobody there."""

    design: object
    cluster: np.ndarray
    tested: np.ndarray
    guesses: tuple = GUESSES

    @classmethod
    def drawn(cls, design, seed=0, sizes=((1, 60), (2, 30), (5, 12)), n_test=200, guesses=GUESSES):
        """So many clusters of each size; test examples are of two thirds of them, whichever, and of none."""
        size = np.repeat([s for s, _ in sizes], [count for _, count in sizes])
        rng = np.random.default_rng(seed)
        asked = rng.permutation(len(size))[: 2 * len(size) // 3]
        tested = np.where(rng.random(n_test) < 0.8, rng.choice(asked, n_test), -1)
        return cls(design, np.repeat(np.arange(len(size)), size), tested, guesses)

    @property
    def n(self):
        return len(self.cluster)

    @property
    def y(self):
        """All alike: pairs of any two are looked at."""
        return np.zeros(self.n, int), np.zeros(len(self.tested), int)

    def trials(self, seed, t):
        masks = self.design.subsets(seed, np.arange(t), self.n)
        rng = np.random.default_rng([seed, 7])
        good = np.where(rng.random((t, 1)) < 0.5, *self.guesses)
        held = np.zeros((t, self.cluster.max() + 2), int)
        for c in range(held.shape[1] - 1):
            held[:, c] = masks[:, self.cluster == c].sum(1)
        train, test = (held[:, at] > 0 for at in (self.cluster, self.tested))
        train = train | (rng.random(train.shape) < good)
        test = test | (rng.random(test.shape) < good)
        return Trials.of(masks, train, test, design=self.design)

    def none(self, c, n, m):
        """The chance that m of n (or as many by coins) are none of c, which may be no subset of any."""
        c, n, m = np.broadcast_arrays(*(np.asarray(v, float) for v in (c, n, m)))
        if not isinstance(self.design, Fixed):
            return (1 - self.design.inclusion(self.n)) ** c
        with np.errstate(invalid="ignore"):
            log = gammaln(n - c + 1) - gammaln(n - c - m + 1) - gammaln(n + 1) + gammaln(n - m + 1)
        return np.where(n - c < m, 0.0, np.exp(np.nan_to_num(log)))

    @property
    def wrong(self):
        return 1 - np.mean(self.guesses)

    @property
    def influence(self):
        """(n, n_test)."""
        m = self.n * self.design.inclusion(self.n)
        size = np.append(np.bincount(self.cluster), 0)[self.tested]
        own = self.cluster[:, None] == self.tested
        out = self.none(size - own, self.n - 1, m)
        inside = np.where(own, 0.0, self.none(size, self.n - 1, m - 1))
        return self.wrong * (out - inside)

    @property
    def memorization(self):
        m = self.n * self.design.inclusion(self.n)
        return self.wrong * self.none(np.bincount(self.cluster)[self.cluster] - 1, self.n - 1, m)

    @property
    def taught(self):
        """(n, n): of one training example on another, among models that did not train on the other."""
        m = self.n * self.design.inclusion(self.n)
        others = (np.bincount(self.cluster)[self.cluster] - 1)[None, :]
        own = self.cluster[:, None] == self.cluster
        out = self.none(others - own, self.n - 2, m)
        inside = np.where(own, 0.0, self.none(others, self.n - 2, m - 1))
        return self.wrong * (out - inside) * ~np.eye(self.n, dtype=bool)
