"""What a comparison says, in words with numbers: the headline, what it rests on, and what it cannot tell."""

from __future__ import annotations

import re
import textwrap

import numpy as np
import pandas as pd

from empirical.bridge.comparison import NOT_REJECTED, Comparison
from empirical.bridge.fit import TheoryFit
from empirical.estimates.removal import ALL, DISTINCT, margin, of_set
from longtail.core import Estimate

CLOSE = 0.02
SHOWN = 0.25
SHARES = ("coupling", "steady")  # parameters that end at 1


def headline(comparison: Comparison) -> str:
    """One or two sentences: does the theory explain this, and how nearly."""
    seen = comparison.observed
    share = float((seen.values >= SHOWN).mean()) if len(seen.values) else 0.0
    memorized = f"{share:.1%} of {len(seen.values):,} training examples have memorization of {SHOWN:g} or more"
    if not comparison.fits:
        why = comparison.why
        if seen.experiment.n_classes is None:
            why = "theory asks how often a guess is right, and without labels the number of classes is not known"
            why += "; give it as --labels K"
        return f"{memorized}. There is no theory beside it: {why}."
    best = comparison.best
    fitted = float(np.interp(SHOWN, best.shares["threshold"], best.shares["fitted"]))
    points = f"{100 * best.distance:.2g} points"
    p = best.goodness.p_value
    if np.isnan(p):
        verdict = (
            f"The fitted long-tail theory is nowhere off by more than {points}; with as many parameters as these data have "
            "bins, there is no testing whether chance explains the rest."
        )
    elif p >= NOT_REJECTED:
        verdict = (
            f"The long-tail theory fits: nowhere off by more than {points}, and chance alone does worse in {p:.0%} of "
            "data sets."
        )
    elif best.distance <= CLOSE:
        verdict = (
            f"The long-tail theory comes close, nowhere off by more than {points}, but chance does not explain the rest "
            f"({_p(p)})."
        )
    else:
        verdict = f"The long-tail theory does not fit: it is off by up to {points} ({_p(p)})."
    return f"{memorized}; the best fit of the theory has {fitted:.1%}. {verdict} {_beyond(comparison)}".strip()


def _beyond(comparison: Comparison) -> str:
    """What the fit says of things it did not see, where that is far from what was seen."""
    misses = []
    pairs, _, _ = comparison.observed.influenced
    row = comparison.frames["influence"].iloc[0]
    expected, low, high = row["pairs_fitted"], row["pairs_fitted_low"], row["pairs_fitted_high"]
    far = 1.5 * max(
        high - expected if pairs > expected else expected - low, np.sqrt(pairs)
    )  # three errors are beyond chance
    if abs(expected - pairs) > max(far, 0.5 * pairs):
        misses.append(f"{_counted(row, 'pairs')} influential pairs where {pairs:,} are seen")
    if comparison.removal is not None:
        table = of_set(comparison.removal, ALL)
        row = _nearest(table, SHOWN)
        theory = comparison.frames["predicted_removal"]
        lost = float(_nearest(theory, row["threshold"])["lost"])
        if abs(lost - row["lost"]) > 1.5 * float(margin(row["lost_stderr"], row["tests"])) + 0.1 * lost:
            misses.append(f"a loss of {lost:.1%} from removing them where {row['lost']:.1%} is seen")
    return f"Of what the fit did not see, it expects {', and '.join(misses)}." if misses else ""


def findings(comparison: Comparison) -> list[str]:
    """What was fitted, what else would do, pairs and removal, one sentence or two each."""
    seen = comparison.observed
    pairs, tests, single = seen.influenced
    carried = (
        f"{pairs:,} pairs of influence {seen.threshold:g} or more carry {tests:,} test examples, {single:,} of them by one "
        "training example alone"
    )
    if not comparison.fits:
        return [f"{carried}."]
    best = comparison.best
    said = []
    named = "; ".join(_pinned(name, e, best.intervals[name]) for name, e in best.parameters.items())
    said.append(
        f"Best fit: frequencies {brief(best.prior)}, coupling {brief(best.coupling)}: one member of a subpopulation teaches "
        f"another with probability {best.coupling.mean:.2f} on average ({named}). {_guesses(best)}"
    )
    if comparison.rivals:
        others = ", ".join(brief(f"{f.prior!r} with {f.coupling!r}") for f in comparison.rivals)
        said.append(
            f"The data do not reject these either: {others}. Memorization alone does not tell such priors apart."
        )
    else:
        rejected = [f for f in comparison.fits[1:] if f.goodness.p_value < NOT_REJECTED]
        if rejected:
            said.append(
                f"Of {len(rejected) + 1} combinations of prior and coupling all others are rejected (p < {NOT_REJECTED:g})."
            )
    theory = comparison.frames["influence"].iloc[0]
    expects = [_counted(theory, name) for name in ("pairs", "tests", "single")]
    chance = f", {theory['false_fitted']:,.0f} of the pairs by chance" if theory["false_fitted"] >= 0.5 else ""
    said.append(
        f"{carried}; the fit, which saw memorization only, expects {', '.join(expects[:2])} and {expects[2]}{chance} (95 %)."
    )
    said.append(_removal(comparison))
    errors = comparison.frames["error_against_samples"].dropna(subset="observed")
    said.extend(
        f"Of models trained on {row.samples:,} examples the theory expects a test error of {row.error:.1%} ± "
        f"{row.error_stderr:.1%}, from what nobody taught them alone; it was {row.observed:.1%}."
        for row in errors.itertuples()
    )
    return said


