"""``python -m empirical.clean --dry-run``: what it says that a run would take, and of what."""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc

import numpy as np
import pytest

from empirical import load
from empirical.command import cleaning, dry
from empirical.data.data import Data
from empirical.data.examples import Examples
from empirical.designs import Folds
from empirical.estimates import issues_stages
from empirical.estimates.issues import issues
from empirical.estimates.issues_stages import Few, IssuesCase, IssuesRates, stages
from empirical.learners import KNN, Softmax
from empirical.training.job import Job
from empirical.training.resources import rehearsal
from empirical.training.run import run as trained
from empirical.training.trials import Trials
from longtail.core.compiled_cpu import compiling
from tests.empirical.clouds import RUN, called, written


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Three clouds, 12 labels of them wrong."""
    return written(tmp_path_factory.mktemp("clouds") / "clouds.csv")


def test_a_dry_run_says_what_it_takes_and_writes_nothing(capsys, table, tmp_path, monkeypatch):
    monkeypatch.setattr(cleaning, "started", lambda *_: 0.5)
    ask = (table[0], "--id", "name", "--out", tmp_path / "out", "--dry-run", *RUN)
    code, out, _ = called(capsys, *ask, "--json", "--test-labels")
    assert code == 0
    told = json.loads(out)
    case = {name: told["case"][name] for name in ("n", "n_test", "classes", "models", "features")}
    assert case == {"n": 144, "n_test": 36, "classes": 3, "models": 10, "features": 4}
    named = {stage["name"]: stage for stage in told["stages"]}
    assert [*named] == ["start", "read", "forecast", "train", "store", "chances", "nearest", "write"]
    assert all(stage["seconds"] > 0 for stage in told["stages"])
    assert (named["start"]["seconds"], named["read"]["operations"], named["write"]["operations"]) == (0.5, 180, 180)
    code, out, _ = called(capsys, *(one for one in ask if one not in ("--out", tmp_path / "out")))
    assert code == 0
    assert "144 training examples, 3 classes, 10 models; nothing was written" in out
    assert "Figures" not in out
    assert "\nwrite" not in out  # of no folder
    assert not list(tmp_path.iterdir())
    code, _, err = called(capsys, "--run", tmp_path, "--dry-run")
    assert (code, "leave one of both out" in err) == (2, True)


def test_a_dry_run_trains_a_slow_learner_no_oftener_than_it_must(capsys, table, monkeypatch):
    """One model whose time is told, and the two that stages are timed on, whatever the shard is."""
    trained: list[int] = []
    kept = Job.trainer

    def counting(job):
        trainer = kept(job)

        class Counted:
            batch, warned = trainer.batch, trainer.warned

            def __call__(self, masks, numbers):
                trained.append(len(numbers))
                return trainer(masks, numbers)

        return Counted()

    monkeypatch.setattr(Job, "trainer", counting)
    monkeypatch.setattr(cleaning, "started", lambda *_: 0.5)
    monkeypatch.setattr("empirical.training.resources.PATIENCE", 0.0)
    monkeypatch.setattr(cleaning, "LONG", 0.0)
    code, out, err = called(capsys, table[0], "--id", "name", "--dry-run", "--shard", "1", "--json", *RUN)
    assert (code, err, trained) == (0, "", [1, 2])
    assert np.isfinite([stage["seconds"] for stage in json.loads(out)["stages"]]).all()


def test_what_compiling_took_is_taken_off_by_the_same_clock(table, monkeypatch):
    """Of a processor that is shared it takes fewer seconds than pass."""

    class Slow:
        batch = 1

        def __call__(self, masks, numbers):
            compiling.seconds += 60.0
            np.sort(np.arange(10**5) % 7919)

    job = Job(load(str(table[0]), id="name").data, Softmax(), Folds(2), score="probabilities")
    monkeypatch.setattr(Job, "trainer", lambda _: Slow())
    monkeypatch.setattr(compiling, "seconds", 0.0)
    assert rehearsal(job, 1, 1, time.process_time) > 0
    assert rehearsal(job, 1, 1) < 0


def test_few_take_the_memory_of_what_they_keep(monkeypatch):
    """Not of all examples times all models."""
    n, models = 4000, 200
    y = np.arange(n) % 5
    masks = np.packbits(np.stack([y < 2, y >= 2]), axis=1)
    said = np.zeros((2, n * 5), np.float16)
    data = Data(np.zeros((n, 1), np.float32), y, np.zeros((1, 1), np.float32), y[:1], tuple(range(5)))
    monkeypatch.setattr(issues_stages, "ROWS", 50)
    tracemalloc.start()
    Few.of(Trials(n, 1, np.arange(2), masks, said, said[:, :5], "probabilities"), data, models)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * models / 4  # a byte of each alone would be four times this


def test_stages_are_timed_on_what_the_models_of_the_run_say(table, monkeypatch):
    """Of all models the few are the run itself: the same chances, and the nearest sought of as many; of fewer models and of a
    sample about as many.
    """
    data = load(str(table[0]), id="name").data
    job = Job(data, KNN(1), Folds(3), score="predicted", shard=30)
    trials = trained(job, 30)
    whole = issues(trials, Examples(data.y_train, data.y_test, data.classes), data.x_train)
    for most in (1000, 20):  # of whom the nearest is sought besides the memorized
        monkeypatch.setattr(issues_stages, "SHOWN", most)
        monkeypatch.setattr("empirical.estimates.issues.SHOWN", most)
        found = issues(trials, Examples(data.y_train, data.y_test, data.classes), data.x_train)
        few = Few.of(trials, data, 30)
        np.testing.assert_array_equal(few.issues[0].table["chance"], whole.table["chance"])
        assert few.asked(data.n) == found.table["nearest"].notna().sum()
    every = few.asked(data.n)
    assert every > 20  # some are memorized
    few = Few.of(trials.take(slice(0, 3)), data, 30)
    assert (few.trials.count, few.trials.n, few.trials.masks().mean()) == (30, 144, pytest.approx(2 / 3))
    assert few.asked(data.n) == pytest.approx(every, rel=0.4)
    monkeypatch.setattr(issues_stages, "ROWS", 72)
    half = Few.of(trials, data, 30, tests=True)
    assert (half.trials.n, [len(one.table) for one in half.found()]) == (72, [72, 36])
    assert half.asked(data.n) == pytest.approx(every, rel=0.4)
    few = Few.of(trials.take(slice(0, 2)), data, 30)  # the third part was seen by both: nothing is known of it
    assert few.trials.n == 72
    assert not few.issues[0].table["chance"].isna().any()


def test_the_nearest_are_timed_on_as_many_pairs_as_are_compared(table, monkeypatch):
    from empirical.estimates import rivals

    data = load(str(table[0]), id="name").data
    few = Few.of(trained(Job(data, Softmax(), Folds(2), score="probabilities", shard=4), 4), data, 4)
    work, pairs = few.nearest()
    seen: list[int] = []
    kept = rivals._nearest

    def counting(x, asked, left_out):
        seen.append(len(x) * len(asked))
        return kept(x, asked, left_out)

    monkeypatch.setattr(rivals, "_nearest", counting)
    work()
    assert sum(seen) == pairs == 144 * (144 + 144)


def test_the_page_is_written_once_and_tables_grow(monkeypatch):
    parts = iter([(None, 3.0), (None, 0.5)])
    monkeypatch.setattr(cleaning, "timed", lambda work: next(parts))
    assert cleaning._writing(None, argparse.Namespace(no_plot=False), 5.0) == 3 + 4 * 0.5


def test_a_process_that_starts_is_another():
    clock = iter([2.0, 5.0])
    assert dry.timed(lambda: "done", lambda: next(clock)) == ("done", 3.0)
    module = "no_module_of_this_name_was_imported"
    sys.modules[module] = sys  # a new process does not know it
    try:
        assert np.isnan(dry.started(module))
    finally:
        del sys.modules[module]


def test_a_process_that_starts_does_not_look_where_one_works(monkeypatch, tmp_path):
    """Nor does what its modules print end the command."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "planted_there.py").touch()
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "talkative.py").write_text("print('12 words')")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [*(part for part in sys.path if part), str(tmp_path / "path")])
    assert np.isnan(dry.started("planted_there"))
    assert dry.started("talkative") > 0
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nobody"))
    assert np.isnan(dry.started("json"))


def test_what_is_counted_is_what_is_kept(tmp_path, capsys, table):
    job = Job(load(str(table[0]), id="name").data, Softmax(), Folds(3), score="probabilities", shard=6)
    case = IssuesCase(144, 36, 3, 6, 3 * job.kind.itemsize, 4)
    shard = job.train(job.trainer(), 0)
    assert stages(case)[1].bytes == shard.train.nbytes + shard.test.nbytes
    assert stages(case)[2].operations == shard.train.size + shard.test.size
    assert stages(case)[3].operations == 2 * 4 * 144 * case.compared
    assert case.compared == 144 + 144 + 36 + 144
    twice = IssuesRates(2.0, 0.0, 0.5, 1e-6)
    assert [one.seconds for one in stages(case, twice)] == pytest.approx([12, 0, 90, 1e-6 * 144 * case.compared])
