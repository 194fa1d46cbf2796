"""The report as a to-do list: what is on the lists, and where it stands."""

import base64
import io
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from empirical import compare, estimate
from empirical.bridge.comparison import Comparison
from empirical.command import reporting
from empirical.data import duplicates
from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.duplicates import near_duplicates, said_alike, twins
from empirical.data.rows import fewer
from empirical.data.sources.table import Rows
from empirical.estimates.measured import Experiment, Measured
from empirical.report.exhibits import exhibits
from empirical.report.gallery import gallery
from empirical.report.headline import headline
from empirical.report.majority import no_better
from empirical.report.page import page
from empirical.report.run_text import report
from empirical.report.todo import tasks
from tests.empirical.reported import CRAFTED, fitted, many


def measured(n=30, accuracy=0.95):
    rng = np.random.default_rng(0)
    out = np.linspace(0, 1, n)
    table = pd.DataFrame({"index": np.arange(n), "label": ["x", CRAFTED] * (n // 2), "memorization": (1 - out) / 2})
    table = table.assign(stderr=0.02, in_accuracy=(1 + out) / 2, out_accuracy=out, low=0.0, high=1.0, group="between")
    pairs = pd.DataFrame({"train_index": [3, 3, 3, 5, 7, 7, 9], "test_index": [0, 1, 2, 2, 3, 4, 4]})
    pairs["label"], pairs["influence"] = "x", [0.9, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    pairs["stderr"], pairs["low"], pairs["high"] = 0.05, 0.1, 1.0
    x, z = rng.random((n, 8), np.float32), rng.random((10, 8), np.float32)
    y = np.arange(n) % 2
    data = Data(x, y, z, np.array([0] * 6 + [1] * 4), ("x", CRAFTED))
    found = Measured(Experiment("mine", 10, 100, 0.7, 2, learner="KNN(k=1)"), table, pairs, test_accuracy=accuracy)
    return found, Dataset("mine", data, rows=([f"{CRAFTED} {k}" for k in range(n)], [f"t {k}" for k in range(10)]))


def listed(found, dataset=None):
    return {task.name: task for task in tasks(found, dataset)}


def test_labels_to_check_are_the_least_often_right_without_them():
    made = listed(measured()[0])["labels"]
    assert [card.places[0][1] for card in made.cards] == list(range(12))
    assert made.said.startswith("15 training examples of 30 ")
    assert made.cards[1].says == f"{CRAFTED}: right in 3 % of models without it, 52 % with it"
    filed = pd.read_csv(io.BytesIO(base64.b64decode(made.link.partition(",")[2])))
    assert filed["index"].tolist() == list(range(15))
    found = measured()[0]
    assert "labels" not in listed(replace(found, memorization=found.memorization.drop(columns="out_accuracy")))
    assert "labels" not in listed(replace(found, memorization=found.memorization.assign(out_accuracy=0.5)))


def judged(n=30):
    """As ``longtail clean`` ranks them: two likelier wrong than right, one worth a look."""
    chance = np.r_[0.999, 0.7, 0.06, np.zeros(n - 3)]
    table = pd.DataFrame(
        {"index": np.arange(n)[::-1], "given": "x", "suggested": CRAFTED, "share": 0.8, "chance": chance}
    )
    table = table.assign(memorization=0.1, nearest=pd.array([3, *[pd.NA] * (n - 1)], "Int64"), nearest_label=CRAFTED)
    return table.assign(influence=0.31, influence_stderr=0.05, duplicate=True)


def test_labels_to_check_are_those_of_clean_where_models_kept_classes():
    found, dataset = measured()
    made = listed(replace(found, issues=judged()))["labels"]
    assert [card.places for card in made.cards] == [(("train", 29), ("train", 3)), (("train", 28),), (("train", 27),)]
    assert made.said.startswith("Of 30 labels about 1.8 are expected to be wrong; 2 are likelier wrong than right")
    assert made.cards[0].says == (
        f"labelled x; 80 % of models say {CRAFTED}. Wrong with a chance of more than 99 %. Models that saw the other say "
        f"{CRAFTED} more often, by 31.0 ± 9.8 points. Nearly the same"
    )
    assert "chance of 70 %" in made.cards[1].says
    vague = judged().assign(influence_stderr=[0.2, *[np.nan] * 29])
    assert not any("saw the other" in card.says for card in listed(replace(found, issues=vague))["labels"].cards)
    filed = pd.read_csv(io.BytesIO(base64.b64decode(made.link.partition(",")[2])))
    assert filed["chance"].tolist() == [0.999, 0.7, 0.06]
    assert CRAFTED not in page(Comparison(replace(found, issues=judged()), (), why="no"), exhibits(dataset), dataset)
    assert "labels" not in listed(replace(found, issues=judged().assign(chance=0.01)))


def test_issues_say_what_the_nearest_of_another_label_does_and_only_what_is_told_from_chance():
    """By hand: beside each its nearest, by name and label; more or less often; nothing within its error; a twin, or not."""
    found = measured()[0]
    table = (
        judged()
        .head(5)
        .assign(
            chance=[0.994, 0.996, 0.5, 0.05, 0.049],
            id=[f"row {k}" for k in range(5)],
            nearest=pd.array([3, 4, 5, pd.NA, 7], "Int64"),
            nearest_label="z",
            influence=[-0.4, 0.09, np.nan, 0.2, 0.2],
            influence_stderr=0.05,
            duplicate=[False, True, False, False, False],
        )
    )
    made = listed(replace(found, issues=table))["labels"]
    assert len(made.cards) == len(made.table) == 4
    assert "about 2.6 are expected to be wrong; 3 are likelier wrong than right" in made.said
    assert [card.names for card in made.cards] == [
        ("row 0", "#3: z"),
        ("row 1", "#4: z"),
        ("row 2", "#5: z"),
        ("row 3",),
    ]
    first, second, third, last = (card.says for card in made.cards)
    assert first.endswith(
        f"say {CRAFTED}. Wrong with a chance of 99 %. Models that saw the other say z less often, by 40.0 ± 9.8 points"
    )
    assert second.endswith("Wrong with a chance of more than 99 %. Nearly the same")  # .09 is within 1.96 · .05
    assert third.endswith("Wrong with a chance of 50 %")
    assert last == f"labelled x; 80 % of models say {CRAFTED}. Wrong with a chance of 5 %"
    one = listed(replace(found, issues=table.assign(chance=[0.2, 0.6, 0, 0, 0])))["labels"]
    assert "1 is likelier wrong than right" in one.said
    assert [card.names[0] for card in one.cards] == ["row 0", "row 1"]
    none = listed(replace(found, issues=table.assign(chance=0.04)))
    assert "labels" not in none


def test_at_risk_is_who_hangs_on_one_example_alone():
    made = listed(measured()[0])["risk"]
    assert [[index for _, index in card.places] for card in made.cards] == [[0, 3], [3, 7], [1, 3]]
    assert made.said.startswith(
        "3 test examples of 10 that hang on one training example: without it models are right on them 15 points"
    )
    assert made.cards[0].says == "x: right 90 points more often with it"


def test_who_carries_many_comes_by_how_many():
    made = listed(measured()[0])["carrying"]
    assert [(row.train_index, row.tests) for row in made.table.itertuples()] == [(3, 3), (7, 2)]
    assert made.cards[0].says == "x: carries 3 test examples, 140 points in all"
    empty = replace(measured()[0], pairs=measured()[0].pairs.head(0))
    assert not {"risk", "carrying"} & set(listed(empty))


def test_near_duplicates_across_training_and_test_are_found():
    found, dataset = measured()
    assert "duplicates" not in listed(found, dataset)
    x, z = dataset.data.x_train, dataset.data.x_test.copy()
    z[4], z[7] = x[11], x[20] + np.float32(1e-3)
    said = [list(part) for part in dataset.rows]
    said[1][4] = said[0][11]
    copied = replace(dataset, data=replace(dataset.data, x_test=z), rows=said)
    filled = listed(found, replace(copied, rows=dataset.rows))["duplicates"]
    assert filled.cards[0].says == f"{CRAFTED} and x, the same to a learner"
    assert "near-duplicate in training: nearer" in filled.said
    made = listed(found, copied)["duplicates"]
    assert made.table[["test_index", "train_index"]].to_numpy().tolist() == [[4, 11], [7, 20]]
    assert "2 test examples of 10 with a near-duplicate in training, 1 of them identical" in made.said
    assert made.cards[0].says == f"{CRAFTED} and x, identical"
    assert near_duplicates(copied.data)[[4, 7]].all()


def test_rows_of_a_table_are_identical_by_all_columns_and_all_digits():
    """By hand: a copy; another color; another value behind the columns shown; a gap in one; a gap in both; a seventh digit, and
    a gap elsewhere."""
    found, dataset = measured()
    n = dataset.data.n
    table = pd.DataFrame({f"c{k}": np.arange(n + 10) + 0.5 for k in range(15)}).assign(color="red")
    table.iloc[n : n + 6] = table.iloc[:6].to_numpy()
    table.loc[n + 1, "color"] = "blue"
    table.loc[n + 2, "c14"] = 9.0
    table.loc[[n + 3, 4, n + 4], "c13"] = np.nan
    table.loc[n + 5, "c0"] += 1e-7
    table.loc[5, "c1"] = np.nan
    z = np.concatenate([dataset.data.x_train[:6], dataset.data.x_test[6:]])
    rows = Rows(table, np.arange(n)), Rows(table, np.arange(n, n + 10))
    made = listed(found, replace(dataset, data=replace(dataset.data, x_test=z), rows=rows))["duplicates"]
    assert made.table["test_index"].tolist() == list(range(6))
    assert made.table["identical"].tolist() == [True, False, False, False, True, False]
    said = [card.says.partition(", ")[2] for card in made.cards]
    other, gap = "the same to a learner", "identical once gaps are filled"
    assert said == ["identical", other, other, gap, "identical", other]
    assert "2 of them identical: nearer than a quarter" in made.said
    assert rows[0][2] == rows[1][2]  # in words, which have the first columns only
    few = fewer(replace(dataset, rows=rows), 5)
    assert few.rows[0].alike(np.arange(5), rows[0], np.array(few.train_ids))[0].all()


def test_of_texts_the_report_says_words_and_calls_identical_what_is_so_letter_by_letter():
    found, dataset = measured()
    train = ["Who was Monet ?", "ten nine eight seven six five four three two one", "who was Monet"]
    train += [f"what is number {k} of these" for k in range(27)]
    test = ["who was Monet", "Who was MONET?", f"{train[1]} more", *[f"nothing like {k}" for k in range(7)]]
    made = listed(found, replace(dataset, data=replace(dataset.data, x_train=train, x_test=test), rows=None))[
        "duplicates"
    ]
    assert made.said.startswith(
        "3 test examples of 10 with a near-duplicate in training, 1 of them identical: the same words, or nine of ten of them."
    )
    assert "distance" not in made.said
    assert made.table[["test_index", "train_index"]].to_numpy().tolist() == [[0, 2], [1, 0], [2, 1]]
    assert [card.says.partition(", ")[2] for card in made.cards] == ["identical", "the same words", ""]


def test_of_the_same_words_in_another_order_the_first_text_is_told():
    train = ["b a c", "c a b", "b a c"]
    for some, first in ((train, 0), (train[1:], 0), ([*train[::-1], "d"], 0), (["d", *train], 1)):
        told = said_alike(some, ["a b c"], np.array([len(some) - 1]))
        assert told["train_index"].tolist() == [first]


def test_texts_are_twins_by_all_their_words():
    """Names are rare: by its two thousand commonest words TF-IDF takes "Who was Monet ?" for "Who was Galileo ?"."""
    data = measured()[1].data
    train = [f"who was {name} the painter" for name in "abc"] + ["one two three four five six seven eight nine ten"]
    train += [f"what is this number {k % 3}" for k in range(26)]
    test = ["Who was Z, the painter?", "who was B the painter", "painter the b was who", f"{train[3]} more", "other"]
    found = twins(replace(data, x_train=train, x_test=[*test, *["none at all"] * 5]))
    assert found.by_words
    assert not twins(data).by_words
    told = found.table
    assert told[["test_index", "train_index"]].to_numpy().tolist() == [[1, 1], [3, 3], [2, 1]]
    assert (told["distance"] == 0).tolist() == [True, False, False]


def test_twins_are_not_looked_for_where_it_would_take_long_or_cannot_be(monkeypatch):
    data = measured()[1].data
    texts = [f"{a} {b}" for a, b in combinations(["red", "blue", "one", "two", "cat", "dog", "sun", "sea", "ice"], 2)][
        :30
    ]
    told = twins(replace(data, x_train=texts, x_test=[*texts[:9], "other"]))
    assert told.table["train_index"].tolist() == list(range(9))
    for gaps in ([object()] * 30, np.where(data.x_train > 0.9, np.nan, data.x_train)):
        unknown = twins(replace(data, x_train=gaps, x_test=[object()] * 10 if isinstance(gaps, list) else data.x_test))
        assert (unknown.table, unknown.products) == (None, 0)
    copied = replace(data, x_test=np.concatenate([data.x_train[:1], data.x_test[1:]]))
    monkeypatch.setattr(duplicates, "MOST", (10 + 30) * 30 * 8)
    assert len(twins(copied).table) == 1
    monkeypatch.setattr(duplicates, "MOST", (10 + 30) * 30 * 8 - 1)
    assert (twins(copied).table, twins(copied).products) == (None, (10 + 30) * 30 * 8)
    assert len(twins(copied, most=np.inf).table) == 1


def test_twins_that_were_not_looked_for_are_said_with_what_does_it_anyway(monkeypatch, caplog):
    found, dataset = measured()
    z = dataset.data.x_test.copy()
    z[4] = dataset.data.x_train[11]
    copied = replace(dataset, data=replace(dataset.data, x_test=z))
    monkeypatch.setattr(duplicates, "MOST", 100)
    with caplog.at_level("INFO", "empirical"):
        made = {task.name: task for task in tasks(found, copied)}["duplicates"]
    assert (
        "were not looked for: to compare 10 test examples with 30 training examples takes 9.6e+03 products" in made.said
    )
    assert "--twins" in made.said
    assert made.said in caplog.text
    assert (made.cards, made.link) == ((), "")
    text = page(Comparison(found, (), why="no reason"), exhibits(copied), copied)
    assert "were not looked for" in text
    assert "duplicates.csv" not in text
    whole = page(Comparison(found, (), why="no reason"), exhibits(copied), copied, twins=True)
    assert "were not looked for" not in whole
    assert "duplicates.csv" in whole


def test_the_list_comes_first_theory_last_and_nothing_runs():
    found, dataset = measured()
    text = page(Comparison(found, (), why="no reason"), exhibits(dataset), dataset)
    places = [text.index(f'id="{name}"') for name in ("todo", "task-labels", "task-risk", "measured", "gallery")]
    assert places == sorted(places)
    assert CRAFTED not in text
    assert (
        "100 models, KNN(k=1), each trained on a random 70\u00a0% of the examples, right on 95\u00a0% of 10 test"
        in text
    )
    assert 'class="warning"' not in text
    assert re.search(r'data-part="train" data-index="0">', text)
    nothing = replace(found, pairs=found.pairs.head(0), memorization=found.memorization.assign(out_accuracy=0.9))
    assert "Nothing stands out" in page(Comparison(nothing, (), why="no reason"), exhibits(dataset), dataset)


@pytest.mark.parametrize(("accuracy", "said"), [(0.6, True), (0.89, True), (0.95, False), (np.nan, False)])
def test_a_learner_no_better_than_one_class_is_told(accuracy, said):
    found, dataset = measured(accuracy=accuracy)  # .6 ± .15 of the tests are x
    word = no_better(found, dataset)
    assert ("always saying x: right on" in word and "that is right on 60 %" in word) == said
    assert ("no better than" in word, "not told from" in word) == (accuracy == 0.6, accuracy == 0.89)
    text = page(Comparison(found, (), why="no reason"), exhibits(dataset), dataset)
    assert ('class="warning"' in text) == ("point at little" in text) == said
    known = replace(found, trust=replace(found.trust, false_pairs=1.0))
    assert ("right on 60 %" in report(known, dataset=dataset)) == said  # as the page has it
    assert ("always saying" in report(known)) == (accuracy == 0.6)


@pytest.mark.parametrize("accuracy", [0.6, 0.95])
def test_theory_of_a_learner_that_tells_no_more_than_one_class_is_folded(accuracy):
    found, dataset = measured(accuracy=accuracy)
    text = page(replace(fitted(), observed=found), exhibits(dataset), dataset)
    theory = text[text.index('<section id="theory"') : text.index('<section id="gallery"')]
    assert theory.count("<figure") >= 3
    assert ('<details id="anyway">' in theory[: theory.index("<figure")]) == (accuracy == 0.6)
    assert theory.count("<details") == theory.count("</details>")


def test_one_test_that_hangs_on_one_is_one():
    found = measured()[0]
    task = listed(replace(found, pairs=found.pairs.iloc[[0]]))["risk"]
    assert task.said.startswith(
        "1 test example of 10 that hangs on one training example: without it models are right on it 15"
    )


def test_pairs_that_chance_makes_are_told_of_tests_that_hang_on_one():
    found = measured()[0]
    for false, said in ((3.2, True), (0.1, False), (np.nan, False)):
        task = listed(replace(found, trust=replace(found.trust, false_pairs=false)))["risk"]
        assert ("Of the 7 pairs of such influence about 3 are expected by chance." in task.said) == said


def test_a_text_opens_whole_and_its_card_shows_the_beginning():
    found, dataset = measured()
    long = [f"{'word ' * 300}{k}" for k in range(30)]
    items = gallery(found, exhibits(replace(dataset, rows=(long, [*("t " * 2000,), *map(str, range(9))]))))
    assert [example[5] for example in items.examples] == long
    assert sorted(len(test[2]) for test in items.tests)[-1] == 2000


def test_examples_on_the_lists_have_their_pictures_however_many_there_are():
    observed = many(60_000, 20)
    without = {e[1] for e in gallery(observed, exhibits(None)).examples}
    hidden = [i for i in range(60_000) if i not in without][:30]
    items = gallery(observed, exhibits(None), wanted=[("train", i) for i in hidden] + [("test", 49), ("test", 1000)])
    assert set(hidden) <= {e[1] for e in items.examples}
    assert [t[0] for t in items.tests].count(49) == 1
    assert items.tests[-1][:2] == [1000, len(items.examples) + len(items.tests) - 1]


def test_examples_carry_how_often_models_are_right():
    items = gallery(measured()[0], exhibits(None))
    assert items.examples[15][8:] == [round((1 + 15 / 29) / 2, 3), round(15 / 29, 3)]
    assert gallery(many(400, 2), exhibits(None)).examples[0][8:] == [None, None]


def test_a_report_without_theory_fits_none_and_what_is_for_no_report_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reporting, "compared", None)
    found, dataset = measured()
    text = reporting.report(found, tmp_path, dataset, theory=False).read_text(encoding="utf-8")
    assert "There is no theory beside it: it was not asked for." in text
    assert 'id="theory"' not in text
    unknown = replace(found, experiment=replace(found.experiment, n_classes=None))
    assert headline(Comparison(unknown, (), why="it was not asked for")).endswith("beside it: it was not asked for.")
    assert "give it as --labels K" in headline(Comparison(unknown, (), why="None; give the number of classes"))
    assert reporting.is_made(tmp_path, theory=False)
    assert not reporting.is_made(tmp_path)
    (tmp_path / "compare" / "run.json").unlink()
    assert reporting.is_made(tmp_path)
    for option in ("--twins", "--no-theory"):
        for more, got in (([], "no --out"), (["--out", str(tmp_path / "other"), "--no-plot"], "--no-plot")):
            assert estimate.main(["planted", "--n", "60", option, *more]) == 2
            assert f"{option}: got {got}; it is for the report" in capsys.readouterr().err
    assert compare.main([str(tmp_path), "--twins"]) == 2
    assert not (tmp_path / "other").exists()
