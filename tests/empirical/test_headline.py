"""The headline holds in every case: nothing memorized, no fit, a refused fit, a loss that is not told from chance."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.comparison import Comparison
from empirical.bridge.fit import fit, planted
from empirical.designs import Bernoulli
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.noise import SubsetNoise
from empirical.estimates.observed import Observed
from empirical.estimates.totals import Totals
from empirical.report import observed_figures
from empirical.report.exhibits import exhibits
from empirical.report.headline import carried, headline
from empirical.report.page import page
from empirical.report.text import fitted, foretold, summary
from longtail import Problem, Zipf
from longtail.core import Floats
from longtail.core.intervals import Z95
from longtail.experiment.coupling import Fixed
from longtail.experiment.predictions import influence_by_memorization

N, K, NOISE = 2000, 10, SubsetNoise(400, 0.7)
PROBLEM, LOOKUP = Problem(Zipf(alpha=0.8, size=800), N, K), Fixed(1.0)
EDGES = np.array([0.1, 0.25, 0.5, 0.75])


def totals(total: Floats, spread: float, examples: Floats) -> Totals:
    none = np.zeros((len(total),) * 2)
    middle = np.linspace(0, 1, len(total))
    return Totals(EDGES, examples, middle, total, spread**2 * np.eye(len(total)), none)


@pytest.fixture(scope="module")
def found() -> Comparison:
    """A planted lookup table, what its examples carry as it is expected, independent models."""
    _, values = planted(PROBLEM, LOOKUP, NOISE, np.random.default_rng(5))
    table = pd.DataFrame({"index": np.arange(N), "memorization": values, "stderr": 0.03})
    pairs = pd.DataFrame({"train_index": [], "test_index": [], "influence": [], "stderr": []})
    expected = influence_by_memorization(PROBLEM, LOOKUP, EDGES, SubsetNoise(200, 0.7))
    carry = totals(expected["influence"].to_numpy(float), 0.004, N * expected["share"].to_numpy(float))
    how = Experiment("planted", 500, 400, 0.7, K, design=repr(Bernoulli(0.7)))
    observed = Measured(how, table, pairs, threshold=0.99, observed=Observed(totals=carry))
    return Comparison(observed, (fit(values, K, NOISE, "Zipf", "lookup", simulations=12),))


def with_p(found: Comparison, p: float) -> Comparison:
    best = found.best
    return replace(found, fits=(replace(best, goodness=replace(best.goodness, p_value=p)),))


def seen(found: Comparison, carry: Totals | None) -> Comparison:
    return replace(found, observed=replace(found.observed, observed=Observed(totals=carry)))


def tried(lost: float, stderr: float, threshold: float = 0.25) -> pd.DataFrame:
    row = {"set": "all", "threshold": threshold, "tests": 500, "lost": lost, "lost_stderr": stderr}
    return pd.DataFrame([row | {"lost_random": 0.0, "lost_random_stderr": 0.001}])


def test_what_is_memorized_and_what_it_carries_are_the_runs_own_numbers(found: Comparison) -> None:
    said = headline(with_p(found, 0.5))
    share = (found.observed.values >= 0.25).mean()
    assert f"Of 2,000 training examples {100 * share:.1f} % are memorized (0.25 or more" in said
    carry = found.observed.observed.totals
    assert carry is not None
    many, total = carry.examples[2:].sum(), carry.total[2:].sum()
    value, error = 100 * N * total / many, 100 * N * Z95 * 0.004 * np.sqrt(3) / many
    assert f"A hundred of these carry {value:.0f} ± {error:.0f} of 2,000 new examples (" in said
    by_fit = float(re.search(r"\((\d+) by the fit\)", said)[1])  # type: ignore[index]
    told = carried(found)
    assert told is not None
    assert told.fitted is not None
    assert abs(by_fit - value) < 5 * (told.fitted.stderr + 0.3)  # the model is true
    assert "Without them theory expects accuracy to fall by" in said
    assert said.index("memorized") < said.index("hundred") < said.index("Without") < said.index("The long-tail theory")


def test_where_there_are_no_pairs_nothing_is_said_of_tests_in_them(found: Comparison) -> None:
    said = foretold(found)[0]
    assert re.fullmatch(
        r"No pair has an influence of 0\.99 or more; the fit, which saw memorization only, expects at most \d+ \(95 %\)\.",
        said,
    )
    one = pd.DataFrame({"train_index": [0], "test_index": [3], "influence": [0.99], "stderr": [0.01]})
    said = foretold(replace(found, observed=replace(found.observed, pairs=one)))[0]
    assert said.startswith(
        "1 pair of influence 0.99 or more carries 1 test example, 1 of them by one training example alone"
    )


def test_of_a_fixed_size_it_is_beyond_what_others_carry(found: Comparison) -> None:
    how = replace(found.observed.experiment, design=None)
    said = headline(replace(found, observed=replace(found.observed, experiment=how)))
    assert re.search(r"carry \d+ ± \d+ more of 2,000 new examples than a hundred others", said)
    little = totals(np.array([0, 0, 0.001, 0, 0]), 0.004, np.full(5, 400.0))
    said = headline(seen(replace(found, observed=replace(found.observed, experiment=how)), little))
    assert re.search(r"that these carry more than others do: a hundred carry 0 ± 2 more of 2,000 new examples\.", said)


def test_what_is_not_told_from_chance_is_not_said_to_carry(found: Comparison) -> None:
    many = np.full(5, 400.0)
    for total, carries in ((0.001, False), (-0.03, False), (0.03, True)):
        said = headline(seen(found, totals(np.array([0, 0, total, 0, 0]), 0.004, many)))
        assert ("not told from chance that these carry any others" in said) != carries
        assert "by the fit" not in said or carries
    assert "carry" not in headline(seen(found, None))
    unknown = totals(np.array([0, 0, 0.03, 0, 0]), np.nan, many)
    assert "A hundred of these carry 5 of 2,000 new examples" in headline(seen(found, unknown))


def test_nothing_memorized(found: Comparison) -> None:
    table = found.observed.memorization.assign(memorization=0.01)
    said = headline(replace(found, observed=replace(found.observed, memorization=table)))
    assert said.startswith("Of 2,000 training examples none is memorized (0.25 or more")
    assert "hundred" not in said
    assert "ithout" not in said


def test_few_memorized_are_not_said_to_be_none(found: Comparison) -> None:
    values = np.zeros(N * 10)
    values[:3] = 0.5
    table = pd.DataFrame({"index": np.arange(len(values)), "memorization": values})
    few = Comparison(replace(found.observed, memorization=table), (), why="too few")
    assert headline(few).startswith("Of 20,000 training examples 0.01 % are memorized")


def test_no_fit(found: Comparison) -> None:
    said = headline(Comparison(found.observed, (), why="nobody asked"))
    assert "A hundred of these carry" in said
    assert "by the fit" not in said
    assert "theory expects" not in said
    assert said.endswith("There is no theory beside it: nobody asked.")


def test_a_refused_fit_foretells_nothing(found: Comparison) -> None:
    said = headline(with_p(found, 0.001))
    assert "theory expects" not in said
    assert "by the fit" not in said
    assert "does not fit" in said or "comes close" in said


def test_other_fits_are_said_to_be_rejected_where_they_are_and_unknown_where_nothing_tells(found: Comparison) -> None:
    """Twelve data sets are too few for Cox's test: goodness decides alone, and a p-value that is not known rejects nothing."""
    for others, expected in (
        ((0.001, 0.002), "Of 3 combinations of prior and coupling all others are rejected (p < 0.05)."),
        (
            (0.001, np.nan),
            "Of 3 combinations of prior and coupling 1 is rejected (p < 0.05); of 1 more nothing is known: ",
        ),
        (
            (np.nan,),
            "Of 2 combinations of prior and coupling none is rejected (p < 0.05); of 1 more nothing is known: ",
        ),
        ((0.001, 0.5), "The data do not reject these either: "),
    ):
        fits = (found.best, *(with_p(found, p).best for p in others))
        some = replace(found, fits=fits)
        assert fitted(some)[-1].startswith(expected), others
        told = summary(some).splitlines()
        assert any(line.split()[-2:] == ["p_value", "against_best"] for line in told)
        assert told[-1].startswith("against_best: how often")
        assert "how often data from that fit speak as much for the first" in page(some, exhibits(None))
    alone = replace(found, fits=(found.best,))
    assert len(fitted(alone)) == 1
    assert "speak as much" not in summary(alone) + page(alone, exhibits(None))


