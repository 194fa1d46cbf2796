"""Masks of turn-over dropout: a function of (seed, layer, example) alone, which with the flipped one makes up the layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from empirical.dynamics.masks import Masks
from empirical.dynamics.net import AUTHORS, Net
from longtail.core import ArgumentError
from longtail.philox import MASK, substream, words

EXAMPLES = np.array([4, 0, 2**40, 9, 4])


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("shared", [0.0, 0.25])
def test_a_mask_and_the_flipped_one_partition_what_is_not_shared(kept: float, shared: float) -> None:
    masks = Masks(kept=kept, shared=shared)
    bits, scales = masks.bits(7, 2, 40, EXAMPLES).view(np.uint8), masks.scales(40)
    own, flipped, entire = (np.where(bits == 1, table[1], table[0]) for table in scales)
    free = slice(masks.untouched(40), None)
    assert (entire == 1).all()
    assert ((own[:, free] > 0) ^ (flipped[:, free] > 0)).all()
    assert set(np.unique(own[:, free])) == {np.float32(0), np.float32(1 / kept)}
    assert set(np.unique(flipped[:, free])) == {np.float32(0), np.float32(1 / (1 - kept))}
    assert (own[:, : free.start] == 1).all()
    assert (flipped[:, : free.start] == 1).all()
    assert free.start == shared * 40


def test_a_mask_is_words_below_a_limit_whoever_asks_and_in_whatever_order() -> None:
    masks = Masks(kept=0.3)
    found = masks.bits(11, 3, 17, EXAMPLES)
    for row, example in zip(found, EXAMPLES.tolist(), strict=True):
        assert (row == (words(11, substream(MASK, 3), example, 0, 17) < 0.3 * 2**32)).all()
    assert (masks.bits(11, 3, 17, EXAMPLES[::-1]) == found[::-1]).all()
    assert (masks.bits(11, 3, 9, EXAMPLES) == found[:, :9]).all()  # a narrower layer has the same first units
    for other in (masks.bits(12, 3, 17, EXAMPLES), masks.bits(11, 2, 17, EXAMPLES)):
        assert (other != found).any(1).all()


def test_a_group_has_one_mask() -> None:
    bits = Net(widths=(30, 20)).bits(3, np.array([5, 6, 5, 6, 7]))
    assert (bits[0] == bits[2]).all()
    assert (bits[1] == bits[3]).all()
    assert (bits[0] != bits[1]).any()
    assert (bits[4] != bits[1]).any()


def test_a_unit_is_kept_as_often_as_asked_and_independently_of_others() -> None:
    """z = 5, seed 1: of 2,000 masks of 200 units, singly and in neighboring pairs; p = ½ is refused (negative control)."""
    p, bits = 0.3, Masks(kept=0.3).bits(1, 1, 200, np.arange(2000)).astype(float)
    scale = np.sqrt(bits.size)
    assert abs(bits.mean() - p) < 5 * np.sqrt(p * (1 - p)) / scale
    assert abs(bits.mean() - 0.5) > 5 * 0.5 / scale
    for a, b in ((bits[:, 1:], bits[:, :-1]), (bits[1:], bits[:-1])):
        assert abs(np.mean((a - p) * (b - p))) < 5 * p * (1 - p) / scale
    z = (bits.mean(0) - p) / np.sqrt(p * (1 - p) / 2000)
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / 200)


def test_layers_without_masks_are_left_whole() -> None:
    bits, scales = AUTHORS.bits(0, np.arange(3)), AUTHORS.scales()
    assert AUTHORS.masked == (1, 3)
    first, second, third = AUTHORS.columns()
    assert bits[:, second].all()
    assert (scales[:, :, second] == 1).all()
    for columns in (first, third):
        assert not bits[:, columns].all()
        assert (scales[0, 1, columns] == 2).all()
    assert (Net(masks=Masks(scaled=False)).scales() <= 1).all()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Masks(kept=0.0), r"kept: got 0.0; give a number in \(0, 1\)"),
        (lambda: Masks(kept=1.0), r"kept: got 1.0; give a number in \(0, 1\)"),
        (lambda: Masks(kept=float("nan")), "kept: got nan"),
        (lambda: Masks(shared=1.0), "shared: got 1.0"),
        (lambda: Masks(layers=(2, 1)), r"layers: got \(2, 1\); .*ascending"),
        (lambda: Masks(layers=(0,)), "layers: got 0"),
        (lambda: Net(widths=()), r"widths: got \(\); .*hidden layer"),
        (lambda: Net(widths=(0,)), "widths: got 0"),
        (lambda: Net(widths=(8,), masks=Masks(layers=(2,))), "layers: got .*the net has 1 hidden layers"),
        (lambda: Net(widths=(2,), masks=Masks(shared=0.9)), "shared: got 0.9; no unit of 2"),
        (lambda: Net(epochs=5).check_epochs((1, 6)), "epochs: got 6; give a whole number from 1 to 5"),
        (lambda: Net(epochs=5).check_epochs((2, 2)), "epochs: got .*ascending"),
        (lambda: Masks().bits(0, 1, 4, [-1]), "groups: got -1"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        make()
