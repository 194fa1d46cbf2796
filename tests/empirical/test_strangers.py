"""A stranger's folder, table or name: read as data, looked up among ours, never imported, never called."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from empirical import Data, compare, estimate, makes_data, makes_learner, remove
from empirical.bridge.comparison import Comparison
from empirical.command import reporting
from empirical.data.load import load
from empirical.data.sources import folder as images
from empirical.estimates.kept import read
from empirical.learners import ALIASES, KNN
from empirical.learners.parse import parse_learner
from empirical.report import page
from empirical.report.exhibits import exhibits
from empirical.report.run_figures import classes
from empirical.training.store import Store
from longtail import Ranked
from longtail.core import ArgumentError, calls
from longtail.plots import save
from tests.empirical.nearest import Nearest
from tests.empirical.reported import CRAFTED, experiment

HERE = "tests.empirical.test_strangers"
PAYLOAD = """
from pathlib import Path
Path({marker!r}).touch()
def make(*arguments, **options):
    Path({marker!r}).touch()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder, of data of ours and a learner of ours."""
    folder = tmp_path_factory.mktemp("run")
    arguments = ["planted", "--n", "120", "--trials", "32", "--shard", "16", "--no-plot", "--quiet"]
    assert estimate.main([*arguments, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def crafted(run, tmp_path):
    """A function that writes that run's folder with a summary changed."""

    def write(**changes):
        out = tmp_path / "run"
        out.mkdir(exist_ok=True)
        for name in ("memorization.csv", "pairs.csv"):
            (out / name).write_bytes((run / name).read_bytes())
        summary = json.loads((run / "summary.json").read_text())
        del summary["checksum"], summary["files"]  # a stranger has said what suits
        inside = summary["arguments"] | changes.pop("arguments", {})
        (out / "summary.json").write_text(json.dumps(summary | changes | {"arguments": inside}))
        return out

    return write


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """A file that is there once the module ``payload``, which can be imported, is, or once its function is called."""
    path = tmp_path / "was-run"
    (tmp_path / "payload.py").write_text(PAYLOAD.format(marker=str(path)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "payload", raising=False)
    return path


RECORDS = {
    "learner of Python's": {"arguments": {"learner": "os.system('touch was-run')"}},
    "learner, not as it was asked for": {"learner": "payload.make()", "arguments": {"learner": None}},
    "learner asked for": {"arguments": {"learner": "payload.make()"}},
    "learner, bare": {"arguments": {"learner": "payload.make"}},
    "learner of scikit-learn": {"arguments": {"learner": "sklearn.tree.DecisionTreeClassifier()"}},
    "learner, no text": {"arguments": {"learner": ["payload.make"]}},
    "data": {"arguments": {"data": "payload.make"}},
    "data, no text": {"arguments": {"data": {"payload": 1}}},
    "prior": {"arguments": {"prior": "payload.make()"}},
    "prior within another": {"arguments": {"prior": "Mixture(parts=((1.0, payload.make()),), size=100)"}},
    "prior of Python's": {"arguments": {"prior": "builtins.eval(\"open('was-run', 'w')\")"}},
}


@pytest.mark.parametrize("changes", RECORDS.values(), ids=RECORDS)
def test_what_a_record_names_is_never_imported(crafted, marker, capsys, changes):
    out = crafted(**changes)
    assert remove.main([str(out), "--quiet"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert page.write(Comparison(read(out), ()), out / "report.html").is_file()
    assert not marker.exists()
    assert "payload" not in sys.modules


def test_compare_says_in_one_line_whose_data_they_are_and_goes_on_without_them(crafted, marker, caplog):
    out = crafted(arguments={"data": "payload.make", "prior": None})
    with caplog.at_level("INFO"):
        assert reporting.written(Comparison(read(out), ()), out, {}, None).is_file()
    said = [line for line in caplog.messages if "payload" in line]
    assert len(said) == 1
    assert "the run's data are payload.make: give --data payload.make to say they are yours" in said[0]
    assert not marker.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["planted", "--n", "40", "--learner", "os.system('touch was-run')"],
        ["planted", "--n", "40", "--learner", "subprocess.check_output"],  # a function, of three arguments or not
        ["planted", "--n", "40", "--learner", "shutil.copyfile"],
        ["planted", "--n", "40", "--learner", "pathlib.Path('was-run')"],
        ["planted", "--n", "40", "--learner", "numpy.savetxt('was-run', [1])"],
        ["planted", "--n", "40", "--learner", "KNN(k=os.system('touch was-run'))"],
        ["planted", "--n", "40", "--prior", "numpy.savetxt('was-run', [1])"],
        ["os.getcwd"],
        ["numpy.show_config"],
        ["empirical.data.dataset.encoded"],
    ],
    ids=lambda arguments: arguments[-1],
)
def test_what_is_no_learner_or_data_set_is_not_called_from_the_command_line_either(marker, capsys, arguments):
    assert estimate.main([*arguments, "--trials", "4", "--quiet"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert not marker.exists()


def test_a_function_says_that_it_makes_a_learner_or_data(marker):
    with pytest.raises(ArgumentError, match=r"learner: got payload.make; .*mark it by @empirical.makes_learner"):
        parse_learner("payload.make()")
    assert marker.exists()  # it was imported, as the user asked
    marker.unlink()
    with pytest.raises(ArgumentError, match=r"data: got payload.make; .*mark the function by @empirical.makes_data"):
        load("payload.make")
    assert not marker.exists()
    assert parse_learner(f"{HERE}.near") == Nearest()
    assert load(f"{HERE}.few").data.n == 8


@dataclass(frozen=True)
class Steps(Ranked):
    """A user's prior."""

    size: int

    def log_value(self, rank):
        return -np.log(rank + 3.0)


@makes_learner
def near():
    return Nearest()


@makes_data
def few(prior="Uniform(3)", n=60):
    x = np.arange(16, dtype=np.float32).reshape(8, 2)
    return Data(x, np.arange(8) % 2, x, np.arange(8) % 2, ("even", "odd"))


def test_own_data_and_priors_are_named_again(tmp_path, capsys):
    """The record names them; it is believed once the user names them too, and the digest tells whether they are the same."""
    out = tmp_path / "run"
    prior = f"{HERE}.Steps(size=40)"
    arguments = ["--prior", prior, "--n", "60", "--trials", "16", "--shard", "16", "--no-plot", "--quiet"]
    assert estimate.main(["planted", *arguments, "--out", str(out)]) == 0
    with pytest.raises(
        ArgumentError, match=re.escape(f"the run's prior is {prior}: give --prior {shlex.quote(prior)}")
    ):
        read(out).dataset()
    assert read(out, prior=prior).dataset().data.n == 60
    with pytest.raises(ArgumentError, match="its data have changed since the run"):
        read(out, prior="Uniform(40)").dataset()
    with pytest.raises(ArgumentError, match=r"the run had 60 \+ 60"):
        read(out, data=f"{HERE}.few", prior=prior).dataset()
    capsys.readouterr()
    assert compare.main(["--published", "cifar100", "--data", "digits", "--quiet"]) == 2
    assert "leave it out" in capsys.readouterr().err


def test_what_is_suggested_for_the_shell_is_one_word_of_it(crafted):
    for name in ("payload.make(a='; touch was-run #')", "payload.make(a=\"'$(touch was-run)'\")"):
        with pytest.raises(ArgumentError) as caught:
            read(crafted(arguments={"prior": name})).dataset()
        words = shlex.split(str(caught.value).split("give ")[1])
        assert words[:2] == ["--prior", name]
    with pytest.raises(ArgumentError) as caught:
        read(crafted(arguments={"prior": "payload.make(a='\x1b[2J\\n')"})).dataset()
    assert str(caught.value).isprintable()


def test_a_record_leads_to_regular_files_only_and_to_those_of_its_digest(crafted, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    table = tmp_path / "private.csv"
    pd.DataFrame({"label": ["a", "b"] * 100, "x": range(200)}).to_csv(table, index=False)
    blank = {"prior": None, "n": None}
    for source in ("/dev/zero", str(tmp_path / "pipe.csv"), "/etc/passwd"):
        with pytest.raises(ArgumentError, match="data: got"):
            read(crafted(arguments=blank | {"data": source})).dataset()
    for test in ("/dev/zero", str(tmp_path / "pipe.csv")):
        with pytest.raises(ArgumentError, match=r"test: got .*there is no such file"):
            read(crafted(arguments=blank | {"data": str(table), "test": test})).dataset()
    with pytest.raises(ArgumentError, match=r"prior: got .*no regular file"):
        read(crafted(arguments={"prior": f"Listed(file={str(tmp_path / 'pipe.csv')!r})"})).dataset()
    with pytest.raises(ArgumentError, match="its data have changed since the run"):
        read(crafted(arguments=blank | {"data": str(table), "test_fraction": 0.5})).dataset()
    with pytest.raises(ArgumentError, match="it does not say by a digest"):
        read(crafted(digest="", arguments=blank | {"data": str(table)})).dataset()
    for name, value in (("label", ["x"]), ("n", "12"), ("seed", True), ("data_dir", {}), ("test_fraction", "a")):
        with pytest.raises(ArgumentError, match=rf"{name}: got .*not what a run's summary.json has there"):
            read(crafted(arguments={name: value})).dataset()


@pytest.mark.parametrize(
    "text",
    ['{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"n_test": ' + "9" * 5_000 + "}", '{"n_test": NaN}', "[]", "\0"],
    ids=["deep", "digits", "NaN", "list", "NUL"],
)
def test_json_that_is_no_summary_is_one_line(crafted, capsys, text):
    out = crafted()
    (out / "summary.json").write_text(text)
    for command in (compare, remove):
        assert command.main([str(out), "--quiet"]) == 2
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert "summary.json" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": "0.1"}, "threshold in summary.json cannot be"),
        ({"test_accuracy": [1]}, "test_accuracy in summary.json cannot be"),
        ({"labels": "ten"}, "labels in summary.json cannot be"),
        ({"trials": 0}, "trials or fraction in summary.json cannot be"),
        ({"fraction": 1.5}, "trials or fraction in summary.json cannot be"),
        ({"n_test": 1}, "test_index is not a number from 0 to 0 throughout"),
    ],
    ids=str,
)
def test_facts_that_cannot_be_are_one_line(crafted, capsys, changes, said):
    assert compare.main([str(crafted(**changes)), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("index", [-1, 10**9, 0.5, float("nan")])
def test_tables_that_speak_of_other_examples_are_refused(crafted, index):
    out = crafted()
    table = pd.read_csv(out / "memorization.csv").astype({"index": float})
    table.loc[3, "index"] = index
    table.to_csv(out / "memorization.csv", index=False)
    with pytest.raises(ArgumentError, match="index is not a number from 0 to 119 throughout"):
        read(out)


def test_pipes_in_a_folder_are_not_waited_for(crafted, capsys):
    for name in ("memorization.csv", "summary.json"):
        out = crafted()
        (out / name).unlink()
        os.mkfifo(out / name)
        assert compare.main([str(out), "--quiet"]) == 2
        assert "give a regular file" in capsys.readouterr().err
        (out / name).unlink()


def test_pipes_and_overgrown_shards_in_a_store_are_damaged_ones(job, tmp_path, caplog):
    store = Store.open(tmp_path, job.identity())
    os.mkfifo(tmp_path / store.name(0))
    assert store.read(0) is None
    np.savez_compressed(
        tmp_path / store.name(1), number=np.int64(1), run=np.uint64(store.identity.digest), train=np.zeros(10**7)
    )
    assert store.read(1) is None
    assert "give a regular file" in caplog.text
    assert "larger than it should be" in caplog.text


def test_pictures_are_read_as_what_they_are_called(tmp_path):
    """Pillow would hand PostScript to another program, whatever the file's name."""
    Image.new("RGB", (4, 4)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.format == "EPS"
    with pytest.raises(ArgumentError, match="it is not an image, or not all of one"):
        images.image(tmp_path / "a.png")


@pytest.mark.parametrize("spec", ["Ridge(penalty=[1])", "KNN(k=[1])", "KNN(k=None)", "KNN(k='1')", "MLP(width=(1,))"])
def test_lists_and_words_where_numbers_are_wanted(spec, capsys):
    assert estimate.main(["planted", "--n", "40", "--learner", spec, "--trials", "4", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert re.search(r"error: (penalty|k|width): got ", said)
    assert len(said.splitlines()) == 1


DEEP = ["(" * 9_000, "KNN(k=" + "[" * 60 + "]" * 60 + ")", "KNN(" + "9" * 401 + ")", "KNN(k=" + "-" * 9_000 + "1)"]


@pytest.mark.parametrize("spec", DEEP, ids=range(len(DEEP)))
def test_deep_and_huge_learners_are_one_line_errors(spec, capsys):
    assert estimate.main(["planted", "--n", "40", "--learner", spec, "--trials", "4", "--quiet"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
WORDS = st.sampled_from([*ALIASES, "inf", "(", ")", ",", "=", "k", "penalty", "1", "-", "'", ".", "os", "\n", "["])


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.lists(WORDS, max_size=25).map("".join))
def test_any_text_is_a_learner_or_an_argument_error(text):
    try:
        parse_learner(text)
    except ArgumentError:
        return


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(ALIASES)), st.lists(VALUES, max_size=4))
def test_any_value_is_an_argument_or_an_argument_error(name, values):
    try:
        parse_learner(f"{name}({', '.join(map(repr, values))})")
    except ArgumentError:
        return


def test_names_from_the_data_are_words_of_the_page_and_of_its_figures(tmp_path):
    """Row names, the learner's and the data's: the page has its own two scripts and no other element of theirs."""
    observed, dataset = experiment(120, "text")
    names = [f"{CRAFTED}{k}" for k in range(120)]
    table, pairs = observed.memorization.assign(id=names), observed.pairs.assign(train_id=CRAFTED, test_id=CRAFTED)
    how = replace(observed.experiment, data=CRAFTED, learner=CRAFTED)
    told = replace(observed, experiment=how, memorization=table, pairs=pairs)
    text = page.page(Comparison(told, (), why=CRAFTED), exhibits(dataset), dataset)
    assert (text.count("<script"), text.count("</script"), text.count("<img")) == (2, 2, 0)
    assert text.count("&lt;script") > 2
    mark = "<script>x</script><img src=x>"
    figure = classes(pd.DataFrame({"class": [mark, "b"], "train": [3, 4], "test": [1, 2]}), mark)
    drawn, inline = save(figure, tmp_path / "classes.svg").read_text(), page.svg(figure, "x", mark)
    assert "&lt;script" in inline
    for svg in (drawn, inline):
        assert "<script" not in svg
        assert "<img" not in svg


def test_ours_are_found_in_a_file_by_their_repr():
    assert parse_learner("KNN(k=3)", imports=False) == KNN(3)
    with pytest.raises(calls.Foreign):
        parse_learner(f"{HERE}.near", imports=False)
