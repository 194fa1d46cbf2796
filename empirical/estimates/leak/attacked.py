"""Two passes over all models: how many have each score, and what each model's guesses come to at the thresholds so found.

Errors are over models, for a model's guesses on its many examples depend on each other. With TPR = Σ_k a_k / M at the rate
α = Σ_k b_k / N, of model k's M_k members and N_k others, and the curve's slope λ there, model k moves the rate by its guesses
(g_k), and by being one of those that the others' Gaussians are fitted to (r_k, ``influence``):

    g_k = (a_k − TPR·M_k)/M − λ (b_k − α N_k)/N,    stderr² = t/(t − 1) (Σ_k (g_k − ḡ)² + max(Σ_k (g_k − ḡ) r_k, 0)).

For let model l, by being fitted to, move the rate by ψ_kl through the guesses of model k, g_k = Σ_l ψ_kl and r_k = Σ_l ψ_lk.
Where nothing leaks, guesses by any given Gaussians move the rate by nothing on average, so that parts of different pairs are
uncorrelated and the variance is Σ_kl ψ_kl (ψ_kl + ψ_lk), the mean of Σ g_k (g_k + r_k): twice Σ g² for rates, three times it
for risks. Where much leaks, the attack by the true Gaussians is the best one: no change of the score changes the rate, and Σ g r
is nothing beside Σ g². Of margins far from Gaussian there is a better attack, r_k matters to first order, and errors are too
small yet, of exponential margins by a fifth. Errors of ``caught``, and of one example's risk, are without r.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from empirical.estimates.leak import ATTACKS, RATES
from empirical.estimates.leak.curve import Counts, Keys, keys
from empirical.estimates.leak.gaussians import Floats32, Gaussians, blocks
from empirical.estimates.leak.influence import Influence
from empirical.training.trials import Trials
from longtail.core import Bools, Floats, Integers

Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Attacked:
    """Trials under attack; only examples with models enough of both kinds are (``at``).

    >>> rng = np.random.default_rng(0)
    >>> masks = rng.random((40, 6)) < 0.5
    >>> trials = Trials.of(masks, rng.normal(size=(40, 6)) + 3.0 * masks, masks[:, :1] * 1.0, score="margin")
    >>> from empirical.estimates.leak.gaussians import gaussians
    >>> counts, inside, total = Attacked(trials, gaussians(trials)).counted("pooled")
    >>> bool((inside / masks.sum(0)).mean() > 0.8), counts["pooled"].area > 0.9
    (True, True)
    """

    trials: Trials
    fitted: Gaussians
    told: Told = field(default=lambda done, models: None, repr=False)

    @property
    def at(self) -> Integers:
        """The examples that are attacked."""
        return np.flatnonzero(self.fitted.known)

    def _scored(self, attacks: tuple[str, ...]) -> Iterator[tuple[slice, Floats32, Bools, dict[str, Floats32]]]:
        """Some models at a time: which, margins of the attacked and who of them was in, and the scores by attack."""
        at: slice | Integers = slice(None) if self.fitted.known.all() else self.at
        for rows, scores, masks in blocks(self.trials):
            ratios = {name: self.fitted.ratios(name, scores, masks)[:, at] for name in attacks}
            yield rows, scores[:, at], masks[:, at].view(bool), ratios
            self.told(rows.stop - rows.start, self.trials.count)

    def counted(self, attack: str) -> tuple[dict[str, Counts], Floats, Floats]:
        """Counts by attack; and by attacked example how often Λ > 0 by ``attack`` of models trained on it, and of all."""
        found, (inside, total) = {name: Counts() for name in ATTACKS}, np.zeros((2, len(self.at)))
        for _, _, members, ratios in self._scored(ATTACKS):
            for name, ratio in ratios.items():
                found[name].count(keys(ratio), members)
            hits = ratios[attack] > 0
            inside += (hits & members).sum(0)
            total += hits.sum(0)
        return found, inside, total

    def moved(self, counts: dict[str, Counts], attack: str, bins: NDArray[np.bool_]) -> Moved:
        """By model what its guesses come to; ``bins`` (attacked, bins) are groups of examples."""
        from empirical.estimates.leak import curve_cpu

        t, groups = self.trials.count, bins.astype(np.float32)
        rates = {name: np.zeros((t, len(RATES), 2)) for name in counts}
        areas = {name: np.zeros((t, 2)) for name in counts}
        caught = np.zeros(len(self.at))
        sizes, grouped = np.zeros((t, 2)), np.zeros((t, bins.shape[1], 4))
        placed = {name: one.placed for name, one in counts.items()}
        thresholds = {name: [one.threshold(rate) for rate in RATES] for name, one in counts.items()}
        others = {name: Influence.of(name, self.fitted, self.at, counts[name]) for name in counts if name != "margin"}
        for rows, scores, members, ratios in self._scored(tuple(counts)):
            sizes[rows] = np.stack([members.sum(1), (~members).sum(1)], 1)
            for name, ratio in ratios.items():
                key, found = keys(ratio), np.zeros(len(self.at))
                line = (np.array(side) for side in zip(*thresholds[name], strict=True))
                curve_cpu.tally(key, members, *line, *placed[name], rates[name][rows], areas[name][rows], found)
                caught += found if name == attack else 0
                if name in others:
                    others[name].lean(key, scores, members.view(np.uint8))
            hits = ratios[attack] > 0
            guesses = above(keys(ratios[attack]), *thresholds[attack][-1])
            parts = (hits & members, hits & ~members, guesses * members, members)
            grouped[rows] = np.stack([part.astype(np.float32) @ groups for part in parts], 2)
        return Moved(
            sizes, rates, areas, grouped, caught, {name: self._moves(one.by(bins)) for name, one in others.items()}
        )

    def _moves(self, influence: Influence) -> Floats:
        """r of every model."""
        every = self.fitted.known.all()
        parts = [
            influence.moves(*((s, m) if every else (s[:, self.at], m[:, self.at]))) for _, s, m in blocks(self.trials)
        ]
        return np.concatenate(parts)


@dataclass(frozen=True)
class Moved:
    """By model: ``sizes`` (t, 2) its members and others; by attack ``rates`` (t, rates, 2), of these said to be members, and
    ``areas`` (t, 2), their summed places; by bin ``grouped`` (t, bins, 4): members and others with Λ > 0, members caught at the
    least rate, members. ``caught`` counts the models that trained on an example and are caught so.

    >>> from empirical.estimates.leak.gaussians import gaussians
    >>> rng = np.random.default_rng(0)
    >>> masks = rng.random((40, 6)) < 0.5
    >>> trials = Trials.of(masks, rng.normal(size=(40, 6)) + 3.0 * masks, masks[:, :1] * 1.0, score="margin")
    >>> attacked = Attacked(trials, gaussians(trials))
    >>> moved = attacked.moved(attacked.counted("pooled")[0], "pooled", np.ones((6, 1), bool))
    >>> moved.sizes[0].tolist() == [masks[0].sum(), 6 - masks[0].sum()], 0 < moved.area_stderr("margin", 0.9) < 0.1
    (True, True)
    """

    sizes: Floats = field(repr=False)
    rates: dict[str, Floats] = field(repr=False)
    areas: dict[str, Floats] = field(repr=False)
    grouped: Floats = field(repr=False)
    caught: Floats = field(repr=False)
    others: dict[str, Floats] = field(repr=False)

    def rate_stderr(self, attack: str, j: int, true: float, false: float, slope: float) -> float:
        """Of a true-positive rate at a false-positive one."""
        (a, b), (m, n) = self.rates[attack][:, j].T, self.sizes.T
        g = (a - true * m) / m.sum() - slope * (b - false * n) / n.sum()
        return over_models(g, self.others[attack][:, j] if attack in self.others else 0.0)

    def risk_stderr(self, attack: str, j: int, size: int) -> float:
        """Of the risk of a bin of examples."""
        a, b, _, m = self.grouped[:, j].T
        n = size - m
        g = (a - a.sum() / m.sum() * m) / m.sum() - (b - b.sum() / n.sum() * n) / n.sum()
        return over_models(g, self.others[attack][:, len(RATES) + 1 + j])

    def area_stderr(self, attack: str, area: float) -> float:
        """Of the area below the curve."""
        (a, b), (m, n) = self.areas[attack].T, self.sizes.T
        g = (a - area * m) / m.sum() + (b - area * n) / n.sum()
        return over_models(g, self.others[attack][:, len(RATES)] if attack in self.others else 0.0)


def above(key: Keys, threshold: int, share: float) -> NDArray[np.float32]:
    """1 above a threshold, ``share`` on it.

    >>> above(np.array([1, 2, 3]), threshold=2, share=0.25).tolist()
    [0.0, 0.25, 1.0]
    """
    return np.asarray((key > threshold) + np.float32(share) * (key == threshold))


def over_models(moves: Floats, others: Floats | float = 0.0) -> float:
    """√(t/(t − 1) Σ (g − ḡ)(g − ḡ + r)), no less than it is without r.

    >>> round(over_models(np.array([0.1, -0.1, 0.0])), 3)
    0.173
    """
    t = len(moves)
    if t < 2:
        return float("nan")
    g = moves - moves.mean()
    return float(np.sqrt(t / (t - 1) * ((g * g).sum() + max(float((g * others).sum()), 0.0))))
