"""The claim of simulations/verification.py at a size for every day: seeds 0 to 4, on digits."""

import pytest

from empirical.designs import Bernoulli, Fixed, Orthogonal
from simulations.verification import Case, Config, plot, run
from tests.drawn import points, rows


def test_error_bars_hold_and_arrays_are_worth_their_factor():
    cases = (
        Case(Fixed(0.7), 1000, 1500),
        Case(Bernoulli(0.75), 1024, 341),
        Case(Orthogonal(0.75, 1024), 4096, 341),
        Case(Orthogonal(0.5, 512), 4096, 341),
    )
    table = run(Config(cases, repeats=5, pairs=1500))
    assert table["z_by_reported"].between(0.95, 1.05).all()
    assert table["z_by_exact"].dropna().between(0.95, 1.05).all()
    assert table["factor"][:2].between(0.9, 1.1).all()  # the control: independent trials gain nothing
    assert (table["factor"][2:] > 1.8).all()
    axes = plot(table).axes[0]
    for column, label in (("z_by_reported", "by the reported standard error"), ("z_by_exact", "by the exact one")):
        assert points(axes, label)[0].tolist() == pytest.approx(table[column].tolist(), nan_ok=True)
    assert [row.partition("\n")[0] for row in rows(axes)] == table["design"].tolist()
