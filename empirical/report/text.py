"""What a comparison says, in words with numbers: what its headline rests on, and what it cannot tell."""

from __future__ import annotations

import textwrap

import numpy as np

from empirical.bridge.comparison import NOT_REJECTED, Comparison
from empirical.bridge.fit import TheoryFit
from empirical.bridge.forecast import Forecast
from empirical.estimates import MEMORIZED
from empirical.estimates.removal import ALL, DISTINCT, of_set
from empirical.report.frequencies import PARAMETERS, frequencies
from empirical.report.headline import headline, nearest
from empirical.report.laws import guessing, law, taught
from empirical.report.numbers import brief, counted, observed, pinned, points, predicted
from longtail.core.intervals import Z95
from longtail.core.shares import percent
from longtail.core.shown import many


def findings(comparison: Comparison) -> list[str]:
    """What was fitted, what else would do, pairs and removal, one sentence or two each."""
    return fitted(comparison) + foretold(comparison)


def fitted(comparison: Comparison) -> list[str]:
    """What was fitted, with its parameters, and what else would do; nothing where nothing was."""
    if not comparison.fits:
        return []
    best = comparison.best
    named = "; ".join(
        pinned(name, e, best.intervals[name], PARAMETERS.get(name, name)) for name, e in best.parameters.items()
    )
    said = [
        f"Best fit: {frequencies(best.prior)}; one member of a subpopulation teaches another with probability "
        f"{taught(best.coupling)} ({named}). {_guesses(best)}"
    ]
    if better := [f for f, (_, p) in zip(comparison.fits, comparison.contests, strict=True) if p < NOT_REJECTED]:
        others = "; ".join(f"{frequencies(f.prior)}; {law(f.coupling)}" for f in better)
        said.append(f"Yet data simulated from it hardly ever speak as much as these do for: {others}.")
    if comparison.rivals:
        others = "; ".join(
            f"({place}) {frequencies(f.prior)}; {law(f.coupling)}" for place, f in enumerate(comparison.rivals, 1)
        )
        untold = "This does not tell them apart." if best.saw else "Memorization alone does not tell such priors apart."
        return [*said, f"The data do not reject these either: {others}. {untold}"]
    every, refused = len(comparison.fits), len(comparison.rejected)
    if refused and refused == every - 1:
        said.append(f"Of {every} combinations of prior and coupling all others are rejected (p < {NOT_REJECTED:g}).")
    elif every > 1:
        said.append(
            f"Of {every} combinations of prior and coupling {refused or 'none'} {'is' if refused < 2 else 'are'} rejected "
            f"(p < {NOT_REJECTED:g}); of {every - 1 - refused} more nothing is known: too few simulated data sets, or bins."
        )
    return said


def foretold(comparison: Comparison) -> list[str]:
    """What was seen of pairs and removal, and what the fit says of what it did not see."""
    seen = comparison.observed
    pairs, tests, single = seen.influenced
    carried = (
        f"No pair has an influence of {seen.threshold:g} or more"
        if not pairs
        else (
            f"{many(pairs, 'pair')} of influence {seen.threshold:g} or more {'carries' if pairs == 1 else 'carry'} "
            f"{many(tests, 'test example')}, {single or 'none':{',' if single else ''}} of them by one training example alone"
        )
    )
    tested = seen.experiment.n_test > 0
    if not comparison.fits:
        return [f"{carried}."] if tested else []
    theory = comparison.frames["influence"].iloc[0]
    expects = [counted(theory, name) for name in ("pairs", "tests", "single")]
    chance = f", {theory['false_fitted']:,.0f} of the pairs by chance" if theory["false_fitted"] >= 0.5 else ""
    expected = f"{', '.join(expects[:2])} and {expects[2]}" if pairs else expects[0]
    said = [f"{carried}; the fit, which saw {_saw(comparison.best)}, expects {expected}{chance} (95 %)."]
    said = [*said, _removal(comparison)] if tested else [_removal(comparison)]
    errors = comparison.frames["error_against_samples"].dropna(subset="observed")
    said.extend(
        f"Of models trained on {row['samples']:,} examples the theory expects a test error of {100 * row['error']:.1f} ± "
        f"{100 * Z95 * row['error_stderr']:.1f} % (95 %), from what nobody taught them alone; it was "
        f"{percent(row['observed'], '.1f')}."
        for row in errors.to_dict("records")
    )
    return said if comparison.forecast is None else [*said, _by_number(comparison.forecast)]


