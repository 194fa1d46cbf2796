"""Nets trained under masks: by hand, by torch, compiled against the oracle, and without an example bit for bit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import array_api_strict
import numpy as np
import pytest

from empirical.data.data import Data
from empirical.dynamics.descent import descent, gradient, scaled, values
from empirical.dynamics.masks import Masks
from empirical.dynamics.net import Net
from empirical.dynamics.training import Trainer

PLAIN = Net(widths=(12,), epochs=4, batch=16, rate=0.05)
RICH = Net(
    (12, 9, 11), Masks(0.4, (1, 3), shared=0.2), biases=False, rate=0.05, decay=0.01, batch=16, epochs=4,
    smoothing=0.1, dropout=0.2,
)  # fmt: skip
MIDDLE = Net((10, 9, 7), Masks(layers=(2,)), rate=0.05, decay=0.01, batch=32, epochs=4, dropout=0.1)
WIDE = Net((12, 140, 131), Masks(0.4, (2, 3)), rate=0.02, batch=16, epochs=4, dropout=0.1)  # its second is not BLAS's
NETS = [PLAIN, RICH, MIDDLE, WIDE]


class Halves(Net):
    """Every other unit is that of group 0, and the others are group 1's."""

    def bits(self, seed: int, groups: Any) -> Any:
        even = np.concatenate([np.arange(width) % 2 == 0 for width in self.widths])
        return np.where(np.asarray(groups)[:, None] == 0, even, ~even).view(np.uint8)


def test_one_step_by_hand() -> None:
    """Two units, one example, p = ½: its unit learns as a net of one unit that counts twice, and the other stays."""
    net = Net(widths=(2,), biases=False, rate=0.5, batch=1, epochs=1)
    seed = next(s for s in range(99) if net.bits(s, np.array([0])).tolist() == [[1, 0]] and net.start(s, 1, 2)[0] > 0.1)
    x, y = np.array([[0.7], [0.3]], np.float32), np.array([0, 1])
    trainer = Trainer.of(net, Data(x, y, x, y, (0, 1)), left_out=[1])
    before, after = net.start(seed, 1, 2).astype(float), trainer.parameters(seed, (1,))[0]
    into, out = before[0], before[2:4]
    h = 2 * 0.7 * into
    p = 1 / (1 + math.exp(h * out[1] - h * out[0]))
    back = np.array([p - 1, 1 - p])  # p − wanted, of both classes
    moved = before.copy()
    moved[0] -= 0.5 * 2 * 0.7 * float(back @ out)
    moved[2:4] -= 0.5 * h * back
    if net.order(seed, 0, 2)[0] == 1:  # the other example had its turn first: nothing but momentum's 0
        np.testing.assert_allclose(after, moved, rtol=1e-6)
    else:  # and after: it moves on by momentum
        np.testing.assert_allclose(after, before + 1.9 * (moved - before), rtol=1e-6)
    assert (after[[1, 4, 5]] == net.start(seed, 1, 2)[[1, 4, 5]]).all()
    own, flipped = trainer.values(after, x, net.bits(seed, np.arange(2)))[:2, 0]
    want = [2 * 0.7 * max(after[u], 0) * after[[2 + 2 * u, 3 + 2 * u]] for u in (0, 1)]
    np.testing.assert_allclose([own, flipped], want, rtol=1e-6)


