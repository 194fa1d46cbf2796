"""Which problems a command is asked to solve: its options for the model, and every combination of their values."""

from __future__ import annotations

import argparse
import itertools
from typing import cast

import numpy as np

from longtail.command.parser import Parser
from longtail.core import ArgumentError, Mode, Prior, Problem

DEFAULT = 50_000
POINTS = 25  # of a curve whose steps are left to us


def add_arguments(parser: Parser) -> None:
    """The options of the model."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--alpha", action="append", metavar="A", help="exponent of a Zipf prior, k^-A (default 1)")
    which.add_argument(
        "--prior", action="append", metavar="SPEC", help='any prior, as in "Geometric(ratio=0.999, size=50000)"'
    )
    which.add_argument(
        "--counts", action="append", metavar="FILE", help="frequencies from a file of counts, one a line or CSV"
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--subpopulations", action="append", metavar="N", help=f"size of the Zipf list (default {DEFAULT})"
    )
    model.add_argument(
        "--samples",
        action="append",
        metavar="n",
        help=f"samples in the data set (default {DEFAULT}; of --counts their total)",
    )
    model.add_argument("--labels", action="append", metavar="K", help="classes, equally likely (default 10)")
    model.add_argument(
        "--mode", action="append", choices=["random", "fixed"], help="draw frequencies from the list, or take it"
    )


def problems(arguments: argparse.Namespace) -> list[Problem]:
    """One problem for each combination of priors, samples, labels and modes."""
    from longtail.priors import Listed, Zipf, parse

    sizes = [size for text in arguments.subpopulations or [] for size in values("--subpopulations", text)]
    if sizes and (arguments.prior or arguments.counts):
        raise ArgumentError(
            "--subpopulations", arguments.subpopulations[0], "goes with --alpha; --prior and --counts have their own"
        )
    if arguments.prior:
        priors = [parse(text) for text in arguments.prior]
    elif arguments.counts:
        priors = [Listed(file=name) for name in arguments.counts]
    else:
        alphas = [alpha for text in arguments.alpha or ["1"] for alpha in values("--alpha", text)]
        priors = [Zipf(alpha=alpha, size=cast(int, size)) for alpha in alphas for size in sizes or [DEFAULT]]
    samples = [n for text in arguments.samples or [] for n in values("--samples", text)]
    n_classes = [k for text in arguments.labels or ["10"] for k in values("--labels", text)]
    modes: list[Mode] = arguments.mode or ["random"]
    return [
        Problem(prior, cast(int, n), cast(int, k), mode)
        for prior in priors
        for n, k, mode in itertools.product(samples or [_own_samples(prior)], n_classes, modes)
    ]


def _own_samples(prior: Prior) -> int:
    """As many samples as a file of counts counts; of any other prior the default."""
    from longtail.priors import Listed

    if not isinstance(prior, Listed) or prior.file is None:
        return DEFAULT
    if prior.total != round(prior.total):
        remedy = f"the numbers in {prior.file} add up to {prior.total:g}, so they are no counts; say how many samples"
        raise ArgumentError("--samples", None, remedy)
    return round(prior.total)


def curve(argument: str, text: str, *, steps: str = "geometric") -> list[float]:
    """The same, and ``start:stop`` without a step: ``POINTS`` values, each the same times or, ``steps="even"``, the same more."""
    parts = text.split(":")
    if len(parts) != 2:
        return values(argument, text)
    remedy = "give a number, start:stop, start:stop:step or start:stop:xFACTOR, 0 < start < stop"
    try:
        start, stop = float(parts[0]), float(parts[1])
    except ValueError as error:
        raise ArgumentError(argument, text, remedy) from error
    low = start > 0 if steps == "geometric" else start >= 0
    if not (low and start < stop < np.inf):
        raise ArgumentError(argument, text, remedy if steps == "geometric" else remedy.replace("0 <", "0 <="))
    between = np.geomspace if steps == "geometric" else np.linspace
    return [float(f"{x:.6g}") for x in between(start, stop, POINTS)]


def values(argument: str, text: str) -> list[float]:
    """``2``, or ``start:stop:step`` with both ends, or ``start:stop:xFACTOR``."""
    remedy = "give a number, start:stop:step or start:stop:xFACTOR, from start towards stop"
    parts = text.split(":")
    try:
        if len(parts) == 1:
            return [float(text)]
        start, stop = float(parts[0]), float(parts[1])
        geometric = parts[2].startswith("x")
        step = float(parts[2].removeprefix("x"))
        count = np.log(stop / start) / np.log(step) if geometric else (stop - start) / step
        if len(parts) != 3 or not 0 <= count < 10_000:
            raise ValueError
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise ArgumentError(argument, text, remedy) from error
    k = np.arange(int(count + 1e-9) + 1)
    return [float(f"{x:.12g}") for x in (start * step**k if geometric else start + step * k)]
