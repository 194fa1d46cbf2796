"""The PyTorch module: our nets to rounding, channels of a convolution, what it refuses, and what it does not touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.data.load import load
from empirical.dynamics.descent import descent
from empirical.dynamics.influence import Probes
from empirical.dynamics.masks import Masks
from empirical.dynamics.net import Net
from empirical.dynamics.scores import judged
from empirical.dynamics.training import Trainer
from longtail.core import ArgumentError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from empirical.dynamics.turnover_torch import Asked, TurnOver, influence, values  # noqa: E402

pytestmark = pytest.mark.torch
SEED = 2**40 + 7
NETS = [
    Net((12,), epochs=3, batch=16, rate=0.05),
    Net((12, 9, 11), Masks(0.4, (1, 3), shared=0.2), rate=0.05, decay=0.01, batch=16, epochs=3, smoothing=0.1),
]


def module(net: Net, asked: Asked, size: int, classes: int) -> Any:
    """The net in double precision, at our start."""
    layers: list[Any] = []
    for layer, (a, b) in enumerate(zip((size, *net.widths), (*net.widths, classes), strict=True), 1):
        layers.append(torch.nn.Linear(a, b, dtype=torch.float64))
        if layer <= len(net.widths):
            layers += [torch.nn.ReLU(), TurnOver(asked, layer)]
    made = torch.nn.Sequential(*layers)
    load_flat(made, net.start(asked.seed, size, classes))
    return made


def load_flat(made: Any, w: Any) -> None:
    first = 0
    with torch.no_grad():
        for layer in made:
            if not list(layer.parameters()):
                continue
            for p in (layer.weight.T, layer.bias):
                p.copy_(torch.tensor(np.asarray(w[first : first + p.numel()])).reshape(p.shape))
                first += p.numel()


def flat(made: Any) -> Any:
    parts = [p.detach().T.reshape(-1) if p.ndim == 2 else p.detach() for p in made.parameters()]
    return torch.cat(parts).numpy()


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_it_trains_as_our_nets_do(small: Data, net: Net) -> None:
    """To rounding in double precision, the compiled ones to float32's; without the module another net (the control)."""
    asked, x, y = Asked(net.masks, SEED), torch.tensor(small.x_train.astype(float)), torch.tensor(small.y_train)
    made, plain = (module(net, one, 7, 3) for one in (asked, Asked(net.masks, SEED)))
    for one in (made, plain):
        optimizer = torch.optim.SGD(one.parameters(), lr=net.rate, momentum=net.momentum, weight_decay=net.decay)
        for epoch in range(net.epochs):
            for own in torch.split(torch.tensor(net.order(SEED, epoch, small.n)), net.batch):
                with asked.seen(own):
                    logits = one(x[own])
                loss = torch.nn.functional.cross_entropy(logits, y[own], label_smoothing=net.smoothing)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    (want,) = descent(net, (SEED,), small.x_train.astype(float), small.y_train, 3, (net.epochs,))
    np.testing.assert_allclose(flat(made), want[0], rtol=1e-9, atol=1e-11)
    assert np.abs(flat(plain) - want[0]).max() > 0.05
    trainer = Trainer.of(net, small)
    (ours,) = trainer.parameters(SEED, (net.epochs,))
    np.testing.assert_allclose(flat(made), ours, atol=1e-5)

    load_flat(made, ours)
    groups = np.arange(small.n)
    found = values(made, asked, x, torch.arange(small.n))
    np.testing.assert_allclose(found, trainer.values(ours, trainer.x, net.bits(SEED, groups)), atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 0.1
    x_test, y_test = torch.tensor(small.x_test.astype(float)), torch.tensor(small.y_test)
    probes = Probes.of(trainer, SEED, ours, small.x_test, small.y_test)
    pairs = influence(made, asked, range(20), x_test, y_test)
    np.testing.assert_allclose(pairs, probes.influence(slice(0, 20)), atol=1e-5)


def test_a_filter_is_a_unit() -> None:
    """What an example's mask leaves out has no gradient of it and makes no difference to it; its own units have."""
    torch.manual_seed(0)
    asked = Asked(Masks(0.5), 3)
    convolution = torch.nn.Conv2d(1, 10, 3)
    net = torch.nn.Sequential(
        convolution, torch.nn.ReLU(), TurnOver(asked, 1), torch.nn.Flatten(), torch.nn.LazyLinear(3)
    )
    x = torch.rand(1, 1, 6, 6)
    on = Masks(0.5).bits(3, 1, 10, [5])[0]
    assert 0 < on.sum() < 10
    for side, units in ((asked.seen, on), (asked.flipped, ~on)):
        net.zero_grad()
        with side([5]):
            before = net(x)
        before.square().sum().backward()
        moved = (convolution.weight.grad != 0).flatten(1).any(1).numpy()
        assert (moved <= units).all()
        assert moved.any()
        with torch.no_grad():
            kept = convolution.weight.clone()
            convolution.weight[torch.tensor(~units)] += 1
            with side([5]):
                np.testing.assert_array_equal(net(x), before.detach())
            assert (net(x) != before).any()
            convolution.weight.copy_(kept)
    features = torch.nn.Sequential(*list(net)[:2])(x)
    with asked.seen([5]):
        np.testing.assert_allclose(
            net[2](features).detach(), features.detach() * 2 * torch.tensor(on)[:, None, None], rtol=1e-6
        )
    np.testing.assert_array_equal(net[2](features).detach(), features.detach())


def test_a_small_convolutional_net_memorizes_random_labels() -> None:
    """Its examples' own sub-networks know labels that the flipped ones guess; those of no example that was trained on do not."""
    torch.manual_seed(0)
    whole = load("digits").data
    rng, n = np.random.default_rng(0), 120
    x = torch.tensor(whole.x_train[: 2 * n].reshape(-1, 1, 8, 8).astype(np.float32))
    y = torch.tensor(rng.integers(0, 10, 2 * n))
    asked = Asked(Masks(0.5), 1)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 48, 3), torch.nn.ReLU(), TurnOver(asked, 1), torch.nn.MaxPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(48 * 9, 128), torch.nn.ReLU(), TurnOver(asked, 2), torch.nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(60):
        for own in torch.split(torch.tensor(rng.permutation(n)), 30):
            with asked.seen(own):
                loss = torch.nn.functional.cross_entropy(net(x[own]), y[own])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    found = values(net, asked, x, np.arange(2 * n))
    right = judged(found, y.numpy())[1]
    assert right[0, :n].mean() > 0.9
    assert right[0, :n].mean() - right[1, :n].mean() > 0.5
    gap = right[0, n:].astype(float) - right[1, n:]
    assert abs(gap.mean()) < 5 * gap.std(ddof=1) / np.sqrt(n)
    # of examples that were never trained on, on each other
    pairs = influence(net, asked, range(n, n + 40), x[n:], y[n:])
    error = pairs.mean(1).std(ddof=1) / np.sqrt(40)
    assert abs(pairs.mean()) < 5 * error
    itself = influence(net, asked, range(20), x[:20], y[:20])
    assert np.diag(itself).mean() > 1


