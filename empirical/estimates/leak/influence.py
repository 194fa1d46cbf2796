"""What a model moves without guessing: it is among those by whose Gaussians all others are attacked.

Let T be a true-positive rate at a false-positive one, the area below the curve or a risk, and w(Λ, in or out) how much T grows
with one guess's Λ: for a rate f/M of M members and −λ f/N of N others, λ the curve's slope, f one over the width of a window of Λ
around the threshold and 0 outside; for a risk the same around 0 with λ = 1; for the area the density of others' Λ over M, and of
members' over −N. To first order model k moves T by

    r_k = Σ_i D_i · Δθ_ik,    D_i = Σ_l w(Λ_li) ∂Λ_li/∂θ_i,    θ_i = (μ_in, σ²_in, μ_out, σ²_out),

Δθ_ik being by how much the four numbers of example i are greater with it than without. So all r_k take two passes, one for D
and one for the products.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from empirical.estimates.leak import RATES
from empirical.estimates.leak.curve import KEYS, WINDOW, Counts, Keys, values
from empirical.estimates.leak.gaussians import Floats32, Gaussians
from longtail.core import ArgumentError, Bools, Floats, Integers

CELLS = 128  # of equally many scores, in each of which a density is its mean
NEAR = 0.1  # share of scores around 0 by which their density there is told


@dataclass(frozen=True)
class Influence:
    """Of one attack on the examples ``at``; ``slopes`` (attacked, 4, rates, area and risk) are the D that ``lean`` adds up.

    >>> from empirical.estimates.leak.gaussians import gaussians
    >>> from empirical.training.trials import Trials
    >>> masks = np.array([[1], [1], [1], [0], [0], [0]])
    >>> fitted = gaussians(Trials.of(masks, [[3.0], [4.0], [5.0], [-1.0], [0.0], [1.0]], masks * 1.0, score="margin"))
    >>> from empirical.estimates.leak.curve import keys
    >>> counts = Counts()
    >>> counts.count(keys(np.array([[2.0, 0.0, 1.0, -1.0]])), np.array([[True, True, False, False]]))
    >>> Influence.of("own", fitted, np.array([0]), counts).slopes.shape  # of four numbers; three rates, the area and a risk
    (1, 4, 5)
    """

    attack: str
    weights: Floats32 = field(repr=False)
    theta: tuple[Floats, ...] = field(repr=False)
    spreads: Floats = field(repr=False)
    slopes: Floats = field(repr=False)

    @classmethod
    def of(cls, attack: str, fitted: Gaussians, at: Integers, counts: Counts) -> Influence:
        """Before the first pass."""
        n_in, n_out, in_square, out_square = (
            a[at] for a in (fitted.n_in, fitted.n_out, fitted.in_square, fitted.out_square)
        )
        m, n = np.maximum(n_in - 1, 1), np.maximum(n_out - 1, 1)
        if attack == "pooled":
            m, n = np.full(len(at), m.sum()), np.full(len(at), n.sum())
            in_square, out_square = np.full(len(at), in_square.sum()), np.full(len(at), out_square.sum())
        variances = np.maximum(in_square / m, fitted.floor), np.maximum(out_square / n, fitted.floor)
        theta = (n_in, n_out, fitted.in_mean[at], fitted.out_mean[at], *variances)
        slopes = np.zeros((len(at), 4, len(RATES) + 2))
        return cls(attack, weights(counts), theta, np.maximum(np.stack([n, m]) - 1, 1), slopes)

    def lean(self, key: Keys, scores: Floats32, masks: NDArray[np.uint8]) -> None:
        """Add some models to ``slopes``."""
        from empirical.estimates.leak import influence_cpu

        influence_cpu.leaned(key, scores, masks, self.weights, *self.theta[2:], self.slopes)

    def by(self, bins: Bools) -> Influence:
        """After the first pass, with the risk of each of the ``bins`` (attacked, bins) in place of that of all."""
        shares = bins / np.maximum(bins.mean(0), 1 / len(bins))
        slopes = np.concatenate([self.slopes[:, :, :-1], self.slopes[:, :, -1:] * shares[:, None]], 2)
        if self.attack == "pooled":  # its variances are those of all examples
            slopes[:, 1::2] = slopes[:, 1::2].sum(0)
        return replace(self, slopes=slopes)

    def moves(self, scores: Floats32, masks: NDArray[np.uint8]) -> Floats:
        """r of some models, (models, rates, area and risks)."""
        from empirical.estimates.leak import influence_cpu

        out = np.zeros((len(scores), self.slopes.shape[2]))
        means = np.stack([self.theta[1], self.theta[0]]) - 1
        influence_cpu.moved(scores, masks, self.slopes, means, self.spreads, *self.theta, out)
        return out


def weights(counts: Counts) -> Floats32:
    """w by out and in, key, and rate, area or risk, (2, keys, rates + 2).

    >>> from empirical.estimates.leak.curve import keys
    >>> counts = Counts()
    >>> counts.count(keys(np.array([[2.0, 0.0, 1.0, -1.0]])), np.array([[True, True, False, False]]))
    >>> weights(counts).shape  # out and in, scores, three rates, the area and a risk
    (2, 65536, 5)
    """
    if not (counts.others.any() and counts.members.any()):
        raise ArgumentError("counts", "scores of members or of others only, or none", "count scores of both first")
    out = np.zeros((2, KEYS, len(RATES) + 2))
    value, every = values(), np.cumsum(counts.others + counts.members)
    others, members = (max(int(c.sum()), 1) for c in (counts.others, counts.members))
    windows = [
        (*(counts.threshold(min(r, 1.0))[0] for r in (rate * WINDOW, rate / WINDOW)), counts.slope(rate))
        for rate in RATES
    ]
    zero = every[KEYS // 2] / max(every[-1], 1)
    near = np.searchsorted(every, np.clip([zero - NEAR / 2, zero + NEAR / 2], 0, 1) * every[-1])
    for j, (low, high, slope) in zip((*range(len(RATES)), -1), (*windows, (*near, 1.0)), strict=True):
        width = value[high] - value[low]
        if width > 0:
            out[:, low + 1 : high + 1, j] = [[-slope / width / others], [1 / width / members]]
    edges = np.unique(np.searchsorted(every, np.append(1, np.linspace(0, every[-1], CELLS + 1)[1:])))
    for low, high in zip(np.maximum(np.append(edges[0] - 1, edges[:-1]), 0), edges, strict=True):
        cell, width = slice(low + 1, high + 1), value[high] - value[low]
        if width > 0:
            out[0, cell, -2] = -counts.members[cell].sum() / width / members / others
            out[1, cell, -2] = counts.others[cell].sum() / width / members / others
    return np.asarray(out, np.float32)
