"""Learners on subsets against what people use today: models a second on digits, 70 % subsets, answers checked first.

    LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_learners.py --benchmark-only -s

Every peer runs its own idiom at its best setting found: one BLAS thread a process, float32 where that is faster, one
fit per subset, joblib on two processes. Ours runs in two processes, as ``--workers 2`` does, and in one. Accuracies
stand beside the times. Ceilings: one Zen 4 core does 105 GFLOP/s in sgemm; each learner's module says what its models
need.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from benchmarks.alternating import FULL, ROUNDS, Side, Workers, alternate, gpu_or_skip
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.learners.knn.knn import KNN
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP
from empirical.learners.ridge.features import RandomFeatures
from empirical.learners.ridge.kernel import KernelRidge
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.softmax.softmax import Softmax
from empirical.training.executors import Processes
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import arrays

Predicts = Callable[[NDArray[np.bool_]], NDArray[Any]]


def digits(scale: float = 16) -> Data:
    x, y = load_digits(return_X_y=True)
    x = (x / scale).astype(np.float32)
    return Data(x[:1500], y[:1500], x[1500:], y[1500:], tuple(range(10)))


def drawn(t: int, n: int = 1500, m: int = 1050) -> NDArray[np.bool_]:
    return np.random.default_rng(0).random((t, n)).argpartition(m, axis=1).argsort(1) < m


def fitted(make: Callable[[], Any], x: NDArray[Any], y: NDArray[Any], rows: NDArray[Any], mask: Any) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(make().fit(x[mask], y[mask]).predict(rows))
    return found.argmax(1) if found.ndim == 2 else found


def versus(
    title: str, learner: Learner, data: Data, make: Callable[[], Any], *,
    models: int, peers: int, targets: NDArray[Any] | None = None, extra: list[Side] | None = None,
    same: float | None = 1e-3, rounds: int = ROUNDS, wanted: Callable[[], Any] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Ours in two processes and one, a scikit-learn loop and joblib; ``same`` is the share of cells that may differ.

    ``wanted`` makes the model whose predictions ours are held to, where that is not the one timed.
    """
    models, peers = (models, peers) if FULL else (32, 2)
    masks = drawn(models)
    rows, labels = np.concatenate([data.x_train, data.x_test]), np.append(data.y_train, data.y_test)
    y = data.y_train if targets is None else targets
    workers = Workers(learner, data)
    try:
        right = workers.right(masks)[:peers]
        loop = [fitted(make, data.x_train, y, rows, mask) == labels for mask in masks[:peers]]
        exact = loop
        if wanted is not None:
            double = data.x_train.astype(np.float64), y, rows.astype(np.float64)
            exact = [fitted(wanted, *double, mask) == labels for mask in masks[:peers]]
        differ, loose = np.mean(right != np.array(exact)), np.mean(np.array(loop) != np.array(exact))
        if same is not None:
            assert differ <= same, f"{differ:.2%} of predictions differ"
        kept = masks[:peers]
        theirs = np.array(loop)
        # in accuracy on the subset, and on the test set, of the same subsets
        mine = f"train {right[:, : data.n][kept].mean():.4f} test {right[:, data.n :].mean():.4f}, {differ:.5f} differ"
        peer = f"train {theirs[:, : data.n][kept].mean():.4f} test {theirs[:, data.n :].mean():.4f}, {loose:.5f} differ"
        alone = learner.prepare(data)
        trials = np.arange(models)
        job = Job(data, learner, Fixed(0.7))

        def whole() -> Any:  # with what each worker prepares before its first model
            return run(job, models, executor=Processes(2))

        return alternate(
            f"{title}: {learner!r}",
            [
                Side("ours, 2 workers", lambda: workers.train(masks), models, mine, lambda: workers.spent),
                *([Side("ours as a run: draw, train, keep the bits", whole, models, processor=None)] if FULL else []),
                Side("ours, 1 process", lambda: alone(masks[: models // 2], trials[: models // 2]), models // 2),
                Side(
                    "scikit-learn loop",
                    lambda: [fitted(make, data.x_train, y, rows, m) for m in masks[:peers]],
                    peers,
                    peer,
                ),
                Side(
                    "scikit-learn, joblib on 2 processes",
                    lambda: Parallel(2)(delayed(fitted)(make, data.x_train, y, rows, m) for m in masks[:peers]),
                    peers,
                    processor=None,
                ),
                *(extra or []),
            ],
            rounds,
        )
    finally:
        workers.close()


def record(benchmark: Any, medians: dict[str, float], learner: Learner, data: Data) -> None:
    """Leave ratios in the benchmark's record; time one shard of ours for its table."""
    for name, seconds in medians.items():
        benchmark.extra_info[name] = round(seconds / medians["ours, 2 workers"], 2)
    masks, trainer = drawn(64 if FULL else 8), learner.prepare(data)
    benchmark.pedantic(lambda: trainer(masks, np.arange(len(masks))), rounds=3, warmup_rounds=1)


def test_nearest_neighbors(benchmark: Any) -> None:
    data = digits()
    medians = versus("1-NN", KNN(1), data, lambda: KNeighborsClassifier(1, algorithm="brute"), models=4096, peers=16)
    record(benchmark, medians, KNN(1), data)


def test_ridge(benchmark: Any) -> None:
    data = digits(1)
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    x = torch.tensor(np.column_stack([np.ones(1797), np.concatenate([data.x_train, data.x_test])]).astype(np.float32))
    onehot = torch.nn.functional.one_hot(torch.tensor(data.y_train), 10).float()
    count = 64 if FULL else 8
    held = torch.tensor(drawn(count)).float()

    def batched() -> Any:
        gram = torch.stack([(x[:1500] * m[:, None]).T @ x[:1500] for m in held])
        sides = torch.stack([(x[:1500] * m[:, None]).T @ onehot for m in held])
        ridge = torch.eye(65)
        ridge[0, 0] = 0
        w = torch.cholesky_solve(sides, torch.linalg.cholesky(gram + ridge))
        return torch.stack([(x @ v).argmax(1) for v in w])

    train, test = Ridge().prepare(data)(drawn(count), np.arange(count))
    found = batched().numpy() == np.append(data.y_train, data.y_test)
    assert np.mean(found != np.hstack([train, test])) <= 1e-3
    medians = versus(
        "ridge", Ridge(), data, lambda: RidgeClassifier(), models=8192, peers=64,
        extra=[Side("torch, 64 models in a batch, 1 process", batched, count)],
    )  # fmt: skip
    record(benchmark, medians, Ridge(), data)


def test_kernel_ridge(benchmark: Any) -> None:
    data = digits()
    learner = KernelRidge(gamma=0.08)
    medians = versus(
        "kernel ridge", learner, data, lambda: SklearnKernelRidge(alpha=1.0, kernel="rbf", gamma=0.08),
        models=256, peers=8, targets=2 * np.eye(10, dtype=np.float32)[data.y_train] - 1,
    )  # fmt: skip
    record(benchmark, medians, learner, data)


def test_random_features(benchmark: Any) -> None:
    plain = digits()
    learner = RandomFeatures(512, gamma=0.08)
    rows = learner.rows(np.concatenate([plain.x_train, plain.x_test]), 0)[:, 1:]

    data = Data(rows[:1500], plain.y_train, rows[1500:], plain.y_test, plain.classes)
    models, peers = (256, 16) if FULL else (32, 2)
    masks = drawn(models)
    workers = Workers(learner, plain)
    try:
        right = workers.right(masks)[:peers]
        labels = np.append(data.y_train, data.y_test)

        def loop() -> Any:
            return [fitted(RidgeClassifier, data.x_train, data.y_train, rows, m) == labels for m in masks[:peers]]

        assert np.mean(right != np.array(loop())) <= 1e-3
        medians = alternate(
            f"random features: {learner!r}",
            [
                Side("ours, 2 workers", lambda: workers.train(masks), models, "", lambda: workers.spent),
                Side("scikit-learn loop, features made beforehand", loop, peers),
            ],
        )
    finally:
        workers.close()
    record(benchmark, medians, learner, plain)


@pytest.mark.parametrize("scale", [16, 1])
def test_softmax(benchmark: Any, scale: int) -> None:
    data = digits(scale)
    medians = versus(
        f"softmax, digits / {scale}", Softmax(), data, lambda: LogisticRegression(C=1.0, max_iter=1000),
        models=512, peers=16, wanted=lambda: LogisticRegression(C=1.0, tol=1e-8, max_iter=50_000),
    )  # fmt: skip
    record(benchmark, medians, Softmax(), data)


MLPS: dict[str, tuple[MLP, Callable[[], Any]]] = {
    "defaults": (MLP(256, epochs=10, batch=64, rate=0.015), lambda: MLPClassifier((256,), random_state=0)),
    # the shortest training found that leaves scikit-learn within 1 % of the training accuracy and 1.5 % of the test's
    "stopped early": (
        MLP(256, epochs=6, batch=32, rate=0.01),
        lambda: MLPClassifier((256,), random_state=0, max_iter=12, learning_rate_init=0.01),
    ),
}


@pytest.mark.parametrize("setting", MLPS)
def test_mlp(benchmark: Any, setting: str) -> None:
    data = digits()
    learner, peer = MLPS[setting]
    extra = _torch_nets(data, learner) if setting == "defaults" else []
    medians = versus(
        f"MLP 64-256-10, scikit-learn {setting}", learner, data, peer,
        models=128, peers=16 if setting != "defaults" else 4, same=None, extra=extra, rounds=min(5, ROUNDS),
    )  # fmt: skip
    record(benchmark, medians, learner, data)


def _torch_nets(data: Data, net: MLP) -> list[Side]:
    """The same net, minibatches and steps in torch: a loop over models, and torch.func.vmap over them."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    x, y = torch.tensor(data.x_train), torch.tensor(data.y_train)
    rows, labels = torch.tensor(np.concatenate([data.x_train, data.x_test])), np.append(data.y_train, data.y_test)
    count = 16 if FULL else 2
    masks = drawn(count)
    orders = torch.tensor(np.stack([net.orders(0, k, mask) for k, mask in enumerate(masks)]))
    starts = torch.tensor(np.stack([net.start(0, k, 64, 10) for k in range(count)]))
    steps = net.epochs * -(-1050 // net.batch)

    def parts(w: Any) -> Any:
        a, b, c, d = torch.split(w, [64 * 256, 256, 2560, 10], dim=-1)
        return a.reshape(64, 256), b, c.reshape(256, 10), d

    def forward(w: Any, inputs: Any) -> Any:
        a, b, c, d = parts(w)
        return torch.relu(inputs @ a + b) @ c + d

    def one(k: int) -> Any:
        model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
        with torch.no_grad():
            for p, v in zip(model.parameters(), parts(starts[k]), strict=True):
                p.copy_(v.T if v.ndim == 2 else v)
        optimizer = torch.optim.Adam(model.parameters(), lr=net.rate, fused=True)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
        for order in orders[k]:
            for at in order.split(net.batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(x[at]), y[at]).backward()
                optimizer.step()
                schedule.step()
        with torch.no_grad():
            return model(rows).argmax(1)

    def loss(w: Any, inputs: Any, targets: Any) -> Any:
        return torch.nn.functional.cross_entropy(forward(w, inputs), targets)

    gradient = torch.func.vmap(torch.func.grad(loss))

    def many() -> Any:
        w, mean, square, step = starts.clone(), torch.zeros_like(starts), torch.zeros_like(starts), 0
        for epoch in range(net.epochs):
            for at in orders[:, epoch].split(net.batch, dim=1):
                g = gradient(w, x[at], y[at])
                mean.mul_(0.9).add_(g, alpha=0.1)
                square.mul_(0.999).addcmul_(g, g, value=0.001)
                rate = net.rate * (1 - step / steps) / (1 - 0.9 ** (step + 1))
                w.addcdiv_(mean, (square / (1 - 0.999 ** (step + 1))).sqrt_().add_(1e-8), value=-rate)
                step += 1
        return torch.func.vmap(forward, in_dims=(0, None))(w, rows).argmax(2)

    right = [
        float((np.asarray(found) == labels)[:, data.n :].mean())
        for found in (torch.stack([one(k) for k in range(count)]), many())
    ]
    _, test = net.prepare(data)(masks, np.arange(count))
    assert max(abs(r - test.mean()) for r in right) < 0.02
    return [
        Side("torch loop, 1 process", lambda: [one(k) for k in range(count)], count, f"test {right[0]:.4f}"),
        Side("torch.func.vmap, 1 process", many, count, f"test {right[1]:.4f}"),
    ]


ON_GPU: list[tuple[Learner, Learner, int]] = [  # there, here, models
    (KNN(1), KNN(1), 4096),
    (KNN(5), KNN(5), 1024),
    (Ridge(), Ridge(), 4096),
    (KernelRidge(gamma=0.08), KernelRidge(gamma=0.08), 64),
    (RandomFeatures(512, gamma=0.08), RandomFeatures(512, gamma=0.08), 256),
    (Softmax(), Softmax(tolerance=1e-8), 256),
    (MLP(256, epochs=10, rate=0.015), MLP(256, epochs=10, rate=0.015), 256),
    (MLP(256, epochs=10, rate=0.015, precision="mixed"), MLP(256, epochs=10, rate=0.015), 256),
]


@pytest.mark.gpu
@pytest.mark.parametrize(("there", "here", "models"), ON_GPU, ids=lambda v: repr(v))
def test_on_a_gpu(benchmark: Any, there: Learner, here: Learner, models: int) -> None:
    """A GPU against one process of the CPU's kernels: the same predictions, of nets the same accuracy within .2 %."""
    name, data = gpu_or_skip(), digits()
    models = models if FULL else 64
    masks, trials = drawn(models), np.arange(models)
    device, cpu = there.prepare(data, device=arrays.gpu()), here.prepare(data)
    few = slice(0, 64)
    mine, theirs = (np.hstack(trainer(masks[few], trials[few])) for trainer in (device, cpu))
    if isinstance(there, MLP):
        assert abs(mine[:, data.n :].mean() - theirs[:, data.n :].mean()) < 0.002
    else:
        assert np.mean(mine != theirs) <= (0 if isinstance(there, KNN) else 1e-3)
    medians = alternate(
        f"{there!r} on {name}",
        [
            Side("GPU", lambda: device(masks, trials), models, f"test {mine[:, data.n :].mean():.4f}"),
            Side("CPU, 1 process", lambda: cpu(masks[few], trials[few]), 64, f"test {theirs[:, data.n :].mean():.4f}"),
        ],
    )
    benchmark.extra_info["cpu_over_gpu"] = medians["CPU, 1 process"] / medians["GPU"]
    benchmark.extra_info["gpu"] = name
    benchmark.pedantic(lambda: device(masks[few], trials[few]), rounds=3, warmup_rounds=1)
