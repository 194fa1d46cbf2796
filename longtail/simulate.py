"""``python -m longtail.simulate --alpha 2``: what memorizing buys under a long tail, in numbers and in a figure."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.command import parser as command
from longtail.command import problems
from longtail.command import simulated as comparison
from longtail.core import AccuracyError, ArgumentError, Problem
from longtail.core.files import folder, json_text
from longtail.core.shares import fine, percent
from longtail.core.shown import many

if TYPE_CHECKING:
    import pandas as pd

    from longtail.montecarlo.simulation import Simulation

log = logging.getLogger("longtail")
ELL = 10
TAIL = 0.025  # of data sets, on either side of the range that is printed
COMMAND = "python -m longtail.infer"


@dataclass(frozen=True)
class Solution:
    """A problem, its exact table by ℓ, how long that took, how far one data set is off its mean, and what simulation says.

    ``unseen`` is where the unseen mass of 95 data sets in 100 lies; None where its law is not had quickly.
    """

    problem: Problem
    table: pd.DataFrame
    seconds: float
    deviation: dict[str, float | None]
    unseen: tuple[float, float] | None = None
    simulation: Simulation | None = None

    def at(self, ell: int, column: str) -> float:
        """One number of the table; NaN where n is smaller than ``ell``."""
        rows = self.table[self.table["ell"] == ell]
        return float(rows[column].iloc[0]) if len(rows) else np.nan

    @property
    def optimal_error(self) -> float:
        return self.at(0, "cost")

    @property
    def cost(self) -> float:
        return self.at(1, "cost")

    @property
    def scalars(self) -> dict[str, float]:
        """What does not go by ℓ."""
        return {
            "singleton_fraction": self.at(1, "sample_fraction"),
            "unseen_mass": self.at(0, "mass"),
            "optimal_error": self.optimal_error,
            "cost": self.cost,
        }

    def record(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "prior": repr(self.problem.prior),
            "samples": self.problem.n,
            "labels": self.problem.n_classes,
            "mode": self.problem.mode,
            "exact": {
                "n_tau": {str(row["ell"]): row["n_tau"] for row in self.table.to_dict("records") if row["ell"] > 0},
                **self.scalars,
                "seconds": self.seconds,
            },
            "deviation": self.deviation,
            "unseen_mass_range": None if self.unseen is None else list(self.unseen),
            "monte_carlo": comparison.record(self.simulation),
        }


def solve(problem: Problem) -> Solution:
    """Everything exact about one problem; of sightings so rare that they cannot be had to eight digits, no row."""
    import pandas  # noqa: F401  # imported before the clock starts

    from longtail import exact

    start, ells = time.perf_counter(), min(ELL, problem.n) + 1
    while True:
        try:
            table = exact.table(problem, range(ells))
        except AccuracyError as error:
            if error.argument != "ell":
                raise
            log.info("no row for what was seen %s times or more: %s", error.shown, error.remedy)
            ells = int(error.shown)
        else:
            return Solution(problem, table, time.perf_counter() - start, _deviation(problem))


def _deviation(problem: Problem) -> dict[str, float | None]:
    """The standard deviation over data sets of what is no number by ℓ; None where it cannot be had to eight digits."""
    from longtail import exact

    try:
        spread = exact.spread(problem)
    except AccuracyError as error:
        log.info("not known how far one data set is off its mean: %s", error.remedy)
        return dict.fromkeys(("singleton_fraction", "unseen_mass", "optimal_error", "cost"))
    return {
        name: float(getattr(spread, name).value)
        for name in ("singleton_fraction", "unseen_mass", "optimal_error", "cost")
    }


def _range(problem: Problem) -> tuple[float, float] | None:
    """Quantiles .025 and .975 of the unseen mass over data sets; None where its law takes more than about a second."""
    from longtail import exact

    try:
        law = exact.mass_law(problem, slowly=False)
    except AccuracyError as error:
        log.debug("no range of the unseen mass: %s", error.remedy)
        return None
    return law.quantile(TAIL), law.quantile(1 - TAIL)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(_parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    comparison.check(arguments)
    asked = problems.problems(arguments)
    target = folder("--out", arguments.out) if arguments.out else None
    solutions: list[Solution] = []
    interrupted = False
    for problem in asked:
        solution = solve(problem)
        if len(asked) == 1:
            solution = replace(solution, unseen=_range(problem))
        found = comparison.simulate(problem, arguments, min(ELL, problem.n), " ".join(_headline(solution)))
        solutions.append(replace(solution, simulation=found))
        if arguments.json:
            command.say(json_text(solutions[-1].record()))
        interrupted = found is not None and found.interrupted
        if interrupted:
            break
    word = _understated(asked)
    if word and arguments.json:
        log.info("%s", word)
    if not arguments.json:
        command.say(_report(solutions[0]) if len(solutions) == 1 else _sweep_report(solutions))
        if word:
            command.say(f"\n{word}")
    if target is not None:
        _write(arguments, solutions, target)
    return 130 if interrupted else 0


def _headline(solution: Solution) -> tuple[str, str]:
    """What memorizing buys, on two lines."""
    cost, optimal = solution.cost, solution.optimal_error
    share = cost / (cost + optimal) if cost + optimal > 0 else 0.0
    return (
        f"Memorizing what is seen once lowers the error by {fine(cost)}, from {fine(cost + optimal)} to the optimal "
        f"{fine(optimal)}:",
        f"{percent(share, '.0f')} of what a learner that guesses there gets wrong.",
    )


def _report(solution: Solution) -> str:
    """What one reads at a glance: what memorizing buys, then the numbers by ℓ."""
    from longtail import bounds

    problem = solution.problem
    lines = [
        *_headline(solution),
        "",
        f"{problem.prior!r}, {many(problem.n, 'sample')}, {problem.n_classes} labels, {problem.mode} frequencies",
        "",
        f"{'seen':>5} {'subpopulations':>15} {'of samples':>11} {'error if guessed':>17} {'n·tau':>10}"
        + (f" {'simulated':>22} {'z':>6}" if solution.simulation else ""),
    ]
    for row in solution.table.to_dict("records"):
        name = {0: "never", 1: "once"}.get(row["ell"], f"{row['ell']}x")
        fraction = fine(row["sample_fraction"]) if row["ell"] else ""
        guessed = fine(row["cost"])
        line = f"{name:>5} {row['subpopulations']:>15,.6g} {fraction:>11} {guessed:>17} {row['n_tau']:>10.6f}"
        beside = comparison.columns(solution.simulation, row["ell"], row["n_tau"]) if solution.simulation else ""
        lines.append(f"{line} {beside}".rstrip())
    lines += ["", *comparison.lines(solution.simulation, solution.scalars, solution.deviation)]
    if solution.unseen is not None:
        least, most = solution.unseen
        lines.append(f"The unseen mass of 95 data sets in 100 lies between {fine(least)} and {fine(most)}.")
    else:
        lines.append("Where the unseen mass of 95 data sets in 100 lies takes long here: exact.mass_law says.")
    n = problem.n
    try:
        low = bounds.lower(problem)
        lines += [
            "",
            f"n·tau_1 >= {n * low.value:.4g}  ({low.condition})" if low.holds else f"No lower bound: {low.condition}.",
        ]
        high = bounds.no_tail(problem)
        lines += [
            f"n·tau_1 <= {n * high.value:.4g}  ({high.condition})"
            if high.holds
            else f"No upper bound: {high.condition}."
        ]
    except ArgumentError as error:
        lines += ["", f"No bounds: {error}"]
    lines += ["", f"Exact to {solution.table['relative_error'].max():.0e}, in {1e3 * solution.seconds:.0f} ms."]
    return "\n".join(lines)


def _sweep_report(solutions: list[Solution]) -> str:
    names = _names(solutions)
    wide = max(len(name) for name in names)
    lines = [f"{'':{wide}} {'saved by memorizing':>20} {'optimal error':>14} {'n·tau_1':>9} {'singletons':>11}"]
    for name, solution in zip(names, solutions, strict=True):
        lines.append(
            f"{name:{wide}} {fine(solution.cost):>20} {fine(solution.optimal_error):>14} "
            f"{solution.at(1, 'n_tau'):>9.5f} {fine(solution.at(1, 'sample_fraction')):>11}"
        )
    return "\n".join(lines)


def _names(solutions: list[Solution]) -> list[str]:
    """What tells the problems of a sweep apart: the prior, and whatever else varies."""
    varying = [key for key in ("n", "n_classes", "mode") if len({getattr(s.problem, key) for s in solutions}) > 1]
    return [
        ", ".join([repr(s.problem.prior), *(f"{key}={getattr(s.problem, key)}" for key in varying)]) for s in solutions
    ]


def _write(arguments: argparse.Namespace, solutions: list[Solution], target: Any) -> None:
    import pandas as pd

    from longtail import bounds
    from longtail.core.record import Run
    from longtail.exact import scale

    frames = {
        "table": pd.concat(
            [
                s.table.assign(
                    prior=repr(s.problem.prior), samples_n=s.problem.n, labels=s.problem.n_classes, mode=s.problem.mode
                )
                for s in solutions
            ]
        )
    }
    simulated = [
        s.simulation.table().assign(
            prior=repr(s.problem.prior),
            samples_n=s.problem.n,
            labels=s.problem.n_classes,
            mode=s.problem.mode,
            trials=s.simulation.trials,
            device=s.simulation.device,
        )
        for s in solutions
        if s.simulation
    ]
    if simulated:
        frames["simulated"] = pd.concat(simulated)
    single = solutions[0] if len(solutions) == 1 else None
    if single is not None:
        frames["error_against_samples"] = scale.error_against_samples(single.problem)
        frames["tail"] = bounds.frequencies(single.problem)
    else:
        frames["sweep"] = _sweep_frame(solutions)
    if not arguments.no_plot:
        from longtail import plots

        if single is not None:
            title = f"{single.problem.prior!r}, n = {single.problem.n:,}, {single.problem.n_classes} labels"
            figure = plots.problem_figure(
                title, single.problem.n, single.table, frames["error_against_samples"], frames["tail"]
            )
        else:
            figure = plots.sweep_figure(frames["sweep"], *plots.swept(frames["sweep"]))
        for path in plots.save_both(figure, target / "figure"):
            log.info("wrote %s", path)
    asked = {key: value for key, value in vars(arguments).items() if key != "seed"}
    for path in Run.of(asked, arguments.seed, frames).write(target):
        log.info("wrote %s", path)


def _sweep_frame(solutions: list[Solution]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "problem": name,
            "prior": repr(s.problem.prior),
            "alpha": getattr(s.problem.prior, "alpha", np.nan),
            "subpopulations": s.problem.prior.size,
            "samples": s.problem.n,
            "labels": s.problem.n_classes,
            "mode": s.problem.mode,
            "optimal_error": s.optimal_error,
            "cost": s.cost,
            "error_guessing_singletons": s.optimal_error + s.cost,
            "n_tau_1": s.at(1, "n_tau"),
            "singleton_fraction": s.at(1, "sample_fraction"),
        }
        for name, s in zip(_names(solutions), solutions, strict=True)
    )


def _understated(asked: Sequence[Problem]) -> str:
    """What to know of counts taken as frequencies; empty where none are."""
    from longtail.priors import Listed

    files = dict.fromkeys(p.prior.file for p in asked if isinstance(p.prior, Listed) and p.prior.file is not None)
    if not files:
        return ""
    named = f"{COMMAND} {next(iter(files))}" if len(files) == 1 else COMMAND
    return (
        "Counts are taken as the frequencies themselves: what they did not meet is not in them, so the unseen is understated, "
        f"often by half. For frequencies with what was not seen: {named}"
    )


def _parser() -> command.Parser:
    parser = command.Parser(
        prog="python -m longtail.simulate",
        description="What memorizing buys a learner under a long tail of subpopulations: exact, in milliseconds.",
        epilog="Numbers may be ranges, start:stop:step or start:stop:xFACTOR, and every option of the model may be repeated: "
        "each combination is solved. Example: --alpha 0.5:2:0.25 --samples 1000 --samples 50000",
    )
    problems.add_arguments(parser)
    command.add_output(
        parser, "tables (CSV), the figure and the record of the run", "one JSON object a problem instead of a table"
    )
    comparison.add_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the simulation (default 0)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
