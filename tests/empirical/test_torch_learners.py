"""PyTorch nets as learners: the same as a loop by hand, the same in any block, and what they refuse."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from empirical import SubsetEstimator
from empirical import estimate as command
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.learners import ResNet9, SmallNet, SpeedNet, TorchLearner
from empirical.learners.fingerprint import named
from empirical.learners.learner import images
from empirical.learners.parse import parse_learner
from empirical.learners.torch.augment import mirrored, moved
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import ArgumentError
from longtail.core.arrays import CPU
from longtail.philox import LEARNER, words
from tests.empirical.nets import dense, threefold

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def small() -> Data:
    return threefold()


@pytest.fixture(scope="module")
def pictures() -> Data:
    """Noise with labels at random: what fits it has memorized it."""
    rng = np.random.default_rng(2)
    x = rng.random((40, 16, 16, 3)).astype(np.float32)
    return Data(x[:30], np.arange(30) % 3, x[30:], np.arange(10) % 3, ("a", "b", "c"))


def subsets(data: Data, count: int) -> np.ndarray:
    return Fixed(0.7).subsets(3, np.arange(count), data.n, data.y_train)


def test_a_trial_is_the_loop_that_one_would_write(small: Data) -> None:
    net, mask = TorchLearner(dense, epochs=3, batch=8, rate=0.2), subsets(small, 5)[4]
    found, _ = net.prepare(small, "margin", seed=7)(mask[None], np.array([4]))

    own = int(words(7, LEARNER, 4, 0, 1)[0])
    torch.manual_seed(own)
    module = dense((5,), 3)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.2, momentum=0.9, nesterov=True, weight_decay=5e-4)
    chance, members = torch.Generator().manual_seed(own), torch.as_tensor(np.flatnonzero(mask))
    x, y = torch.as_tensor(small.x_train), torch.as_tensor(small.y_train)
    steps = -(-len(members) // 8)
    for epoch in range(3):
        order = members[torch.randperm(len(members), generator=chance)]
        for step in range(steps):
            some = order[8 * step : 8 * step + 8]
            optimizer.param_groups[0]["lr"] = 0.2 * (1 - (epoch * steps + step) / (3 * steps))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(x[some]), y[some]).backward()
            optimizer.step()
    values = module(x).detach().numpy()
    rest = np.where(np.eye(3, dtype=bool)[small.y_train], -np.inf, values).max(1)
    np.testing.assert_allclose(found[0], values[np.arange(small.n), small.y_train] - rest, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("net", [TorchLearner(dense, epochs=2, batch=8), SmallNet(width=2, epochs=2, batch=8)])
def test_a_trial_does_not_depend_on_its_block(net: TorchLearner | SmallNet, small: Data, pictures: Data) -> None:
    data = small if isinstance(net, TorchLearner) else pictures
    masks, trainer = subsets(data, 6), net.prepare(data, "loss", seed=1)
    together = trainer(masks, np.arange(6))
    alone = [net.prepare(data, "loss", seed=1)(masks[k : k + 1], np.array([k])) for k in (5, 0, 3)]
    for one, k in zip(alone, (5, 0, 3), strict=True):
        assert all(np.array_equal(a[0], b[k]) for a, b in zip(one, together, strict=True))
    other = trainer(masks[:1], np.array([9]))
    assert not np.array_equal(other[0][0], together[0][0])


def test_a_linear_net_finds_the_minimum_that_logistic_regression_has(small: Data) -> None:
    def linear(shape: tuple[int, ...], n_classes: int) -> object:
        return torch.nn.Linear(shape[0], n_classes)

    def optimizer(net: Any) -> object:
        groups = [{"params": [net.weight], "weight_decay": 1 / 40}, {"params": [net.bias], "weight_decay": 0}]
        return torch.optim.SGD(groups, lr=0.5, momentum=0.9)

    whole = np.ones((1, small.n), bool)
    slow = TorchLearner(linear, epochs=2000, batch=40, optimizer=optimizer)
    found = slow.prepare(small, "margin")(whole, np.zeros(1, int))
    best = LogisticRegression(tol=1e-10, max_iter=10_000).fit(small.x_train, small.y_train)
    values = best.decision_function(small.x_test)
    rest = np.where(np.eye(3, dtype=bool)[small.y_test], -np.inf, values).max(1)
    np.testing.assert_allclose(found[1][0], values[np.arange(small.n_test), small.y_test] - rest, atol=1e-3)


def test_scores_on_the_way_are_those_at_the_end(small: Data) -> None:
    net, masks = TorchLearner(dense, epochs=4, batch=8), subsets(small, 3)
    trainer = net.prepare(small, "loss", seed=2)
    course = trainer.course(masks, np.arange(3), (1, 4))
    assert all(np.array_equal(a, b) for a, b in zip(course[-1], trainer(masks, np.arange(3)), strict=True))
    assert course[0][0].mean() > course[1][0].mean()


@pytest.mark.parametrize(
    "net",
    [
        SmallNet(width=8, epochs=60, batch=8),
        ResNet9(width=4, epochs=30, batch=8, rate=0.1, shift=0, mirror=False),
        SpeedNet(width=8, epochs=60, batch=8, shift=0, mirror=False),
        SpeedNet(width=8, epochs=60, batch=8, shift=1),
    ],
)
def test_our_nets_memorize_noise_and_know_nothing_of_what_they_did_not_see(net: SmallNet, pictures: Data) -> None:
    trials = run(Job(pictures, net, Fixed(0.7)), 8)
    masks, right = trials.masks(), trials.train_scores(slice(0, pictures.n))
    assert right[masks].mean() >= 0.99
    n, share = (~masks).sum(), right[~masks].mean()
    assert abs(share - 1 / 3) < 5 * np.sqrt(2 / 9 / n) + 1 / 9  # those of two classes are a little commoner outside


def test_images_move_by_whole_pixels_and_mirror_by_half() -> None:
    chance = torch.Generator().manual_seed(4)
    x = torch.arange(2 * 3 * 5 * 6, dtype=torch.float32).reshape(2, 3, 5, 6).repeat(500, 1, 1, 1)
    turned = mirrored(x, chance)
    same = (turned == x).all(3).all(2).all(1)
    assert torch.equal(turned[~same], x.flip(3)[~same])
    assert abs(float(same.float().mean()) - 0.5) < 5 * 0.5 / np.sqrt(1000)
    shifted = moved(x, chance, 2).numpy()
    wide = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    seen = set()
    for k in range(1000):
        fits = [
            (a, b) for a in range(5) for b in range(5) if np.array_equal(shifted[k], wide[k, :, a : a + 5, b : b + 6])
        ]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) == 25


def test_images_have_their_channels_first() -> None:
    x = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)
    y = np.array([0, 1])
    np.testing.assert_array_equal(images(Data(x, y, x, y, ("a", "b")))[1], x[1].transpose(2, 0, 1))
    assert images(Data(x[..., 0], y, x[..., 0], y, ("a", "b"))).shape == (4, 1, 4, 5)
    assert images(Data(x.reshape(2, -1), y, x.reshape(2, -1), y, ("a", "b"))).shape == (4, 60)


def test_an_estimator_takes_a_net_and_a_command_its_name(small: Data, capsys: pytest.CaptureFixture[str]) -> None:
    net = TorchLearner(dense, epochs=3, batch=16)
    found = SubsetEstimator(net, models=10, random_state=5).fit(
        small.x_train, small.y_train, small.x_test, small.y_test
    )
    assert found.memorization_["memorization"].abs().max() <= 1
    assert command.main(
        ["digits", "--learner", "tests.empirical.nets.learner(epochs=1)", "--trials", "3", "--json", "--quiet"]
    ) in (0, None)
    summary = json.loads(capsys.readouterr().out)
    assert summary["learner"].startswith("TorchLearner(tests.empirical.nets.dense")


def test_ten_lines_of_ones_own_are_a_learner(small: Data) -> None:
    """Those of the guide, and those that the learner's own file begins with."""
    guide = (Path(__file__).parents[2] / "docs/running.md").read_text(encoding="utf-8")
    (block,) = [part for part in guide.split("```python\n")[1:] if "TorchLearner(" in part.partition("```")[0]]
    told = inspect.getdoc(sys.modules[TorchLearner.__module__]) or ""
    names = {"X": small.x_train, "y": small.y_train, "X_test": small.x_test, "y_test": small.y_test}
    lines = [line for line in told.splitlines() if line.startswith("    ")]
    for text in (block.partition("```")[0], textwrap.dedent("\n".join(lines)).replace("models=200", "models=20")):
        assert 5 < sum(bool(line.strip()) for line in text.splitlines()) <= 10
        found: dict[str, Any] = {"__name__": "theirs", **names}
        exec(text, found)
        taught = found.get("learner") or TorchLearner(found["net"], epochs=15)
        estimator = SubsetEstimator(taught, models=20, random_state=0).fit(
            small.x_train, small.y_train, small.x_test, small.y_test
        )
        assert estimator.trials_.train_scores()[estimator.trials_.masks()].mean() > 0.7


