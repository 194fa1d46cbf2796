"""Why an answer is what it is: influence on one example, its errors, and the chance of noise, held against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, hypergeom

from empirical import SubsetEstimator
from empirical.data.bits import column_sums
from empirical.data.examples import Examples
from empirical.designs import Bernoulli, Fixed, Orthogonal
from empirical.estimates.explained import explained, noise_chance, place
from empirical.estimates.influence import influence, pair_cells
from empirical.training.trials import Trials
from longtail.core import ArgumentError

Z = 5.0
SEVEN = Fixed(0.7)


def drawn(seed: int, t: int, n: int, carriers: dict[int, float], design=SEVEN, score: str = "correct") -> Trials:
    """Answers on four test examples, and on all training ones, that hang on ``carriers`` by so much each, else on coins."""
    rng = np.random.default_rng(seed)
    masks = design.subsets(seed, np.arange(t), n)
    chance = 0.5 + sum(size * (masks[:, i] - 0.7) for i, size in carriers.items())
    answers = rng.random((4 + n, t)) < chance
    values = answers if score == "correct" else answers + rng.normal(0, 0.3, answers.shape)
    return Trials.of(masks, values[4:].T, values[:4].T, score=score, design=design)


@pytest.mark.parametrize(("t", "b"), [(1, 1), (2, 3), (3, 8), (9, 9), (100, 17), (257, 40)])
def test_sums_of_packed_columns_are_those_of_the_bits(t, b):
    rows = np.random.default_rng(t).integers(0, 256, (t, b), np.uint8)
    np.testing.assert_array_equal(column_sums(rows), np.unpackbits(rows, axis=1).sum(0, dtype=np.int64))


def test_no_rows_have_no_sums():
    np.testing.assert_array_equal(column_sums(np.zeros((0, 2), np.uint8)), np.zeros(16, np.int64))


@pytest.mark.parametrize("score", ["correct", "margin", "loss"])
def test_influence_and_errors_are_those_of_pairs(score):
    trials = drawn(3, 400, 37, {5: 0.4, 7: -0.3}, score=score)
    table = explained(trials, test=2).table.sort_values("index")
    np.testing.assert_allclose(table["influence"], influence(trials, slice(2, 3))[:, 0], atol=2e-6)
    cells = pair_cells(trials, np.arange(37), np.full(37, 2))
    np.testing.assert_allclose(table["stderr"], cells.stderr, rtol=1e-9)
    np.testing.assert_allclose(np.stack([table["low"], table["high"]]), np.stack(cells.interval()), rtol=1e-9)


@pytest.mark.parametrize("score", ["correct", "margin"])
def test_a_training_example_is_explained_by_models_that_held_it_out(score):
    trials = drawn(4, 500, 20, {5: 0.4}, score=score)
    found = explained(trials, train=9)
    masks, f = trials.masks(), trials.train_scores().astype(float)[:, 9]
    out = ~masks[:, 9]
    assert found.models == out.sum()
    assert found.score == pytest.approx(f[out].mean())
    assert found.memorization == pytest.approx(f[~out].mean() - f[out].mean(), abs=1e-6)
    assert 9 not in set(found.table["index"])
    for row in found.table.itertuples():
        inside = masks[:, row.index]
        assert row.influence == pytest.approx(f[out & inside].mean() - f[out & ~inside].mean(), abs=1e-6)
    assert found.table["index"].iloc[0] == 5


def test_p_is_the_hypergeometric_tail_of_its_side():
    trials = drawn(5, 120, 15, {1: 0.4, 2: -0.4})
    masks, f = trials.masks(), trials.test_scores()[:, 0] & (np.arange(120) % 3 > 0)  # far from half of them
    table = explained(Trials.of(masks, masks, f[:, None]), test=0).table
    for row in table.itertuples():
        inside = masks[:, row.index]
        s, law = int((inside & f).sum()), hypergeom(120, int(f.sum()), int(inside.sum()))
        assert row.p_value == pytest.approx(law.sf(s - 1) if row.influence > 0 else law.cdf(s), rel=1e-9)
    assert table["influence"].is_monotonic_decreasing


def test_of_other_scores_p_is_normal_and_noise_the_same_whatever_the_unit():
    trials = drawn(6, 500, 30, {1: 0.5}, score="margin")
    large = Trials.of(trials.masks(), trials.train * 8, trials.test * 8, score="margin", design=trials.design)
    ours, theirs = explained(trials, test=1).table, explained(large, test=1).table
    np.testing.assert_allclose(ours["p_value"], theirs["p_value"], rtol=1e-6)
    np.testing.assert_allclose(ours["noise"], theirs["noise"], rtol=1e-6)
    assert ours["index"].iloc[0] == 1
    assert ours["noise"].iloc[0] < 1e-6


def test_a_loss_is_carried_by_what_lowers_it():
    margins = drawn(7, 500, 30, {1: 0.5, 2: -0.5}, score="margin")
    losses = Trials.of(margins.masks(), -margins.train, -margins.test, score="loss", design=margins.design)
    ours, theirs = explained(margins, test=1).table, explained(losses, test=1).table
    np.testing.assert_allclose(ours["influence"], theirs["influence"], atol=1e-12)
    np.testing.assert_allclose(ours["p_value"], theirs["p_value"], rtol=1e-9)


def slopes(p):
    """1/f by definition: of the chords of p's distribution function over each p, the flattest of the steepest."""
    order = np.sort(p)
    x, y = np.append(0, order), np.arange(len(p) + 1) / len(p)
    out = []
    for value in p:
        k = int(np.searchsorted(order, value, side="left")) + 1  # the piece that ends at this p
        steepest = [max((y[b] - y[a]) / max(x[b] - x[a], 1e-300) for b in range(k, len(x))) for a in range(k)]
        out.append(min(1.0, 1 / min(steepest)))
    return np.array(out)


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_the_slope_of_the_least_concave_majorant(seed):
    rng = np.random.default_rng(seed)
    p = rng.random(30) ** (1 + seed % 3)
    if seed % 2:
        p = np.ceil(p * 12) / 12  # ties
    np.testing.assert_allclose(noise_chance(p), slopes(p), rtol=1e-9)
    assert noise_chance(p)[np.argmin(p)] == pytest.approx(false_discovery_control(p).min())


