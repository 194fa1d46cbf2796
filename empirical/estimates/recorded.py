"""What a run's record names, found again: its data and its learner, as data of a file that anyone may have written.

A name on your command line is imported; a name in a file is only looked up among ours. So a run that was trained with a
learner, prior or data set of your own is taken up again by naming that once more: ``given``, which goes before the record.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from empirical.data.dataset import Dataset
from empirical.data.load import NAMES, load, load_recorded
from empirical.learners.learner import Learner
from longtail.core import ArgumentError, calls
from longtail.priors import parse

KINDS: dict[str, tuple[type, ...]] = {  # of the options that a data set was loaded with
    **dict.fromkeys(("data_dir", "label", "id", "text", "test", "prior", "missing"), (str,)),
    "test_fraction": (int, float),
    **dict.fromkeys(("n", "seed", "size", "rows"), (int,)),
}


def recorded_learner(text: Any) -> Learner:
    """The learner that a record names, if it is one of ours.

    >>> recorded_learner("Ridge(penalty=2.0)")
    Ridge(penalty=2.0)
    >>> recorded_learner("mine.Forest()")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: learner: got a name in a file, which is not imported; ...
    """
    from empirical.learners.parse import parse_learner

    try:
        return parse_learner(_text("learner", text), imports=False)
    except calls.Foreign as error:
        raise _yours("learner", text) from error


def recorded_dataset(record: Mapping[str, Any], given: Mapping[str, str], digest: str) -> Dataset:
    """The data set that a record names, or that is given in its stead, by the options of the record and those given.

    >>> recorded_dataset({"data": "planted", "n": 60}, {}, "").data.n
    60
    """
    options = {name: _option(name, record.get(name), kinds) for name, kinds in KINDS.items()}
    options |= {name: value for name, value in given.items() if name != "data"}
    if options["prior"] is not None and "prior" not in given:
        _prior(options["prior"])
    if "data" in given:
        return load(given["data"], **options)
    source = _text("data", record.get("data"))
    try:
        if not digest and source not in NAMES and Path(source).exists():
            remedy = f"it does not say by a digest what they were: give --data {shlex.quote(source)} to say that these are they"
            raise ArgumentError("directory", f"data in {calls.shortened(source)}", remedy)
        return load_recorded(source, **options)
    except calls.Foreign as error:
        raise _yours("data", source) from error


def _prior(text: str) -> None:
    """Refuse a prior that is not ours, or that would open what is no regular file."""
    for name in _strings(calls.read("prior", text, "write it as a call")):
        if "\0" in name or (Path(name).exists() and not Path(name).is_file()):
            raise ArgumentError("prior", calls.shortened(text), "it names what is no regular file")
    try:
        parse(text, imports=False)
    except calls.Foreign as error:
        raise _yours("prior", text) from error


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    parts: Any = value if isinstance(value, (tuple, list)) else ()
    if isinstance(value, calls.Call):
        parts = [*value.arguments, *dict(value.keywords).values()]
    for part in parts:
        yield from _strings(part)


def _option(name: str, value: Any, kinds: tuple[type, ...]) -> Any:
    if value is not None and (not isinstance(value, kinds) or isinstance(value, bool)):
        raise ArgumentError(name, calls.shortened(repr(value)), "not what a run's summary.json has there")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ArgumentError(name, calls.shortened(repr(value)), "a run's summary.json has a name there")
    return value


def _yours(what: str, text: str) -> ArgumentError:
    """How to say that a name in the record is one's own; quoted, for it may be copied into a shell."""
    if not text.isprintable() or len(text) > 4 * calls.SHOWN:
        return ArgumentError(
            what, calls.shortened(text), f"a name in a file is not imported: give your own by --{what}"
        )
    verb, kind = ("are", "they are") if what == "data" else ("is", "it is")
    remedy = f"the run's {what} {verb} {text}: give --{what} {shlex.quote(text)} to say {kind} yours"
    return ArgumentError(what, "a name in a file, which is not imported", remedy)
