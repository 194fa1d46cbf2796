"""What parts the cells of a .csv, and what is the point of its numbers, read off its beginning.

Where the decimal point is a comma, programs part cells by semicolons or tabs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

MARKS = (",", ";", "\t")  # of equals the first
LOOKED_AT = 2**16  # bytes
QUOTED = re.compile(rb'"[^"]*"')


@dataclass(frozen=True)
class Dialect:
    """As pandas calls them."""

    sep: str = ","
    decimal: str = "."


def dialect(file: BinaryIO) -> Dialect:
    """The mark that stands most often in the first line, outside quotes; a comma for a point where numbers have one and none
    has a point. The file is at its beginning again afterwards.

    >>> import io
    >>> dialect(io.BytesIO(b"a;b,c;d\\n1,5;x;2\\n"))
    Dialect(sep=';', decimal=',')
    >>> dialect(io.BytesIO(b"a;b\\n1.5;1,5\\n")), dialect(io.BytesIO(b"a,b\\n1,5\\n"))
    (Dialect(sep=';', decimal='.'), Dialect(sep=',', decimal='.'))
    """
    head = QUOTED.sub(b"", file.read(LOOKED_AT))
    file.seek(0)
    first, *rest = re.split(rb"\r\n?|\n", head)
    sep = max(MARKS, key=lambda mark: first.count(mark.encode()))
    cells = [cell.strip() for line in rest for cell in line.split(sep.encode())]

    def any_with(point: bytes) -> bool:
        return any(re.fullmatch(rb"[-+]?\d+" + re.escape(point) + rb"\d+(e[-+]?\d+)?", cell, re.I) for cell in cells)

    return Dialect(sep, "," if sep != "," and any_with(b",") and not any_with(b".") else ".")
