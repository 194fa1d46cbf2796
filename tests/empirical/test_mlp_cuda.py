"""Mixed precision: the launch code on a stand-in against the oracle with rounded operands; accuracy against float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.data.load import load
from empirical.learners.mlp import mlp_cuda
from empirical.learners.mlp.descent import halved
from empirical.learners.mlp.mlp import MLP
from empirical.learners.score import Score
from empirical.learners.shared.scores import held_classes, scored
from longtail.core import ArgumentError, arrays
from longtail.core.arrays import gpu
from tests.empirical.places import real
from tests.host_cupy import stand_in

NET = MLP(width=12, epochs=3, batch=16, rate=0.02, precision="mixed")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stand_in(monkeypatch)
    mlp_cuda.kernel.cache_clear()
    yield
    mlp_cuda.kernel.cache_clear()


def by_oracle(net: MLP, data: Data, masks: np.ndarray, trials: np.ndarray, *, mixed: bool) -> np.ndarray:
    rows = np.concatenate([data.x_train, data.x_test])
    targets = np.eye(data.n_classes, dtype=np.float32)[data.y_train]
    return net.by_oracle(np, 7, rows, targets, masks, trials, halved if mixed else None)


def there(net: MLP, data: Data, masks: np.ndarray, trials: np.ndarray) -> np.ndarray:
    rows = np.concatenate([data.x_train, data.x_test])
    examples = mlp_cuda.Examples.there(rows, data.y_train, data.n_classes)
    present = held_classes(masks, data.y_train, data.n_classes)
    return np.asarray(mlp_cuda.values(net, 7, examples, present, masks, trials))


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    "net",
    [
        NET,
        MLP(5, epochs=2, batch=200, precision="mixed"),
        MLP(1, epochs=1, batch=16, rate=0.01, precision="mixed"),
        MLP(9, epochs=1, batch=1, rate=0.001, precision="mixed"),
    ],
    ids=repr,
)
def test_what_is_launched_trains_as_the_oracle_does(small: Data, masks: np.ndarray, net: MLP) -> None:
    """Minibatches that end early, models that are done before others, a class that is absent, one class only."""
    some, trials = masks[:6].copy(), np.array([5, 0, 9, 2**33, 4, 1])
    some[1, 20:] = False
    mine, theirs = there(net, small, some, trials), by_oracle(net, small, some, trials, mixed=True)
    apart, usual = np.abs(mine - theirs), np.abs(by_oracle(net, small, some, trials, mixed=False) - theirs)
    assert np.abs(theirs).max() > 0.2
    assert np.quantile(apart, 0.99) < 2e-3  # a unit on the edge of opening may open in one and not in the other
    assert apart.max() < 0.03
    assert np.median(apart) < 0.2 * np.median(usual)  # nearer than float32 is: the same roundings


@pytest.mark.usefixtures("host")
def test_weights_and_orders_are_drawn_there_as_here(small: Data, masks: np.ndarray) -> None:
    import cupy

    trials = np.array([3, 2**40])
    there = cupy.asarray(trials.astype(np.uint64))
    orders = np.asarray(mlp_cuda.shuffled(NET, 11, there, masks[:2]))
    w, operand = (np.asarray(v) for v in mlp_cuda.started(NET, 11, there, 7, 3))
    for row, (trial, mask) in enumerate(zip(trials.tolist(), masks, strict=False)):
        np.testing.assert_array_equal(orders[row, :, : mask.sum()], NET.orders(11, trial, mask))
        np.testing.assert_array_equal(w[row], NET.start(11, trial, 7, 3))
        np.testing.assert_array_equal(operand[row], halved(w[row]))


@pytest.mark.usefixtures("host")
def test_a_trial_does_not_depend_on_its_batch(small: Data, masks: np.ndarray) -> None:
    trials = np.arange(4)
    whole = there(NET, small, masks[:4], trials)
    np.testing.assert_allclose(there(NET, small, masks[1:3], trials[1:3]), whole[1:3], atol=1e-4)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("score", ["correct", "margin"])
def test_a_trainer_gives_the_oracles_scores(small: Data, masks: np.ndarray, score: Score) -> None:
    trainer = replace(NET.prepare(small, score, seed=7, device=arrays.Device("gpu")), batch=4)  # type: ignore[type-var]
    found = np.hstack(trainer(masks[:6], np.arange(6)))
    present, labels = held_classes(masks[:6], small.y_train, 3), np.append(small.y_train, small.y_test)
    want = scored(by_oracle(NET, small, masks[:6], np.arange(6), mixed=True), present, labels, score)
    assert found.dtype == (bool if score == "correct" else np.float32)
    assert np.mean(np.abs(found.astype(float) - want) > 2e-3) < 0.01


def accuracy(net: MLP, data: Data, masks: np.ndarray, *, mixed: bool) -> float:
    values = by_oracle(net, data, masks, np.arange(len(masks)), mixed=mixed)[:, data.n :]
    return float((values.argmax(2) == data.y_test).mean())


def test_rounded_operands_cost_no_accuracy(digits: Data) -> None:
    masks = np.random.default_rng(0).random((16, digits.n)) < 0.7
    net = MLP(64, epochs=10, batch=64, rate=0.01)
    single, mixed = (accuracy(net, digits, masks, mixed=mixed) for mixed in (False, True))
    assert single > 0.88
    assert abs(single - mixed) < 0.002


def test_nor_on_a_part_of_mnist() -> None:
    whole = load("mnist", data_dir=real("mnist")).data
    x, y = whole.x_train[:6000].reshape(6000, -1), whole.y_train[:6000]
    part = Data(x, y, whole.x_test.reshape(len(whole.y_test), -1), whole.y_test, whole.classes)
    masks = np.random.default_rng(0).random((4, 6000)) < 0.7
    net = MLP(64, epochs=6, batch=128, rate=0.005)
    single, mixed = (accuracy(net, part, masks, mixed=mixed) for mixed in (False, True))
    assert single > 0.9
    assert abs(single - mixed) < 0.002


def test_what_mixed_precision_cannot_do_is_said(small: Data) -> None:
    with pytest.raises(ArgumentError, match="precision: got mixed; it needs a GPU"):
        NET.prepare(small)
    with pytest.raises(ArgumentError, match="give 'float32' or 'mixed'"):
        MLP(precision="half")  # type: ignore[arg-type]
    large = Data(small.x_train * 1e5, small.y_train, small.x_test, small.y_test, small.classes)
    with pytest.raises(ArgumentError, match="scale them"):
        NET.prepare(large, device=arrays.Device("gpu"))


@pytest.mark.gpu
def test_the_gpu_is_as_accurate_as_the_cpu(digits: Data) -> None:
    try:
        gpu()
    except ArgumentError as error:
        pytest.skip(str(error))
    masks = np.random.default_rng(0).random((64, digits.n)) < 0.7
    net = {"width": 64, "epochs": 10, "rate": 0.01}
    here = MLP(**net).prepare(digits)(masks, np.arange(64))  # type: ignore[arg-type]
    for precision in ("float32", "mixed"):
        made = MLP(**net, precision=precision).prepare(digits, device=arrays.gpu())(masks, np.arange(64))  # type: ignore[arg-type]
        assert abs(made[1].mean() - here[1].mean()) < 0.002
        assert (made[1] == here[1]).mean() > 0.98
