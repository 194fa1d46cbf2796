"""Groups over epochs: means, errors over models, times and gradients against loops and what chance does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from empirical.courses.backward import Nets
from empirical.courses.by_group import by_group
from empirical.courses.course import Course, watched
from empirical.courses.gradients import gradients
from empirical.courses.groups import Groups
from empirical.courses.speeds import Curves, Ratio
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.estimates.memorization import memorization_cells
from empirical.learners.mlp.mlp import MLP
from empirical.report.course_figures import course_figure, gradient_figure
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials
from longtail.core import ArgumentError
from tests.drawn import points

NET = MLP(width=12, epochs=6, batch=16, rate=0.02)


@pytest.mark.parametrize("score", ["correct", "loss"])
def test_a_groups_numbers_are_the_means_of_its_examples(small: Data, score: Any) -> None:
    """And of one example alone, value and error of the subset estimator's own."""
    trials = run(Job(small, NET, Fixed(0.7), score=score, dtype="float32", epochs=(1, 3, 6)), 30)
    table = by_group(trials, Groups.by_column(small.y_train), 6)
    assert table["epoch"].unique().tolist() == [1, 3, 6]
    for epoch, one in ((1, trials.at(1)), (6, trials)):
        cells = memorization_cells(one)
        part = table[table["epoch"] == epoch]
        for label, row in zip(range(3), part.to_dict("records"), strict=True):
            own = small.y_train == label
            assert row["examples"] == own.sum()
            assert row["in"] == pytest.approx(cells.in_mean[own].mean(), abs=1e-6)
            assert row["out"] == pytest.approx(cells.out_mean[own].mean(), abs=1e-6)
            assert row["memorization"] == pytest.approx(cells.value[own].mean(), abs=1e-6)
        for i in (0, 17):
            alone = by_group(one, Groups(("it", "others"), np.where(np.arange(90) == i, 0, 1)), 6).iloc[-2]
            assert alone["memorization"] == pytest.approx(cells.value[i], abs=1e-6)
            assert alone["memorization_stderr"] == pytest.approx(cells.stderr[i], rel=1e-5)


def drawn(rng: Any, models: int, n: int) -> tuple[Trials, Any]:
    """Scores with what examples of a model share: chances .5 ± .3 by model, + .2 on its own examples."""
    masks = rng.random((models, n)) < 0.7
    chance = rng.uniform(0.2, 0.8, (models, 1)) + 0.2 * masks
    return Trials.of(masks, rng.random((models, n)) < chance, np.zeros((models, 1), bool)), masks


def test_errors_are_over_models() -> None:
    """Mean z² of 300 groups, near 1 ± .08; if examples were taken as independent it would be 5 times that (the control)."""
    rng, z, plain = np.random.default_rng(0), [], []
    truth = {"in": 0.7, "out": 0.5, "memorization": 0.2}
    for _ in range(100):
        trials, masks = drawn(rng, 40, 60)
        row = by_group(trials, Groups.by_column(np.zeros(60)), 1).iloc[0]
        z.append([(row[name] - value) / row[f"{name}_stderr"] for name, value in truth.items()])
        plain.append((row["in"] - 0.7) / np.sqrt(0.21 / masks.sum()))
    square = np.mean(np.square(z), axis=0)
    assert np.abs(z).max() < 5
    assert (np.abs(square - 1) < 5 * np.sqrt(2 / 100)).all()
    assert np.mean(np.square(plain)) > 4


