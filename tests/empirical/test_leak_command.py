"""``python -m empirical.leak``: what it prints and writes, what it refuses, and the report of a run with margins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from empirical import compare, estimate, leak
from empirical.data.examples import Examples
from empirical.estimates.leak.leak import leak as leaked
from empirical.estimates.measure import measure
from empirical.learners import DPSGD, PrivateSoftmax
from empirical.report import leak_text
from empirical.report.leak_figures import leak_figure
from empirical.training.stored import stored
from longtail.core import ArgumentError
from longtail.core.sealed import FILES, SEAL
from tests.drawn import points
from tests.empirical.attacked import gaussian

ARGUMENTS = (
    "planted",
    "--n",
    "150",
    "--trials",
    "100",
    "--shard",
    "16",
    "--learner",
    "ridge",
    "--quiet",
    "--first",
    "24",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with margins, its report included."""
    folder = tmp_path_factory.mktemp("margins")
    assert estimate.main([*ARGUMENTS, "--score", "margin", "--out", str(folder)]) == 0
    return folder


def called(capsys, *arguments):
    code = leak.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_says_and_writes_what_leaks(capsys, run, tmp_path):
    code, out, _ = called(capsys, run, "--json", "--out", tmp_path, "--quiet")
    assert code == 0
    printed, kept = json.loads(out), json.loads((tmp_path / "leak.json").read_text())
    assert printed.items() <= kept.items()
    assert (printed["models"], printed["n"]) == (100, 150)
    assert printed["members"] + printed["others"] == 100 * 150
    assert {row["attack"] for row in printed["rates"]} == {"own", "pooled", "margin"}
    assert printed["rates"][1]["true_rate"] > printed["rates"][1]["false_rate"] == 0.01
    assert printed["rates"][2]["true_rate"] is None  # 4,500 others do not tell one in a thousand
    assert printed["bins"][0]["caught"] is None
    table, rates, curve = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("leak", "leak_rates", "leak_curve"))
    assert list(table.columns[:4]) == ["index", "label", "memorization", "risk"]
    np.testing.assert_allclose(table["risk"].mean(), printed["mean_risk"], rtol=1e-6)
    assert len(rates) == 9
    assert set(curve["attack"]) == {"own", "pooled", "margin"}
    assert (tmp_path / "leak.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(tmp_path.rglob(".*"))
    code, out, _ = called(capsys, run, "--quiet")
    assert code == 0
    assert "planted" in out.splitlines()[0]
    assert "likelihood ratio, pooled variances" in out
    assert "confidence" in out


def test_trials_come_back_as_they_were(run):
    trials = stored(run / "trials", 100, first=24)
    assert trials.number.tolist() == list(range(24, 124))
    table = pd.read_csv(run / "memorization.csv")
    again = measure(trials, Examples()).memorization
    for name in ("memorization", "in_accuracy", "risk", "n_in"):
        np.testing.assert_allclose(table[name], again[name], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(table["risk"], leaked(trials).examples["risk"], rtol=1e-8)
    with pytest.raises(ArgumentError, match=r"run: got .* shards are missing or damaged; run the same"):
        stored(run / "trials", 10**12)


def test_stratified_subsets_are_drawn_by_the_classes_of_the_data(capsys, tmp_path):
    arguments = [*ARGUMENTS, "--score", "margin", "--stratified", "--no-plot", "--out", str(tmp_path)]
    assert estimate.main(arguments) == 0
    capsys.readouterr()
    code, out, _ = called(capsys, tmp_path, "--json", "--quiet")
    assert code == 0
    table = pd.read_csv(tmp_path / "memorization.csv")
    np.testing.assert_allclose(json.loads(out)["mean_risk"], table["risk"].mean(), rtol=1e-6)
    assert json.loads(out)["audit"]["neighbors"] == "one replaced"


def test_a_run_with_margins_has_a_report_with_what_leaks(run):
    text = (run / "report.html").read_text(encoding="utf-8")
    assert 'id="leak"' in text
    assert "can say of" in text
    assert text.count("<figure") == 9  # five of theory, two of influence, two of what leaks
    table = pd.read_csv(run / "memorization.csv")
    assert "risk" in table


def test_a_run_without_margins_has_no_risk_and_says_which_score(capsys, tmp_path):
    assert estimate.main([*ARGUMENTS, "--no-plot", "--out", str(tmp_path)]) == 0
    assert "risk" not in pd.read_csv(tmp_path / "memorization.csv")
    capsys.readouterr()
    code, out, err = called(capsys, tmp_path, "--out", tmp_path / "new")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--score margin" in err
    assert not (tmp_path / "new").exists()


def test_models_trained_elsewhere_may_come_as_a_file(capsys, tmp_path):
    trials = gaussian(0, 80, 30, 1.0)
    file = tmp_path / "models.npz"
    parts = {"masks": trials.masks(), "correct_train": trials.train, "correct_test": trials.test}
    np.savez(
        file, **parts, y_train=np.arange(30) % 2, y_test=np.array([0]), train_ids=np.array([f"x{k}" for k in range(30)])
    )
    code, out, err = called(capsys, file, "--out", tmp_path)
    assert code == 0
    assert "no ε is proved" in err
    assert "confidence" not in out
    table = pd.read_csv(tmp_path / "leak.csv")
    assert table["id"].tolist() == [f"x{k}" for k in range(30)]
    np.testing.assert_allclose(table["risk"], leaked(trials).examples["risk"], rtol=1e-8)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["{empty}"], "not the folder of a run"),
        (["{empty}/none.npz"], "none.npz"),
        (["{run}", "--delta", "1"], "--delta: got 1.0; give a number in"),
        (["{run}", "--delta", "-0.1"], "--delta: got -0.1"),
        (["{broken}"], "RUN: got .* shards are missing or damaged"),
        (["{foreign}"], "design: got .*none of ours"),
        (["{odd}"], "RUN: got .*, of scores in complex64; "),
        (["{many}"], "models: got .*whole number|--trials: got .*whole number"),
        (["{nan}"], "train: got values that are NaN or infinite"),
    ],
)
def test_bad_input_is_one_line(capsys, run, tmp_path, change, says):
    places = {name: tmp_path / name for name in ("empty", "broken", "foreign", "odd", "many", "nan")} | {"run": run}
    places["empty"].mkdir()
    asked = change[0].strip("{}")
    if asked in ("broken", "foreign", "odd", "many", "nan"):
        shutil.copytree(run, places[asked])
    shard = places[asked] / "trials" / "shard-000003.npz" if asked in places else None
    if asked == "broken":
        shard.write_bytes(b"PK no")
    if asked == "nan":
        with np.load(shard) as held:
            arrays = dict(held)
        arrays["train"][2, 5] = np.nan
        np.savez(shard, **arrays)
    for name, file, odd in (
        ("foreign", "trials/identity.json", {"design": "os.system('true')"}),
        ("odd", "trials/identity.json", {"dtype": "complex64"}),
        ("many", "summary.json", {"trials": 10**18}),
    ):
        if asked == name:
            path = places[name] / file
            told = {key: value for key, value in json.loads(path.read_text()).items() if key not in (SEAL, FILES)}
            path.write_text(json.dumps(told | odd))
    code, out, err = called(capsys, *(part.format(**places) for part in change), "--out", tmp_path / "new", "--quiet")
    assert (code, out) == (2, "")
    lines = err.strip().splitlines()
    assert lines[-1].startswith("python -m empirical.leak: error: ")
    assert pd.Series(lines[-1]).str.contains(says).all(), lines
    assert not (tmp_path / "new").exists()


