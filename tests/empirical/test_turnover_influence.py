"""Influence and memorization of turn-over dropout: by hand, by two passes of whole nets, and 0 where nothing was learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.dynamics.descent import scaled, values
from empirical.dynamics.influence import Probes, averaged, pairs
from empirical.dynamics.masks import Masks
from empirical.dynamics.net import Net
from empirical.dynamics.scores import FLIPPED, OWN, WHOLE, joined, judged, scored
from empirical.dynamics.training import Trainer
from longtail.core import ArgumentError

NETS = [
    Net((12,)),
    Net((12,), Masks(0.3, shared=0.25), biases=False),
    Net((12, 9, 11), Masks(0.4, (1, 3), shared=0.2), biases=False, dropout=0.2, smoothing=0.1),
    Net((12, 9, 11), Masks(layers=(2,))),
    Net((12, 9, 11)),
    Net((12, 9, 11, 8), Masks(0.7, (1, 2), scaled=False)),
    Net((12, 9, 11, 8), Masks(0.7, (2, 4))),
    Net((140, 131), epochs=5),
]


def nets(net: Net, data: Data, seeds: range, **options: Any) -> list[Probes]:
    trainer = Trainer.of(net, data, **options)
    made = ((seed, trainer.parameters(seed, (net.epochs,))[0]) for seed in seeds)
    return [Probes.of(trainer, seed, w, data.x_test, data.y_test) for seed, w in made]


def test_influence_by_hand() -> None:
    """Two units, p = ½: example 0 has the first alone, and what it gives counts twice, as does the other's when flipped."""
    net = Net(widths=(2,), biases=False, epochs=1)
    seed = next(s for s in range(99) if net.bits(s, np.array([0, 1])).tolist() == [[1, 0], [1, 1]])
    x, y = np.array([[1.0], [2.0]], np.float32), np.array([0, 1])
    trainer = Trainer.of(net, Data(x, y, x, y, (0, 1)))
    w = np.array([0.5, 0.25, 1, -1, 0, 3], np.float32)  # into both units; out of the first, out of the second
    tests = Probes.of(trainer, seed, w, np.array([[1.0]], np.float32), np.array([1]))

    def loss(z: list[float]) -> float:
        return float(np.log(np.exp(z).sum()) - z[1])

    own, flipped = loss([1.0, -1.0]), loss([0.0, 1.5])  # 2 · .5 · (1, −1), and 2 · .25 · (0, 3)
    both, none = loss([1.0, -1.0 + 1.5]), loss([0.0, 0.0])  # example 1 has both units
    np.testing.assert_allclose(tests.influence(), [[flipped - own], [none - both]], rtol=1e-6)
    assert tests.influence(score="correct").tolist() == [[-1.0], [0.0 if both < none else 1.0]] or both >= none


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_influence_is_two_passes_of_the_whole_net(small: Data, net: Net) -> None:
    """In double precision, an example at a time; tests in two blocks, so that one is not full."""
    x, y = np.tile(small.x_test, (7, 1)), np.tile(small.y_test, 7)
    data = Data(small.x_train, small.y_train, x, y, small.classes)
    (tests,) = nets(net, data, range(3, 4))
    bits = net.bits(3, np.arange(data.n))
    want = np.empty((2, data.n, len(x)))
    for i in range(data.n):
        scale = scaled(net, np.repeat(bits[i : i + 1], len(x), 0))
        loss, right = judged(values(net, tests.w[None].astype(float), x.astype(float), 3, scale), y)
        want[:, i] = loss[FLIPPED] - loss[OWN], right[OWN].astype(float) - right[FLIPPED]
    found = tests.influence()
    np.testing.assert_allclose(found, want[0], atol=2e-5)
    assert np.abs(want[0]).max() > 0.5
    assert (tests.influence(score="correct") != want[1]).mean() < 1e-3
    np.testing.assert_array_equal(tests.influence([5, 2]), found[[5, 2]])


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_memorization_is_the_influence_of_an_example_on_itself(small: Data, net: Net) -> None:
    data = Data(small.x_train, small.y_train, small.x_train, small.y_train, small.classes)
    trainer = Trainer.of(net, data)
    parts = [scored(trainer, data, seed, (2, net.epochs)) for seed in (4, 0)]
    found = joined([scores for scores, _ in parts])
    assert found.seeds == (0, 4)
    np.testing.assert_array_equal(found.loss[:, :, WHOLE], found.loss_test)  # without dropout and masks
    for epoch in range(2):
        ends = [
            Probes.of(trainer, s, w[epoch], data.x_test, data.y_test) for s, (_, w) in zip((4, 0), parts, strict=True)
        ]
        for score in ("loss", "correct"):
            value, stderr = found.memorization(score)
            each = [np.diag(tests.influence(score=score)) for tests in ends]  # type: ignore[arg-type]
            np.testing.assert_allclose(value[epoch], np.mean(each, 0), atol=1e-5)
            np.testing.assert_allclose(stderr[epoch], np.std(each, 0, ddof=1) / np.sqrt(2), atol=1e-5)
    table = found.table(small.y_train)
    assert list(table) == [
        "index", "label", "epoch", "memorization_loss", "memorization_loss_stderr", "memorization", "memorization_stderr",
    ]  # fmt: skip
    assert table["memorization"].to_numpy()[data.n + 3] == found.memorization("correct")[0][1, 3]


