"""The report in a real headless Chromium: it opens clean, filters, stays small, and runs nothing that the data brought."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.bridge.comparison import Comparison
from empirical.data.dataset import Dataset
from empirical.estimates.leak.leak import leak
from empirical.report.exhibits import exhibits
from empirical.report.gallery import gallery
from empirical.report.page import page, write
from tests.empirical.attacked import gaussian
from tests.empirical.reported import CRAFTED, experiment, many, written

SHOWN_AT_MOST = 1200  # cards that any filter may draw, however large the data
MADE_AT_MOST = 1000  # elements that any filter may make


@pytest.fixture(scope="module")
def chromium():
    """A driver, or a skip with the reason."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium with its driver here: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = browser
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        found = selenium.Chrome(options=options, service=Service(driver, log_output=os.devnull))
        yield found
        found.quit()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return written(10_000, "image", tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """A page with what margins leak."""
    observed, dataset = experiment(100, "image")
    found = replace(observed, leak=leak(gaussian(0, 200, 100, 1.0)))
    path = tmp_path_factory.mktemp("leaking") / "report.html"
    return write(Comparison(found, ()), path, None, dataset)


@pytest.mark.browser
def test_what_leaks_is_said_and_drawn(chromium, leaking):
    chromium.get(leaking.as_uri())
    section = chromium.find_element("id", "leak")
    assert "can say of" in section.text
    assert "confidence" in section.text
    assert len(section.find_elements("css selector", "figure svg")) == 2
    section.find_elements("css selector", "summary")[0].click()
    assert "true_rate" in section.text
    assert chromium.get_log("browser") == []


@pytest.fixture(scope="module")
def crafted(tmp_path_factory):
    return written(400, "text", tmp_path_factory.mktemp("crafted"))


def put(driver, control: str, value: object) -> None:
    """Set a control as a reader does."""
    driver.execute_script(
        "const c = document.getElementById(arguments[0]); c.value = arguments[1]; c.dispatchEvent(new Event('input'))",
        control,
        value,
    )


def said(driver, place: str = "count") -> int:
    """The number that a line of the page begins with."""
    return int(driver.find_element("id", place).text.split(" ")[0].replace(",", ""))


def slide(driver, value: float) -> tuple[int, int]:
    """Move the slider; how many examples the page says there are, and how many cards it drew."""
    put(driver, "threshold", value)
    return said(driver), len(driver.find_elements("css selector", ".card"))


@pytest.mark.browser
def test_opens_clean_and_the_slider_filters_ten_thousand(chromium, large):
    assert large.stat().st_size < 10_000_000
    chromium.get(large.as_uri())
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
@pytest.mark.parametrize("kind", ["large", "texts", "classes"])
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
def test_class_and_search_filter(chromium, large):
    chromium.get(large.as_uri())
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
def test_pairs_are_all_there_at_first_and_filtered_by_their_influence_alone(chromium, large):
    chromium.get(large.as_uri())
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
def test_pictures_are_the_examples(chromium, large):
    """The card of the most memorized example shows its own tile: place on the sheet, by index."""
    chromium.get(large.as_uri())
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
def test_crafted_names_and_texts_do_not_run(chromium, crafted):
    chromium.get(crafted.as_uri())
    slide(chromium, 0)
    chromium.execute_async_script("setTimeout(arguments[0], 200)")
    assert "owned" not in chromium.title.replace(CRAFTED, "")
    assert chromium.execute_script("return document.querySelectorAll('img, #gallery script').length") == 0
    assert CRAFTED in chromium.find_element("css selector", ".class h3").get_attribute("textContent") or any(
        CRAFTED in h.get_attribute("textContent") for h in chromium.find_elements("css selector", ".class h3")
    )
    assert "49" not in chromium.find_element("css selector", "h1").text
    assert chromium.get_log("browser") == []


@pytest.mark.browser
def test_policy_stops_a_script_that_is_not_ours(chromium, crafted, tmp_path):
    """Negative control: with the very markup injected raw, the Content-Security-Policy still runs nothing."""
    page_with = tmp_path / "injected.html"
    text = crafted.read_text(encoding="utf-8")
    page_with.write_text(text.replace("<main>", "<main><script>document.title='owned'</script>"), encoding="utf-8")
    chromium.get(page_with.as_uri())
    assert chromium.title != "owned"
    assert any("Content Security Policy" in line["message"] for line in chromium.get_log("browser"))
    without = tmp_path / "unguarded.html"
    start = text.index('<meta http-equiv="Content-Security-Policy"')
    bare = text[:start] + text[text.index(">", start) + 1 :]
    without.write_text(bare.replace("<main>", "<main><script>document.title='owned'</script>"), encoding="utf-8")
    chromium.get(without.as_uri())
    assert chromium.title == "owned"


@pytest.mark.browser
def test_keyboard_reaches_every_control_and_moves_the_slider(chromium, large):
    from selenium.webdriver.common.keys import Keys

    chromium.get(large.as_uri())
    reached = set()
    body = chromium.find_element("tag name", "body")
    body.send_keys(Keys.TAB)
    for _ in range(130):  # past the lists of what to look at
        active = chromium.switch_to.active_element
        reached.add(active.get_attribute("id") or active.get_attribute("class"))
        active.send_keys(Keys.TAB)
    assert {"skip", "threshold", "class", "search"} <= reached
    slider = chromium.find_element("id", "threshold")
    before = slide(chromium, 0.25)[0]
    slider.send_keys(Keys.ARROW_RIGHT)
    assert chromium.find_element("id", "level").text == "0.26"
    assert said(chromium) <= before


@pytest.mark.browser
@pytest.mark.parametrize(
    ("kind", "scheme"), [("large", "light"), ("crafted", "dark"), ("leaking", "light"), ("leaking", "dark")]
)
def test_fits_a_phone_in_light_and_dark(chromium, kind, scheme, request):
    chromium.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    )
    chromium.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    try:
        chromium.get(request.getfixturevalue(kind).as_uri())
        assert chromium.execute_script("return document.documentElement.scrollWidth") <= 360
        sizes = chromium.execute_script(
            "return [...document.querySelectorAll('figure svg text')].map("
            "t => parseFloat(getComputedStyle(t).fontSize) * Math.hypot(t.getScreenCTM().a, t.getScreenCTM().b))"
        )
        assert len(sizes) > 30
        assert min(sizes) >= 9.5
        paper, ink = (
            sum(int(v) for v in color[color.index("(") + 1 : -1].split(",")[:3]) / 3
            for color in chromium.execute_script(
                "const s = getComputedStyle(document.body), t = getComputedStyle(document.querySelector('figure svg'));"
                "return [s.backgroundColor, t.color]"
            )
        )
        assert (paper > 200 and ink < 80) if scheme == "light" else (paper < 60 and ink > 180)
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_page_needs_nothing_from_outside(crafted):
    text = crafted.read_text(encoding="utf-8")
    assert '<link rel="stylesheet"' not in text
    for scheme in ('src="http', 'href="http', "url(http", "@import"):
        assert scheme not in text.split('id="data"')[0]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """A page with lists of what to look at, and how often models are right."""
    observed, dataset = experiment(300, "image")
    table = observed.memorization.assign(in_accuracy=0.75, out_accuracy=np.linspace(0, 1, 300), group="between")
    path = tmp_path_factory.mktemp("listed") / "report.html"
    return write(Comparison(replace(observed, memorization=table), ()), path, None, dataset)


