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

from empirical.bridge.beside import Beside
from longtail.core import Floats, Prior, Problem, compressed
from longtail.counts.bins import EXPECTED, Goodness
from longtail.experiment.coupling import Coupling, Fixed
from longtail.experiment.laid import laid
from longtail.experiment.members import members
from longtail.experiment.noise import Noise
from longtail.experiment.occupancy import DENSE, smooth
from longtail.experiment.predictions import untaught

EDGES = np.linspace(0.05, 0.95, 19)
CELLS = 600  # of what true memorization is of its most, in a data set that is drawn
TIE = 1e-9  # an estimate may be a fraction, and where it is an edge, rounding shall not say on which side it lies
WIDE = 60  # of λ where u has a law, which blurs what λ makes of memorization
LAW = 7  # steps of λ to the widest standard deviation of an estimate
MOST = 3000  # copies told apart
SURE = 1e-12  # chance of the rest, below which an estimate is in the lowest bin for sure


def probabilities(problem: Problem, coupling: Coupling, noise: Noise) -> Floats:
    """P_b: the chance that an estimate lies in each bin, those between ``EDGES`` and the two beyond.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Zipf
    >>> p = probabilities(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), SubsetNoise(models=1000))
    >>> len(p), round(float(p.sum()), 9), round(float(p[-3:].sum()), 3)  # the last: those that are alone, with memorization .9
    (20, 1.0, 0.244)
    """
    if coupling.difficulty is not None or coupling.dust or coupling.apart:
        return _wide(problem, coupling, noise)
    seen = smooth(problem)
    tops, guessed = coupling.guesses(problem.n_classes)
    lam, weight = coupling.nodes(int(np.clip(LAW * noise.sharpness, 200, 4000)))
    chances = _chances(noise, tuple(tops), tuple(seen.copies[1:]), tuple(lam))
    return np.asarray(guessed @ (chances @ weight @ seen.examples[1:]))


def _wide(problem: Problem, coupling: Coupling, noise: Noise) -> Floats:
    """P_b where u has any law: true memorization, each value between the two nearest of some, and what is estimated there."""
    seen = smooth(problem, dust=coupling.dust)
    of = members(coupling, seen.copies[1:] - 1, noise.fraction, WIDE)
    left, share = untaught(of, seen.examples[1:], seen.dust)
    tops, guessed = coupling.guesses(problem.n_classes)
    at = laid(tops, CELLS * left, np.multiply.outer(guessed, np.maximum(share, 0.0)), CELLS)
    return np.asarray(_at_cells(noise) @ at)


@lru_cache(maxsize=8)
def _at_cells(noise: Noise) -> Floats:
    return noise.chances(EDGES, np.linspace(0, 1, CELLS + 1))


@lru_cache(maxsize=8)  # laws of λ differ in the weights of its values only
def _chances(
    noise: Noise, tops: tuple[float, ...], copies: tuple[float, ...], lam: tuple[float, ...]
) -> NDArray[np.float64]:
    """Pr[estimate in bin], tops × bins × copies × λ."""
    relative = (1 - noise.fraction * np.array(lam)) ** (np.array(copies)[:, None] - 1)
    return np.stack([noise.chances(EDGES, top * relative.ravel()).reshape(-1, *relative.shape) for top in tops])


