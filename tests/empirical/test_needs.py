"""What a run is said to need: on a GPU by whole blocks, since there one model takes as long as many."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from empirical.data import Data
from empirical.designs import Bernoulli
from empirical.learner import Learner
from empirical.needs import Needs, needs
from empirical.run import Job
from longtail import arrays


@dataclass(frozen=True)
class Blocks(Learner):
    """So many seconds a call, however many models; the first compiles."""

    seconds: float = 0.02
    block: int = 32

    def prepare(self, data: Data, score: Any = "correct", *, seed: int = 0, device: str = "cpu") -> Any:
        calls: list[int] = []

        def train(masks: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            time.sleep(self.seconds if calls else 10 * self.seconds)
            calls.append(len(masks))
            return np.zeros((len(masks), data.n), bool), np.zeros((len(masks), data.n_test), bool)

        train.batch, train.calls = self.block, calls  # type: ignore[attr-defined]
        return train


def test_on_a_gpu_a_block_is_rehearsed(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "device", lambda choice: SimpleNamespace(kind="gpu", held=3 * 10**9))
    there = needs(Job(data, Blocks(), Bernoulli(0.7), device="gpu"), 6400, 6400, 1)
    assert 200 * 0.02 <= there.seconds < 200 * 0.08  # one model at a time would be 128 s, and the first block's time 40
    assert (there.gpu, "3 GB of GPU memory" in str(there)) == (3 * 10**9, True)
    here = needs(Job(data, Blocks(block=1), Bernoulli(0.7)), 64, 64, 1)
    assert 64 * 0.02 <= here.seconds < 64 * 0.08
    assert (here.gpu, "GPU" in str(here)) == (0, False)


def test_pairs_may_need_more_of_a_gpu_than_training(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "device", lambda choice: SimpleNamespace(kind="gpu", held=0))
    there = needs(Job(data, Blocks(), Bernoulli(0.7), device="gpu"), 6400, 0, 1)
    assert there.gpu == (data.n + data.n_test) * 800
    assert np.isnan(there.seconds)
    assert "GPU" not in str(Needs(1.0, 1, 1))
