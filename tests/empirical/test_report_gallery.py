"""The examples of a report in a real headless Chromium: they filter, sort, open, and stay few however many there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.comparison import Comparison
from empirical.data.dataset import Dataset
from empirical.report.exhibits import exhibits
from empirical.report.gallery import gallery
from empirical.report.page import page, write
from tests.empirical.reported import experiment, many, put, said, slide

SHOWN_AT_MOST = 1200  # cards that any filter may draw, however large the data
MADE_AT_MOST = 1000  # elements that any filter may make


@pytest.mark.browser
def test_opens_clean_and_the_slider_filters_ten_thousand(chromium, large_page):
    assert large_page.stat().st_size < 10_000_000
    chromium.get(large_page.as_uri())
    values = experiment(10_000, "image")[0].values
    for level in (0.0, 0.25, 0.6, 0.99):
        count, cards = slide(chromium, level)
        assert count == (values.round(4) >= level).sum()
        assert cards <= SHOWN_AT_MOST  # so a filter costs the same however many examples there are
    assert chromium.get_log("browser") == []
    assert "all" in chromium.find_element("id", "class").text


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """10,000 long texts in another script."""
    observed, dataset = experiment(10_000, "text")
    data = replace(dataset.data, x_train=["記憶" * 100 + str(k) for k in range(10_000)])
    path = tmp_path_factory.mktemp("texts") / "report.html"
    return write(Comparison(observed, ()), path, None, replace(dataset, data=data))


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return write(Comparison(many(60_000, 1000), ()), tmp_path_factory.mktemp("classes") / "report.html")


MADE = """
let made = 0, looked = 0;
const includes = String.prototype.includes;
String.prototype.includes = function (...given) { looked += 1; return includes.apply(this, given); };
for (const name of ["createElement", "createElementNS", "createTextNode"]) {
  const real = Document.prototype[name];
  Document.prototype[name] = function (...given) { made += 1; return real.apply(this, given); };
}
const cost = (act) => { made = looked = 0; act(); return [made, looked]; };
const put = (id, value) => { const c = document.getElementById(id); c.value = value; c.dispatchEvent(new Event("input")); };
return [
  [0, 0.3, 0.01, 0.9, 0.05, 0.6, 0.2, 0, 0.5].map((x) => cost(() => put("threshold", x))),
  [0.2, 0.15, 0.5, 0.15, 0.9].map((x) => cost(() => put("influence", x))),
  ["1", "17", "", "a", "c"].map((x) => cost(() => put("search", x))),
  [put("search", ""), "1", "", "2", "", "3"].slice(1).map((x) => cost(() => put("class", x))),
  [put("class", ""), put("search", ""), put("threshold", 0), 1, 2, 3, 4, 5].slice(3).map(
    () => cost(() => document.getElementById("more").click())),
];
"""


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["large_page", "texts", "classes"])
def test_any_control_draws_no_more_than_a_page_of_ten_thousand_examples(chromium, kind, request):
    """What a page takes to answer is what it makes and how often it looks at a text, counted: seconds are the machine's."""
    chromium.get(request.getfixturevalue(kind).as_uri())
    assert (
        len(chromium.execute_script("return JSON.parse(document.getElementById('data').textContent).examples"))
        == 10_000
    )
    costs = np.concatenate(chromium.execute_script(MADE))
    assert 100 < costs[:, 0].max() <= MADE_AT_MOST, costs
    assert 10_000 <= costs[:, 1].max() <= 3 * 10_000, costs


@pytest.mark.browser
def test_class_and_search_filter(chromium, large_page):
    chromium.get(large_page.as_uri())
    everything, _ = slide(chromium, 0)
    put(chromium, "class", "2")
    table = experiment(10_000, "image")[0].memorization
    assert slide(chromium, 0)[0] == (table["label"] == "c").sum() < everything
    box = chromium.find_element("id", "search")
    box.send_keys("c 17")
    found = [
        i for i, label in zip(table["index"], table["label"], strict=True) if label == "c" and str(i).startswith("17")
    ]
    assert slide(chromium, 0)[0] == len(found)


@pytest.mark.browser
def test_more_classes_are_drawn_a_page_at_a_time(chromium, tmp_path):
    path = write(Comparison(many(60_000, 100), ()), tmp_path / "many.html")
    chromium.get(path.as_uri())
    slide(chromium, 0)
    blocks, drawn = [], []
    while True:
        drawn.append(len(chromium.find_elements("css selector", "#classes .card")))
        blocks.append(len(chromium.find_elements("css selector", ".class")))
        button = chromium.find_element("id", "more")
        if not button.is_displayed():
            break
        chromium.execute_script("window.kept = document.querySelector('.class'); arguments[0].click()", button)
        assert chromium.execute_script("return window.kept === document.querySelector('.class')")  # not drawn again
    assert blocks == [*range(12, 100, 12), 100]
    assert max(np.diff([0, *drawn])) <= 12 * 12
    slide(chromium, 0.01)
    assert len(chromium.find_elements("css selector", ".class")) == 12


@pytest.mark.browser
def test_pairs_are_all_there_at_first_and_filtered_by_their_influence_alone(chromium, large_page):
    chromium.get(large_page.as_uri())
    assert said(chromium, "linked") == 40
    slide(chromium, 1)  # the strongest pairs may be of examples that nobody had to memorize
    assert said(chromium, "linked") == 40
    put(chromium, "influence", 0.5)
    influence = experiment(10_000, "image")[0].pairs["influence"]
    assert 0 < said(chromium, "linked") == (influence.round(4) >= 0.5).sum() < 40
    assert chromium.find_element("id", "least").text == "0.50"


