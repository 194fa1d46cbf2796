"""Figures say what the data says: names with a dollar sign are no formulas, and no formula is left as markup."""

import re

import numpy as np
import pandas as pd
import pytest

from empirical.report import figures as draw
from empirical.report import limit_figure as limits
from empirical.report import run_figures as plots
from empirical.report.page import INK, svg
from longtail.plots import (
    drawing,
    grouped_figure,
    lines_figure,
    plain_powers,
    problem_figure,
    save,
    styled,
    sweep_figure,
)

ODD = "h$^$x $5"  # as a formula it cannot be parsed
X = np.geomspace(1e-3, 1e4, 8)


def texts(figure, tmp_path):
    """The figure as it is saved, its words kept as text."""
    with styled(**{"svg.fonttype": "none"}):
        drawn = save(figure, tmp_path / "figure.svg").read_text(encoding="utf-8")
    return re.sub("<!--.*?-->", "", drawn, flags=re.DOTALL)  # where formulas that are drawn are written down


def test_no_error_is_above_one():
    table = pd.DataFrame({"samples": [10, 100], "error": [0.9, 0.1], "error_stderr": 0.3, "observed": np.nan})
    (axes,) = draw.samples(table.assign(observed_stderr=np.nan)).axes
    ends = axes.collections[0].get_paths()[0].get_extents()
    assert (ends.y0, ends.y1) == (0.0, 1.0)


