"""A net from its repr, ``Net(widths=(64,), masks=Masks(kept=0.5))``, or ``authors``; read as data, nothing is evaluated."""

from __future__ import annotations

from typing import Any

from empirical.dynamics.masks import Masks
from empirical.dynamics.net import AUTHORS, Net
from longtail.core import ArgumentError, calls

REMEDY = "give Net(widths=(256,), masks=Masks(kept=0.5), ...), or authors"
KINDS = {"net": Net, "masks": Masks}


def parse_net(text: str) -> Net:
    """The net that ``text`` describes.

    >>> parse_net("Net(widths=(64,), masks=Masks(kept=0.25))").masks.kept
    0.25
    """
    call = calls.read("net", text, REMEDY)
    if call.bare and call.name.lower() == "authors":
        return AUTHORS
    found = _made(call)
    if not isinstance(found, Net):
        raise ArgumentError("net", calls.shortened(text), REMEDY)
    return found


def _made(value: Any) -> Any:
    if not isinstance(value, calls.Call):
        return value
    kind = KINDS.get(value.name.lower())
    if kind is None:
        remedy = f"it has no hidden units for turn-over dropout to mask: {REMEDY}"
        raise ArgumentError("net", calls.shortened(value.name), remedy)
    arguments = tuple(map(_made, value.arguments))
    keywords = tuple((name, _made(one)) for name, one in value.keywords)
    return calls.made("net", calls.Call(value.name, arguments, keywords), kind)
