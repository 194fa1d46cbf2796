"""``python -m longtail.infer FILE``: which frequencies made these counts, and what has not been seen yet.

The fitted priors are those of ``longtail.counts.fit``, the power law's tail that of ``longtail.counts.tail``; what the
counts alone say, with no prior, is Good and Turing's (``longtail.counts.unseen``).
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from longtail.command import parser as command
from longtail.core import AccuracyError, ArgumentError, Estimate, Problem, real, whole
from longtail.core.files import folder, json_text
from longtail.core.shares import percent
from longtail.core.shown import many

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from longtail.counts.bins import Counts
    from longtail.counts.fit import Fit
    from longtail.counts.tail import Tail

log = logging.getLogger("longtail")
LEVEL = 0.95
LABELS = 10
TIMES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # more samples, in n
SHOWN = (0.25, 0.5, 1.0, 2.0)  # of those, in the report


@dataclass(frozen=True)
class Inference:
    """The fit of every family, the best one, the tail where there is one, and Good–Turing's tables beside the best fit."""

    counts: Counts
    families: pd.DataFrame = field(repr=False)
    best: Fit
    tail: Tail | None
    unseen: Estimate
    good_turing: pd.DataFrame = field(repr=False)
    prospects: pd.DataFrame = field(repr=False)
    n_classes: int = LABELS
    level: float = LEVEL

    @cached_property
    def cost(self) -> dict[str, float]:
        """Means over data sets of the best fit, exactly: the optimal error, and what guessing on what is seen once adds."""
        from longtail import exact

        problem = Problem(self.best.prior, self.counts.n, self.n_classes)
        try:
            return {"optimal_error": exact.optimal_error(problem).value, "cost": exact.cost(problem).value}
        except AccuracyError as error:
            log.info("what not memorizing costs under the best fit is not known: %s", error)
            return {"optimal_error": float("nan"), "cost": float("nan")}

    @property
    def refused(self) -> bool | None:
        """Whether the best fit is refused at the level asked for; None where the counts are too few to test it."""
        p = self.best.goodness.p_value
        return None if p != p else p < 1 - self.level

    @property
    def parameters(self) -> pd.DataFrame:
        """The best fit's, with errors and intervals."""
        import pandas as pd

        rows = [
            {"parameter": name, "value": e.value, "stderr": e.stderr, "low": low, "high": high}
            for name, e in self.best.parameters.items()
            for low, high in [self.best.intervals[name]]
        ]
        return pd.DataFrame(rows)

    @property
    def power_law(self) -> pd.DataFrame:
        """The tail in a row; none where there are too few counts to have one."""
        import pandas as pd

        columns = ("exponent", "stderr", "low", "high", "start", "count")
        t = self.tail
        rows = [] if t is None else [(t.exponent.value, t.exponent.stderr, *t.interval, t.start, t.count)]
        return pd.DataFrame(rows, columns=columns)

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Tables by name."""
        names = ("families", "parameters", "power_law", "good_turing", "prospects")
        return {name: getattr(self, name) for name in names}

    def record(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        good = self.best.goodness
        fitted = float(self.prospects["unseen_mass_fitted"].iloc[0])
        return {
            "samples": self.counts.n,
            "subpopulations": self.counts.seen,
            "prior": repr(self.best.prior),
            "goodness": {"chi_square": good.statistic, "freedom": good.freedom, "p_value": good.p_value},
            "refused": self.refused,
            "labels": self.n_classes,
            **self.cost,
            "unseen_mass": {"value": self.unseen.value, "stderr": self.unseen.stderr, "fitted": fitted},
            **{name: frame.to_dict("records") for name, frame in self.frames.items()},
        }


def infer(
    counts: ArrayLike | Counts, families: Sequence[str] | None = None, *, level: float = LEVEL, n_classes: int = LABELS
) -> Inference:
    """Everything that counts tell: one count a subpopulation, those never seen left out."""
    from longtail.counts import unseen
    from longtail.counts.bins import Counts
    from longtail.counts.fit import FAMILIES, fits, profiled, tabled
    from longtail.counts.tail import tail

    given = counts if isinstance(counts, Counts) else Counts.of(counts)
    every = fits(given, families or FAMILIES, level=level)
    best = profiled(given, every[0])
    try:
        power_law = tail(given, level=level)
    except ArgumentError:  # too few counts to have one
        power_law = None
    outlook = unseen.outlook(given, best, TIMES, n_classes)
    return Inference(
        given,
        tabled(every),
        best,
        power_law,
        unseen.unseen_mass(given),
        unseen.table(given, best),
        outlook,
        n_classes,
        level,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(_parser(), argv, _run)


def _run(arguments: argparse.Namespace) -> int:
    from longtail.priors.listed import read_counts

    level = real("--level", arguments.level, 0.0, 1.0, open_low=True, open_high=True)
    n_classes = whole("--labels", arguments.labels, 2)
    target = folder("--out", arguments.out) if arguments.out else None
    counts = read_counts(arguments.file, arguments.column)
    try:
        found = infer(counts, arguments.family, level=level, n_classes=n_classes)
    except ArgumentError as error:
        if error.argument != "counts":
            raise
        raise ArgumentError("FILE", f"{error.shown} in {arguments.file}", error.remedy) from error
    command.say(json_text(found.record()) if arguments.json else report(found))
    if target is not None:
        _write(arguments, found, target)
    return 0


def report(found: Inference) -> str:
    """What one reads at a glance: what was fitted, whether to believe it, what is unseen and what more samples would bring."""
    given, best = found.counts, found.best
    lines = [
        f"{many(given.seen, 'subpopulation')} in {many(given.n, 'sample')}, {int(given.at(1)):,} of them seen once.",
        "",
        f"Best fit: {best.family}. {_verdict(found)}",
    ]
    for row in found.parameters.to_dict("records"):
        form = ",.0f" if row["parameter"] == "size" else ".4g"
        high = f"{row['high']:{form}}" if row["high"] < float("inf") else "no upper end"
        lines += [
            f"  {row['parameter']:6} {row['value']:{form}}, {found.level:.4g} interval {row['low']:{form}} to {high}"
        ]
    if (tail := found.tail) is not None:
        low, top = tail.interval
        lines += [
            f"Power-law tail of {tail.count:,} counts, from {tail.start} on: exponent {tail.exponent.value:.4g} ({low:.4g} to "
            f"{top:.4g}), as of a Zipf list with alpha {tail.alpha.value:.3g}."
        ]
    lines += ["", f"{'family':>9} {'parameter':>14} {'size':>15} {'AIC from best':>14} {'p':>8}"]
    for row in found.families.to_dict("records"):
        shape = f"{row['parameter']} {row['value']:.3g}" if row["parameter"] else ""
        beside = f"{row['aic_difference']:>14,.1f} {row['p_value']:>8.2g}"
        lines += [f"{row['family']:>9} {shape:>14} {row['size']:>15,} {beside}"]
    now = float(found.prospects["unseen_mass_fitted"].iloc[0])
    lines += [
        "",
        f"Of new samples {_within(found.unseen.value, found.unseen.stderr)} would be of what is unseen, by Good and Turing; "
        f"{percent(now, '.2f')} by the fit.",
        *_costs(found),
        "",
        f"{'seen':>5} {'subpopulations':>15} {'n·tau, Good–Turing':>20} {'fitted':>10}",
    ]
    for row in found.good_turing.to_dict("records"):
        name = "once" if row["ell"] == 1 else f"{row['ell']}x"
        tau = _with(row["n_tau"], row["stderr"], ".4f")
        lines += [f"{name:>5} {row['subpopulations']:>15,} {tau:>20} {row['n_tau_fitted']:>10.4f}"]
    lines += ["", f"{'more samples':>12} {'new subpopulations':>20} {'fitted':>10} {'then unseen':>18} {'fitted':>8}"]
    for row in found.prospects[found.prospects["times"].isin(SHOWN)].to_dict("records"):
        new = _with(row["new_subpopulations"], row["new_stderr"], ",.0f")
        left = _within(row["unseen_mass"], row["unseen_stderr"])
        beside = f"{row['new_subpopulations_fitted']:>10,.0f} {left:>18} {percent(row['unseen_mass_fitted'], '.2f'):>8}"
        lines += [f"{row['samples']:>12,} {new:>20} {beside}"]
    return "\n".join(lines)


def _costs(found: Inference) -> list[str]:
    cost, optimal = found.cost["cost"], found.cost["optimal_error"]
    if cost != cost:
        return []
    return [
        f"Over data sets of the fit, exactly: with {found.n_classes:,} classes not memorizing what is seen once costs "
        f"{percent(cost, '.2f')}, on top of an optimal error of {percent(optimal, '.2f')}."
    ]


def _verdict(found: Inference) -> str:
    good = found.best.goodness
    if found.refused is None:
        return "There are too few counts to say whether it can be believed."
    worse = f"chance alone does worse in {good.p_value:.2g} of data sets"
    return f"It is refused: {worse}." if found.refused else f"It is not refused: {worse}."


def _with(value: float, stderr: float, form: str) -> str:
    return "" if value != value else f"{value:{form}} ± {stderr:{form}}"


def _within(share: float, stderr: float) -> str:
    """A share with its error, in percent."""
    return "" if share != share else f"{100 * share:.2f} ± {percent(stderr, '.2f')}"


def _write(arguments: argparse.Namespace, found: Inference, target: Any) -> None:
    from longtail.core.record import Run

    if not arguments.no_plot:
        from longtail import plots

        figure = plots.counts_figure(f"{arguments.file}: {found.best.prior!r}", found.good_turing, found.prospects)
        for path in plots.save_both(figure, target / "figure"):
            log.info("wrote %s", path)
    for path in Run.of(vars(arguments), 0, found.frames).write(target):
        log.info("wrote %s", path)


def _parser() -> command.Parser:
    parser = command.Parser(
        prog="python -m longtail.infer",
        description="Which prior made these counts, whether it can be believed, and what has not been seen yet.",
        epilog="Example: python -m longtail.infer words.txt --family Zipf --family LogNormal --out runs/words",
    )
    parser.add_argument(
        "file", metavar="FILE", help="counts, one a line or in a column of a CSV: how often each was seen"
    )
    parser.add_argument("--column", metavar="NAME", help="of a CSV with more than one column of numbers")
    parser.add_argument(
        "--family",
        action="append",
        metavar="NAME",
        help="Zipf, Pareto, LogNormal, Gamma, Geometric or Uniform; may be repeated (default: all)",
    )
    parser.add_argument(
        "--level",
        type=float,
        default=LEVEL,
        metavar="P",
        help=f"of intervals; a fit is refused where p < 1 - P (default {LEVEL})",
    )
    parser.add_argument(
        "--labels",
        type=int,
        default=LABELS,
        metavar="K",
        help=f"number of classes: a guess is right once in K (default {LABELS})",
    )
    command.add_output(
        parser, "tables (CSV), the figure and the record of the run", "one JSON object instead of tables"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
