"""The least ε that the attack proves: of a private learner it must lie below what its accountant says.

One half of the models says how to guess, the other half is guessed once. Who is in a model is a coin toss for each *canary*:

- Bernoulli subsets: a (model, example) is kept with the chance that makes in and out equally likely (always if it is of the
  rarer kind); the guess is Λ > 0, and learners are compared on a data set with and without the example: (ε, δ).
- Subsets of fixed size: two examples (of one class, where subsets are stratified) one of which is in; the guess is the one
  with the greater Λ. These data sets differ by a replacement, that is by two steps: (2ε, (1 + e^ε)δ).

If the learner is (ε, δ)-private then, of r guesses at m canaries, v or more are right with probability at most (Steinke, Nasr
and Jagielski, arXiv 2305.08846, theorem 5.2)

    β + 2mδ max_i (1/i) Pr[v − i ≤ W < v],    β = Pr[W ≥ v],  W ~ Binomial(r, e^ε/(1 + e^ε)),

whichever guesses are left out, and however dependent models and scores are. Changing a canary changes one model only, so many
models are one mechanism. The bound is the ε at which this is 1 − level: a one-sided confidence bound, exact in δ = 0 (Clopper
and Pearson). Which examples, and how surely, is guessed is chosen on the first half, so there is one test and no multiplicity.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import betainc

from empirical.designs import Bernoulli, Fixed
from empirical.estimates.leak.gaussians import Gaussians, blocks, gaussians
from empirical.training.trials import Trials
from longtail import philox
from longtail.core import Bools, Floats, Integers, real

DELTA = 1e-5
LEVEL = 0.95
MOST = 4096  # examples among which canaries are chosen
WIDTHS = (1, 10, 30, 100, 300, 1000)  # canaries a model that may be tried, the most separated first, beside all
SHARES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)  # of canaries that are guessed, the surest
CAREFUL = 0.999  # level at which the first half compares choices: it chose the examples too
LARGEST = 700.0  # an ε no e^ε overflows at


@dataclass(frozen=True)
class Audit:
    """``epsilon`` is the bound, for data sets with and without one example; ``right`` of ``guesses`` at ``canaries`` were.

    >>> Audit(1.5, 1e-5, 0.95, right=90, guesses=100, canaries=100, examples=1, neighbors="one more").record["epsilon"]
    1.5
    """

    epsilon: float
    delta: float
    level: float
    right: int
    guesses: int
    canaries: int
    examples: int
    neighbors: str

    @property
    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def audit(
    trials: Trials, attack: str, *, delta: float = DELTA, level: float = LEVEL, classes: Integers | None = None
) -> Audit | None:
    """The bound; None where it is not known how subsets were drawn, or half of the models are too few to learn from.

    ``classes`` are the labels of the training examples, which stratified subsets were drawn by.

    >>> rng = np.random.default_rng(0)
    >>> masks = Bernoulli(0.5).draw(0, np.arange(400), 10, None)
    >>> margins = rng.normal(size=(400, 10)) + 8.0 * masks
    >>> trials = Trials.of(masks, margins, margins[:, :1], score="margin", design=Bernoulli(0.5))
    >>> found = audit(trials, "own", delta=0.0)  # margins tell surely who was in
    >>> found.right == found.guesses, round(found.epsilon, 1)
    (True, 6.5)
    """
    real("delta", delta, 0, 1, open_high=True)
    real("level", level, 0, 1, open_low=True, open_high=True)
    design = trials.design
    if not isinstance(design, (Bernoulli, Fixed)) or (getattr(design, "stratified", False) and classes is None):
        return None
    half = gaussians(trials.take(slice(0, None, 2)))
    if not half.known.any():
        return None
    order = np.argsort(-np.abs(np.nan_to_num(half.separation)), kind="stable")[: min(int(half.known.sum()), MOST)]
    pairs = None
    if isinstance(design, Fixed):
        pairs = _pairs(order, classes if design.stratified else None)
        order, pairs = pairs.ravel(), np.arange(pairs.size).reshape(-1, 2)
    learned, guessed = (_columns(trials.take(slice(start, None, 2)), order) for start in (0, 1))
    fitted = gaussians(learned)
    canaries = _Canaries(fitted, attack, design.inclusion(trials.n), pairs)
    steps = 1 if pairs is None else 2
    width, share = _chosen(*canaries.guesses(learned, held=True), delta, steps)
    place, right = canaries.guesses(guessed, held=False)
    right = right[place < width]
    m = len(right)
    r = _guesses(m, share)
    v = int(right[:r].sum())
    epsilon = least_epsilon(m, r, v, delta, level, steps)
    return Audit(epsilon, delta, level, v, r, m, width * steps, "one more" if steps == 1 else "one replaced")


@dataclass(frozen=True)
class _Canaries:
    """Guesses by fitted Gaussians at single examples, or at ``pairs`` of columns."""

    fitted: Gaussians
    attack: str
    inclusion: float
    pairs: Integers | None

    def guesses(self, trials: Trials, *, held: bool) -> tuple[Integers, Bools]:
        """Of every canary in every model its place in the order of columns and whether the guess is right, the surest first."""
        masks = trials.masks()
        ratio = np.concatenate([self.fitted.ratios(self.attack, s, m, held=held) for _, s, m in blocks(trials)])
        if self.pairs is None:
            rarer = min(self.inclusion, 1 - self.inclusion)
            chance = np.where(masks, rarer / self.inclusion, rarer / (1 - self.inclusion))
            stream = philox.substream(philox.RESAMPLE, 2)
            kept = philox.uniforms(0, stream, trials.number, 0, trials.n) < chance
            inside = masks
        else:
            a, b = self.pairs.T
            ratio, inside = ratio[:, a] - ratio[:, b], masks[:, a]
            kept = inside != masks[:, b]
        surest = np.argsort(-np.abs(ratio[kept]), kind="stable")
        return np.nonzero(kept)[1][surest], ((ratio > 0)[kept] == inside[kept])[surest]


def _columns(trials: Trials, at: Integers) -> Trials:
    """The trials as if of these training examples only."""
    return replace(
        trials,
        n=len(at),
        inside=np.packbits(trials.masks()[:, at], axis=1),
        train=np.ascontiguousarray(trials.train[:, at]),
        earlier={},
    )


def _pairs(order: Integers, classes: Integers | None) -> Integers:
    """Neighbors in the order, of one class where there are classes; the first pair first."""
    groups = [order] if classes is None else [order[classes[order] == c] for c in np.unique(classes[order])]
    place = np.empty(order.max() + 1, np.int64)
    place[order] = np.arange(len(order))
    pairs = np.concatenate([g[: len(g) // 2 * 2].reshape(-1, 2) for g in groups])
    return pairs[np.argsort(place[pairs[:, 0]], kind="stable")]


def _chosen(place: Integers, right: Bools, delta: float, steps: int) -> tuple[int, float]:
    """How many canaries of the order, and which share of them guessed, prove most here, at the level ``CAREFUL``."""
    count = int(place.max()) + 1 if place.size else 0
    best, chosen = -1.0, (count, 1.0)
    for width in sorted({count, *(w for w in WIDTHS if w < count)}):
        upto = np.cumsum(right[place < width])
        for share in SHARES:
            r = _guesses(len(upto), share)
            proved = least_epsilon(len(upto), r, int(upto[r - 1]), delta, CAREFUL, steps, within=0.02) if r else 0.0
            if proved > best:
                best, chosen = proved, (width, share)
    return chosen


def _guesses(canaries: int, share: float) -> int:
    """How many of the canaries are guessed, whatever the scores."""
    return int(np.ceil(share * canaries))


def least_epsilon(
    canaries: int, guesses: int, right: int, delta: float, level: float = LEVEL, steps: int = 1, within: float = 1e-6
) -> float:
    """The ε, less ``within`` at most, at which so many right guesses have probability 1 − level; 0 where ε = 0 gives them more.

    >>> round(least_epsilon(1000, 1000, 1000, 0.0), 4)  # .05^(1/1000) = e^ε/(1 + e^ε)
    5.8091
    """
    if not right or chance(canaries, guesses, right, 0.0, delta, steps) > 1 - level:
        return 0.0
    low, high = 0.0, LARGEST
    while high - low > within:
        middle = min((low + high) / 2, 2 * low + 1)
        low, high = (
            (middle, high) if chance(canaries, guesses, right, middle, delta, steps) <= 1 - level else (low, middle)
        )
    return low


def chance(canaries: int, guesses: int, right: int, epsilon: float, delta: float, steps: int = 1) -> float:
    """The bound on the probability of so many right guesses, of an (ε, δ)-private learner.

    >>> round(chance(canaries=10, guesses=10, right=10, epsilon=0.0, delta=0.0), 6)  # ten coins
    0.000977
    """
    if steps == 2:
        epsilon, delta = 2 * epsilon, (1 + np.exp(min(epsilon, LARGEST))) * delta
    q = 1 / (1 + np.exp(-epsilon))
    beta = float(betainc(right, guesses - right + 1, q))
    if not delta:
        return beta
    i = _counts(right)
    reached = np.where(i == right, 1.0, betainc(np.maximum(right - i, 1), guesses - right + i + 1, q)) - beta
    return float(min(beta + 2 * canaries * delta * np.max(reached / np.append(1, i[:-1] + 1)), 1.0))


@lru_cache(maxsize=64)
def _counts(most: int) -> Floats:
    """1 to ``most``, above 100 in steps of 2 %: what is between two is bounded by the upper's sum over the lower's count."""
    wide = 100 * 1.02 ** np.arange(1 + max(np.log(most / 100) / np.log(1.02), 0))
    return np.unique(np.minimum(np.concatenate([np.arange(1.0, 101), np.round(wide), [most]]), most))
