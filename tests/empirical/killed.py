"""Runs a command in children that are killed at random times, some inside a write; the last one is left alone.

``python killed.py SEED KILLS OUT ARGUMENTS...`` prints how many shards there were after each kill.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from empirical import estimate
from empirical.training import store


def child(arguments, wound):
    """The command; wounded, it kills itself inside its third write: halfway, or with all written but the name."""
    if wound:
        calls = []
        real_write, real_replace = store.np.savez, os.replace

        def half(file, **arrays):
            calls.append(1)
            if len(calls) == 3 and wound == "half":
                file.write(b"PK half of a shard")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            real_write(file, **arrays)

        def unnamed(*names):
            if len(calls) == 3 and wound == "unnamed":
                os.kill(os.getpid(), signal.SIGKILL)
            real_replace(*names)

        store.np.savez, os.replace = half, unnamed
    os._exit(estimate.main(arguments))


def count(trials):
    return len(list(trials.glob("shard-*.npz")))


def wait(trials, more):
    """Until so many more shards are there: on a busy machine too, kills then come all along the run."""
    before, patience = count(trials), time.monotonic() + 2
    while count(trials) < before + more and time.monotonic() < patience:
        time.sleep(0.001)


def main():
    """Kill, count, kill again; then finish."""
    seed, kills, out, *arguments = sys.argv[1:]
    chance = random.Random(int(seed))
    estimate.main(["planted", "--n", "50", "--trials", "8", "--quiet", "--json"])  # imported and compiled once for all
    counts = []
    for k in range(int(kills) + 1):
        wound = {3: "half", 7: "unnamed", 11: "half"}.get(k, "")
        pid = os.fork()
        if pid == 0:
            child([*arguments, "--out", out, "--quiet"], wound)
        if k < int(kills):
            if not wound:
                wait(Path(out, "trials"), chance.randrange(5))
                time.sleep(chance.uniform(0.0, 0.02))
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            counts.append((count(Path(out, "trials")), os.WIFSIGNALED(status)))
        else:
            _, status = os.waitpid(pid, 0)
            sys.stdout.write(json.dumps(counts) + "\n")
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