def test_a_run_of_nets_that_do_not_fit_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["digits", "--learner", "tests.empirical.nets.learner(epochs=1)", "--trials", "3", "--quiet"])
    assert "what a model does not fit it cannot be seen to" in " ".join(capsys.readouterr().out.split())
    command.main(["digits", "--learner", "knn", "--trials", "3", "--quiet"])
    assert "does not fit" not in " ".join(capsys.readouterr().out.split())


def test_names_tell_nets_apart() -> None:
    def other(shape: tuple[int, ...], n_classes: int) -> object:
        return torch.nn.Linear(shape[0], n_classes)

    names = {named(TorchLearner(make)) for make in (dense, other)} | {named(TorchLearner(dense, epochs=3))}
    assert len(names) == 3
    assert named(TorchLearner(dense)) == named(TorchLearner(dense))
    assert repr(parse_learner("resnet9(width=8)")).startswith("ResNet9(epochs=24")


def test_what_repeats_is_told_by_the_device_and_known_to_the_store(small: Data) -> None:
    gpu = replace(CPU, kind="gpu", torch="cuda")
    net = TorchLearner(dense)
    assert net.repeats(CPU)
    assert not net.repeats(gpu)
    assert replace(net, deterministic=True).repeats(gpu)
    job = Job(small, net, Fixed(0.7))
    assert "repeats" not in job.identity().record
    assert replace(job, device=gpu).identity().record["repeats"] is False


