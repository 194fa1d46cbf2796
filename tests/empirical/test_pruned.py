"""Pruning: how many weights are left is counted, and what is left is what was there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.learners.knn.knn import KNN
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP, Descents
from empirical.learners.parse import parse_learner
from empirical.learners.private.dpsgd import DPSGD
from empirical.learners.pruned import Pruned, prune, weights
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.softmax.softmax import Softmax
from longtail.core import ArgumentError

BASES = (
    MLP(12, epochs=2),
    Ridge(),
    RandomFeatures(64),
    Softmax(),
    DPSGD(0, epochs=2, noise=0.0),
    DPSGD(8, epochs=2, noise=0.0),
)
SHARES = (0.0, 0.1, 0.5, 0.9, 0.95, 0.999)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_so_many_weights_are_gone_and_the_others_as_they_were(share: float, scope: str) -> None:
    rng = np.random.default_rng(0)
    layers = [rng.normal(size=(7, 12)), 3 * rng.normal(size=(12, 3))]
    layers[0][0] = layers[0][1]  # ties
    before = [layer.copy() for layer in layers]
    prune(layers, share, scope)
    gone = [int((layer == 0).sum()) for layer in layers]
    if scope == "layer":
        assert gone == [round(share * 84), round(share * 36)]
    assert sum(gone) == (round(share * 120) if scope == "global" else sum(gone))
    groups = [[0, 1]] if scope == "global" else [[0], [1]]
    for group in groups:
        kept, lost = ([np.abs(before[k][(layers[k] == 0) == out]) for k in group] for out in (False, True))
        if sum(map(len, lost)) and sum(map(len, kept)):
            assert np.concatenate(lost).max() <= np.concatenate(kept).min()
    for old, new in zip(before, layers, strict=True):
        np.testing.assert_array_equal(new[new != 0], old[new != 0])


def test_a_nets_weights_are_pruned_and_its_biases_are_not(small: Data, masks: np.ndarray) -> None:
    net = MLP(12, epochs=2)
    base, pruned = net.prepare(small), Pruned(net, 0.75).prepare(small)
    assert isinstance(base, Descents)
    assert isinstance(pruned, Descents)
    assert pruned.change is not None
    w = base.weights(masks[0], 0, np.ones(3, bool))
    before = w.copy()
    pruned.change(w)
    layers = weights(w, 7, 12, 3)
    assert sum(layer.size for layer in layers) == 7 * 12 + 12 * 3 == len(w) - 12 - 3
    assert sum(int((layer == 0).sum()) for layer in layers) == round(0.75 * 120)
    np.testing.assert_array_equal(w[84:96], before[84:96])
    np.testing.assert_array_equal(w[-3:], before[-3:])


@pytest.mark.parametrize("base", BASES, ids=repr)
def test_without_sparsity_nothing_changes_and_with_it_accuracy_falls(base: Learner, digits: Data) -> None:
    masks = np.random.default_rng(0).random((6, digits.n)) < 0.7
    score: Any = "margin"
    whole, same = (one.prepare(digits, score)(masks, np.arange(6)) for one in (base, Pruned(base, 0.0)))
    np.testing.assert_allclose(np.hstack(whole), np.hstack(same), atol=2e-4)
    right = [Pruned(base, share).prepare(digits)(masks, np.arange(6))[1].mean() for share in (0.0, 0.9, 0.99)]
    assert right[0] > right[1] + 0.03 > right[2] + 0.03


def test_a_linear_model_is_pruned_in_its_features_not_in_their_principal_axes(small: Data, masks: np.ndarray) -> None:
    """The one weight left is that of one feature, so no other feature of a row matters."""
    for base in (Softmax(), Ridge()):
        pruned = Pruned(base, 1 - 1 / 18)  # 6 features vary, 3 classes; softmax has its constant feature's weights too
        other = np.array(small.x_test)
        changed = []
        for j in range(6):
            other = np.array(small.x_test)
            other[:, j] += 5
            moved = Data(small.x_train, small.y_train, other, small.y_test, small.classes)
            scores = [pruned.prepare(d, "margin")(masks[:1], np.arange(1))[1] for d in (small, moved)]
            changed.append(not np.allclose(*scores, atol=1e-3))
        assert sum(changed) == 1


def test_what_cannot_be_pruned_is_refused() -> None:
    for text in (
        "pruned(mlp(), 1)",
        "pruned(mlp(), -0.1)",
        "pruned(mlp(), 0.5, 'half')",
        "pruned(3, 0.5)",
        "pruned('mlp', 0.5)",
    ):
        with pytest.raises(ArgumentError):
            parse_learner(text)
    with pytest.raises(ArgumentError, match="no weights to prune"):
        Pruned(KNN(), 0.5)


def test_it_is_read_from_its_name_but_nothing_else_takes_a_learner() -> None:
    made = Pruned(MLP(64), 0.9, "layer")
    assert parse_learner(repr(made)) == made
    assert parse_learner("Pruned(learner=softmax(), sparsity=.5)", imports=False) == Pruned(Softmax(), 0.5)
    with pytest.raises(ArgumentError):
        parse_learner("mlp(width=ridge())")
    with pytest.raises(ArgumentError):
        parse_learner("pruned(sklearn.tree.DecisionTreeClassifier(), .5)", imports=False)
