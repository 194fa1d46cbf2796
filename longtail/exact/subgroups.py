"""Who pays for a common limit: groups within one population, each with a prior, a share, classes and noise of its own.

The population is the ``Mixture`` of the groups' lists, each scaled to hold its share; a subpopulation keeps the group of the
entry that it was drawn as, and of every sum over the nodes of p only those of one group are taken,

    mass_{g,ℓ} = Σ_{p in g} count_p E α B_ℓ(α),   error_g = Σ_ℓ mass_{g,ℓ} e_g(ℓ) / Σ_ℓ mass_{g,ℓ},

e_g(ℓ) the error of one learner for all, on labels of g's classes and noise. Costs are excess over the optimum of the group. Room
for B singletons is shared by all groups', so that each loses κ_g (1 − 1/K_g) E[(1 − B/|X_1|)_+ Σ_{x ∈ X_1, in g} D(x)], by the
joint law of the number of all singletons and the mass of one group's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from longtail.core import ArgumentError, Estimate, Floats, Mode, Prior, Problem, compressed, real, whole
from longtail.exact.functions import cost
from longtail.exact.laws import capacity_excess
from longtail.exact.scored import by_count, scored

if TYPE_CHECKING:
    import pandas as pd

    from longtail.learners import Learner
    from longtail.priors import Mixture


@dataclass(frozen=True)
class Group:
    """A list of subpopulations that holds ``share`` of the population; its labels are of ``n_classes``, kept with chance κ.

    >>> from longtail import Zipf
    >>> Group("few", Zipf(alpha=1, size=5_000), share=1 / 6)
    Group(name='few', prior=Zipf(alpha=1.0, size=5000), share=0.16666666666666666, n_classes=10, kappa=1.0)
    """

    name: str
    prior: Prior
    share: float
    n_classes: int = 10
    kappa: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", real("share", self.share, 0.0, 1.0, open_low=True))
        object.__setattr__(self, "n_classes", whole("n_classes", self.n_classes, 2))
        object.__setattr__(self, "kappa", real("kappa", self.kappa, 0.0, 1.0, open_low=True))
        if not isinstance(self.prior, Prior):
            raise ArgumentError("prior", self.prior, "give a longtail prior, for example Zipf(alpha=1, size=5000)")


def population(groups: Sequence[Group]) -> Mixture:
    """All groups' subpopulations as one list.

    >>> from longtail import Zipf
    >>> groups = [Group("most", Zipf(alpha=1, size=5_000), share=5 / 6), Group("few", Zipf(alpha=1, size=5_000), share=1 / 6)]
    >>> population(groups).size
    10000
    """
    from longtail.priors import Mixture

    total = sum(group.share for group in groups)
    if not groups or abs(total - 1) > 1e-9:
        raise ArgumentError("shares", f"{total:.10g}", "give shares of the population that sum to 1")
    if len({group.name for group in groups}) < len(groups):
        raise ArgumentError("groups", [group.name for group in groups], "give each a name of its own")
    size = sum(group.prior.size for group in groups)
    parts = tuple((group.prior.size / size, group.prior) for group in groups)
    return Mixture(parts, size, tuple(group.share for group in groups))


def subgroups(groups: Sequence[Group], n: int, learner: Learner, mode: Mode = "random") -> pd.DataFrame:
    """Of each group its share, its optimal error, and the excess error of ``learner`` within it.

    ``bound`` is on the numerical error of either. A learner of its own count, as ``Limited``, ``Private`` or ``Forget``, or
    ``Capacity``, room for which is shared.

    >>> from longtail import Zipf
    >>> from longtail.learners import Limited
    >>> groups = [Group("most", Zipf(alpha=1, size=5_000), share=5 / 6), Group("few", Zipf(alpha=1, size=5_000), share=1 / 6)]
    >>> subgroups(groups, n=60_000, learner=Limited(0.5))["excess_error"].round(4).tolist()  # the few pay more
    [0.0146, 0.0352]
    """
    import pandas as pd

    from longtail.learners import Capacity, Forget

    problem = Problem(population(groups), n, mode=mode)
    rows = []
    for at, group in enumerate(groups):
        best, final = _best(group, n)
        shared = learner.items if isinstance(learner, Capacity) else None
        limited, least = _limited(group, learner if shared is None else Forget(1), n)
        wide = max(len(best), len(limited))
        table = np.array([np.pad(row, (0, wide - len(row)), mode="edge") for row in (best, limited)])
        excess = table[1] - table[0]
        one = np.ones_like(excess)
        found = scored(problem, np.stack([table[0], excess, one]), np.array([final, least - final, 1.0]), at)
        share, added = float(found.value[2]), Estimate(float(found.value[1]), bound=float(found.bound[1]))
        if shared is not None:
            added = _unfit(replace(problem, n_classes=group.n_classes), shared, at, group, added)
        bound = max(float(found.bound[0]), float(added.bound)) + float(found.bound[2])
        rows.append(
            {
                "name": group.name,
                "share": share,
                "optimal_error": found.value[0] / share,
                "excess_error": float(added.value) / share,
                "bound": bound / share + learner.rounding,
            }
        )
    return pd.DataFrame(rows)


def _unfit(problem: Problem, items: int, at: int, group: Group, guessed: Estimate) -> Estimate:
    """What room for ``items`` singletons of all leaves unfit in one group; ``guessed``, what guessing on all there costs."""
    if np.ptp(compressed(problem.prior).log_value) > 0:
        found = capacity_excess(problem, items, at)
        return Estimate(group.kappa * float(found.value), bound=group.kappa * float(found.bound))
    # frequencies are all alike: the same part of each group
    found, every = capacity_excess(problem, items), cost(problem)
    part = float(found.value) / float(every.value)
    return Estimate(part * float(guessed.value), bound=float(guessed.bound) + float(found.bound))


def _best(group: Group, n: int) -> tuple[Floats, float]:
    """The errors by count of the optimal learner on a group's labels."""
    from longtail.learners import Majority, Memorizer

    return by_count(Memorizer() if group.kappa == 1 else Majority(group.kappa), group.n_classes, n)


def _limited(group: Group, learner: Learner, n: int) -> tuple[Floats, float]:
    """Those of ``learner``: on noisy labels it goes by the margin of the votes, or guesses on few sights."""
    from longtail.learners import Forget, Majority, Memorizer, Noisy

    if group.kappa == 1 or isinstance(learner, Majority):
        return by_count(learner, group.n_classes, n)
    if isinstance(learner, (Memorizer, Forget)):
        best, final = _best(group, n)
        known = 0 if isinstance(learner, Memorizer) else learner.ell
        best = np.pad(best, (0, max(0, min(known + 2, n + 1) - len(best))), mode="edge")
        best[: known + 1] = 1 - 1 / group.n_classes
        return best, final
    return by_count(Noisy(learner, group.kappa), group.n_classes, n)
