"""How many pairs of a training and a test example carry influence, in how many test examples, and in how many but one.

The members of a subpopulation influence a test example of it, each by u λ (1 − rλ)^{c−1} where λ is one for all
(``longtail.experiment.predictions``), else as ``longtail.experiment.neighbors`` has it. With a noise some are estimated to be
less, and some examples of other subpopulations pass by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from longtail.core import Floats, Problem
from longtail.experiment.coupling import Coupling
from longtail.experiment.members import members
from longtail.experiment.neighbors import Neighbors, influential
from longtail.experiment.noise import Noise, included
from longtail.experiment.occupancy import TINY, Occupancy
from longtail.experiment.predictions import SMOOTH, cells_of, occupied, passing, share_above, tops_of

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ["pairs", "tests", "single", "false", "pairs_variance", "tests_variance", "single_variance"]


def pairs_above(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    tests: int,
    fraction: float | None = None,
    memorized: float = 0.0,
    noise: Noise | None = None,
    partners: float = 0.0,
) -> pd.DataFrame:
    """Expected pairs with influence ≥ θ among ``tests`` test examples, the test examples in them, and those in one only.

    Members of a subpopulation influence alike, so a test example has c influential partners or none. ``memorized`` counts
    only partners whose memorization is at least that, as published (.25). With ``noise``, influence and memorization are
    what they are estimated to be, and some of the ``partners`` examples that a test example is paired with, of
    other subpopulations all but c, pass by chance; ``false`` counts those pairs. Variances are of the counts in one data set:
    test examples are a sample, of one subpopulation several at a time, and which subpopulations are seen how often is another.
    Where examples are hard by themselves (``own``) partners of a test example with a u of its own are taken for independent.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> found = pairs_above(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), [0.15, 0.5], tests=1000)
    >>> found[["threshold", "pairs", "tests", "single"]].round(2).values.tolist()
    [[0.15, 366.1, 265.8, 165.51], [0.5, 165.51, 165.51, 165.51]]
    """
    import pandas as pd

    r = included(fraction, noise)
    seen = occupied(problem, coupling, noise)
    kept = 1.0
    if noise is not None and memorized > 0:
        kept = float(share_above(problem, coupling, memorized, noise=noise)[0])
    others = kept * partners if noise is not None else 0.0
    theta = np.atleast_1d(np.asarray(thresholds, float))
    found = np.zeros((len(theta), len(COUNTS)))
    c = seen.copies[1:, None]
    rare = np.maximum(seen.subpopulations[1:], TINY)
    square = seen.mass[1:] ** 2 / rare * (1 + 1 / c[:, 0])  # E Σ d² of those seen c times, d about Gamma of shape c
    tops = tops_of(problem, coupling, noise)
    asked = _Partners(coupling, seen, r, memorized, noise, tops)
    weight, alike = _apart(asked) if coupling.apart else _common(asked)
    parts = [(top, guessed * (1 - coupling.own), False) for top, guessed in tops]
    if coupling.own:
        parts += [(top, guessed * coupling.own, True) for top, guessed in tops]
    for top, guessed, lone in parts:
        each, unseen = guessed * seen.mass[1:], guessed * (float(seen.mass[0]) + seen.dust)
        among = np.maximum(others - kept * c, 0.0)
        passed = alike(top, lone)
        for row, x in zip(found, theta, strict=True):
            one, some, alone, chance, spread = passed(float(x))
            by_chance, lonely = among * chance, 0.0
            if noise is not None:
                lonely = others * float(noise.influence_above(float(x), np.array(top), np.array(top)))
            free = np.exp(-by_chance)
            single = free * (alone + (1 - some) * by_chance)
            false = float(each @ (by_chance @ weight)) + unseen * lonely
            row += (
                float(each @ (one @ weight)) + false,
                float(each @ ((1 - (1 - some) * free) @ weight)) - unseen * np.expm1(-lonely),
                float(each @ (single @ weight)) + unseen * lonely * np.exp(-lonely),
                false,
                float(each @ ((spread + (one + by_chance) ** 2 + by_chance) @ weight)) + unseen * (lonely + lonely**2),
                0.0,
                0.0,
            )
            own = (one, some, alone)  # by a test example's own subpopulation, not by chance
            row[4:] += [tests * guessed * float(square @ (part**2 @ weight)) for part in own]
    found[:, 5:] += found[:, 1:3]
    return pd.DataFrame(tests * found, columns=COUNTS).assign(threshold=theta)[["threshold", *COUNTS]]


def expected_pairs(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    tests: int,
    memorized: float = 0.0,
    noise: Noise | None = None,
    partners: float = 0.0,
) -> Floats:
    """The numbers of pairs of ``pairs_above`` alone: where λ is each pair's own, in a tenth of the time.

    They are linear in what the other members leave of u, so that number of copies, u and what is left are summed over by products
    of matrices: Σ_c mass_c c Pr[counted] R_c for each u, and then that with Pr[influence ≥ θ].

    >>> from longtail import Problem, Zipf
    >>> from longtail.experiment.coupling import Beta
    >>> how = (Problem(Zipf(alpha=1, size=100), n=100), Beta(1, 2, apart=1), [0.15, 0.3], 1000)
    >>> bool(np.allclose(expected_pairs(*how), pairs_above(*how)["pairs"]))
    True
    """
    theta = np.atleast_1d(np.asarray(thresholds, float))
    if not coupling.apart or coupling.own:
        found = pairs_above(problem, coupling, theta, tests, memorized=memorized, noise=noise, partners=partners)
        return found["pairs"].to_numpy(float)
    r, seen = included(None, noise), occupied(problem, coupling, noise)
    c = seen.copies[1:]
    of, whole = (members(coupling, c - j, r, SMOOTH) for j in (1, 0))
    counted = float(share_above(problem, coupling, memorized, noise=noise)[0]) if memorized > 0 and partners else 1.0
    top, guessed = np.array(tops_of(problem, coupling, noise)).T
    left = np.multiply.outer(top, of.left)
    passed = passing(memorized, left, noise)
    kept = np.einsum("us,cls->lcu", passed, of.law, optimize=True)
    kept += np.maximum(1 - of.law.sum(2), 0.0).T[:, :, None] * float(passing(memorized, np.zeros(1), noise)[0])
    weight = of.weight[:, None, None] * (c * seen.mass[1:])[:, None] * guessed * kept
    own = weight.transpose(0, 2, 1) @ of.law.transpose(1, 0, 2)  # λ × u × left
    among = seen.mass[1:] * np.maximum(counted * (partners - c), 0.0)
    strangers = np.multiply.outer(guessed, np.einsum("c,l,cls->s", among, of.weight, whole.law, optimize=True))
    unseen = guessed * counted * partners * (float(seen.mass[0]) + seen.dust)
    out = []
    for x in theta.tolist():
        pairs = float((own * influential(x, noise, of, left)).sum())
        if noise is not None:
            pairs += float((strangers * noise.influence_above(x, left, left)).sum())
            pairs += float(unseen @ noise.influence_above(x, top, top))
        out.append(tests * pairs)
    return np.array(out)


@dataclass(frozen=True)
class _Partners:
    """Who may influence a test example: as many as are ``seen`` together, each in a share ``fraction`` of the models, counted if
    their memorization is ``memorized`` or more, or with a ``noise`` is estimated to be. ``tops`` are the u and their chances."""

    coupling: Coupling
    seen: Occupancy
    fraction: float
    memorized: float
    noise: Noise | None
    tops: list[tuple[float, float]]

    def passing(self, true: Floats) -> Floats:
        """Pr[one of such memorization counts]."""
        return passing(self.memorized, true, self.noise)

    def counted(self, passes: Callable[[float], Floats]) -> Callable[[float, bool], Floats]:
        """Pr[a member counts], by a test example's u and whether that is its own: then it says nothing of theirs."""
        own = self.coupling.own
        if not own:
            return lambda top, lone: passes(top)
        mean = np.asarray(sum(guessed * passes(top) for top, guessed in self.tops))
        return lambda top, lone: mean if lone else (1 - own) * passes(top) + own * mean