def test_compare_still_asks_for_right_and_wrong(capsys, run):
    assert compare.main([str(run)]) == 2
    assert "--score correct" in capsys.readouterr().err


@pytest.mark.parametrize("learner", [DPSGD(width=0, epochs=2, noise=1.0), PrivateSoftmax(epsilon=2.0)])
def test_what_a_private_learner_proves_lies_below_its_accountant(capsys, tmp_path, learner):
    pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")
    arguments = [
        "planted",
        "--n",
        "120",
        "--trials",
        "64",
        "--learner",
        repr(learner),
        "--design",
        "bernoulli",
        "--quiet",
    ]
    assert estimate.main([*arguments, "--score", "margin", "--no-plot", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    code, out, _ = called(capsys, tmp_path, "--json", "--quiet")
    found = json.loads(out)
    assert code == 0
    assert found["audit"]["delta"] == found["privacy"]["delta"]
    assert 0 <= found["audit"]["epsilon"] < found["privacy"]["epsilon"]
    code, out, _ = called(capsys, tmp_path, "--quiet")
    assert "Its accountant says" in out


def test_words_and_figures_of_few_models():
    found = leaked(gaussian(0, 12, 10, 1.0))
    assert "Too few models" in leak_text.headline(found)
    assert "unknown" in leak_text.report(found, "few")
    assert "unknown" in leak_text.bins(found).to_string()


def test_the_figure_shows_the_tables():
    frames = leaked(gaussian(0, 200, 30, 1.0)).frames
    left, right = leak_figure(frames, "two hundred").axes
    curve, rates, bins = frames["leak_curve"], frames["leak_rates"], frames["leak_bins"]
    for attack, label in (("own", "likelihood ratio"), ("margin", "the margin alone")):
        mine = curve[curve["attack"] == attack]
        area = rates.loc[rates["attack"] == attack, "area"].iloc[0]
        np.testing.assert_array_equal(points(left, f"{label}, area {area:.3f}"), mine[["false_rate", "true_rate"]].T)
    np.testing.assert_array_equal(points(right, "an example"), frames["leak"][["memorization", "risk"]].T)
    np.testing.assert_array_equal(points(right, "mean risk of a bin (95 %)"), bins[["memorization", "risk"]].T)


def test_it_is_a_command_of_longtail(run):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    }
    done = subprocess.run(
        [sys.executable, "-m", "empirical.leak", str(run), "--json", "--quiet"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert json.loads(done.stdout)["models"] == 100
    assert done.stderr == ""
