"""The claims about real data, at small sizes, or at their own where that is quick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from empirical.learners import KNN, Ridge, Softmax
from longtail.core import Estimate
from simulations import agreement, cifar100, clusters, coverage, leak, published, removal, words
from tests.drawn import marks, points, rows


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Real data where the test asks for them."""
    if "data" in request.fixturenames:
        monkeypatch.setenv("LONGTAIL_DATA", str(request.getfixturevalue("data")))


def test_the_published_counts(data: Path) -> None:
    table = published.run().set_index(["data", "threshold"])
    found = {name: tuple(table.loc[(name, 0.15), ["pairs", "tests", "single"]]) for name in ("cifar100", "imagenet")}
    assert found == {"cifar100": (1015, 888, 774), "imagenet": (1641, 1462, 1298)}
    assert table.loc[("cifar100", 0.15), "memorized_share"] == 0.36198
    axes = published.plot(table.reset_index()).axes[0]
    for name in ("cifar100", "imagenet"):
        for column, what in (("pairs", "pairs"), ("single", "test examples with one influencer")):
            x, y = points(axes, f"{name}: {what}")
            assert dict(zip(x, y, strict=True)) == table.loc[name, column].to_dict()


def test_words_fitted(data: Path) -> None:
    """powerlaw itself is asked in ``test_fit``."""
    table = words.run(words.Config(families=("Zipf", "LogNormal"), large=100_000)).set_index(["data", "fit"])
    tail = table.loc[("words", "power-law tail from 7")]
    assert f"{tail['value']:.5f} ± {tail['stderr']:.4f}".replace("0.", ".") in (words.__doc__ or "")
    zipf, normal = table.loc[("words", "Zipf"), "p_value"], table.loc[("words", "LogNormal"), "p_value"]
    assert zipf < normal < 1e-3  # no whole prior fits
    large = table.iloc[-1]
    assert abs(large["value"] - 1) < 5 * large["stderr"]
    assert large["p_value"] > 1e-6
    left, right = words.plot(table.reset_index()).axes
    ell, found = points(left, "Good–Turing (± 2 s.e.)")
    assert (points(left, "fitted prior")[0] == ell).all()
    assert (found[:5] < ell[:5]).all()  # rare words are less frequent than they were seen: the rest is unseen
    more, new = points(right, "Good–Toulmin (± 2 s.e.)")
    assert (more[0], new[0]) == (0, 0)
    assert (np.diff(new[np.isfinite(new)]) > 0).all()


def test_cifar100_explained_with_a_law_of_coupling_only(data: Path) -> None:
    config = cifar100.Config(families=("Zipf",), together=(), simulations=20)
    table = cifar100.run(config).set_index("coupling")
    loose, uniform, lookup = (
        table[table.index.str.startswith(law)].iloc[0] for law in ("Beta(a=0", "Beta(a=1.0", "Fixed")
    )
    assert loose["largest_difference"] < 0.01 < uniform["largest_difference"] < 0.04 < lookup["largest_difference"]
    assert loose["p_value"] > 0.1 > uniform["p_value"] > lookup["p_value"]  # 20 simulations show no less than that
    assert (table["pairs"] > 1.3 * 1015).all()  # which it does not explain
    levels = ["pairs", "pairs_0.2", "pairs_0.3", "pairs_0.5"]
    told = {"published": 1.0, cifar100.NUMBER: 1.2, cifar100.HISTOGRAM: 1.1} | dict(
        zip(cifar100.ENDS.values(), (1.1, 1.5), strict=True)
    )
    rows = [{"saw": saw, "prior": "", "coupling": ""} | dict.fromkeys(levels, 100 * x) for saw, x in told.items()]
    more = pd.concat([table.reset_index(), pd.DataFrame(rows)], ignore_index=True)
    assert cifar100.first(more, "pairs", cifar100.HISTOGRAM) == Estimate(110.00000000000001, 110.00000000000001**0.5)
    forecast = cifar100.foretold(more, "pairs_0.2")
    assert forecast is not None
    assert forecast.stderr == pytest.approx(np.hypot(120**0.5, 10))
    assert cifar100.foretold(table.reset_index(), "pairs") is None
    axes, panel = cifar100.plot(more).axes
    assert points(panel, "published (± 2 s.e.)")[1].tolist() == [100] * 4
    assert points(panel, "and to the histogram")[1].tolist() == [110.00000000000001] * 4
    at, seen = points(axes, "observed (± 2 s.e.)")
    theta, fitted = points(axes, "long-tail theory, fitted (band: 2 s.e. of chance)")
    assert np.abs(np.interp(at, theta, fitted) - seen).max() < 0.01
    assert axes.get_ylim()[0] == 0


def test_removal_and_its_prediction_where_the_theory_holds() -> None:
    """Planted data and nearest neighbors, z = 5; what the memorized are worth is no prediction for others (negative control)."""
    config = removal.Config(
        cases=(("planted", "KNN()", 1000),), thresholds=(0.1, 0.5), seeds=3, simulations=10, together=("beta",)
    )
    table = removal.run(config)
    assert sorted(set(table["set"])) == ["all", "no duplicates"]
    some = table[table["set"] == "all"].set_index("threshold")
    assert some.loc[0.1, "removed"] > some.loc[0.5, "removed"] > 0
    assert (some["p_value"] > 1e-3).all()
    for name in ("lost", "lost_random"):
        assert (abs(some[name] - some[f"{name}_predicted"]) < 5 * some[f"{name}_stderr"]).all()
    assert (abs(some["lost"] - some["lost_random_predicted"]) > 5 * some["lost_stderr"]).all()
    assert np.allclose(table["lost"] - table["lost_random"], table["lost_more"])
    (panel,) = removal.plot(table).axes
    assert panel.get_title("left") == "planted: KNN"
    for label, column in (
        ("memorized ≥ θ", "lost"),
        ("random", "lost_random"),
        ("random, theory", "lost_random_predicted"),
    ):
        np.testing.assert_array_equal(points(panel, label), [some.index, some[column]])


