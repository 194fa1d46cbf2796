"""A net of 128 hidden units, ten epochs, on 42,000 of MNIST's 60,000 images: what t models take in time and memory.

Work: 172 GFLOP a model to train and 14 to score 70,000 images, 1.8 s at one Zen 4 core's 105 GFLOP/s. Allowed for t = 100
on two cores: 15 minutes and 4 GB, 18 s a model and core.
"""

from __future__ import annotations

import gzip
import os
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.alternating import FULL, Workers, gpu_or_skip
from empirical.data.data import Data
from empirical.data.examples import Examples
from empirical.designs import Fixed
from empirical.estimates.measure import measure
from empirical.learners.mlp.mlp import MLP
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import arrays

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
    print(
        f"\nMNIST n={N}: {learner!r}, t={T}: {took:.1f} s wall, {workers.spent / T:.2f} processor seconds a model, "
        f"at most {held:.2f} GB a worker; test accuracy {test.mean():.4f}, in {train[masks].mean():.4f}, "
        f"out {train[~masks].mean():.4f}"
    )
    assert test.mean() >= (0.97 if FULL else 0.88)
    assert held < 2
    trainer = learner.prepare(data)
    benchmark.extra_info["processor seconds a model"] = workers.spent / T
    benchmark.pedantic(lambda: trainer(masks[:1], np.zeros(1, np.int64)), rounds=1)


NETS = [MLP(128, epochs=10, batch=256, rate=0.004), MLP(512, epochs=20, batch=1024, rate=0.004)]


@pytest.mark.gpu
@pytest.mark.parametrize("net", NETS, ids=repr)
def test_four_thousand_nets_on_a_gpu(benchmark: Any, net: MLP) -> None:
    """t = 4,000 in mixed precision, from subsets to tables, which an H200 should do in a minute (``mlp_cuda``)."""
    name, data = gpu_or_skip(), mnist()
    t = 4000 if FULL else 64
    masks, trials = Fixed(0.7).subsets(0, np.arange(64), data.n, data.y_train), np.arange(64)
    mixed = replace(net, precision="mixed")
    test = {}
    for learner in (net, mixed):
        _, right = learner.prepare(data, device=arrays.gpu())(masks, trials)
        test[learner.precision] = right.mean()
    assert abs(test["mixed"] - test["float32"]) < 0.002
    assert test["mixed"] > (0.97 if FULL else 0.85)
    start = time.perf_counter()
    found = run(Job(data, mixed, Fixed(0.7), device=arrays.gpu()), t)
    trained = time.perf_counter() - start
    tables = measure(found, Examples(data.y_train, data.y_test), device=arrays.gpu())
    took = time.perf_counter() - start
    print(
        f"\nMNIST n={N} on {name}: {mixed!r}, t={t}: trained in {trained:.1f} s, {t / trained:.0f} models/s, "
        f"tables after {took:.1f} s, {arrays.gpu().held / 2**30:.1f} GB of its memory; test accuracy "
        f"{test['mixed']:.4f} against {test['float32']:.4f} in float32, {len(tables.pairs)} pairs"
    )
    benchmark.extra_info.update({"gpu": name, "models a second": t / trained, "seconds to tables": took})
    trainer = mixed.prepare(data, device=arrays.gpu())
    benchmark.pedantic(lambda: trainer(masks, trials), rounds=3, warmup_rounds=1)
