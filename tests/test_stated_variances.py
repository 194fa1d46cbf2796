"""No variance is off by more than it says: random short lists, up to 30,000 samples, against sums over every draw and pair."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from math import factorial, prod

import numpy as np
import pytest
from scipy.special import gammaln, xlogy
from test_stated_errors import some

from longtail import AccuracyError, Problem, exact
from longtail.exact import laws

LARGE_ENOUGH = 1e-20


def truth(problem: Problem, ell: int) -> tuple[float, float, float]:
    """Variances of |X_ℓ| and of what they hold, and what these sums, of large logarithms, may be off by relatively."""
    value, size, n = problem.prior.entries(), problem.prior.size, problem.n
    if problem.mode == "fixed":
        weight, share = np.ones(1), (value / value.sum())[None, :]
    else:
        drawn = list(combinations_with_replacement(range(size), size))
        ways = [factorial(size) / prod(factorial(d.count(k)) for k in range(size)) for d in drawn]
        share = value[np.array(drawn)]
        weight, share = np.array(ways) / size**size, share / share.sum(1)[:, None]

    def chance(*those: int) -> np.ndarray:
        left = n - len(those) * ell
        if left < 0:
            return np.zeros(len(share))
        rest = share[:, [k for k in range(size) if k not in those]].sum(1)
        log_ways = gammaln(n + 1) - len(those) * gammaln(ell + 1) - gammaln(left + 1)
        return np.exp(log_ways + sum(xlogy(ell, share[:, k]) for k in those) + xlogy(left, rest))

    one, two = [chance(k) for k in range(size)], {pair: chance(*pair) for pair in combinations(range(size), 2)}
    out, slack = [], []
    for a in (np.ones_like(share), share):
        mean = weight @ sum(a[:, k] * one[k] for k in range(size))
        square = weight @ sum(a[:, k] ** 2 * one[k] for k in range(size))
        pairs = weight @ sum(a[:, j] * a[:, k] * p for (j, k), p in two.items())
        out.append(float(square + 2 * pairs - mean**2))
        slack.append(float(4e-16 * (gammaln(n + 1) + 30) * (out[-1] + mean**2)))
    return out[0], out[1], max(slack)


@pytest.mark.kernels
def test_variances() -> None:
    """Control: a ten thousandth of the bounds would be too little; and hardly any that is not rare is refused."""
    rng, asked, refused, close = np.random.default_rng(2), 0, 0, 0
    for _ in range(40):
        prior = some(rng, int(rng.integers(2, 6)))
        problem = Problem(
            prior, int(np.exp(rng.uniform(0, np.log(3e4)))), mode=["random", "fixed"][int(rng.integers(2))]
        )
        for ell in sorted({0, 1, 2, int(rng.integers(0, min(problem.n, 60) + 1))}):
            if ell > problem.n:
                continue
            *true, slack = truth(problem, ell)
            for read, value in zip((exact.variance, exact.mass_variance), true, strict=True):
                if value < LARGE_ENOUGH:
                    continue
                asked += 1
                try:
                    found = read(problem, ell)
                except AccuracyError:
                    refused += value > 1e-6
                    continue
                off = abs(found.value - value)
                assert off <= found.bound + slack, (problem, ell, read.__name__)
                close += off > 1e-4 * found.bound
    assert asked > 150
    assert refused <= 0.05 * asked
    assert close > 20


def test_without_the_second_points_some_would_not_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: coarse points that are too coarse are seen in the bound."""
    from longtail import Zipf

    problem = Problem(Zipf(alpha=2, size=900), 900)
    good = exact.variance(problem, 1)
    monkeypatch.setattr(laws, "COARSE", 0.4)
    poor, bound = laws._variance(problem, 1, checked=False)
    assert poor == pytest.approx(good.value, rel=1e-8)
    assert bound > 1e3 * good.bound