def test_a_loss_is_said_with_its_error_and_what_was_foretold(found: Comparison) -> None:
    foretold = pd.DataFrame(
        {"threshold": [0.25], "removed_share": 0.3, "lost": 0.05, "lost_stderr": 0.01, "lost_random": 0.01}
    )
    for lost, stderr, expected in (
        (0.048, 0.005, "Without them accuracy falls by 4.8 ± 1.0 points (5.0 ± 2.0 points foretold)."),
        (-0.048, 0.005, "Without them accuracy rises by 4.8 ± 1.0 points (5.0 ± 2.0 points foretold)."),
        (
            -0.003,
            0.005,
            "Without them no loss of accuracy is told from chance: −0.3 ± 1.0 points (5.0 ± 2.0 points foretold).",
        ),
        (
            0.0,
            0.0,
            "Without them no loss of accuracy is told from chance: 0.0 ± 0.8 points (5.0 ± 2.0 points foretold).",
        ),
    ):
        assert expected in headline(replace(found, removal=tried(lost, stderr), foretold=foretold))
    said = headline(replace(found, removal=tried(0.048, 0.005, 0.5)))
    assert "Without those of 0.5 or more accuracy falls by 4.8 ± 1.0 points." in said
    refused = headline(replace(with_p(found, 0.001), removal=tried(0.048, 0.005), foretold=foretold))
    # written down before, whatever a fit of today says
    assert "4.8 ± 1.0 points (5.0 ± 2.0 points foretold)" in refused


