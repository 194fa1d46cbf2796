"""Groups in the training of nets under masks: means, gradients and speeds against the plain way, one example at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from empirical.courses.groups import Groups
from empirical.courses.masked import MOVES, Gradients, by_group, speeds
from empirical.data.data import Data
from empirical.dynamics.descent import gradient, scaled
from empirical.dynamics.masks import Masks
from empirical.dynamics.net import Net
from empirical.dynamics.scores import Scores, joined, scored
from empirical.dynamics.training import Trainer
from longtail.core import ArgumentError, Floats

T_OF_ONE = 12.706204736  # the .975 point of Student's t with one degree of freedom, tan(.475 π)
NET = Net((9, 7), Masks(0.4, (1, 2)), rate=0.05, batch=16, epochs=5, smoothing=0.1, dropout=0.2)


def alone(trainer: Trainer, seed: int, w: Any) -> Floats:
    """Every example's gradient under its own mask, (n, P), by the oracle."""
    net, n = trainer.net, len(trainer.labels)
    scale = scaled(net, net.bits(seed, trainer.groups))[0].astype(float)
    aims = (1 - net.smoothing) * np.eye(trainer.classes)[trainer.labels] + net.smoothing / trainer.classes
    one = np.ones((n, 1, 1))
    rows = trainer.x.astype(float)[:, None]
    return np.asarray(gradient(net, np.tile(w.astype(float), (n, 1)), rows, aims[:, None], scale[:, None], one))


@pytest.mark.parametrize("net", [NET, replace(NET, biases=False, widths=(8,), masks=Masks())], ids=repr)
def test_gradients_are_those_of_single_examples(small: Data, net: Net) -> None:
    trainer, of = Trainer.of(net, small), np.arange(90) % 3 - 1  # a third in no group, among the others of both
    groups = Groups(("even", "odd"), of)
    w = np.stack(trainer.parameters(3, (1, 5)))
    found = Gradients(trainer, groups)(3, w)
    assert found.shape == (2, 2, 3)
    for at in range(2):
        each = alone(trainer, 3, w[at])
        for g in range(2):
            mine, rest = each[of == g], each[of != g]
            a, b = mine.mean(0), rest.mean(0)
            norm = np.linalg.norm(mine, axis=1).mean()
            length = np.linalg.norm(a)
            want = [norm, length / norm, a @ b / (length * np.linalg.norm(b))]
            np.testing.assert_allclose(found[at, g], want, rtol=2e-4, atol=2e-5)
    assert np.abs(found[0] - found[1]).max() > 0.01
    everyone = Gradients(trainer, Groups(("all",), np.zeros(90, int)))(3, w)
    assert np.isnan(everyone[:, 0, 2]).all()
    assert (everyone[:, 0, :2] > 0).all()


def test_rows_are_means_over_nets(small: Data) -> None:
    trainer = Trainer.of(NET, small)
    parts = [scored(trainer, small, seed, (2, 5)) for seed in (0, 1, 2)]
    scores, groups = joined([one for one, _ in parts]), Groups.by_column(small.y_train)
    moves = [Gradients(trainer, groups)(seed, w) for seed, (_, w) in enumerate(parts)]
    table = by_group(scores, groups, moves).set_index(["epoch", "group"])
    for label in range(3):
        row, own = table.loc[(5, str(label))], small.y_train == label
        each = scores.loss[:, 1, 1, own].mean(1) - scores.loss[:, 1, 0, own].mean(1)
        assert row["examples"] == own.sum()
        assert row["memorization_loss"] == pytest.approx(each.mean(), rel=1e-5)
        assert row["memorization_loss_stderr"] == pytest.approx(each.std(ddof=1) / np.sqrt(3), rel=1e-4)
        right = scores.right[:, 1][:, :, own].mean((0, 2))
        assert [row[f"{name}_accuracy"] for name in ("own", "flipped", "train")] == pytest.approx(right.tolist())
        assert row["memorization"] == pytest.approx(right[0] - right[1])
        for k, name in enumerate(MOVES):
            values = [one[1, label, k] for one in moves]
            assert row[name] == pytest.approx(np.mean(values))
            assert row[f"{name}_stderr"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    single = by_group(parts[0][0], groups)
    assert single["memorization_stderr"].isna().all()
    assert "norm" not in single


def lost(loss: Any) -> Scores:
    """Scores whose own sub-networks have ``loss`` (nets, epochs, n), the others none."""
    each = np.asarray(loss, np.float32)
    whole = np.stack([each, each * 0, each * 0], axis=2)
    return Scores(tuple(range(len(each))), (2, 4), whole, whole > 1, each[..., :1], each[..., :1] > 1)


def test_speeds_by_hand() -> None:
    """Two nets of log 4 at the start: the first group is half-learned after 1 and 2 epochs, the other after 3 and 10/3."""
    start = np.log(4)
    found = speeds(
        lost(start * np.array([[[0.0, 0.75], [0, 0.25]], [[0.5, 1], [0, 0.25]]])), Groups(("a", "b"), [0, 1]), 4
    )
    np.testing.assert_allclose(found["half_learned"], [1.5, 19 / 6], rtol=1e-6)
    assert found["slower"].tolist() == pytest.approx([1, np.sqrt(3 * 5 / 3)], rel=1e-6)
    width = T_OF_ONE * np.std([1, 2], ddof=1) / np.sqrt(2)
    assert found[["low", "high"]].iloc[0].tolist() == pytest.approx([1.5 - width, 1.5 + width], rel=1e-6)
    logs = np.log([3, 5 / 3])
    wide = T_OF_ONE * logs.std(ddof=1) / np.sqrt(2)
    assert found["slower_high"][1] == pytest.approx(np.exp(logs.mean() + wide), rel=1e-6)
    never = speeds(lost(start * np.array([[[0.0, 0.9], [0, 0.9]]])), Groups(("a", "b"), [0, 1]), 4)
    assert np.isnan(never["half_learned"][1])
    assert np.isnan(never["slower"][1])
    assert never["half_learned"][0] == pytest.approx(1)
    assert np.isnan(never["low"][0])


def test_groups_of_other_examples_are_refused(small: Data) -> None:
    with pytest.raises(ArgumentError, match="groups: got of 2 examples"):
        Gradients(Trainer.of(NET, small), Groups(("a", "b"), [0, 1]))
