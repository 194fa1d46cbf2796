"""What ``--dry-run`` says: the stages of a run, for a person or a program."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from empirical.training.stages import Stage, text
from longtail.command import parser as command
from longtail.core import whole
from longtail.core.files import json_text


def say(arguments: argparse.Namespace, head: str, case: Mapping[str, Any], stages: Sequence[Stage]) -> int:
    """The sizes, in words or as ``case``, and what each stage takes; returns the exit code."""
    workers = whole("--workers", arguments.workers, 1, 4096)
    if getattr(arguments, "json", False):
        told = [{**asdict(stage), "machine_hours": stage.hours} for stage in stages]
        command.say(json_text({"case": dict(case), "stages": told}))
    else:
        command.say(text(head, stages, workers))
    return 0
