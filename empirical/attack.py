"""``python -m empirical.attack``: what a trained model gives back of the examples that it saw alone, bit by bit."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longtail.command import parser as command
from longtail.core import ArgumentError, real, whole
from longtail.core.shown import many

if TYPE_CHECKING:
    from pathlib import Path

    from empirical.irrelevant.recovery import Recovered, Told
    from longtail.core import Estimate, Prior
    from longtail.irrelevant.tasks import Clusters

log = logging.getLogger("empirical")
CLUSTERS = {"clusters": "Hypercube", "boolean": "Boolean", "gaussian": "Gaussian"}
TASKS = (*CLUSTERS, "next")
OWN = {"rho": ("clusters",), "strength": ("boolean", "gaussian"), "noise": ("next",)}  # options that not all tasks take
SAMPLES = 500


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command.run(parser(), argv, _run, lambda _: "stopped")


def _run(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from longtail.core.files import folder, json_text

    repeats = whole("--repeats", arguments.repeats, 1, 10**6)
    seed = whole("--seed", arguments.seed, 0, 2**64 - 1)
    asked = _next(arguments, seed) if arguments.task == "next" else _clusters(arguments, seed)
    out = folder("--out", arguments.out) if arguments.out else None
    log.info("%s; attack: %s", asked.title, asked.attack)
    began = time.monotonic()
    with tqdm(total=repeats + 1, unit="model", disable=True if arguments.quiet else None, leave=False) as bar:

        def told(number: int) -> None:
            bar.update()
            if bar.disable and 10 * (number + 1) // (repeats + 1) > 10 * number // (
                repeats + 1
            ):  # no terminal: ten lines
                log.info("%s of %s", f"{number + 1:,}", many(repeats + 1, "model"))

        found = asked.recover(repeats, told)
    facts = {"task": arguments.task, "learner": asked.learner, "attack": asked.attack}
    summary = facts | record(found) | {"seconds": round(time.monotonic() - began, 3)}
    if out is not None:
        _write(arguments, found, summary, asked.title, out)
    if arguments.json:
        command.say(json_text(summary))
    else:
        from empirical.report.attack_text import report

        command.say(report(found, asked.title, held=arguments.task == "clusters"))
    return 0


@dataclass(frozen=True)
class Asked:
    """What the options describe, checked, in words, and how to run so many repeats of it."""

    learner: str
    attack: str
    title: str
    recover: Callable[[int, Told], Recovered]


def _clusters(arguments: argparse.Namespace, seed: int) -> Asked:
    from empirical.irrelevant import parse
    from empirical.irrelevant.recovery import check, recover
    from longtail.irrelevant.attacks import attack

    n = whole("--samples", arguments.samples, 1, 10**6)
    named = "signs" if arguments.attack is None else arguments.attack
    task, one, how = _task(arguments, n), parse.learner(arguments.learner or "softmax"), attack(named)
    check(task, one, how, n, seed)
    shown = parse.shown(one)
    title = f"{arguments.task}: {n:,} examples of {task.prior!r} in {task.dimension:,} dimensions; {shown}"
    return Asked(shown, named, title, lambda repeats, told: recover(task, one, how, n, repeats, seed, told))


def _next(arguments: argparse.Namespace, seed: int) -> Asked:
    from empirical.irrelevant import sequences
    from longtail.irrelevant.tasks import WIDEST, NextSymbol

    n = whole("--samples", arguments.samples, 1, 10**6)
    if arguments.attack not in (None, "queries"):
        raise ArgumentError("--attack", arguments.attack, "strings are read out by queries: give that, or nothing")
    _fitting(arguments)
    noise = real("--noise", 0.1 if arguments.noise is None else arguments.noise, 0, 1)
    d = whole("--dimension", 50 if arguments.dimension is None else arguments.dimension, 1, WIDEST)
    task, one = NextSymbol(_prior(arguments, n), d, noise), sequences.learner(arguments.learner or "majority")
    sequences.check(task, one, n, seed)
    title = f"next symbol: {n:,} prefixes of strings of {d:,} bits, {task.prior!r}; {one!r}"
    name = arguments.learner or "majority"
    return Asked(name, "queries", title, lambda repeats, told: sequences.recover(task, one, n, repeats, seed, told))


def record(found: Recovered) -> dict[str, Any]:
    """What ``--json`` says of it, but for names and seconds."""
    from empirical.irrelevant.recovery import ACCURACIES, PARTS

    def told(estimate: Estimate) -> dict[str, float]:
        return {"value": float(estimate.value), "stderr": float(estimate.stderr)}

    rates = {part: told(found.rate(part)) for part in PARTS}
    return {
        "singletons": len(found.singletons),
        **rates,
        "accuracy": {of: found.accuracy(of).value for of in ACCURACIES},
    }


def _write(arguments: argparse.Namespace, found: Recovered, summary: dict[str, Any], title: str, out: Path) -> None:
    """Figure, tables and record, the record last."""
    from empirical.command.writing import drawn, told
    from longtail.core.files import write_json
    from longtail.core.record import Run

    if not arguments.no_plot:
        from empirical.report.attack_figure import figure

        drawn(figure(found, title), out / "attack")
    told([write_json(out / "summary.json", summary)])
    frames = {"singletons": found.singletons, "repeats": found.repeats}
    told(Run.of(vars(arguments), arguments.seed, frames).write(out))


def _fitting(arguments: argparse.Namespace) -> None:
    """Refuse the options of other tasks, and names of none."""
    if arguments.task not in TASKS:
        raise ArgumentError("--task", arguments.task, f"give one of {', '.join(TASKS)}")
    for name, tasks in OWN.items():
        if getattr(arguments, name) is not None and arguments.task not in tasks:
            raise ArgumentError(
                f"--{name}", getattr(arguments, name), f"{arguments.task} has none: it is of {', '.join(tasks)}"
            )


def _task(arguments: argparse.Namespace, n: int) -> Clusters:
    """Of clusters."""
    from longtail.irrelevant import mixtures, tasks

    _fitting(arguments)
    prior = _prior(arguments, n)
    d = whole("--dimension", 1000 if arguments.dimension is None else arguments.dimension, 1, tasks.WIDEST)
    if arguments.task == "clusters":
        task = tasks.Hypercube(prior, d, None if arguments.rho is None else real("--rho", arguments.rho, 0, 1))
        task.share(n)
        return task
    strength = None if arguments.strength is None else real("--strength", arguments.strength, 0, 1)
    kind: type[mixtures.Boolean] | type[mixtures.Gaussian] = getattr(mixtures, CLUSTERS[arguments.task])
    return kind(prior, d, strength)


def _prior(arguments: argparse.Namespace, n: int) -> Prior:
    """As told; else as many clusters as examples, all alike."""
    from longtail.priors import Uniform, Zipf, parse

    if arguments.prior is not None:
        for name in ("alpha", "subpopulations"):
            if getattr(arguments, name) is not None:
                raise ArgumentError(f"--{name}", getattr(arguments, name), "--prior says it: leave one out")
        return parse(arguments.prior)
    size = n if arguments.subpopulations is None else whole("--subpopulations", arguments.subpopulations, 1, 10**7)
    if arguments.alpha is None:
        return Uniform(size=size)
    return Zipf(alpha=real("--alpha", arguments.alpha, 0), size=size)


def parser() -> command.Parser:
    """All options."""
    p = command.Parser(
        prog="python -m empirical.attack",
        description="Train a learner on a task in which most bits of an example do not matter to its label, and recover the "
        "bits of every example that is alone in its cluster from the model (Brown et al., arXiv 2012.06421).",
        epilog="Example: python -m empirical.attack --task clusters --dimension 1000 --learner softmax --attack signs "
        "--repeats 20 --out runs/attack",
    )
    task = p.add_argument_group("task")
    task.add_argument("--task", default="clusters", metavar="NAME", help=f"{', '.join(TASKS)} (default clusters)")
    task.add_argument("--dimension", type=float, metavar="D", help="bits of an example (default 1000; next 50)")
    task.add_argument("--samples", type=float, default=SAMPLES, metavar="N", help=f"examples (default {SAMPLES})")
    task.add_argument("--subpopulations", type=float, metavar="N", help="clusters (default: as many as samples)")
    task.add_argument("--alpha", type=float, metavar="A", help="of a Zipf prior over clusters (default: all alike)")
    task.add_argument("--prior", metavar="SPEC", help='any prior over clusters, as "Zipf(alpha=1, size=500)"')
    task.add_argument(
        "--rho", type=float, metavar="P", help="share of bits that a cluster fixes (default: as published)"
    )
    task.add_argument(
        "--strength", type=float, metavar="L", help="of boolean and gaussian: correlation with the center"
    )
    task.add_argument(
        "--noise", type=float, metavar="δ", help="of next: a bit is flipped with chance δ/2 (default 0.1)"
    )
    run = p.add_argument_group("run")
    run.add_argument(
        "--learner",
        metavar="SPEC",
        help='softmax, mlp, ridge, knn, lookup, optimal or private, as a call for options: "mlp(steps=500)" (default softmax); '
        'to limit one, "rounded(softmax(), bits=1)", pruned(..., share=) or perturbed(..., noise=); '
        "for next: majority, nearest or gru (default majority)",
    )
    run.add_argument(
        "--attack",
        metavar="SPEC",
        help="signs (of weights), queries (coordinate ascent), increments (the same from the first layer) or gradient, as a "
        'call for options: "queries(sweeps=3)" (default signs; next is by queries)',
    )
    run.add_argument(
        "--repeats", type=float, default=1, metavar="R", help="data sets, each with a model of its own (default 1)"
    )
    run.add_argument("--seed", default=0, type=int, metavar="S", help="of data and first weights (default 0)")
    command.add_output(p, "tables, figure and record")
    return p


if __name__ == "__main__":
    sys.exit(main())