def test_cells_of_one_model_and_blocks() -> None:
    rng = np.random.default_rng(3)
    masks, right = rng.random((6, 1500)) < 0.7, rng.random((6, 1500)) < 0.5
    masks[:, 0], masks[:, 1] = True, np.arange(6) == 0
    trials, of = Trials.of(masks, right, np.zeros((6, 1), bool)), np.arange(1500) % 2
    table = by_group(trials, Groups(("even", "odd"), of), 1)
    inside, outside = masks.sum(0), (~masks).sum(0)
    for k, row in enumerate(table.to_dict("records")):
        own = (of == k) & (inside >= 2) & (outside >= 2)
        assert row["examples"] == own.sum() < 750
        gaps = [right[masks[:, i], i].mean() - right[~masks[:, i], i].mean() for i in np.flatnonzero(own)]
        assert row["memorization"] == pytest.approx(np.mean(gaps), rel=1e-12)
    everyone = by_group(
        Trials.of(np.ones((6, 4), bool), right[:, :4], np.zeros((6, 1), bool)), Groups(("a",), [0] * 4), 1
    )
    assert everyone[["out", "memorization"]].isna().all(axis=None)
    assert everyone["in"].item() == pytest.approx(right[:, :4].mean())


def test_groups() -> None:
    thirds = Groups.ranked([5.0, np.nan, 1, 2, 3, 4, 6])
    assert thirds.of.tolist() == [2, -1, 0, 0, 1, 1, 2]
    assert Groups.cut([0.0, 0.3, np.nan], names=("low", "middle", "high")).names == ("low", "high")
    assert Groups.cut([0.0, 0.3, np.nan]).of.tolist() == [0, 1, -1]
    assert Groups.by_column(["x", "b", "x"]).of.tolist() == [1, 0, 1]
    assert Groups.by_change([True, False]).of.tolist() == [1, 0]
    first, again, other = (Groups.at_random(90, number=k).of for k in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert np.bincount(first).tolist() == [30, 30, 30]
    for wrong, said in (
        (lambda: Groups(("a", "b"), np.zeros(3, int)), "groups: got no example in 'b'"),
        (lambda: Groups.cut([1.0], (0.5, 0.2)), "edges: got"),
        (lambda: Groups.by_column(np.arange(101)), "values: got 101 different"),
        (lambda: Groups.by_change([0, 1]).check(3), "groups: got of 2 examples"),
        (lambda: Groups.by_change([0, 1]).index("easy"), "group: got easy"),
        (lambda: Groups.ranked([np.nan]), "numbers: got"),
    ):
        with pytest.raises(ArgumentError, match=said):
            wrong()


def test_times_by_hand() -> None:
    """Two models: losses from log 4 down, half of it reached on straight lines, or never."""
    start = np.log(4)
    numbers = start * np.array([[[0.75, 0.9], [0.25, 0.7]], [[0.5, 0.6], [0.2, 0.4]]])
    curves = Curves.of(
        Course("loss", (1, 3), np.ones((2, 2), bool), numbers), Groups(("easy", "hard"), np.array([0, 1])), 4
    )
    np.testing.assert_allclose(curves.times(), [[2, np.nan], [1, 2]])
    assert np.isnan(curves.ratio("easy", "hard").value)
    np.testing.assert_allclose(curves.times(0.75), [[1, 2.5], [0.5, 0.625]])
    found = curves.ratio("easy", "hard", 0.75)
    assert found.value == pytest.approx(np.sqrt(2.5 * 1.25))
    logs = np.log([2.5, 1.25])
    assert found.z == pytest.approx(logs.mean() / (logs.std(ddof=1) / np.sqrt(2)))
    assert found.low < found.value < found.high
    share = curves.at_once("easy", "hard", 0.75)
    assert share.value == pytest.approx((0.1 / 0.3 + 0.5 * 0.4 / 0.6) / 2)
    with pytest.raises(ArgumentError, match="models: got 1"):
        Ratio.of(np.ones(1))
    with pytest.raises(ArgumentError, match="course: got scores 'margin'"):
        Curves.of(Course("margin", (1,), np.ones((1, 2), bool), np.ones((1, 1, 2))), Groups.by_change([0, 1]), 2)


def test_intervals_of_a_ratio_hold_it() -> None:
    """95 % of 400 for five models each, within 5 standard errors."""
    rng = np.random.default_rng(0)
    found = [Ratio.of(np.exp(rng.normal(0.3, 0.2, 5))) for _ in range(400)]
    held = np.mean([one.low < np.exp(0.3) < one.high for one in found])
    assert abs(held - 0.95) < 5 * np.sqrt(0.95 * 0.05 / 400)


def test_groups_at_random_are_learned_at_one_speed(small: Data) -> None:
    """Within 5 standard errors, each model with groups of its own; by their losses at the end they are not (the control)."""
    net = MLP(width=24, epochs=12, batch=8, rate=0.02)
    seen = watched(net, small, "loss", 40, seed=2)
    drawn = [Groups.at_random(90, ("easy", "hard"), number=k) for k in range(40)]
    assert abs(Curves.of(seen, drawn, 3).ratio("easy", "hard", 0.8).z) < 5
    other = watched(net, small, "loss", 10, seed=3)
    ranked = Groups.ranked(other.numbers[:, -1].mean(0), ("easy", "hard"))
    found = Curves.of(seen, ranked, 3).ratio("easy", "hard", 0.8)
    assert found.z > 5
    assert found.low > 1.2


def test_gradients_by_group(small: Data) -> None:
    """Against every example's own gradient, written down; groups that are the same gradient twice cohere and align."""
    nets, groups = Nets.of(NET, small, seed=3, design=Fixed(0.7)), Groups.by_column(small.y_train)
    table = gradients(nets, groups, 2, (1, 6))
    each = [nets.read(k, (6,), lambda back: np.array([back.mean([i]) for i in range(90)]))[0] for k in range(2)]
    for g, row in enumerate(table[table["epoch"] == 6].to_dict("records")):
        wanted = []
        for k, own in enumerate(each):
            mine, rest = (own[nets.mask(k) & side] for side in (small.y_train == g, small.y_train != g))
            a, b = mine.mean(0), rest.mean(0)
            norm = np.linalg.norm(mine, axis=1).mean()
            wanted.append([norm, np.linalg.norm(a) / norm, a @ b / np.linalg.norm(a) / np.linalg.norm(b)])
        np.testing.assert_allclose([row[c] for c in ("norm", "coherence", "alignment")], np.mean(wanted, 0), rtol=1e-9)
        np.testing.assert_allclose(row["norm_stderr"], abs(wanted[0][0] - wanted[1][0]) / 2, rtol=1e-9)
    twice = Data(np.repeat(small.x_train, 2, 0), np.repeat(small.y_train, 2), small.x_test, small.y_test, small.classes)
    same = gradients(Nets.of(NET, twice), Groups(("a", "b"), np.arange(180) % 2), 2, (6,))
    np.testing.assert_allclose(same["alignment"], 1)
    assert (table["alignment"] < 0.99).all()
    assert (table["norm"][:3].to_numpy() > table["norm"][3:].to_numpy()).all()  # what is learned moves little


def test_figures_draw_what_tables_hold(small: Data) -> None:
    trials = run(Job(small, NET, Fixed(0.7), epochs=(1, 3)), 20)
    table = by_group(trials, Groups.by_column(small.y_train), 6)
    figure = course_figure(table, "by label")
    assert [axes.get_title("left") for axes in figure.axes] == ["trained on", "not trained on", "the difference"]
    for axes, column in zip(figure.axes, ("in", "out", "memorization"), strict=True):
        for name in ("0", "1", "2"):
            part = table[table["group"] == name]
            figure.axes[0].get_legend()
            axes.legend()
            np.testing.assert_array_equal(points(axes, name), [part["epoch"], part[column]])
    moved = gradients(Nets.of(NET, small), Groups.by_column(small.y_train), 2, (1, 6))
    assert len(gradient_figure(moved, "gradients").axes) == 3
    whole = table.assign(out=np.nan, memorization=np.nan)
    assert len(course_figure(whole, "trained on everything").axes) == 1