Counts = tuple[Floats, Floats, Floats, Floats, Floats]  # E M, Pr[M ≥ 1], Pr[M = 1], Pr[a stranger passes], Var M within
ByTop = Callable[[float, bool], Callable[[float], Counts]]  # u, and whether it is the test example's own; then θ


def _common(asked: _Partners) -> tuple[Floats, ByTop]:
    """Of partners that teach alike, by number of copies and λ: weights of λ, and counts by u and θ."""
    noise, r = asked.noise, asked.fraction
    lam, weight = asked.coupling.nodes(cells_of(asked.coupling, noise))
    c = asked.seen.copies[1:, None]
    remain = (1 - r * lam) ** (c - 1)
    counted_at = asked.counted(lambda top: asked.passing(top * remain))

    def at(top: float, lone: bool) -> Callable[[float], Counts]:
        true = top * remain
        size, wrong = lam * true, true * (1 - r * lam)  # wrong: on a test example, all models together
        inside = wrong - (1 - r) * size
        counted = counted_at(top, lone)

        def counts(x: float) -> Counts:
            if noise is None:
                passed, chance = (size >= x) * counted, np.zeros_like(size)
            else:
                passed = counted * noise.influence_above(x, inside, inside + size)
                chance = noise.influence_above(x, wrong, wrong)
            but_one = (1 - passed) ** (c - 1)
            spread = c * passed * (1 - passed)
            return c * passed, 1 - but_one * (1 - passed), c * passed * but_one, chance, spread

        return counts

    return weight, at


def _apart(asked: _Partners) -> tuple[Floats, ByTop]:
    """Of partners each of whom has a λ of its own."""
    noise, near = asked.noise, Neighbors(asked.coupling, asked.seen.copies[1:], asked.fraction, SMOOTH)
    kept_at = asked.counted(lambda top: near.kept(asked.passing, top))

    def at(top: float, lone: bool) -> Callable[[float], Counts]:
        kept = kept_at(top, lone)

        def counts(x: float) -> Counts:
            found = near.passed(x, noise, top, kept)
            chance = np.zeros_like(kept)
            if noise is not None:
                chance = near.by_chance(lambda wrong: noise.influence_above(x, wrong, wrong), top)
            spread = np.maximum(found.one + 2 * found.two - found.one**2, 0.0)
            return found.one, found.some, found.alone, chance, spread

        return counts

    return near.of.weight, at
