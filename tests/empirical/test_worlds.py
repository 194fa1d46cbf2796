"""Difficulty, dust and λ of a pair's own: predictions against data sets drawn member by member from the model, z = 5, seed 12."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import stats

from empirical.estimates.noise import SubsetNoise
from longtail import ArgumentError, Problem, Zipf
from longtail.core import Floats
from longtail.experiment.coupling import Beta, Coupling, Fixed
from longtail.experiment.members import members
from longtail.experiment.pairs import expected_pairs, pairs_above
from longtail.experiment.predictions import error_at, influence_by_memorization, removal, share_above

PROBLEM = Problem(Zipf(alpha=0.9, size=400), 900, 5)
NOISE = SubsetNoise(400, 0.7)
THETA = np.array([0.1, 0.25, 0.5])
EDGES = np.array([0.1, 0.4])
FRACTIONS = np.array([0.35, 0.7, 1.0])
SETS, TESTS, SEED = 90, 400, 12
BEYOND = 5.7e-7  # the chance of what lies five standard errors off
WORLDS = (
    Beta(0.6, 1.0, steady=0.4, difficulty=0.5, dust=0.2),
    Beta(0.3, 1.5, steady=0.3, difficulty=0.45, dust=0.15, apart=1.0),
    Beta(0.5, 1.2, steady=0.5, difficulty=0.6, dust=0.1, apart=0.6),
    Beta(4.0, 12.0, steady=0.4, difficulty=0.6, dust=0.1, apart=1.0, twins=0.1, strangers=0.5),
    Beta(0.6, 1.0, steady=0.5, difficulty=0.5, dust=0.1, own=0.6),
)


@dataclass(frozen=True)
class Drawn:
    """What data sets of a model show, a row each."""

    coupling: Coupling
    rows: Floats = field(repr=False)

    def z(self, told: Floats, part: slice) -> Floats:
        seen = self.rows[:, part]
        return np.asarray((told - seen.mean(0)) / (seen.std(0, ddof=1) / np.sqrt(len(seen))))


PARTS = {
    "shares": slice(0, 3),
    "errors": slice(3, 6),
    "lost": slice(6, 9),
    "bins": slice(9, 12),
    "carried": slice(12, 15),
    "counts": slice(15, 18),
}


def one(coupling: Coupling, rng: np.random.Generator) -> Floats:
    """One data set: λ of every pair of members, u of every subpopulation and example, the noise of every estimate."""
    n, r = PROBLEM.n, NOISE.fraction
    p = PROBLEM.prior.sample(rng, (PROBLEM.prior.size,))
    d = p / p.sum() * (1 - coupling.dust)
    counts = rng.multinomial(n, np.append(d, coupling.dust))
    never, counts = int(counts[-1]), counts[:-1]
    top = coupling.tops(PROBLEM.n_classes, rng, len(d))
    strength = coupling.sample(rng, len(d))
    alone = coupling.tops(PROBLEM.n_classes, rng, never)
    estimate, owner, error = [NOISE.draw(alone, rng)], [], np.zeros(3)
    tests = rng.multinomial(TESTS, np.append(d, coupling.dust))[:-1]
    mean = coupling.mean
    lost, carried, found = np.zeros(3), np.zeros(3), np.zeros(3)
    error += coupling.dust * coupling.wrong(PROBLEM.n_classes)

    def pairs(x: int, shape: tuple[int, ...]) -> Floats:
        own = rng.random(shape) < coupling.apart
        return np.where(own, coupling.sample(rng, int(np.prod(shape))).reshape(shape), strength[x])

    def hard(x: int, count: int) -> Floats:
        return np.where(rng.random(count) < coupling.own, coupling.tops(PROBLEM.n_classes, rng, count), top[x])

    for x in range(len(d)):
        c = int(counts[x])
        u = float((1 - coupling.own) * top[x] + coupling.own * coupling.wrong(PROBLEM.n_classes))  # of a test example
        typical = (1 - coupling.apart) * strength[x] + coupling.apart * mean  # a test example's λ are new: their mean
        error += d[x] * u * (1 - FRACTIONS * typical) ** c
        if not c:
            continue
        lam = pairs(x, (c, c))
        np.fill_diagonal(lam, 0.0)
        seen = NOISE.draw(hard(x, c) * (1 - r * lam).prod(1), rng)
        estimate.append(seen)
        owner.append(x)
        left = (seen[:, None] < THETA).sum(0)
        lost += d[x] * u * ((1 - typical) ** left - (1 - typical) ** c)
        carries = d[x] * u * typical * (1 - r * typical) ** (c - 1)
        carried += carries * np.bincount(np.searchsorted(EDGES, seen + 1e-9, side="right"), minlength=3)
        if tests[x]:
            taught = pairs(x, (int(tests[x]), c))
            out = hard(x, int(tests[x]))[:, None] * (1 - r * taught).prod(1, keepdims=True) / (1 - r * taught)
            inside = out * (1 - taught)
            spread = np.sqrt((inside * (1 - inside) / r + out * (1 - out) / (1 - r)) / NOISE.models)
            hit = (out - inside + spread * rng.standard_normal(out.shape) >= 0.15) & (seen >= 0.25)
            times = hit.sum(1)
            found += (times.sum(), (times > 0).sum(), (times == 1).sum())
    values = np.concatenate(estimate)
    shares = (values[:, None] >= THETA - 1e-9).mean(0)
    bins = np.bincount(np.searchsorted(EDGES, values + 1e-9, side="right"), minlength=3) / n
    return np.concatenate([shares, error, lost, bins, carried, found])


@pytest.fixture(scope="module", params=WORLDS, ids=repr)
def drawn(request: pytest.FixtureRequest) -> Drawn:
    rng = np.random.default_rng(SEED)
    return Drawn(request.param, np.array([one(request.param, rng) for _ in range(SETS)]))


def told(coupling: Coupling) -> dict[str, Floats]:
    carried = influence_by_memorization(PROBLEM, coupling, EDGES, NOISE)
    counts = pairs_above(PROBLEM, coupling, 0.15, TESTS, memorized=0.25, noise=NOISE)
    return {
        "shares": share_above(PROBLEM, coupling, THETA, noise=NOISE),
        "errors": error_at(PROBLEM, coupling, FRACTIONS),
        "lost": removal(PROBLEM, coupling, THETA, noise=NOISE)["lost"].to_numpy(float),
        "bins": carried["share"].to_numpy(float),
        "carried": carried["influence"].to_numpy(float),
        "counts": counts[["pairs", "tests", "single"]].iloc[0].to_numpy(float),
    }


@pytest.mark.parametrize("coupling", WORLDS[1:], ids=repr)
@pytest.mark.parametrize("noise", [None, NOISE], ids=["true", "estimated"])
def test_pairs_summed_by_matrices_are_those_counted(coupling: Coupling, noise: SubsetNoise | None) -> None:
    """Many pass by chance here; without them it is another number (negative control)."""
    rest = {"memorized": 0.25, "noise": noise, "partners": 180.0 if noise else 0.0}
    counted = pairs_above(PROBLEM, coupling, [0.08], TESTS, **rest)
    summed = expected_pairs(PROBLEM, coupling, [0.08], TESTS, **rest)
    np.testing.assert_allclose(summed, counted["pairs"], rtol=1e-9)
    assert noise is None or summed[0] > 1.05 * expected_pairs(PROBLEM, coupling, 0.08, TESTS, 0.25, noise)[0]


def test_predictions_are_means_over_data_sets(drawn: Drawn) -> None:
    found = told(drawn.coupling)
    z = {name: drawn.z(found[name], part) for name, part in PARTS.items()}
    for name, value in z.items():
        assert (np.abs(value) < 5).all(), (name, value)
    # all at once, as they hang together (Hotelling's T²); bins are shares once more
    kept = [*range(9), *range(12, 18)]
    off = (np.concatenate(list(found.values())) - drawn.rows.mean(0))[kept]
    square = SETS * off @ np.linalg.solve(np.cov(drawn.rows[:, kept], rowvar=False), off)
    count = len(kept)
    assert stats.f.sf(square * (SETS - count) / (count * (SETS - 1)), count, SETS - count) > BEYOND
    assert abs(found["bins"].sum() - 1) < 1e-6


@pytest.mark.parametrize("name", ["difficulty", "dust", "own", "apart", "twins", "strangers"])
def test_negative_control_without_one_of_them_something_is_off(drawn: Drawn, name: str) -> None:
    from dataclasses import replace

    if name not in ("difficulty", "dust") and not getattr(drawn.coupling, name):
        pytest.skip("it has none")
    other = told(replace(drawn.coupling, **{name: None if name == "difficulty" else 0.0}))
    assert max(np.abs(drawn.z(other[part], at)).max() for part, at in PARTS.items()) > 8


def test_members_laws_have_the_means_of_products() -> None:
    """E R = (1 − r E λ)^{c−1} where each λ is a pair's own; of one λ for all, and between, by sums over λ."""
    others = np.array([0.0, 1.0, 2.0, 7.0, 40.0])
    law = Beta(0.4, 1.1)
    lam, weight = law.nodes(48)
    for apart in (1.0, 0.35, 0.0):
        of = members(Beta(0.4, 1.1, apart=apart), others, 0.7, 48)
        mean = (of.law * of.left).sum(2) @ of.weight
        direct = ((1 - 0.7 * ((1 - apart) * lam + apart * law.mean)) ** others[:, None]) @ weight
        least = float(of.left.min()) if apart else 0.0  # products below it are taken for 0
        lacking = (1 - of.law.sum(2)) @ of.weight
        assert (mean <= direct + 1e-10).all()
        assert (direct - mean <= least * lacking + 1e-10).all()
        np.testing.assert_allclose(of.weight @ of.mean, law.mean, rtol=1e-12)


