"""What the numbers mean, in a paragraph: sign, scale, and how much of the spread is noise."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from empirical.estimates.cells import root_mean_square
from empirical.estimates.measured import Measured, pairs_key
from empirical.report.majority import no_better
from empirical.report.observed_text import counted, expected
from longtail.core.shares import percent
from longtail.core.shown import many

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset

FITS = 0.99  # of the training examples that are in: below it memorization misses what models do not fit


def report(found: Measured, *, top: int = 5, dataset: Dataset | None = None) -> str:
    """What one reads at a glance: counts, the examples memorized most, the strongest pairs, and what it means."""
    s = found.summary
    key = pairs_key(s["threshold"])
    level = key.removeprefix("pairs_above_")
    chance = "unknown" if (false := s["expected_false_pairs"]) is None else expected(false)
    lines = [
        f"{s['n']:,} training and {many(s['n_test'], 'test example')}, {many(s['trials'], 'model')}",
        "",
        f"{'test accuracy' if s['score'] == 'correct' else 'mean test ' + s['score']:<32}{_shown(s['test_accuracy'])}",
        f"{'mean memorization':<32}{_shown(s['mean_memorization'])}",
        f"{'memorization of .25 or more':<32}{_percent(s['share_above_0.25'])} of examples",
        f"{'pairs with influence ≥ ' + level:<32}{s[key]:,}; chance alone makes {chance}",
        f"{'standard error':<32}{_shown(usual_error(found.memorization))} of memorization where models disagree"
        + (f", {_shown(s['pairs_stderr'])} of these pairs" if s[key] else ""),
        *(f"{name:<32}{text}" for name, text in counted(found.observed).items()),
        "",
        *([textwrap.fill(word, 100), ""] if (word := no_better(found, dataset)) else []),
        *_never_right(s["never_right"]),
        _block("memorized most", _head(found.memorization.sort_values("memorization", ascending=False), top)),
    ]
    if len(found.pairs):
        lines += ["", _block("most influential pairs", _head(found.pairs, top))]
    return "\n".join([*lines, "", meaning(found)])


def _never_right(count: int | None) -> list[str]:
    """Examples whose memorization of 0 does not mean that others teach them."""
    if not count:
        return []
    examples = f"{count:,} example" + ("s" if count > 1 else "")
    return [f"{'never right, even trained on':<32}{examples}: mislabelled, or too hard for this learner", ""]


def meaning(found: Measured) -> str:
    """The closing paragraph."""
    s, table = found.summary, found.memorization
    parts = []
    if s["score"] == "correct":
        parts.append(
            "Memorization says by how much more often a model is right on an example if it trained on it: 1, only the "
            "example itself teaches it; 0, the others do, or, if it is never right, nothing does. Influence says the same of a "
            "test example and one training example. Below 0 a model is better off without the example."
        )
    else:
        more = "how much less loss models have" if s["score"] == "loss" else f"how much more {s['score']} models have"
        parts.append(
            f"Memorization says {more} on an example if they trained on it; influence says the same of a test example and "
            "one training example. Above 0 the example helps."
        )
    if s["score"] == "correct" and (fit := s["train_accuracy"]) is not None and fit < FITS:
        parts.append(
            f"Models are right on {_percent(fit)} of what they were trained on; what a model does not fit it cannot be seen to "
            "memorize."
        )
    error = usual_error(table)
    if error is not None:
        other = table[table["memorization"].notna() & (table["memorization"] != 0)]
        nothing = int(((other["low"] <= 0) & (other["high"] >= 0)).sum())
        parts.append(
            f"Where models disagree on an example, its memorization is off by about {error:.2g} (one standard error; the "
            f"table has each, and 95 % intervals). A value whose interval holds 0 says nothing: so do {nothing:,} of the "
            f"{len(other):,} that are not 0."
        )
    if s["noise_share"] is not None:
        parts.append(f"{_percent(s['noise_share'])} of the variance of memorization between examples is this noise.")
    if s["split_half_jaccard"] is not None:
        parts.append(
            f"Two halves of the models share {_percent(s['split_half_jaccard'])} of the pairs that either finds, and their "
            f"memorization correlates {_shown(s['split_half_correlation'])}."
        )
    pairs, false = len(found.pairs), s["expected_false_pairs"]
    if pairs and false is not None and false > 0.2 * pairs:
        parts.append(
            f"About {percent(min(false / pairs, 1), '.0f')} of the pairs may be false: train more models, or ask for --fdr 0.05."
        )
    if s["never_in_or_out"]:
        parts.append(f"{s['never_in_or_out']:,} examples were in every subset or in none and have no estimate.")
    return textwrap.fill(" ".join(parts), 100)


def usual_error(table: pd.DataFrame) -> float | None:
    """The root mean square of the errors that are not 0: of most examples of easy data all models say the same."""
    error = table["stderr"].to_numpy(float)
    return root_mean_square(error[error > 0])


def _head(table: pd.DataFrame, top: int) -> pd.DataFrame:
    wanted = [c for c in ("index", "id", "train_index", "train_id", "test_index", "test_id", "label") if c in table]
    numbers = [c for c in ("memorization", "influence", "stderr", "in_accuracy", "out_accuracy") if c in table]
    if "influence" in table:
        numbers = ["influence", "stderr"]
    shown = table[[*wanted, *numbers]].head(top)
    return shown.assign(stderr=[_error(*row) for row in table[["stderr", "low", "high"]].head(top).to_numpy(float)])


def _error(error: float, low: float, high: float) -> str:
    """A standard error; the 95 % interval where all models say the same, which is no proof that all would."""
    if error > 0:
        return f"{error:.3f}"
    return f"[{low:.3f}, {high:.3f}]" if low == low else "unknown"


def _block(title: str, table: pd.DataFrame) -> str:
    return f"{title}\n{table.to_string(index=False, float_format=lambda v: f'{v:.3f}')}"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.3g} %"


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
