"""Runs a command in children that end at random moments, some inside a write; the last one is left alone.

``python killed.py SEED KILLS OUT ARGUMENTS...`` prints how many shards there were after each end, and whether it was a
kill. Moments are counted in calls, of Python and of C, never in seconds: how busy the machine is changes nothing.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path

from empirical import estimate
from empirical.training import store

BEGINNING, CALLS = 80_000, 4_000  # about what comes before the first shard, and what two shards of eight models take


def end():
    os.kill(os.getpid(), signal.SIGKILL)


def child(arguments, wound, shards, calls):
    """The command; it ends itself so many calls after so many shards.

    Wounded, it does so inside its third write: halfway, or with all written but the name.
    """
    written = []
    real_write, real_link = store.np.savez, os.link

    def counting(frame, event, argument):
        nonlocal calls
        calls -= 1
        if calls < 0:
            end()

    def write(file, **arrays):
        if wound == "half" and len(written) == 2:
            file.write(b"PK half of a shard")
            file.flush()
            end()
        real_write(file, **arrays)

    def link(old, new, **options):
        shard = Path(new).name.startswith("shard-")
        if wound == "unnamed" and shard and len(written) == 2:
            end()
        real_link(old, new, **options)
        if shard:
            written.append(new)
            if not wound and len(written) == shards:
                sys.setprofile(counting)

    store.np.savez, os.link = write, link  # a shard gets its name by a link
    if not wound and not shards:
        sys.setprofile(counting)
    os._exit(estimate.main(arguments))


def count(trials):
    return len(list(trials.glob("shard-*.npz")))


def main():
    """Kill, count, kill again; then finish."""
    seed, kills, out, *arguments = sys.argv[1:]
    chance = random.Random(int(seed))
    estimate.main(["planted", "--n", "50", "--trials", "8", "--quiet", "--json"])  # imported and compiled once for all
    counts = []
    for k in range(int(kills) + 1):
        wound = {3: "half", 7: "unnamed", 11: "half"}.get(k, "left alone" if k == int(kills) else "")
        shards = chance.randrange(5)
        calls = chance.randrange(CALLS if shards else BEGINNING)
        pid = os.fork()
        if pid == 0:
            child([*arguments, "--out", out, "--quiet"], wound, shards, calls)
        _, status = os.waitpid(pid, 0)
        counts.append((count(Path(out, "trials")), os.WIFSIGNALED(status)))
    sys.stdout.write(json.dumps(counts[:-1]) + "\n")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
