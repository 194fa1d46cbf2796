"""What models say of influence, in words with numbers: what the memorized teach, who teaches whom, error at half the size."""

from __future__ import annotations

import numpy as np

from empirical.estimates import MEMORIZED
from empirical.estimates.measured import Measured
from empirical.estimates.observed import Observed
from longtail.core import Estimate
from longtail.core.intervals import Z95
from longtail.core.shares import percent
from longtail.core.shown import many


def said(seen: Measured) -> list[str]:
    """One sentence for each part that is known."""
    observed, lines = seen.observed, []
    if observed.totals is not None:
        count = round(float(observed.totals.examples[observed.totals.chosen(MEMORIZED)].sum()))
        whose = "The one training example" if count == 1 else f"The {count:,} training examples"
        beyond = ", beyond what as many others would" if (seen.experiment.design or "").startswith("Fixed") else ""
        moved = observed.totals.above(MEMORIZED)
        does = ("raises" if count == 1 else "raise") if moved.value > 0 else ("moves" if count == 1 else "move")
        together = "" if count == 1 else ", all of them together"
        if count:
            lines.append(
                f"{whose} of memorization {MEMORIZED:g} or more {does} test accuracy by {points(moved)}{together}{beyond}: the "
                "sum of their influences, measured by other models than chose them."
            )
    if observed.taught is not None:
        among, level = len(observed.taught.pairs), observed.taught.threshold
        lines.append(
            f"Among training examples there {'is' if among == 1 else 'are'} {many(among, 'pair')} of influence {level:g} or "
            f"more of one on the other, {expected(observed.taught.false)} of them expected by chance."
        )
    if observed.learning is not None and len(observed.learning.error) > 1:
        curve = observed.learning
        sizes = curve.n * curve.fraction
        lines.append(
            f"Models that trained on {sizes[0]:,.0f} examples err on {percent(curve.error[0], '.2f')} of the test examples, "
            f"those that trained on {sizes[-1]:,.0f} on {percent(curve.error[-1], '.2f')}: a difference of {points(curve.gain)}."
        )
    return lines


def counted(observed: Observed) -> dict[str, str]:
    """The same at a glance, by what it is."""
    known = {}
    if observed.totals is not None:
        known["what the memorized teach"] = f"{points(observed.totals.above(MEMORIZED))} of test accuracy (95 %)"
    if observed.taught is not None:
        chance = f"chance alone makes {expected(observed.taught.false)}"
        known["pairs of training examples"] = f"{len(observed.taught.pairs):,}; {chance}"
    if observed.learning is not None and len(observed.learning.error) > 1:
        known["more errors on half as many"] = f"{points(observed.learning.gain)} of test error (95 %)"
    return known


def expected(count: float) -> str:
    """An expected count to three digits, and never by a power of ten where it is large.

    >>> expected(21.345), expected(2013.4), expected(1.9e-9), expected(0)
    ('21.3', '2,013', 'fewer than 0.001', '0')
    """
    if 0 < count < 0.001:
        return "fewer than 0.001"
    return f"{count:,.0f}" if count >= 100 else f"{count:.3g}"


def points(e: Estimate) -> str:
    """A difference of two shares in percentage points with its 95 % error.

    >>> points(Estimate(-0.00212, 0.0011)), points(Estimate(0.5, float("nan")))
    ('−0.21 ± 0.22 points', '50.00 points')
    """
    value = f"{100 * e.value:.2f}".replace("-", "−")
    return f"{value} ± {100 * Z95 * e.stderr:.2f} points" if np.isfinite(e.stderr) else f"{value} points"
