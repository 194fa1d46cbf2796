"""Noise and outliers: which labels must be fit, by how often their subpopulation was seen, where a label is kept with chance κ.

A label is κ times the truth and else uniform over K: true with q = κ + (1 − κ)/K, any one other with r = (1 − κ)/K. Having seen
votes v_1, …, v_K of x, label y is the truth with p_y = (q/r)^{v_y} / Σ_j (q/r)^{v_j}. To answer the label of an example rather
than the best other is worth its weight, conf = p_y − max_{j≠y} p_j: where that is positive the label must be fit, where it is
negative it must not. A label seen once has conf = κ, whether or not it is true. Averages over all votes are sums over the
partitions of ℓ, in which every term is positive.

What an error is counted against makes three readings. ``clean``: the truth, conf as above and κ for a singleton. ``noisy``: a
fresh label with the same noise, all weights κ times those. ``own``: the flip belongs to the subpopulation, whose every label,
seen or fresh, is the flipped one; each must be fit, with weight 1. The optimum is the majority's error, of clean or of fresh
labels, or that without noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import factorial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from longtail.core import ArgumentError, Problem, real, whole
from longtail.exact.scored import by_count, scored

if TYPE_CHECKING:
    import pandas as pd

Reading = Literal["clean", "noisy", "own"]
LONGEST = 40  # sights whose votes are enumerated: 37,338 partitions
SIMPLEST = 1e-12  # conf that is 0 but for rounding


def noise(problem: Problem, kappa: ArrayLike, against: Reading = "clean") -> pd.DataFrame:
    """For each κ the optimal error, and what it costs to guess on what was seen once (``excess_error``) or to fit every label.

    A learner that fits every label answers one of those that it saw of x at random; up to two sights that is as good as any.

    >>> from longtail import Problem, Zipf
    >>> found = noise(Problem(Zipf(alpha=1, size=50_000), n=50_000), kappa=[0.6, 1])
    >>> found[["kappa", "excess_error", "fitting_every_label"]].round(4).values.tolist()
    [[0.6, 0.0438, 0.2403], [1.0, 0.0731, 0.0]]
    """
    import pandas as pd

    from longtail.learners import Majority, Memorizer

    _reading(against)
    rows, last = [], []
    chances = np.array([real("kappa", one, 0.0, 1.0) for one in np.ravel(np.asarray(kappa)).tolist()])
    guess = problem.guess
    for one in chances:
        best, final = by_count(
            Memorizer() if against == "own" else Majority(one, against), problem.n_classes, problem.n
        )
        fit = _of_one(float(one), problem.n_classes, against)
        single, every = np.zeros_like(best), np.where(np.arange(len(best)) > 2, fit - best, 0.0)
        single[1] = guess - fit
        rows += [best, single, every]
        last += [final, 0.0, fit - final]
    wide = max(len(row) for row in rows)
    table = np.array([np.pad(row, (0, wide - len(row)), mode="edge") for row in rows])
    found = scored(problem, table, np.array(last))
    value = found.value.reshape(-1, 3)
    return pd.DataFrame(
        {
            "kappa": chances,
            "against": against,
            "optimal_error": value[:, 0],
            "excess_error": value[:, 1],
            "fitting_every_label": value[:, 2],
            "bound": found.bound.reshape(-1, 3).max(1),
        }
    )


def _of_one(kappa: float, n_classes: int, against: Reading) -> float:
    """How often the label of one sight is wrong, on a fresh one."""
    if against == "own":
        return 0.0
    right = kappa + (1 - kappa) / n_classes
    return 1 - right if against == "clean" else 1 - kappa * right - (1 - kappa) / n_classes


def labels(kappa: float, n_classes: int, ell: ArrayLike = range(1, 11), against: Reading = "clean") -> pd.DataFrame:
    """By ℓ: the chance that a true and a wrong label must be fit, and must not be, and the mean weight of each.

    What is neither is as good as the best other. ``right_fit`` + ``wrong_fit`` are chances given that the label is so.

    >>> labels(0.6, 10, [1, 2])[["right_weight", "wrong_weight"]].round(4).values.tolist()
    [[0.6, 0.6], [0.6158, 0.0385]]
    """
    import pandas as pd

    _reading(against)
    kappa = real("kappa", kappa, 0.0, 1.0, open_low=True, open_high=True)
    n_classes = whole("n_classes", n_classes, 2)
    times = [
        whole("ell", one, 1, LONGEST) for one in np.ravel(np.asarray(list(ell) if isinstance(ell, range) else ell))
    ]
    if against == "own":
        sums = np.tile([1.0, 0.0, 1.0, 1.0, 0.0, 1.0], (len(times), 1))
    else:
        scale = 1.0 if against == "clean" else kappa
        sums = np.array([_sums(one, n_classes, kappa) for one in times]) * [1, 1, scale, 1, 1, scale]
    columns = [f"{which}_{what}" for which in ("right", "wrong") for what in ("fit", "unfit", "weight")]
    return pd.DataFrame({"ell": times} | dict(zip(columns, sums.T, strict=True)))


def crossover(kappa: float, n_classes: int, against: Reading = "clean") -> int | None:
    """The least ℓ at which a wrong label is better not fit, its mean weight negative; None under ``own``, where none is wrong.

    >>> crossover(0.6, 10)
    3
    """
    if _reading(against) == "own":
        return None
    for ell in range(1, LONGEST + 1):
        if float(labels(kappa, n_classes, ell, against)["wrong_weight"].iloc[0]) < -SIMPLEST:
            return ell
    raise ArgumentError("kappa", kappa, f"wrong labels are worth fitting up to {LONGEST} sights: give a larger one")


@lru_cache(maxsize=1024)
def _sums(ell: int, n_classes: int, kappa: float) -> tuple[float, ...]:
    """Shares fit and unfit, and mean conf, of right labels and of wrong ones."""
    q, r = kappa + (1 - kappa) / n_classes, (1 - kappa) / n_classes
    log_odds = np.log(q / r)
    right, wrong = np.zeros(4), np.zeros(4)
    for votes, ways in partitions(ell, n_classes):
        values, copies = np.unique(votes, return_counts=True)
        kinds, many = np.append(values, 0), np.append(copies, n_classes - len(votes)).astype(float)
        posterior = np.exp((kinds - votes[0]) * log_odds)
        evidence = float(many @ posterior)
        posterior /= evidence
        # over which label is the truth, Σ_f q^{v_f} r^{ℓ−v_f} / K, times the number of such votes
        chance = float(ways) * np.exp(ell * np.log(r) + votes[0] * log_odds) * evidence / n_classes
        top, second = votes[0], (votes[1] if len(votes) > 1 else 0)
        best = np.where(kinds == top, second, top)
        conf = posterior - np.exp((best - votes[0]) * log_odds) / evidence
        share = chance * many * kinds / ell
        signs = np.stack([conf > SIMPLEST, conf < -SIMPLEST, conf, np.ones_like(conf)])
        right += signs @ (share * posterior)
        wrong += signs @ (share * (1 - posterior))
    return (*(right[:3] / right[3]).tolist(), *(wrong[:3] / wrong[3]).tolist())


def partitions(ell: int, parts: int) -> Iterator[tuple[list[int], int]]:
    """ℓ as a sum of at most ``parts``, largest first, and how many votes of ℓ points on ``parts`` labels are so divided.

    >>> list(partitions(4, 2))
    [([4], 2), ([3, 1], 8), ([2, 2], 6)]
    """

    def below(left: int, most: int, room: int) -> Iterator[list[int]]:
        if left == 0:
            yield []
        elif room:
            for first in range(min(left, most), (left - 1) // room, -1):
                for rest in below(left - first, first, room - 1):
                    yield [first, *rest]

    for votes in below(ell, ell, parts):
        ways = factorial(ell)
        for vote in votes:
            ways //= factorial(vote)
        chosen, room = 1, parts
        for copies in np.unique(votes, return_counts=True)[1].tolist():
            for k in range(copies):
                chosen = chosen * (room - k)
            room -= copies
            chosen //= factorial(copies)
        yield votes, ways * chosen


def _reading(against: str) -> str:
    if against not in get_args(Reading):
        raise ArgumentError("against", against, "give 'clean', 'noisy' or 'own'")
    return against