def last(p, alpha):
    """The position of the largest p among those with a chance of α or less; −1 where there is none."""
    noise = noise_chance(p)
    some = np.flatnonzero(noise <= alpha)
    return int(some[np.argmax(p[some])]) if some.size else -1


def shares(alpha: float, chance=last, times: int = 3000) -> tuple[float, float]:
    """How often any of 40 is told where all are noise; how often the last one told is noise where 10 are not."""
    rng = np.random.default_rng(11)
    alone = sum(chance(rng.random(40), alpha) >= 0 for _ in range(times)) / times
    both = 0
    for _ in range(times):
        p = np.append(rng.random(30), rng.random(10) ** 12)
        both += 0 <= chance(p, alpha) < 30
    return alone, both / times


@pytest.mark.parametrize("alpha", [0.1, 0.3])
def test_a_chance_of_noise_is_what_it_says(alpha):
    alone, mixed = shares(alpha)
    assert abs(alone - alpha) < Z * np.sqrt(alpha * (1 - alpha) / 3000)
    expected = 0.75 * alpha
    assert abs(mixed - expected) < Z * np.sqrt(expected * (1 - expected) / 3000)


def test_p_itself_is_no_such_chance():
    """The control: without the number of candidates nearly every example without carriers would have some."""
    naive = lambda p, alpha: int(np.argmax(np.where(p <= alpha, p, -1))) if (p <= alpha).any() else -1  # noqa: E731
    alone, mixed = shares(0.1, naive, 500)
    assert alone > 0.9
    assert mixed > 0.5


@pytest.mark.parametrize("design", [Fixed(0.7), Bernoulli(0.7)])
def test_on_subsets_noise_is_told_from_what_carries(design):
    """40 data sets of 120 candidates, 6 of which carry or hurt: of those with noise .2 or less a fifth are at most."""
    carriers = {3: 0.3, 4: 0.2, 5: 0.15, 6: -0.3, 7: -0.2, 8: -0.15}
    told = false = ends = 0
    for seed in range(40):
        table = explained(drawn(seed, 600, 120, carriers, design), test=0).table
        some = table[table["noise"] <= 0.2]
        told, false = told + len(some), false + int((~some["index"].isin(list(carriers))).sum())
        for side in (some[some["influence"] > 0], some[some["influence"] < 0]):
            ends += bool(len(side)) and side.loc[side["p_value"].idxmax(), "index"] not in carriers
    assert told > 40 * 3
    assert false / told < 0.2
    chance = 0.2 * 114 / 120
    assert ends / 80 < chance + Z * np.sqrt(chance * (1 - chance) / 80)


def test_under_arrays_errors_are_theirs():
    design, rng = Orthogonal(fraction=0.5, rows=64), np.random.default_rng(0)
    t, n = 4 * design.rows, 12
    masks = design.subsets(0, np.arange(t), n)
    trials = Trials.of(masks, rng.random((t, n)) < 0.5, (rng.random((t, 2)) < 0.3 + 0.5 * masks[:, :1]), design=design)
    table = explained(trials, test=0).table.sort_values("index")
    np.testing.assert_allclose(table["stderr"], pair_cells(trials, np.arange(n), np.zeros(n, int)).stderr, rtol=1e-9)
    assert np.isfinite(table["noise"]).all()


def test_an_example_never_held_out_is_no_candidate():
    trials = drawn(8, 60, 10, {})
    masks = trials.masks().copy()
    masks[:, 4] = True
    same = Trials.of(masks, trials.train_scores(), trials.test_scores())
    assert 4 not in set(explained(same, test=0).table["index"])
    with pytest.raises(ArgumentError, match="train: got 4, held out by 0 of 60 models"):
        explained(same, train=4)


def test_names_go_before_indices():
    assert place("test", "7", ("a", "7", "b"), 3) == 1
    assert place("test", 2, ("a", "7", "b"), 3) == 2
    assert place("test", "2", ("a", "7", "b"), 3) == 2
    with pytest.raises(ArgumentError, match="2 rows have this name"):
        place("test", "a", ("a", "a"), 2)
    for wrong in ("x", "3", "-1", "1.5", "nan", "inf", None, ""):
        with pytest.raises(ArgumentError, match=r"test: got .*; give the index of a test example, .* such as a"):
            place("test", wrong, ("a", "7", "b"), 3)
    with pytest.raises(ArgumentError, match="one of the two"):
        explained(drawn(0, 20, 5, {}), test=1, train=1)


def test_the_estimator_explains_by_row_names():
    trials = drawn(9, 200, 12, {3: 0.4})
    names = [f"row {k}" for k in range(12)]
    estimator = SubsetEstimator.from_predictions(
        trials.masks(),
        trials.train_scores(),
        trials.test_scores(),
        y=list("ab" * 6),
        y_test=list("abab"),
        train_ids=names,
    )
    table = estimator.explain(test=1)
    assert table["id"].iloc[0] == "row 3"
    assert table["label"].iloc[0] == "b"
    assert "row 5" not in set(estimator.explain(train="row 5")["id"])
    told = explained(trials, Examples(train_ids=tuple(names)), train="row 5")
    assert (told.index, told.name, told.label) == (5, "row 5", None)
