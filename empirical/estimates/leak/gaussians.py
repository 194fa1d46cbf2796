"""Two Gaussians an example, fitted to the margins of models that trained on it and of those that did not; and each model
attacked by what the others say, without fitting anything again.

Of n scores with mean μ and Σ(s − μ)² = Q, what is left without one of them, s, is (Welford, Technometrics 4, 1962)

    μ' = μ − (s − μ)/(n − 1),    Q' = Q − (s − μ)² n/(n − 1),    σ'² = Q'/(n − 2),

so a model costs O(n) to be taken out, all of them O(models × n). A pooled variance is ΣQ'/Σ(n − 1) over all examples, the
model taken out of each. Where a variance is nothing (margins that take a few values only) it is taken as 10⁻⁶ of that of all
margins, which knows nothing of who trained on what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.training.trials import Trials
from longtail.core import ArgumentError, Bools, Floats

FEWEST = 3  # models in, and out: without one of them there are two left, which have a variance
FLOOR = 1e-6  # of the variance of all margins
CELLS = 2**18  # scores a block: a few megabytes, whatever the run
Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Gaussians:
    """By example: models, mean and Σ(s − mean)², in and out; ``known`` where there are ``FEWEST`` of both.

    >>> masks = np.array([[1], [1], [1], [0], [0], [0]])
    >>> found = gaussians(Trials.of(masks, [[3.0], [4.0], [5.0], [-1.0], [0.0], [1.0]], masks * 1.0, score="margin"))
    >>> found.separation.tolist(), found.known.tolist()
    ([4.0], [True])
    """

    n_in: Floats = field(repr=False)
    n_out: Floats = field(repr=False)
    in_mean: Floats = field(repr=False)
    out_mean: Floats = field(repr=False)
    in_square: Floats = field(repr=False)
    out_square: Floats = field(repr=False)
    floor: float

    @property
    def known(self) -> Bools:
        """Which examples can be attacked."""
        return np.asarray((self.n_in >= FEWEST) & (self.n_out >= FEWEST))

    @property
    def separation(self) -> Floats:
        """d = (μ_in − μ_out)/σ by the mean of both variances; NaN where not known."""
        with np.errstate(invalid="ignore", divide="ignore"):
            variances = (self.in_square / (self.n_in - 1) + self.out_square / (self.n_out - 1)) / 2
            d = (self.in_mean - self.out_mean) / np.sqrt(np.maximum(variances, self.floor))
        return np.where(self.known, d, np.nan)

    def ratios(self, attack: str, scores: Floats32, masks: NDArray[np.uint8], *, held: bool = True) -> Floats32:
        """Λ of some models on every example, or the score that stands for it; 0 where not known.

        ``held``: these models are among those fitted, and each is attacked by the others.
        """
        from empirical.estimates.leak import gaussians_cpu

        if attack == "margin":
            return np.where(self.known, scores, np.float32(0))
        out = np.empty(scores.shape, np.float32)
        means = (self.n_in, self.n_out, self.in_mean, self.out_mean)
        if attack == "own":
            gaussians_cpu.own(scores, masks, *means, self.in_square, self.out_square, self.known, self.floor, held, out)
            return out
        gaussians_cpu.pooled(scores, masks, *means, *self._pooled(scores, masks, held), self.known, held, out)
        return out

    def _pooled(self, scores: Floats32, masks: NDArray[np.uint8], held: bool) -> tuple[Floats, Floats]:
        """The pooled variances, in and out, as each of these models is attacked by them."""
        from empirical.estimates.leak import gaussians_cpu

        left, known = np.zeros((len(scores), 4)), self.known
        if held:
            gaussians_cpu.removed(scores, masks, self.n_in, self.n_out, self.in_mean, self.out_mean, known, left)
        a, b = (square[known].sum() - left[:, j] for square, j in ((self.in_square, 0), (self.out_square, 2)))
        m, n = ((count[known] - 1).sum() - left[:, j] for count, j in ((self.n_in, 1), (self.n_out, 3)))
        return np.maximum(a / np.maximum(m, 1), self.floor), np.maximum(b / np.maximum(n, 1), self.floor)


def gaussians(trials: Trials) -> Gaussians:
    """Those of all examples; an ArgumentError where the trials are no margins.

    >>> masks = np.array([[1], [1], [1], [0], [0], [0]])
    >>> found = gaussians(Trials.of(masks, [[3.0], [4.0], [5.0], [-1.0], [0.0], [1.0]], masks * 1.0, score="margin"))
    >>> found.in_mean.tolist(), found.out_mean.tolist()
    ([4.0], [0.0])
    """
    from empirical.estimates.leak import gaussians_cpu

    if trials.score != "margin":
        remedy = "the attack reads margins: estimate it again with --score margin"
        raise ArgumentError("score", trials.score, remedy)
    shift = trials.train[0].astype(float) if trials.count else np.zeros(trials.n)
    n_in, in_sum, in_square, out_sum, out_square = np.zeros((5, trials.n))
    for _, scores, masks in blocks(trials):
        gaussians_cpu.sums(scores, masks, shift, n_in, in_sum, in_square, out_sum, out_square)
    n_out, every = trials.count - n_in, in_sum + out_sum
    means = shift + every / max(trials.count, 1)
    spread = float((in_square + out_square - every * every / max(trials.count, 1)).mean()) / max(trials.count, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        in_mean, out_mean = in_sum / n_in, out_sum / n_out
        squares = np.maximum(in_square - in_sum * in_mean, 0), np.maximum(out_square - out_sum * out_mean, 0)
    floor = max(FLOOR * (spread + float(means.var())), float(np.finfo(np.float32).tiny))
    return Gaussians(n_in, n_out, shift + in_mean, shift + out_mean, *squares, floor)


def blocks(trials: Trials) -> Iterator[tuple[slice, Floats32, NDArray[np.uint8]]]:
    """Some models at a time: which, their scores on training examples and their masks.

    >>> trials = Trials.of([[1, 0], [0, 1]], [[1.0, 2.0], [3.0, 4.0]], [[0.0], [0.0]], score="margin")
    >>> [(rows, scores.tolist(), masks.tolist()) for rows, scores, masks in blocks(trials)]
    [(slice(0, 2, None), [[1.0, 2.0], [3.0, 4.0]], [[1, 0], [0, 1]])]
    """
    step = max(CELLS // max(trials.n, 1), 1)
    for start in range(0, trials.count, step):
        rows = slice(start, min(start + step, trials.count))
        scores: Any = np.ascontiguousarray(trials.train[rows], np.float32)
        yield rows, scores, np.unpackbits(trials.inside[rows], axis=1, count=trials.n)
