"""Bits that learners hold, against enumeration of all data sets, and the room below the line against simulation."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from longtail import Problem, exact
from longtail.core import ArgumentError
from longtail.irrelevant import information
from longtail.irrelevant.tasks import Hypercube
from longtail.priors import Uniform, Zipf

Z = 5


def entropy(counts: Counter[object]) -> float:
    p = np.array(list(counts.values()), float)
    p /= p.sum()
    return float(-(p * np.log2(p)).sum())


def enumerated(d: int, fixed: float, ell: int, kept: bool) -> float:
    """I(M; X | P) of one cluster: over which bits are fixed, H(M) for M a function of the examples, all of them written out."""
    total = 0.0
    for mask in product([0, 1], repeat=d):
        free = d - sum(mask)
        said: Counter[object] = Counter()
        for rows in product(product([0, 1], repeat=free), repeat=ell):
            if kept:
                said[tuple(sorted(rows))] += 1
            else:
                said[tuple(v[0] if len(set(v)) == 1 else None for v in zip(*rows, strict=True))] += 1
        total += fixed ** sum(mask) * (1 - fixed) ** free * entropy(said)
    return total


@pytest.mark.parametrize(("d", "ell"), [(1, 1), (8, 1), (4, 2), (6, 2), (3, 3), (2, 5), (1, 6), (2, 6), (3, 4)])
@pytest.mark.parametrize("fixed", [0.0, 0.3, 1.0])
def test_bits_held_as_enumerated(d: int, ell: int, fixed: float) -> None:
    assert information.kept_bits(d, fixed, ell) == pytest.approx(enumerated(d, fixed, ell, True), rel=1e-10, abs=1e-12)
    assert information.agreed_bits(d, fixed, ell) == pytest.approx(
        enumerated(d, fixed, ell, False), rel=1e-10, abs=1e-12
    )


@pytest.mark.parametrize(
    ("strength", "ell", "flipped"), [(0.3, 1, 0.0), (0.3, 4, 0.1), (0.6, 5, 0.2), (1.0, 2, 0.1), (0.0, 3, 0.4)]
)
def test_a_majority_as_enumerated(strength: float, ell: int, flipped: float) -> None:
    """I(M; X | center) of a bit, from the joint law of all examples, the coin and the flip; bits are independent."""
    joint: dict[tuple[int, tuple[int, ...]], float] = {}
    for own in product([0, 1], repeat=ell):  # 1: not the center's
        chance = np.prod([(1 - strength) / 2 if o else (1 + strength) / 2 for o in own])
        for toss in (0, 1):
            said = toss if 2 * sum(own) == ell else int(2 * sum(own) > ell)
            for flip in (0, 1):
                p = chance / 2 * (flipped if flip else 1 - flipped)
                key = (said ^ flip, own)
                joint[key] = joint.get(key, 0.0) + p
    said_law: dict[int, float] = {}
    own_law: dict[tuple[int, ...], float] = {}
    for (said, own), p in joint.items():
        said_law[said] = said_law.get(said, 0.0) + p
        own_law[own] = own_law.get(own, 0.0) + p
    wanted = sum(p * np.log2(p / said_law[s] / own_law[o]) for (s, o), p in joint.items() if p > 0)
    assert information.majority_bits(8, strength, ell, flipped) == pytest.approx(8 * wanted, abs=1e-10)


def test_a_population_holds_what_its_subpopulations_do() -> None:
    """By simulation: the sums over ℓ of how many are seen so often, beside counts of drawn data sets."""
    task, n = Hypercube(Zipf(alpha=1, size=40), 64, 0.25), 50
    problem = Problem(task.prior, n)
    table = information.held(problem, 64, 0.25)
    assert table["agreed_bits"][0] == pytest.approx(information.line(problem, 64, 0.25).value)
    assert table["kept_bits"][0] == pytest.approx(table["agreed_bits"][0])
    free, agreed = [], []
    for number in range(200):
        sample = task.draw(n, 1, number)
        free.append((~sample.relevant).sum())
        count = sample.population.count
        agreed.append(sum(information.agreed_bits(64, 0.25, int(c)) for c in count[count > 0]))
    error = np.std(agreed, ddof=1) / np.sqrt(len(agreed))
    assert abs(np.mean(agreed) - table["agreed_bits"].sum()) < Z * error
    order = np.mean(
        [np.sum([np.log2(np.arange(1, c + 1)).sum() for c in task.draw(n, 1, k).population.count]) for k in range(200)]
    )
    error = np.std(free, ddof=1) / np.sqrt(len(free))
    assert abs(np.mean(free) - order - table["kept_bits"].sum()) < Z * error


def test_the_room_below_the_line_as_simulated() -> None:
    d, fixed, rivals, seed = 120, 0.4, 40, 3
    problem = Problem(Uniform(size=60), 60)
    table = information.room(problem, d, fixed, rivals, 5)
    every = table.set_index(["learner", "share_of_bits"])["singletons_right"]
    rng = np.random.default_rng(seed)
    trials = 3000
    mask = rng.random((trials, d)) < fixed
    one, other = rng.random((2, trials, d)) < 0.5
    fresh = np.where(mask, one, other)
    strangers = rng.random((trials, rivals, d)) < 0.5

    def right(kept: np.ndarray, own: np.ndarray, noise: np.ndarray) -> float:
        mine = (own == fresh)[:, kept].sum(1)
        best = ((strangers ^ noise) == fresh[:, None])[:, :, kept].sum(2)
        top, level = best.max(1), (best == mine[:, None]).sum(1)
        return float(np.mean(np.where(top < mine, 1.0, np.where(top == mine, 1 / (1 + level), 0.0))))

    still = np.zeros((1, 1, 1), bool)
    for name, share, found in (
        ("Thinned", 0.5, right(np.arange(d // 2), one, still)),
        ("Blurred", 0.25, right(np.arange(d), one ^ (rng.random(one.shape) < information.flip(0.25)), still)),
        ("Thinned", 1.0, right(np.arange(d), one, still)),
    ):
        said = every[name, share]
        assert abs(found - said) < Z * np.sqrt(said * (1 - said) / trials)
    mass = exact.subpopulations(problem, 1).value * exact.tau(problem).value
    lost = table.set_index(["learner", "share_of_bits"])["excess_error"]
    assert lost["Forgotten", 0.0] == pytest.approx(mass * (every["Thinned", 1.0] - 1 / 41))
    assert lost["Forgotten", 0.5] == pytest.approx(lost["Forgotten", 0.0] / 2)
    for name in ("Thinned", "Blurred", "Forgotten"):
        assert (np.diff(lost[name].to_numpy()) <= 1e-12).all()
        assert lost[name, 1.0] == 0


def test_less_error_takes_more_bits() -> None:
    problem = Problem(Uniform(size=500), 500)
    shares = [information.least_share(problem, 1000, 0.174, 315, excess) for excess in (0.0, 0.01, 0.1, 0.5)]
    assert shares[0] == 1
    assert (np.diff(shares) < 0).all()
    assert shares[-1] == 0
    with pytest.raises(ArgumentError, match="excess"):
        information.least_share(problem, 1000, 0.174, 315, -0.1)
    table = information.room(problem, 1000, 0.174, 315, 65)
    enough = table[table["excess_error"] <= 0.01]["share_of_bits"].min()
    assert enough - 1 / 64 <= shares[1] <= enough
    for bits in np.linspace(0, 1, 9):
        assert 1 - information.coin(information.flip(bits)) == pytest.approx(bits, abs=1e-9)