def test_a_fit_that_knows_nothing_of_the_loss_says_so(found: Comparison) -> None:
    best = found.best
    wide = ((Zipf(alpha=0.8, size=30), Fixed(1.0)), (Zipf(alpha=0.8, size=9000), Fixed(0.9)))
    blurred = replace(best)
    vars(blurred)["around"] = (wide, wide)
    said = headline(replace(found, fits=(blurred,)))
    assert re.search(r"What is lost without them theory cannot tell: [\d.]+ ± [\d.]+ points of accuracy\.", said)


def test_a_fit_that_misses_what_examples_carry_does_not_fit_all(found: Comparison) -> None:
    """Ten times less is carried than the fit to memorization alone expects; where that was fitted too, nothing was missed."""
    carry = found.observed.observed.totals
    assert carry is not None
    less = seen(with_p(found, 0.5), replace(carry, total=carry.total / 10, covariance=carry.covariance / 100))
    said = headline(less)
    assert "fits memorization, but not all of it" in said
    assert re.search(r"expects a hundred of the memorized to carry \d+ new examples where \d+ are seen", said)
    assert "but not all of it" not in headline(with_p(found, 0.5))
    knew = replace(less, fits=(replace(less.best, saw=("what examples carry",)),))
    assert "but not all of it" not in headline(knew)


def test_what_the_memorized_carry_is_the_second_picture(found: Comparison) -> None:
    text = page(found, exhibits(None))
    drawn = re.findall(r'<figure id="figure-(\w+)"', text)
    assert drawn[:2] == ["theory", "influence_by_memorization"]
    assert len(set(drawn)) == len(drawn)
    axes = observed_figures.figures({"influence_by_memorization": found.frames["carried"]})
    legend = axes["influence_by_memorization"].axes[0].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["measured (95 %)", "theory, fitted (95 %)"]
    assert headline(found).split(".")[0] in text
