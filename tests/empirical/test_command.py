"""``python -m empirical.estimate``: what it writes, what it refuses, and that it survives being killed."""

import io
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from empirical import estimate
from empirical.estimate import main
from empirical.report import run_figures as plots
from empirical.training.progress import Bar
from empirical.training.run import Progress
from empirical.training.shard import Shard
from longtail.core.files import DiskFull
from tests.empirical.commanded import SMALL, run

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMED = ("index", "label", "memorization", "stderr", "in_accuracy", "out_accuracy")
PAIRS = ("train_index", "test_index", "label", "influence", "stderr")
SUMMARY = {
    *("n", "n_test", "trials", "fraction", "design", "learner", "seed", "mean_memorization", "share_above_0.25"),
    *("pairs_above_0.15", "test_accuracy", "models_per_second", "seconds"),
}


def test_it_writes_what_it_says(capsys, tmp_path):
    code, out, err = run(capsys, "digits", "--trials", 128, "--out", tmp_path, "--json")
    assert code == 0
    printed = json.loads(out)
    assert set(printed) >= SUMMARY
    table, pairs = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("memorization", "pairs"))
    assert tuple(table.columns[:6]) == NAMED
    assert set(PAIRS) <= set(pairs.columns)
    assert len(table) == 1500
    assert len(pairs) == printed["pairs_above_0.15"] > 0
    assert printed["mean_memorization"] == pytest.approx(table["memorization"].mean())
    assert (pairs["influence"] >= 0.15 - 1e-9).all()
    kept = json.loads((tmp_path / "summary.json").read_text())
    assert printed.items() <= kept.items()
    assert {"numpy", "python"} <= set(kept["versions"])
    for name in ("memorization", "error", "halves", "classes"):
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert "of memory" in err
    assert "of disk" in err
    assert not list(tmp_path.rglob(".*"))


