"""``python -m empirical.clean``: what it prints and writes, what it refuses; and scikit-learn's face of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from empirical import SubsetEstimator, estimate
from empirical.command.cleaning import kept_by
from empirical.data.data import Data
from empirical.designs import Folds
from empirical.estimates import issues_kept
from empirical.estimates.kept import read
from empirical.estimates.mislabeled import mislabeled, said
from empirical.learners import KNN, External, Ridge, Softmax
from empirical.training.job import Job
from empirical.training.run import run as trained
from longtail.core import ArgumentError
from longtail.core.sealed import check
from tests.empirical.clouds import RUN, called, clouds, written


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Three clouds, 12 labels of them wrong."""
    return written(tmp_path_factory.mktemp("clouds") / "clouds.csv")


def test_it_says_and_writes_which_labels_are_wrong(capsys, table, tmp_path):
    path, wrong = table
    code, out, _ = called(capsys, path, "--id", "name", "--out", tmp_path, "--json", *RUN)
    assert code == 0
    printed, kept = json.loads(out), json.loads((tmp_path / "issues.json").read_text())
    rows = printed.pop("issues")
    assert printed.items() <= kept.items()
    assert (printed["n"], printed["models"], printed["unseen"]) == (144, 10, 2)
    assert len(rows) == 100
    check(kept, "issues.json", tmp_path, ["issues.csv", "issues.html", "issues_by_class.csv"])
    found = pd.read_csv(tmp_path / "issues.csv")
    there = wrong & set(found["id"])
    assert len(there & set(found["id"][: len(there)])) >= 0.8 * len(there)
    assert printed["expected"] == pytest.approx(found["chance"].sum())  # which is a number of wrong labels: see below
    assert printed["expected"] == pytest.approx(len(there), abs=5 * 3)  # of a dozen tables it scatters by 3
    assert rows[0]["id"] == found["id"][0]
    page = (tmp_path / "issues.html").read_text(encoding="utf-8")
    assert page.count('class="card"') >= 100
    assert f"{rows[0]['given']} → {rows[0]['suggested']}" in page
    assert "<script" not in page
    before = {file: (tmp_path / file).read_bytes() for file in ("issues.csv", "issues.html", "issues_by_class.csv")}
    shard = (tmp_path / "trials" / "shard-000000.npz").stat().st_mtime_ns
    assert called(capsys, path, "--id", "name", "--out", tmp_path, *RUN)[0] == 0  # taken up again
    assert {file: (tmp_path / file).read_bytes() for file in before} == before
    assert (tmp_path / "trials" / "shard-000000.npz").stat().st_mtime_ns == shard
    assert not list(tmp_path.rglob(".*"))


def test_as_many_are_expected_as_are_wrong():
    """Over a dozen tables judged in the command's way the mean difference of Σ h from the number of wrong labels is within 5
    of its standard errors. The control, what is merely unlikely, Σ (1 − q_y), is not.
    """
    off = []
    for seed in range(1, 13):
        x, y, wrong = clouds(seed)
        some = np.random.default_rng(100 + seed).permutation(180)[:144]
        data = Data(x[some], y[some], x[:1], y[:1], (0, 1, 2))
        trials = trained(Job(data, Softmax(), Folds(5), seed, "probabilities"), 10)
        q = said(trials, data.y_train, 3).share
        there = np.isin(some, wrong).sum()
        unlikely = 1 - q[np.arange(144), data.y_train]
        off.append([mislabeled(q, data.y_train).chance.sum() - there, unlikely.sum() - there])
    z = np.mean(off, 0) / (np.std(off, 0, ddof=1) / np.sqrt(len(off)))
    assert abs(z[0]) < 5
    assert z[1] > 5