def test_an_example_never_trained_on_has_no_influence() -> None:
    """z = 5, seeds 0 to 29: 300 of 400 examples are left out; those that are not have some (negative control).

    A mean over 30 nets divided by its standard error is Student's, whose square has mean 29/27 and, of 300, an error of .093.
    """
    rng = np.random.default_rng(6)
    y = rng.integers(0, 3, 450)
    x = (rng.normal(size=(450, 7)) + np.eye(7)[y]).astype(np.float32)
    data = Data(x[:400], y[:400], x[400:], y[400:], (0, 1, 2))
    trainer = Trainer.of(Net(widths=(16, 16), epochs=10), data, left_out=range(300))
    found = joined([scored(trainer, data, seed, (10,))[0] for seed in range(30)])
    for score in ("loss", "correct"):
        value, stderr = found.memorization(score)
        some = stderr[0] > 0
        z = value[0, some] / stderr[0, some]
        left_out = np.flatnonzero(some) < 300
        assert np.abs(z[left_out]).max() < 5
        assert abs((z[left_out] ** 2).mean() - 29 / 27) < 5 * 0.093
        assert z[~left_out].max() > 5
    over = (found.loss[:, 0, FLIPPED] - found.loss[:, 0, OWN])[:, :300].mean(1)
    assert abs(over.mean()) < 5 * over.std(ddof=1) / np.sqrt(30)
    learned = (found.loss[:, 0, FLIPPED] - found.loss[:, 0, OWN])[:, 300:].mean(1)
    assert learned.mean() > 5 * learned.std(ddof=1) / np.sqrt(30)


def test_means_over_seeds_are_streamed(small: Data) -> None:
    data = Data(np.tile(small.x_train, (2, 1)), np.tile(small.y_train, 2), small.x_test, small.y_test, small.classes)
    seen = nets(NETS[0], data, range(5))
    each = np.stack([tests.influence() for tests in seen]).astype(float)
    blocks = list(averaged(seen))
    assert len(blocks) == 2
    np.testing.assert_allclose(np.concatenate([mean for _, mean, _ in blocks]), each.mean(0), atol=1e-6)
    wanted = each.std(0, ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(np.concatenate([stderr for *_, stderr in blocks]), wanted, atol=1e-6)
    found = pairs(seen, 0.3)
    i, j = np.nonzero(each.mean(0) >= 0.3)
    assert 0 < len(found) < each[0].size
    assert found["train"].tolist() == i.tolist()
    assert found["test"].tolist() == j.tolist()
    np.testing.assert_allclose(found["stderr"], wanted[i, j], atol=1e-6)
    assert np.isnan(next(averaged(seen[:1]))[2]).all()


def test_examples_of_a_group_have_one_influence(small: Data) -> None:
    (tests,) = nets(NETS[0], small, range(1), groups=np.arange(small.n) // 2)
    found = tests.influence()
    np.testing.assert_array_equal(found[::2], found[1::2])
    assert (found[0] != found[2]).any()


def test_what_does_not_fit_the_net_is_refused(small: Data) -> None:
    trainer = Trainer.of(NETS[0], small)
    w = trainer.net.start(0, 7, 3)
    with pytest.raises(ArgumentError, match="w: got 9 parameters; the net has"):
        Probes.of(trainer, 0, w[:9], small.x_test, small.y_test)
    with pytest.raises(ArgumentError, match="x: got shape"):
        Probes.of(trainer, 0, w, small.x_test[:, :4], small.y_test)
    with pytest.raises(ArgumentError, match="labels: got 2 labels for 40 tests"):
        Probes.of(trainer, 0, w, small.x_test, small.y_test[:2])
    with pytest.raises(ArgumentError, match="score: got"):
        Probes.of(trainer, 0, w, small.x_test, small.y_test).influence(score="margin")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"groups: got .*for each of the 90 examples"):
        Trainer.of(NETS[0], small, groups=[1, 2])
    with pytest.raises(ArgumentError, match="left_out: got 90"):
        Trainer.of(NETS[0], small, left_out=[90])