def test_learners_under_a_limit_are_told_apart_beside_the_panels():
    """Three at the same place in each bin stand beside each other, the ε asked for are marked, and no name ends in mid-word."""
    arms = pd.DataFrame(
        {"arm": ["unlimited", "ε = 1", "ε = 9", "MLP(width=4, epochs=15, batch=64)"], "kind": "private"}
    )
    arms["epsilon"] = [np.nan, 0.9996, 8.996, 90.0]
    arms = arms.assign(lost=0.1, stderr=0.01, lost_limited=0.1, lost_limited_stderr=0.01, lost_private=0.0)
    names = arms["arm"].iloc[1:]
    bins = pd.DataFrame({"arm": np.repeat(names, 2), "low": [0.0, 0.5] * 3, "high": [0.5, 1.0] * 3})
    bins = bins.assign(in_lost=0.1, in_stderr=0.01, in_predicted=0.1)
    groups = pd.DataFrame({"arm": names, "predicted": 0.1, "lost": 0.1, "stderr": 0.01})
    figure = limits.figure({"arms": arms, "bins": bins, "groups": groups}, "data")
    left, middle, _ = figure.axes
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["1", "9", "90"]
    places = np.concatenate([lines[0].get_xdata() for lines in middle.containers])
    assert len(np.unique(places.round(9))) == 6
    assert middle.get_legend() is None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ε = 1", "ε = 9", "MLP(width=4, epochs=15…"]


def test_the_legend_of_five_learners_is_no_wider_than_the_figure():
    names = [f"Learner(width={width}, rate=0.1)" for width in range(10, 15)]
    arms = pd.DataFrame({"arm": ["unlimited", *names], "kind": ["unlimited", *["other"] * 5]})
    bins = pd.DataFrame({"arm": np.repeat(names, 2), "low": [0.0, 0.5] * 5, "high": [0.5, 1.0] * 5})
    bins = bins.assign(in_lost=0.1, in_stderr=0.01, in_predicted=0.1)
    groups = pd.DataFrame({"arm": names, "predicted": 0.1, "lost": 0.1, "stderr": 0.01})
    figure = limits.figure({"arms": arms, "bins": bins, "groups": groups}, "data")
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 5
    assert figure.bbox.x0 <= legend.get_window_extent().x0 < legend.get_window_extent().x1 <= figure.bbox.x1


def memorization():
    return plots.memorization_histogram(pd.DataFrame({"memorization": np.tile(X / 1e4, 99), "stderr": 0.01}), ODD)


def trials():
    curve = pd.DataFrame({"trials": [64, 128], "stderr": [0.2, 1e-3], "disagreement": [0.2, 0.1]})
    return plots.error_against_trials(curve, ODD)


def halves():
    pairs = dict.fromkeys(("pairs_first", "pairs_second", "pairs_both"), 1)
    return plots.split_half(pd.DataFrame({"first": X / 1e4, "second": X / 1e4, **pairs}), ODD)


def classes():
    return plots.classes(pd.DataFrame({"class": ["a", ODD], "train": [3, 2], "test": [1, 1]}), "classes")


def sweep(along=None, by=()):
    frame = pd.DataFrame(
        {
            "problem": [ODD] * 8,
            "prior": ODD,
            ODD: X,
            "error_guessing_singletons": 0.2,
            "optimal_error": 0.1,
            "cost": 0.1,
        }
    )
    return sweep_figure(frame, along, by)


def problem():
    table = pd.DataFrame({"ell": range(8), "cost": 0.1, "n_tau": X})
    curve = pd.DataFrame({"samples": X, "error_guessing_singletons": 0.2, "optimal_error": 0.1})
    return problem_figure(ODD, 5, table, curve, pd.DataFrame({"frequency": X, "mass_below": 0.5}))


def grouped():
    return grouped_figure(pd.DataFrame({"name": ["a", ODD], ODD: [1, 2]}), "name", ODD)


def lines():
    return lines_figure(pd.DataFrame({"x": X, "y": X}), "x", {"y": ODD}, ODD, ODD, ODD)


def report(ink="#000000"):
    theta = {"threshold": X, "low": X, "high": 2 * X, "pairs": X, "tests": X, "observed": X, "fitted": X}
    rest = dict.fromkeys(("stderr", "observed_stderr", "pairs_stderr", "pairs_fitted", "tests_fitted"), X)
    every = pd.DataFrame(theta | rest | dict.fromkeys(("lost", "lost_random", "samples", "error"), X))
    names = ("shares", "distribution", "influence", "predicted_removal", "error_against_samples")
    return draw.figures(dict.fromkeys(names, every), ODD, ink)


@pytest.mark.parametrize(
    "figure",
    [
        memorization,
        trials,
        halves,
        classes,
        sweep,
        lambda: sweep(ODD),
        lambda: sweep(ODD, ["prior"]),
        problem,
        grouped,
        lines,
    ],
)
def test_names_are_drawn_as_they_are(figure, tmp_path):
    drawn = texts(figure(), tmp_path)
    assert ODD in drawn
    assert drawn.count("$") == 3 * drawn.count(ODD)


def test_figures_of_the_report_are_text_without_markup_and_have_names():
    for name, figure in report().items():
        drawn = svg(figure, name, "Line: a < b.")
        assert "$" not in drawn
        assert "</text>" in drawn  # words, not their outlines
        assert f'aria-label="{figure.axes[0].get_title("left")}. Line: a &lt; b."' in drawn
        assert draw.INK not in svg(report(INK)[name], name, "")


def test_removal_at_one_threshold_reads_as_one():
    """Four bars beside one another, on an axis wide enough to show that they are at one place; no words on the points."""
    rows = [{"set": name, "threshold": 0.25, "tests": 74} for name in ("all", "no duplicates")]
    observed = pd.DataFrame(rows).assign(lost=0.0, lost_random=-0.02, lost_stderr=0.02, lost_random_stderr=0.02)
    predicted = pd.DataFrame({"threshold": [0.25], "lost": 0.113, "lost_random": 0.023})
    with styled():
        figure = draw.removal(predicted, observed)
        figure.draw_without_rendering()
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    assert (low, high) == pytest.approx((0.2, 0.3))
    places = np.array([bar.lines[0].get_xdata()[0] for bar in axes.containers])
    assert len(set(places)) == 4
    assert np.abs(places - 0.25).max() < 0.02 * (high - low)
    assert figure.legends[0].get_window_extent().y1 < axes.get_tightbbox().y0
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1


def test_symbols_are_mathematics_where_a_figure_is_saved_and_on_a_page(tmp_path, monkeypatch):
    with drawing(4, 3) as figure:
        axes = figure.subplots()
        axes.plot([1, 2], [1, 2], label="τ_ℓ, $5, ℓ/n")
        axes.set_xlabel("memorization of at least θ")
        axes.set_ylabel("Αθήνα")  # a word of Greek letters is a word
        axes.set_xticks([1, 2], ["θ $1", "$2"])
        axes.legend(loc="best")
    shown = []
    labels = (axes.xaxis.label, axes.yaxis.label, axes.get_legend().get_texts()[0])
    saved = type(figure).savefig

    def saving(self, *args, **options):
        shown[:] = [(label.get_text(), label.get_parse_math()) for label in labels]
        return saved(self, *args, **options)

    monkeypatch.setattr(type(figure), "savefig", saving)
    save(figure, tmp_path / "one.svg")
    wanted = [(r"memorization of at least $\theta$", True), ("Αθήνα", False), (r"$\tau_{\ell}$, \$5, $\ell/n$", True)]
    assert shown == wanted
    assert [label.get_text() for label in labels] == ["memorization of at least θ", "Αθήνα", "τ_ℓ, $5, ℓ/n"]
    assert not labels[0].get_parse_math()
    on_page = svg(figure, "one", "Above θ.")
    assert 'at least <tspan class="symbol">θ</tspan></text>' in on_page
    assert "Above θ." in on_page
    assert "θή" in on_page


def test_few_counts_have_an_even_scale_of_whole_numbers():
    for top, scale in ((4, "linear"), (400, "symlog")):
        with styled():
            axes = draw.Figure().subplots()
            axes.bar([1, 2], [1, top])
            draw.counts(axes)
            plain_powers(axes.figure)
        assert axes.get_yscale() == scale
        assert axes.get_ylim()[0] == 0
        assert all(float(tick).is_integer() for tick in axes.get_yticks())


def test_powers_are_plain(tmp_path):
    with drawing(4, 3) as figure:
        axes = figure.subplots()
        axes.semilogx(X, X)
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(-1e3, 1e3)
    drawn = texts(figure, tmp_path)
    assert "$" not in drawn
    for label in ("10⁻²", "10³", "−10²", ">0<"):
        assert label in drawn
    assert plain_powers(figure) is figure
    with drawing(4, 3) as figure:
        figure.subplots().loglog([30, 70], [30, 70])
    assert "6×10¹" in texts(figure, tmp_path)
