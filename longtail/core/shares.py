"""Shares as text: .123 is 12.3 %, always with a space; reports say a difference of two shares in points."""

from __future__ import annotations

LEAST = 0.01  # percent, below which four digits would need zeros before them


def percent(share: float, form: str = ".3g") -> str:
    """A share in percent, its number in this format.

    >>> percent(0.1234), percent(0.1234, ".0f")
    ('12.3 %', '12 %')
    """
    return f"{100 * share:{form}} %"


def fine(share: float) -> str:
    """To four digits, never rounded to nothing.

    >>> fine(0.0016789), fine(1.5e-9), fine(0.0)
    ('0.1679 %', '1.50e-07 %', '0 %')
    """
    return percent(share, ".4g" if 100 * share >= LEAST or share == 0 else ".2e")
