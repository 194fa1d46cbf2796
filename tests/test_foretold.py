"""Who foretold a loss: what counts as foretold, and errors of mean absolute errors that cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.estimates.learning import Learning
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.observed import Observed
from empirical.estimates.totals import Totals
from longtail.core import Floats
from longtail.core.intervals import Z95
from simulations import foretold, removal
from tests.drawn import points


def row(name: str, lost: float, stderr: float, theory: float, error: float, **others: float) -> dict[str, object]:
    said = {"lost_alone": lost, "lost_stderr_alone": 0.0, "lost_linear": np.nan, "lost_stderr_linear": np.nan}
    said |= {"lost_whole": np.nan, "lost_stderr_whole": 0.0, "lost_random": 0.0, "lost_random_stderr": 0.0} | others
    told = {"lost": lost, "lost_stderr": stderr, "lost_predicted": theory, "lost_stderr_predicted": error}
    return {"data": name, "learner": "KNN()", "set": "all", "threshold": 0.25, "tests": 1000} | told | said


def test_a_loss_is_foretold_within_its_interval_or_a_quarter() -> None:
    table = pd.DataFrame(
        [
            row("near", 0.10, 0.001, 0.12, 0.0),  # within a quarter
            row("far", 0.10, 0.001, 0.13, 0.0),
            row("seen", 0.10, 0.02, 0.13, 0.0),  # by the error of what was seen
            row("vague", 0.10, 0.001, 0.13, 0.02),  # by its own
            row("none", 0.0, 0.0, 0.002, 0.0),  # no answer of 1,000 changed: up to .4 % may have
            row("lost", 0.0, 0.0, 0.006, 0.0),
        ]
    )
    table = pd.concat([table, table.assign(set="no duplicates"), table.assign(threshold=0.5)], ignore_index=True)
    found = foretold.told(table, 0.25)
    ours = found[found["forecaster"] == foretold.THEORY].set_index("data")
    assert ours["within"].to_dict() == {
        "near": True, "far": False, "seen": True, "vague": True, "none": True, "lost": False,
    }  # fmt: skip
    assert ours["sharp"].to_dict() == ours["within"].to_dict() | {"vague": False}
    assert foretold.SUMS not in set(found["forecaster"])  # who said nothing of any case
    assert (found["forecaster"] == foretold.RANDOM).sum() == 6


def test_scores_are_means_over_cases_of_both() -> None:
    table = pd.DataFrame(
        [row("a", 0.1, 0.0, 0.12, 0.0, lost_linear=0.2, lost_stderr_linear=0.0), row("b", 0.3, 0.0, 0.2, 0.0)]
    )
    scores = foretold.scores(foretold.told(table, 0.25)).set_index("forecaster")
    assert scores["cases"].tolist() == [2, 2, 1, 2]
    np.testing.assert_allclose(scores["error"], [0.06, 0.0, 0.1, 0.2], atol=1e-12)
    np.testing.assert_allclose(scores["more"], [0.0, -0.06, 0.08, 0.14], atol=1e-12)  # of sums: on the first case alone
    assert scores["within"].tolist() == [1, 2, 0, 0]


def cases(rng: np.random.Generator, count: int) -> tuple[Floats, Floats, Floats]:
    """Two forecasters, the first off by more, and losses with errors of their own."""
    truth = rng.exponential(0.03, count)
    spread = np.full(count, 0.004)
    common = rng.normal(size=count)
    says = truth + np.array([0.02 * common, 0.01 * common + 0.004 * rng.normal(size=count)])
    return says, truth + spread * rng.normal(size=count), spread


@pytest.mark.parametrize("paired", [True, False])
def test_errors_of_mean_absolute_errors_cover(paired: bool) -> None:
    """300 times 16 cases, seed 3, z = 5: mean z near 0, and z² near 1; taken for independent the two err less than is said
    (negative control).
    """
    rng = np.random.default_rng(3)
    says, lost, spread = cases(rng, 400_000)
    off = np.abs(says - lost).mean(1)
    z = []
    for _ in range(300):
        says, lost, spread = cases(rng, 16)
        error, more = foretold.errors(says, lost, spread, draws=300)
        other, _ = foretold.errors(says[::-1], lost, spread, draws=300)
        stderr = more.stderr if paired else float(np.hypot(error.stderr, other.stderr))
        z.append(((error.value - off[0]) / error.stderr, (more.value - off[0] + off[1]) / stderr))
    mean, square = np.mean(z, 0), np.square(z).mean(0)
    assert (np.abs(mean) < 5 * np.sqrt(square / 300) + 0.2).all()  # of few cases it is skew
    assert 0.7 < square[0] < 1.7
    assert (0.7 < square[1] < 1.7) == paired


def test_losses_move_by_their_own_errors_where_cases_are_alike() -> None:
    lost = np.full(16, 0.1)
    error, more = foretold.errors(np.array([lost + 0.05, lost - 0.02]), lost, np.full(16, 0.004))
    assert (error.value, more.value) == (pytest.approx(0.05), pytest.approx(0.03))
    # the one errs more, the other less
    np.testing.assert_allclose([error.stderr, more.stderr], [0.001, 0.002], rtol=0.05)


def test_the_figure_shows_what_everybody_said() -> None:
    table = pd.DataFrame([row("a", 0.1, 0.01, 0.12, 0.02), row("b", 0.03, 0.01, 0.02, 0.001, lost_random=0.01)])
    (axes,) = removal.plot(table).axes
    for name, column in foretold.COLUMNS.items():
        if name not in (foretold.SUMS, foretold.WHOLE):
            np.testing.assert_array_equal(points(axes, name), [table["lost"], table[f"lost_{column}"]])
    found = foretold.told(table, 0.25)
    ours = found[found["forecaster"] == foretold.THEORY]
    np.testing.assert_allclose(ours["margin"], 0.01 * Z95)


def test_the_sum_of_influences_and_what_as_many_others_carry() -> None:
    """Of the examples a fifth is memorized, and carries a fifth of the slope of accuracy beyond its own."""
    edges, none = np.array([0.25]), np.zeros((2, 2))
    totals = Totals(edges, np.array([80.0, 20.0]), np.array([0.0, 0.5]), np.array([-0.01, 0.01]), none, none)
    curve = Learning(100, np.array([0.7, 0.35]), np.full(2, 50.0), np.array([0.2, 0.3]), np.array([0.0, 0.01]), none)
    table = pd.DataFrame({"index": np.arange(100), "memorization": np.repeat([0.0, 0.5], [80, 20])})
    pairs = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
    seen = Measured(Experiment("x", 9, 50, 0.7, 2), table, pairs, observed=Observed(totals, learning=curve))
    assert removal.summed(seen, 0.25).value == 0.01
    found = removal.summed(seen, 0.25, others=True)
    assert found.value == pytest.approx(0.01 + 0.2 * 0.1 / np.log(2))
    assert found.stderr == pytest.approx(0.2 * 0.01 / np.log(2))
    unknown = replace(seen, observed=Observed(totals))
    assert np.isnan(removal.summed(unknown, 0.25, others=True).value)
    assert np.isnan(removal.summed(replace(seen, observed=Observed()), 0.25).value)


def test_claims_on_all_cases_are_not_tried_on_a_few() -> None:
    some = [row(f"case {k}", 0.1, 0.001, 0.12 if k < 14 else 0.2, 0.0, lost_alone=0.3) for k in range(16)]
    few, every = pd.DataFrame(some[:4]), pd.DataFrame(some)
    assert removal.share(few) is None
    assert removal.worse(few, foretold.ALONE) is None
    assert removal.worse(every, foretold.SUMS) is None  # they say nothing
    found = removal.share(every)
    assert found is not None
    assert (found.value, found.stderr) == (14 / 16, np.sqrt(14 / 16 * 2 / 16 / 16))
    more = removal.worse(every, foretold.ALONE)
    assert more is not None
    assert more.value == pytest.approx(0.2 - (14 * 0.02 + 2 * 0.1) / 16)