def drawn(
    problem: Problem,
    coupling: Coupling,
    noise: Noise,
    count: int,
    rng: np.random.Generator,
    beside: Beside | None = None,
) -> Floats:
    """Histograms of ``count`` data sets from the model, and what is seen ``beside``: T, counts, λ and guesses drawn for each.

    Examples that share their true memorization fall into bins together; of a law of λ, it is moved to one of the two ends of its
    cell, right on average.

    >>> from empirical.estimates.noise import SubsetNoise
    >>> from longtail import Zipf
    >>> rng = np.random.default_rng(0)
    >>> found = drawn(Problem(Zipf(alpha=1, size=100), n=200), Fixed(1), SubsetNoise(models=1000), count=3, rng=rng)
    >>> found.shape, found.sum(axis=1).tolist()  # bins of three data sets of 200 examples
    ((3, 20), [200.0, 200.0, 200.0])
    """
    tops, guessed = coupling.guesses(problem.n_classes)
    if isinstance(coupling, Fixed) and not coupling.apart:
        relative = (1 - noise.fraction * coupling.mean) ** np.arange(float(MOST))
        lowest = noise.chances(EDGES, tops[-1] * relative)[0]
        relative = relative[: int((lowest < 1 - SURE).sum()) + 1]  # from there on it makes no difference how many
    else:
        relative = np.linspace(0, 1, CELLS + 1)
    lots = _Lots(coupling, noise.fraction, relative, guessed, tops)
    true = np.multiply.outer(tops, relative).ravel()
    chances = noise.chances(EDGES, true).T
    chosen = None if beside is None else beside.chances(true)
    told = np.empty(0) if beside is None or beside.paired is None else beside.predicted(problem, coupling)
    out = []
    for _ in range(count):
        dust = rng.binomial(problem.n, coupling.dust) if coupling.dust else 0
        counts, mass = seen(problem.prior, problem.n - dust, rng)
        which = lots.guesses(len(counts), rng)
        lam, typical = lots.strengths(len(counts), rng)
        owner, place, weight = lots.places(counts, lam, which, rng)
        alone = lots.guesses(dust, rng) * len(relative) + lots.once
        number = np.bincount(np.append(place, alone), np.append(weight, np.ones(dust)), len(true)).astype(int)
        some = np.flatnonzero(number)
        row = rng.multinomial(number[some], chances[some]).sum(0)
        if beside is not None and chosen is not None:
            known = (1 - coupling.dust) * mass
            untold = coupling.wrong(problem.n_classes) * (1 - float(known.sum()))
            wrong = known * coupling.typical(problem.n_classes, tops[which])
            errors = [untold + float(wrong @ (1 - f * typical) ** counts) for f in beside.fractions]
            each = wrong * typical * (1 - noise.fraction * typical) ** (counts - 1)
            carried = chosen @ np.bincount(place, weight * each[owner], len(true))
            row = np.append(row, beside.seen(np.array(errors), chosen @ number / problem.n, carried, told, rng))
        out.append(row)
    return np.array(out, float)


