"""A net of 128 hidden units, ten epochs, on 42,000 of MNIST's 60,000 images: what t models take in time and memory.

Work: 172 GFLOP a model to train and 14 to score 70,000 images, 1.8 s at one Zen 4 core's 105 GFLOP/s. Allowed for t = 100
on two cores: 15 minutes and 4 GB, 18 s a model and core.
"""

from __future__ import annotations

import gzip
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.alternating import FULL, Workers
from empirical.data import Data
from empirical.learners.mlp import MLP

T, N = (100, 60_000) if FULL else (2, 4000)
ROOT = Path(os.environ.get("LONGTAIL_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")) / "mnist"


def mnist() -> Data:
    if not (ROOT / "train-images-idx3-ubyte.gz").exists():
        pytest.skip(f"no MNIST at {ROOT}: set LONGTAIL_DATA")

    def read(name: str, offset: int) -> Any:
        return np.frombuffer(gzip.decompress((ROOT / name).read_bytes()), np.uint8, offset=offset)

    parts = [read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 784) for part in ("train", "t10k")]
    labels = [read(f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64) for part in ("train", "t10k")]
    x = [p.astype(np.float32) / np.float32(255) for p in parts]
    return Data(x[0][:N], labels[0][:N], x[1], labels[1], tuple(range(10)))


def test_a_hundred_nets_on_mnist(benchmark: Any) -> None:
    data = mnist()
    learner = MLP(128, epochs=10, batch=128, rate=0.003)
    masks = np.random.default_rng(0).random((T, N), dtype=np.float32).argsort(1).argsort(1) < 0.7 * N
    start = time.perf_counter()
    workers = Workers(learner, data)
    right = workers.right(masks)
    took = time.perf_counter() - start
    workers.close()
    train, test = right[:, :N], right[:, N:]
    held = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(  # noqa: T201
        f"\nMNIST n={N}: {learner!r}, t={T}: {took:.1f} s wall, {workers.spent / T:.2f} processor seconds a model, "
        f"at most {held:.2f} GB a worker; test accuracy {test.mean():.4f}, in {train[masks].mean():.4f}, "
        f"out {train[~masks].mean():.4f}"
    )
    assert test.mean() >= (0.97 if FULL else 0.88)
    assert held < 2
    trainer = learner.prepare(data)
    benchmark.extra_info["processor seconds a model"] = workers.spent / T
    benchmark.pedantic(lambda: trainer(masks[:1], np.zeros(1, np.int64)), rounds=1)
