"""What the report and its figures say of influence, against the numbers they are made of."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from empirical import estimate
from empirical.bridge.comparison import Comparison
from empirical.designs import Bernoulli, Fixed
from empirical.estimates.kept import read
from empirical.estimates.measured import Trust
from empirical.estimates.observed import Observed
from empirical.report import observed_figures, observed_text
from empirical.report.exhibits import exhibits
from empirical.report.formulas import typeset
from empirical.report.page import page
from empirical.report.run_figures import write
from empirical.report.run_text import report
from longtail.core.intervals import Z95


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    options = [
        "--learner",
        "knn",
        "--trials",
        "80",
        "--n",
        "120",
        "--prior",
        "Zipf(alpha=1, size=60)",
        "--learning-curve",
    ]
    assert estimate.main(["planted", *options, "--out", str(out), "--quiet", "--no-plot"]) == 0
    return out


@pytest.fixture(scope="module")
def found(folder):
    return read(folder)


def test_the_page_has_a_section_of_it(folder, found):
    text = page(Comparison(found, (), why="none"), exhibits(None))
    section = text[text.index('<section id="teaching"') :]
    section = section[: section.index("</section>")]
    for name in observed_figures.DRAWN:
        assert f'id="figure-{name}"' in section
    for line in observed_text.said(found):
        assert typeset(line) in section
    without = page(Comparison(replace(found, observed=Observed()), (), why="none"), exhibits(None))
    assert 'id="teaching"' not in without


def test_the_command_draws_them(folder):
    written = write(folder, observed_figures.DRAWN, "planted", 80)
    assert sorted(path.name for path in written) == sorted(
        f"{name}.{kind}" for name in observed_figures.DRAWN for kind in ("png", "svg")
    )


def test_words_are_of_the_numbers(found):
    totals, taught, curve = (getattr(found.observed, name) for name in ("totals", "taught", "learning"))
    value = found.memorization["memorization"].to_numpy()
    first, second, third = observed_text.said(found)
    many = int(re.search(r"The ([\d,]+) training", first)[1].replace(",", ""))
    assert abs(many - (value >= 0.25).sum()) <= 0.1 * (value >= 0.25).sum()
    total = totals.total[totals.edges.searchsorted(0.25) + 1 :].sum()
    assert f"{100 * total:.2f} ±" in first.replace("−", "-")
    both = (totals.covariance + totals.covariance_tests)[3:, 3:].sum()
    assert np.isclose(totals.above(0.25).stderr, np.sqrt(both))
    assert f"± {100 * Z95 * np.sqrt(both):.2f} points" in first
    assert "as many others" in first
    assert f"{len(taught.pairs):,} pairs" in second
    assert f"{100 * curve.error[1]:.2f} %: a difference of" in third
    assert f"{100 * (curve.error[1] - curve.error[0]):.2f} ±" in third.replace("−", "-")
    shown = report(replace(found, trust=Trust(1.0)))
    for line in observed_text.counted(found.observed).values():
        assert line in shown


def test_only_subsets_of_a_fixed_size_compare_with_others(found):
    how = replace(found.experiment, design=repr(Bernoulli(0.7)))
    assert "as many others" not in observed_text.said(replace(found, experiment=how))[0]
    assert (found.experiment.design or "").startswith(type(Fixed(0.7)).__name__)
    assert observed_text.said(replace(found, observed=Observed())) == []


def test_figures_show_the_tables(found):
    tables = found.observed.tables
    drawn = observed_figures.figures(tables)
    assert list(drawn) == list(observed_figures.DRAWN)
    (axes,) = drawn["influence_by_memorization"].axes
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert np.allclose(points[0].get_ydata(), tables["influence_by_memorization"]["total"])
    assert [t.get_text().split("\n")[1] for t in axes.get_xticklabels()] == [
        f"{v:,.0f}" for v in tables["influence_by_memorization"]["examples"]
    ]
    (axes,) = drawn["influence_histogram"].axes
    assert np.allclose([bar.get_height() for bar in axes.patches], tables["influence_histogram"]["in_bin"])
    alone = axes.get_lines()[-1]
    single, ends = (
        tables["influence_histogram"]["single"].tolist(),
        tables["influence_histogram"][["low", "high"]].to_numpy(),
    )
    assert alone.get_xdata().tolist() == [*ends[:, 0], ends[-1, 1]]  # each level over all of its bin
    assert alone.get_ydata().tolist() == [*single, single[-1]]
    figure = drawn["influence_histogram"]
    FigureCanvasAgg(figure).draw()
    legend, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert whole.x0 <= legend.x0 < legend.x1 <= whole.x1
    (axes,) = drawn["learning_curve"].axes
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert np.allclose(points[0].get_ydata(), tables["learning_curve"]["error"])
    one = {"learning_curve": tables["learning_curve"].iloc[:1]}
    assert observed_figures.figures(one) == {}
    nothing = {"influence_histogram": tables["influence_histogram"].assign(pairs=0.0)}
    assert observed_figures.figures(nothing) == {}