class _Lots:
    """What is drawn for every subpopulation and example, and the cell of its true memorization."""

    def __init__(self, coupling: Coupling, fraction: float, relative: Floats, guessed: Floats, tops: Floats) -> None:
        self.coupling, self.fraction, self.relative = coupling, fraction, relative
        self.guessed, self.tops = guessed, tops
        common = isinstance(coupling, Fixed) and not coupling.apart
        self.lookup, self.once = common, 0 if common else CELLS  # the cell of an example that nobody else teaches
        if coupling.apart:
            steps = np.unique(np.round(np.geomspace(1, MOST, 150)))
            self.copies = np.union1d(np.arange(1.0, DENSE + 1), steps)
            of = members(coupling, self.copies - 1, fraction, CELLS)
            self.left, self.mean, self.weight = np.append(of.left, 0.0), of.mean, of.weight.cumsum()
            rows = np.minimum(of.law.cumsum(2), 1.0).reshape(-1, of.law.shape[2])
            self.laws = (rows + np.arange(len(rows))[:, None]).ravel()  # one after the other, to be searched at once

    def strengths(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """λ of subpopulations, or which of its values where it is not all; and E λ of a pair given it."""
        if not self.coupling.apart:
            lam = self.coupling.sample(rng, count)
            return lam, lam
        if len(self.mean) == 1:
            return np.zeros(count), np.full(count, self.mean[0])
        which = np.minimum(np.searchsorted(self.weight, rng.random(count)), len(self.mean) - 1)
        return which.astype(float), self.mean[which]

    def guesses(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Which of the values that u has."""
        if len(self.tops) == 1:
            return np.zeros(count, np.int64)
        return np.minimum(np.searchsorted(self.guessed.cumsum(), rng.random(count)), len(self.tops) - 1)

    def places(
        self, counts: NDArray[np.int64], lam: Floats, which: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Cells, the subpopulation that each is of, and how many examples."""
        owner = np.arange(len(counts))
        if self.coupling.own or self.coupling.apart:
            owner = np.repeat(owner, counts)
            which = which[owner]
        if self.coupling.own:
            lone = rng.random(len(owner)) < self.coupling.own
            which = np.where(lone, self.guesses(len(owner), rng), which)
        if self.coupling.apart:
            value, index = np.unique(counts, return_inverse=True)
            near = np.abs(np.log(value)[:, None] - np.log(self.copies)).argmin(1)[index]
            row = (near * len(self.mean) + lam.astype(np.int64))[owner]
            found = np.searchsorted(self.laws, row + rng.random(len(owner))) - row * (len(self.left) - 1)
            at = self.left[np.clip(found, 0, len(self.left) - 1)]
            cell = (CELLS * at + rng.random(len(owner))).astype(np.int64)
            return owner, cell + len(self.relative) * which, np.ones(len(owner))
        if self.lookup:
            cell = np.minimum(counts, len(self.relative)) - 1
        else:
            cell = (CELLS * (1 - self.fraction * lam) ** (counts - 1) + rng.random(len(counts))).astype(np.int64)
        if self.coupling.own:
            return owner, cell[owner] + len(self.relative) * which, np.ones(len(owner))
        return owner, cell + len(self.relative) * which, counts.astype(float)


def seen(prior: Prior, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], Floats]:
    """Counts of the subpopulations that n samples from the model meet, and their masses.

    Of more subpopulations than samples few are met. They are drawn by nodes of the list instead, which make the same law of a
    count (``longtail.counts.law``) and so the same data sets: how many subpopulations a node stands for, how many samples
    fall to it, and to which of its subpopulations each.

    >>> from longtail import Zipf
    >>> counts, mass = seen(Zipf(alpha=1, size=1000), n=100, rng=np.random.default_rng(0))
    >>> int(counts.sum()), bool((counts > 0).all()), bool(0 < mass.sum() < 1)
    (100, True, True)
    """
    if prior.size <= n:
        frequency = prior.sample(rng, (prior.size,))
        mass = frequency / frequency.sum()
        counts = rng.multinomial(n, mass)
        return counts[counts > 0], mass[counts > 0]
    nodes = compressed(prior)
    number = rng.multinomial(prior.size, nodes.count / nodes.count.sum())
    value = np.exp(nodes.log_value - nodes.log_value.max())
    mass = number * value
    samples = rng.multinomial(n, mass / mass.sum())
    which = np.repeat(np.cumsum(number) - number, samples)
    which += (rng.random(n) * np.repeat(number, samples)).astype(np.int64)
    which.sort()
    last = np.flatnonzero(np.diff(which, append=-1))
    node = np.searchsorted(np.cumsum(number), which[last], side="right")
    return np.diff(last, prepend=-1), value[node] / mass.sum()


def histogram(values: Floats) -> Floats:
    """How many estimates lie in each bin, those between ``EDGES`` and the two beyond.

    >>> counts = histogram(np.array([0.0, 0.04, 0.15, 0.99]))
    >>> np.flatnonzero(counts).tolist(), counts[counts > 0].tolist()  # an estimate at an edge, here .15, lies above it
    ([0, 3, 19], [2.0, 1.0, 1.0])
    """
    return np.bincount(np.searchsorted(EDGES - TIE, values, side="right"), minlength=len(EDGES) + 1).astype(float)


def joined(expected: Floats) -> NDArray[np.int64]:
    """Where bins start that expect five examples at least, each joined to those after it.

    >>> joined(np.array([90.0, 3.0, 2.0, 8.0, 1.0])).tolist()  # 90 | 3 + 2 | 8 + 1
    [0, 1, 3]
    """
    starts, total = [0], 0.0
    for b, e in enumerate(expected):
        total += e
        if total >= EXPECTED and expected[b + 1 :].sum() >= EXPECTED:
            starts.append(b + 1)
            total = 0.0
    return np.array(starts, np.int64)


def goodness(own: Floats, simulated: Floats, slope: Floats, solved: Floats, expected: Floats) -> Goodness:
    """Hotelling's T² of the observed residuals (``own``) among the ``simulated`` ones, (data sets, residuals), each after what
    fitting takes out of it: ``slope`` is that of residuals by parameters, ``solved`` the parameters' by residuals.

    Bins that expect fewer than five examples are joined to a neighbor. Where examples come in clusters some directions vary far
    more than others: the simulated covariance, not Pearson's, says how much each deviation counts. And a large cluster makes
    tails that no F has: the p-value is the share of simulated data sets that are as far from the others, the F's beyond them.

    >>> rng = np.random.default_rng(0)
    >>> simulated = rng.normal(size=(60, 4))  # residuals of 60 data sets in four bins, and nothing that a fit has taken out
    >>> nothing = np.zeros((4, 0)), np.zeros((0, 4)), np.full(4, 50.0)
    >>> near, far = goodness(np.zeros(4), simulated, *nothing), goodness(np.full(4, 3.0), simulated, *nothing)
    >>> near.p_value > 0.9, far.p_value < 0.01
    (True, True)
    """
    edges = joined(expected)
    if len(edges) == 1:  # everything is in one bin, whatever the model
        return Goodness(0.0, 0, np.nan)
    root = np.sqrt(expected)

    def unfollowed(residual: Floats) -> Floats:
        """Residuals of the joined bins, once the fit has followed what it can."""
        left = residual - residual @ solved.T @ slope.T
        return np.asarray(np.add.reduceat(left * root, edges, axis=-1) / np.sqrt(np.add.reduceat(expected, edges)))

    law, point = unfollowed(simulated), unfollowed(own)
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
