"""Claim (Feldman, arXiv 1906.05271, Theorem 2.3): a learner pays τ_ℓ for each point seen ℓ times that it does not fit,

    err(A) = opt + E Σ_{ℓ≥1} τ_ℓ errn_Z(A, ℓ),   errn_Z(A, ℓ) = Σ_{x seen ℓ times} Pr[h(x) ≠ y_x].

The left side is simulated by scoring learners on D; the right, on other data sets, by how many were seen how often and the
exact τ, without a look at D. N = n = 1,000, K = 10, 2,000 data sets a side: over 24 pairs of a prior and a learner whose
error on x depends on x's own count the sides differ by 2.52 standard errors at the most, with mean z² of 1.27.

The paper states it for every sample Z by itself. So it holds for Gamma frequencies, for which E[D(x)|Z] depends on x's own
count only, and, but for equal ones, for no other list. Draw three frequencies from {1, .05} and three samples: τ_1 = .35262,
yet what was seen once weighs 1/3 where each was, and .36057 where one was and another twice (simulated .3610 ± .0010).
Guessing there then costs .324511 and not the theorem's .317362, and is 8.7 standard errors from it, while averaged over
samples the sides are at 0.2361 and 0.2359.
"""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail import Gamma, Prior, Problem, Uniform, Zipf, exact, montecarlo
from longtail.core import ArgumentError, Estimate, Floats, Moments, Nodes
from longtail.core.arrays import Random
from longtail.core.published import Published
from longtail.learners import Capacity, Forget, Learner, Limited, Memorizer, Private, Seen
from longtail.montecarlo.census import Census
from simulations.claim import FAIR, Claim, chosen, fairness
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Config:
    """Sizes, and the seed of the left side; the right side takes the next one."""

    size: int = 1_000
    samples: int = 1_000
    n_classes: int = 10
    trials: int = 2_000
    small_trials: int = 60_000
    seed: int = 23

    def priors(self) -> list[Prior]:
        """Light and heavy tails, the one for which the claim holds sample by sample, and none."""
        size = self.size
        return [Zipf(0.5, size), Zipf(1.0, size), Gamma(0.5, size), Uniform(size)]

    def learners(self) -> list[Learner]:
        """Each errs on x by x's own count only."""
        return [Memorizer(), Forget(1), Forget(3), Limited(0.5), Limited(0.2), Private(1.8)]


QUICK = Config(trials=1_000)


