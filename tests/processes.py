"""Ends of processes, waited for as events: a busy machine is late, not wrong."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

HUNG = 900.0  # seconds after which something never ends; no machine is so busy


def wait_until(reached: Callable[[], bool], goes_on: Callable[[], bool] = lambda: True) -> bool:
    """Whether it was reached, waiting as long as there is somebody who can get there."""
    hung = time.monotonic() + HUNG
    while not reached():
        if not goes_on():
            return reached()  # the last thing that was done may have been this
        assert time.monotonic() < hung, "it hangs"
        time.sleep(0.01)
    return True


def of_session(session: int) -> dict[int, str]:
    """Commands of a session's processes by process id, but for those that have ended and are only not yet reaped."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, own = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            if int(own) == session and state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:  # gone meanwhile
            continue
    return found


class Ends:
    """The ends of processes: what is held is the process, not its number, which another may get after it."""

    def __init__(self, *pids: int) -> None:
        self.held = [os.pidfd_open(pid) for pid in pids]

    def wait(self) -> None:
        """Until all have ended."""
        for held in self.held:
            ready = select.poll()
            ready.register(held, select.POLLIN)
            assert ready.poll(HUNG * 1000), "a process goes on running"
            os.close(held)
