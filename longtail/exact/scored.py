"""The error of a learner by its own count: err = Σ_ℓ mass_ℓ e(ℓ), e(ℓ) = Pr[wrong on what was seen ℓ times].

The namesake of ``montecarlo.error``. Errors are asked of the learner until they have settled, and are taken never to rise with
counts; of what is seen more often than ``longtail.exact.masses`` tells apart, the error lies between the last and that at n. An
error that is known neither to eight digits nor to 1e-11 is an AccuracyError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from longtail.core import AccuracyError, ArgumentError, Estimate, Floats, Problem, instance, posed
from longtail.exact.functions import optimal_error
from longtail.exact.masses import GOOD, MOST, Scores, masses
from longtail.exact.spectrum import DIGITS

if TYPE_CHECKING:
    from longtail.learners import Learner

SETTLED = 1e-15
LEAST = 2e-14  # bound that finer rules would not lower: twice what interpolation is off by
NOTHING = 1e-11  # what an error may be off by though it be smaller than that
FIRST = 16  # sights asked for at first


def error(problem: Problem, learner: Learner) -> Estimate:
    """E Σ_x D(x) errors(ℓ_x): the expected error of a learner by its own count.

    >>> from longtail import Problem, Zipf
    >>> from longtail.learners import Forget
    >>> round(error(Problem(Zipf(alpha=1, size=50000), n=50000), Forget(1)).value, 6)  # 15.39 % + 7.31 %
    0.227022
    """
    from longtail.learners import Capacity, Learner

    posed(problem)
    instance("learner", learner, Learner, "give one of longtail.learners, as Forget(1)")
    if isinstance(learner, Capacity):
        return _of_capacity(problem, learner.items)
    table, last = by_count(learner, problem.n_classes, problem.n)
    scores = scored(problem, table[None, :], np.array([last]))
    value, bound = float(scores.value[0]), float(scores.bound[0]) + learner.rounding
    if not bound <= max(DIGITS * value, NOTHING):
        remedy = f"its error is only known as {value:.3g} ± {bound:.1g} under {problem.prior!r}; give one that settles sooner"
        raise AccuracyError("learner", learner, remedy)
    return Estimate(value, bound=bound)


def _of_capacity(problem: Problem, items: int) -> Estimate:
    """Room for so many singletons, by the joint law of their number and mass."""
    from longtail.exact.laws import capacity_excess

    optimal, excess = optimal_error(problem), capacity_excess(problem, items)
    return Estimate(optimal.value + excess.value, bound=optimal.bound + excess.bound)


def by_count(learner: Learner, n_classes: int, n: int) -> tuple[Floats, float]:
    """e(0), e(1), …, until it has settled, and e(n), or what it cannot fall below.

    >>> from longtail.learners import Limited
    >>> errors, last = by_count(Limited(0.5), n_classes=10, n=100)
    >>> errors[:3].round(3).tolist(), last
    ([0.9, 0.4, 0.0], 0.0)
    """
    from longtail.learners import Learner, Seen

    if not (isinstance(learner, Learner) and learner.symmetric and learner.own):
        remedy = "give one whose error on x depends on how often x itself was seen; montecarlo.error simulates any"
        raise ArgumentError("learner", learner, remedy)
    last = learner.final(n_classes, n)
    top = min(FIRST, n)
    while True:
        times = np.arange(top + 1)[None, :]
        errors = learner.errors(Seen(times, np.zeros_like(times), n_classes))
        table: Floats = np.array(np.broadcast_to(errors, times.shape)[0], float)
        if abs(table[-1] - last) <= SETTLED or top == min(n, MOST, learner.longest):
            return table, last
        top = min(4 * top, n, MOST, learner.longest)


def scored(problem: Problem, table: Floats, last: Floats, group: int | None = None) -> Scores:
    """Each row of errors by ℓ (``table``) scored on the first rules that know it well, or on the finest; ``last`` is its error
    at n sights. With ``group``, over the mass of that part of a list made of several.

    >>> from longtail import Zipf
    >>> table = np.array([[0.9, 0.0, 0.0], [0.9, 0.9, 0.0]])  # by sights: one memorizes all, one guesses what it saw once
    >>> scored(Problem(Zipf(alpha=1, size=100), n=100), table, last=np.zeros(2)).value.round(4).tolist()
    [0.219, 0.3679]
    """
    value, bound = np.zeros(len(table)), np.full(len(table), np.inf)
    for solved in masses(problem, table.shape[1] - 1, group):
        short = len(solved.mass) - table.shape[1]
        padded = np.pad(table, ((0, 0), (0, short)), mode="edge") if short else table
        found = solved.score(padded, last)
        better = found.bound < bound
        value, bound = np.where(better, found.value, value), np.where(better, found.bound, bound)
        if (bound <= np.maximum(GOOD * np.abs(value), LEAST)).all():
            break
    return Scores(value, bound)