def _by_number(told: Forecast) -> str:
    """What the number of pairs alone foretells, and how far it leaves that open."""
    rows = told.table.set_index("what")
    names = {"tests": "test examples with a pair", "single": "of them with one alone"}
    names |= {
        name: f"pairs of {name.removeprefix('pairs_')} or more" for name in rows.index if name.startswith("pairs_")
    }
    said = [
        f"{row['value']:,.0f} {names[name]} ({row['low']:,.0f} to {row['high']:,.0f}; it was {row['observed']:,.0f})"
        for name, row in rows.iterrows()
        if name in names
    ]
    error = {name: percent(float(str(rows.at["error", name])), ".1f") for name in ("value", "low", "high", "observed")}
    return (
        f"A forecast, by a fit that saw {_saw(told.fit)}: {', '.join(said)}, and a test error of {error['value']} "
        f"({error['low']} to {error['high']}; it was {error['observed']}). In brackets is what its likelihood leaves open."
    )


def _saw(best: TheoryFit) -> str:
    return f"memorization, {' and '.join(best.saw)}" if best.saw else "memorization only"


def _guesses(best: TheoryFit) -> str:
    """What the learner does untaught, how much is dust, and whether members teach alike."""
    untaught, how = best.coupling, guessing(best.coupling.steady)
    if untaught.difficulty is None:
        said = f"What it was not taught the learner guesses {how}, rightly once in {best.n_classes}."
    else:
        said = f"What it was not taught the learner gets wrong with a chance of {untaught.difficulty:.2f} in the mean, {how}."
    if untaught.own:
        whose = "That" if untaught.own == 1 else f"Of that {percent(untaught.own, '.0f')}"
        said += f" {whose} is an example's own: what is memorized teaches no more for it."
    if untaught.dust:
        said += f" Of {percent(untaught.dust, '.1f')} of the examples the like never comes again."
    return said + (" How well one member teaches another differs from pair to pair." if untaught.apart else "")


def _removal(comparison: Comparison) -> str:
    table, tried = comparison.frames["predicted_removal"], comparison.removal
    seen = None if tried is None else nearest(of_set(tried, ALL), MEMORIZED)
    row = nearest(table, MEMORIZED if seen is None else seen["threshold"])
    expects = "expects" if comparison.foretold is None else "expected, before it was tried,"
    level = " (95 %)" if np.isfinite(row.get("lost_stderr", np.nan)) else ""
    text = (
        f"Without the {percent(row['removed_share'], '.1f')} of examples memorized {row['threshold']:g} or more, theory "
        f"{expects} to lose {predicted(row, 'lost')} of test accuracy{level}, and {points(row['lost_random'])} without as many "
        "at random."
    )
    if tried is None or seen is None:
        return text + " This was not tried."
    own = comparison.observed.experiment.learner or ""
    whose = "" if seen.get("learner", own) == own else f" of another learner, {seen['learner']}"
    text += f" Observed{whose}: {observed(seen, 'lost')} and {observed(seen, 'lost_random')} at {seen['threshold']:g} (95 %)."
    apart = of_set(tried, DISTINCT)
    if apart.empty:
        return text
    seen = nearest(apart, row["threshold"])
    return text + (
        f" On the {seen['tests']:,} test examples without near-duplicates in training: {observed(seen, 'lost')} and "
        f"{observed(seen, 'lost_random')}."
    )


def summary(comparison: Comparison) -> str:
    """All of it for a terminal."""
    table = comparison.fits_table()[["prior", "coupling", "largest_difference", "p_value", "against_best"]]
    table["prior"] = table["prior"].map(brief)
    table["coupling"] = [law(one.coupling) for one in comparison.fits]
    parts = [textwrap.fill(headline(comparison), 100, break_on_hyphens=False), ""]
    parts += [
        textwrap.fill(f"- {line}", 100, subsequent_indent="  ", break_on_hyphens=False) for line in findings(comparison)
    ]
    parts += ["", table.to_string(index=False, float_format=lambda v: f"{v:.3g}")]
    if len(comparison.fits) > 1:
        parts.append("against_best: how often data from that fit speak as much for the first (Cox's test)")
    return "\n".join(parts)
