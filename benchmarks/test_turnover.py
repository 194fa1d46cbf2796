"""Turn-over dropout against its authors' way in PyTorch: training and influence, one BLAS thread, the answers checked first.

    LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_turnover.py --benchmark-only -s

Work: ``empirical.dynamics.training`` and ``influence`` say how many operations are needed; sgemm's peak is measured in the same
run, in processor time. Small size takes a part of the examples; a ratio is of one example or step either way. Measured:
results/2026-11-29-turnover.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.alternating import FULL, ROUNDS, Side, alternate
from empirical.data.data import Data
from empirical.dynamics.influence import Probes
from empirical.dynamics.net import AUTHORS, Net
from empirical.dynamics.training import Trainer

pytestmark = pytest.mark.torch
DIGITS = [Net((64,)), Net((64, 64), dropout=0.1), Net((256,))]


def digits() -> Data:
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return Data(x[:1500], y[:1500], x[1500:], y[1500:], tuple(range(10)))


def images(n: int) -> Data:
    """As MNIST's in what counts here: 784 pixels, a fifth of them not 0."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, n + 200)
    shown = rng.random((10, 784)) < 0.19
    x = (shown[y] * rng.random((n + 200, 784)) ** 0.3).astype(np.float32)
    return Data(x[:n], y[:n], x[n:], y[n:], tuple(range(10)))


def peer(net: Net, data: Data, trainer: Trainer, seed: int, *, same: bool) -> Any:
    """The peer at our start; the ``same`` has our masks, any other the authors'."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from benchmarks.peers.turnover_torch import Peer, given, sines

    torch.set_num_threads(1)
    size = data.x_train.shape[1]
    mask = given(net, net.bits(seed, np.arange(data.n))) if same else sines(net)
    return Peer(net, size, data.n_classes, net.start(seed, size, data.n_classes), mask)


def tensors(data: Data) -> list[Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return [torch.tensor(v) for v in (data.x_train, data.y_train, data.x_test, data.y_test)]


def training(benchmark: Any, net: Net, data: Data, seeds: int, epochs: int, least: float) -> None:
    plain = replace(net, dropout=0.0, epochs=max(net.epochs, epochs))
    trainer = Trainer.of(plain, data)
    orders = [plain.order(0, epoch, data.n) for epoch in range(epochs)]
    checked = peer(plain, data, trainer, 0, same=True)
    x, y, *_ = tensors(data)
    checked.learn(x, y, orders[:1])
    np.testing.assert_allclose(trainer.parameters(0, (1,))[0], checked.flat(), atol=2e-4)
    ours = Trainer.of(replace(net, epochs=plain.epochs), data)
    theirs = [peer(net, data, trainer, seed, same=False) for seed in range(seeds)]
    steps = seeds * epochs * -(-data.n // net.batch)
    medians = alternate(
        f"training {seeds} nets {data.x_train.shape[1]}-{'-'.join(map(str, net.widths))}-10, a step of {net.batch}",
        [
            Side("ours", lambda: [ours.parameters(seed, (epochs,)) for seed in range(seeds)], steps),
            Side("the authors' way", lambda: [one.learn(x, y, orders) for one in theirs], steps),
        ],
        rounds=ROUNDS,
    )
    benchmark.extra_info["ratio"] = medians["the authors' way"] / medians["ours"]
    benchmark.extra_info["wanted"] = least
    benchmark(lambda: ours.parameters(0, (1,)))


def influence(benchmark: Any, net: Net, data: Data, examples: int, least: float, flop: float = 0) -> None:
    trainer = Trainer.of(net, data)
    w = trainer.parameters(0, (1,))[0]
    probes = Probes.of(trainer, 0, w, data.x_test, data.y_test)
    *_, z, labels = tensors(data)
    checked = peer(net, data, trainer, 0, same=True)
    checked.load(w)
    want = checked.influence(range(10), z, labels)
    np.testing.assert_allclose(probes.influence(slice(0, 10)), want, atol=1e-4)
    assert np.abs(want).max() > 1e-2
    theirs = peer(net, data, trainer, 0, same=False)
    a, b = (np.random.default_rng(k).random((768, 768), dtype=np.float32) for k in (1, 2))
    c = np.empty_like(a)
    medians = alternate(
        f"influence on {data.n_test} tests through {data.x_train.shape[1]}-{'-'.join(map(str, net.widths))}-10, an example",
        [
            Side("ours", lambda: probes.influence(slice(0, examples)), examples, f"{flop / 1e9:.3f} GFLOP"),
            Side("the authors' way", lambda: theirs.influence(range(examples), z, labels), examples),
            Side("the same, masks given", lambda: checked.influence(range(examples), z, labels), examples),
            Side("sgemm, 768³", lambda: [np.dot(a, b, out=c) for _ in range(20)], 20, f"{2 * 768**3 / 1e9:.3f} GFLOP"),
        ],
        rounds=ROUNDS,
    )
    benchmark.extra_info["ratio"] = medians["the authors' way"] / medians["ours"]
    benchmark.extra_info["wanted"] = least
    benchmark(lambda: probes.influence(slice(0, 10)))


def test_training_eight_nets_as_the_authors(benchmark: Any) -> None:
    training(benchmark, AUTHORS, images(3000), 8 if FULL else 1, 2, least=3)


def test_influence_through_the_authors_net(benchmark: Any) -> None:
    q = 200
    flop = 2.0 * q * (768 * 384 + 2 * 768 * 384 + 2 * 384 * 10)
    influence(benchmark, AUTHORS, images(3000 if FULL else 256), 3000 if FULL else 20, least=4, flop=flop)


@pytest.mark.parametrize("net", DIGITS, ids=lambda net: "-".join(map(str, net.widths)))
def test_training_nets_for_digits(benchmark: Any, net: Net) -> None:
    training(benchmark, net, digits(), 8 if FULL else 2, 5 if FULL else 2, least=10)


@pytest.mark.parametrize("net", DIGITS, ids=lambda net: "-".join(map(str, net.widths)))
def test_influence_through_nets_for_digits(benchmark: Any, net: Net) -> None:
    influence(benchmark, net, digits(), 1500 if FULL else 100, least=10)