def test_labels_of_test_examples_are_judged_too(capsys, table, tmp_path):
    path, wrong = table
    ask = (path, "--id", "name", "--test-fraction", "0.4", "--out", tmp_path, "--json", *RUN)
    code, out, _ = called(capsys, *ask, "--test-labels", "--top", "10")
    assert code == 0
    printed = json.loads(out)
    assert (printed["n"], printed["test"]["n"], printed["test"]["unseen"]) == (108, 72, 10)
    found = pd.read_csv(tmp_path / "issues.csv")
    assert dict(found["part"].value_counts()) == {"train": 108, "test": 72}
    assert (found["chance"].diff().dropna() <= 0).all()
    assert [row["id"] for row in printed["issues"]] == list(found["id"][:10])
    tests = found[found["part"] == "test"]
    assert sorted(tests["index"]) == list(range(72))
    assert tests["memorization"].isna().all()
    there = wrong & set(tests["id"])
    assert len(there) >= 3
    assert len(there & set(tests["id"][: len(there)])) >= 0.7 * len(there)
    assert printed["test"]["expected"] == pytest.approx(len(there), abs=3)
    page = (tmp_path / "issues.html").read_text()
    assert 'id="test-issues"' in page
    assert "of 72 test labels" in page
    kept = pd.read_csv(tmp_path / "issues_by_class.csv")
    assert set(kept["part"]) == {"train", "test"}
    labels = found[found["part"] == "train"][["index", "given"]].rename(columns={"given": "label"})
    beside = issues_kept.read(tmp_path, labels)  # a run's report is of its training examples
    assert list(beside["id"]) == list(found[found["part"] == "train"]["id"])
    assert called(capsys, *ask)[0] == 0  # the same folder without them: trials of either are kept by themselves
    assert set(pd.read_csv(tmp_path / "issues.csv")["part"]) == {"train"}
    assert 'id="test-issues"' not in (tmp_path / "issues.html").read_text()
    assert {one.name for one in tmp_path.iterdir() if one.is_dir()} == {"trials", "trials-tests"}


def test_it_prints_words(capsys, table):
    code, out, err = called(capsys, table[0], "--id", "name", "--learner", "softmax", "--top", "5")
    assert code == 0
    assert "are expected to be wrong" in out.splitlines()[0]
    assert "likeliest wrong" in out
    assert len(out.split("likeliest wrong\n")[1].split("\n\n")[0].splitlines()) == 6
    assert "10 models" in err


def test_a_run_of_estimate_that_kept_classes_is_read(capsys, table, tmp_path):
    path, wrong = table
    ask = [str(path), "--id", "name", "--learner", "ridge", "--trials", "60", "--no-plot", "--quiet"]
    for score in ("predicted", "correct"):
        assert estimate.main([*ask, "--score", score, "--out", str(tmp_path / score)]) == 0
    capsys.readouterr()
    code, out, _ = called(capsys, "--run", tmp_path / "predicted", "--out", tmp_path / "labels", "--json", "--quiet")
    assert code == 0
    told = json.loads(out)
    assert told["models"] == 60
    assert told["learner"].startswith("Ridge")
    found = pd.read_csv(tmp_path / "labels" / "issues.csv")
    there = wrong & set(found["id"])
    assert len(there & set(found["id"][: len(there)])) >= 0.8 * len(there)
    memorized = pd.read_csv(tmp_path / "predicted" / "memorization.csv").set_index("index")["memorization"]
    np.testing.assert_allclose(found.set_index("index")["memorization"].sort_index(), memorized, rtol=1e-6)
    run = tmp_path / "predicted"
    # the same, in the run's folder
    assert (run / "issues.csv").read_bytes() == (tmp_path / "labels" / "issues.csv").read_bytes()
    assert not (tmp_path / "correct" / "issues.csv").exists()
    assert read(tmp_path / "correct").issues is None
    np.testing.assert_allclose(read(run).issues["chance"], found["chance"])
    assert called(capsys, "--run", run, "--out", run, "--seed", "1", "--quiet")[0] == 0  # written anew by clean
    assert read(run).issues is not None
    whole = (run / "issues.csv").read_text(encoding="utf-8")
    other = found.assign(given=np.roll(found["given"], 1))
    (run / "issues.csv").write_text(whole.replace("n1", "n2", 1), encoding="utf-8")  # not as it was written
    assert read(run).issues is None
    for labels, same in ((other, False), (found, True)):  # of other labels; and the control, sealed alike
        labels.to_csv(run / "issues.csv", index=False)
        issues_kept.write_record({}, [run / "issues.csv"], run)
        assert (read(run).issues is not None) == same
    code, _, err = called(capsys, "--run", tmp_path / "correct", "--out", tmp_path / "none")
    assert code == 2
    assert "estimate --score predicted" in err
    code, _, err = called(capsys, "--run", tmp_path / "predicted", "--trials", "8")
    assert (code, "leave it out" in err) == (2, True)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--trials", "0"), "--trials: got 0"),
        (("--trials", "1"), "--trials: got 1"),
        (("--trials", "5"), "--trials: got 5, of which 1 judge each label; train more"),
        (("--trials", "7"), "give a multiple, as 5"),
        (("--parts", "1"), "--parts: got 1"),
        (("--top", "0"), "--top: got 0"),
        (("--learner", "nothing"), "learner"),
    ],
)
def test_what_cannot_be_is_one_line(capsys, table, tmp_path, more, says):
    code, out, err = called(capsys, table[0], "--id", "name", "--quiet", "--out", tmp_path / "out", *more)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert says in err
    assert not list((tmp_path / "out").rglob("*.*"))


