"""``python -m longtail.cost --alpha 1 --epsilon 0.1:10``: what it costs not to memorize, and which subgroup pays it."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.command import groups as files
from longtail.command import parser as command
from longtail.command import problems
from longtail.core import ArgumentError, Problem
from longtail.core.files import folder, json_text
from longtail.core.shares import fine
from longtail.core.shown import many

if TYPE_CHECKING:
    import pandas as pd

    from longtail.learners import Learner

log = logging.getLogger("longtail")
EPSILONS = "0.1:10"  # where no limit is asked for
LIMITS = {"epsilon": "--epsilon", "items": "--capacity", "gamma": "--limit", "kappa": "--noise"}
COLUMN = {"epsilon": "epsilon", "items": "capacity", "gamma": "gamma", "kappa": "kappa"}
SHOWN = {  # columns of the table, by limit
    "epsilon": {"excess_error": "cost", "groups": "bound by groups", "singletons": "seen once"},
    "items": {"excess_error": "cost"},
    "gamma": {"excess_error": "cost", "singletons": "seen once"},
    "kappa": {"optimal_error": "optimal error", "excess_error": "cost", "fitting_every_label": "fitting every label"},
}


@dataclass(frozen=True)
class Costs:
    """A problem, its optimal error, the cost of guessing singletons, the curve, and the least limit that costs ``within``."""

    problem: Problem
    limit: str
    optimal_error: float
    cost: float
    curve: pd.DataFrame
    within: float | None = None
    least: float | None = None
    crossover: dict[float, int | None] | None = None

    def record(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        keys = [COLUMN[self.limit], *(["delta"] if self.limit == "epsilon" else []), "excess_error"]
        keys += ["optimal_error", "fitting_every_label"] if self.limit == "kappa" else []
        found = {
            "prior": repr(self.problem.prior),
            "samples": self.problem.n,
            "labels": self.problem.n_classes,
            "mode": self.problem.mode,
            "optimal_error": self.optimal_error,
            "cost": self.cost,
            "curve": self.curve[keys].to_dict("records"),
        }
        if self.within is not None:
            found["within"] = {"excess_error": self.within, COLUMN[self.limit]: self.least}
        if self.crossover is not None:
            found["crossover"] = {f"{kappa:g}": ell for kappa, ell in self.crossover.items()}
        return found


def solve(problem: Problem, limit: str, values: Sequence[float], arguments: argparse.Namespace) -> Costs:
    """The curve of one problem over the values of one limit."""
    from longtail import exact
    from longtail.exact import limits, noise

    crossover = None
    if limit == "epsilon":
        curve = limits.privacy(problem, values, arguments.delta)
    elif limit == "items":
        curve = limits.compression(problem, values)
    elif limit == "gamma":
        curve = limits.memorization(problem, values)
    else:
        wrong = [one for one in values if 0 < one < 1]
        crossover = {one: _crossover(one, problem.n_classes, arguments.against) for one in wrong}
        curve = noise.noise(problem, values, arguments.against)
    optimal, guessing = exact.optimal_error(problem).value, exact.cost(problem).value
    found = Costs(problem, limit, optimal, guessing, curve, crossover=crossover)
    if arguments.within is None:
        return found
    if limit == "epsilon":
        least: float = limits.least_epsilon(problem, arguments.within, arguments.delta)
    elif limit == "items":
        least = limits.least_capacity(problem, arguments.within)
    else:
        least = limits.least_gamma(problem, arguments.within)
    return replace(found, within=arguments.within, least=least)


def _crossover(kappa: float, n_classes: int, against: Any) -> int | None:
    """Sights from which on a wrong label is better not fit; None where there are more than can be told."""
    from longtail.exact import noise

    try:
        return noise.crossover(kappa, n_classes, against)
    except ArgumentError:
        return None


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(_parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    limit = next((name for name in LIMITS if getattr(arguments, name) is not None), None)
    _number(arguments, "delta", 0.0)
    _number(arguments, "within", None)
    if arguments.delta and limit not in (None, "epsilon"):
        raise ArgumentError("--delta", arguments.delta, "goes with --epsilon")
    if arguments.groups is not None:
        return _groups(arguments, limit)
    if limit == "kappa" and arguments.within is not None:
        raise ArgumentError(
            "--within", arguments.within, "goes with --epsilon, --capacity or --limit, which can be chosen"
        )
    limit = limit or "epsilon"
    steps = "geometric" if limit in ("epsilon", "items") else "even"
    values = problems.curve(LIMITS[limit], getattr(arguments, limit) or EPSILONS, steps=steps)
    if limit == "items" and ":" in arguments.items:
        values = [float(one) for one in sorted({round(one) for one in values})]
    asked = problems.problems(arguments)
    target = folder("--out", arguments.out) if arguments.out else None
    solved = [solve(problem, limit, values, arguments) for problem in asked]
    for one in solved:
        command.say(json_text(one.record()) if arguments.json else _report(one, arguments.delta))
    if target is not None:
        _write(arguments, solved, target)
    return 0


def _number(arguments: argparse.Namespace, name: str, default: float | None) -> None:
    text = getattr(arguments, name)
    try:
        setattr(arguments, name, default if text is None else float(text))
    except ValueError as error:
        raise ArgumentError(f"--{name}", text, "give a number") from error


def _report(found: Costs, delta: float) -> str:
    """What one reads at a glance, then the curve."""
    problem, limit, total = found.problem, found.limit, found.cost
    where = f"{problem.prior!r}, {many(problem.n, 'sample')}, {problem.n_classes} labels, {problem.mode} frequencies"
    lines = [where, f"Optimal error {fine(found.optimal_error)}; guessing on all that is seen once adds {fine(total)}."]
    if found.least is not None:
        lines.append(
            f"At most {fine(found.within or 0)} of error is added from {_name(limit)} = {found.least:.10g} on."
        )
    if limit == "epsilon":
        lines += ["", f"The least error added by (ε, δ)-private prediction, δ = {delta:g}, whatever the learner:"]
    columns = SHOWN[limit]
    lines += ["", f"{COLUMN[limit]:>12}" + "".join(f" {title:>19}" for title in columns.values())]
    if found.crossover is not None:
        lines[-1] += f" {'outliers unfit from':>20}"
    for row in found.curve.to_dict("records"):
        line = f"{row[COLUMN[limit]]:>12.6g}" + "".join(f" {fine(row[name]):>19}" for name in columns)
        if found.crossover is not None:
            ell = found.crossover.get(row["kappa"])
            line += f" {f'{ell} sights' if ell else '':>20}"
        lines.append(line.rstrip())
    lines += ["", f"Exact to {found.curve['bound'].max():.0e}."]
    return "\n".join(lines)


def _name(limit: str) -> str:
    return {"epsilon": "ε", "items": "B", "gamma": "γ", "kappa": "κ"}[limit]


def _groups(arguments: argparse.Namespace, limit: str | None) -> int:
    """What one limit costs each group of a file."""
    from longtail.exact.subgroups import population, subgroups

    for name in ("alpha", "prior", "counts", "subpopulations", "labels"):
        if getattr(arguments, name):
            raise ArgumentError(
                f"--{name}", getattr(arguments, name)[0], "the file of --groups says that of each group"
            )
    if arguments.within is not None:
        raise ArgumentError("--within", arguments.within, "goes without --groups")
    learner, said = _limit(arguments, limit)
    groups = files.read(arguments.groups)
    if limit == "kappa":
        kappa = problems.values("--noise", arguments.kappa)[0]
        groups = [replace(group, kappa=group.kappa * kappa) for group in groups]
    one = argparse.Namespace(**vars(arguments) | {"alpha": ["1"], "subpopulations": ["1"], "labels": ["10"]})
    asked = [replace(problem, prior=population(groups)) for problem in problems.problems(one)]
    target = folder("--out", arguments.out) if arguments.out else None
    tables = [subgroups(groups, problem.n, learner, problem.mode) for problem in asked]
    for problem, table in zip(asked, tables, strict=True):
        command.say(
            json_text(_groups_record(problem, table, learner))
            if arguments.json
            else _groups_report(problem, table, said)
        )
    if target is not None:
        from longtail.core.record import Run

        frame = _joined(asked, tables)
        if not arguments.no_plot:
            from longtail import plots

            for at, table in enumerate(tables):
                name = "figure" if len(tables) == 1 else f"figure-{at + 1}"
                figure = plots.groups_figure(f"{said}, n = {asked[at].n:,}", table)
                for path in plots.save_both(figure, target / name):
                    log.info("wrote %s", path)
        for path in Run.of(vars(arguments), 0, {"groups": frame}).write(target):
            log.info("wrote %s", path)
    return 0


def _limit(arguments: argparse.Namespace, limit: str | None) -> tuple[Learner, str]:
    """The learner under the one limit that groups share, and how to say it."""
    from longtail.learners import Capacity, Forget, Limited, Private

    if limit is None or limit == "kappa":
        noisy = "" if limit is None else f", a share {arguments.kappa} of labels kept"
        return Forget(1), f"Guessing on what was seen once{noisy}"
    given = problems.values(LIMITS[limit], getattr(arguments, limit))
    if len(given) != 1:
        raise ArgumentError(LIMITS[limit], getattr(arguments, limit), "give one value with --groups")
    if limit == "items":
        return Capacity(given[0]), f"Room to memorize {given[0]:,.0f} of what is seen once"  # type: ignore[arg-type]
    if limit == "gamma":
        return Limited(given[0]), f"Memorization at most γ = {given[0]:g}"
    return Private(given[0], arguments.delta), f"({given[0]:g}, {arguments.delta:g})-private prediction"


def _groups_record(problem: Problem, table: pd.DataFrame, learner: Learner) -> dict[str, Any]:
    keys = ["name", "share", "optimal_error", "excess_error"]
    return {
        "prior": repr(problem.prior),
        "samples": problem.n,
        "mode": problem.mode,
        "learner": repr(learner),
        "optimal_error": float((table["share"] * table["optimal_error"]).sum()),
        "cost": float((table["share"] * table["excess_error"]).sum()),
        "groups": table[keys].to_dict("records"),
    }


def _groups_report(problem: Problem, table: pd.DataFrame, said: str) -> str:
    wide = max(5, *(len(name) for name in table["name"]))
    lines = [f"{said}: {many(problem.n, 'sample')}, {problem.mode} frequencies.", ""]
    lines.append(f"{'group':{wide}} {'of the data':>12} {'optimal error':>14} {'cost':>10}")
    for row in table.to_dict("records"):
        name, share = row["name"], fine(row["share"])
        optimal, excess = fine(row["optimal_error"]), fine(row["excess_error"])
        lines.append(f"{name:{wide}} {share:>12} {optimal:>14} {excess:>10}")
    by_cost = table.sort_values("excess_error", kind="stable")
    least, most = by_cost.iloc[0], by_cost.iloc[-1]
    if least["excess_error"] > 0 and len(table) > 1:
        times = most["excess_error"] / least["excess_error"]
        lines += ["", f"{most['name']} pays {times:.3g} times as much as {least['name']}."]
    return "\n".join([*lines, "", f"Exact to {table['bound'].max():.0e}."])


def _joined(asked: Sequence[Problem], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(
        [
            table.assign(
                problem=_title(problem),
                prior=repr(problem.prior),
                alpha=getattr(problem.prior, "alpha", np.nan),
                subpopulations=problem.prior.size,
                samples=problem.n,
                labels=problem.n_classes,
                mode=problem.mode,
            )
            for problem, table in zip(asked, tables, strict=True)
        ],
        ignore_index=True,
    )


def _title(problem: Problem) -> str:
    return f"{problem.prior!r}, n = {problem.n:,}, {problem.n_classes} labels, {problem.mode}"


def _write(arguments: argparse.Namespace, solved: Sequence[Costs], target: Any) -> None:
    from longtail.core.record import Run

    frame = _joined([one.problem for one in solved], [one.curve for one in solved])
    if not arguments.no_plot:
        from longtail import plots

        limit = solved[0].limit
        title = _title(solved[0].problem) if len(solved) == 1 else "What the limit costs"
        if limit == "kappa":
            figure = plots.noise_figure(title, frame)
        else:
            least = {_title(one.problem): one.least for one in solved if one.least is not None}
            figure = plots.limit_figure(title, frame, COLUMN[limit], within=least)
        for path in plots.save_both(figure, target / "figure"):
            log.info("wrote %s", path)
    for path in Run.of(vars(arguments), 0, {"curve": frame}).write(target):
        log.info("wrote %s", path)


def _parser() -> command.Parser:
    parser = command.Parser(
        prog="python -m longtail.cost",
        description="What it costs a learner not to memorize: under privacy, compression or noise, and which group pays it.",
        epilog="Values may be ranges, start:stop, start:stop:step or start:stop:xFACTOR; options of the model may be repeated, "
        "and each combination is solved. Example: --alpha 1 --epsilon 0.1:10 --within 0.01",
    )
    problems.add_arguments(parser)
    group = parser.add_argument_group("limit").add_mutually_exclusive_group()
    group.add_argument("--epsilon", metavar="E", help=f"(E, d)-private prediction (default {EPSILONS})")
    group.add_argument("--capacity", metavar="B", dest="items", help="room to memorize B of what is seen once")
    group.add_argument("--limit", metavar="G", dest="gamma", help="memorization of any example at most G")
    group.add_argument("--noise", metavar="K", dest="kappa", help="labels kept with probability K, else uniform")
    more = parser.add_argument_group("more")
    more.add_argument("--delta", metavar="d", help="of privacy (default 0)")
    more.add_argument("--within", metavar="X", help="the least limit that adds no more than X of error")
    more.add_argument(
        "--against", choices=["clean", "noisy", "own"], default="clean", help="what noisy labels are scored on"
    )
    more.add_argument("--groups", metavar="FILE", help="what one limit costs each group of a population (JSON)")
    command.add_output(
        parser, "the table (CSV), the figure and the record of the run", "one JSON object a problem instead of a table"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
