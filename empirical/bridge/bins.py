"""Estimated memorization by bins: the law of a bin under a prior and a coupling, and how a deviation from it is judged.

    P_b = Σ_c w_c ∫∫ Pr[estimate in b | mem = u (1 − rλ)^{c−1}] dF(λ) dG(u)

with w_c the share of examples that have c copies, exactly (``longtail.experiment.occupancy``), F the law of λ, G that of what
memorization can be at the most (1 − 1/K where every guess is a fresh one: ``longtail.experiment.coupling``). The law of an
estimate given the truth, and r, are the estimator's own (``longtail.experiment.noise``).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from longtail.core import Floats, Prior, Problem, compressed
from longtail.counts.bins import EXPECTED, Goodness
from longtail.experiment.coupling import Coupling, Fixed
from longtail.experiment.noise import Noise
from longtail.experiment.occupancy import smooth

EDGES = np.linspace(0.05, 0.95, 19)
CELLS = 600  # of what true memorization is of its most, in a data set that is drawn
TIE = 1e-9  # an estimate may be a fraction, and where it is an edge, rounding shall not say on which side it lies
LAW = 7  # steps of λ to the widest standard deviation of an estimate
MOST = 3000  # copies told apart
SURE = 1e-12  # chance of the rest, below which an estimate is in the lowest bin for sure


def probabilities(problem: Problem, coupling: Coupling, noise: Noise) -> Floats:
    """P_b."""
    seen = smooth(problem)
    tops, guessed = coupling.guesses(problem.n_classes)
    lam, weight = coupling.nodes(int(np.clip(LAW * noise.sharpness, 200, 4000)))
    chances = _chances(noise, tuple(tops), tuple(seen.copies[1:]), tuple(lam))
    return np.asarray(guessed @ (chances @ weight @ seen.examples[1:]))


@lru_cache(maxsize=8)  # laws of λ differ in the weights of its values only
def _chances(
    noise: Noise, tops: tuple[float, ...], copies: tuple[float, ...], lam: tuple[float, ...]
) -> NDArray[np.float64]:
    """Pr[estimate in bin], tops × bins × copies × λ."""
    relative = (1 - noise.fraction * np.array(lam)) ** (np.array(copies)[:, None] - 1)
    return np.stack([noise.chances(EDGES, top * relative.ravel()).reshape(-1, *relative.shape) for top in tops])


def drawn(problem: Problem, coupling: Coupling, noise: Noise, count: int, rng: np.random.Generator) -> Floats:
    """Histograms of ``count`` data sets from the model: T, counts, λ and guesses drawn for each. Examples that share their
    true memorization fall into bins together; of a law of λ, it is moved to one of the two ends of its cell, right on average.
    """
    tops, guessed = coupling.guesses(problem.n_classes)
    if isinstance(coupling, Fixed):
        relative = (1 - noise.fraction * coupling.mean) ** np.arange(float(MOST))
        lowest = noise.chances(EDGES, tops[-1] * relative)[0]
        relative = relative[: int((lowest < 1 - SURE).sum()) + 1]  # from there on it makes no difference how many
    else:
        relative = np.linspace(0, 1, CELLS + 1)
    chances = np.concatenate([noise.chances(EDGES, top * relative).T for top in tops])
    out = np.empty((count, len(EDGES) + 1))
    for row in out:
        counts = seen(problem.prior, problem.n, rng)
        if isinstance(coupling, Fixed):
            place = np.minimum(counts, len(relative)) - 1
        else:
            at = CELLS * (1 - noise.fraction * coupling.sample(rng, len(counts))) ** (counts - 1)
            place = (at + rng.random(len(counts))).astype(np.int64)
        if len(tops) > 1:
            which = np.searchsorted(guessed.cumsum(), rng.random(len(counts)))
            place += len(relative) * np.minimum(which, len(tops) - 1)
        number = np.bincount(place, weights=counts).astype(int)
        some = np.flatnonzero(number)
        row[:] = rng.multinomial(number[some], chances[some]).sum(0)
    return out


def seen(prior: Prior, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts of the subpopulations that n samples from the model meet.

    Of more subpopulations than samples few are met. They are drawn by nodes of the list instead, which make the same law of a
    count (``longtail.counts.law``) and so the same data sets: how many subpopulations a node stands for, how many samples
    fall to it, and to which of its subpopulations each.
    """
    if prior.size <= n:
        frequency = prior.sample(rng, (prior.size,))
        counts = rng.multinomial(n, frequency / frequency.sum())
        return counts[counts > 0]
    nodes = compressed(prior)
    number = rng.multinomial(prior.size, nodes.count / nodes.count.sum())
    mass = number * np.exp(nodes.log_value - nodes.log_value.max())
    samples = rng.multinomial(n, mass / mass.sum())
    which = np.repeat(np.cumsum(number) - number, samples)
    which += (rng.random(n) * np.repeat(number, samples)).astype(np.int64)
    which.sort()
    return np.diff(np.flatnonzero(np.diff(which, append=-1)), prepend=-1)


def histogram(values: Floats) -> Floats:
    return np.bincount(np.searchsorted(EDGES - TIE, values, side="right"), minlength=len(EDGES) + 1).astype(float)


def goodness(own: Floats, simulated: Floats, slope: Floats, solved: Floats, expected: Floats) -> Goodness:
    """Hotelling's T² of the observed residuals among the simulated ones, each after what fitting takes out of it.

    Bins that expect fewer than five examples are joined to a neighbor. Where examples come in clusters some directions vary far
    more than others: the simulated covariance, not Pearson's, says how much each deviation counts. And a large cluster makes
    tails that no F has: the p-value is the share of simulated data sets that are as far from the others, the F's beyond them.
    """
    edges = [0]
    total = 0.0
    for b, e in enumerate(expected):
        total += e
        if total >= EXPECTED and expected[b + 1 :].sum() >= EXPECTED:
            edges.append(b + 1)
            total = 0.0
    if len(edges) == 1:  # everything is in one bin, whatever the model
        return Goodness(0.0, 0, np.nan)
    root = np.sqrt(expected)

    def joined(residual: Floats) -> Floats:
        """Residuals of the joined bins, once the fit has followed what it can."""
        left = residual - residual @ solved.T @ slope.T
        return np.asarray(np.add.reduceat(left * root, edges, axis=-1) / np.sqrt(np.add.reduceat(expected, edges)))

    law, point = joined(simulated), joined(own)
    count = len(law)
    center = law.mean(0)
    value, direction = np.linalg.eigh(np.cov(law, rowvar=False))
    kept = np.arange(len(value)) >= len(value) - min(len(edges) - 1 - slope.shape[1], count // 3)
    kept &= value > 1e-8 * value.max()
    freedom = int(kept.sum())
    if freedom < 1:
        return Goodness(0.0, 0, np.nan)
    statistic = float((((point - center) @ direction[:, kept]) ** 2 / value[kept]).sum())
    ratio = statistic / (1 + 1 / count) * (count - freedom) / (freedom * (count - 1))
    p_value = float(stats.f.sf(ratio, freedom, count - freedom))
    # each simulated one's distance from the mean of the others, by their covariance (Sherman & Morrison 1950)
    own_share = (((law - center) @ direction[:, kept]) ** 2 / value[kept]).sum(1) * count / (count - 1) ** 2
    with np.errstate(divide="ignore"):
        apart = own_share / np.maximum(1 - own_share, 0.0) * (count - 2) * count / (count - 1)
    farther = int((apart >= statistic).sum())
    rank = (farther + 1) / (count + 1)
    return Goodness(statistic, freedom, rank if farther else min(rank, p_value))