def test_law_of_two_terms_is_their_convolution() -> None:
    """R of two others, each λ 0 or 1 by even chances: 1, .3 and .09."""
    of = members(Beta(1e-3, 1e-3, apart=1.0), np.array([2.0]), 0.7, 48)
    for value, share in ((1.0, 0.25), (0.3, 0.5), (0.09, 0.25)):
        near = np.abs(np.log(of.left / value)) < 0.03
        assert of.law[0, 0, near].sum() == pytest.approx(share, abs=0.01)


def test_without_any_of_them_nothing_changes() -> None:
    plain, named = Beta(2.0, 3.0, steady=0.3), Beta(2.0, 3.0, 0.3, 0.8, 0.0, 0.0)
    assert repr(plain) == "Beta(a=2.0, b=3.0, steady=0.3)"
    for theta in THETA:  # u at other values, of the same law
        ours, other = (share_above(PROBLEM, of, theta, noise=NOISE) for of in (plain, named))
        np.testing.assert_allclose(ours, other, atol=3e-4)


@pytest.mark.parametrize(
    ("given", "word"),
    [({"dust": 1.0}, "dust"), ({"difficulty": 0.0}, "difficulty"), ({"apart": 1.2}, "apart"), ({"dust": -0.1}, "dust")],
)
def test_what_cannot_be_is_refused(given: dict[str, float], word: str) -> None:
    with pytest.raises(ArgumentError, match=word):
        Fixed(1.0, **given)