@pytest.mark.browser
def test_pairs_beyond_those_shown_are_owned_up_to(chromium, tmp_path):
    observed, dataset = experiment(400, "text")
    many = pd.DataFrame({"train_index": np.arange(2600) % 400, "test_index": np.arange(2600) % 50})
    many["influence"], many["stderr"] = np.linspace(0.185, 1, 2600), 0.04
    path = tmp_path / "many.html"
    several = replace(observed, pairs=many, threshold=0.185)
    path.write_text(page(Comparison(several, ()), exhibits(dataset), dataset), encoding="utf-8")
    chromium.get(path.as_uri())
    assert chromium.find_element("id", "linked").text == "2,000 pairs, of the 2,000 strongest out of 2,600"
    assert chromium.find_element("id", "least").text == "0.18"
    assert "influence 1.000" in chromium.find_element("css selector", ".pair .strength").text


@pytest.mark.browser
def test_cards_say_whose_they_are_and_search_finds_names_and_indices(chromium, tmp_path):
    """Rows of a table: the features say nothing of which row it is; its name does, or else its index."""
    observed, dataset = experiment(400, "text")
    rows = np.random.default_rng(0).normal(size=(450, 3)).round(3)
    data = replace(dataset.data, x_train=rows[:400], x_test=rows[400:])
    named = replace(
        observed,
        memorization=observed.memorization.assign(id=[f"tr-{k}" for k in range(400)]),
        pairs=observed.pairs.assign(test_id=[f"te-{j}" for j in observed.pairs["test_index"]]),
    )
    first = observed.pairs.sort_values("influence").iloc[-1]
    i, j = int(first["train_index"]), int(first["test_index"])
    for seen, names in ((named, (f"tr-{i}", f"test te-{j}")), (observed, (f"#{i}", f"test #{j}"))):
        path = tmp_path / "rows.html"
        path.write_text(page(Comparison(seen, ()), exhibits(Dataset("rows", data))), encoding="utf-8")
        chromium.get(path.as_uri())
        assert tuple(s.text for s in chromium.find_elements("css selector", ".pair .card span")[:2]) == names
        texts = [p.text for p in chromium.find_elements("css selector", ".pair .card p")[:2]]
        assert texts == [", ".join(f"{v:.3g}" for v in rows[k]) for k in (i, 400 + j)]
        for word in (*names, f"#{i}", f"#{j}"):
            put(chromium, "search", word.removeprefix("test "))
            assert said(chromium, "linked") > 0, word
        put(chromium, "search", "tr-x")
        assert said(chromium, "linked") == 0


@pytest.mark.browser
def test_pictures_are_the_examples(chromium, large_page):
    """The card of the most memorized example shows its own tile: place on the sheet, by index."""
    chromium.get(large_page.as_uri())
    observed, dataset = experiment(10_000, "image")
    items = gallery(observed, exhibits(dataset))
    slide(chromium, 0)
    first = chromium.find_element("css selector", ".class > div:last-child .card")
    index = int(first.find_element("css selector", "span").text.removeprefix("#"))
    row = next(e for e in items.examples if e[1] == index)
    picture = first.find_element("css selector", ".picture")
    assert f"s{row[4] // items.sheets.per_sheet}" in picture.get_attribute("class").split()
    place = row[4] % items.sheets.per_sheet
    style = picture.get_attribute("style")
    assert f"-{place % 40 * 64}px" in style.replace("background-position: 0px", "background-position: -0px")
    assert row[2] == observed.memorization.loc[observed.memorization["label"] == "a", "memorization"].max().round(4)


@pytest.mark.browser
def test_a_card_opens_large_with_both_accuracies(chromium, listed_page):
    chromium.get(listed_page.as_uri())
    dialog = chromium.find_element("id", "large")
    first = chromium.find_element("css selector", "#task-labels .open")
    second = chromium.find_element("css selector", "#classes button.card")
    for card, share in ((first, "0.0 %"), (second, " %")):
        chromium.execute_script("arguments[0].click()", card)
        assert dialog.is_displayed()
        assert "models right, trained on it\n75.0 %" in dialog.text
        assert f"not trained on it\n{share}" in dialog.text or share == " %"
        assert dialog.find_element("css selector", ".picture").size == {"width": 256, "height": 256}
        chromium.find_element("id", "close").click()
        assert not dialog.is_displayed()
    assert chromium.get_log("browser") == []


@pytest.mark.browser
def test_examples_are_sorted_and_saved(chromium, listed_page):
    chromium.get(listed_page.as_uri())
    put(chromium, "threshold", 0)
    put(chromium, "class", "0")
    put(chromium, "sort", "1")
    names = [card.text for card in chromium.find_elements("css selector", "#classes .right .card span")]
    numbers = [int(name.removeprefix("#")) for name in names]
    assert len(numbers) > 10
    assert numbers == sorted(numbers)
    saved = chromium.execute_async_script(
        "const done = arguments[0], make = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { blob.text().then(done); return make(blob); };"
        "document.getElementById('save').click();"
    )
    rows = saved.strip().split("\n")
    assert rows[0].startswith("index,id,label,memorization")
    assert len(rows) == 1 + said(chromium)
    assert [int(row.split(",")[0]) for row in rows[1:]][: len(numbers)] == numbers