@pytest.mark.kernels
@pytest.mark.parametrize("net", NETS, ids=repr)
@pytest.mark.parametrize("namespace", [np, array_api_strict])
def test_compiled_training_is_the_oracles(small: Data, net: Net, namespace: Any) -> None:
    """In double precision, all seeds at once; and an epoch is not another (negative control)."""
    x = namespace.asarray(small.x_train.astype(float))
    trainer, seeds, epochs = Trainer.of(net, small, left_out=[3]), (0, 5), (1, 4)
    found = [np.stack(some) for some in zip(*(trainer.parameters(s, epochs) for s in seeds), strict=True)]
    want = [np.asarray(w) for w in descent(net, seeds, x, small.y_train, 3, epochs, left_out=[3])]
    for ours, theirs in zip(found, want, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.abs(want[0] - want[1]).max() > 0.05
    bits = net.bits(0, np.arange(small.n))
    asked = values(net, want[1][:1], small.x_train.astype(float), 3, scaled(net, bits))
    ours = trainer.values(found[1][0], trainer.x, bits)
    np.testing.assert_allclose(ours, asked, atol=1e-4)
    assert np.abs(asked[0] - asked[1]).max() > 0.5
    np.testing.assert_array_equal(trainer.values(found[1][0], trainer.x), ours[2])


@pytest.mark.torch
@pytest.mark.parametrize("net", NETS, ids=repr)
def test_gradients_are_torchs(small: Data, net: Net) -> None:
    """To rounding in double precision, masks, dropout, smoothing and all, of two nets at once."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(2)
    shapes = net.shapes(7, 3)
    w = rng.normal(size=(2, net.parameters(7, 3)))
    rows, labels = rng.normal(size=(2, 8, 7)), rng.integers(0, 3, (2, 8))
    aims = (1 - net.smoothing) * np.eye(3)[labels] + net.smoothing / 3
    scale = np.where(rng.random((2, 8, sum(net.widths))) < 0.5, 0.0, rng.uniform(1, 2, (2, 8, 1)))
    found = gradient(net, w, rows, aims, scale, np.full((2, 8, 1), 1 / 8))
    for k in range(2):
        ends = np.cumsum([0, *(a * b for a, b in shapes)])
        parts = [
            torch.tensor(w[k, a:b].reshape(shape), requires_grad=True)
            for a, b, shape in zip(ends, ends[1:], shapes, strict=False)
        ]
        per, h = (2 if net.biases else 1), torch.tensor(rows[k])
        for layer, columns in enumerate(net.columns()):
            h = h @ parts[per * layer] + (parts[per * layer + 1] if net.biases else 0)
            h = torch.relu(h) * torch.tensor(scale[k][:, columns])
        z = h @ parts[per * len(net.widths)] + (parts[-1] if net.biases else 0)
        torch.nn.functional.cross_entropy(z, torch.tensor(labels[k]), label_smoothing=net.smoothing).backward()
        want = np.concatenate([part.grad.numpy().ravel() for part in parts])
        np.testing.assert_allclose(found[k], want, rtol=1e-10, atol=1e-13)


def test_gradients_are_finite_differences() -> None:
    net, rng = replace(RICH, biases=True), np.random.default_rng(4)
    w, rows = rng.normal(size=(1, net.parameters(5, 3))), rng.normal(size=(1, 6, 5))
    aims, scale = rng.dirichlet(np.ones(3), (1, 6)), rng.uniform(0, 2, (1, 6, 32)).round()

    def loss(v: np.ndarray) -> float:
        z = values(net, v, rows, 3, scale)
        return float((aims * (np.log(np.exp(z).sum(2, keepdims=True)) - z)).sum() / 6)

    found, h = gradient(net, w, rows, aims, scale, np.full((1, 6, 1), 1 / 6)), 1e-6
    want = [(loss(w + h * e) - loss(w - h * e)) / (2 * h) for e in np.eye(w.shape[1])]
    np.testing.assert_allclose(found[0], want, atol=1e-8)


def halves(net: Net, bits: np.ndarray) -> bool:
    """Whether two masks are each other's flipped ones, with half of every layer."""
    split = [bits[:, columns].astype(int) for columns in net.columns()]
    return all((a != b).all() and 2 * a.sum() == len(a) for a, b in split)


def alive(trainer: Trainer, seed: int, example: int) -> bool:
    """Whether the example's own sub-network says anything of it before the first step."""
    start, x = trainer.net.start(seed, trainer.x.shape[1], trainer.classes), trainer.x[[example]]
    return bool(trainer.values(start, x, trainer.net.bits(seed, trainer.groups[[example]]))[0].any())


@pytest.mark.kernels
@pytest.mark.parametrize("widths", [(6,), (4, 4), (140, 130)])
def test_the_flipped_sub_network_is_bit_for_bit_that_of_a_net_without_the_example(
    small: Data, widths: tuple[int, ...]
) -> None:
    """Where the others have no unit of its own: all in one group, whose mask a seed makes the flipped one, or, of a wide net, we.

    Without biases, for the last ones are everybody's. Its own sub-network is another (negative control).
    """
    net = (Net if max(widths) < 10 else Halves)(widths, biases=False, batch=8, epochs=3, decay=0.01)
    example, groups = 11, (np.arange(small.n) != 11).astype(np.int64)
    trainer = Trainer.of(net, small, groups)
    seed = next(s for s in range(50_000) if halves(net, net.bits(s, np.array([0, 1]))) and alive(trainer, s, example))
    with_it = trainer.parameters(seed, (1, 3))
    without = Trainer.of(net, small, groups, left_out=[example]).parameters(seed, (1, 3))
    bits = net.bits(seed, np.array([0]))[0]
    own = [np.ones(7, bool), *(bits[columns] == 1 for columns in net.columns()), np.ones(3, bool)]
    for a, b in zip(with_it, without, strict=True):
        first, moved = 0, 0
        for layer, shape in enumerate(net.shapes(7, 3)):
            ours, theirs = (w[first : first + math.prod(shape)].reshape(shape) for w in (a, b))
            rows = ~own[layer] if layer else own[0]
            columns = ~own[layer + 1] if layer < len(widths) else own[-1]
            np.testing.assert_array_equal(ours[np.ix_(rows, columns)], theirs[np.ix_(rows, columns)])
            moved += int((ours != theirs).sum())
            first += math.prod(shape)
        assert moved


def test_a_net_is_a_function_of_its_seed_and_of_what_it_is_asked_for(small: Data) -> None:
    trainer = Trainer.of(RICH, small)
    early, late = trainer.parameters(2**63, (1, 3))
    np.testing.assert_array_equal(trainer.parameters(2**63, (3,))[0], late)
    assert (early != late).any()
    assert (trainer.parameters(1, (3,))[0] != late).any()
