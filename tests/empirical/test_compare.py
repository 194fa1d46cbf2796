"""``python -m empirical.compare``: the published counts, what it prints and writes, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical import compare, estimate, remove
from empirical.bridge.fit import planted
from empirical.command import reporting
from empirical.estimates.kept import published, read
from empirical.estimates.noise import SubsetNoise
from empirical.report import numbers
from empirical.report.exhibits import exhibits
from empirical.report.gallery import gallery
from empirical.report.laws import law
from longtail import ArgumentError, Problem, Zipf
from longtail.core import Estimate
from longtail.core.record import Run
from longtail.experiment.coupling import Beta, Fixed
from longtail.plots import save
from simulations.places import Missing, data_folder
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
    _, memorization = planted(Problem(Zipf(alpha=0.8, size=400), 1500, 5), Beta(1, 1), SubsetNoise(500), rng)
    table = pd.DataFrame({"index": np.arange(1500), "label": rng.integers(0, 5, 1500), "memorization": memorization})
    table["stderr"] = np.sqrt(memorization * (1 - memorization) / 150)
    table.to_csv(folder / "memorization.csv", index=False)
    pairs = pd.DataFrame({"train_index": [1, 2, 2], "test_index": [0, 0, 3], "influence": [0.9, 0.4, 0.2]})
    pairs["stderr"] = 0.05
    pairs.to_csv(folder / "pairs.csv", index=False)
    summary = {"data": "planted", "n": 1500, "n_test": 300, "trials": 500, "fraction": 0.7, "learner": "KNN(k=1)"}
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
    from empirical.report.figures import figures

    compare.main([str(run), "--out", str(tmp_path), *FAST])
    again = figures(Run.read(tmp_path / "compare").frames, "planted")
    assert set(again) == {"theory", "distribution", "influence", "removal", "samples"}
    for name, figure in again.items():
        (tmp_path / "again").mkdir(exist_ok=True)
        assert save(figure, tmp_path / "again" / f"{name}.png").read_bytes() == (tmp_path / f"{name}.png").read_bytes()


def test_report_is_what_estimate_calls_and_says_why_there_is_none(run, tmp_path, caplog):
    found = read(run)
    assert reporting.report(found, tmp_path) == tmp_path / "report.html"
    with caplog.at_level("INFO"):
        assert reporting.report(replace(found, experiment=replace(found.experiment, score="loss")), tmp_path) is None
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
        page = reporting.report(read(bare), bare)
    assert page is not None
    assert "n_classes: got None" in caplog.text
    text = page.read_text()
    assert "number of classes is not known" in text
    assert text.count("<figure") == 0
    assert "Every fit" not in text
    assert "3 pairs of influence 0.15 or more" in text


@pytest.mark.parametrize(
    ("rows", "least", "why"), [(1500, 0.0, "0 throughout"), (88, 1.0, "88 estimates"), (0, 1.0, "0 est")]
)
def test_where_nothing_can_be_fitted_the_report_says_why_and_shows_the_rest(run, tmp_path, caplog, rows, least, why):
    table = pd.read_csv(run / "memorization.csv").head(rows)
    table.assign(memorization=least * table["memorization"]).to_csv(tmp_path / "memorization.csv", index=False)
    pairs = pd.read_csv(run / "pairs.csv")
    pairs = pairs[pairs["train_index"] < rows]
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    (tmp_path / "summary.json").write_bytes((run / "summary.json").read_bytes())
    with caplog.at_level("INFO"):
        assert reporting.report(read(tmp_path), tmp_path) == tmp_path / "report.html"
    assert "no theory in the report" in caplog.text
    text = (tmp_path / "report.html").read_text()
    headline = text.split('<p class="headline">')[1].split("</p>")[0]
    assert f"{rows:,} training examples" in headline
    assert why in headline
    shown = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert (len(shown["examples"]), shown["paired"]) == (rows, len(pairs))
    assert compare.main([str(tmp_path), *FAST]) == 2  # where a fit is what was asked for


def test_number_of_classes_can_be_told_where_it_is_not_known(run, bare, capsys):
    assert compare.main([str(bare), *FAST]) == 2
    assert "--labels: got None; theory asks" in capsys.readouterr().err
    answers = []
    for arguments in ([str(run)], [str(bare), "--labels", "5"], [str(bare), "--labels", "2"]):
        assert compare.main([*arguments, "--json", *FAST]) == 0
        found = json.loads(capsys.readouterr().out)["fit"]
        assert found.pop("model")["pairs"] > 0  # of partners, which without labels may be any example
        answers.append(found)
    assert answers[0] == answers[1] != answers[2]
    told = json.loads((bare / "summary.json").read_text()) | {"labels": 7}
    (bare / "summary.json").write_text(json.dumps(told))
    assert read(bare).experiment.n_classes == 7
    for arguments in ([str(run), "--labels", "5"], [str(bare), "--labels", "1"], [str(bare), "--labels", "7"]):
        assert compare.main([*arguments, *FAST]) == 2
        assert "--labels" in capsys.readouterr().err


@pytest.fixture
def removed(run, tmp_path):
    """The same run after removal: what was predicted, and what came of it with and without near-duplicates."""
    for path in (run / name for name in ("memorization.csv", "pairs.csv", "summary.json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    told = {"threshold": [0.5, 0.25], "removed_share": [0.1, 0.2], "lost": [0.111, 0.222], "lost_random": 0.033}
    record = {"learner": "KNN(k=1)", "seed": 0, "run": read(tmp_path).mark}
    told = pd.DataFrame(told).assign(prior="Zipf", coupling="Beta", **record)
    told.to_csv(tmp_path / "removal_predicted.csv", index=False)
    rows = [
        {"set": name, "threshold": theta, "tests": tests, "lost": lost, "lost_random": 0.01}
        for name, tests, lost in (("all", 300, 0.2), ("no duplicates", 280, 0.18))
        for theta in (0.25, 0.5)
    ]
    table = pd.DataFrame(rows).assign(lost_stderr=0.02, lost_random_stderr=0.01, **record)
    table.to_csv(tmp_path / "removal.csv", index=False)
    return tmp_path


def test_prediction_of_removal_is_the_one_written_down_before(removed, capsys):
    """22.2 % was predicted; a new fit to the same estimates says something else."""
    assert compare.main([str(removed), "--out", str(removed / "out"), *FAST]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Without the 20.0 % of examples memorized 0.25 or more, theory expected, before it was tried" in said
    assert "to lose 22.2 points of test accuracy, and 3.3 points without as many at random" in said
    assert "expects a loss" not in said  # it is what was seen, near enough
    frames = Run.read(removed / "out" / "compare").frames
    assert frames["predicted_removal"]["threshold"].tolist() == [0.25, 0.5]
    assert frames["predicted_removal"]["lost"].tolist() == [0.222, 0.111]
    page = (removed / "out" / "report.html").read_text()
    assert "lost_random_predicted" in page
    assert "0.222" in page


def said_of(folder, capsys, changed):
    """What compare says of a removal with some columns of either table changed."""
    for name, columns in changed.items():
        table = pd.read_csv(folder / name)
        table.drop(columns=[c for c, v in columns.items() if v is None]).assign(
            **{c: v for c, v in columns.items() if v is not None}
        ).to_csv(folder / name, index=False)
    assert compare.main([str(folder), *FAST]) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("mark", ["0123456789ab", None], ids=["other", "untold"])
def test_removal_of_other_estimates_is_left_out(removed, capsys, mark):
    said = said_of(removed, capsys, {"removal.csv": {"run": mark}, "removal_predicted.csv": {"run": mark}})
    assert "This was not tried." in said
    assert "before it was tried" not in said


@pytest.mark.parametrize("other", [{"learner": "Ridge()"}, {"seed": 1}, {"threshold": [0.25, 0.4]}], ids=str)
def test_prediction_of_something_else_is_not_what_was_foretold(removed, capsys, other):
    said = said_of(removed, capsys, {"removal_predicted.csv": other})
    assert "theory expects to lose" in said
    assert "Observed: 20.0 ± 3.9 points" in said


def test_theory_is_asked_at_the_thresholds_that_were_tried(removed, capsys):
    """.03 is below all that is shown where nothing was tried: what theory expects there is computed, not read off .1."""
    (removed / "removal_predicted.csv").unlink()
    said = said_of(removed, capsys, {"removal.csv": {"threshold": [0.03, 0.02] * 2, "learner": "MLP()"}})
    assert "examples memorized 0.03 or more, theory expects to lose" in said
    assert "Observed of another learner, MLP(): 20.0 ± 3.9 points and 1.0 ± 2.0 points at 0.03 (95 %)" in said


def test_loss_without_near_duplicates_is_said_and_drawn(removed, capsys):
    from empirical.report.figures import figures

    assert compare.main([str(removed), "--out", str(removed / "out"), *FAST]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "On the 280 test examples without near-duplicates in training: 18.0 ± 3.9 points" in said
    frames = Run.read(removed / "out" / "compare").frames
    labels = figures(frames, "x")["removal"].axes[0].get_legend_handles_labels()[1]
    assert sum("without near-duplicates" in label for label in labels) == 2
    frames["removal"] = frames["removal"].drop(columns="set")
    labels = figures(frames, "x")["removal"].axes[0].get_legend_handles_labels()[1]
    assert not any("without near-duplicates" in label for label in labels)


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("summary.json", '{"a": 1}', "no numbers for n_test, trials, fraction in summary.json"),
        ("summary.json", "[]", "summary.json"),
        (
            "memorization.csv",
            "index,memorization,stderr\n0,oops,0\n",
            "no numbers for memorization in memorization.csv",
        ),
        ("pairs.csv", "train_index,test_index\n", "no numbers for influence in pairs.csv"),
        ("removal.csv", "set,threshold\nall,0.25\n", "no numbers for tests, lost, lost_stderr"),
        ("removal.csv", "", "cannot be read (No columns"),
        ("removal.csv", "{head}\n", "no rows in removal.csv"),
        (
            "removal_predicted.csv",
            "threshold\n0.5\n",
            "no numbers for removed_share, lost, lost_random in removal_pred",
        ),
    ],
)
def test_folders_with_something_else_in_them_are_refused_in_a_line(removed, capsys, name, text, named):
    head = (removed / "removal.csv").read_text().splitlines()[0]
    (removed / name).write_text(text.replace("{head}", head))
    assert compare.main([str(removed), *FAST]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1


def test_numbers_are_shown_to_digits_that_tell_them_apart():
    assert numbers.brief("Zipf(alpha=0.7623997, size=13353)") == "Zipf(alpha=0.762, size=13353)"
    assert numbers.brief("Geometric(ratio=0.9998362479353741, size=8136)") == "Geometric(ratio=0.999836, size=8136)"
    assert numbers.brief("Beta(a=49000.123, b=5.4321e-05)") == "Beta(a=49000, b=5.43e-05)"
    assert numbers.pinned("size", Estimate(8234.5, 532.1), (7200.0, 9300.0)) == "size 8,230 ± 530"
    assert numbers.pinned("ratio", Estimate(0.99983625, 1.234e-5), (0.9998, 0.9999)) == "ratio 0.999836 ± 1.2e-05"


def test_classes_may_be_called_as_missing_values_are(run, tmp_path):
    """A class "NA" is not a missing label; an empty error is one."""
    names = np.array(["NA", "null", "None", "nan", "n/a"])
    table = pd.read_csv(run / "memorization.csv")
    table["label"], table["id"] = names[table["label"]], [f"{k:04}" for k in range(len(table))]
    table.loc[3, "stderr"] = np.nan
    table.to_csv(tmp_path / "memorization.csv", index=False)
    pairs = pd.read_csv(run / "pairs.csv").assign(label=["NA", "null", "NA"], train_id=["0001", "NA", "None"])
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    (tmp_path / "summary.json").write_bytes((run / "summary.json").read_bytes())
    seen = read(tmp_path)
    assert seen.experiment.n_classes == 5
    assert seen.memorization["label"].tolist() == table["label"].tolist()
    assert seen.memorization["id"].tolist() == table["id"].tolist()
    assert seen.pairs["train_id"].tolist() == ["0001", "NA", "None"]
    assert np.flatnonzero(seen.memorization["stderr"].isna()).tolist() == [3]
    items = gallery(seen, exhibits(None))
    assert items.classes == sorted(names)


def test_balanced_designs_count_as_the_trials_that_their_noise_is_worth(run):
    observed = read(run)
    assert observed.equivalent == observed.experiment.models == 500
    design = "Orthogonal(fraction=0.75, rows=256, stratified=False)"
    balanced = replace(observed, experiment=replace(observed.experiment, design=design))
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
        (["{run}", "--simulations", "0"], "--simulations: got 0"),
        (["{run}", "--simulations", "-1"], "--simulations: got -1"),
        (["{run}", "--simulations", "1"], "--simulations: got 1"),
        (["{run}", "--seed", "-1"], "--seed: got -1"),
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


def test_no_folder_is_searched_that_nobody_named(tmp_path, monkeypatch, capsys):
    """A folder that happens to lie beside is not the user's word; the simulations of this project look there."""
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("LONGTAIL_DATA", raising=False)
    asked = []

    def none(name, data_dir):
        asked.append(data_dir)
        raise ArgumentError("--published", name, "none here")

    monkeypatch.setattr("empirical.estimates.kept.published", none)
    assert compare.main(["--published", "cifar100", "--quiet"]) == 2
    assert compare.main(["--published", "cifar100", "--data-dir", "mine", "--quiet"]) == 2
    assert asked == [None, "mine"]
    for parser in (compare.parser(), remove.parser(), estimate.parser()):
        assert "shared" not in parser.format_help()
    assert data_folder() == "../shared/data"
    monkeypatch.setenv("LONGTAIL_DATA", str(tmp_path))
    assert data_folder("here") == str(tmp_path)
    with pytest.raises(Missing, match="there is not there"):
        data_folder("there")


def test_interrupt_is_130(run, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("empirical.estimates.kept.read", stop)
    assert compare.main([str(run), "--quiet"]) == 130


def test_scores_that_are_not_right_or_wrong_are_refused(run, tmp_path):
    for name in ("memorization.csv", "pairs.csv"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    summary = json.loads((run / "summary.json").read_text()) | {"score": "loss"}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ArgumentError, match="correct"):
        read(tmp_path)


def test_laws_of_teaching_are_told_apart_in_words():
    laws = [Fixed(0.9), Fixed(0.9, steady=1), Fixed(0.9, steady=0.5), Fixed(0.9, dust=0.02), Fixed(0.9, apart=0.5)]
    laws += [Beta(2, 3), Beta(2, 3, difficulty=0.3), Beta(2, 3, apart=1)]
    said = [law(one) for one in laws]
    assert len(set(said)) == len(said)
    assert not any(code in one for one in said for code in ("=", "Beta", "Fixed"))