def test_groups_have_one_mask_and_the_side_is_given_back() -> None:
    asked = Asked()
    layer, x = TurnOver(asked, 1), torch.ones(3, 50)
    with asked.seen([7, 7, 8]):
        a, b, c = layer(x)
        with asked.flipped(7):
            assert ((layer(x)[0] > 0) != (a > 0)).all()
        np.testing.assert_array_equal(layer(x)[0], a)
    assert (a == b).all()
    assert (a != c).any()
    np.testing.assert_array_equal(layer(x), x)
    with pytest.raises(ZeroDivisionError), asked.seen([1]):
        1 / 0  # noqa: B018
    np.testing.assert_array_equal(layer(x), x)
    other = Asked(Masks(layers=(2,)))
    with other.seen([1]):
        np.testing.assert_array_equal(TurnOver(other, 1)(x), x)


def test_bad_input() -> None:
    asked = Asked()
    layer = TurnOver(asked, 1)
    for wrong, said in (
        (lambda: Asked("half"), "masks: got half"),  # type: ignore[arg-type]
        (lambda: Asked(seed=-1), "seed: got -1"),
        (lambda: TurnOver(asked, 0), "layer: got 0"),
        (lambda: asked.seen([0.5]).__enter__(), "examples: got float64"),
        (lambda: asked.seen([-1]).__enter__(), "examples: got int64"),
        (lambda: influence(torch.nn.Linear(2, 2), asked, [0], torch.ones(1, 2), torch.tensor([0])), "net: got Linear"),
        (
            lambda: values(torch.nn.Sequential(TurnOver(Asked(), 1)), asked, torch.ones(1, 2), [0]),
            "net: got Sequential",
        ),
    ):
        with pytest.raises(ArgumentError, match=said):
            wrong()
    with asked.seen([1, 2]), pytest.raises(ArgumentError, match="x: got shape"):
        layer(torch.ones(3, 4))