def test_figures_are_drawn_from_their_tables_alone(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("empirical.command.reporting.report", lambda *_, **__: None)  # which has figures of its own
    code, out, _ = run(capsys, *SMALL[:-1], "--json", "--out", tmp_path)
    assert code == 0
    printed = json.loads(out)
    names, again = ("memorization", "error", "halves", "classes"), tmp_path / "trials"
    for name in names:
        (again / f"{name}.csv").write_bytes((tmp_path / f"{name}.csv").read_bytes())
    plots.write(again, names, "planted", 96)
    for name in names:
        assert (again / f"{name}.png").read_bytes() == (tmp_path / f"{name}.png").read_bytes()
        assert undated(again / f"{name}.svg") == undated(tmp_path / f"{name}.svg")
    halves = pd.read_csv(tmp_path / "halves.csv")
    assert halves["first"].corr(halves["second"]) == pytest.approx(printed["split_half_correlation"])
    first, second, both = (halves[f"pairs_{name}"].sum() for name in ("first", "second", "both"))
    assert both / (first + second - both) == pytest.approx(printed["split_half_jaccard"])


def undated(svg):
    return re.sub(r"<metadata>.*?</metadata>", "", svg.read_text(), flags=re.S)


def test_json_is_json_whatever_is_unknown(capsys, tmp_path):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    code, out, _ = run(capsys, *SMALL[:3], "--trials", 2, "--no-plot", "--json", "--out", tmp_path)
    assert code == 0
    for text in (out, *(path.read_text() for path in tmp_path.rglob("*.json"))):
        json.loads(text, parse_constant=refuse)


def test_results_are_on_stdout_and_the_rest_on_stderr(capsys):
    code, out, err = run(capsys, *SMALL)
    assert code == 0
    assert "Memorization says by how much" in out
    assert "memorized most" in out
    assert "planted: 120 + 120 examples" in err
    assert run(capsys, *SMALL, "--quiet")[2] == ""


def test_what_models_warn_of_is_one_line_and_none_if_quiet(capsys):
    arguments = (*SMALL, "--learner", "sklearn.linear_model.LogisticRegression(max_iter=1)", "--json")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, out, err = run(capsys, *arguments)
        quiet = run(capsys, *arguments, "--quiet")
    assert code == 0
    assert json.loads(out)["trials"] == 96
    assert err.count("ConvergenceWarning") == 1
    assert re.search(r"^\d+ of 96 models: ConvergenceWarning: lbfgs failed", err, re.M)
    assert quiet[2] == ""


def test_started_again_it_goes_on(capsys, tmp_path):
    run(capsys, *SMALL, "--out", tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.glob("*.csv")}
    (tmp_path / "trials" / "shard-000003.npz").unlink()
    code, _, err = run(capsys, *SMALL, "--out", tmp_path, "--workers", 2)
    assert code == 0
    assert "80 of them there already" in err
    assert {p.name: p.read_bytes() for p in tmp_path.glob("*.csv")} == before
    code, _, err = run(capsys, *SMALL, "--out", tmp_path, "--no-resume")
    assert code == 2
    assert "resume" in err
    code, _, err = run(capsys, *SMALL, "--out", tmp_path, "--seed", 5)
    assert code == 2
    assert "seed is 0 there, 5 now" in err


def test_scores_are_kept_as_told(capsys, tmp_path):
    options = (*SMALL, "--trials", 16, "--score", "probability", "--out", tmp_path)
    assert run(capsys, *options, "--dtype", "float32")[0] == 0
    with np.load(tmp_path / "trials" / "shard-000000.npz") as shard:
        assert shard["test"].dtype == np.float32
    code, _, err = run(capsys, *options)
    assert code == 2
    assert "dtype is 'float32' there, 'float16' now" in err


def test_finished_and_started_again_it_keeps_its_speed_and_its_report(capsys, tmp_path, monkeypatch):
    made = []

    def report(_, out, *__, theory=True, **___):
        made.append(out)
        (out / "report.html").write_text("made")
        (out / "compare").mkdir(exist_ok=True)
        (out / "compare" / "run.json").write_text(json.dumps({"arguments": {"theory": theory}}))

    monkeypatch.setattr("empirical.command.reporting.report", report)
    arguments = (*SMALL[:-1], "--out", tmp_path)
    run(capsys, *arguments)
    speed = json.loads((tmp_path / "summary.json").read_text())["models_per_second"]
    assert speed > 0
    code, out, err = run(capsys, *arguments, "--json")
    assert code == 0
    assert json.loads(out)["models_per_second"] == speed
    assert json.loads((tmp_path / "summary.json").read_text())["models_per_second"] == speed
    assert "report.html is there already" in err
    assert len(made) == 1
    run(capsys, *arguments, "--threshold", 0.3)  # other pairs
    assert len(made) == 2
    (tmp_path / "removal.csv").write_text("threshold\n")
    os.utime(tmp_path / "removal.csv", ns=(2**62, 2**62))  # tried since
    run(capsys, *arguments, "--threshold", 0.3)
    assert len(made) == 3
    (tmp_path / "removal.csv").unlink()
    (tmp_path / "report.html").unlink()
    run(capsys, *arguments, "--threshold", 0.3, "--no-theory")
    assert len(made) == 4
    for more, count in (
        (["--no-theory"], 4),
        ([], 5),
        (["--no-theory"], 5),
    ):  # theory that was left out is made when asked for
        run(capsys, *arguments, "--threshold", 0.3, *more)
        assert len(made) == count


def test_two_halves_of_a_run_merge(capsys, tmp_path):
    run(capsys, *SMALL, "--out", tmp_path / "whole")
    run(capsys, *SMALL, "--trials", 48, "--out", tmp_path / "a")
    run(capsys, *SMALL, "--trials", 48, "--first", 48, "--out", tmp_path / "b")
    code, _, err = run(capsys, *SMALL, "--out", tmp_path / "a", "--merge", tmp_path / "b")
    assert code == 0
    assert "took over 48 trials" in err
    for name in ("memorization.csv", "pairs.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_row_names_come_through(capsys, tmp_path):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"]).assign(
        label=rng.choice(["x", "y"], 60), name=[f"n{i}" for i in range(60)]
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    code, _, _ = run(
        capsys,
        tmp_path / "t.csv",
        "--id",
        "name",
        "--trials",
        64,
        "--threshold",
        0.1,
        "--no-plot",
        "--out",
        tmp_path / "o",
    )
    assert code == 0
    table, pairs = (pd.read_csv(tmp_path / "o" / f"{name}.csv") for name in ("memorization", "pairs"))
    assert table["id"].str.startswith("n").all()
    assert set(table["label"]) == {"x", "y"}
    assert (pairs["train_id"] == table["id"].to_numpy()[pairs["train_index"]]).all()
    assert not set(pairs["test_id"]) & set(table["id"])


def test_fewer_false_pairs_on_request(capsys, tmp_path):
    code, out, _ = run(capsys, "digits", "--trials", 64, "--json", "--fdr", 0.05)
    assert code == 0
    found = json.loads(out)
    assert found["expected_false_pairs"] <= 0.05 * found[f"pairs_above_{found['threshold']:g}"]
    code, out, _ = run(capsys, "digits", "--trials", 64, "--json", "--published-rule", "--no-plot", "--out", tmp_path)
    assert code == 0
    assert (pd.read_csv(tmp_path / "pairs.csv")["memorization"] >= 0.25).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "DATA"),
        (("digits", "--masks", "m.npz"), "DATA"),
        (("nowhere.csv",), "no such file"),
        (("digits", "--learner", "nope"), "learner"),
        (("digits", "--learner", "knn(k=0)"), "k"),
        (("digits", "--trials", "0"), "trials"),
        (("digits", "--trials", "1", "--quiet"), "--trials: got 1"),
        (("digits", "--fraction", "1.5"), "fraction"),
        (("digits", "--fraction", "0.0001"), "some must be in"),
        (("digits", "--design", "orthogonal", "--trials", "2000"), "16384"),
        (("digits", "--workers", "0"), "workers"),
        (("digits", "--seed", "-1"), "seed"),
        (("digits", "--label", "x"), "no such option"),
        (("digits", "--labels", "10"), "--labels"),
        (("digits", "--threshold", "0.1", "--fdr", "0.1"), "not both"),
        (("digits", "--threshold", "nan"), "--threshold"),
        (("digits", "--threshold", "15"), "--threshold: got 15.0; an influence"),
        (("digits", "--scheduler", "local:0"), "--scheduler: got 0"),
        (("digits", "--fdr", "0"), "--fdr"),
        (("digits", "--score", "loss"), "score"),
        (("planted", "--prior", "Nope(1)"), "prior"),
        (("digits", "--merge", "elsewhere"), "--out"),
        (("digits", "--device", "tpu"), "--device"),
    ],
)
def test_bad_input_is_one_line_and_2(capsys, arguments, named):
    try:
        code = main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if "error:" in line]
    assert code == 2
    assert out == ""
    assert "this needs" not in err  # nothing was about to be trained
    assert len(errors) == 1
    assert named in errors[0]
    assert "Traceback" not in err


