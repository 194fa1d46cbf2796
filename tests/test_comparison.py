"""Simulated beside exact at the command line: columns, JSON, where it runs, when it stops, what an interrupt leaves."""

from __future__ import annotations

import argparse
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from longtail import Problem, Zipf, montecarlo
from longtail.command import simulated as comparison
from longtail.core.arrays import Random
from longtail.core.compiled_cpu import compiling
from longtail.montecarlo import kernels
from longtail.simulate import main

QUICK = ["--subpopulations", "500", "--samples", "500"]
PROBLEM = Problem(Zipf(alpha=1, size=500), 500)


def test_json_holds_each_estimate_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--json", "--trials", "700", "--seed", "5", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)["monte_carlo"]
    s = montecarlo.run(PROBLEM, trials=700, rng=Random(5))
    assert list(found) == [
        "trials",
        "device",
        "seconds",
        "singleton_fraction",
        "unseen_mass",
        "optimal_error",
        "cost",
        "n_tau",
    ]
    assert (found["trials"], found["device"]) == (700, "cpu")
    assert found["seconds"] > 0
    for name in ("singleton_fraction", "unseen_mass", "optimal_error", "cost"):
        estimate = getattr(s, name)
        assert found[name] == {"value": estimate.value, "stderr": estimate.stderr}
    assert list(found["n_tau"]) == [str(ell) for ell in range(1, 11)]
    assert found["n_tau"]["3"] == {"value": s.n_tau(3).value, "stderr": s.n_tau(3).stderr}


def test_a_thousand_unless_told_and_none_for_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["monte_carlo"]["trials"] == 1000
    assert main([*QUICK, "--json", "--trials", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["monte_carlo"] is None
    assert main([*QUICK, "--trials", "0"]) == 0
    assert "simulated" not in capsys.readouterr().out


def test_what_was_never_seen_is_null_in_json_and_said_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--prior", "Uniform(10**6)".replace("10**6", "1000000"), "--samples", "10", "--trials", "20"]
    assert main([*few, "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert found["monte_carlo"]["n_tau"]["9"] == {"value": None, "stderr": None}
    assert main(few) == 0
    assert "  9x" in capsys.readouterr().out


def test_the_table_sets_exact_simulated_and_z_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--trials", "600", "--seed", "5"]) == 0
    captured = capsys.readouterr()
    s = montecarlo.run(PROBLEM, trials=600, rng=Random(5))
    once = next(line for line in captured.out.splitlines() if line.startswith(" once"))
    assert f"{s.n_tau(1).value:.6f} ± " in once
    z = (s.n_tau(1).value - float(once.split()[6])) / s.n_tau(1).stderr
    assert float(once.split()[-1]) == pytest.approx(z, abs=0.011)
    saved = next(line for line in captured.out.splitlines() if line.startswith("saved by memorizing"))
    assert f"{100 * s.cost.value:.5g} ± " in saved
    assert "600 data sets simulated on cpu" in captured.out
    assert "simulated on cpu (" in captured.err


def test_it_stops_at_the_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--json", "--tolerance", "0.01"]) == 0
    found = json.loads(capsys.readouterr().out)["monte_carlo"]
    assert 0.7 < found["cost"]["stderr"] / found["cost"]["value"] / 0.01 <= 1
    assert main([*QUICK, "--json", "--tolerance", "1e-6", "--trials", "600"]) == 0
    assert json.loads(capsys.readouterr().out)["monte_carlo"]["trials"] == 600


def test_what_would_take_long_waits_to_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for size in ("3e6", "1e12"):
        assert main(["--subpopulations", size, "--samples", "100", "--json"]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["monte_carlo"] is None
        assert "not simulated" in captured.err
    assert main(["--subpopulations", "1e12", "--samples", "100", "--trials", "5"]) == 2
    assert "error: --subpopulations: got 1000000000000" in capsys.readouterr().err


def test_an_interrupt_prints_what_is_known_and_exits_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    census = kernels.census

    def interrupted(source: Any, rng: Any, first: int, *rest: Any) -> Any:
        if first == 512:
            signal.raise_signal(signal.SIGINT)
        return census(source, rng, first, *rest)

    monkeypatch.setattr(kernels, "census", interrupted)
    assert main([*QUICK, "--trials", "5000"]) == 130
    assert "512 data sets simulated on cpu" in (out := capsys.readouterr().out)
    assert "interrupted." in out
    assert main([*QUICK, "--trials", "5000", "--json", "--alpha", "1:2:1"]) == 130
    records = capsys.readouterr().out.splitlines()
    assert len(records) == 1  # the rest of a sweep is left
    assert json.loads(records[0])["monte_carlo"]["trials"] == 512


def test_out_holds_what_was_simulated(tmp_path: Path) -> None:
    assert main([*QUICK, "--alpha", "1:2:1", "--trials", "300", "--out", str(tmp_path), "--no-plot", "--quiet"]) == 0
    frame = pd.read_csv(tmp_path / "simulated.csv")
    assert len(frame) == 22
    assert set(frame["prior"]) == {"Zipf(alpha=1.0, size=500)", "Zipf(alpha=2.0, size=500)"}
    assert set(frame["trials"]) == {300}
    assert {"n_tau", "n_tau_stderr", "cost", "cost_stderr", "device"} <= set(frame)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--trials", "-1"],
        ["--trials", "many"],
        ["--tolerance", "0"],
        ["--tolerance", "2"],
        ["--tolerance", "0.1", "--trials", "0"],
        ["--workers", "0"],
        ["--device", "tpu"],
        ["--seed", "-1"],
    ],
)
def test_options_that_cannot_be_are_refused_by_name(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, *wrong]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"error: {wrong[-2]}: got" in said


def test_a_gpu_that_is_not_there_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    none = SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 0)))
    monkeypatch.setitem(sys.modules, "cupy", none)
    assert main([*QUICK, "--trials", "10", "--device", "gpu"]) == 2
    assert "device: got gpu; no CUDA device is present: give cpu" in capsys.readouterr().err
    assert main([*QUICK, "--trials", "10"]) == 0
    assert "no CUDA device is present" in capsys.readouterr().err


def test_progress_shows_how_far_and_how_well() -> None:
    stream = io.StringIO()
    bar = comparison.Progress(PROBLEM, argparse.Namespace(trials=512, tolerance=None), stream)
    montecarlo.run(PROBLEM, trials=512, rng=Random(1), progress=bar)
    half, whole = stream.getvalue().split("\r")[1:]
    assert half.startswith("█" * 12 + "·" * 12 + " 256 of 512 data sets, cost ")
    assert whole.startswith("█" * 24 + " 512 of 512 data sets, cost ")
    stream = io.StringIO()
    bar = comparison.Progress(PROBLEM, argparse.Namespace(trials=None, tolerance=0.01), stream)
    done = montecarlo.run(PROBLEM, tolerance=0.01, rng=Random(1), progress=bar)
    last = stream.getvalue().split("\r")[-1]
    assert last.startswith("█" * 24 + f" {done.trials:,} data sets")
    assert "█" * 24 not in stream.getvalue().split("\r")[1]


def test_what_is_exact_is_known_before_the_simulation_is_compiled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "meanwhile", "")
    assert main([*QUICK, "--trials", "0"]) == 0
    assert compiling.meanwhile == ""
    assert main([*QUICK, "--trials", "2", "--device", "cpu", "--json"]) == 0
    assert capsys.readouterr().out.replace(":\n", ": ").startswith(compiling.meanwhile + "\n")


def test_exact_only_loads_no_compiler() -> None:
    code = "import sys; from longtail.simulate import main; main(['--trials', '0']); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0
