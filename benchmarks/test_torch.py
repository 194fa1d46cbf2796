"""A PyTorch net of the user's own as a learner, beside the loop that one would write for one model: no slower.

    LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_torch.py --benchmark-only -n 0 -s

``SmallNet`` on digits, 8 × 8 pixels; answers checked first: the two are right on the same examples. And nets of dense layers that
are stacked (``torch.func.vmap``), beside the same one by one and beside our own compiled ``MLP`` of the same sizes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.alternating import FULL, Side, alternate
from benchmarks.test_learners import digits, drawn
from empirical.learners import MLP, SmallNet, TorchLearner
from empirical.learners.learner import images
from longtail.philox import LEARNER, words

torch = pytest.importorskip("torch", reason="the learner is PyTorch's")
NET = SmallNet(epochs=10 if FULL else 2)
FLAT = digits()
DATA = replace(FLAT, x_train=FLAT.x_train.reshape(-1, 8, 8), x_test=FLAT.x_test.reshape(-1, 8, 8))
MODELS = 4 if FULL else 1
MASKS = drawn(MODELS)


def plain(mask: Any, trial: int) -> Any:
    """Train one net on a subset and ask it about every example."""
    x, y = torch.as_tensor(images(DATA)), torch.as_tensor(DATA.y_train)
    own = int(words(0, LEARNER, trial, 0, 1)[0])
    torch.manual_seed(own)
    net = NET.module(tuple(x.shape[1:]), DATA.n_classes)
    optimizer = torch.optim.SGD(net.parameters(), lr=NET.rate, momentum=NET.momentum, nesterov=True)
    chance, members = torch.Generator().manual_seed(own), torch.as_tensor(np.flatnonzero(mask))
    steps = NET.epochs * -(-len(members) // NET.batch)
    step = 0
    for _ in range(NET.epochs):
        order = members[torch.randperm(len(members), generator=chance)]
        for some in order.split(NET.batch):
            optimizer.param_groups[0]["lr"] = NET.rate * (1 - step / steps)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x[some]), y[some]).backward()
            optimizer.step()
            step += 1
    with torch.no_grad():
        return net(x).argmax(1).numpy() == np.append(DATA.y_train, DATA.y_test)


def test_nets(benchmark: Any) -> None:
    """One thread each."""
    torch.set_num_threads(1)
    trainer = NET.prepare(DATA)
    ours = np.hstack(trainer(MASKS, np.arange(MODELS)))
    theirs = np.array([plain(mask, k) for k, mask in enumerate(MASKS)])
    assert (ours == theirs).mean() > 0.999
    sides = [
        Side("ours", lambda: trainer(MASKS, np.arange(MODELS)), MODELS),
        Side("a plain loop", lambda: [plain(mask, k) for k, mask in enumerate(MASKS)], MODELS),
    ]
    alternate("SmallNet on digits", sides)
    benchmark.pedantic(trainer, args=(MASKS, np.arange(MODELS)), rounds=1)


def dense(shape: tuple[int, ...], n_classes: int) -> Any:
    """One hidden layer of 64 units."""
    hidden = torch.nn.Linear(shape[0], 64)
    return torch.nn.Sequential(hidden, torch.nn.ReLU(), torch.nn.Linear(64, n_classes))


def test_stacked_nets(benchmark: Any) -> None:
    """Sixteen at a time, one thread."""
    count = 16
    masks, trials = drawn(count), np.arange(count)
    net = TorchLearner(dense, epochs=5 if FULL else 1, batch=64)
    one, several = net.prepare(FLAT, "margin"), replace(net, stacked=True).prepare(FLAT, "margin")
    compiled = MLP(64, epochs=net.epochs, batch=64).prepare(FLAT, "margin")
    for a, b in zip(one(masks, trials), several(masks, trials), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
    compiled(masks, trials)
    sides = [
        Side("stacked", lambda: several(masks, trials), count),
        Side("one by one", lambda: one(masks, trials), count),
        Side("our MLP", lambda: compiled(masks, trials), count),
    ]
    alternate("64 hidden units on digits", sides)
    benchmark.pedantic(several, args=(masks, trials), rounds=1)
