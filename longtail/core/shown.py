"""What a notebook shows of a result: a small table in HTML, every word of it escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MOST = 20  # rows


def table(caption: str, rows: Iterable[Sequence[Any]], head: Sequence[str] = ()) -> str:
    """Rows under a caption; of many the first twenty, and how many more there are.

    >>> table("a < b", [("one", 0.25)])
    '<table><caption>a &lt; b</caption><tbody><tr><td>one</td><td>0.25</td></tr></tbody></table>'
    """
    every = [list(row) for row in rows]
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(words(cell))}</td>" for cell in row) + "</tr>" for row in every[:MOST]
    )
    more = f"<tr><td>and {len(every) - MOST:,} more</td></tr>" if len(every) > MOST else ""
    return (
        f"<table><caption>{escape(caption)}</caption>{f'<thead><tr>{top}</tr></thead>' if head else ''}"
        f"<tbody>{body}{more}</tbody></table>"
    )


def many(count: float, what: str) -> str:
    """A count and what is counted, one or more of them.

    >>> many(1, "data set"), many(50_000, "data set"), many(2, "class")
    ('1 data set', '50,000 data sets', '2 classes')
    """
    if count == 1:
        return f"1 {what}"
    return f"{count:,} {what}{'es' if what.endswith(('s', 'x', 'ch')) else 's'}"


def not_finite(count: int) -> str:
    """How many values are no numbers to compute with.

    >>> not_finite(1), not_finite(40)
    ('1 value that is NaN or infinite', '40 values that are NaN or infinite')
    """
    return f"{many(count, 'value')} that {'is' if count == 1 else 'are'} NaN or infinite"


def words(value: Any) -> str:
    """A number to six digits, anything else as it is.

    >>> words(1 / 3), words(50_000), words("as it is")
    ('0.333333', '50,000', 'as it is')
    """
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    try:
        return f"{value:.6g}"
    except (TypeError, ValueError):
        return str(value)
