"""Attributions against models on other subsets, at small size: each learner is best told by its own influence."""

from __future__ import annotations

import numpy as np

from simulations import attributions
from simulations.attributions import INFLUENCE, RANDOM, RIDGE, SUBSETS


def test_a_learner_is_told_best_by_its_own_influence():
    config = attributions.Config(
        cases=(("digits", 150, 40, "ridge", 128), ("digits", 150, 40, "softmax", 128)),
        removed=8,
        answers=8,
        directions=32,
    )
    table = attributions.run(config)
    for learner, own in (("ridge", RIDGE), ("softmax", INFLUENCE)):
        rows = table[table["learner"] == learner].set_index("attribution")
        assert rows["lds"].idxmax() == own
        assert abs(rows.loc[RANDOM, "lds"]) < 5 * rows.loc[RANDOM, "lds_stderr"]
        assert rows["lds"].max() < rows["highest"].max() + 5 * rows["highest_stderr"].max()
        assert rows["auc"].notna().sum() == len(rows) - 1
        assert np.isnan(rows.loc[SUBSETS, "auc"])
        assert (rows["turned_random"] == rows["turned_random"].iloc[0]).all()  # the same answers, the same at random
    figure = attributions.plot(table)
    assert [axes.get_title("left") for axes in figure.axes] == ["digits, ridge", "digits, softmax"]
    claims = [claim.ours(table) for claim in attributions.CLAIMS]
    assert [one is None for one in claims] == [False, True, False, False, False]  # Fashion-MNIST was not asked
    assert claims[2].value < 0 < claims[3].value < 1.2