def _counted(row: pd.Series, name: str) -> str:
    """A predicted count, and between what counts chance and the fit's own error leave the one that is met.

    >>> _counted(pd.Series({"pairs_fitted": 41.2, "pairs_fitted_low": 22.0, "pairs_fitted_high": 66.0}), "pairs")
    '41 (22 to 66)'
    """
    value, low, high = (row[f"{name}_fitted{end}"] for end in ("", "_low", "_high"))
    return f"{value:,.0f} ({low:,.0f} to {high:,.0f})" if low >= 0.5 else f"at most {high:,.0f}"


def _guesses(best: TheoryFit) -> str:
    steady = best.coupling.steady
    how = "anew in every model" if steady == 0 else "alike in all models"
    if 0 < steady < 1:
        how = f"partly alike in all models (correlation {_digits(steady)})"
    return f"What it was not taught the learner guesses {how}, rightly once in {best.n_classes}."


def _pinned(name: str, e: Estimate, interval: tuple[float, float]) -> str:
    """A parameter with its error; at an edge, where it has none, what its interval says.

    >>> _pinned("size", Estimate(8234.5, 532.1), (7200.0, 9300.0)), _pinned("alpha", Estimate(0.001, np.nan), (0.0, 0.23))
    ('size 8,230 ± 530', 'alpha at most 0.23 (95 %)')
    """
    low, high = interval
    set_below = low > (1.0 if name == "size" else 0.0)
    set_above = np.isfinite(high) and not (name in SHARES and high >= 1)
    if not np.isfinite(e.stderr) or (np.isinf(high) and set_below):
        if set_below and set_above:
            return f"{name} between {_digits(low):,} and {_digits(high):,} (95 %)"
        if set_below or set_above:
            return f"{name} at {'least' if set_below else 'most'} {_digits(low if set_below else high):,} (95 %)"
        return f"{name} not pinned down by these data"
    if e.stderr > abs(e.value):
        return f"{name} not pinned down by these data"
    return f"{name} {_digits(e.value):,} ± {_digits(e.stderr, 2):,}"


def _removal(comparison: Comparison) -> str:
    table, tried = comparison.frames["predicted_removal"], comparison.removal
    seen = None if tried is None else _nearest(of_set(tried, ALL), SHOWN)
    row = _nearest(table, SHOWN if seen is None else seen["threshold"])
    expects = "expects" if comparison.foretold is None else "expected, before it was tried,"
    text = (
        f"Without the {row['removed_share']:.1%} of examples memorized {row['threshold']:g} or more, theory {expects} to "
        f"lose {_or_so(row, 'lost')} of test accuracy, and {row['lost_random']:.1%} without as many at random."
    )
    if tried is None or seen is None:
        return text + " This was not tried."
    own = comparison.observed.experiment.learner or ""
    whose = "" if seen.get("learner", own) == own else f" of another learner, {seen['learner']}"
    text += f" Observed{whose}: {_with(seen, 'lost')} and {_with(seen, 'lost_random')} at {seen['threshold']:g} (95 %)."
    apart = of_set(tried, DISTINCT)
    if apart.empty:
        return text
    seen = _nearest(apart, row["threshold"])
    return text + (
        f" On the {seen['tests']:,} test examples without near-duplicates in training: {_with(seen, 'lost')} and "
        f"{_with(seen, 'lost_random')}."
    )


def _or_so(row: pd.Series, name: str) -> str:
    """A prediction with its standard error, which what was written down by earlier versions lacks."""
    error = row.get(f"{name}_stderr", np.nan)
    return f"{row[name]:.1%}" + (f" ± {_half(float(error))}" if np.isfinite(error) and error > 0 else "")


def _nearest(table: pd.DataFrame, threshold: float) -> pd.Series:
    return table.iloc[int((table["threshold"] - threshold).abs().argmin())]


def _with(row: pd.Series, name: str) -> str:
    half = float(margin(row[f"{name}_stderr"], row["tests"]))
    return f"{row[name]:.1%} ± {_half(half)}".replace("-", "−")


def _half(width: float) -> str:
    """A share after ±, never 0.0%."""
    return f"{width:.1%}" if width >= 5e-4 else f"{100 * width:.1g}%"


def brief(name: object) -> str:
    """A repr with its numbers to three digits, near 1 of what they lack: 0.7623997 says no more than 0.762.

    >>> brief("Zipf(alpha=0.7623997, size=13353)"), brief("Geometric(ratio=0.9998362479353741, size=8136)")
    ('Zipf(alpha=0.762, size=13353)', 'Geometric(ratio=0.999836, size=8136)')
    """
    return re.sub(r"\d+\.\d+(?:e[-+]?\d+)?", lambda found: f"{_digits(float(found[0]))}", str(name))


def _digits(value: float, digits: int = 3) -> float | int:
    """A number to so many digits; of one just below 1 what it lacks is: it may be the ratio of a geometric series.

    >>> _digits(8234.5), _digits(0.99983625), _digits(0.0123456)
    (8230, 0.999836, 0.0123)
    """
    if 0.99 < value < 1:
        return round(1 - float(f"{1 - value:.{digits}g}"), 12)
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def summary(comparison: Comparison) -> str:
    """All of it for a terminal."""
    table = comparison.fits_table()[["prior", "coupling", "largest_difference", "p_value"]]
    table[["prior", "coupling"]] = table[["prior", "coupling"]].map(brief)
    parts = [textwrap.fill(headline(comparison), 100, break_on_hyphens=False), ""]
    parts += [
        textwrap.fill(f"- {line}", 100, subsequent_indent="  ", break_on_hyphens=False) for line in findings(comparison)
    ]
    parts += ["", table.to_string(index=False, float_format=lambda v: f"{v:.3g}")]
    return "\n".join(parts)


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-4 else "p < .0001"
