"""Laws of scale: exact values against plain sums, and against what they tend to."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import special

from longtail import ArgumentError, Problem, Zipf, exact
from longtail.exact import scale
from simulations import scaling

LAW = {law.name: law for law in scale.LAWS}


@pytest.mark.parametrize("s", [1.3, 2.0])
def test_exact_values_are_plain_sums(s: float) -> None:
    """Over every entry, and for the variance over every pair."""
    n, share = 200, np.arange(1.0, 3_001.0) ** -s
    share /= share.sum()
    problem = Problem(Zipf(alpha=s, size=3_000), n, mode="fixed")
    unseen = (1 - share) ** n
    both = (1 - share[:, None] - share) ** n
    np.fill_diagonal(both, unseen)
    plain = {
        "unseen_mass": share @ unseen,
        "gain_of_one_sample": share**2 @ unseen,
        "variance_of_unseen_mass": share @ (both - np.outer(unseen, unseen)) @ share,
        "distinct_subpopulations": (1 - unseen).sum(),
        "unseen_mass_of_kept": share @ unseen,
        "seen_fewer_than_3": sum(
            special.comb(n, ell) * (share ** (ell + 1) @ (1 - share) ** (n - ell)) for ell in range(3)
        ),
    }
    for name, value in plain.items():
        assert LAW[name].exact(problem) == pytest.approx(value, rel=1e-8)
    assert LAW["gain_of_one_sample"].exact(problem) == pytest.approx(
        exact.unseen_mass(problem).value - exact.unseen_mass(Problem(problem.prior, n + 1, mode="fixed")).value,
        rel=1e-8,
    )


def test_asymptotes_are_reached_at_the_rates_derived() -> None:
    """Relative terms 1/n for sums that end at 0; n^{−(1−1/s)} for the variance; the half of Heaps' law."""
    for s in (1.5, 2.0, 3.0):
        problem = Problem(Zipf(alpha=s, size=10**12), 1, mode="fixed")
        frame = scale.asymptotes(problem, [10**4, 10**6]).pivot(index="law", columns="samples", values="ratio") - 1
        a = 1 - 1 / s
        gain = frame.loc["gain_of_one_sample"]
        assert gain[10**4] == pytest.approx(special.gamma(3 + a) / special.gamma(1 + a) / 2e4, rel=0.05)
        falls = np.log(frame.loc["variance_of_unseen_mass"]).diff().iloc[-1] / np.log(100)
        assert falls == pytest.approx(-a, abs=0.05)
        there = Problem(problem.prior, 10**6, mode="fixed")
        assert LAW["distinct_subpopulations"].asymptote(there) - scale.distinct(there) == pytest.approx(
            0.5, abs=0.01 if s > 1.5 else 1
        )
        exponents = scale.asymptotes(problem, 10**6)
        assert (exponents["exponent"] - exponents["limit_exponent"]).abs().max() < 0.01


def test_the_first_samples_within() -> None:
    problem = Problem(Zipf(alpha=2, size=10**9), 1, mode="fixed")
    for name in ("unseen_mass", "distinct_subpopulations"):
        law = LAW[name]
        n = law.within(problem, 0.02)
        assert n is not None
        for m, inside in ((n, True), (int(n * 1.5), True), (int(n * 0.9), False)):
            there = Problem(problem.prior, m, mode="fixed")
            assert (abs(law.asymptote(there) / law.exact(there) - 1) <= 0.02) == inside
    assert LAW["unseen_mass"].within(Problem(Zipf(alpha=1.2, size=10**6), 1, mode="fixed")) is None


def test_what_has_no_law_of_scale() -> None:
    for problem in (Problem(Zipf(alpha=1, size=9), 5, mode="fixed"), Problem(Zipf(alpha=2, size=9), 5)):
        with pytest.raises(ArgumentError, match="prior"):
            scale.asymptotes(problem, 10)


def test_the_simulation_and_its_docstring() -> None:
    frame = scaling.run()
    text = scaling.__doc__ or ""
    for name, words in {
        "unseen_mass": "unseen mass",
        "variance_of_unseen_mass": "variance of unseen mass",
        "distinct_subpopulations": "distinct subpopulations",
        "unseen_mass_of_kept": "unseen mass of m kept",
    }.items():
        line = next(line for line in text.splitlines() if line.strip().startswith(words + "  "))
        reached = frame[frame["law"] == name].groupby("s")["from_samples"].first()
        assert [f"{int(x):,}" for x in reached] == line.split()[-3:]
    assert isinstance(scaling.plot(frame), Figure)
