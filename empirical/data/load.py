"""Data sets, one file each: by name, or by the path of your own file or folder. Nothing is ever unpickled."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from empirical.data.dataset import Dataset
from empirical.data.rows import fewer
from empirical.data.sources import NAMES
from empirical.data.sources.published import load_published, load_published_pairs
from longtail.core import ArgumentError, calls, instance, real, whole

SEEDS = 2**64 - 1
WORDS = ("data_dir", "id", "label", "missing", "test", "text")  # options that are names
SUFFIXES = {".npz": "npz", ".csv": "table", ".parquet": "table", ".txt": "text", ".zip": "text"}


def load(source: str | Path, **options: Any) -> Dataset:
    """The data set of that name, file, folder, or ``package.module.function`` that returns one.

    Options, each only where it applies: data_dir, label, id, text, test, test_fraction, missing, size, seed, prior, n. A function
    of yours is marked by ``makes_data``, and gets those given that are parameters of its own. ``rows``: so many training
    examples only, drawn at random, of whatever there are.

    >>> load("digits").data.n
    1500
    """
    return _load(str(source), options, imports=True)


def load_recorded(source: str, **options: Any) -> Dataset:
    """``load`` for a name that a file holds: one of ours, or a regular file or folder. Nothing is imported."""
    for name in ("test", "data_dir"):
        path = options.get(name)
        if path is not None and not (Path(path).is_dir() if name == "data_dir" else Path(path).is_file()):
            raise ArgumentError(name, calls.shortened(path), "there is no such file or folder")
    return _load(source, options, imports=False)


def _load(source: str, options: dict[str, Any], imports: bool) -> Dataset:
    given = {name: value for name, value in options.items() if value is not None}
    if "\0" in source or not _written(source):
        raise ArgumentError("data", ascii(source), "rename it: its name is not UTF-8")
    rows = given.pop("rows", None)
    loaded = _loader(source, imports)(source, given)
    return loaded if rows is None else fewer(loaded, rows, whole("seed", given.get("seed", 0), 0, SEEDS))


def _written(name: str) -> bool:
    """Whether a name can be printed and put into tables: bytes that are no UTF-8 stand in it as halves of characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _loader(source: str, imports: bool) -> Callable[[str, dict[str, Any]], Dataset]:
    path = Path(source)
    if source in NAMES:
        return _module(source)
    if path.is_dir():
        if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
            return _module("saved")
        texts = (path / "train.txt").is_file()
        return _module("text" if texts else "folder")
    if path.suffix.lower() in SUFFIXES:
        if not path.exists():
            raise ArgumentError("data", calls.shortened(source), "there is no such file")
        return _module(SUFFIXES[path.suffix.lower()])
    if all(part.isidentifier() for part in source.split(".")) and "." in source:
        if not imports:
            raise calls.Foreign("data", calls.shortened(source), "a name in a file is not imported")
        return _foreign(source)
    names = ", ".join(NAMES)
    raise ArgumentError(
        "data",
        calls.shortened(source),
        f"give {names}; a .npz, .csv, .parquet, .txt or .zip file; a folder of images, or one that `datasets` saved",
    )


def _module(name: str) -> Callable[[str, dict[str, Any]], Dataset]:
    found: Callable[[str, dict[str, Any]], Dataset] = importlib.import_module(f"empirical.data.sources.{name}").load
    return lambda source, options: found(source, {key: _option(key, value) for key, value in options.items()})


def _option(name: str, value: Any) -> Any:
    """An option of a source of ours, of the type it is to have; each source knows more of those it takes."""
    if name == "seed":
        return whole(name, value, 0, SEEDS)
    if name == "test_fraction":
        return real(name, value, 0, 1, open_low=True, open_high=True)
    if name in WORDS:
        instance(name, value, str | os.PathLike, "give a name")
    return value


def _foreign(source: str) -> Callable[[str, dict[str, Any]], Dataset]:
    maker = calls.imported("data", source, "give package.module.function")
    if getattr(maker, "makes_data", False) is not True:
        remedy = "it does not say that it makes data: mark the function by @empirical.makes_data"
        raise ArgumentError("data", calls.shortened(source), remedy)

    def load_foreign(_: str, options: dict[str, Any]) -> Dataset:
        made = maker(**_taken(source, maker, options))
        dataset = made if isinstance(made, Dataset) else Dataset(source, made)
        if not hasattr(dataset.data, "y_train"):
            raise ArgumentError("data", source, "the function must return an empirical.data.data.Data or a Dataset")
        return dataset

    return load_foreign


def _taken(source: str, maker: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The options for a function from outside: those its signature names; a run's seed is passed over where it has none."""
    try:
        signature = inspect.signature(maker)
    except ValueError:  # a compiled function may not say what it takes
        return options
    named = {p.name for p in signature.parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        for name in [name for name in options if name not in named and name != "seed"]:
            raise ArgumentError(name, options[name], f"{source} takes no such option; leave it out")
        options = {name: value for name, value in options.items() if name in named}
    try:
        signature.bind(**options)
    except TypeError as error:
        raise ArgumentError("data", source, f"{error}; it is called with the options given only") from error
    return options


__all__ = ["NAMES", "Dataset", "load", "load_published", "load_published_pairs"]