def test_a_full_disk_is_said_and_1(capsys, tmp_path, monkeypatch):
    def full(*_, **__):
        raise DiskFull(28, "no room to write x; free some and run the same command again")

    monkeypatch.setattr(estimate.__name__ + ".main", main)
    monkeypatch.setattr("empirical.training.store.Store.write", full)
    code, _, err = run(capsys, *SMALL, "--out", tmp_path)
    assert code == 1
    assert "free some" in err


def test_orthogonal_arrays_by_name(capsys):
    code, out, _ = run(capsys, "planted", "--n", 80, "--trials", 256, "--design", "orthogonal", "--json")
    assert code == 0
    assert json.loads(out)["design"] == "Orthogonal(fraction=0.75, rows=256, stratified=False)"


def test_help_is_quick_because_heavy_imports_wait():
    heavy = ("pandas", "matplotlib", "sklearn", "scipy", "numba", "torch", "cupy", "joblib")
    code = f"import empirical.estimate, sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_computation_imports_no_drawing():
    code = "import empirical.estimator, empirical.training.run, sys; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_a_terminal_sees_a_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    bar = Bar(0.7, 16, Terminal())
    shard = Shard(0, np.zeros((64, 1), np.uint8), np.tile(np.array([[0b10101010], [0b01010101]], np.uint8), (32, 2)))
    for done in (0, 64, 128):
        bar(Progress(done, 128, 0, done / 64, shard if done else None))
    bar.close()
    assert bar.models_per_second == 64
    shown = bar.stream.getvalue()
    assert "model/s" in shown
    assert "128/128" in shown
    assert "standard error 0.096" in shown  # ½ / √(.7 · .3 · 128)
    resumed = Bar(0.7, 16, Terminal())
    resumed(Progress(128, 128, 128, 0.0, None))
    assert np.isnan(resumed.models_per_second)
    resumed.close()
