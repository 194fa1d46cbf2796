"""The profiles of a joint fit: what its claims and its figure read off the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simulations import profiles
from tests.drawn import points


@pytest.fixture
def table() -> pd.DataFrame:
    """One parameter a parabola about 2, its end drawn at 2 ± 1; of the other nothing is known above."""
    value = np.linspace(0.5, 3.5, 7)
    parabola = pd.DataFrame({"parameter": "coupling", "value": value, "rise": 4 * (value - 2) ** 2, "allowed": 4.0})
    parabola = parabola.assign(truth=2.5, low=1.0, high=3.0, wald_low=1.5, wald_high=2.5)
    rise = [9.0, 0.0, 1.0]
    leans = pd.DataFrame({"parameter": "concentration", "value": [1.0, 10.0, 1000.0], "rise": rise, "allowed": 4.0})
    leans = leans.assign(truth=2.0, low=10 ** (1 / 3), high=np.inf, wald_low=np.nan, wald_high=np.nan)
    return pd.concat([parabola, leans], ignore_index=True)


def test_claims_are_read_off_the_table(table: pd.DataFrame) -> None:
    assert profiles.held(table).value == 0.5
    wald = profiles.beside_wald(table, "coupling")
    assert wald is not None
    assert wald.value == 2
    assert profiles.beside_wald(table, "dust") is None
    assert profiles.read_off(table).value == pytest.approx(0, abs=1e-12)  # 1 − 1 · 2/3 is a third too
    end = profiles.farthest(table, "concentration")
    assert end is not None
    assert end.value == 0.25
    moved = table.assign(high=np.where(table["parameter"] == "coupling", 3.5, np.inf))
    assert profiles.read_off(moved).value == pytest.approx(1 / 3)


def test_the_figure_shows_both_intervals_and_the_truth(table: pd.DataFrame) -> None:
    first, second = profiles.plot(table).axes
    rows = table[table["parameter"] == "coupling"]
    np.testing.assert_array_equal(points(first, "profile"), [rows["value"], rows["rise"] / 4])
    np.testing.assert_array_equal(points(first, "Wald's interval"), [[1.5, 2.5], [1, 1]])
    assert points(first, "truth")[0].tolist() == [2.5, 2.5]
    assert (first.get_xscale(), second.get_xscale()) == ("linear", "log")


def test_a_joint_fit_of_planted_data_has_profiles() -> None:
    config = profiles.Config(points=3, simulations=5, guess="fresh")
    table = profiles.run(config)
    assert table["parameter"].unique().tolist() == ["alpha", "size", "coupling", "concentration"]
    for _, rows in table.groupby("parameter"):
        assert rows["rise"].min() == 0
        best = rows.loc[rows["rise"].idxmin(), "value"]
        assert rows["low"].iloc[0] <= best <= rows["high"].iloc[0]
    assert table["truth"].notna().all()
