"""What it costs to limit memorization: error against ε, γ and room for B, beside lower bounds (Feldman, section 4).

Labels are noiseless, so that the optimal learner errs on the unseen only, and of a limit all that matters is e(ℓ), how often the
best learner under it errs on what was seen ℓ times: excess = Σ_{ℓ≥1} mass_ℓ e(ℓ), mass_ℓ = τ_ℓ E|X_ℓ|.

Privacy. Let P_ℓ be how often an (ε, δ)-private learner is right on what it saw ℓ times, averaged over the label. P_0 ≤ 1/K, as it
has no news of that label; and one point more, by the event "right" and by its complement,

    P_{ℓ+1} ≤ e^ε P_ℓ + δ,        1 − P_ℓ ≤ e^ε (1 − P_{ℓ+1}) + δ.

``learners.Private`` has equality in the tighter of the two at each ℓ: no private learner errs less, whatever ℓ, and the excess is
the least that privacy costs. The first alone gives the bounds by groups, P_ℓ ≤ e^{ℓε}/K + δ (e^{ℓε} − 1)/(e^ε − 1), looser still
with ℓ e^{(ℓ−1)ε} for the fraction; and ℓ = 1 alone is Feldman's bound. Likewise P_{ℓ+1} ≤ P_ℓ + γ where memorization is at most
γ, with equality in ``learners.Limited``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from longtail.core import ArgumentError, Floats, Integers, Problem, posed, real, whole
from longtail.exact.masses import Scores
from longtail.exact.scored import SETTLED, scored

if TYPE_CHECKING:
    import pandas as pd

MOST = 2**14  # sights that a whole curve tells apart: the rest of it is bounded
LARGEST_EPSILON = 700.0  # e^ε is a double
ROUND = 64  # values tried at a time in the search for the least limit
APART = 1e-12  # of it, that the search leaves


def privacy(problem: Problem, epsilon: ArrayLike, delta: float = 0.0) -> pd.DataFrame:
    """The least excess error of (ε, δ)-private prediction for each ε, and three lower bounds on it.

    ``singletons``: ℓ = 1 alone; ``groups``: points seen ℓ times, by group privacy; ``groups_published``: with the looser term.

    >>> from longtail import Problem, Zipf
    >>> found = privacy(Problem(Zipf(alpha=1, size=50_000), n=50_000), epsilon=[1, 2], delta=1e-6)
    >>> found[["epsilon", "excess_error", "singletons"]].round(5).values.tolist()
    [[1.0, 0.07504, 0.05912], [2.0, 0.02292, 0.0212]]
    """
    import pandas as pd

    at, slack = _epsilons(epsilon), _delta(delta)
    most = min(posed(problem).n, MOST)
    table = private_errors(at, slack, problem.n_classes, most)
    table[:, 0] = 0.0
    once = np.zeros_like(table)
    once[:, 1:2] = table[:, 1:2]
    tight, loose = (group_bounds(at, slack, problem.n_classes, table.shape[1] - 1, published=p) for p in (False, True))
    count = len(at)
    last = np.concatenate([_final(at, slack, problem), np.zeros(3 * count)])
    found = scored(problem, np.concatenate([table, once, tight, loose]), last)
    value = found.value.reshape(4, count)
    return pd.DataFrame(
        {
            "epsilon": at,
            "delta": slack,
            "excess_error": value[0],
            "singletons": value[1],
            "groups": value[2],
            "groups_published": value[3],
            "bound": found.bound[:count],
        }
    )


def memorization(problem: Problem, gamma: ArrayLike) -> pd.DataFrame:
    """The least excess error where no example's memorization exceeds γ, and what of it is paid for what was seen once.

    >>> from longtail import Problem, Zipf
    >>> memorization(Problem(Zipf(alpha=1, size=50_000), n=50_000), gamma=[0.5, 0.9])["excess_error"].round(5).tolist()
    [0.03248, 0.0]
    """
    import pandas as pd

    at = _gammas(gamma)
    table = limited_errors(at, posed(problem).n_classes, min(problem.n, MOST))
    table[:, 0] = 0.0
    once = np.zeros_like(table)
    once[:, 1:2] = table[:, 1:2]
    last = np.where(at > 0, 0.0, problem.guess)
    found = scored(problem, np.concatenate([table, once]), np.append(last, np.zeros(len(at))))
    value = found.value.reshape(2, len(at))
    return pd.DataFrame(
        {"gamma": at, "excess_error": value[0], "singletons": value[1], "bound": found.bound[: len(at)]}
    )


def compression(problem: Problem, items: ArrayLike) -> pd.DataFrame:
    """The excess error of a learner with room to fit only ``items`` B of the singletons, exactly (``exact.laws``).

    >>> from longtail import Problem, Zipf
    >>> compression(Problem(Zipf(alpha=1, size=50_000), n=50_000), items=[0, 8_000])["excess_error"].round(5).tolist()
    [0.07307, 0.00519]
    """
    import pandas as pd

    from longtail.exact.laws import capacity_excess

    room = _items(posed(problem), items)
    found = capacity_excess(problem, room)
    return pd.DataFrame({"capacity": room, "excess_error": found.value, "bound": found.bound})


def least_epsilon(problem: Problem, within: float, delta: float = 0.0) -> float:
    """The least ε whose privacy costs no more than ``within`` of error.

    >>> from longtail import Problem, Zipf
    >>> round(least_epsilon(Problem(Zipf(alpha=1, size=50_000), n=50_000), within=0.01, delta=1e-6), 6)
    2.179892
    """
    posed(problem)
    slack = _delta(delta)
    if _within(within) == 0:
        raise ArgumentError("within", within, "no epsilon costs nothing, as any leaves some privacy: give more than 0")
    return _least(lambda at: float(_excess_of_privacy(problem, np.array([at]), slack).value[0]), within)


def least_capacity(problem: Problem, within: float) -> int:
    """The least room B that costs no more than ``within``: never more than n, which costs nothing.

    >>> from longtail import Problem, Zipf
    >>> least_capacity(Problem(Zipf(alpha=1, size=50_000), n=50_000), within=0.01)
    7403
    """
    from longtail.exact.laws import capacity_excess

    posed(problem)
    if float(capacity_excess(problem, 0).value) <= _within(within):
        return 0
    low, high = 0, problem.n
    while high - low > 1:
        tried = np.unique(np.linspace(low, high, ROUND).astype(np.int64)[1:-1])
        tried = tried[(tried > low) & (tried < high)]
        above = int(np.sum(capacity_excess(problem, tried).value > within))
        cuts = [low, *tried.tolist(), high]
        low, high = cuts[above], cuts[above + 1]
    return int(high)


def least_gamma(problem: Problem, within: float) -> float:
    """The least γ that costs no more than ``within``: never more than 1 − 1/K, which costs nothing.

    >>> from longtail import Problem, Zipf
    >>> round(least_gamma(Problem(Zipf(alpha=1, size=50_000), n=50_000), within=0.01), 6)
    0.776835
    """
    if _within(within) == 0:
        return posed(problem).guess
    return _least(lambda at: float(_excess_of_limit(problem, np.array([min(at, 1.0)])).value[0]), within)


def _least(excess: Callable[[float], float], within: float) -> float:
    """Where a curve that falls with its argument gets to ``within``; 0 where it begins no higher."""
    from scipy.optimize import brentq

    if excess(0.0) <= within:
        return 0.0
    low, high = 0.0, 1.0
    while excess(high) > within:
        low, high = high, 2 * high
    while low == 0 and excess(high / 2) <= within:
        high /= 2
    low = low or high / 2
    root = float(brentq(lambda at: excess(at) - within, low, high, xtol=APART * high, rtol=APART))
    while excess(root) > within:
        root *= 1 + APART
    return min(root, high)


def private_errors(epsilon: Floats, delta: float, n_classes: int, most: int) -> Floats:
    """1 − P_ℓ by ε and ℓ = 0 … ``most``, or to where it is 0 for every ε: ``learners.Private.table`` of many at once.

    >>> private_errors(np.array([1.0]), 0.0, 10, 3).round(4).tolist()  # after 0, 1, 2, 3 sights
    [[0.9, 0.7282, 0.2679, 0.0985]]
    """
    up, down = np.exp(epsilon), np.exp(-epsilon)
    rows = [np.full(len(epsilon), 1 - 1 / n_classes)]
    while len(rows) <= most and (rows[-1] > SETTLED).any():
        w = rows[-1]
        after = np.maximum(np.maximum(0.0, 1 - up * (1 - w) - delta), down * (w - delta))
        rows.append(np.minimum(w, np.where(after < 1e-17, 0.0, after)))
        if np.array_equal(rows[-1], w):
            break
    return np.stack(rows, axis=1)


def limited_errors(gamma: Floats, n_classes: int, most: int) -> Floats:
    """(1 − 1/K − ℓγ)_+ by γ and ℓ, to where it is 0 for every γ > 0.

    >>> limited_errors(np.array([0.5]), 10, 3).round(4).tolist()
    [[0.9, 0.4, 0.0, 0.0]]
    """
    least = gamma[gamma > 0].min(initial=1.0)
    top = min(most, int(np.ceil((1 - 1 / n_classes) / least)) + 1)
    return np.maximum(1 - 1 / n_classes - np.multiply.outer(gamma, np.arange(top + 1)), 0.0)


def group_bounds(epsilon: Floats, delta: float, n_classes: int, most: int, *, published: bool) -> Floats:
    """(1 − e^{ℓε}/K − c_ℓ δ)_+ by ε and ℓ ≥ 1, 0 at ℓ = 0: c_ℓ = ℓ e^{(ℓ−1)ε} as published, or (e^{ℓε} − 1)/(e^ε − 1).

    >>> group_bounds(np.array([1.0]), 0.0, 10, 3, published=False).round(4).tolist()
    [[0.0, 0.7282, 0.2611, 0.0]]
    """
    ell = np.arange(1, most + 1)
    exponent = np.minimum(np.multiply.outer(epsilon, ell), LARGEST_EPSILON)
    if published:
        factor = ell * np.exp(exponent - epsilon[:, None])
    else:
        one = np.expm1(epsilon)[:, None]
        factor = np.where(one > 0, np.expm1(exponent) / np.where(one > 0, one, 1.0), ell)
    bound = np.maximum(1 - np.exp(exponent) / n_classes - factor * delta, 0.0)
    return np.pad(bound, ((0, 0), (1, 0)))


def _excess_of_privacy(problem: Problem, epsilon: Floats, delta: float) -> Scores:
    table = private_errors(epsilon, delta, problem.n_classes, min(problem.n, MOST))
    table[:, 0] = 0.0
    return scored(problem, table, _final(epsilon, delta, problem))


def _excess_of_limit(problem: Problem, gamma: Floats) -> Scores:
    table = limited_errors(gamma, posed(problem).n_classes, min(problem.n, MOST))
    table[:, 0] = 0.0
    return scored(problem, table, np.where(gamma > 0, 0.0, problem.guess))


def _final(epsilon: Floats, delta: float, problem: Problem) -> Floats:
    """The error after ever so many sights: 0 but where nothing may be learned."""
    return np.where((epsilon > 0) | (delta > 0), 0.0, problem.guess)


def _epsilons(epsilon: ArrayLike) -> Floats:
    return np.array([real("epsilon", one, 0.0, LARGEST_EPSILON) for one in np.ravel(np.asarray(epsilon)).tolist()])


def _delta(delta: float) -> float:
    return real("delta", delta, 0.0, 1.0, open_high=True)


def _gammas(gamma: ArrayLike) -> Floats:
    return np.array([real("gamma", one, 0.0, 1.0) for one in np.ravel(np.asarray(gamma)).tolist()])


def _items(problem: Problem, items: ArrayLike) -> Integers:
    room = [whole("items", one, 0) for one in np.ravel(np.asarray(items)).tolist()]
    for one in room:
        if one > problem.n:
            raise ArgumentError("items", one, f"no more than the {problem.n:,} samples can be memorized: give fewer")
    return np.array(room, np.int64)


def _within(within: float) -> float:
    return real("within", within, 0.0, 1.0)
