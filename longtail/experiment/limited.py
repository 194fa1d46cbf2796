"""What a limit on memorization costs, in the model of ``predictions``: a learner of the theory where a subset teaches.

A learner by its own count errs with probability e(j) on what it saw j times (``longtail.learners``). Here it sees an example of
its subpopulation where that teaches: of c members, each in the subset with chance r and teaching with probability λ, J ~
Binomial(c, rλ) do. So a test example is wrong with probability E e(J); and of a training example with c − 1 others, J of them,

    held out  E e(J),     trained on  E e(J + 1),     memorization  E[e(J) − e(J + 1)].

Of one that memorizes, e = 1 − 1/K, 0, 0, …, this is what ``predictions`` says; with λ = 1 and r = 1 the error is
``longtail.exact.error``. Where guesses are not fresh, all errors of a subpopulation are in proportion to its u.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from longtail.core import Floats, Problem
from longtail.exact.scored import by_count
from longtail.experiment.coupling import Coupling
from longtail.experiment.members import members
from longtail.experiment.noise import Noise
from longtail.experiment.occupancy import TINY, smooth
from longtail.learners import Learner

if TYPE_CHECKING:
    import pandas as pd

STEPS = 200  # of λ: all here is smooth in it
CELLS = 400  # of memorization
CELLS_OF_GUESSES, CELLS_APART = 48, 16  # of what memorization can be at the most


def taught(table: Floats, copies: Floats, chance: Floats) -> Floats:
    """E table[J], J ~ Binomial(copies, chance), by copies and chance; the last entry serves all larger counts.

    >>> taught(np.array([0.9, 0.0]), np.array([1.0, 2.0]), np.array([0.5])).ravel().tolist()
    [0.45, 0.225]
    """
    c, q = copies[:, None], chance[None, :]
    out = np.full((len(copies), len(chance)), float(table[-1]))
    for j, excess in enumerate((table[:-1] - table[-1]).tolist()):
        there = c >= j
        left = np.where(there, c - j, 0.0)
        log = special.gammaln(c + 1) - special.gammaln(j + 1) - special.gammaln(left + 1)
        out += excess * np.where(there, np.exp(log + special.xlogy(j, q) + special.xlog1py(left, -q)), 0.0)
    return out


def error(problem: Problem, coupling: Coupling, learner: Learner, kept: float = 1.0) -> float:
    """Expected test error of a learner that is trained on each of n examples with chance ``kept``.

    >>> from longtail import Problem, Zipf, exact
    >>> from longtail.experiment.coupling import Fixed
    >>> from longtail.learners import Memorizer
    >>> problem = Problem(Zipf(alpha=1, size=100), n=100)
    >>> round(error(problem, Fixed(1), Memorizer()) / exact.optimal_error(problem).value, 6)  # where any member teaches
    1.0
    """
    seen = smooth(problem, dust=coupling.dust)
    of = members(coupling, np.zeros(1), 1.0, STEPS)
    table, _ = by_count(learner, problem.n_classes, problem.n)
    wrong = float(seen.mass @ (taught(table, seen.copies, kept * of.mean) @ of.weight)) + seen.dust * float(table[0])
    return coupling.wrong(problem.n_classes) / problem.guess * wrong


def by_memorization(
    problem: Problem, coupling: Coupling, learners: Sequence[Learner], edges: Floats, noise: Noise
) -> pd.DataFrame:
    """By bin of the estimated memorization of one that memorizes, and learner: accuracy lost on examples trained on and held out.

    ``edges`` part the bins, the first and the last of which are open; ``share`` is that of examples in a bin.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> from longtail.learners import Limited
    >>> from longtail.experiment.noise import Exact
    >>> found = by_memorization(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), [Limited(0.5)], np.array([0.25]), Exact())
    >>> found[["low", "high", "share", "in_lost"]].round(3).values.tolist()
    [[-inf, 0.25, 0.589, 0.008], [0.25, inf, 0.411, 0.287]]
    """
    import pandas as pd

    seen, r = smooth(problem, dust=coupling.dust), noise.fraction
    others, guess = np.append(seen.copies[1:] - 1, 0.0), 1 - 1 / problem.n_classes  # the last is dust
    of = members(coupling, others, r, STEPS)
    each = np.append(seen.examples[1:], seen.dust)[:, None, None] * of.weight[:, None] * of.law
    tops, guessed = coupling.guesses(problem.n_classes, CELLS_APART if coupling.apart else CELLS_OF_GUESSES)
    true = np.multiply.outer(tops, np.broadcast_to(of.left, each.shape))
    law = np.multiply.outer(guessed, each)
    place = np.minimum((true * CELLS).astype(int), CELLS - 1).ravel()

    def by_cell(value: Floats) -> Floats:
        return np.bincount(place, weights=(law * value).ravel(), minlength=CELLS).astype(float)

    whole = by_cell(np.ones_like(true))
    chances = noise.chances(edges, by_cell(true) / np.maximum(whole, TINY))
    share = chances @ whole
    frames = []
    for learner in learners:
        table, _ = by_count(learner, problem.n_classes, problem.n)
        after = np.append(table[1:], table[-1])
        out, inside = (
            np.multiply.outer(tops / guess, taught(t, others, r * of.mean)[:, :, None]) for t in (table, after)
        )
        lost = [chances @ by_cell(value) / np.maximum(share, TINY) for value in (inside, out - true)]
        frames.append(
            pd.DataFrame(
                {
                    "learner": repr(learner),
                    "low": np.append(-np.inf, edges),
                    "high": np.append(edges, np.inf),
                    "share": share,
                    "in_lost": lost[0],
                    "out_lost": lost[1],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
