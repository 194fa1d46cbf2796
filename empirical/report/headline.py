"""The headline of a comparison: how much is memorized, what that carries, what it costs to train without, and if theory fits.

Each sentence says no more than is known: what chance alone would show is said to be that, and a theory that is refused says
nothing of what was not tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from empirical.bridge.comparison import NOT_REJECTED, Comparison
from empirical.estimates import MEMORIZED
from empirical.estimates.removal import ALL, margin, of_set
from empirical.report.numbers import after, counted, p_value, points
from longtail.core import Estimate
from longtail.core.intervals import Z95
from longtail.core.shares import percent

CLOSE = 0.02
HUNDRED = 100
UNASKED = "it was not asked for"  # why there is no theory, whatever is known of classes


def headline(comparison: Comparison) -> str:
    """A few sentences, each of which holds."""
    said = [memorized(comparison)]
    if (comparison.observed.values >= MEMORIZED).any():
        said += [_carry(comparison), _without(comparison)]
    return " ".join(filter(None, [*said, verdict(comparison), _beyond(comparison)]))


def memorized(comparison: Comparison) -> str:
    """How many, and how many by the best fit."""
    values = comparison.observed.values
    share = float((values >= MEMORIZED).mean()) if len(values) else 0.0
    many = f"{after(share)} are" if share else "none is"
    text = f"Of {len(values):,} training examples {many} memorized ({MEMORIZED:g} or more"
    if not comparison.fits:
        return f"{text})."
    shares = comparison.best.shares
    fitted = float(np.interp(MEMORIZED, shares["threshold"], shares["fitted"]))
    return f"{text}; the best fit of the theory has {percent(fitted, '.1f')})."


@dataclass(frozen=True)
class Carried:
    """New examples that a hundred of the memorized carry, of as many as there were to train on: measured, and by the fit;
    ``beyond`` what a hundred others do, where subsets have a fixed size.
    """

    measured: Estimate
    fitted: Estimate | None
    beyond: bool

    @property
    def told(self) -> bool:
        """Whether more is measured than chance shows."""
        return bool(self.measured.value > Z95 * self.measured.stderr)


def carried(comparison: Comparison) -> Carried | None:
    """From the total influence of the memorized T: 100 n T/m new ones, m the number of the memorized; None where it is not known.

    With subpopulations that are looked up and singletons alone, this is 100 n τ_1 (1 − 1/K).
    """
    seen = comparison.observed
    totals = seen.observed.totals
    if totals is None or not np.isfinite(totals.total).all():
        return None
    chosen = totals.chosen(MEMORIZED)
    many = float(totals.examples[chosen].sum())
    if not many:
        return None
    scale, found = HUNDRED * len(seen.values) / many, totals.above(MEMORIZED)
    fitted, table = None, comparison.frames.get("carried")
    if table is not None and "fitted" in table:
        of = table[chosen]
        fitted = Estimate(scale * float(of["fitted"].sum()), scale * float(of["fitted_stderr"].sum()))
    beyond = (seen.experiment.design or "Fixed").startswith("Fixed")
    return Carried(Estimate(scale * float(found.value), scale * float(found.stderr)), fitted, beyond)


def _carry(comparison: Comparison) -> str:
    found = carried(comparison)
    if found is None:
        return ""
    e = found.measured
    amount = f"{e.value:.0f}" + (f" ± {max(Z95 * e.stderr, 0.5):.0f}" if np.isfinite(e.stderr) else "")
    amount = amount.replace("-", "−")
    more, others = (" more", " than a hundred others") if found.beyond else ("", "")
    any_others = "more than others do" if found.beyond else "any others"
    new = f"of {len(comparison.observed.values):,} new examples"
    if not np.isfinite(e.stderr):
        return f"A hundred of these carry {amount}{more} {new}{others}."
    if not found.told:
        return f"It is not told from chance that these carry {any_others}: a hundred carry {amount}{more} {new}."
    theory = "" if found.fitted is None or _refused(comparison) else f" ({found.fitted.value:.0f} by the fit)"
    return f"A hundred of these carry {amount}{more} {new}{others}{theory.replace('-', '−')}."


def _without(comparison: Comparison) -> str:
    """What training without them costs: as it was tried, else as theory expects it, where it is not refused."""
    if comparison.removal is not None:
        return _tried(comparison)
    if not comparison.fits or _refused(comparison):
        return ""
    row = nearest(comparison.frames["predicted_removal"], MEMORIZED)
    value, error = float(row["lost"]), Z95 * float(row["lost_stderr"])
    if error >= value:
        return f"What is lost without them theory cannot tell: {points(value, error)} of accuracy."
    return f"Without them theory expects accuracy to fall by {points(value, error)}."


def _tried(comparison: Comparison) -> str:
    assert comparison.removal is not None
    row = nearest(of_set(comparison.removal, ALL), MEMORIZED)
    level = float(row["threshold"])
    whom = "them" if np.isclose(level, MEMORIZED) else f"those of {level:g} or more"
    value, half = float(row["lost"]), float(margin(row["lost_stderr"], row["tests"]))
    told = _told(comparison, level)
    size = points(abs(value), half)
    if abs(value) <= half:
        return f"Without {whom} no loss of accuracy is told from chance: {points(value, half)}{told}."
    return f"Without {whom} accuracy {'falls' if value > 0 else 'rises'} by {size}{told}."


def _told(comparison: Comparison, level: float) -> str:
    """What was written down before, which counts whatever a fit of today says."""
    if comparison.foretold is None:
        return ""
    row = nearest(comparison.foretold, level)
    error = Z95 * float(row.get("lost_stderr", np.nan))
    return f" ({points(float(row['lost']), error)} foretold)"


def _refused(comparison: Comparison) -> bool:
    return bool(comparison.fits) and comparison.best.goodness.p_value < NOT_REJECTED


def verdict(comparison: Comparison) -> str:
    """Does the theory explain this, and how nearly."""
    seen = comparison.observed
    if not comparison.fits:
        why = comparison.why
        if seen.experiment.n_classes is None and why != UNASKED:
            why = "theory asks how often a guess is right, and without labels the number of classes is not known"
            why += "; give it as --labels K"
        return f"There is no theory beside it: {why}."
    best = comparison.best
    off = f"{100 * best.distance:.2g} points"
    p = best.goodness.p_value
    whole = " memorization, but not all of it" if _beyond(comparison) else ""
    if np.isnan(p):
        return (
            f"The fitted long-tail theory is nowhere off by more than {off}; with as many parameters as these data have "
            "bins, there is no testing whether chance explains the rest."
        )
    if p >= NOT_REJECTED:
        return (
            f"The long-tail theory fits{whole}: nowhere off by more than {off}, and chance alone does worse in "
            f"{percent(p, '.0f')} of data sets."
        )
    if best.distance <= CLOSE:
        return (
            f"The long-tail theory comes close, nowhere off by more than {off}, but chance does not explain the rest "
            f"({p_value(p)})."
        )
    return f"The long-tail theory does not fit: it is off by up to {off} ({p_value(p)})."


def _beyond(comparison: Comparison) -> str:
    """What the fit says of things it did not see, where that is far from what was seen."""
    if not comparison.fits:
        return ""
    misses = []
    pairs, _, _ = comparison.observed.influenced
    row = comparison.frames["influence"].iloc[0]
    expected, low, high = row["pairs_fitted"], row["pairs_fitted_low"], row["pairs_fitted_high"]
    # three errors are beyond chance
    far = 1.5 * max(high - expected if pairs > expected else expected - low, np.sqrt(pairs))
    if abs(expected - pairs) > max(far, 0.5 * pairs):
        misses.append(f"{counted(row, 'pairs')} influential pairs where {pairs:,} are seen")
    found = carried(comparison)
    if found is not None and found.fitted is not None and not comparison.best.saw:
        both = np.hypot(found.measured.stderr, found.fitted.stderr)
        off = abs(found.fitted.value - found.measured.value)
        if off > max(1.5 * Z95 * both, 0.5 * abs(found.measured.value)):
            told, seen = (f"{e.value:.0f}".replace("-", "−") for e in (found.fitted, found.measured))
            misses.append(f"a hundred of the memorized to carry {told} new examples where {seen} are seen")
    if comparison.removal is not None:
        table = of_set(comparison.removal, ALL)
        row = nearest(table, MEMORIZED)
        theory = comparison.frames["predicted_removal"]
        lost = float(nearest(theory, row["threshold"])["lost"])
        if abs(lost - row["lost"]) > 1.5 * float(margin(row["lost_stderr"], row["tests"])) + 0.1 * lost:
            misses.append(f"a loss of {points(lost)} from removing them where {100 * row['lost']:.1f} are seen")
    return f"Of what the fit did not see, it expects {', and '.join(misses)}." if misses else ""


def nearest(table: pd.DataFrame, threshold: float) -> pd.Series:
    """The row whose threshold is nearest."""
    return table.iloc[int((table["threshold"] - threshold).abs().argmin())]
