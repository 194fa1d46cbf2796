"""Next-symbol learners that keep what they saw, and strings read out of them."""

from __future__ import annotations

import numpy as np
import pytest

from longtail.irrelevant.reachable import next_symbol_right
from longtail.irrelevant.sequences import Alike, Votes, extracted, right
from longtail.irrelevant.tasks import NextSymbol
from longtail.priors import Uniform

Z = 5


@pytest.mark.parametrize(("delta", "clusters", "ell"), [(0.3, 3000, 1), (0.2, 1, 3), (0.0, 3000, 1)])
def test_the_majority_is_right_as_often_as_the_best_learner(delta: float, clusters: int, ell: int) -> None:
    """Every subpopulation that is seen, is seen ``ell`` times: alone among many, or as the only one."""
    task, found = NextSymbol(Uniform(size=clusters), 30, delta), []
    for number in range(150 if clusters > 1 else 1500):
        sample = task.draw(20 if clusters > 1 else ell, 1, number)
        seen = np.flatnonzero(sample.population.count == ell)
        found += list(right(Votes.of(task, sample), task.fresh(seen, 1, number)))
    said, error = next_symbol_right(30, delta, ell), np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - said) < Z * error
    assert abs(np.mean(found) - next_symbol_right(30, delta, 0)) > Z * error  # the control: nothing seen


def test_nearest_prefix_as_plainly_written() -> None:
    task = NextSymbol(Uniform(size=3), 12, 0.4)
    sample = task.draw(15, 2)
    asked = task.fresh(np.repeat(np.arange(3), 10), 2)
    said = Alike(sample).log_odds(asked.population.members, asked.x, asked.length)
    for row, (j, t) in enumerate(zip(asked.population.members, asked.length, strict=True)):
        agreed = {}
        for i in range(15):
            if sample.population.members[i] == j and sample.length[i] >= t:
                same = sum(a == b for a, b in zip(sample.x[i][:t], asked.x[row][:t], strict=True))
                agreed.setdefault(same, []).append(int(sample.x[i][t]))
        votes = agreed[max(agreed)] if agreed else []
        assert np.sign(said[row]) == np.sign(2 * sum(votes) - len(votes))


def test_singletons_come_out_as_they_are_with_their_noise() -> None:
    task = NextSymbol(Uniform(size=50), 40, 0.4)
    sample = task.draw(50, 3)
    alone = sample.population.alone
    shown = np.arange(40) <= sample.length[alone][:, None]
    flipped = (sample.x[alone] != task.reference(sample.population.members[alone], 3))[shown]
    assert 0.1 < flipped.mean() < 0.3
    for model in (Votes.of(task, sample), Alike(sample)):
        said = extracted(model, sample.population.members[alone], 40)
        np.testing.assert_array_equal(said[shown], sample.x[alone][shown])
        assert (said[~shown] == 0).all()
    common = np.flatnonzero(np.bincount(sample.population.members, minlength=50) >= 3)
    said = extracted(Votes.of(task, sample), common, 40)
    for j, row in zip(common, said, strict=True):
        for t in range(40):
            some = sample.x[(sample.population.members == j) & (sample.length >= t), t]
            assert row[t] == (2 * int(some.sum()) > len(some))
