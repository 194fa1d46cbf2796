"""The talk at toy size: five parts whose claims are made of numbers, one page that holds them all, and bad input in a line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from empirical import talk
from empirical.learners.parse import parse_learner
from empirical.report.exhibits import Exhibits
from empirical.report.page import NARROWEST
from empirical.report.talk_figures import CAPTIONS, DRAWERS, figures
from empirical.report.talk_page import page
from empirical.story.act import Act
from empirical.story.learners import memorized
from empirical.story.singletons import singletons
from empirical.story.talk import SECONDS, Talk, digits
from empirical.story.worth import worth
from longtail.core import ArgumentError, Estimate
from longtail.core.published import AGREES, UNTRIED, Finding, above
from longtail.core.record import Run

ROOM = 390 - 2 * 0.8 * 16  # pixels of a telephone's screen between the page's margins
SMALL = ["--models", "60", "--removals", "3", "--repeats", "2", "--dimension", "300", "--samples", "60", "--nets", "2"]
SMALL += ["--epochs", "8"]
TOY = Talk(models=60, removals=3, repeats=2, dimension=300, samples=60, nets=2, epochs=8)


@pytest.fixture(scope="module")
def acts() -> list[Act]:
    return list(TOY.acts())


def by_name(acts: list[Act], name: str) -> Act:
    (found,) = (act for act in acts if act.name == name)
    return found


def test_the_theory_is_exact() -> None:
    act = singletons()
    assert [finding.verdict for finding in act.findings] == [AGREES] * 4
    values = [finding.ours.value for finding in act.findings if finding.ours]
    assert values == pytest.approx([0.17040, 0.47168, 0.15336, 0.07233], abs=5e-6)
    table = act.frames["singletons"]
    assert table["cost"].to_numpy() == pytest.approx(table["subpopulations"] * table["tau"] * 0.9)


def test_every_part_has_its_claims_and_figures(acts: list[Act]) -> None:
    assert [act.name for act in acts] == list(SECONDS) == list(DRAWERS)
    for act in acts:
        assert len(act.findings) >= 3
        drawn = figures(act, "#010203")
        assert set(drawn) == set(DRAWERS[act.name]) <= set(CAPTIONS)
        assert all(figure.axes[0].get_title("left") for figure, _ in drawn.values())
        assert all(figure.get_figwidth() * NARROWEST <= ROOM for figure, _ in drawn.values())


def test_digits_are_dealt_alike_to_train_and_test() -> None:
    """Every digit once, places in the original order alike in both parts on average (z = 5); in order not (the control)."""
    from sklearn.datasets import load_digits

    data = digits()
    entire = np.concatenate([data.x_train, data.x_test]).reshape(1797, -1)
    original = (load_digits().images / 16).astype(np.float32).reshape(1797, -1)
    places = {row.tobytes(): k for k, row in enumerate(original)}
    at = np.array([places[row.tobytes()] for row in entire])
    assert len(set(at)) == 1797
    late = at[:1000].mean() - at[1000:].mean()
    spread = np.hypot(at[:1000].std() / 1000**0.5, at[1000:].std() / 797**0.5)
    assert abs(late) < 5 * spread
    assert abs(np.arange(1000).mean() - np.arange(1000, 1797).mean()) > 5 * spread


def test_what_is_memorized_is_found_again_in_the_trials(acts: list[Act]) -> None:
    act = by_name(acts, "learners")
    value = memorized(act)
    share, pairs, alone = act.findings
    assert share.ours is not None
    assert share.ours.value == np.mean(value >= 0.25)
    table = act.frames["pairs"]
    assert (value[table["train_index"]] >= 0.25).all()
    assert (table["influence"] >= 0.15).all()
    assert pairs.ours is not None
    assert len(table) - pairs.ours.value >= 0
    counts = table["test_index"].value_counts()
    assert alone.ours is not None
    assert alone.ours.value == pytest.approx((counts == 1).mean())
    most = act.frames["most_memorized"]["memorization"]
    assert most.is_monotonic_decreasing
    assert most.iloc[0] == value.max()


def test_the_worth_of_nobody_memorized_is_refused_and_of_noise_is_nothing() -> None:
    """Retraining without examples at random that are called memorized: nothing beyond random is lost (the control, z = 5)."""
    data, net = digits(), parse_learner("MLP(width=32, epochs=5)")
    drawn = np.zeros(data.n)
    drawn[np.random.default_rng(1).permutation(data.n)[:50]] = 0.3
    act = worth(data, net, drawn, 4, 0)
    lost, more, random = act.findings
    assert more.ours is not None
    assert abs(more.ours.value) < 5 * more.ours.stderr
    assert more.verdict != AGREES
    assert act.frames["removal"]["removed"].tolist() == [50, 50]  # at .1 and .25; nobody is at .5
    assert lost.ours is not None
    assert random.ours is not None
    assert lost.ours.value - random.ours.value == pytest.approx(more.ours.value)
    row = act.frames["removal"].iloc[1]
    errors = [finding.ours.stderr for finding in act.findings if finding.ours]
    assert errors == [row["lost_stderr"], row["lost_more_stderr"], row["lost_random_stderr"]]


def test_bits_come_back_and_the_control_knows_none(acts: list[Act]) -> None:
    act = by_name(acts, "irrelevant")
    every, own, control, _ = (finding.ours for finding in act.findings)
    assert every is not None
    assert own is not None
    assert control is not None
    assert every.value > 0.97
    assert own.value > 0.97
    assert abs(control.value - 0.5) < 5 * control.stderr
    rows = act.frames["recovered"]
    assert every.value == pytest.approx(rows["recovered_right"].sum() / rows["recovered_bits"].sum())


def test_wrong_labels_are_memorized_as_training_goes_on(acts: list[Act]) -> None:
    table = by_name(acts, "epochs").frames["turnover"]
    wrong = table["label"] != table["true_label"]
    assert 0.1 < wrong.mean() < 0.25  # a fifth drawn anew, a tenth of those as it was
    first, last = (table[wrong & (table["epoch"] == e)]["memorization"].mean() for e in (1, 8))
    grown = by_name(acts, "epochs").findings[1].ours
    assert grown is not None
    assert grown.value == pytest.approx(last - first)
    thirds = by_name(acts, "epochs").frames["thirds"]
    assert list(thirds.columns) == ["epoch", "easy", "middle", "hard"]
    assert thirds.iloc[0, 1:].to_numpy(float) == pytest.approx(np.log(10))


def test_the_page_is_whole_and_escaped(acts: list[Act]) -> None:
    hostile = "<script>alert(1)</script>"
    bad = Finding(hostile, above(0.0, hostile), Estimate(1.0, 0.1))
    shown = Exhibits(images={"train": digits().x_train})
    text = page([replace(acts[0], findings=(*acts[0].findings, bad)), *acts[1:]], shown, 0, 61.0)
    assert hostile not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', text) == []  # nothing from elsewhere
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert text.count("<figure ") == sum(map(len, DRAWERS.values())) == text.count('role="img"')
    assert text.count('class="card"') == 12
    for act in acts:
        for finding in act.findings:
            assert f"<td>{finding.shown}</td>" in text.replace("\u00a0", " ").replace("&nbsp;", " ")
    verdicts = [finding.verdict for act in acts for finding in act.findings] + [bad.verdict]
    assert f"Of {len(verdicts)} claims" in text
    assert f"{verdicts.count(AGREES)} agree" in text


def test_the_command_writes_page_tables_and_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert talk.main([*SMALL, "--seed", "3", "--out", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["seed"] == 3
    assert [part["part"] for part in told["parts"]] == list(SECONDS)
    assert {claim["verdict"] for claim in told["parts"][0]["claims"]} == {AGREES}
    assert "five parts, about" in said.err.splitlines()[0]
    assert len([line for line in said.err.splitlines() if re.match(r"[1-5] of 5, ", line)]) == 5
    assert (tmp_path / "talk.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    run = Run.read(tmp_path)
    assert run.seed == 3
    assert run.arguments == TOY.__dict__ | {"seed": 3}
    recorded = run.frames["removal"]
    assert isinstance(recorded, pd.DataFrame)
    assert told["parts"][2]["claims"][0]["ours"]["value"] == pytest.approx(recorded["lost"].iloc[1])


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--models", "5"], "--models: got 5"),
        (["--nets", "1"], "--nets: got 1"),
        (["--seed", "-1"], "--seed: got -1"),
        (["--dimension", "0"], "--dimension: got 0"),
        (["--dimension", "4"], "--dimension: got 4"),  # clusters that cannot be told apart, before anything is trained
        (["--out", "/dev/null/here"], "--out: got /dev/null/here"),
        (["--colour"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_one_line(argv: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = talk.main([*argv, "--quiet"])
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)
    assert named in said.err


def test_what_an_act_would_refuse_is_refused_before_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Talk, "acts", lambda *_: pytest.fail("something was trained"))
    assert talk.main(["--dimension", "4", "--quiet"]) == 2


def test_sizes_grow_what_is_expected() -> None:
    usual, twice = Talk().seconds(), Talk(models=4000).seconds()
    assert usual == SECONDS
    assert twice["learners"] == 2 * usual["learners"]
    assert twice["epochs"] == usual["epochs"]
    with pytest.raises(ArgumentError, match="models"):
        Talk(models=2)


def test_what_was_not_found_is_not_tried() -> None:
    assert Finding("", above(0.5, "most"), None).verdict == UNTRIED
