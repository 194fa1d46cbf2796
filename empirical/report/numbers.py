"""Numbers as a report says them: to the digits that are known, with what is not known of them, in text alone."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from empirical.estimates.removal import margin
from longtail.core import Estimate
from longtail.core.intervals import Z95
from longtail.core.shares import percent

SHARES = ("coupling", "steady")  # parameters that end at 1


def counted(row: pd.Series, name: str) -> str:
    """A predicted count, and between what counts chance and the fit's own error leave the one that is met.

    >>> counted(pd.Series({"pairs_fitted": 41.2, "pairs_fitted_low": 22.0, "pairs_fitted_high": 66.0}), "pairs")
    '41 (22 to 66)'
    """
    value, low, high = (row[f"{name}_fitted{end}"] for end in ("", "_low", "_high"))
    return f"{value:,.0f} ({low:,.0f} to {high:,.0f})" if low >= 0.5 else f"at most {high:,.0f}"


def pinned(name: str, e: Estimate, interval: tuple[float, float], called: str = "") -> str:
    """A parameter with its error; at an edge, where it has none, what its interval says. ``called`` so, if not by its name.

    >>> pinned("size", Estimate(8234.5, 532.1), (7200.0, 9300.0)), pinned("alpha", Estimate(0.001, np.nan), (0.0, 0.23))
    ('size 8,230 ± 530', 'alpha at most 0.23 (95 %)')
    """
    called = called or name
    low, high = interval
    set_below = low > (1.0 if name == "size" else 0.0)
    set_above = np.isfinite(high) and not (name in SHARES and high >= 1)
    if not np.isfinite(e.stderr) or (np.isinf(high) and set_below):
        if set_below and set_above:
            return f"{called} between {digits(low):,} and {digits(high):,} (95 %)"
        if set_below or set_above:
            return f"{called} at {'least' if set_below else 'most'} {digits(low if set_below else high):,} (95 %)"
        return f"{called} not pinned down by these data"
    if e.stderr > abs(e.value):
        return f"{called} not pinned down by these data"
    return f"{called} {digits(e.value):,} ± {digits(e.stderr, 2):,}"


def predicted(row: pd.Series, name: str) -> str:
    """A prediction with its 95 % error, which what was written down by earlier versions lacks."""
    error = row.get(f"{name}_stderr", np.nan)
    return points(float(row[name]), Z95 * float(error))


def observed(row: pd.Series, name: str) -> str:
    """A loss that was seen, with its 95 % error, which is never 0: few test examples may have missed it."""
    half = float(margin(row[f"{name}_stderr"], row["tests"]))
    return points(float(row[name]), half)


def points(value: float, half: float = np.nan) -> str:
    """A difference of two shares, in percentage points, with what is not known of it.

    >>> points(0.0123), points(-0.05, 0.0003)
    ('1.2 points', '−5.0 ± 0.03 points')
    """
    unsure = f" ± {after(half)[:-2]}" if np.isfinite(half) and half > 0 else ""
    return f"{100 * value:.1f}{unsure} points".replace("-", "−")


def after(width: float) -> str:
    """A share after ±, never 0.0 %.

    >>> after(0.0123), after(0.0003)
    ('1.2 %', '0.03 %')
    """
    return percent(width, ".1f" if width >= 5e-4 else ".1g")


def brief(name: object) -> str:
    """A repr with its numbers to three digits, near 1 of what they lack: 0.7623997 says no more than 0.762.

    >>> brief("Zipf(alpha=0.7623997, size=13353)"), brief("Geometric(ratio=0.9998362479353741, size=8136)")
    ('Zipf(alpha=0.762, size=13353)', 'Geometric(ratio=0.999836, size=8136)')
    """
    return re.sub(r"\d+\.\d+(?:e[-+]?\d+)?", lambda found: f"{digits(float(found[0]))}", str(name))


def digits(value: float, count: int = 3) -> float | int:
    """A number to so many digits; of one just below 1 what it lacks is: it may be the ratio of a geometric series.

    >>> digits(8234.5), digits(0.99983625), digits(0.0123456)
    (8230, 0.999836, 0.0123)
    """
    if 0.99 < value < 1:
        return round(1 - float(f"{1 - value:.{count}g}"), 12)
    short = float(f"{value:.{count}g}")
    return int(short) if short.is_integer() else short


def p_value(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-4 else "p < .0001"
