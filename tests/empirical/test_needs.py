"""What a run is said to need: on a GPU by whole blocks, since there one model takes as long as many."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.designs import Bernoulli, Fixed
from empirical.learners import KNN
from empirical.learners.learner import Learner
from empirical.training import resources as needs_module
from empirical.training import shelf as shelf_module
from empirical.training.job import Job
from empirical.training.resources import Needs, needs
from empirical.training.run import run
from empirical.training.store import Store
from longtail.core import ArgumentError


@dataclass(frozen=True)
class Blocks(Learner):
    """So many seconds a call, however many models; the first compiles. Its clock is its own: no machine is too busy."""

    seconds: float = 0.02
    block: int = 32
    clock: list[float] = field(default_factory=lambda: [0.0])

    def perf_counter(self) -> float:
        return self.clock[0]

    def prepare(self, data: Data, score: Any = "correct", *, seed: int = 0, device: str = "cpu") -> Any:
        calls: list[int] = []

        def train(masks: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            self.clock[0] += self.seconds if calls else 10 * self.seconds
            calls.append(len(masks))
            return np.zeros((len(masks), data.n), bool), np.zeros((len(masks), data.n_test), bool)

        train.batch, train.calls = self.block, calls  # type: ignore[attr-defined]
        return train


def pretend(held: int) -> Any:
    """A GPU that has so many bytes in use."""
    return SimpleNamespace(kind="gpu", held=held)


def test_on_a_gpu_a_block_is_rehearsed(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, single = Blocks(), Blocks(block=1)
    monkeypatch.setattr(needs_module, "time", blocks)
    there = needs(Job(data, blocks, Bernoulli(0.7), device=pretend(3 * 10**9)), 6400, 6400, 1)
    # one model at a time would be 128 s, and the first block's time 40
    assert there.seconds == pytest.approx(200 * 0.02)
    assert (there.gpu, "3 GB of GPU memory" in str(there)) == (3 * 10**9, True)
    monkeypatch.setattr(needs_module, "time", single)
    here = needs(Job(data, single, Bernoulli(0.7)), 64, 64, 1)
    assert here.seconds == pytest.approx(64 * 0.02)
    assert (here.gpu, "GPU" in str(here)) == (0, False)


def test_models_that_train_together_are_rehearsed_together(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of 32 is longer than a rehearsal may be, if each took as long as one: so many as would take 2 s are tried."""
    slow = Blocks(seconds=0.125)
    monkeypatch.setattr(needs_module, "time", slow)
    assert needs(Job(data, slow, Bernoulli(0.7)), 6400, 6400, 1).seconds == pytest.approx(6400 * 0.125 / 16)


def test_pairs_may_need_more_of_a_gpu_than_training(data: Data) -> None:
    there = needs(Job(data, Blocks(), Bernoulli(0.7), device=pretend(0)), 6400, 0, 1)
    assert there.gpu == (data.n + data.n_test) * 800
    assert np.isnan(there.seconds)
    assert "GPU" not in str(Needs(1.0, 1, 1))


def test_more_than_memory_or_disk_holds_is_refused_before_anything_is_trained(
    data: Data, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    job = Job(data, KNN(), Fixed(0.7))
    store = Store.open(tmp_path, job.identity())
    with monkeypatch.context() as at:
        at.setattr(Job, "trainer", never)
        for trials in (10**12, 2 * 10**10):
            with pytest.raises(ArgumentError, match=r"^models: got .* TB of memory where .* are free; train fewer"):
                run(job, trials, store=store)
        at.setattr(shelf_module.shutil, "disk_usage", lambda folder: SimpleNamespace(free=500))
        with pytest.raises(
            ArgumentError, match=r"^out: got .*, where 500 bytes are free for trials of .* kB; .*folder"
        ):
            run(job, 128, store=store)
    run(job, 128, store=store)
    monkeypatch.setattr(shelf_module.shutil, "disk_usage", lambda folder: SimpleNamespace(free=500))
    assert run(job, 128, store=store).count == 128  # for what is there no room is needed
    at_most = needs_module.available()
    limits = SimpleNamespace(getrlimit=lambda kind: (1000, 1000), RLIMIT_AS=0, RLIM_INFINITY=-1)
    monkeypatch.setitem(sys.modules, "resource", limits)
    assert needs_module.available() == 1000 < at_most


def test_trials_that_stay_in_their_store_need_what_they_are_given(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs_module, "_resident", lambda: 0)
    job = Job(data, KNN(), Fixed(0.7))
    held, left = needs(job, 10**6, 0, 1), needs(job, 10**6, 0, 1, 2e9)
    assert held.memory - left.memory == needs_module._aggregation(job, 10**6) - 2 * 10**9