def test_a_gpu_of_pytorchs_is_asked_for_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda name: f"the {name}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda name: (5, 9))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda name: 3)
    device = TorchLearner(dense).place("auto")
    assert (device.kind, device.name, device.torch, device.free, device.held) == ("gpu", "the cuda", "cuda", 5, 3)
    assert device.arrays.kind == "cpu"  # where CuPy has none
    assert device.xp is np


@pytest.mark.parametrize("choice", ["gpu", "cuda:7", "abacus"])
def test_a_device_that_is_not_there_is_refused(choice: str) -> None:
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("a GPU is here")
    with pytest.raises(ArgumentError, match="device"):
        TorchLearner(dense).place(choice)


def test_bad_nets_are_refused_in_a_line(small: Data, pictures: Data) -> None:
    def narrow(shape: tuple[int, ...], n_classes: int) -> object:
        return torch.nn.Linear(shape[0], 1)

    def broken(shape: tuple[int, ...], n_classes: int) -> object:
        raise RuntimeError("no such layer")

    masks = subsets(small, 1)
    with pytest.raises(ArgumentError, match=r"make: got .*give a function of"):
        TorchLearner(torch.nn.Linear(5, 3))
    with pytest.raises(ArgumentError, match="schedule"):
        TorchLearner(dense, schedule=0.5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"shape \(60, 1\)"):
        TorchLearner(narrow, loss=lambda z, y: z.mean()).prepare(small)(masks, np.array([0]))
    with pytest.raises(ArgumentError, match="in trial 0 it raised RuntimeError: no such layer"):
        TorchLearner(broken).prepare(small)(masks, np.array([0]))
    with pytest.raises(ArgumentError, match="rate"):
        TorchLearner(dense, rate=1e20).prepare(small, "loss")(masks, np.array([0]))
    with pytest.raises(ArgumentError, match="16 × 16 pixels"):
        SpeedNet().prepare(small)(masks, np.array([0]))
    with pytest.raises(ArgumentError, match="shift"):
        ResNet9(width=1, shift=16).prepare(pictures)(subsets(pictures, 1), np.array([0]))
    with pytest.raises(ArgumentError, match="precision"):
        SmallNet(precision="half")


@pytest.mark.parametrize(
    "net", [SmallNet(width=4, epochs=2), ResNet9(width=2, epochs=2, rate=0.1, mirror=False, shift=0)]
)
def test_channels_last_is_a_matter_of_memory_only(net: SmallNet, pictures: Data) -> None:
    masks, last = subsets(pictures, 2), replace(net, batch=8, channels_last=True)
    trainer = last.prepare(pictures, "margin", seed=3)
    assert trainer.x.is_contiguous(memory_format=torch.channels_last)
    plain = replace(last, channels_last=False).prepare(pictures, "margin", seed=3)(masks, np.arange(2))
    for a, b in zip(plain, trainer(masks, np.arange(2)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert np.ptp(plain[0], axis=0).max() > 0.01


@pytest.mark.filterwarnings("ignore")  # torch.compile calls what PyTorch is to give up
def test_a_net_that_is_compiled_learns_the_same(small: Data) -> None:
    from torch._inductor import config

    net, masks = TorchLearner(dense, epochs=2, batch=8, compiled=True), subsets(small, 1)
    missing = {"cpp.cxx": (None, "no-such-compiler"), "force_disable_caches": True, "compile_threads": 1}
    with config.patch(missing), pytest.raises(ArgumentError, match=r"compiled: got True; torch\.compile does not work"):
        net.prepare(small, "margin", seed=3)(masks, np.arange(1))
    torch._dynamo.reset()
    try:
        with config.patch({"compile_threads": 1}):
            found = net.prepare(small, "margin", seed=3)(masks, np.arange(1))
    except ArgumentError as error:
        pytest.skip(str(error))
    plain = replace(net, compiled=False).prepare(small, "margin", seed=3)(masks, np.arange(1))
    for a, b in zip(plain, found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_examples_are_put_on_the_device_once(small: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    put = TorchLearner.inputs
    monkeypatch.setattr(
        TorchLearner, "inputs", lambda self, data, where: (calls.append(where), put(self, data, where))[1]
    )
    trainer = TorchLearner(dense, epochs=1).prepare(small)
    for k in range(3):
        trainer(subsets(small, 1), np.array([k]))
    assert calls == ["cpu"]


def test_mixed_precision_learns_the_same(small: Data) -> None:
    net, masks = TorchLearner(dense, epochs=20, batch=8), subsets(small, 4)
    exact, mixed = (
        one.prepare(small, "correct", seed=3)(masks, np.arange(4)) for one in (net, replace(net, precision="mixed"))
    )
    assert (exact[1] == mixed[1]).mean() > 0.95
    assert (exact[0] == mixed[0]).mean() > 0.95
