"""What a page holds, and what it may weigh, whatever the data are."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from empirical.bridge.comparison import Comparison
from empirical.report.exhibits import embedded, exhibits
from empirical.report.gallery import gallery
from empirical.report.page import write
from tests.empirical.reported import experiment, many


@pytest.mark.parametrize("classes", [20, 1000, 9000])
def test_examples_beyond_ten_thousand_are_chosen_by_class(classes):
    """However many classes: whatever is in a pair, then the most memorized of every class."""
    observed = many(60_000, classes)
    items = gallery(observed, exhibits(None))
    shown = {e[1] for e in items.examples}
    assert len(items.examples) == len(shown) <= 10_000
    assert len(shown) > (1_000 if classes == 20 else 9_999)
    assert len(items.pairs) == 400
    top = observed.memorization.sort_values("memorization").groupby("label").tail(1)
    assert set(top["index"]) <= shown


@pytest.mark.parametrize("mark", ["記憶", "<a & b> ", "\U0001f600", "\x01\ud800"])
def test_long_texts_and_names_are_cut_to_what_a_page_may_weigh(mark, tmp_path):
    """In any script: what takes a byte as a letter takes six where it must be escaped."""
    observed, dataset = experiment(10_000, "text")
    data = replace(dataset.data, x_train=[mark * 200 + str(k) for k in range(10_000)], x_test=[mark * 200] * 50)
    table = observed.memorization.assign(id=[f"{mark * 50}{k}".replace("\ud800", "") for k in range(10_000)])
    path = write(
        Comparison(replace(observed, memorization=table), ()), tmp_path / "x.html", None, replace(dataset, data=data)
    )
    assert 2_000_000 < path.stat().st_size < 10_000_000
    text = path.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0]
    assert "<" not in text
    shown = json.loads(text)
    assert len(shown["examples"]) == 10_000
    for *_, words, name, _, _, _ in shown["examples"][::999]:
        assert len(words) >= 15
        assert len(name) >= 15
        assert (mark * 200).startswith(words.removesuffix("…"))


def test_json_in_the_page_is_json_and_ends_no_line_or_element():
    hostile = "</script><!--\u2028\u2029& 'x' \"é\" \\"
    text = embedded({"x": [hostile, float("nan")]})
    assert not set("<\u2028\u2029") & set(text)
    assert "é" in text
    assert json.loads(text) == {"x": [hostile, None]}
