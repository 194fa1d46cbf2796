"""``--error``, ``--power``: as many models as they take, and plans that cannot be made."""

import json
from math import ceil

import pytest
from scipy.special import ndtri

from empirical.data.load import load
from tests.empirical.commanded import run


def test_as_many_models_as_an_error_takes(capsys):
    code, out, err = run(capsys, "planted", "--n", 60, "--error", 0.1, "--json")
    assert code == 0
    assert json.loads(out)["trials"] == 120  # .25 / (.7 · .3 · .1²), rounded up
    assert "standard error of an influence: 0.100 at most" in err
    for more in (("--trials", 50), ("--design", "orthogonal")):
        assert run(capsys, "planted", "--error", 0.1, *more)[0] == 2


def test_as_many_models_as_finding_pairs_takes(capsys):
    """Of all that is asked the hardest decides: z² q(1 − q)/(r(1 − r)(δ − θ)²), or (θ/sd by Φ of F over the pairs)."""
    data = ("planted", "--n", 60, "--json")
    unit = 0.25 / (0.7 * 0.3)
    code, out, err = run(capsys, *data, "--power", 0.8, "--influence", 0.6, "--threshold", 0.3)
    assert code == 0
    assert json.loads(out)["trials"] == ceil(ndtri(0.8) ** 2 * unit / 0.3**2)
    assert "0.3 a pair of influence 0.6 will be found with chance 0.8" in err
    code, out, err = run(capsys, *data, "--false", 3, "--threshold", 0.3, "--error", 0.2)
    found = load("planted", n=60).balance
    pairs = int((found["train"] * found["test"]).sum())  # of one class
    assert 300 < pairs < 1200
    assert json.loads(out)["trials"] == ceil(ndtri(3 / pairs) ** 2 * unit / 0.3**2)
    assert "false pairs, at worst" in err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--power", 0.9, "--trials", 50), "--power"),
        (("--false", 1, "--design", "orthogonal"), "--false"),
        (("--influence", 0.3), "--influence"),
        (("--power", 0.9, "--influence", 0.1), "influence above 0.15"),
        (("--power", 1), "power"),
        (("--false", 0), "false"),
        (("--false", 1, "--fdr", 0.05), "--fdr"),
    ],
)
def test_plans_that_cannot_be_made_are_refused(capsys, options, named):
    code, _, err = run(capsys, "planted", "--n", 60, *options)
    assert code == 2
    assert named in err
