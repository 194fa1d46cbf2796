"""Simulated beside exact, for the command line: its options, its progress, its columns, its JSON."""

from __future__ import annotations

import argparse
import logging
import math
import sys
from typing import TYPE_CHECKING, Any, TextIO

from longtail.core import ArgumentError, Estimate, Problem, real, whole
from longtail.core.shares import percent
from longtail.core.shown import many

if TYPE_CHECKING:
    from longtail.montecarlo.simulation import Simulation

log = logging.getLogger("longtail")
TRIALS = 1000
LIGHT = 2 * 10**6  # cells and added points in a data set that are simulated without being asked for: a few seconds
BAR = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of simulation."""
    group = parser.add_argument_group("simulation")
    group.add_argument("--trials", metavar="T", help=f"data sets simulated (default {TRIALS:,}; 0 for exact only)")
    group.add_argument("--tolerance", metavar="R", help="simulate until the cost's relative standard error is R")
    group.add_argument("--device", metavar="auto|cpu|gpu", default="auto", help="where (default auto)")
    group.add_argument("--workers", metavar="W", help="threads (default: as many as there are cores)")


def check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be, before anything is computed."""
    if arguments.trials is not None:
        arguments.trials = whole("--trials", _number(arguments.trials), 0, 10**9)
    if arguments.tolerance is not None:
        arguments.tolerance = real("--tolerance", _number(arguments.tolerance), 0.0, 1.0, open_low=True)
        if arguments.trials == 0:
            raise ArgumentError("--trials", 0, "leave it out with --tolerance, or give the most trials to take")
    if arguments.workers is not None:
        arguments.workers = whole("--workers", _number(arguments.workers), 1, 4096)
    whole("--seed", arguments.seed, 0, 2**64 - 1)
    if arguments.device not in ("auto", "cpu", "gpu"):
        raise ArgumentError("--device", arguments.device, "give auto, cpu or gpu")


def _number(text: Any) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def simulate(problem: Problem, arguments: argparse.Namespace, ells: int, meanwhile: str = "") -> Simulation | None:
    """The simulation asked for; None for ``--trials 0``, and where none was asked for and it would take long.

    If it has to be compiled first, ``meanwhile`` is said before.
    """
    asked = arguments.trials is not None or arguments.tolerance is not None
    if arguments.trials == 0:
        return None
    if not asked and problem.prior.size + 10 * math.sqrt(problem.n) > LIGHT:
        log.info("not simulated: a data set of this size takes long; ask for --trials")
        return None
    from longtail import montecarlo
    from longtail.core import arrays

    device = arrays.device(arguments.device)
    if device.kind == "cpu":
        from longtail.core.compiled_cpu import compiling

        compiling.meanwhile = meanwhile
    progress = Progress(problem, arguments, sys.stderr) if sys.stderr.isatty() and not arguments.quiet else None
    try:
        found = montecarlo.run(
            problem,
            trials=arguments.trials,
            tolerance=arguments.tolerance,
            ells=ells,
            rng=arrays.Random(arguments.seed, device),
            workers=arguments.workers,
            progress=progress,
        )
    except ArgumentError as error:
        if asked:
            raise
        log.info("not simulated: %s", error)
        return None
    finally:
        if progress is not None:
            progress.clear()
    log.info("simulated on %s (%s): %s", device, device.name, device.reason)
    return found


class Progress:
    """A bar on one line of a terminal: how far, and what the cost is so far."""

    def __init__(self, problem: Problem, arguments: argparse.Namespace, stream: TextIO) -> None:
        self.trials = arguments.trials or (None if arguments.tolerance else TRIALS)
        self.tolerance = arguments.tolerance
        self.stream = stream

    def __call__(self, so_far: Simulation) -> None:
        cost = so_far.cost
        done = so_far.trials / self.trials if self.trials else 0.0
        if self.tolerance and cost.stderr > 0:  # errors fall as the square root of the trials
            done = max(done, (self.tolerance * cost.value / cost.stderr) ** 2)
        filled = round(BAR * min(done, 1.0))
        bar = "█" * filled + "·" * (BAR - filled)
        counted = (
            f"{so_far.trials:,} of {many(self.trials, 'data set')}" if self.trials else many(so_far.trials, "data set")
        )
        self.stream.write(f"\r{bar} {counted}, cost {_spread(cost)}\x1b[K")
        self.stream.flush()

    def clear(self) -> None:
        self.stream.write("\r\x1b[K")
        self.stream.flush()


def record(found: Simulation | None) -> dict[str, Any] | None:
    """What ``--json`` prints under ``monte_carlo``."""
    if found is None:
        return None

    def both(estimate: Estimate) -> dict[str, float | None]:
        return {"value": _finite(estimate.value), "stderr": _finite(estimate.stderr)}

    return {
        "trials": found.trials,
        "device": found.device,
        "seconds": found.seconds,
        "singleton_fraction": both(found.singleton_fraction),
        "unseen_mass": both(found.unseen_mass),
        "optimal_error": both(found.optimal_error),
        "cost": both(found.cost),
        "n_tau": {str(ell): both(found.n_tau(ell)) for ell in range(1, found.ells + 1)},
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def columns(found: Simulation, ell: int, exactly: float) -> str:
    """n·τ simulated, and the z between it and the exact one: two columns of the table by ℓ."""
    estimate = found.n_tau(ell)
    if not math.isfinite(estimate.value):
        return f"{'never':>22} {'':>6}"
    return f"{estimate.value:>11.6f} ± {estimate.stderr:<8.2g} {_z(estimate, exactly):>6}"


def lines(found: Simulation | None, exactly: dict[str, float], deviations: dict[str, float | None]) -> list[str]:
    """A row for each of the exact quantities, in percent: exact, how far one data set is off, and simulated with its z."""
    out = [
        f"{'':22} {'exact':>12} {'one data set':>13}" + (f" {'simulated':>24} {'z':>6}" if found is not None else "")
    ]
    for name, value in exactly.items():
        title = name.replace("_", " ") if name != "cost" else "saved by memorizing"
        spread = deviations[name]
        off = f"± {percent(spread, '.4g')}" if spread is not None else ""
        line = f"{title:22} {percent(value, '.6g'):>12} {off:>13}"
        if found is not None:
            estimate: Estimate = getattr(found, name)
            line += f" {_spread(estimate):>24} {_z(estimate, value):>6}"
        out.append(line.rstrip())
    if found is not None:
        rate = found.trials / found.seconds if found.seconds > 0 else 0.0
        stopped = ", interrupted" if found.interrupted else ""
        out.append(f"{many(found.trials, 'data set')} simulated on {found.device}, {rate:,.0f} a second{stopped}.")
    return out


def _spread(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.5g} ± {percent(estimate.stderr, '.2g')}"


def _z(estimate: Estimate, exactly: float) -> str:
    """Blank where nothing varies but by rounding."""
    varies = estimate.stderr > 1e-9 * abs(estimate.value)
    return f"{(estimate.value - exactly) / estimate.stderr:+.2f}" if varies else ""
