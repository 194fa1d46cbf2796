"""Removal: retraining where the outcome is known, errors that cover it, near-duplicates found; consistency of runs."""

from __future__ import annotations

import json
import os
import shlex

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from empirical import estimate, remove
from empirical.bridge import comparison
from empirical.bridge.comparison import Comparison
from empirical.command.reporting import is_made, tried
from empirical.data.data import Data, makes_data
from empirical.data.dataset import Dataset
from empirical.data.sources.planted import planted
from empirical.data.sources.text import worded
from empirical.estimates.kept import read
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.overlap import by_chance, consistency, jaccard
from empirical.estimates.removal import at_random, near_duplicates, paired, removal
from empirical.learners import KNN
from empirical.report import numbers
from empirical.report.page import write
from longtail import ArgumentError, Problem, Zipf
from longtail.experiment.coupling import Fixed
from longtail.experiment.predictions import removal as predict
from longtail.philox import REMOVAL, words

HERE = "tests.empirical.test_removal"
FITTED: dict[str, Comparison] = {}


@pytest.fixture(scope="module")
def known():
    return planted(Zipf(alpha=1, size=1500), 1500, 3000, seed=4)


def test_loss_on_planted_data_is_what_theory_predicted(known):
    """Nearest neighbors on planted clusters are a lookup table: λ = 1. z = 5 with the error from T's own chance added."""
    table = removal(
        known.data, KNN(), known.truth["memorization"], (0.2, 0.5), seeds=3, duplicates=np.zeros(3000, bool)
    )
    problem = Problem(Zipf(alpha=1, size=1500), 1500, 10)
    theory = predict(problem, Fixed(1.0), (0.2, 0.5))
    for row, expected in zip(table.itertuples(), theory.itertuples(), strict=True):
        assert row.removed == (known.truth["memorization"] >= row.threshold).sum()
        chance = 0.15 * expected.lost  # frequencies are random: what is seen once holds a mass that moves by as much
        assert abs(row.lost - expected.lost) < 5 * row.lost_stderr + chance
        assert abs(row.lost_random - expected.lost_random) < 5 * row.lost_random_stderr + 0.15 * expected.lost_random
        assert row.lost_more > 5 * row.lost_more_stderr  # the memorized are worth more than as many others


def test_negative_control_removing_what_is_not_memorized_costs_what_chance_does(known):
    shuffled = np.random.default_rng(0).permutation(known.truth["memorization"])
    table = removal(known.data, KNN(), shuffled, (0.5,), seeds=5, duplicates=np.zeros(3000, bool))
    assert abs(table["lost_more"].iloc[0]) < 5 * table["lost_more_stderr"].iloc[0]


def test_as_many_at_random_are_the_same_on_any_machine_and_everybody_as_often():
    """Of 2,000 seeds a third of thirty examples each, z = 5 on how often one is out and two are; those of a smaller number are
    among those of a larger. Always the first ten are off (negative control).
    """
    out = np.array([at_random(30, 10, 7, s) for s in range(2000)])
    assert (out.sum(1) == 10).all()
    assert (out <= np.array([at_random(30, 12, 7, s) for s in range(2000)])).all()
    assert (out != np.array([at_random(30, 10, 8, s) for s in range(2000)])).any()
    together = out.T.astype(float) @ out / 2000
    expected = np.where(np.eye(30) > 0, 1 / 3, (10 / 30) * (9 / 29))
    z = np.abs(together - expected) / np.sqrt(expected * (1 - expected) / 2000)
    assert z.max() < 5
    first = np.outer(np.arange(30) < 10, np.arange(30) < 10)
    assert (np.abs(first - expected) / np.sqrt(expected * (1 - expected) / 2000)).max() > 5
    keys = [word_pair(7, REMOVAL, 3, i) for i in range(30)]  # word by word, as any other program would
    assert np.flatnonzero(at_random(30, 10, 7, 3)).tolist() == sorted(sorted(range(30), key=keys.__getitem__)[:10])


def word_pair(seed, stream, trial, i):
    """The 53 bits that are the i-th key."""
    high, low = (int(w) for w in words(seed, stream, trial, 2 * i, 2))
    return (high << 32 | low) >> 11


def test_error_of_a_paired_difference_covers():
    """Differences with a part per seed and a part per example, seed 7: mean z² near 1, never far below."""
    rng = np.random.default_rng(7)
    z = []
    for _ in range(200):
        draws = 0.02 * rng.normal(size=(8, 1)) + 0.3 * rng.normal(size=(1, 100)) + rng.normal(size=(8, 100))
        value, stderr = paired(draws)
        z.append(value / stderr)
    assert abs(np.mean(z)) < 5 / np.sqrt(200)
    assert 0.5 < np.mean(np.square(z)) < 1.3  # what a seed's average owes to single examples is in both parts


