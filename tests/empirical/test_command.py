"""``python -m empirical.estimate``: what it writes, what it refuses, and that it survives being killed."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from empirical import estimate, plots
from empirical.bar import Bar
from empirical.datasets import load
from empirical.estimate import main
from empirical.run import Progress
from empirical.store import DiskFull, Shard
from longtail.files import read_table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SMALL = ("planted", "--n", "120", "--trials", "96", "--shard", "16", "--no-plot")
NAMED = ("index", "label", "memorization", "stderr", "in_accuracy", "out_accuracy")
PAIRS = ("train_index", "test_index", "label", "influence", "stderr")
SUMMARY = {
    *("n", "n_test", "trials", "fraction", "design", "learner", "seed", "mean_memorization", "share_above_0.25"),
    *("pairs_above_0.15", "test_accuracy", "models_per_second", "seconds"),
}


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


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
    monkeypatch.setattr("empirical.compare.report", lambda *_, **__: None)  # which has figures of its own
    code, out, _ = run(capsys, *SMALL[:-1], "--json", "--out", tmp_path)
    assert code == 0
    printed = json.loads(out)
    for name in ("memorization", "error", "halves", "classes"):
        title = "Classes of planted" if name == "classes" else "planted, 96 models"
        plots.write(name, read_table(tmp_path / f"{name}.csv", ("class",)), title, again := tmp_path / "trials")
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

    def report(out, **_):
        made.append(out)
        (out / "report.html").write_text("made")

    monkeypatch.setattr("empirical.compare.report", report)
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
    run(capsys, *arguments, "--threshold", 0.3)
    assert len(made) == 4


def test_two_halves_of_a_run_merge(capsys, tmp_path):
    run(capsys, *SMALL, "--out", tmp_path / "whole")
    run(capsys, *SMALL, "--trials", 48, "--out", tmp_path / "a")
    run(capsys, *SMALL, "--trials", 48, "--first", 48, "--out", tmp_path / "b")
    code, _, err = run(capsys, *SMALL, "--out", tmp_path / "a", "--merge", tmp_path / "b")
    assert code == 0
    assert "took over 48 trials" in err
    for name in ("memorization.csv", "pairs.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_killed_at_any_moment_it_ends_with_the_same_bits(capsys, tmp_path):
    arguments = ("planted", "--n", "200", "--trials", "1600", "--shard", "8", "--no-plot", "--design", "bernoulli")
    assert run(capsys, *arguments, "--out", tmp_path / "whole")[0] == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, HERE / "killed.py", "7", "20", tmp_path / "killed", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    counts, killed = zip(*json.loads(done.stdout.splitlines()[-1]), strict=True)
    assert sum(killed) >= 18
    assert list(counts) == sorted(counts)
    assert len({c for c in counts if 0 < c < 200}) >= 8  # it was caught in the middle, and went on from there
    for name in ("memorization.csv", "pairs.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for shard in (tmp_path / "whole" / "trials").glob("shard-*.npz"):
        assert (tmp_path / "killed" / "trials" / shard.name).read_bytes() == shard.read_bytes()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_ended_early_nothing_goes_on_running(tmp_path, how):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    arguments = ("digits", "--trials", "200000", "--workers", "2", "--out", tmp_path)
    command = [sys.executable, "-c", BREAKABLE, *map(str, arguments)]
    said = tmp_path / "said.txt"  # a file: workers that outlive a killed parent would hold a pipe open
    with (
        open(said, "w") as log,
        subprocess.Popen(command, env=environment, stderr=log, start_new_session=True) as process,
    ):
        trials, patience = tmp_path / "trials", time.monotonic() + 15
        while len(list(trials.glob("shard-*.npz"))) < 2 and time.monotonic() < patience:
            time.sleep(0.05)
        process.send_signal(how)
        process.wait(timeout=15)
    assert len(list(trials.glob("shard-*.npz"))) >= 2
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert ("goes on from there" in said.read_text()) == (how == signal.SIGINT)
    assert "Traceback" not in said.read_text()
    patience = time.monotonic() + 10
    while workers(process.pid) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not workers(process.pid)


BREAKABLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from empirical.bar import Bar
from empirical.datasets import load
from empirical.estimate import main
from empirical.run import Progress
sys.exit(main(sys.argv[1:]))
"""


