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