@pytest.mark.parametrize("axis", [0, 1], ids=["seeds", "tests"])
def test_error_of_a_paired_difference_has_both_parts(axis):
    """All the spread between seeds, or all of it between test examples: each alone makes the error."""
    value = np.random.default_rng(3).normal(size=12)
    draws = np.broadcast_to(value[:, None] if axis == 0 else value[None, :], (12, 12))
    assert paired(draws) == pytest.approx((value.mean(), value.std(ddof=1) / np.sqrt(12)))


def test_copies_of_training_examples_are_near_duplicates():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(400, 20)).astype(np.float32), rng.normal(size=(50, 20)).astype(np.float32)
    z[:10] = x[:10] + 1e-3
    y = rng.integers(0, 3, 450)
    near = near_duplicates(Data(x, y[:400], z, y[400:], ("a", "b", "c")))
    assert near[:10].all()
    assert near[10:].mean() < 0.3


def test_near_duplicates_of_texts_and_of_what_has_no_distance():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    x = [" ".join(f"w{v}" for v in rng.integers(0, 40, 8)) for _ in y]
    texts = [*x[:5], *(" ".join(f"w{v}" for v in rng.integers(0, 40, 8)) for _ in range(55))]
    for kind in (list, np.array):
        near = near_duplicates(Data(kind(x), y, kind(texts), y, ("a", "b")))
        assert np.flatnonzero(near).tolist() == [0, 1, 2, 3, 4]
    for part in (sparse.eye_array(60).tocsr(), pd.DataFrame({"word": x})):
        assert not near_duplicates(Data(part, y, part, y, ("a", "b"))).any()


def test_questions_that_differ_in_a_rare_word_are_no_near_duplicates():
    """TF-IDF drops words of one text only, and takes such questions for one; it stands beside the texts, as a file's does."""
    x = [f"Who was {name} ?" for name in ("Monet", "Galileo", "Bach", "Ampere")] * 3
    z = ["Who was Kepler ?", "who was Bach", "Who was Monet ?", "Was Galileo who ?"]
    y = np.zeros(len(x), int)
    data, _ = worded(y, y[: len(z)], ("a",), x, z)
    assert near_duplicates(data).tolist() == [False, True, True, True]


def test_no_loss_seen_is_not_no_loss():
    """0 ± 0 is never said: of 300 answers that did not change, up to 1.3 % may."""
    row = pd.Series({"lost": 0.0, "lost_stderr": 0.0, "tests": 300})
    assert numbers.observed(row, "lost") == "0.0 ± 1.3 points"
    assert numbers.observed(pd.Series({**row, "tests": 10_000}), "lost") == "0.0 ± 0.04 points"
    assert numbers.observed(pd.Series({"lost": 0.01, "lost_stderr": 0.005, "tests": 300}), "lost") == "1.0 ± 1.0 points"


def test_sets_with_and_without_duplicates(known):
    near = np.zeros(3000, bool)
    near[:100] = True
    table = removal(known.data, KNN(), known.truth["memorization"], (0.5,), seeds=2, duplicates=near)
    assert dict(zip(table["set"], table["tests"], strict=True)) == {"all": 3000, "no duplicates": 2900}


