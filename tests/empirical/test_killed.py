"""A run that is killed goes on where it was, leaves nothing running, and ends with the same bits."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.empirical.commanded import run
from tests.empirical.endless import SHARD
from tests.processes import Ends, of_session, wait_until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_killed_at_any_moment_it_ends_with_the_same_bits(capsys, tmp_path):
    arguments = ("planted", "--n", "200", "--trials", "1600", "--shard", "8", "--no-plot", "--design", "bernoulli")
    assert run(capsys, *arguments, "--out", tmp_path / "whole")[0] == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, HERE / "killed.py", "7", "20", tmp_path / "killed", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    counts, killed = zip(*json.loads(done.stdout.splitlines()[-1]), strict=True)
    assert all(killed)
    assert list(counts) == sorted(counts)
    assert len({c for c in counts if 0 < c < 200}) >= 8  # it was caught in the middle, and went on from there
    for name in ("memorization.csv", "pairs.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for shard in (tmp_path / "whole" / "trials").glob("shard-*.npz"):
        assert (tmp_path / "killed" / "trials" / shard.name).read_bytes() == shard.read_bytes()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="ends of processes are read off Linux' /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_ended_early_nothing_goes_on_running(tmp_path, how):
    """Both workers are inside a model that never ends when their parent goes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    learner = ("--learner", "tests.empirical.endless.predict", "--shard", str(SHARD))
    arguments = ("planted", "--n", "60", "--trials", "800", "--workers", "2", *learner, "--out", str(tmp_path))
    command = [sys.executable, "-c", BREAKABLE, *arguments]
    said, trials = tmp_path / "said.txt", tmp_path / "trials"  # a file: workers that go on would hold a pipe open
    with (
        open(said, "w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        shards = wait_until(lambda: len(list(trials.glob("shard-*.npz"))) == 2, lambda: process.poll() is None)
        running = of_session(process.pid)
        ends = Ends(*running)
        process.send_signal(how)
        process.wait()
    try:
        assert shards, said.read_text()
        assert sum("LokyProcess" in command for command in running.values()) == 2
        ends.wait()
        assert not of_session(process.pid)
    finally:
        for left in of_session(process.pid):
            os.kill(left, signal.SIGKILL)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert ("goes on from there" in said.read_text()) == (how == signal.SIGINT)
    assert "Traceback" not in said.read_text()


BREAKABLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from empirical.estimate import main
sys.exit(main(sys.argv[1:]))
"""