@pytest.mark.browser
def test_a_card_opens_large_with_both_accuracies(chromium, listed):
    chromium.get(listed.as_uri())
    dialog = chromium.find_element("id", "large")
    first = chromium.find_element("css selector", "#task-labels .open")
    second = chromium.find_element("css selector", "#classes button.card")
    for card, said in ((first, "0.0 %"), (second, " %")):
        chromium.execute_script("arguments[0].click()", card)
        assert dialog.is_displayed()
        assert "models right, trained on it\n75.0 %" in dialog.text
        assert f"not trained on it\n{said}" in dialog.text or said == " %"
        assert dialog.find_element("css selector", ".picture").size == {"width": 256, "height": 256}
        chromium.find_element("id", "close").click()
        assert not dialog.is_displayed()
    assert chromium.get_log("browser") == []


@pytest.mark.browser
def test_examples_are_sorted_and_saved(chromium, listed):
    chromium.get(listed.as_uri())
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


@pytest.mark.browser
def test_nothing_is_cut_off_on_a_telephone(chromium, listed, tmp_path):
    narrow = tmp_path / "narrow.html"  # Chromium opens no window of less than 500 pixels
    narrow.write_text(f'<iframe style="width: 390px; height: 3000px; border: 0" src="{listed.as_uri()}"></iframe>')
    chromium.get(narrow.as_uri())
    chromium.switch_to.frame(0)
    wide = "return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && "
    outside = wide + "!e.closest('.scroll, .skip, dialog, svg')).map((e) => e.outerHTML.slice(0, 80))"
    assert chromium.execute_script("return innerWidth") == 390
    assert chromium.execute_script(outside) == []