def workers(session):
    """Worker processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            own = int(stat.read_text().rsplit(")", 1)[1].split()[3])
            if own == session and "LokyProcess" in (stat.parent / "cmdline").read_text():
                found.append(stat.parent.name)
        except OSError:  # gone meanwhile
            continue
    return found


def test_models_trained_elsewhere(capsys, tmp_path):
    rng = np.random.default_rng(0)
    masks = rng.random((60, 20)) < 0.7
    parts = {
        "masks": masks,
        "correct_train": masks | (rng.random((60, 20)) < 0.5),
        "correct_test": rng.random((60, 9)) < 0.5,
    }
    np.savez(tmp_path / "m.npz", **parts)
    code, out, err = run(capsys, "--masks", tmp_path / "m.npz", "--json")
    assert code == 0
    assert json.loads(out)["n_test"] == 9
    assert "any two classes" in err
    assert json.loads(out)["labels"] is None
    code, out, _ = run(capsys, "--masks", tmp_path / "m.npz", "--json", "--labels", 4)
    assert json.loads(out)["labels"] == 4
    np.savez(tmp_path / "n.npz", **parts, y_train=np.arange(20) % 2, y_test=np.arange(9) % 2)
    code, out, _ = run(capsys, "--masks", tmp_path / "n.npz", "--out", tmp_path / "o")
    assert code == 0
    assert "0.5" in out
    assert run(capsys, "--masks", tmp_path / "n.npz", "--labels", 2)[0] == 2
    np.savez(tmp_path / "bad.npz", **(parts | {"correct_train": parts["correct_train"][:, 1:]}))
    code, _, err = run(capsys, "--masks", tmp_path / "bad.npz")
    assert code == 2
    assert "(60, 20)" in err
    np.savez(tmp_path / "few.npz", masks=masks)
    assert run(capsys, "--masks", tmp_path / "few.npz")[0] == 2


@pytest.fixture
def models(tmp_path):
    """Writes a file of models trained elsewhere, 60 of them on 20 examples."""
    rng = np.random.default_rng(0)
    masks = rng.random((60, 20)) < 0.7

    def save(count=60, **more):
        parts = {"masks": masks, "correct_train": masks, "correct_test": rng.random((60, 9)) < 0.5}
        np.savez(tmp_path / "m.npz", **{name: part[:count] for name, part in parts.items()}, **more)
        return tmp_path / "m.npz"

    return save


@pytest.mark.parametrize(
    "option",
    [
        ("--learner", "knn"),  # its default, but asked for
        ("--design", "fixed"),
        ("--trials", "100"),
        ("--workers", "1"),
        ("--fraction", "0.7"),
        ("--resume",),
        ("--no-resume",),
        ("--merge", "elsewhere"),
        ("--stratified",),
        ("--test-fraction", "0.2"),
        ("--data-dir", "data"),
    ],
    ids=" ".join,
)
def test_what_means_nothing_for_models_trained_elsewhere_is_refused(capsys, models, option):
    assert run(capsys, "--masks", models())[0] == 0
    code, out, err = run(capsys, "--masks", models(), *option)
    assert code == 2
    assert out == ""
    assert f"error: {option[0].replace('--no-', '--')}: got" in err


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"train_ids": np.arange(19)}, "train_ids: got 19 names; give one for each of the 20"),
        ({"test_ids": np.arange(10)}, "test_ids: got 10 names; give one for each of the 9"),
        ({"train_ids": np.float64(3)}, "train_ids: got names of shape (); give one for each of the 20"),
        ({"train_ids": np.arange(40).reshape(20, 2)}, "train_ids: got names of shape (20, 2)"),
        ({"y_train": np.int64(3)}, "y_train: got labels of shape (); give one for each of the 20"),
        ({"y_train": np.arange(20), "y_test": np.arange(8)}, "y_test: got 8 labels; give one for each of the 9"),
        ({"y_train": np.arange(40).reshape(20, 2)}, "got 2 labels an example"),
        ({"count": 0}, "masks: got 0 trials of 20 and 9 examples"),
        ({"count": 1}, "masks: got 1 trials"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_models_trained_elsewhere_that_do_not_fit_are_refused(capsys, models, parts, named):
    code, _, err = run(capsys, "--masks", models(**parts))
    assert code == 2
    assert named in err


def test_labels_of_training_examples_alone_are_kept(capsys, models, tmp_path):
    place = models(y_train=np.array(["a", "b"] * 10))
    code, _, err = run(capsys, "--masks", place, "--no-plot", "--out", tmp_path / "o")
    assert code == 0
    assert "any two classes" in err
    table, pairs = (pd.read_csv(tmp_path / "o" / f"{name}.csv") for name in ("memorization", "pairs"))
    assert table["label"].tolist() == ["a", "b"] * 10
    assert "label" not in pairs
    assert run(capsys, "--masks", models(y_test=np.arange(9) % 2))[0] == 2


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
    def full(*_):
        raise DiskFull(28, "no room to write x; free some and run the same command again")

    monkeypatch.setattr(estimate.__name__ + ".main", main)
    monkeypatch.setattr("empirical.store.Store.write", full)
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
    code = "import empirical.estimator, empirical.results, empirical.run, sys; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_as_many_models_as_an_error_takes(capsys):
    code, out, err = run(capsys, "planted", "--n", 60, "--error", 0.1, "--json")
    assert code == 0
    assert json.loads(out)["trials"] == 120  # .25 / (.7 · .3 · .1²), rounded up
    assert "off by 0.100 at most" in err
    for more in (("--trials", 50), ("--design", "orthogonal")):
        assert run(capsys, "planted", "--error", 0.1, *more)[0] == 2


def test_as_many_models_as_finding_pairs_takes(capsys):
    """Of all that is asked the hardest decides: z² q(1 − q)/(r(1 − r)(δ − θ)²), or (θ/sd by Φ of F over the pairs)."""
    data = ("planted", "--n", 60, "--json")
    unit = 0.25 / (0.7 * 0.3)
    code, out, err = run(capsys, *data, "--power", 0.8, "--influence", 0.6, "--threshold", 0.3)
    assert code == 0
    assert json.loads(out)["trials"] == ceil(ndtri(0.8) ** 2 * unit / 0.3**2)
    assert "0.3 a pair of influence 0.6 will be found with chance 0.8" in err
    code, out, err = run(capsys, *data, "--false", 3, "--threshold", 0.3, "--error", 0.2)
    found = load("planted", n=60).balance
    pairs = int((found["train"] * found["test"]).sum())  # of one class
    assert 300 < pairs < 1200
    assert json.loads(out)["trials"] == ceil(ndtri(3 / pairs) ** 2 * unit / 0.3**2)
    assert "false pairs, at worst" in err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--power", 0.9, "--trials", 50), "--power"),
        (("--false", 1, "--design", "orthogonal"), "--false"),
        (("--influence", 0.3), "--influence"),
        (("--power", 0.9, "--influence", 0.1), "influence above 0.15"),
        (("--power", 1), "power"),
        (("--false", 0), "false"),
        (("--false", 1, "--fdr", 0.05), "--fdr"),
    ],
)
def test_plans_that_cannot_be_made_are_refused(capsys, options, named):
    code, _, err = run(capsys, "planted", "--n", 60, *options)
    assert code == 2
    assert named in err


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
    assert "error 0.096" in shown  # ½ / √(.7 · .3 · 128)
    resumed = Bar(0.7, 16, Terminal())
    resumed(Progress(128, 128, 128, 0.0, None))
    assert np.isnan(resumed.models_per_second)
    resumed.close()
