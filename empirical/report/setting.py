"""How it was measured, in words, and what the estimates are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from empirical.report.majority import knows
from empirical.report.run_text import meaning
from longtail.core.shown import many

if TYPE_CHECKING:
    from empirical.estimates.measured import Measured


def setting(found: Measured) -> str:
    """Models, learner and subsets, and what memorization is."""
    how = found.experiment
    learner = f", {how.learner}" if how.learner else ""
    tested = (
        f", right on {100 * found.test_accuracy:.3g} % of {many(how.n_test, 'test example')}" if knows(found) else ""
    )
    return (
        f"{how.models:,} models{learner}, each trained on a random {100 * how.fraction:.3g} % of the examples{tested}. "
        "Memorization of an example: how much more often models that trained on it are right on it than models that did not. "
        "In brackets, 95 % intervals."
    )


def meant(found: Measured) -> str:
    """Sign, scale and noise of the numbers, of runs that know them."""
    table = found.memorization
    kept = all(name in table for name in ("stderr", "in_accuracy", "low", "high")) and "influence" in found.pairs
    return " ".join(meaning(found).split()) if kept and "stderr" in found.pairs else ""
