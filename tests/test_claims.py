"""The claims runner: every simulation ends with claims, the numbers decide, and the README says what came out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from longtail.core import ArgumentError, Estimate
from longtail.core.published import AGREES, DIFFERS, UNTRIED, printed
from simulations import command, readme
from simulations.claim import Claim, at, cell, chosen, fairness, ratio
from simulations.places import Missing, each
from simulations.simulation import NAMES, Simulation

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Config:
    value: float = 0.07


def toy(name: str, run: Callable[[Config], pd.DataFrame]) -> Simulation:
    claims = (
        Claim("cost", printed("7 %"), at("cost", mode="fixed")),
        Claim("other", printed("9 %"), at("cost", mode="none")),
    )
    return Simulation(
        name, "Claim (a paper): toys cost.\n\nMore.", Config(), Config(0.09), run, lambda _: Figure(), claims
    )


def table(config: Config) -> pd.DataFrame:
    return pd.DataFrame({"mode": ["fixed", "drawn"], "cost": [config.value, 0.5], "stderr": [0.001, 0.0]})


def broken(_: Config) -> pd.DataFrame:
    raise ZeroDivisionError("no reason")


def absent(_: Config) -> pd.DataFrame:
    raise Missing("LONGTAIL_DATA", "nothing", "toys are not there")


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that works, one that fails and one without data, in place of ours."""
    made = {"works": toy("works", table), "fails": toy("fails", broken), "lacks": toy("lacks", absent)}
    monkeypatch.setattr(command, "NAMES", tuple(made))
    monkeypatch.setattr(Simulation, "of", staticmethod(made.__getitem__))


def test_every_file_with_claims_is_run() -> None:
    files = {
        path.stem for path in (ROOT / "simulations").glob("*.py") if "\nCLAIMS = " in path.read_text(encoding="utf-8")
    }
    assert files == set(NAMES)
    for name in NAMES:
        one = Simulation.of(name)
        texts = [claim.text for claim in one.claims]
        assert texts
        assert len(set(texts)) == len(texts)
        assert type(one.quick) is type(one.config)
        assert one.says
        assert not any("\n" in text for text in [*texts, one.says])  # cells of a table
        assert [finding.verdict for finding in one.found(None)] == [UNTRIED] * len(texts)


def test_the_readme_says_what_the_runner_recorded() -> None:
    record = readme.read()
    assert readme.shown((ROOT / "README.md").read_text(encoding="utf-8")) == readme.summary(record)
    assert (ROOT / readme.TABLE).read_text(encoding="utf-8") == readme.table(record)
    assert [one["simulation"] for one in record["simulations"]] == list(NAMES)
    for one in record["simulations"]:
        assert one["error"] is None
        assert one["date"]
        claims = Simulation.of(one["simulation"]).claims
        assert [(c.text, c.published.text) for c in claims] == [(c["claim"], c["published"]) for c in one["claims"]]
        for claim, told in zip(claims, one["claims"], strict=True):  # the verdict is that of the numbers
            ours = told["ours"] and Estimate(**{k: float("nan") if x is None else x for k, x in told["ours"].items()})
            assert claim.published.verdict(ours) == told["verdict"]


@pytest.mark.kernels
@pytest.mark.parametrize("name", ["zipf", "notail"])
def test_what_was_recorded_is_found_again(name: str) -> None:
    (recorded,) = (one for one in readme.read()["simulations"] if one["simulation"] == name)
    one = Simulation.of(name)
    found = [finding.record() for finding in one.found(one.run(one.quick))]
    assert len(found) == len(recorded["claims"]) > 2
    for new, old in zip(found, recorded["claims"], strict=True):
        assert new["ours"]["value"] == pytest.approx(old["ours"]["value"], rel=1e-8)
        assert (new["shown"], new["verdict"]) == (old["shown"], old["verdict"])


