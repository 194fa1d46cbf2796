"""What a user's model raises, said with the learner, the trial and the place in its code."""

from __future__ import annotations

import contextlib
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longtail.core import ArgumentError


@contextlib.contextmanager
def naming(learner: Any, trial: int, *through: type[Exception]) -> Iterator[None]:
    """An ArgumentError in place of any other exception but those that are to come ``through``."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (ArgumentError, *through)):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
        where = f"{Path(place.filename).name}, line {place.lineno}"
        raise ArgumentError("learner", repr(learner), f"in trial {trial} it raised {said} ({where})") from error
