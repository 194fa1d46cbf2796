"""What a run holds is a function of the job alone: not of workers, order, resume, damage or the range it was asked
for.
"""

import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from empirical.data.data import Data
from empirical.data.examples import Examples
from empirical.designs import Fixed, Orthogonal
from empirical.estimates.measure import of_trials
from empirical.learners import External
from empirical.training.cluster import Cluster
from empirical.training.executors import Processes, executor
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials, joined
from longtail.core import ArgumentError
from longtail.philox import LEARNER, words
from tests.empirical.runs import opened, same
from tests.processes import wait_until


@pytest.mark.kernels
def test_workers_leave_no_trace(job):
    alone = run(job, 70)
    assert alone.count == 70
    assert same(alone, run(job, 70, executor=Processes(2)))
    assert not same(alone, run(replace(job, seed=4), 70))


def test_the_subsets_kept_are_those_trained_on(data):
    """A model that is right exactly where it was trained: its bits are the subsets' own, in every shard."""

    def echo(X, y, subset):
        held = np.isin(np.arange(data.n + data.n_test), subset)
        truth = np.append(data.y_train, data.y_test)
        return np.where(held, truth, (truth + 1) % data.n_classes)

    trials = run(Job(data, External(echo), Fixed(0.7), seed=3, shard=16), 40, first=8)
    assert np.array_equal(trials.inside, trials.train)
    assert trials.number.tolist() == list(range(8, 48))
    assert not trials.test.any()


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_of_the_standard_library_trains_the_same(job, pool):
    with pool(2, **({"mp_context": get_context("spawn")} if pool is ProcessPoolExecutor else {})) as workers:
        found = [run(job, 70, executor=executor(workers, 2)) for _ in range(2)]
    assert all(same(run(job, 70), one) for one in found)


@pytest.mark.kernels
def test_a_resumed_run_has_the_same_bits(job, tmp_path):
    entire = run(job, 100)
    run(job, 40, store=opened(job, tmp_path))
    steps = []
    resumed = run(job, 100, store=opened(job, tmp_path), progress=steps.append)
    assert same(entire, resumed)
    assert steps[0].found == steps[0].done == 40
    assert steps[-1].done == steps[-1].wanted == 100
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    (tmp_path / "shard-000003.npz").unlink()
    run(job, 100, store=opened(job, tmp_path))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("trials", "first"), [(10, 0), (3, 5), (20, 13), (16, 16)])
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_asked_for_is_trained_and_no_more(job, tmp_path, trials, first, workers):
    """Shards are of 16, of which a store keeps parts too; what is asked for has the same bits either way."""
    steps, kept = [], []
    found = run(job, trials, first=first, executor=Processes(workers), progress=steps.append)
    assert found.number.tolist() == list(range(first, first + trials))
    assert (steps[0].done, steps[-1].done, steps[-1].wanted) == (0, trials, trials)
    stored = run(
        job, trials, first=first, executor=Processes(workers), store=opened(job, tmp_path), progress=kept.append
    )
    assert same(found, stored)
    assert kept[-1].done == trials
    assert opened(job, tmp_path).missing(range(first + trials)) == first


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_nobody_is_connected_to_is_refused_before_training():
    with pytest.raises(
        ArgumentError, match=r"executor: got dask; (no client is connected|install longtail's extra dask)"
    ):
        executor("dask")


def test_other_scores_are_kept_as_small_floats(job, tmp_path):
    half = replace(job, score="probability")
    trials = run(half, 32, store=opened(half, tmp_path))
    assert trials.test.dtype == np.float16
    assert set(np.unique(trials.test_scores())) == {0.25, 0.75}
    right = run(job, 32)
    assert np.array_equal(trials.train_scores() > 0.5, right.train_scores())


def huge(X, y, subset):
    """Values to rank by that float16 does not hold."""
    return np.eye(3)[np.arange(len(X)) % 3] * 1e6


@pytest.mark.parametrize("workers", [1, 2])
def test_scores_that_overflow_are_refused_and_float32_holds_them(job, workers):
    big = replace(job, learner=External(huge), score="margin")
    with pytest.raises(ArgumentError, match=r"dtype: got float16, which does not hold a score of 1e\+06; give float32"):
        run(big, 32, executor=Processes(workers))
    if workers == 1:
        assert np.abs(run(replace(big, dtype="float32"), 32).test).max() == 1e6
        with pytest.raises(ArgumentError, match="float16 or float32"):
            run(replace(big, dtype="float64"), 32)


