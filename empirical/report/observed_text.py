"""What models say of influence, in words with numbers: what the memorized teach, who teaches whom, error at half the size."""

from __future__ import annotations

import numpy as np

from empirical.estimates import MEMORIZED
from empirical.estimates.measured import Measured
from empirical.estimates.observed import Observed
from longtail.core import Estimate
from longtail.core.intervals import Z95
from longtail.core.shares import percent


def said(seen: Measured) -> list[str]:
    """One sentence for each part that is known."""
    observed, lines = seen.observed, []
    if observed.totals is not None:
        examples = observed.totals.examples[observed.totals.chosen(MEMORIZED)].sum()
        beyond = ", beyond what as many others would" if (seen.experiment.design or "").startswith("Fixed") else ""
        lines.append(
            f"The {examples:,.0f} training examples of memorization {MEMORIZED:g} or more raise test accuracy by "
            f"{points(observed.totals.above(MEMORIZED))}, all of them together{beyond}: the sum of their influences, measured by "
            "other models than chose them."
        )
    if observed.taught is not None:
        lines.append(
            f"Among training examples there are {len(observed.taught.pairs):,} pairs of influence "
            f"{observed.taught.threshold:g} or more of one on the other, {observed.taught.false:,.3g} of them expected by chance."
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
        expected = f"of which {observed.taught.false:,.3g} expected by chance"
        known["pairs of training examples"] = f"{len(observed.taught.pairs):,}, {expected}"
    if observed.learning is not None and len(observed.learning.error) > 1:
        known["more errors on half as many"] = f"{points(observed.learning.gain)} of test error (95 %)"
    return known


def points(e: Estimate) -> str:
    """A difference of two shares in percentage points with its 95 % error.

    >>> points(Estimate(-0.00212, 0.0011)), points(Estimate(0.5, float("nan")))
    ('−0.21 ± 0.22 points', '50.00 points')
    """
    value = f"{100 * e.value:.2f}".replace("-", "−")
    return f"{value} ± {100 * Z95 * e.stderr:.2f} points" if np.isfinite(e.stderr) else f"{value} points"