def test_agreement_of_learners() -> None:
    table = agreement.run(agreement.Config(cases=(("digits", "MLP(width=256)", 100),)))
    assert len(table) == 10
    by_pair = table.set_index(["first", "second"])
    assert by_pair.loc[("net", "softmax"), "rank_correlation"] > by_pair.loc[("net", "ridge"), "rank_correlation"] > 0
    assert (
        by_pair.loc[("net", "last layer"), "memorized_second"] < by_pair.loc[("net", "softmax"), "memorized_first"] / 2
    )
    (panel,) = agreement.plot(table).axes
    assert panel.get_title("left") == "digits"
    assert rows(panel) == [f"{row.first}, {row.second}" for row in table.itertuples()]
    ranked, overlap = points(panel, "rank correlation of memorization"), points(panel, "overlap by chance")
    np.testing.assert_array_equal(ranked[0], table["rank_correlation"])
    np.testing.assert_array_equal(overlap[0], table["memorized_jaccard_by_chance"])


def test_the_memorized_are_found_out() -> None:
    config = leak.Config(cases=(("digits", 600, "Softmax()", "softmax", 200), ("digits", 600, "Ridge()", "ridge", 200)))
    table = leak.run(config)
    assert set(table["learner"]) == {"softmax", "ridge"}
    for _, part in table.groupby("learner"):
        first, last = part.iloc[0], part.iloc[-1]
        assert last["caught"] - first["caught"] > 5 * np.hypot(first["caught_stderr"], last["caught_stderr"])
        assert (part["risk"] - part["memorization"] > -5 * part["stderr"]).all()
        assert first["true_rate_0.001"] - 0.001 > 5 * first["true_rate_0.001_stderr"]
        assert first["epsilon_proved"] > 1
        assert first["epsilon"] == np.inf
    left, right = leak.plot(table).axes
    part = table[table["learner"] == "softmax"]
    np.testing.assert_array_equal(points(left, "digits, softmax"), part[["memorization", "risk"]].T)
    np.testing.assert_array_equal(
        marks(right)[1], [part[f"true_rate_{rate}"].iloc[0] for rate in ("0.1", "0.01", "0.001")]
    )


def test_coverage_of_a_few() -> None:
    config = coverage.Config(
        joint_runs=0,
        joint_wrong=0,
        runs=1,
        wrong=1,
        memorized_runs=1,
        memorized_wrong=1,
        samples=5000,
        trials=500,
        simulations=10,
        right=("Zipf",),
        families=("Uniform",),
    )
    table = coverage.run(config)
    wrong = table["parameter"] == ""
    loose = table["coupling"].str.startswith("Beta")  # refused at full size only
    assert (table.loc[wrong & ~loose, "refused"] == 1).all()
    assert (table.loc[~wrong, "refused"] == 0).all()
    assert table.loc[~wrong, "coverage"].mean() > 0.5  # 22 parameters, one run each
    left, right = coverage.plot(table).axes
    np.testing.assert_array_equal(marks(left)[0], table.loc[~wrong, "coverage"])
    np.testing.assert_array_equal(marks(right)[0], table.loc[wrong, "refused"])
    assert len(rows(left)) == (~wrong).sum()
    assert right.get_xlim() == (0, 1.05)
    # as joint fits have it, which take minutes
    told = table.assign(told=np.where(wrong, 0.75, np.nan), told_right=0.0, pairs=20)
    diamonds, _ = points(coverage.plot(told).axes[1], "told from the right model")
    np.testing.assert_array_equal(diamonds, told.loc[wrong, "told"])
    share = coverage.told(told)
    assert share is not None
    assert share.value == 0.75
    # of 20 runs, whatever the number of wrong models
    assert share.stderr == pytest.approx(np.sqrt(17 / 24 * 7 / 24 / 24))
    assert coverage.told(table) is None


def test_misfits_cost_what_they_are_coupled_by() -> None:
    config = clusters.Config(
        dimensions=(32,), spreads=(0.1, 1.0), learners=(KNN(1), Ridge(1.0), Softmax()), data_sets=40, models=200
    )
    table = clusters.run(config)
    assert table["slack_z"].min() > -5
    near = table[table["spread"] == 0.1].set_index("learner")
    assert near["agreement_1"].min() > table[table["spread"] == 1.0]["agreement_1"].max()
    assert near.loc["KNN k=1", "agreement_1"] == 1
    off = table["predicted_1"] - table["estimated_1"]
    # predicted from 40 data sets, itself off by some .01
    assert (off.abs() < 5 * table["estimated_1_stderr"] + 0.02).all()
    alone = table["one_lambda_1"] - table["estimated_1"]
    assert (alone.abs() > 5 * table["estimated_1_stderr"])[table["learner"] != "KNN k=1"].all()  # the control: all fit
    left, right = clusters.plot(table).axes
    assert {text.get_text() for text in left.get_legend().get_texts()} == {"KNN k=1", "Ridge", "Softmax"}
    drawn = [line for line in right.get_lines() if line.get_linestyle() == "None" and len(line.get_xdata())]
    assert len(drawn) == len(table) * config.copies