def test_a_killed_worker_is_said_and_what_was_stored_is_kept(job, tmp_path):
    """Each worker trains one shard, and in its next waits for one to be stored before it dies."""
    here, trained = os.getpid(), []

    def mortal(X, y, subset):
        if os.getpid() != here:
            trained.append(1)
            if len(trained) > job.shard and wait_until(lambda: any(tmp_path.glob("shard-*.npz"))):
                os._exit(9)
        return np.full(len(X), y[subset[0]])

    outside = replace(job, learner=External(mortal))
    with pytest.raises(ChildProcessError, match=r"a worker process was killed.* memory .*the same run goes on"):
        run(outside, 160, store=opened(outside, tmp_path), executor=Processes(2))
    assert 0 < len(opened(outside, tmp_path).numbers()) <= 2
    assert same(run(outside, 160, store=opened(outside, tmp_path)), run(outside, 160))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_models_warn_of_is_said_once_and_what_they_print_is_no_result(job, capfd, workers):
    def noisy(X, y, subset, seed):
        for _ in range(3):
            warnings.warn(f"trouble with {seed}", RuntimeWarning, stacklevel=1)
        sys.stdout.write("python")
        os.write(1, b"compiled")
        return np.zeros(len(X), int)

    def some(X, y, subset, seed):
        return noisy(X, y, subset, seed) if seed % 2 else np.zeros(len(X), int)

    outside = replace(job, learner=External(some))
    seeds = [int(words(job.seed, LEARNER, k, 0, 1)[0] >> 1) % 2 for k in range(40)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        run(outside, 40, executor=Processes(workers))
    assert len(caught) == 1
    assert str(caught[0].message).startswith(f"{sum(seeds)} of 40 models: RuntimeWarning: trouble with ")
    out, err = capfd.readouterr()
    assert out == ""
    assert "trouble" not in err
    if workers == 1:
        assert ("python" in err, "compiled" in err) == (True, True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            run(outside, 40)
        assert not caught
        with pytest.raises(ArgumentError, match="RuntimeWarning: trouble"):  # tests' filter makes it an error
            run(outside, 40)


def test_arrays_are_run_whole(data, learner):
    job = Job(data, learner, Orthogonal(0.75, 256), shard=32)
    assert run(job, 256).masks().mean(0) == pytest.approx(0.75, abs=0)
    with pytest.raises(ArgumentError, match="256"):
        run(job, 300)
    with pytest.raises(ArgumentError, match="256"):
        run(job, 256, first=32)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((0,), "models"), ((5, "processes", 0), "workers"), ((5, "x"), "executor"), ((5, run), "executor")],
)
def test_bad_arguments_are_refused_before_training(job, arguments, named):
    with pytest.raises(ArgumentError, match=named):
        run(job, arguments[0], executor=executor(*arguments[1:]))


def test_one_class_is_refused(data, learner):
    flat = Data(data.x_train, np.zeros(60, int), data.x_test, np.zeros(30, int), ("a", "b"))
    with pytest.raises(ArgumentError, match="1 class"):
        run(Job(flat, learner, Fixed(0.7)), 5)


def test_joined_refuses_what_does_not_belong_together():
    one = Trials.of(np.eye(3), np.eye(3), np.eye(3))
    with pytest.raises(ArgumentError, match="twice"):
        _ = one + one
    with pytest.raises(ArgumentError, match="n_test"):
        _ = one + Trials.of(np.eye(3), np.eye(3), np.ones((3, 4)), number=[7, 8, 9])
    both = Trials.of(np.eye(3), np.eye(3), np.eye(3), number=[5, 6, 7]) + one
    assert both.number.tolist() == [0, 1, 2, 5, 6, 7]


def test_columns_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    m, a, b = (rng.random((9, k)) < 0.5 for k in (21, 21, 13))
    trials = Trials.of(m, a, b)
    for s in (slice(0, 21), slice(3, 5), slice(7, 17), slice(8, 8), slice(20, 40)):
        assert np.array_equal(trials.masks_columns(s), m[:, s])
        assert np.array_equal(trials.test_scores(s), b[:, s])
    assert np.array_equal(trials.take([4, 2]).train_scores(), a[[4, 2]])


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore")  # the cluster's own
def test_a_cluster_gives_the_same_bits(job):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        assert Cluster.here().workers == 2
        assert same(run(job, 40, executor=executor("dask")), run(job, 40))


def test_consecutive_trials_are_no_copy_and_any_order_joins_to_the_same() -> None:
    rng = np.random.default_rng(0)
    masks, right = rng.random((9, 13)) < 0.6, rng.random((9, 13)) < 0.5
    every = Trials.of(masks, right, right[:, :5])
    parts = [every.take(slice(k, k + 3)) for k in (0, 3, 6)]
    assert all(np.shares_memory(part.inside, every.inside) for part in parts)
    assert not np.shares_memory(every.take(slice(0, None, 2)).inside, every.inside)
    for order in ((0, 1, 2), (2, 0, 1)):
        assert same(joined([parts[k] for k in order]), every)
    assert of_trials(every, Examples()).fraction == masks.mean()
