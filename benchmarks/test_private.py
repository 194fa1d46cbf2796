"""DP-SGD on digits beside the same loop in Opacus and in torch's vmap: models a second, answers checked first.

    LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_private.py --benchmark-only -n 0 -s

A net 64-128-10, Poisson batches of 64 of 1,050 digits, clipped to 1, noise 1, SGD at a rate of .5. Opacus is left out where it
is not installed. Work a step: 2.6 MFLOP, 25 µs at a Zen 4 core's 105 GFLOP/s, and noise for 9,610 parameters.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from benchmarks.alternating import FULL, Side, alternate
from benchmarks.test_learners import digits, drawn
from empirical.learners.private import dpsgd_cpu
from empirical.learners.private.dpsgd import DPSGD, Descents

torch = pytest.importorskip("torch", reason="the peers are torch's")
NET = DPSGD(width=128, epochs=20 if FULL else 2, batch=64, rate=0.5, clip=1.0, noise=1.0)
DATA = digits()
MODELS, PEERS = (64, 2) if FULL else (16, 1)
MASKS = drawn(MODELS)
CHANCE, STEPS = NET.chance(1050), NET.steps(1050)
SIZES = (64 * 128, 128, 128 * 10, 10)


def module(w: Any) -> Any:
    """The net in torch, from flat parameters."""
    net = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    into, lift, out, shift = np.split(w, np.cumsum(SIZES)[:-1])
    values = (into.reshape(64, 128).T, lift, out.reshape(128, 10).T, shift)
    with torch.no_grad():
        for p, v in zip(net.parameters(), values, strict=True):
            p.copy_(torch.tensor(np.ascontiguousarray(v)))
    return net


def flat(parts: Any) -> Any:
    into, lift, out, shift = (np.asarray(part) for part in parts)
    return np.concatenate([into.T.ravel(), lift, out.T.ravel(), shift])


def right(net: Any) -> float:
    with torch.no_grad():
        return float((net(torch.tensor(DATA.x_test)).argmax(1).numpy() == DATA.y_test).mean())


def subset(mask: Any) -> tuple[Any, Any]:
    return torch.tensor(DATA.x_train[mask]), torch.tensor(DATA.y_train[mask])


def by_vmap(mask: Any, trial: int) -> Any:
    """Each example's gradient by torch.func, clipped, summed, noised: nothing else."""
    x, y = subset(mask)
    generator = torch.Generator().manual_seed(trial)
    net = module(NET.start(0, trial, 64, 10))
    w = {name: p.detach() for name, p in net.named_parameters()}

    def loss(w: Any, one: Any, label: Any) -> Any:
        return torch.nn.functional.cross_entropy(torch.func.functional_call(net, w, (one[None],)), label[None])

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    for _ in range(STEPS):
        batch = torch.rand(len(x), generator=generator) < CHANCE
        if batch.any():
            g = each(w, x[batch], y[batch])
            norm = torch.sqrt(sum((v.flatten(1) ** 2).sum(1) for v in g.values()))
            scale = torch.clamp(NET.clip / norm, max=1.0)
            g = {name: torch.tensordot(scale, v, 1) for name, v in g.items()}
        else:
            g = {name: torch.zeros_like(p) for name, p in w.items()}
        for name, p in w.items():
            noise = torch.randn(p.shape, generator=generator) * (NET.clip * float(NET.noise or 0))
            w[name] = p - NET.rate * (g[name] + noise) / NET.batch
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(w[name])
    return net


def by_opacus(mask: Any, trial: int) -> Any:
    """Opacus as its tutorials have it."""
    from opacus import PrivacyEngine

    x, y = subset(mask)
    torch.manual_seed(trial)
    net = module(NET.start(0, trial, 64, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=NET.rate)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=NET.batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        private, optimizer, loader = PrivacyEngine().make_private(
            module=net, optimizer=optimizer, data_loader=loader, noise_multiplier=NET.noise, max_grad_norm=NET.clip
        )
        steps = 0
        while steps < STEPS:
            for some, labels in loader:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(private(some), labels).backward()
                optimizer.step()
                steps += 1
                if steps == STEPS:
                    break
    return private


def check() -> None:
    """One batch's clipped sum, ours and torch's, from the same weights."""
    trainer = NET.prepare(DATA)
    assert isinstance(trainer, Descents)
    w = NET.start(0, 0, 64, 10) * np.float32(2)
    chosen = np.flatnonzero(MASKS[0])[:64]
    g, room = np.zeros(len(w), np.float32), np.zeros(64 * (64 + 2 * 128 + 10 + 3), np.float32)
    dpsgd_cpu.clipped(
        w, trainer.rows, trainer.squares, DATA.y_train, chosen, np.ones(10, bool), 128, np.float32(1), g, room
    )
    net, total = module(w), 0.0
    for i in chosen.tolist():
        net.zero_grad()
        x, y = torch.tensor(DATA.x_train[i : i + 1]), torch.tensor(DATA.y_train[i : i + 1])
        torch.nn.functional.cross_entropy(net(x), y).backward()
        one = flat([p.grad for p in net.parameters()])
        total = total + one * min(1.0, 1.0 / np.linalg.norm(one))
    np.testing.assert_allclose(g, total, atol=2e-5)


def test_dpsgd(benchmark: Any) -> None:
    """Ours in one process against one torch thread; ten times as many models a second is wanted."""
    torch.set_num_threads(1)
    check()
    trainer = NET.prepare(DATA)
    trials = np.arange(MODELS)
    ours = float(trainer(MASKS, trials)[1].mean())
    kinds = {"torch.func.vmap": by_vmap}
    if find_spec("opacus"):
        kinds["Opacus"] = by_opacus
    else:
        print("no Opacus here: pip install opacus")
    accuracy = {
        name: float(np.mean([right(train(m, k)) for k, m in enumerate(MASKS[:PEERS])])) for name, train in kinds.items()
    }
    assert all(abs(a - ours) < 0.1 for a in accuracy.values()) or not FULL
    sides = [Side("ours", lambda: trainer(MASKS, trials), MODELS, f"test {ours:.4f}")]
    for name, train in kinds.items():
        sides.append(
            Side(
                name,
                lambda train=train: [train(m, k) for k, m in enumerate(MASKS[:PEERS])],
                PEERS,
                f"test {accuracy[name]:.4f}",
            )
        )
    alternate(f"DP-SGD, {STEPS} steps: {NET!r}", sides)
    benchmark.pedantic(lambda: trainer(MASKS[:4], trials[:4]), rounds=1)
