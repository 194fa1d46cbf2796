"""A run that is killed goes on where it was, leaves nothing running, and ends with the same bits."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.empirical.commanded import run

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_killed_at_any_moment_it_ends_with_the_same_bits(capsys, tmp_path):
    arguments = ("planted", "--n", "200", "--trials", "1600", "--shard", "8", "--no-plot", "--design", "bernoulli")
    assert run(capsys, *arguments, "--out", tmp_path / "whole")[0] == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, HERE / "killed.py", "7", "20", tmp_path / "killed", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    counts, killed = zip(*json.loads(done.stdout.splitlines()[-1]), strict=True)
    assert sum(killed) >= 18
    assert list(counts) == sorted(counts)
    assert len({c for c in counts if 0 < c < 200}) >= 8  # it was caught in the middle, and went on from there
    for name in ("memorization.csv", "pairs.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for shard in (tmp_path / "whole" / "trials").glob("shard-*.npz"):
        assert (tmp_path / "killed" / "trials" / shard.name).read_bytes() == shard.read_bytes()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_ended_early_nothing_goes_on_running(tmp_path, how):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    arguments = ("digits", "--trials", "200000", "--workers", "2", "--out", tmp_path)
    command = [sys.executable, "-c", BREAKABLE, *map(str, arguments)]
    said = tmp_path / "said.txt"  # a file: workers that outlive a killed parent would hold a pipe open
    with (
        open(said, "w") as log,
        subprocess.Popen(command, env=environment, stderr=log, start_new_session=True) as process,
    ):
        trials, patience = tmp_path / "trials", time.monotonic() + 15
        while len(list(trials.glob("shard-*.npz"))) < 2 and time.monotonic() < patience:
            time.sleep(0.05)
        process.send_signal(how)
        process.wait(timeout=15)
    assert len(list(trials.glob("shard-*.npz"))) >= 2
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert ("goes on from there" in said.read_text()) == (how == signal.SIGINT)
    assert "Traceback" not in said.read_text()
    patience = time.monotonic() + 10
    while workers(process.pid) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not workers(process.pid)


BREAKABLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from empirical.bar import Bar
from empirical.datasets import load
from empirical.estimate import main
from empirical.run import Progress
sys.exit(main(sys.argv[1:]))
"""


def workers(session):
    """Worker processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            own = int(stat.read_text().rsplit(")", 1)[1].split()[3])
            if own == session and "LokyProcess" in (stat.parent / "cmdline").read_text():
                found.append(stat.parent.name)
        except OSError:  # gone meanwhile
            continue
    return found
