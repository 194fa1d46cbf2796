"""A published number beside ours, and the verdict on the two: by the numbers and their errors alone.

What is published says that a number lies in [low, high]: 2 or more, or, printed with last digit u, within [p − u/2, p + u], for
it may have been rounded or cut. With reach = z √(stderr² + published stderr²) + bound, z = 3, ours

    differs          if [ours − reach, ours + reach] has no point of [low, high];
    not tried here   if there is none of ours, or if it could as well be what it would be were the claim false;
    agrees           otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from longtail.core.checks import ArgumentError
from longtail.core.estimate import Estimate

Z = 3.0
AGREES, DIFFERS, UNTRIED = "agrees", "differs", "not tried here"
PRINTED = re.compile(r"([-−]?)(\d[\d,]*\.?\d*|\.\d+)(?: ± (\d*\.?\d+))?( %)?")


@dataclass(frozen=True)
class Published:
    """``text`` as it is printed, the range that it means, its own standard error, and what one would find were it not so;
    in ``percent``, or of a difference of shares in ``points``.
    """

    text: str
    low: float
    high: float
    otherwise: float = 0.0
    stderr: float = 0.0
    percent: bool = False
    points: bool = False

    def __post_init__(self) -> None:
        if self.low < self.otherwise < self.high or self.low == self.otherwise == self.high:
            raise ArgumentError(
                "otherwise", self.otherwise, "nothing could tell: give a number outside what is published"
            )

    def verdict(self, ours: Estimate | None) -> str:
        """One of the three."""
        if ours is None or not all(map(math.isfinite, (ours.value, ours.stderr))):
            return UNTRIED
        reach = Z * math.hypot(ours.stderr, self.stderr) + float(ours.bound)
        if ours.value + reach < self.low or ours.value - reach > self.high:
            return DIFFERS
        return UNTRIED if abs(ours.value - self.otherwise) <= reach else AGREES


def printed(text: str, otherwise: float = 0.0) -> Published:
    """A number as a paper prints it, with its error if it has one.

    >>> printed("7 %").low, printed("7 %").high
    (0.065, 0.08)
    >>> printed("73.52 ± .25").stderr
    0.25
    """
    match = PRINTED.fullmatch(text)
    if match is None:
        raise ArgumentError("text", text, "give a number as 1,015, .47, 17 % or 73.5 ± .3 %")
    minus, digits, error, sign = match.groups()
    scale = 100.0 if sign else 1.0
    unit = 10.0 ** -len(digits.partition(".")[2])
    size = float(digits.replace(",", ""))
    ends = sorted((-1 if minus else 1) * (size + part * unit) / scale for part in (-0.5, 1.0))
    return Published(text, ends[0], ends[1], otherwise, float(error or 0) / scale, bool(sign))


def above(low: float, text: str, *, percent: bool = False, points: bool = False) -> Published:
    """More than ``low``; a difference of shares is in ``points``."""
    return Published(text, low, math.inf, low, percent=percent, points=points)


def below(high: float, text: str, *, percent: bool = False, points: bool = False) -> Published:
    """Less than ``high``."""
    return Published(text, -math.inf, high, high, percent=percent, points=points)


def equal(value: float, text: str, otherwise: float = 0.0, *, digits: int = 9, percent: bool = False) -> Published:
    """A number known by a formula, to so many digits after the point."""
    room = 10.0**-digits / 2
    return Published(text, value - room, value + room, otherwise, percent=percent)


@dataclass(frozen=True)
class Finding:
    """A claim in words, what was published of it, and ours with its error; None where it was not tried."""

    text: str
    published: Published
    ours: Estimate | None

    @property
    def verdict(self) -> str:
        """``agrees``, ``differs`` or ``not tried here``."""
        return self.published.verdict(self.ours)

    @property
    def shown(self) -> str:
        """Ours as text, ± one standard error, in percent or in points where the published number is."""
        how = self.published
        return "" if self.ours is None else number(self.ours, percent=how.percent, points=how.points)

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        ours = None
        if self.ours is not None:
            ours = {name: float(getattr(self.ours, name)) for name in ("value", "stderr", "bound")}
        return {
            "claim": self.text,
            "published": self.published.text,
            "ours": ours,
            "shown": self.shown,
            "verdict": self.verdict,
        }


def number(found: Estimate, *, percent: bool = False, points: bool = False) -> str:
    """A value with its error: two digits of the error, or four of what is exact.

    >>> number(Estimate(0.07233)), number(Estimate(0.0163, 0.00239), percent=True), number(Estimate(1015.0))
    ('.07233', '1.63 ± .24 %', '1,015')
    >>> number(Estimate(0.0163, 0.00239), points=True)
    '1.63 ± .24 points'
    """
    scale, sign = (100.0, " points" if points else " %") if percent or points else (1.0, "")
    value, error = scale * float(found.value), scale * float(found.stderr)
    if not math.isfinite(value) or not math.isfinite(error):
        return "unknown"
    if error > 1e-12 * abs(value):  # below that it is rounding
        places = _places(error, 2)
        return f"{_plain(value, places)} ± {_plain(error, places)}{sign}"
    return f"{_plain(value, 0 if value.is_integer() else _places(value, 4))}{sign}"


def tally(verdicts: Sequence[str]) -> str:
    """How many agree, differ and were not tried.

    >>> tally([AGREES, DIFFERS, AGREES])
    '2 agree, 1 differs'
    """
    words = {(AGREES, 1): AGREES, (DIFFERS, 1): DIFFERS}
    plural = {AGREES: "agree", DIFFERS: "differ", UNTRIED: UNTRIED}
    counts = {verdict: verdicts.count(verdict) for verdict in plural}
    told = [f"{count} {words.get((verdict, count), plural[verdict])}" for verdict, count in counts.items() if count]
    return ", ".join(told)


def _places(value: float, digits: int) -> int:
    """After the point, so that ``value`` has so many digits."""
    return max(0, digits - 1 - math.floor(math.log10(abs(value))))


def _plain(value: float, places: int) -> str:
    """Without the 0 before the point, as the papers print it."""
    if places > 7:
        return f"{value:.2g}"
    text = f"{value:,.{places}f}".replace("-", "−")
    return text.replace("0.", ".", 1) if text.lstrip("−").startswith("0.") else text
