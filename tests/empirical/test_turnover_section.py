"""The report's section of turn-over dropout: what it says, what it leaves out, and that it runs nothing a folder brought."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from empirical import turnover
from empirical.bridge.comparison import Comparison
from empirical.data.fingerprint import digest
from empirical.data.load import load
from empirical.estimates.measured import Experiment, Measured
from empirical.report.exhibits import Exhibits
from empirical.report.formulas import typeset
from empirical.report.page import page
from empirical.report.turnover_section import read
from empirical.report.turnover_text import changing
from longtail.core.sealed import FILES, SEAL
from tests.empirical.reported import CRAFTED

NET = "Net(widths=(12,), epochs=4, batch=16)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "run"
    asked = ["planted", "--n", "80", "--net", NET, "--epochs-at", "1,4", "--seeds", "3", "--out", str(out)]
    assert turnover.main([*asked, "--quiet", "--no-plot"]) == 0
    return out


@pytest.fixture
def observed() -> Measured:
    rng = np.random.default_rng(0)
    data = load("planted", n=80).data
    table = pd.DataFrame({"index": np.arange(80), "label": data.y_train, "memorization": rng.random(80)})
    none = pd.DataFrame({"train_index": [], "test_index": [], "influence": []})
    how = Experiment("planted", data.n_test, 50, 0.7, data.n_classes, fingerprint=digest(data))
    return Measured(how, table, none)


def unsealed(folder: Path) -> dict[str, Any]:
    """The record as it was before it had digests."""
    told = json.loads((folder / "turnover.json").read_text())
    return {key: value for key, value in told.items() if key not in (SEAL, FILES)}


def test_it_says_what_the_tables_hold(folder: Path, observed: Measured) -> None:
    found = read(folder, observed)
    assert found is not None
    table = pd.read_csv(folder / "turnover.csv")
    last = table[table["epoch"] == 4]
    assert f"{last['memorization'].mean():.3f} after epoch 4" in found.headline
    both = np.corrcoef(last["memorization"], observed.memorization["memorization"])[0, 1]
    assert f"correlates {both:.2f} with" in found.agreement
    apart = float((last["memorization"].to_numpy() - observed.memorization["memorization"].to_numpy()).mean())
    assert f"{abs(apart):.3f} {'higher' if apart > 0 else 'lower'}" in found.agreement
    by = {epoch: part.set_index("index")["memorization_loss"] for epoch, part in table.groupby("epoch")}
    change = (by[4] - by[1]).abs()
    shown = changing(table, 5)
    assert shown["index"].tolist() == change.sort_values(ascending=False, kind="stable").index[:5].tolist()
    np.testing.assert_allclose(shown["epoch 4"], by[4][shown["index"]])
    assert set(found.tables) == {"turnover", "groups"}
    html = page(Comparison(observed, ()), Exhibits(), None, found)
    assert 'id="turnover"' in html
    assert 'id="figure-groups"' in html
    assert typeset(found.agreement) in html
    assert 'id="turnover"' not in page(Comparison(observed, ()), Exhibits())


@pytest.mark.browser
def test_its_figures_need_no_scrolling_at_390_pixels(
    chromium: Any, folder: Path, observed: Measured, tmp_path: Path
) -> None:
    """At 300 they do (negative control)."""
    path = tmp_path / "report.html"
    path.write_text(page(Comparison(observed, ()), Exhibits(), None, read(folder, observed)))
    wide = "return [...document.querySelectorAll('#turnover .plot')].map(p => p.scrollWidth > p.clientWidth)"
    try:
        for width, scrolls in ((390, [False, False]), (300, [True, True])):
            size = {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True}
            chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            chromium.get(path.as_uri())
            assert chromium.execute_script(wide) == scrolls
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_names_are_escaped(folder: Path, observed: Measured) -> None:
    for name in ("groups", "speeds", "turnover"):
        table = pd.read_csv(folder / f"{name}.csv")
        table["label" if name == "turnover" else "group"] = CRAFTED
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "turnover.json").write_text(json.dumps(unsealed(folder)))
    found = read(folder, observed)
    assert found is not None
    html = page(Comparison(observed, ()), Exhibits(), None, found)
    assert "<script>document" not in html
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_what_is_of_other_data_or_damaged_is_left_out(folder: Path, observed: Measured, caplog: Any) -> None:
    caplog.set_level("INFO")
    assert read(None, observed) is None
    assert read(folder / "nowhere", observed) is None
    other = replace(observed, experiment=replace(observed.experiment, fingerprint="0" * 64))
    assert read(folder, other) is None
    assert "is of other data" in caplog.text
    summary, table = unsealed(folder), (folder / "turnover.csv").read_bytes()
    for broken in ({}, {**summary, "epochs": 3}, {**summary, "epochs": [{}, {}]}, {**summary, "n": None}):
        caplog.clear()
        (folder / "turnover.json").write_text(json.dumps(broken))
        assert read(folder, observed) is None
        assert "cannot be read" in caplog.text
    (folder / "turnover.json").write_text(json.dumps(summary))
    (folder / "turnover.csv").write_bytes(table[:-300])
    assert read(folder, observed) is None
    (folder / "turnover.csv").write_bytes(table)
    assert read(folder, observed) is not None
    (folder / "speeds.csv").write_text("group\na\n")
    assert read(folder, observed) is None


@pytest.mark.parametrize("name", ["turnover.csv", "groups.csv", "speeds.csv", "turnover.json"])
def test_a_digit_that_changed_is_no_number(folder: Path, observed: Measured, name: str, caplog: Any) -> None:
    assert read(folder, observed) is not None
    good = (folder / name).read_text()
    at = max(good.rfind(digit, 0, -120) for digit in "123456789")
    (folder / name).write_text(good[:at] + ("1" if good[at] != "1" else "2") + good[at + 1 :])
    assert read(folder, observed) is None
    assert f"{name} is not as it was written" in caplog.text