def test_one_class_and_no_data_are_refused(capsys, tmp_path):
    pd.DataFrame({"a": [1.0, 2, 3, 4, 5, 6], "label": ["x"] * 6}).to_csv(tmp_path / "one.csv", index=False)
    code, _, err = called(capsys, tmp_path / "one.csv")
    assert code == 2
    assert "class" in err
    code, _, err = called(capsys)
    assert code == 2
    assert "give a data set" in err
    code, _, err = called(capsys, "--run", tmp_path / "nowhere")
    assert (code, "--run: got" in err, "not the folder of a run" in err) == (2, True, True)


def test_pictures_and_texts_are_on_the_page(capsys, tmp_path):
    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 190)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for k in range(14):
            pixels = rng.integers(level - 50, level + 50, (6, 5)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{k}.png")
    code, _, _ = called(capsys, tmp_path / "pictures", "--out", tmp_path / "a", *RUN)
    assert code == 0
    assert (tmp_path / "a" / "issues.html").read_text().count("data:image/png") > 20
    lines = [f"{'pos' if k % 2 else 'neg'} {'good fine' if k % 2 else 'bad poor'} <b> {k % 7}" for k in range(40)]
    (tmp_path / "words.txt").write_text("\n".join(lines))
    code, _, _ = called(capsys, tmp_path / "words.txt", "--out", tmp_path / "b", *RUN)
    assert code == 0
    page = (tmp_path / "b" / "issues.html").read_text()
    assert "good fine &lt;b&gt;" in page
    for name, made in (("pictures", "c"), ("words.txt", "d")):  # a part that no model saw is shown as well
        assert called(capsys, tmp_path / name, "--out", tmp_path / made, "--test-labels", *RUN)[0] == 0
    pages = [(tmp_path / made / "issues.html").read_text() for made in "cd"]
    assert 'alt="test example 0"' in pages[0]
    assert "good fine" in pages[1].split('id="test-issues"')[1]


def test_learners_that_tell_classes_only_are_asked_for_these():
    assert kept_by(KNN()) == "probabilities"
    assert kept_by(Ridge()) == "predicted"
    assert kept_by(External(GaussianNB())) == "probabilities"
    assert kept_by(External(RidgeClassifier())) == "predicted"


def test_an_estimator_ranks_labels(table):
    frame = pd.read_csv(table[0])
    x, y = frame[list("abcd")], frame["label"]
    given = {"models": 30, "random_state": 1}
    for learner, score in (("softmax", "probabilities"), ("ridge", "predicted")):
        e = SubsetEstimator(learner, scoring=score, **given).fit(x[:150], y[:150], x[150:], y[150:])
        found = e.label_issues_
        there = {int(name[1:]) for name in table[1] if int(name[1:]) < 150}
        assert len(there & set(found["index"][: len(there)])) >= 0.7 * len(there)
        assert found["nearest"].notna().all()
        assert {"memorization", "in_accuracy"} < set(e.memorization_)
        # with nobody to test on
        alone = SubsetEstimator(learner, scoring=score, **given).fit(x[:150], y[:150]).label_issues_
        np.testing.assert_allclose(alone["chance"], found["chance"], atol=0.02)
    plain = SubsetEstimator("ridge", **given).fit(x[:150], y[:150], x[150:], y[150:])
    with pytest.raises(ArgumentError, match="'predicted' or 'probabilities'"):
        _ = plain.label_issues_