def test_a_failure_does_not_stop_the_others(toys: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--all", "--json", "--quiet"]) == 1
    told = json.loads(capsys.readouterr().out)
    works, fails, lacks = told["simulations"]
    assert [claim["verdict"] for claim in works["claims"]] == [AGREES, UNTRIED]
    assert works["claims"][0]["ours"] == {"value": 0.07, "stderr": 0.0, "bound": 0.0}
    assert fails["error"] == "ZeroDivisionError: no reason"
    assert [claim["verdict"] for claim in fails["claims"]] == [UNTRIED, UNTRIED]
    assert lacks["error"] is None
    assert [claim["verdict"] for claim in lacks["claims"]] == [UNTRIED, UNTRIED]
    assert command.main(["works", "lacks", "--quiet"]) == 0  # to lack data is no failure


def test_quick_is_another_configuration(toys: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["works", "--quick", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Claim (a paper): toys cost.\n\nMore.\n\n mode  cost")
    assert "works: toys cost. Of its claims 1 differs, 1 not tried here." in said
    lines = [line.split("  ") for line in said.splitlines() if line.startswith(("claim  ", "cost  "))]
    assert [[cell.strip() for cell in line if cell.strip()] for line in lines] == [
        ["claim", "published", "ours", "verdict"],
        ["cost", "7 %", "9 %", DIFFERS],
    ]


def test_progress_is_said(toys: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--all"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if " of 3: " in line] == ["1 of 3: works", "2 of 3: fails", "3 of 3: lacks"]
    assert "lacks was not tried: LONGTAIL_DATA: got nothing; toys are not there" in said
    assert any(line.startswith("fails: ") and line.endswith("It failed: ZeroDivisionError: no reason") for line in said)


def test_out_keeps_table_claims_figure_and_record(toys: None, tmp_path: Path) -> None:
    assert command.main(["works", "--out", str(tmp_path / "one"), "--quiet"]) == 0
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "table.csv",
        "claims.csv",
        "figure.png",
        "figure.svg",
        "run.json",
    }
    claims = pd.read_csv(tmp_path / "one" / "claims.csv")
    assert claims["verdict"].tolist() == [AGREES, UNTRIED]
    assert command.main(["--all", "--out", str(tmp_path / "all"), "--quiet"]) == 1
    assert (tmp_path / "all" / "works" / "table.csv").is_file()


def test_list(toys: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == ["works: toys cost", "    cost: 7 %", "    other: 9 %"]


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        ([], "NAME: got nothing"),
        (["zipf", "--all"], "NAME: got zipf"),
        (["zipf", "nothing"], "NAME: got nothing"),
        (["zipf", "--data", "/no/such/folder"], "--data: got /no/such/folder"),
        (["zipf", "--out", "/dev/null/here"], "--out: got /dev/null/here"),
        (["--quickly"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_one_line(argv: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = command.main(argv)
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)
    assert named in said.err


def test_without_data_nothing_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LONGTAIL_DATA", "")
    assert command.main(["published", "words", "--quick", "--json", "--quiet", "--data", str(tmp_path)]) == 0
    verdicts = {c["verdict"] for one in json.loads(capsys.readouterr().out)["simulations"] for c in one["claims"]}
    assert verdicts == {UNTRIED}


def test_a_file_called_itself_is_its_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--quiet"], name="zipf") == 0
    assert "Of its claims 5 agree." in capsys.readouterr().out


def told(name: str, shown: str, verdict: str) -> dict[str, object]:
    other = {"claim": "cost", "published": "7 %", "ours": None, "shown": "", "verdict": UNTRIED}
    claim = {"claim": "price | all", "published": "7 %", "ours": None, "shown": shown, "verdict": verdict}
    return {"simulation": name, "says": "toys cost", "seconds": 1.0, "error": None, "claims": [other, claim]}


def test_the_table_is_written_between_its_markers_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readme, "NAMES", ("works", "fails"))
    both = [told("fails", "9 %", DIFFERS), told("works", "8 %", AGREES)]
    with pytest.raises(ArgumentError, match="no place for the claims"):
        readme.write(both, quick=True, root=tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(f"before\n{readme.BEGIN}old\n{readme.END}after\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match="give --all"):  # of the other there is nothing yet
        readme.write(both[:1], quick=True, root=tmp_path)
    readme.write(both, quick=True, root=tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text == f"before\n{readme.BEGIN}{readme.summary(readme.read(tmp_path))}{readme.END}after\n"
    rows = text.splitlines()[4:6]
    assert rows == [
        "| `works` | toys cost: price \\| all | 7 % | 8 % | 1 agrees, 1 not tried here |",
        "| `fails` | toys cost: price \\| all | 7 % | 9 % | 1 differs, 1 not tried here |",
    ]


def test_one_simulation_is_put_beside_those_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "NAMES", ("works", "fails"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(readme.BEGIN + readme.END, encoding="utf-8")
    readme.write([told("works", "8 %", AGREES), told("fails", "9 %", DIFFERS)], quick=True, root=tmp_path)
    readme.write([told("fails", "7 %", AGREES)], quick=True, root=tmp_path)
    shown = [one["claims"][1]["shown"] for one in readme.read(tmp_path)["simulations"]]
    assert shown == ["8 %", "7 %"]
    with pytest.raises(ArgumentError, match="give --all"):  # sizes do not mix
        readme.write([told("fails", "9 %", DIFFERS)], quick=False, root=tmp_path)
    monkeypatch.setattr(readme, "versions", lambda: {"longtail": "another"})
    with pytest.raises(ArgumentError, match="give --all"):
        readme.write([told("fails", "9 %", DIFFERS)], quick=True, root=tmp_path)


def test_cells_of_a_table() -> None:
    frame = pd.DataFrame({"share": [0.1 + 0.2, 0.4], "name": ["a", "b"], "x": [1.0, 2.0], "e": [0.1, 0.2]})
    assert cell(frame, "x", "e", share=0.3) == Estimate(1.0, 0.1)
    assert cell(frame, "x", name="c") is None
    assert len(chosen(frame, name="b", share=0.4)) == 1
    with pytest.raises(ValueError, match="2 rows"):
        cell(frame, "x")
    assert ratio(Estimate(1.0, 0.1), Estimate(2.0, 0.4)) == Estimate(0.5, pytest.approx(0.5 * (0.1**2 + 0.2**2) ** 0.5))
    assert ratio(None, Estimate(1.0)) is None
    assert fairness(pd.Series([1.0, -1.0, float("nan")])) == Estimate(1.0, 1.0)
    assert fairness(pd.Series([float("nan")])) is None


def test_cases_without_data_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def rows(case: str) -> pd.DataFrame:
        if case == "mnist":
            raise Missing("LONGTAIL_DATA", "nothing", "mnist is not there")
        return pd.DataFrame({"case": [case]})

    assert each(["digits", "mnist", "planted"], rows)["case"].tolist() == ["digits", "planted"]
    assert "left out: mnist" in capsys.readouterr().err
    with pytest.raises(Missing):
        each(["mnist"], rows)
