"""Figures of sweeps: a line for each value of what is not drawn against, on scales on which every point is seen."""

import itertools

import numpy as np
import pandas as pd
import pytest

from longtail.plots import limit_figure, noise_figure, sweep_figure, swept
from longtail.plots.sweeps import Shares, by_factors, named

ALPHAS, SAMPLES = (0.5, 0.75, 1.0), (1e3, 1e4, 1e5, 1e6)


def problems(**values):
    """A made-up sweep: errors fall by 10^(2α) from one number of samples to the next, the cost half of each."""
    rows = [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]
    frame = pd.DataFrame(rows)
    error = 10 ** (-2 * frame.get("alpha", 1.0) * np.log10(frame.get("samples", 1e4)) / 3)
    more = {"optimal_error": error, "cost": error / 2, "error_guessing_singletons": 1.5 * error}
    zipf = {"alpha": 1.0, "subpopulations": 100} if "prior" not in frame else {"alpha": np.nan, "subpopulations": 100}
    frame = frame.assign(**{k: v for k, v in zipf.items() if k not in frame}, **more)
    if "prior" not in frame:
        frame["prior"] = [f"Zipf({a}, {s})" for a, s in zip(frame["alpha"], frame["subpopulations"], strict=True)]
    return frame.assign(problem=[str(at) for at in range(len(frame))])


def test_what_is_drawn_against_what():
    assert swept(problems(alpha=ALPHAS, samples=SAMPLES)) == ("samples", ("alpha",))
    assert swept(problems(alpha=ALPHAS, samples=SAMPLES[:3])) == ("alpha", ("samples",))  # the first, of as many
    assert swept(problems(alpha=ALPHAS)) == ("alpha", ())
    assert swept(problems(prior=("A", "B"), samples=SAMPLES)) == ("samples", ("prior",))
    assert swept(problems(prior=("A", "B", "C"))) == (None, ("prior",))
    assert swept(problems(alpha=ALPHAS, mode=("random", "fixed"))) == ("alpha", ("mode",))
    assert swept(problems(alpha=(1.0,))) == (None, ())


@pytest.mark.parametrize("shuffle", [False, True])
def test_two_things_swept_are_a_line_for_each_value_of_the_second(shuffle):
    frame = problems(alpha=ALPHAS, samples=SAMPLES)
    frame = frame.sample(frac=1, random_state=0) if shuffle else frame
    figure = sweep_figure(frame, *swept(frame))
    costs, optimal = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["α = 0.5", "α = 0.75", "α = 1"]
    for axes, column in ((costs, "cost"), (optimal, "optimal_error")):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        low, high = axes.get_ylim()
        for line, alpha in zip(axes.get_lines(), ALPHAS, strict=True):
            x, y = line.get_data()
            mine = frame[frame["alpha"] == alpha].sort_values("samples")
            assert x.tolist() == list(SAMPLES)
            assert y.tolist() == mine[column].tolist()
            assert ((low <= y) & (y <= high)).all()
    assert len({line.get_marker() for line in costs.get_lines()}) == 3  # told apart without color
    assert len({tuple(line.get_color()) for line in costs.get_lines()}) == 3


def test_one_thing_swept_is_one_pair_of_lines_in_order():
    frame = problems(alpha=(1.0, 0.5, 0.75))
    axes = sweep_figure(frame, *swept(frame)).axes[0]
    assert [line.get_xdata().tolist() for line in axes.get_lines()] == [[0.5, 0.75, 1.0]] * 2
    assert axes.get_xscale() == "linear"
    assert axes.get_yscale() == "log"  # 0.5 to 1 is a factor of 21
    even = sweep_figure(problems(alpha=(0.5, 0.55)), "alpha").axes[0]
    assert even.get_yscale() == "linear"
    assert even.get_ylim()[0] == 0


def test_priors_stand_side_by_side_and_on_a_logarithmic_scale_bars_have_no_length():
    frame = problems(prior=("A", "B"))
    assert len(sweep_figure(frame, None).axes[0].patches) == 4
    frame.loc[1, ["optimal_error", "error_guessing_singletons"]] = [1e-5, 2e-5]
    axes = sweep_figure(frame, None).axes[0]
    assert axes.get_xscale() == "log"
    assert not axes.patches
    assert axes.get_lines()[1].get_xdata()[1] == 1e-5


def test_scales_go_by_factors_where_values_do():
    assert by_factors(np.array([1e6, 1e3, 1e4, 1e5]))
    assert by_factors(np.array([0.1, 1.0]))
    assert not by_factors(np.arange(1.0, 100.0))
    assert not by_factors(np.array([0.0, 1.0, 10.0, 100.0]))
    assert not by_factors(np.array([1.0, 2.0]))
    assert not by_factors(np.array([3.0]))
    assert [Shares()(x) for x in (1.0, 0.1, 1e-4, 1e-8)] == ["100 %", "10 %", "0.01 %", "10⁻⁶ %"]
    assert (
        named({"alpha": 1.0, "samples": 1e5, "prior": "Uniform(5)"}, ["prior", "samples"]) == "Uniform(5), n = 100,000"
    )


def limits(sizes, column="epsilon", **more):
    """Costs of a limit for problems whose cost differs as ``sizes``."""
    x = np.geomspace(0.1, 10, 5)
    parts = [
        pd.DataFrame({column: x, "excess_error": size * np.exp(-x), **more}).assign(
            problem=f"p{at}",
            prior=f"Zipf({at})",
            alpha=float(at),
            subpopulations=100,
            samples=10,
            labels=2,
            mode="random",
        )
        for at, size in enumerate(sizes)
    ]
    return pd.concat(parts, ignore_index=True)


def test_costs_of_several_problems_are_named_by_what_differs_on_a_scale_for_all():
    figure = limit_figure("Limits", limits([0.5, 0.01, 0.0001]), "epsilon", within={"p1": 2.0})
    axes = figure.axes[0]
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == ["α = 0", "α = 1", "α = 2", "least that costs no more"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    low, high = axes.get_ylim()
    for size in (0.5, 0.01, 0.0001):
        assert low < size * np.exp(-0.1) < high
    assert limit_figure("Limits", limits([0.5, 0.4]), "epsilon").axes[0].get_yscale() == "linear"
    assert limit_figure("Limits", limits([0.5]), "epsilon").axes[0].get_yscale() == "linear"


def test_noise_too_small_to_be_seen_beside_another_has_a_scale():
    table = limits([0.5, 0.4], "kappa", fitting_every_label=0.01)
    axes = noise_figure("Noise", table).axes[0]
    assert axes.get_yscale() == "log"
    assert len(axes.get_lines()) == 4
    table = table.assign(fitting_every_label=0.2)
    assert noise_figure("Noise", table).axes[0].get_yscale() == "linear"
