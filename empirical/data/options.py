"""Options that a data set is loaded with: refused where they mean nothing, and their defaults."""

from __future__ import annotations

from typing import Any

from longtail.core import ArgumentError

TEST_FRACTION = 0.2  # of the rows to test on, where no others are given


def refuse(options: dict[str, Any], *known: str) -> None:
    """An error for options that mean nothing to this kind of data: other than those ``known``, a seed and a folder.

    >>> refuse({"size": 8, "seed": 0}, "size")
    >>> refuse({"label": "y"}, "size")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: label: got y; this kind of data has no such option
    """
    for name in options:
        if name not in (*known, "seed", "data_dir"):
            raise ArgumentError(name, options[name], "this kind of data has no such option")


def refuse_share(options: dict[str, Any], where: str) -> None:
    """An error for a share of the rows to test on where ``where`` has those rows.

    >>> refuse_share({"test_fraction": 0.1}, "the test folder")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: test_fraction: got 0.1; the test rows are those of the test folder; leave it out
    """
    if "test_fraction" in options:
        raise ArgumentError(
            "test_fraction", options["test_fraction"], f"the test rows are those of {where}; leave it out"
        )
