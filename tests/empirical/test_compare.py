"""``python -m empirical.compare``: the published counts, what it prints and writes, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical import compare
from empirical.bridge import planted
from empirical.coupling import Beta
from empirical.observed import published, read
from longtail import ArgumentError, Problem, Zipf
from longtail.run import Run
from tests.empirical.places import real

FAST = ["--family", "Zipf", "--coupling", "uniform", "--simulations", "10", "--quiet"]


def test_published_counts_are_reproduced():
    """Feldman & Zhang, arXiv 2008.03703: 1015 pairs, 888 tests, 774 with one influencer; 36.2 % of memorization ≥ .25."""
    observed = published("cifar100", str(real("feldman_zhang")))
    assert observed.influenced == (1015, 888, 774)
    assert observed.pairs["train_index"].nunique() == 964
    assert (observed.values >= 0.25).mean() == pytest.approx(0.36198)
    assert len(observed.values) == 50_000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder as estimate writes it, of a planted data set."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    _, memorization = planted(Problem(Zipf(alpha=0.8, size=400), 1500, 5), Beta(1, 1), 500, rng)
    table = pd.DataFrame({"index": np.arange(1500), "label": rng.integers(0, 5, 1500), "memorization": memorization})
    table["stderr"] = np.sqrt(memorization * (1 - memorization) / 150)
    table.to_csv(folder / "memorization.csv", index=False)
    pairs = pd.DataFrame({"train_index": [1, 2, 2], "test_index": [0, 0, 3], "influence": [0.9, 0.4, 0.2]})
    pairs["stderr"] = 0.05
    pairs.to_csv(folder / "pairs.csv", index=False)
    summary = {"data": "planted", "n": 1500, "n_test": 300, "trials": 500, "fraction": 0.7, "score": "correct"}
    (folder / "summary.json").write_text(json.dumps(summary | {"test_accuracy": 0.8, "arguments": {}}))
    return folder


def test_json_is_the_promised_object(run, capsys):
    assert compare.main([str(run), "--json", *FAST]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {"n", "share_above", "pairs", "tests", "single", "fit"} <= set(record)
    assert {"prior", "coupling", "goodness"} <= set(record["fit"])
    assert (record["n"], record["pairs"], record["tests"], record["single"]) == (1500, 3, 2, 1)
    values = pd.read_csv(run / "memorization.csv")["memorization"]
    assert record["share_above"]["0.25"] == (values >= 0.25).mean()
    assert record["fit"]["coupling"] == 0.5


def test_words_go_to_stdout_and_files_are_written(run, tmp_path, capsys):
    assert compare.main([str(run), "--out", str(tmp_path), *FAST]) == 0
    printed = capsys.readouterr()
    assert "1,500 training examples" in printed.out
    assert printed.err == ""
    for name in ("theory", "distribution", "influence", "removal", "samples"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert (tmp_path / f"{name}.svg").stat().st_size > 5000
    record = Run.read(tmp_path / "compare")
    assert {"shares", "distribution", "influence", "predicted_removal", "fits"} <= set(record.frames)
    assert (tmp_path / "report.html").read_text().count("<figure") == 5
    assert not list(tmp_path.glob(".*"))


def test_figures_are_redrawn_from_csv_alone(run, tmp_path):
    from empirical.report.draw import figures

    compare.main([str(run), "--out", str(tmp_path), *FAST])
    again = figures(Run.read(tmp_path / "compare").frames, "planted")
    assert set(again) == {"theory", "distribution", "influence", "removal", "samples"}


def test_report_is_what_estimate_calls_and_says_why_there_is_none(run, tmp_path, caplog):
    assert compare.report(run, tmp_path) == tmp_path / "report.html"
    with caplog.at_level("INFO"):
        assert compare.report(tmp_path) is None
    assert "no report" in caplog.text


def test_threshold_is_read_back_and_guessed_in_old_folders_only(run, tmp_path):
    for name in ("memorization.csv", "pairs.csv"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    summary = json.loads((run / "summary.json").read_text())
    for known, expected in (({"threshold": 0.185}, 0.185), ({"arguments": {"threshold": 0.3}}, 0.3), ({}, 0.15)):
        (tmp_path / "summary.json").write_text(json.dumps(summary | known))
        assert read(tmp_path).threshold == expected


@pytest.fixture
def bare(run, tmp_path):
    """The same run without labels, as of models trained elsewhere."""
    table = pd.read_csv(run / "memorization.csv").drop(columns="label")
    table.to_csv(tmp_path / "memorization.csv", index=False)
    for name in ("pairs.csv", "summary.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    return tmp_path


def test_without_labels_there_is_no_theory_and_the_report_says_why(bare, caplog):
    with caplog.at_level("INFO"):
        page = compare.report(bare)
    assert page is not None
    assert "--labels K" in caplog.text
    text = page.read_text()
    assert "number of classes is not known" in text
    assert text.count("<figure") == 0
    assert "Every fit" not in text
    assert "3 pairs of influence 0.15 or more" in text


def test_number_of_classes_can_be_told_where_it_is_not_known(run, bare, capsys):
    assert compare.main([str(bare), *FAST]) == 2
    assert "--labels: got None; theory asks" in capsys.readouterr().err
    answers = []
    for arguments in ([str(run)], [str(bare), "--labels", "5"], [str(bare), "--labels", "2"]):
        assert compare.main([*arguments, "--json", *FAST]) == 0
        answers.append(json.loads(capsys.readouterr().out)["fit"])
    assert answers[0] == answers[1] != answers[2]
    told = json.loads((bare / "summary.json").read_text()) | {"labels": 7}
    (bare / "summary.json").write_text(json.dumps(told))
    assert read(bare).labels == 7
    for arguments in ([str(run), "--labels", "5"], [str(bare), "--labels", "1"], [str(bare), "--labels", "7"]):
        assert compare.main([*arguments, *FAST]) == 2
        assert "--labels" in capsys.readouterr().err


def test_balanced_designs_count_as_the_trials_that_their_noise_is_worth(run):
    observed = read(run)
    assert observed.equivalent == observed.trials == 500
    balanced = replace(observed, iid=False)
    assert balanced.equivalent == pytest.approx(500, rel=0.01)  # these errors are those of 500 independent trials
    table = balanced.memorization.assign(stderr=balanced.memorization["stderr"] / np.sqrt(2))
    assert replace(balanced, memorization=table).equivalent == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "DIR"),
        (["nowhere"], "DIR"),
        (["--published", "mnist"], "--published"),
        (["{run}", "--published", "cifar100"], "DIR"),
        (["{run}", "--family", "Zeta"], "family"),
        (["{run}", "--coupling", "loose"], "coupling"),
        (["{run}", "--out", "{run}/summary.json"], "--out"),
    ],
    ids=str,
)
def test_errors_are_one_line_that_names_the_argument(run, arguments, named):
    asked = [a.replace("{run}", str(run)) for a in arguments]
    found = subprocess.run(
        [sys.executable, "-m", "empirical.compare", *asked, "--quiet"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert found.stdout == ""
    assert named in found.stderr
    assert found.stderr.count("\n") == 1


def test_interrupt_is_130(run, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("empirical.observed.read", stop)
    assert compare.main([str(run), "--quiet"]) == 130


def test_scores_that_are_not_right_or_wrong_are_refused(run, tmp_path):
    for name in ("memorization.csv", "pairs.csv"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    summary = json.loads((run / "summary.json").read_text()) | {"score": "loss"}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ArgumentError, match="correct"):
        read(tmp_path)
