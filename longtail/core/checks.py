"""Arguments checked at the door: an error names the argument, what it got and what to do, on one line."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

# N and n: integers up to here are exact in a double, and so are their products with a frequency to rounding
LARGEST = 10**12


SHOWN = 200  # characters of a value in an error


class ArgumentError(ValueError):
    """``argument: got value; remedy``, on one line: what was wrong and what would do.

    >>> from longtail import Problem, Zipf
    >>> Problem(Zipf(alpha=1, size=100), n=0)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: n: got 0; give a whole number from 1 to 1e+12
    """

    def __init__(self, argument: str, got: object, remedy: str) -> None:
        self.argument = argument
        self.shown = _shown(got)
        self.remedy = remedy
        super().__init__(f"{argument}: got {self.shown}; {remedy}")

    def __reduce__(self) -> tuple[type[ArgumentError], tuple[str, str, str]]:
        """Made again from its three parts where it comes out of a worker process."""
        return type(self), (self.argument, self.shown, self.remedy)


class AccuracyError(ArgumentError):
    """A number that could not be had to eight digits; ``argument`` names what to change.

    >>> from longtail import Problem, Uniform, exact
    >>> exact.cost(Problem(Uniform(size=100), n=10**6))  # nothing is seen once
    Traceback (most recent call last):
        ...
    longtail.core.checks.AccuracyError: n: got 1000000; the mass of the subpopulations at ell = 1 is below 1e-290 ...
    """


def _shown(got: object) -> str:
    """A value on one line, of a long one the beginning; a string as it is, where that can be read."""
    plain = isinstance(got, str) and got.isprintable() and got.strip()
    line = str(got) if plain else " ".join(repr(got).split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def whole(argument: str, value: Any, least: int = 1, most: int = LARGEST) -> int:
    """``value`` as an int in [least, most], or an ArgumentError; 5e4 is welcome where it is a whole number."""
    number, exact = 0, False
    if _one(value):
        try:
            number = int(value)
            exact = bool(number == value)
        except (TypeError, ValueError, OverflowError):
            pass
    if not exact or not least <= number <= most:
        shown = number if exact and isinstance(value, float) else _told(value)  # 0, not 0.0
        raise ArgumentError(
            argument,
            shown,
            f"give a whole number from {least} to {most:.0e}"
            if most >= 10**6
            else f"give a whole number from {least} to {most}",
        )
    return number


def flag(argument: str, value: Any) -> bool:
    """``value`` where it is True or False, NumPy's too, or an ArgumentError: "no" would pass for true.

    >>> flag("stratified", "no")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: stratified: got 'no'; give True or False
    """
    if not isinstance(value, bool | np.bool_):
        raise ArgumentError(argument, _told(value), "give True or False")
    return bool(value)


def real(
    argument: str, value: Any, low: float, high: float = np.inf, *, open_low: bool = False, open_high: bool = False
) -> float:
    """``value`` as a float in [low, high] (ends left out where open), or an ArgumentError.

    >>> real("fraction", "0.5", 0, 1)
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: fraction: got '0.5'; give a number in [0, 1]
    """
    number = np.nan
    if _one(value):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = float(value)
    above = number > low if open_low else number >= low
    below = number < high if open_high or high == np.inf else number <= high
    if not (above and below):
        span = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high or high == np.inf else ']'}"
        raise ArgumentError(argument, _told(value), f"give a number in {span}")
    return number


def instance(argument: str, value: Any, wanted: Any, remedy: str) -> None:
    """Refuse what is not of a type.

    >>> instance("problem", "Zipf", int, "give a longtail.Problem")
    Traceback (most recent call last):
        ...
    longtail.core.checks.ArgumentError: problem: got 'Zipf'; give a longtail.Problem
    """
    if not isinstance(value, wanted):
        raise ArgumentError(argument, _told(value), remedy)


def _told(value: Any) -> Any:
    """A value as an error says it: words in quotes, or '5' would be told from 5 by nothing."""
    return repr(str(value)) if isinstance(value, str) else value


def _one(value: Any) -> bool:
    """Whether it may be a number: neither words, nor true or false, nor several in an array or list; of NumPy's a real one."""
    if isinstance(value, np.ndarray | np.generic):
        if value.ndim or np.ma.is_masked(value):
            return False
        return _one(value.item()) if value.dtype.kind == "O" else value.dtype.kind in "iuf"
    if isinstance(value, str | bytes | bool):
        return False
    try:
        return np.ndim(value) == 0
    except (TypeError, ValueError):  # lists of several lengths
        return False
