"""What an attack found, in words with numbers."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from empirical.estimates.leak import RATES
from empirical.estimates.leak.leak import Leak

if TYPE_CHECKING:
    import pandas as pd

    from empirical.learners.private.accountant import Privacy

NAMES = {
    "own": "likelihood ratio",
    "pooled": "likelihood ratio, pooled variances",
    "margin": "the margin alone, one threshold for all",
}


def report(found: Leak, name: str, privacy: Privacy | None = None, *, top: int = 5) -> str:
    """What one reads at a glance: how often the attack is right, on which examples, and what that proves."""
    lines = [
        f"{name}: {found.models:,} models of {len(found.examples):,} training examples, each attacked by what the others say",
        "",
        f"{'true positives at a false-positive rate of':<44}" + "".join(f"{_percent(rate):>20}" for rate in RATES),
        *(_rates(found, attack) for attack in dict.fromkeys(found.rates["attack"])),
        "",
        bins(found).to_string(index=False),
        "",
        f"most at risk\n{_most(found, top)}",
        "",
        textwrap.fill(f"{meaning(found)} {proved(found, privacy)}".strip(), 100),
    ]
    return "\n".join(lines)


def headline(found: Leak) -> str:
    """One sentence: how much leaks, and of whom."""
    rate = found.rates[found.rates["attack"] == found.attack].dropna()
    if rate.empty:
        return "Too few models were attacked to tell how often an attack is right."
    row = rate.iloc[-1]
    most = found.bins.iloc[-1]
    caught = 100 * most["caught"]
    some = f"; of examples memorized {most['low']:g} or more they find {caught:.0f} %" if caught == caught else ""
    return (
        f"Whoever knows the margins of other models can say of {100 * row['true_rate']:.3g} % (± {100 * row['stderr']:.1g}) of "
        f"the examples that a model was trained on that it was, and is wrong of {_percent(row['false_rate'])} of those that it "
        f"was not{some}."
    )


def meaning(found: Leak) -> str:
    """What risk is."""
    return (
        "Risk says by how much more often the attack takes a model for one that trained on the example if it did: 0, nothing "
        "leaks; 1, everybody can tell. Memorization is the risk from an attack that knows only whether the model is right. "
        "Caught is the share of models trained on the example of which the attack says so while it is wrong of "
        f"{_percent(RATES[-1])} of all others. After ±, one standard error, over models."
    )


def proved(found: Leak, privacy: Privacy | None = None) -> str:
    """The least ε, beside the accountant's."""
    one = found.audit
    if one is None:
        return ""
    text = (
        f"Of {one.guesses:,} guesses {one.right:,} were right: at {100 * one.level:g} % confidence the learner is "
        f"(ε, {one.delta:g})-private for no ε below {math.floor(100 * one.epsilon) / 100:g}."
    )
    if privacy is None or privacy.delta != one.delta:
        return text
    if one.epsilon > privacy.epsilon:
        return f"{text} Its accountant says {privacy.epsilon:.3g}: one of them is wrong."
    return f"{text} Its accountant says {privacy.epsilon:.3g}."


def bins(found: Leak) -> pd.DataFrame:
    """Risk by memorization, for a reader."""
    table = found.bins
    pairs = zip(table["low"], table["high"], strict=True)
    shown = table[["examples"]].copy()
    shown.insert(0, "memorization", [f"{low:g} to {high:g}" if low > 0 else f"below {high:g}" for low, high in pairs])
    for name, error in (("risk", "stderr"), ("caught", "caught_stderr")):
        shown[name] = [_with(*both) for both in zip(table[name], table[error], strict=True)]
    return shown


def _rates(found: Leak, attack: str) -> str:
    rows = found.rates[found.rates["attack"] == attack]
    cells = [_with(*both, digits=4) for both in zip(rows["true_rate"], rows["stderr"], strict=True)]
    return f"  {NAMES[attack]:<42}" + "".join(f"{cell:>20}" for cell in cells)


def _with(value: float, error: float, digits: int = 3) -> str:
    return f"{value:.{digits}f} ± {error:.{digits}f}" if value == value else "unknown"


def _most(found: Leak, top: int) -> str:
    wanted = [c for c in ("index", "id", "label", "memorization", "risk", "stderr", "caught") if c in found.examples]
    table = found.examples.sort_values("risk", ascending=False, kind="stable")[wanted].head(top)
    return table.to_string(index=False, float_format=lambda v: f"{v:.3f}")


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %"
