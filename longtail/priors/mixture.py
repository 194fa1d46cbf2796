"""Mixture: a list in which each part holds a given fraction of the entries, and of their sum.

Groups of different sizes or tails within one population: its nodes say which part each is of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from longtail.core import ArgumentError, Floats, Nodes, Prior, real, whole


@dataclass(frozen=True)
class Mixture(Prior):
    """``parts`` is a tuple of (weight, prior); weights are fractions of the ``size`` entries and sum to 1.

    Every part is scaled to mean 1; with ``shares`` to hold that share of the sum instead, which need not be its weight.

    >>> from longtail.priors import Uniform, Zipf
    >>> Mixture(parts=((0.5, Zipf(alpha=1, size=3)), (0.5, Uniform(size=1))), size=6).entries().round(3).tolist()
    [1.636, 1.0, 1.0, 1.0, 0.818, 0.545]
    """

    parts: tuple[tuple[float, Prior], ...]
    size: int
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole("size", self.size))
        try:
            parts = tuple((real("weight", weight, 0.0, 1.0, open_low=True), prior) for weight, prior in self.parts)
        except (TypeError, ValueError) as error:
            if isinstance(error, ArgumentError):
                raise
            raise ArgumentError("parts", self.parts, "give ((weight, prior), (weight, prior), ...)") from error
        for _, prior in parts:
            if not isinstance(prior, Prior):
                raise ArgumentError(
                    "parts", prior, "give (weight, prior) pairs, for example (0.5, Zipf(alpha=1, size=100))"
                )
        total = sum(weight for weight, _ in parts)
        if not parts or abs(total - 1) > 1e-9:
            raise ArgumentError("weights", total, "give weights that sum to 1")
        object.__setattr__(self, "parts", parts)
        if self.shares:
            object.__setattr__(self, "shares", self._checked())

    def _checked(self) -> tuple[float, ...]:
        try:
            shares = tuple(real("shares", share, 0.0, 1.0, open_low=True) for share in self.shares)
        except TypeError as error:
            raise ArgumentError("shares", self.shares, "give one a part, or none") from error
        if len(shares) != len(self.parts) or abs(sum(shares) - 1) > 1e-9:
            raise ArgumentError("shares", self.shares, f"give {len(self.parts)} that sum to 1, one a part")
        return shares

    def __repr__(self) -> str:
        shares = f", shares={self.shares!r}" if self.shares else ""
        return f"Mixture(parts={self.parts!r}, size={self.size!r}{shares})"

    def _log_scales(self) -> list[float]:
        """What is subtracted from each part's log values."""
        means = [_log_mean(prior) for _, prior in self.parts]
        if not self.shares:
            return means
        return [
            mean - float(np.log(share / weight))
            for mean, share, (weight, _) in zip(means, self.shares, self.parts, strict=True)
        ]

    @property
    def is_law(self) -> bool:  # type: ignore[override]  # depends on the parts
        return any(prior.is_law for _, prior in self.parts)

    def nodes(self, refine: float = 1.0) -> Nodes:
        return self._join(
            [(w, p, p.nodes(refine), m) for (w, p), m in zip(self.parts, self._log_scales(), strict=True)]
        )

    def between(self, low: float, high: float) -> Nodes:
        return self._join(
            [(w, p, p.between(low + m, high + m), m) for (w, p), m in zip(self.parts, self._log_scales(), strict=True)]
        )

    def _join(self, parts: list[tuple[float, Prior, Nodes, float]]) -> Nodes:
        return Nodes(
            np.concatenate([nodes.log_value - log_mean for _, _, nodes, log_mean in parts]),
            np.concatenate([nodes.count * (weight * self.size / prior.size) for weight, prior, nodes, _ in parts]),
            np.repeat(np.arange(len(parts)), [len(nodes.count) for _, _, nodes, _ in parts]),
        )

    def entries(self) -> Floats:
        return np.sort(np.concatenate(self.entries_by_part()))[::-1]

    def entries_by_part(self) -> list[Floats]:
        """The entries of each part."""
        values = []
        for (weight, prior), share in zip(self.parts, self._shares(), strict=True):
            copies = weight * self.size / prior.size
            if abs(copies - round(copies)) > 1e-9 or round(copies) < 1:
                remedy = f"make size · {weight:g} a multiple of {prior.size}, or use mode='random'"
                raise ArgumentError("size", self.size, remedy)
            entries = prior.entries()
            values.append(np.repeat(entries / entries.mean() * (share / weight), round(copies)))
        return values

    def _shares(self) -> tuple[float, ...]:
        return self.shares or tuple(weight for weight, _ in self.parts)

    def sample(self, rng: Any, shape: tuple[int, ...]) -> Floats:
        bounds = np.cumsum([weight for weight, _ in self.parts])[:-1]
        part = np.searchsorted(bounds, rng.random(size=shape), side="right")
        out = np.empty(shape)
        for i, ((weight, prior), share) in enumerate(zip(self.parts, self._shares(), strict=True)):
            here = part == i
            out[here] = prior.sample(rng, (int(here.sum()),)) / _mean(prior) * (share / weight)
        return out


def _mean(prior: Prior) -> float:
    """The mean of what ``prior.sample`` draws: of its law, or of its list, whose entries may be scaled otherwise."""
    return float(np.exp(_log_mean(prior)) if prior.is_law else prior.entries().mean())


def _log_mean(prior: Prior) -> float:
    nodes = prior.nodes()
    return float(logsumexp(nodes.log_value, b=nodes.count / nodes.count.sum()))
