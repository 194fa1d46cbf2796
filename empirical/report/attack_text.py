"""What ``python -m empirical.attack`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from empirical.irrelevant.recovery import ACCURACIES, PARTS
from longtail.core.shares import percent

if TYPE_CHECKING:
    from empirical.irrelevant.recovery import Recovered

WORDS = {
    "recovered": "all bits",
    "relevant": "that the cluster gave",
    "irrelevant": "the example's own",
    "control": "of data not seen",
}
PLACES = {
    "train": "training points",
    "represented": "fresh ones of clusters seen",
    "singletons": "fresh ones of clusters seen once",
}


def report(found: Recovered, title: str, held: bool = True) -> str:
    """Rates with 95 % intervals, accuracies, and, where the task says which bits are an example's own, how many are ``held``."""
    count, repeats = len(found.singletons), len(found.repeats)
    times = f"{repeats} models" if repeats > 1 else "one model"
    lines = [title, "", f"{count:,} examples alone in their cluster, attacked through {times}", ""]
    lines.append(f"{'bits recovered':<36}{'rate':>9}{'stderr':>11}   95 % interval")
    for part in PARTS:
        rate, (low, high) = found.rate(part), found.interval(part)
        shown = f"{percent(rate.value, '.2f'):>9}{percent(rate.stderr, '.3f'):>11}"
        lines.append(f"  {WORDS[part]:<34}{shown}   {100 * low:.2f} to {percent(high, '.2f')}")
    lines += ["", "accuracy"]
    for of in ACCURACIES:
        lines.append(f"  {'on ' + PLACES[of]:<42}{percent(found.accuracy(of).value, '.2f'):>9}")
    lines.append(f"  {'lost on fresh points to the best learner':<42}{100 * found.excess.value:7.2f} points")
    if held:
        lines += ["", *bits(found)]
    return "\n".join(lines)


def bits(found: Recovered) -> list[str]:
    """What the rate of irrelevant bits proves that the model holds."""
    held, have = found.held, found.entropy
    return [
        f"By Fano's inequality a model holds at least {held:,.0f} of the {have:,.0f} bits that a singleton has to itself,",
        f"{held * found.alone:,.0f} in all of {found.alone:,.0f} singletons a data set.",
    ]