@dataclass(frozen=True)
class Pair(Prior):
    """Each frequency is ``high`` or ``low``, evenly: the list {high, low}, for any number of subpopulations."""

    high: float
    low: float
    size: int

    def nodes(self, refine: float = 1.0) -> Nodes:
        return Nodes(np.log([self.low, self.high]), np.full(2, self.size / 2))

    def entries(self) -> Floats:
        raise ArgumentError("mode", "fixed", "two values do not make a list of this size: use mode='random'")

    def sample(self, rng: Any, shape: tuple[int, ...]) -> Floats:
        return np.where(rng.random(shape) < 0.5, self.high, self.low)


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """Both sides for each prior and learner; then, for two lists of three, both sides given the sample's pattern."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    seeds = itertools.count(config.seed)
    for prior, learner in itertools.product(config.priors(), [*config.learners(), Capacity(config.size // 10)]):
        problem = Problem(prior, config.samples, config.n_classes)
        depth = learner.settled(problem.n_classes, problem.n) if learner.own else 2
        left, right = (_census(problem, config.trials, depth, next(seeds)) for _ in range(2))
        sides = (
            _error(left, _errors(learner, left, problem)),
            _theorem(right, _errors(learner, right, problem), problem),
        )
        rows.append(_row(prior, learner, "all", *sides))
    for prior in (Gamma(0.5, 3), Pair(1.0, 0.05, 3)):
        problem, learner = Problem(prior, 3, config.n_classes), Forget(1)
        census = _census(problem, config.small_trials, 3, next(seeds))
        for pattern, many in (("1, 1, 1", 3), ("1, 2, 0", 1), ("any", None)):
            here = slice(None) if many is None else census.number[:, 1] == many
            part = Census(census.number[here], census.mass[here])
            pay = _errors(learner, part, problem)
            pay[:, 0] = 0.0  # what is unseen costs both sides the same
            rows.append(_row(prior, learner, pattern, _error(part, pay), _theorem(part, pay, problem)))
    return pd.DataFrame(rows)


def _census(problem: Problem, trials: int, depth: int, seed: int) -> Census:
    parts = montecarlo.censuses(problem, trials=trials, ells=depth, rng=Random(seed))
    return Census.concatenate(list(parts))


def _errors(learner: Learner, census: Census, problem: Problem) -> Floats:
    """Pr[wrong on what was seen ℓ times], ℓ = 0, 1, … and the rest, for each data set."""
    times = np.arange(census.number.shape[1])[None, :]
    errors = learner.errors(Seen(times, census.number, problem.n_classes))
    return np.broadcast_to(errors, census.number.shape).copy()


def _error(census: Census, errors: Floats) -> Estimate:
    """The mean of Σ_x D(x) errors(ℓ_x)."""
    return Moments.of(np.sum(census.mass * errors, axis=1, keepdims=True)).linear([1.0])


def _theorem(census: Census, errors: Floats, problem: Problem) -> Estimate:
    """The mean of Σ_ℓ τ_ℓ errn(ℓ), opt its term of ℓ = 0: no frequency is looked at, only who was seen how often."""
    paid = np.flatnonzero(errors.any(axis=0))
    tau = np.asarray(exact.tau(problem, paid).value)
    return Moments.of(np.sum(census.number[:, paid] * errors[:, paid] * tau, axis=1, keepdims=True)).linear([1.0])


def _row(prior: Prior, learner: Learner, sample: str, error: Estimate, theorem: Estimate) -> dict[str, Any]:
    gap = error - theorem
    certain = 0.0 if abs(gap.value) < 1e-9 else math.inf
    return {
        "prior": repr(prior),
        "learner": repr(learner),
        "sample": sample,
        "error": error.value,
        "error_stderr": error.stderr,
        "theorem": theorem.value,
        "theorem_stderr": theorem.stderr,
        "z": gap.z if gap.stderr > 1e-9 else certain,
    }


NOTHING = Published("0", 0.0, 0.0, otherwise=0.01)  # two sides of an equality
CLAIMS = (
    Claim(
        "mean z² of the two sides, averaged over samples, 24 pairs of a prior and a learner",
        FAIR,
        lambda t: fairness(averaged(t)["z"]),
    ),
    Claim(
        "error less the theorem's, of samples that show each of three once, Gamma frequencies",
        NOTHING,
        lambda t: gap(t, "Gamma"),
    ),
    Claim("the same of the list {1, .05}: the theorem for every sample", NOTHING, lambda t: gap(t, "Pair")),
)


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that the theorem is about: learners that err on x by x's own count, over all samples."""
    return table[(table["sample"] == "all") & ~table["learner"].str.startswith("Capacity")]


def gap(table: pd.DataFrame, prior: str) -> Estimate:
    """Error less the theorem's value, given that each of three was seen once: all is seen, and nothing left to chance."""
    (row,) = chosen(table[table["prior"].str.startswith(prior)], sample="1, 1, 1").to_dict("records")
    return Estimate(row["error"], bound=1e-12) - Estimate(row["theorem"], bound=1e-9)


def plot(frame: pd.DataFrame) -> Figure:
    """Averaged, the two sides agree; given the sample's pattern, they do where frequencies are Gamma."""

    from longtail.plots import BLUE, ORANGE, drawing

    averaged = frame[frame["sample"] == "all"]
    given = frame[(frame["sample"] != "all") & (frame["sample"] != "any")]
    with drawing(11, 0.22 * len(averaged) + 1.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[2, 1])
        y = np.arange(len(averaged))[::-1]
        spread = np.hypot(averaged["error_stderr"], averaged["theorem_stderr"])
        left.errorbar(averaged["error"] - averaged["theorem"], y, xerr=2 * spread, fmt="o", color=BLUE, markersize=4)
        left.axvline(0, color="black", linewidth=0.8)
        left.set_yticks(
            y, [f"{a}, {b}" for a, b in zip(averaged["prior"], averaged["learner"], strict=True)], fontsize=7
        )
        left.locator_params(axis="x", nbins=5)
        left.set_xlabel("error − theorem, ± 2 standard errors")
        left.set_title("Averaged over samples")
        x = np.arange(len(given))
        for side, offset, color, marker in (("error", -0.08, BLUE, "o"), ("theorem", 0.08, ORANGE, "s")):
            bars = 2 * given[f"{side}_stderr"]
            right.errorbar(x + offset, given[side], yerr=bars, fmt=marker, color=color, markersize=5, label=side)
        right.set_xticks(x, [f"{p.split('(')[0]}\n{s}" for p, s in zip(given["prior"], given["sample"], strict=True)])
        right.set_ylabel("cost of guessing singletons, N = n = 3")
        right.set_title("Given the sample")
        right.legend(loc="best")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="theorem"))