def test_nothing_left_to_train_on_is_refused(known):
    with pytest.raises(ArgumentError, match="threshold"):
        removal(known.data, KNN(), np.ones(1500), (0.5,))
    with pytest.raises(ArgumentError, match="memorization"):
        removal(known.data, KNN(), np.ones(3), (0.5,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run on digits, as estimate writes it."""
    out = tmp_path_factory.mktemp("digits")
    assert estimate.main(["digits", "--trials", "64", "--no-plot", "--quiet", "--out", str(out)]) == 0
    return out


@pytest.fixture
def one_family(monkeypatch):
    """Only Zipf with one λ is fitted, and to each run once: which prior is best is not what is asked."""
    compare = comparison.compare

    def quick(observed, *, couplings, simulations):
        if observed.mark not in FITTED:
            FITTED[observed.mark] = compare(observed, ("Zipf",), ("fixed",), simulations=simulations)
        return FITTED[observed.mark]

    monkeypatch.setattr("empirical.bridge.comparison.compare", quick)


def test_command_prints_what_was_lost_with_and_without_near_duplicates(folder, one_family, capsys):
    capsys.readouterr()
    arguments = ["--threshold", "0.5", "--seeds", "2", "--simulations", "5", "--quiet"]
    assert remove.main([str(folder), *arguments]) == 0
    table, words = capsys.readouterr().out.split("\n\n")
    head, *rows = table.splitlines()
    assert words.startswith("Lost: test accuracy lost by training without")
    assert head.split()[:3] == ["set", "tests", "threshold"]
    assert [row.split("0.5000")[0].rsplit(maxsplit=1)[0].strip() for row in rows] == ["all", "no duplicates"]
    table = pd.read_csv(folder / "removal.csv")
    assert table["set"].tolist() == ["all", "no duplicates"]
    assert (folder / "removal_predicted.csv").is_file()
    run = read(folder)
    assert tried(run, folder)[0] is not None
    for name in ("removal.csv", "removal_predicted.csv", "removal.json"):
        good = (folder / name).read_text()
        (folder / name).write_text(good.replace("0.5" if name.endswith("csv") else "KNN", "0.6", 1))
        with pytest.raises(ArgumentError, match=f"{name} is not as it was written"):
            tried(run, folder)
        (folder / name).write_text(good)
    (folder / "removal.json").unlink()  # as of before
    assert tried(run, folder)[0] is not None


def test_prediction_that_nothing_came_of_is_joined_to_nothing_older(folder, one_family, monkeypatch):
    """Stopped while it retrains another learner: what an earlier removal found is not what this one foretold."""
    arguments = [str(folder), "--seeds", "2", "--simulations", "5", "--quiet"]
    assert remove.main([*arguments, "--threshold", "0.5"]) == 0
    found, told = (pd.read_csv(folder / f"{name}.csv") for name in ("removal", "removal_predicted"))
    run = read(folder)
    record = {"learner": ["KNN(k=1)"], "seed": [0], "run": [run.mark]}
    assert [table[list(record)].drop_duplicates().to_dict("list") for table in (found, told)] == [record, record]
    assert tried(run, folder)[1] is not None
    (folder / "report.html").touch()
    os.utime(folder / "report.html", ns=(1, 1))

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("empirical.estimates.removal.removal", stop)
    assert remove.main([*arguments, "--threshold", "0.05", "--learner", "ridge"]) == 130
    assert pd.read_csv(folder / "removal_predicted.csv")["learner"].tolist() == ["Ridge(penalty=1.0)"]
    assert tried(run, folder) == (None, None)
    assert not is_made(folder)
    os.utime(folder / "report.html")
    assert is_made(folder)


def by_word(X, y, subset):
    """A learner of texts: the class whose training texts share the most words with each."""
    words = [set().union(*(X[i].split() for i in subset if y[i] == k)) for k in range(y.max() + 1)]
    return np.array([np.argmax([len(known & set(text.split())) for known in words]) for text in X])


@makes_data
def questions(seed=0):
    """150 texts as they are, of six words each; the first ten test examples are training examples again."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 150)
    x = [" ".join(f"w{v}" for v in rng.integers(60 * k, 60 * k + 200, 6)) for k in y]
    x[120:130], y[120:130] = x[:10], y[:10]
    return Dataset("questions", Data(x[:120], y[:120], x[120:], y[120:], ("a", "b")))


@pytest.mark.parametrize(
    ("data", "learner"),
    [("digits", "sklearn.naive_bayes.GaussianNB()"), (f"{HERE}.questions", f"{HERE}.by_word")],
    ids=["scikit-learn", "function, texts"],
)
def test_learners_from_outside_are_trained_again(tmp_path, one_family, capsys, data, learner):
    """The run's own, named again as they were asked for: what the record names is not imported."""
    run = ["--learner", learner, "--trials", "32", "--no-plot", "--quiet", "--out", str(tmp_path)]
    assert estimate.main([data, *run]) == 0
    arguments = [str(tmp_path), "--threshold", "0.9", "--seeds", "2", "--simulations", "5", "--quiet"]
    for name, own in (("data", data), ("learner", learner)):
        if own == "digits":
            continue
        assert remove.main(arguments) == 2
        verb, kind = ("are", "they are") if name == "data" else ("is", "it is")
        said = f"the run's {name} {verb} {own}: give --{name} {shlex.quote(own)} to say {kind} yours"
        assert said in capsys.readouterr().err
        arguments += [f"--{name}", own]
    assert remove.main(arguments) == 0
    table = pd.read_csv(tmp_path / "removal.csv")
    assert table["set"].tolist() == ["all", "no duplicates"]
    if data != "digits":
        assert table["tests"].tolist() == [30, 20]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seeds", "0"], "--seeds: got 0"),
        (["--seeds", "1"], "--seeds: got 1"),
        (["--seed", "-1"], "--seed: got -1"),
        (["--simulations", "0"], "--simulations: got 0"),
        (["--threshold", "nan"], "--threshold: got nan"),
        (["--threshold", "0"], "--threshold: got 0.0"),
        (["--threshold", "0.5", "--threshold", "1.2"], "--threshold: got 1.2"),
        (["--learner", "knn(k=0)"], "k"),
    ],
    ids=str,
)
def test_command_refuses_before_it_writes(folder, capsys, arguments, named):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert remove.main([str(folder), *arguments, "--quiet"]) == 2
    assert named in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_models_trained_elsewhere_cannot_be_removed_from(tmp_path, capsys):
    rng = np.random.default_rng(0)
    masks = rng.random((60, 120)) < 0.7
    np.savez(tmp_path / "m.npz", masks=masks, correct_train=masks, correct_test=rng.random((60, 9)) < 0.5)
    arguments = ["--masks", str(tmp_path / "m.npz"), "--labels", "2", "--no-plot", "--out", str(tmp_path / "run")]
    assert estimate.main([*arguments, "--quiet"]) == 0
    capsys.readouterr()
    assert remove.main([str(tmp_path / "run"), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "no data set to retrain on" in said
    assert "pictures" not in said


@pytest.mark.parametrize("rows", [60, 40, 80], ids=["other labels", "fewer", "more"])
@pytest.mark.parametrize("old", [False, True])
def test_data_that_changed_since_the_run_are_refused_or_not_shown(tmp_path, one_family, capsys, caplog, rows, old):
    rng = np.random.default_rng(0)
    source, out = tmp_path / "t.npz", tmp_path / "run"

    def save(n):
        x, y = rng.normal(size=(n, 3)), rng.integers(0, 2, n)
        np.savez(source, X_train=x, y_train=y, X_test=x[:30], y_test=y[:30])

    save(60)
    assert estimate.main([str(source), "--trials", "32", "--no-plot", "--quiet", "--out", str(out)]) == 0
    if old:  # as runs were written whose summary had no digest
        summary = json.loads((out / "summary.json").read_text())
        del summary["digest"], summary["checksum"], summary["files"]
        (out / "summary.json").write_text(json.dumps(summary))
    assert read(out).dataset().data.n == 60
    save(rows)
    assert remove.main([str(out), "--quiet"]) == 2
    assert "its data have changed since the run" in capsys.readouterr().err
    assert not (out / "removal_predicted.csv").exists()
    with caplog.at_level("INFO"):
        page = write(Comparison(read(out), ()), tmp_path / "report.html")
    assert "no pictures in the report" in capsys.readouterr().err
    assert page.is_file()


def observed(memorization: np.ndarray, pairs: list[tuple[int, int]]) -> Measured:
    table = pd.DataFrame({"index": np.arange(len(memorization)), "memorization": memorization})
    left, right = zip(*pairs, strict=True)
    pairs_table = pd.DataFrame({"train_index": left, "test_index": right})
    return Measured(Experiment("x", 9, 100, 0.7, 10), table, pairs_table)


def test_consistency_counts_what_two_runs_share():
    rng = np.random.default_rng(1)
    x = rng.random(2000)
    y = np.clip(x + 0.2 * rng.normal(size=2000), 0, 1)
    row = consistency({"a": observed(x, [(1, 2), (3, 4)]), "b": observed(y, [(3, 4), (5, 6)])}).iloc[0]
    both, either = ((x >= 0.25) & (y >= 0.25)).sum(), ((x >= 0.25) | (y >= 0.25)).sum()
    assert row["memorized_jaccard"] == both / either
    assert row["pairs_jaccard"] == 1 / 3
    order = [np.argsort(np.argsort(v)) for v in (x, y)]
    assert row["rank_correlation"] == pytest.approx(np.corrcoef(*order)[0, 1], abs=0.01)
    assert 0 < row["rank_correlation_stderr"] < 0.05
    unrelated = consistency({"a": observed(x, [(1, 2)]), "b": observed(rng.permutation(x), [(3, 4)])}).iloc[0]
    assert abs(unrelated["rank_correlation"]) < 5 * unrelated["rank_correlation_stderr"]
    assert unrelated["memorized_jaccard"] == pytest.approx(
        unrelated["memorized_jaccard_by_chance"], abs=5 * unrelated["memorized_jaccard_stderr"]
    )


def test_overlap_of_independent_sets():
    rng = np.random.default_rng(2)
    a, b = rng.random(200_000) < 0.3, rng.random(200_000) < 0.6
    assert jaccard(a, b) == pytest.approx(by_chance(0.3, 0.6), abs=0.01)
