"""Rounds in which everybody is left out once. z = 5, seed 11."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.designs import Folds, recorded
from longtail.core import ArgumentError

SEED = 11
CLASSES = np.repeat([0, 1, 2], [11, 8, 1])


@pytest.mark.parametrize("parts", [2, 3, 5])
@pytest.mark.parametrize("stratified", [True, False])
def test_each_round_leaves_everybody_out_once_and_parts_are_even(parts, stratified):
    design = Folds(parts, stratified)
    masks = design.subsets(SEED, np.arange(4 * parts), 20, CLASSES)
    out = (~masks).reshape(4, parts, 20)
    assert (out.sum(1) == 1).all()
    sizes = out.sum(2)
    assert sizes.max() - sizes.min() <= 1
    if stratified:
        for k in range(3):
            within = out[:, :, k == CLASSES].sum(2)
            assert within.max() - within.min() <= 1
    assert len({row.tobytes() for row in masks}) == 4 * parts  # rounds differ
    some = np.array([3, 0, parts + 1])
    np.testing.assert_array_equal(design.subsets(SEED, some, 20, CLASSES), masks[some])
    assert recorded(repr(design)) == design
    assert abs(masks.mean() - design.inclusion(20)) < 0.01


def test_who_is_out_with_whom_is_chance():
    """Of a class of 11 and halves of 5 or 6, two are in one half with chance C(9, m − 2)/C(11, m) and its like: 5/11."""
    design = Folds(2)
    masks = design.subsets(SEED, np.arange(0, 8000, 2), 20, CLASSES)
    together = (masks[:, 0] == masks[:, 1]).mean()
    assert abs(together - 5 / 11) < 5 * np.sqrt(5 / 11 * 6 / 11 / 4000)
    assert abs(masks[:, 0].mean() - 0.5) < 5 * np.sqrt(0.25 / 4000) + 1 / 22
    crude = np.tile(np.arange(20) % 2 == 0, (4000, 1))  # not dealt at random
    assert abs((crude[:, 0] == crude[:, 1]).mean() - 5 / 11) > 5 * np.sqrt(5 / 11 * 6 / 11 / 4000)


def test_what_cannot_be_dealt_is_refused():
    with pytest.raises(ArgumentError, match=r"models: got 7; .* as 8"):
        Folds(2).check(20, 7)
    with pytest.raises(ArgumentError, match="give fewer parts"):
        Folds(30).check(20, 30)
    with pytest.raises(ArgumentError, match="parts"):
        Folds(1)
    with pytest.raises(ArgumentError, match="training labels"):
        Folds(2).subsets(0, [0], 10)
