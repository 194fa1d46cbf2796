"""A file of groups, read as data:

    {"groups": [{"name": "most", "prior": "Zipf(alpha=1, size=5000)", "share": 0.8},
                {"name": "few", "prior": "Zipf(alpha=1, size=5000)", "share": 0.2, "labels": 10, "kappa": 0.9}]}

``share`` of the population, which sum to 1; ``labels``, classes, 10 unless told; ``kappa``, the chance that a label is kept, 1
unless told. Names of priors are looked up, never imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.core import ArgumentError
from longtail.core.files import read_json
from longtail.core.opened import shortened

if TYPE_CHECKING:
    from longtail.exact.subgroups import Group

OPTION = "--groups"
MOST = 100
LONGEST = 2**20  # bytes
NAMES: dict[str, Any] = {"name": str, "prior": str, "share": (int, float), "labels": int, "kappa": (int, float)}
NEEDED = ("name", "prior", "share")
REMEDY = 'give {"groups": [{"name": "a", "prior": "Zipf(alpha=1, size=5000)", "share": 0.5}, ...]}'


def read(path: str) -> list[Group]:
    """The groups in a file, or an ArgumentError that says which is wrong."""
    from longtail.exact.subgroups import population

    file = Path(path)
    try:
        if file.is_file() and file.stat().st_size > LONGEST:
            raise ValueError(f"more than {LONGEST >> 20} MiB")
        content = read_json(file)
    except ArgumentError as error:
        raise ArgumentError(OPTION, path, error.remedy) from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise ArgumentError(OPTION, path, f"cannot be read ({shortened(said)}); {REMEDY}") from error
    listed = content.get("groups")
    if set(content) != {"groups"} or not isinstance(listed, list) or not listed:
        raise ArgumentError(OPTION, path, REMEDY)
    if len(listed) > MOST:
        raise ArgumentError(OPTION, f"{len(listed)} groups in {path}", f"give at most {MOST}")
    groups = [_group(path, at, one) for at, one in enumerate(listed, 1)]
    try:
        population(groups)
    except ArgumentError as error:
        raise ArgumentError(OPTION, f"{error.argument} {error.shown} in {path}", error.remedy) from error
    return groups


def _group(path: str, at: int, one: Any) -> Group:
    from longtail.exact.subgroups import Group
    from longtail.priors import parse

    where = f"group {at} of {path}"
    if not isinstance(one, dict):
        raise ArgumentError(OPTION, where, REMEDY)
    for name in one:
        if name not in NAMES:
            raise ArgumentError(OPTION, f"{shortened(name)!r} in {where}", f"give {', '.join(NAMES)} only")
    for name, kind in NAMES.items():
        if name in one and (isinstance(one[name], bool) or not isinstance(one[name], kind)):
            shown = shortened(repr(one[name]))
            raise ArgumentError(OPTION, f"{name} {shown} in {where}", "give a word" if kind is str else "give a number")
        if name in NEEDED and name not in one:
            raise ArgumentError(
                OPTION, f"{where} without {name}", f"give {', '.join(NEEDED)}, and labels or kappa if wanted"
            )
    try:
        prior = parse(one["prior"], imports=False)
        return Group(one["name"], prior, one["share"], one.get("labels", 10), one.get("kappa", 1.0))
    except ArgumentError as error:
        raise ArgumentError(OPTION, f"{error.argument} {error.shown} in {where}", error.remedy) from error
