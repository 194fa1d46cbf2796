"""The nouns that both packages share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtail import ArgumentError, Estimate, Moments, Problem, Zipf


@pytest.mark.kernels
@settings(max_examples=50, deadline=None, derandomize=True)
@given(sizes=st.lists(st.integers(0, 20), min_size=2, max_size=6), seed=st.integers(0, 1000))
def test_moments_are_additive(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [1e6 + rng.normal(size=(size, 3)) for size in sizes]
    total = Moments.of(np.zeros((0, 3)))
    for part in parts:
        total = total + Moments.of(part)
    whole = Moments.of(np.concatenate(parts))
    assert total.count == whole.count
    np.testing.assert_allclose(total.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(total.comoment, whole.comoment, rtol=1e-6, atol=1e-6)


def test_estimates_read_off_moments() -> None:
    """Mean z² near 1 for a linear form and for a ratio by the delta method, over 2,000 repetitions; seed 3."""
    rng = np.random.default_rng(3)
    z = []
    for _ in range(2_000):
        x = rng.gamma(2.0, size=(400, 1)) * [1.0, 0.0] + rng.gamma(5.0, size=(400, 2)) * [0.5, 1.0]
        moments = Moments.of(x)
        z.append([(moments.linear([1, 1]) - Estimate(9.5)).z, (moments.ratio([1, 0], [0, 1]) - Estimate(0.9)).z])
    squares = np.square(z).mean(0)
    assert np.all(np.abs(squares - 1) < 5 * np.sqrt(2 / 2_000))
    shifted = np.square(np.add(z, 1.0)).mean(0)
    assert np.all(np.abs(shifted - 1) > 5 * np.sqrt(2 / 2_000))


def test_what_cannot_be_known_is_nan() -> None:
    one = Moments.of([[1.0, 0.0]])
    assert np.isnan(one.linear([1, 0]).stderr)
    assert np.isnan(one.ratio([1, 0], [0, 1]).value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n": 0}, "n: got 0; give a whole number from 1"),
        ({"n": 10**13}, "n: got 10000000000000"),
        ({"n": 2.5}, "n: got 2.5"),
        ({"n": True}, "n: got True"),
        ({"n": 5, "n_classes": 1}, "n_classes: got 1; give a whole number from 2"),
        ({"n": 5, "mode": "both"}, "mode: got both; give 'random' or 'fixed'"),
        ({"n": 5, "prior": 3}, "prior: got 3; give a longtail prior"),
    ],
)
def test_bad_problems(keywords: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"prior": Zipf(alpha=1, size=10)} | keywords
    with pytest.raises(ArgumentError, match=message):
        Problem(**arguments)  # type: ignore[arg-type]
