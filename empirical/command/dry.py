"""What ``--dry-run`` says: the stages of a run, for a person or a program."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from empirical.training.stages import NOTE, Stage, text
from longtail.command import parser as command
from longtail.core import whole
from longtail.core.files import json_text

T = TypeVar("T")


def timed(work: Callable[[], T], clock: Callable[[], float] = time.process_time) -> tuple[T, float]:
    """What it returns, and a processor's seconds of its first and only time: what is imported and read in it included."""
    start = clock()
    done = work()
    return done, clock() - start


def started(*modules: str) -> float:
    """A processor's seconds that a new process takes to start, to import these modules, and to end where that can be seen; NaN
    where it does not say.
    """
    code = f"import {', '.join(modules)}, time; print(time.process_time())"
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
    before = os.times()
    child = [sys.executable, "-P", "-c", code]
    kept: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    try:
        done = subprocess.run(child, env=where, check=True, **kept)
        told = float(done.stdout.strip().rpartition("\n")[2])  # modules may print too
    except (OSError, ValueError, subprocess.CalledProcessError):
        return float("nan")
    after = os.times()
    ended = after.children_user - before.children_user + after.children_system - before.children_system
    return max(told, ended)


def say(
    arguments: argparse.Namespace, head: str, case: Mapping[str, Any], stages: Sequence[Stage], note: str = NOTE
) -> int:
    """The sizes, in words or as ``case``, and what each stage takes; returns the exit code."""
    workers = whole("--workers", arguments.workers, 1, 4096)
    if getattr(arguments, "json", False):
        told = [{**asdict(stage), "machine_hours": stage.hours} for stage in stages]
        command.say(json_text({"case": dict(case), "stages": told}))
    else:
        command.say(text(head, stages, workers, note))
    return 0