@pytest.mark.parametrize("name", ["twins", "strangers"])
def test_shares_of_a_law_are_shares(name: str) -> None:
    with pytest.raises(ArgumentError, match=name):
        Beta(1.0, 1.0, **{name: 1.1})


def test_law_with_twins_and_strangers_is_one_law() -> None:
    """Mean, distribution and sample by each other: 40,000 draws, seed 12, z = 5; of a law without either they are off."""
    law = Beta(2.0, 6.0, twins=0.15, strangers=0.4)
    lam, weight = law.nodes(400)
    draws = law.sample(np.random.default_rng(SEED), 40_000)
    assert law.mean == pytest.approx(0.6 * (0.15 + 0.85 * 0.25), rel=1e-12)
    assert float(weight @ lam) == pytest.approx(law.mean, rel=1e-9)
    assert abs(draws.mean() - law.mean) < 5 * draws.std() / 200
    at = np.array([-0.01, 0.0, 0.2, 0.5, 0.99, 1.0])
    share = (draws[:, None] <= at).mean(0)
    assert (np.abs(share - law.below(at)) <= 5 * np.sqrt(share * (1 - share) / 40_000)).all()
    for other in (Beta(2.0, 6.0, strangers=0.4), Beta(2.0, 6.0, twins=0.15)):
        assert np.abs(share - other.below(at)).max() > 0.05
