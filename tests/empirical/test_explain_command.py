"""``python -m empirical.explain``: what it prints, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from empirical import estimate, explain
from empirical.attributions.lds import lds
from empirical.command.opening import kept
from empirical.estimates.explained import explained
from empirical.report.exhibits import Exhibits
from empirical.report.explained_figure import explained_figure
from empirical.report.explained_text import report
from empirical.training.stored import stored
from empirical.training.trials import Trials
from longtail.core import ArgumentError

ARGUMENTS = ("--trials", "128", "--shard", "32", "--learner", "kernel", "--no-plot", "--quiet")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a table whose rows have names, with margins."""
    folder = tmp_path_factory.mktemp("named")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    table = pd.DataFrame(
        {"name": [f"r{k}" for k in range(80)], "a": x[:, 0], "b": x[:, 1], "label": np.where(x[:, 0] > 0, "up", "down")}
    )
    table.to_csv(folder / "table.csv", index=False)
    asked = [str(folder / "table.csv"), "--label", "label", "--id", "name", "--score", "margin", *ARGUMENTS]
    assert estimate.main([*asked, "--out", str(folder / "run")]) == 0
    return folder / "run"


def called(capsys, *arguments):
    code = explain.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_says_what_the_function_finds(capsys, run):
    found = kept(explain.parser().parse_args([str(run), "--test", "0"]))
    name = found.examples.test_ids[2]
    told = explained(found.trials, found.examples, test=name)
    assert told.index == 2
    code, out, _ = called(capsys, run, "--test", name, "--json", "--quiet", "--top", "3")
    record = json.loads(out)
    assert code == 0
    assert (record["id"], record["index"], record["models"], record["candidates"]) == (name, 2, 128, 64)
    assert [row["index"] for row in record["carries"]] == told.carries(3)["index"].tolist()
    assert [row["influence"] for row in record["hurts"]] == pytest.approx(told.hurts(3)["influence"])
    assert record["carries"][0]["influence"] > 0 > record["hurts"][0]["influence"]
    code, out, _ = called(capsys, run, "--train", found.examples.train_ids[7], "--quiet")
    assert code == 0
    assert "that did not train on it; memorization" in out.splitlines()[0]
    assert "mean margin" in out.splitlines()[0]
    assert "carried by" in out


def test_it_writes_every_candidate_and_a_figure(capsys, run, tmp_path):
    code, out, _ = called(capsys, run, "--test", "1", "--out", tmp_path / "new", "--json", "--quiet")
    assert code == 0
    written = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert written == [f"explained_test_1.{kind}" for kind in ("csv", "json", "png", "svg")]
    table = pd.read_csv(tmp_path / "new" / "explained_test_1.csv")
    assert list(table) == ["index", "id", "label", "influence", "stderr", "low", "high", "p_value", "noise"]
    assert len(table) == 64
    assert json.loads(out).items() <= json.loads((tmp_path / "new" / "explained_test_1.json").read_text()).items()


def test_models_trained_elsewhere_are_explained_too(capsys, tmp_path):
    rng = np.random.default_rng(1)
    masks = rng.random((200, 9)) < 0.6
    right = masks[:, [4]] | (rng.random((200, 3)) < 0.3)
    file = tmp_path / "models.npz"
    np.savez(file, masks=masks, correct_train=masks, correct_test=right, train_ids=np.array(list("abcdefghi")))
    code, out, err = called(capsys, file, "--test", "1", "--json", "--quiet")
    assert code == 0
    assert err == ""
    best = json.loads(out)["carries"][0]
    assert (best["index"], best["id"]) == (4, "e")
    assert best["noise"] < 1e-6
    np.savez(file, masks=masks, correct_train=masks * 1.5, correct_test=right * 2.5)
    assert called(capsys, file, "--test", "1")[0] == 2
    code, out, _ = called(capsys, file, "--test", "1", "--score", "margin", "--json", "--quiet")
    assert json.loads(out)["carries"][0]["influence"] == pytest.approx(2.5 * best["influence"])


def test_classes_that_were_predicted_say_who_was_right(capsys, tmp_path):
    asked = [
        "planted",
        "--n",
        "60",
        "--score",
        "predicted",
        "--trials",
        "64",
        "--learner",
        "ridge",
        "--no-plot",
        "--quiet",
    ]
    assert estimate.main([*asked, "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    code, out, _ = called(capsys, tmp_path / "run", "--test", "3", "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["score_kind"] == "correct"
    predicted = stored(tmp_path / "run" / "trials", 64)
    with pytest.raises(ArgumentError, match="labels say who was right"):
        explained(predicted, test=3)
    with pytest.raises(ArgumentError, match="labels say who was right"):
        lds(predicted, np.zeros((predicted.n, predicted.n_test)))
    file = tmp_path / "models.npz"
    parts = {"masks": predicted.masks(), "correct_train": predicted.train, "correct_test": predicted.test}
    np.savez(file, **parts)
    code, _, err = called(capsys, file, "--test", "3", "--score", "predicted", "--quiet")
    assert code == 2
    assert "need y_train and y_test" in err or "labels" in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ([], "--test: got None; give --test ID or --train ID, one of the two"),
        (["--test", "1", "--train", "2"], "--test: got 1, and --train 2"),
        (
            ["--test", "16"],
            "--test: got 16; give the index of a test example, a whole number from 0 to 15, or the name of a row",
        ),
        (["--train", "nobody"], "--train: got nobody; give the index of a train example"),
        (["--test", "1", "--top", "0"], "--top: got 0"),
        (["--test", "1", "--score", "correct"], "--score: got correct; a run knows its own score"),
    ],
)
def test_bad_input_is_one_line(capsys, run, tmp_path, change, says):
    code, out, err = called(capsys, run, *change, "--out", tmp_path / "new", "--quiet")
    assert (code, out) == (2, "")
    assert err.startswith(f"python -m empirical.explain: error: {says}")
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_run_that_is_none_is_one_line(capsys, tmp_path):
    code, _, err = called(capsys, tmp_path, "--test", "1", "--quiet")
    assert code == 2
    assert "not the folder of a run" in err
    assert err.count("\n") == 1


def test_pictures_and_words_show_both_sides():
    rng = np.random.default_rng(2)
    masks = rng.random((300, 12)) < 0.7
    right = masks[:, [3]] & ~(masks[:, [5]] & (rng.random((300, 1)) < 0.5))
    found = explained(Trials.of(masks, masks, right), test=0)
    images = {part: rng.random((12, 4, 4)) for part in ("train", "test")}
    figure = explained_figure(found, "a $run", Exhibits(images=images), top=3)
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 1 + len(found.carries(3)) + len(found.hurts(3))
    assert drawn[1].get_title().startswith("#3\n+")
    bars = explained_figure(found, "a $run", Exhibits(), top=3).axes[0]
    assert bars.get_yticklabels()[0].get_text() == "#3"
    said = report(found, "a run", Exhibits(texts={"train": [f"text {k}" for k in range(12)], "test": ["asked"]}), top=2)
    assert "asked" in said.splitlines()[1]
    assert "text 3" in said
    assert "1 hurt it" in said
