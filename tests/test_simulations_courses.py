"""The claims about training itself, at small sizes."""

from __future__ import annotations

import numpy as np
import pytest

from simulations import informs, speeds, standins
from tests.drawn import marks, points, rows


def test_standins_judged() -> None:
    """The control knows nothing: within 5 standard errors. Models at many subsets go with as many others; labels are found."""
    case = standins.Case("digits", "MLP(width=64, epochs=8)", few=3, more=20, many=60, shares=(0.1,))
    table = standins.run(standins.Config(cases=(case,)))
    random = table[table["standin"] == "at random"]
    chance = random["measure"].map({"auc": 0.5, "pearson": 0, "spearman": 0})
    known = random[chance.notna()]
    assert len(known) == 5
    assert (abs(known["value"] - chance.dropna()) < 5 * known["stderr"]).all()
    found = table.set_index(["against", "standin", "models", "measure"])["value"]
    assert found[("0.1 flipped", "loss at the end", 3, "auc")] > 0.98
    assert found[("0.1 flipped", "cumulative loss", 3, "average precision")] > 0.9
    few, more = (found[(standins.SUBSET, "subset estimator", models, "pearson")] for models in (3, 20))
    assert 0 < few < more / 1.2
    assert 0 <= found[("0.1 flipped", "the net itself", 3, "fitted")] <= 1
    # subsets are without bias, and their intervals hold; turn-over dropout is not, here (the control)
    for models in (3, 20):
        assert found[("0.1 flipped", "subset estimator", models, "held, clean")] > 0.95
        bias = table[(table["measure"] == "bias, clean") & (table["models"] == models)].set_index("standin")
        assert abs(bias.loc["subset estimator", "value"]) < 5 * bias.loc["subset estimator", "stderr"]
    assert found[("0.1 flipped", "turn-over dropout", 3, "bias, clean")] > 0.1
    assert found[("0.1 flipped", "turn-over dropout", 3, "held, flipped")] < 0.5
    panels = standins.plot(table).axes
    assert len(panels) == 3
    spearman = table[(table["against"] == standins.SUBSET) & (table["measure"] == "spearman")]
    np.testing.assert_array_equal(marks(panels[0])[0], spearman["value"])
    assert rows(panels[0])[0] == "confidence over training, 3"


def test_the_easy_are_learned_faster() -> None:
    """At once with the hard; thirds at random are not (z = 5)."""
    net = "MLP(width=64, epochs=20, batch=16, rate=0.01)"
    cases = (speeds.Case("digits", 300, 0.0, net),)
    table = speeds.run(speeds.Config(cases=cases, models=6, graders=30))
    each = table[table["group"] == "easy"].set_index("groups")
    assert each.loc[speeds.MEMORIZED, "z"] > 5
    assert each.loc[speeds.MEMORIZED, "low"] > 1.1
    assert each.loc[speeds.MEMORIZED, "at_once"] > 5 * each.loc[speeds.MEMORIZED, "at_once_stderr"]
    assert abs(each.loc[speeds.RANDOM, "z"]) < 5
    assert each.loc[speeds.RANDOM, "ratio"] == pytest.approx(1, abs=0.1)
    (axes,) = speeds.plot(table).axes
    assert rows(axes) == ["digits, 0 % random"]
    np.testing.assert_array_equal(points(axes, speeds.RANDOM)[0], each.loc[[speeds.RANDOM], "ratio"])


def test_the_hard_inform_more() -> None:
    """By retraining and on tests of the class (z = 5); groups at random do not differ, wrong labels cost (the controls)."""
    net, masked = "MLP(width=64, epochs=20, batch=16)", "Net(widths=(96,), batch=16)"
    noisy = informs.Case("digits", 500, 1297, 0.2, 100, net, masked, nets=6, seeds=16)
    clean = informs.Case("digits", 500, 600, 0.0, 100, net, masked, nets=16, seeds=2)
    table = informs.run(informs.Config(cases=(noisy, clean), graders=40))
    found = table[table["measure"] == "loss"].set_index(["share", "how", "group"])[["value", "stderr", "nets"]]
    z = found["value"] / found["stderr"]
    own, every = (f"turn-over, {side}" for side in (informs.OWN, informs.EVERY))
    for told in ((0.2, informs.ADDED), (0.2, informs.REMOVED), (0.0, own)):
        assert z[(*told, "hard − easy")] > 5
        assert abs(z[(*told, "at random, twice")]) < 5
        hard, easy, apart = (found["value"][(*told, name)] for name in ("hard", "easy", "hard − easy"))
        assert hard - easy == pytest.approx(apart, rel=1e-6)
    for how in (informs.ADDED, informs.REMOVED):
        assert z[0.2, how, "relabeled"] < -5
        assert found.loc[(0.2, how, "hard"), "nets"] == 16
    assert z[0.2, own, "relabeled"] > 5
    assert abs(z[0.0, every, "hard − easy"]) < 5
    figure = informs.plot(table)
    assert [axes.get_title("left") for axes in figure.axes] == list(table["how"].unique())
    axes = figure.axes[3]
    axes.legend()
    drawn = [found["value"][share, informs.ADDED, "hard"] for share in (0.2, 0.0)]
    np.testing.assert_array_equal(points(axes, "hard")[0], drawn)
    assert rows(figure.axes[0]) == ["digits, 20 % relabeled", "digits"]
