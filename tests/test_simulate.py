"""The command: what it prints and writes, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from longtail import Listed, Problem, Zipf, __version__, exact
from longtail.core import ArgumentError
from longtail.core.files import folder, refusable
from longtail.core.record import Run
from longtail.simulate import main

QUICK = ["--subpopulations", "500", "--samples", "500"]


def test_the_table_says_first_what_memorizing_buys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--alpha", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "Memorizing what is seen once lowers the error by 7.307 %, from 22.7 % to the optimal 15.39 %"
    )
    assert "0.474653" in out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--alpha", "2", "--labels", "4", "--mode", "fixed", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    problem = Problem(Zipf(alpha=2, size=500), 500, 4, "fixed")
    assert list(record)[:4] == ["prior", "samples", "labels", "mode"]
    assert record["prior"] == "Zipf(alpha=2.0, size=500)"
    found = record["exact"]
    assert set(found) == {"n_tau", "singleton_fraction", "unseen_mass", "optimal_error", "cost", "seconds"}
    assert found["cost"] == exact.cost(problem).value
    assert found["n_tau"]["2"] == 500 * exact.tau(problem, 2).value
    assert found["singleton_fraction"] == exact.singleton_fraction(problem).value


def test_how_far_one_data_set_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside each number, simulated or not; in JSON null where it is not known."""
    spread = exact.spread(Problem(Zipf(alpha=2, size=500), 500))
    for more in (["--trials", "0"], []):
        assert main([*QUICK, "--alpha", "2", *more]) == 0
        out = capsys.readouterr().out
        assert out.count(f"± {100 * spread.unseen_mass.value:.4g} %") == 1
        assert out.count(f"± {100 * spread.cost.value:.4g} %") == 1
    assert main([*QUICK, "--alpha", "2", "--trials", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["deviation"]
    assert found == {name: getattr(spread, name).value for name in found}
    assert list(found) == ["singleton_fraction", "unseen_mass", "optimal_error", "cost"]


def test_where_most_data_sets_lie(capsys: pytest.CaptureFixture[str]) -> None:
    """The range of the unseen mass where it is quick, of one problem; elsewhere words, and null."""
    law = exact.mass_law(Problem(Zipf(alpha=1, size=500), 500, mode="fixed"))
    ends = [law.quantile(0.025), law.quantile(0.975)]
    fixed = [*QUICK, "--alpha", "1", "--trials", "0", "--mode", "fixed"]
    assert main(fixed) == 0
    assert f"between {100 * ends[0]:.4g} % and {100 * ends[1]:.4g} %" in capsys.readouterr().out
    assert main([*fixed, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unseen_mass_range"] == ends
    assert main([*QUICK, "--alpha", "2", "--trials", "0"]) == 0
    assert "takes long here" in capsys.readouterr().out
    assert main([*QUICK, "--alpha", "2", "--trials", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unseen_mass_range"] is None


def test_a_sweep_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            ["--alpha", "0.5:2:0.5", "--samples", "100", "--samples", "10:1000:x10", "--subpopulations", "50", "--json"]
        )
        == 0
    )
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(records) == 4 * 4
    assert [r["samples"] for r in records[:4]] == [100, 10, 100, 1000]
    assert records[-1]["prior"] == "Zipf(alpha=2.0, size=50)"
    seen = [[int(ell) for ell in r["exact"]["n_tau"]] for r in records]
    assert all(row == list(range(1, len(row) + 1)) and len(row) >= 8 for row in seen)  # none but the rarest is left out


def test_what_out_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--out", str(tmp_path / "deep/er"), "--quiet", "--seed", "7"]) == 0
    assert capsys.readouterr().err == ""
    run = Run.read(tmp_path / "deep/er")
    assert run.seed == 7
    assert run.versions["longtail"] == __version__
    assert run.hardware["cores"]
    assert set(run.frames) == {"table", "simulated", "error_against_samples", "tail"}
    assert run.frames["table"]["ell"].tolist() == list(range(11))
    assert run.frames["error_against_samples"]["optimal_error"].is_monotonic_decreasing
    names = {path.name for path in (tmp_path / "deep/er").iterdir()}
    assert names == {
        "run.json",
        "table.csv",
        "simulated.csv",
        "error_against_samples.csv",
        "tail.csv",
        "figure.png",
        "figure.svg",
    }


def test_a_sweep_written(tmp_path: Path) -> None:
    assert (
        main(
            ["--prior", "Uniform(50)", "--prior", "Gamma(1, 50)", "--samples", "40", "--out", str(tmp_path), "--quiet"]
        )
        == 0
    )
    frame = pd.read_csv(tmp_path / "sweep.csv")
    assert frame["problem"].tolist() == ["Uniform(size=50)", "Gamma(shape=1.0, size=50)"]
    assert main([*QUICK, "--alpha", "1:2:1", "--out", str(tmp_path / "b"), "--no-plot", "--quiet"]) == 0
    assert not list((tmp_path / "b").glob("figure*"))


def test_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = tmp_path / "counts.txt"
    counts.write_text("5\n3\n1\n1\n")
    assert main(["--counts", str(counts), "--samples", "10", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prior"].startswith(f"Listed(file={str(counts)!r}")


def test_counts_are_of_as_many_samples_as_they_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not of 50,000, whatever the file holds; and that they say nothing of what they did not meet is said, where to ask too."""
    counts, shares = tmp_path / "counts.txt", tmp_path / "shares.txt"
    counts.write_text("100\n50\n3\n1\n")
    shares.write_text("0.5\n0.25\n0.2\n")
    assert main(["--counts", str(counts), "--json", "--trials", "0"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["samples"] == 154
    assert found["exact"]["cost"] == exact.cost(Problem(Listed(file=str(counts)), 154, 10)).value
    assert "the unseen is understated" in err
    assert main(["--counts", str(counts), "--trials", "0", "--samples", "50000", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "50,000 samples" in out
    assert f"python -m longtail.infer {counts}" in out
    assert main(["--alpha", "1", *QUICK, "--trials", "0"]) == 0
    assert "understated" not in "".join(capsys.readouterr())
    assert main(["--counts", str(shares), "--quiet"]) == 2
    assert "--samples: got None; the numbers in" in capsys.readouterr().err
    assert main(["--counts", str(shares), "--samples", "10", "--trials", "0", "--quiet"]) == 0


BAD = [
    (["--alpha", "-1"], "--alpha: got -1.0; give a number in [0, 1000]"),
    (["--alpha", "nan"], "--alpha: got nan; give a number in [0, 1000]"),
    (["--alpha", "steep"], "--alpha: got steep; give a number, start:stop:step or start:stop:xFACTOR"),
    (
        ["--alpha", "3:1:1"],
        "--alpha: got 3:1:1; give a number, start:stop:step or start:stop:xFACTOR, from start towards",
    ),
    (["--alpha", "2:1:0.5"], "--alpha: got 2:1:0.5; give a number"),
    (["--alpha", "1:2:0"], "--alpha: got 1:2:0; give a number"),
    (["--subpopulations", "0"], "--subpopulations: got 0; give a whole number from 1"),
    (["--samples", "0"], "--samples: got 0; give a whole number from 1"),
    (["--samples", "2.5"], "--samples: got 2.5; give a whole number from 1"),
    (["--labels", "1"], "--labels: got 1; give a whole number from 2"),
    (["--prior", "Geometric(ratio=1, size=9)"], "ratio: got 1; give a number in (0, 1)"),
    (["--prior", "Nobody(1)"], "--prior: got Nobody; give one of Zipf"),
    (["--prior", "Gamma(1, 9)", "--mode", "fixed"], "--mode: got fixed; Gamma(shape=1.0, size=9) is a law"),
    (["--prior", "Uniform(9)", "--subpopulations", "9"], "--subpopulations: got 9; goes with --alpha"),
    (["--counts", "/nowhere"], "--counts: got /nowhere; No such file or directory"),
    (["--alpha", "1", "--counts", "x"], "argument --counts: not allowed with argument --alpha"),
    (["--mode", "both"], "argument --mode: invalid choice: 'both'"),
    (["--samples", "1e12", "--subpopulations", "9"], "--samples: got 1000000000000;"),
    (["--out", "/proc/nowhere"], "--out: got /proc/nowhere;"),
    (["--depth", "3"], "unrecognized arguments: --depth 3"),
    (["--trails=3"], "unrecognized arguments: --trails=3; did you mean --trials?"),
    (["--alhpa", "1"], "unrecognized arguments: --alhpa 1; did you mean --alpha?"),
    (["--size", "3"], "unrecognized arguments: --size 3; did you mean --subpopulations?"),
    (["--n-classes=3"], "unrecognized arguments: --n-classes=3; did you mean --labels?"),
    (["--sizing", "3"], "unrecognized arguments: --sizing 3\n"),
    ([""], "unrecognized arguments: \n"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith("python -m longtail.simulate: error: " + message)
    assert captured.err.count("\n") == 1


def test_what_is_refused_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a folder nor those around it, unless somebody else made or filled them."""
    asked = tmp_path / "there" / "new" / "out"
    (tmp_path / "there").mkdir()
    assert main(["--samples", "1e12", "--subpopulations", "9", "--out", str(asked), "--quiet"]) == 2
    assert "--samples" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
    with suppress(ArgumentError), refusable():
        (folder("--out", asked) / "kept").touch()
        raise ArgumentError("--samples", 0, "give a whole number")
    assert (asked / "kept").exists()


def test_a_refused_command_takes_away_nothing_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what the library made before, nor a command that ended well, nor what has its name where one works later."""
    refused = ["--samples", "0", "--quiet"]
    (tmp_path / "later" / "runs").mkdir(parents=True)
    (tmp_path / "first").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    folder("directory", "mine")
    assert main(refused) == 2
    assert Path("mine").is_dir()
    with refusable():
        folder("--out", "runs")
    monkeypatch.chdir(tmp_path / "later")
    assert main([*refused, "--out", "new"]) == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["first", "later", "mine", "runs", "runs"]


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b"])
def test_a_path_that_no_system_takes_is_refused(path: str) -> None:
    with pytest.raises(ArgumentError, match=r"directory: got 'a.*b'; give a path"):
        folder("directory", path)


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match="no room to write"):
        Run("test", {}, 0, {"table": pd.DataFrame({"a": [1]})}).write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_as_a_module_and_as_a_script() -> None:
    for command in (["-m", "longtail.simulate", *QUICK], ["-m", "longtail", "simulate", *QUICK]):
        done = subprocess.run([sys.executable, *command, "--json"], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["exact"]["cost"] > 0
        assert done.stderr.startswith("simulated on ")
        assert done.stderr.count("\n") == 1
    unknown = subprocess.run(
        [sys.executable, "-m", "longtail", "stimulate"], capture_output=True, text=True, check=False
    )
    assert unknown.returncode == 2
    assert "no command 'stimulate'" in unknown.stderr
