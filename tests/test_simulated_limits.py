"""The claim on what limits cost, at a size that is quick."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from simulations import limits, subset
from simulations.places import loaded


def test_pruning_costs_more_the_more_is_pruned_and_the_memorized_more_than_the_typical() -> None:
    case = limits.Case("digits", "Ridge()", 12, private=(), prune=(0.5, 0.9), others=("Ridge(penalty=1000)",))
    table = limits.run(limits.Config((case,), simulations=2))
    assert table["kind"].tolist() == ["unlimited", "pruned", "pruned", "other"]
    half, most = table[table["kind"] == "pruned"].to_dict("records")
    assert most["lost"] > half["lost"] + 5 * np.hypot(most["stderr"], half["stderr"])
    assert most["memorized_lost"] > most["typical_lost"] > 0
    assert most["worst_lost"] > most["lost"]
    assert isinstance(limits.plot(table), Figure)


def test_data_sets_have_the_classes_cut_that_they_say(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAIL_DATA", str(data))
    eights, tail = (limits.dataset(f"mnist, {name}").balance["train"].tolist() for name in ("500 eights", "imbalanced"))
    assert eights[8] == limits.EIGHT
    assert min(eights[:8] + eights[9:]) > 5000
    assert (tail[0], tail[-1]) == (subset.MOST, subset.LEAST)
    assert all(a > b for a, b in pairwise(tail))


def test_the_first_examples_of_a_data_set_are_asked_for_by_number(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAIL_DATA", str(data))
    whole, part = (loaded(source).data for source in ("fashion_mnist", "fashion_mnist[:300]"))
    assert (part.n, part.n_test) == (300, whole.n_test)
    np.testing.assert_array_equal(part.y_train, whole.y_train[:300])
    assert loaded("fashion_mnist[:300]").name == "fashion_mnist, first 300"
    assert loaded("simulations.subset.unequal_mnist").data.n == limits.dataset("mnist, imbalanced").data.n < 6000
