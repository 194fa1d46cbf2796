"""What carries an answer in a report: which answers, kept in the run's folder, and shown by a click with everything escaped."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from empirical.bridge.comparison import Comparison
from empirical.data.examples import Examples
from empirical.designs import Orthogonal
from empirical.estimates.explained import explained, hanging
from empirical.estimates.kept import read, write_summary, write_tables
from empirical.estimates.measure import measure
from empirical.report.exhibits import Exhibits
from empirical.report.explained_section import section
from empirical.report.page import page
from empirical.training.trials import Trials
from longtail.core import ArgumentError


def made(t: int = 300, n: int = 20, q: int = 6) -> tuple[Trials, Examples]:
    """Test example j is right where training example j was in, or by luck, the likelier the larger j; the last one always."""
    rng = np.random.default_rng(0)
    masks = rng.random((t, n)) < 0.7
    right = masks[:, :q] & (rng.random((t, q)) < 0.6) | (rng.random((t, q)) < np.arange(q) / 10)
    right[:, -1] = True
    ids = [tuple(f"{part}{k}" for k in range(many)) for part, many in (("r", n), ("t", q))]
    names = Examples(np.arange(n) % 2, np.arange(q) % 2, ("a", "<b>"), *ids)
    return Trials.of(masks, masks, right), names


def test_answers_that_hang_most_are_explained_as_each_is_alone():
    trials, examples = made()
    table = hanging(trials, examples, most=3)
    share = trials.test_scores().mean(0)
    tests = table["test_index"].unique().tolist()
    assert tests == np.argsort(np.abs(share - 0.5))[:3].tolist()
    assert (table["noise"] < 0.5).all()
    for j in tests:
        rows, alone = table[table["test_index"] == j], explained(trials, examples, test=j)
        assert rows["train_index"].iloc[0] == j  # its own is the strongest
        assert rows["right"].iloc[0] == share[j]
        expected = alone.table.set_index("index").loc[rows["train_index"]]
        np.testing.assert_array_equal(rows["influence"], expected["influence"])
        np.testing.assert_array_equal(rows["noise"], expected["noise"])
    assert (table["test_id"] == [f"t{j}" for j in table["test_index"]]).all()
    assert (table["train_label"] == [("a", "<b>")[i % 2] for i in table["train_index"]]).all()


def test_answers_that_never_vary_are_not():
    trials, _ = made()
    always = replace(trials, test=np.full_like(trials.test, 255))
    assert hanging(always).empty
    assert 5 not in hanging(trials, most=6)["test_index"].unique()
    assert hanging(Trials.of(trials.masks(), trials.train_scores(), np.zeros((300, 0), bool))).empty


def test_arrays_and_margins_have_none():
    trials, examples = made()
    assert measure(trials, examples).explained is not None
    assert (
        measure(replace(trials, design=Orthogonal(fraction=0.75, rows=64)).take(slice(0, 256)), examples).explained
        is None
    )


@pytest.fixture
def folder(tmp_path):
    trials, examples = made()
    found = measure(trials, examples)
    write_tables(found, tmp_path, {})
    write_summary(found, tmp_path, {})
    return tmp_path, found


def test_they_are_kept_with_the_run(folder):
    path, found = folder
    again = read(path).explained
    assert list(again) == list(found.explained)
    np.testing.assert_allclose(again["noise"], found.explained["noise"], rtol=1e-8)
    assert again["test_id"].tolist() == found.explained["test_id"].tolist()
    (path / "explained.csv").unlink()
    assert read(path).explained is None


@pytest.mark.parametrize(("column", "value"), [("train_index", 20), ("test_index", -1), ("noise", "x")])
def test_a_table_of_other_examples_is_refused(folder, column, value):
    path, found = folder
    found.explained.assign(**{column: value}).to_csv(path / "explained.csv", index=False)
    with pytest.raises(ArgumentError, match="it is not the folder of a run"):
        read(path)


@pytest.mark.parametrize("kind", ["images", "texts", "none"])
def test_each_opens_by_a_click_and_everything_is_escaped(kind):
    trials, examples = made()
    found = measure(trials, examples)
    rng = np.random.default_rng(1)
    shown = {
        "images": Exhibits(images={"train": rng.random((20, 5, 5)), "test": rng.random((6, 5, 5))}),
        "texts": Exhibits(texts={"train": ["<script>alert(1)</script>"] * 20, "test": ["& so"] * 6}),
        "none": Exhibits(),
    }[kind]
    text = section(found.explained, shown)
    tests = found.explained["test_index"].nunique()
    assert text.count("<details>") == text.count("</details>") == tests
    assert text.count('class="card"') == tests + len(found.explained)
    assert "labelled <b>" not in text
    assert "labelled &lt;b&gt;" in text
    assert "<script>" not in text
    assert ("&lt;script&gt;" in text) == (kind == "texts")
    places = re.findall(r"background-position: -(\d+)px -(\d+)px", text)
    assert len(places) == (tests + len(found.explained) if kind == "images" else 0)
    assert all(int(x) % 64 == int(y) % 64 == 0 for x, y in places)
    assert text in page(Comparison(found, ()), shown)


def test_nothing_is_shown_of_nothing():
    assert section(None, Exhibits()) == ""
    trials, examples = made()
    found = replace(measure(trials, examples), explained=None)
    assert 'id="why"' not in page(Comparison(found, ()), Exhibits())
