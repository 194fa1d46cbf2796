"""What a set of trials says about a data set: the two tables, the summary, and how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from empirical.estimates import MEMORIZED, THRESHOLD
from empirical.estimates.false_pairs import expected_false, threshold_for
from empirical.estimates.halves import Agreement, agreement
from empirical.estimates.influence import above, influence_pairs
from empirical.estimates.memorization import memorization
from empirical.training.trials import Trials
from longtail.core import Bools, Floats


@dataclass(frozen=True)
class Results:
    """``memorization`` and ``pairs`` as written to CSV, ``summary`` as written to JSON, and the halves' agreement."""

    memorization: pd.DataFrame
    pairs: pd.DataFrame
    summary: dict[str, Any]
    agreement: Agreement


def results(
    trials: Trials,
    y_train: Any,
    y_test: Any,
    *,
    threshold: float = THRESHOLD,
    published_rule: bool = False,
    classes: tuple[Any, ...] | None = None,
    train_ids: tuple[Any, ...] | None = None,
    test_ids: tuple[Any, ...] | None = None,
    device: str = "cpu",
) -> Results:
    """Tables and summary; ``published_rule`` keeps pairs whose training example has memorization ≥ .25 as well.

    ``device`` is where pairs are looked for; they are the same on any.
    """
    same = y_train is not None and y_test is not None
    table = memorization(trials, y_train)
    pairs = (
        influence_pairs(trials, y_train, y_test, threshold, same_class=True, device=device)
        if same
        else _any_class(trials, threshold, device)
    )
    pairs["memorization"] = table["memorization"].to_numpy()[pairs["train_index"]]
    kept = _by_rule(table) if published_rule else None
    if kept is not None:  # false pairs and agreement are then those of the kept examples too
        pairs = pairs[kept[pairs["train_index"]]].reset_index(drop=True)
    agreed = agreement(trials, y_train, y_test, threshold, same_class=same, device=device, kept=kept)
    false = expected_false(trials, y_train, y_test, threshold, same_class=same, kept=kept, device=device)
    usual = pairs["influence"].to_numpy() >= THRESHOLD
    if threshold > THRESHOLD:  # those between were not kept
        found = above(trials, y_train, y_test, THRESHOLD, same_class=same, device=device)
        usual = np.ones(len(found), bool) if kept is None else kept[found.train]
    counts = {pairs_key(threshold): len(pairs), pairs_key(THRESHOLD): int(usual.sum())}
    summary = _summary(trials, table, pairs, agreed, threshold, float(false[0]), counts)
    if classes is not None:
        names = np.array(classes, dtype=object)
        table["label"] = names[table["label"]]
        if "label" in pairs:
            pairs["label"] = names[pairs["label"]]
    if train_ids is not None:
        table.insert(1, "id", [str(name) for name in train_ids])  # text, for what is written rounds numbers
        pairs["train_id"] = [str(train_ids[i]) for i in pairs["train_index"]]
    if test_ids is not None:
        pairs["test_id"] = [str(test_ids[j]) for j in pairs["test_index"]]
    return Results(table, pairs, summary, agreed)


def pairs_key(threshold: float) -> str:
    """The name under which the summary counts the pairs of at least that influence.

    >>> pairs_key(37 * 0.005), pairs_key(0.15)
    ('pairs_above_0.185', 'pairs_above_0.15')
    """
    return f"pairs_above_{threshold:.10g}"


def _any_class(trials: Trials, threshold: float, device: str) -> pd.DataFrame:
    labels = np.zeros(trials.n_test, int)
    return influence_pairs(trials, None, labels, threshold, same_class=False, device=device).drop(columns="label")


def _summary(
    trials: Trials,
    table: pd.DataFrame,
    pairs: pd.DataFrame,
    agreed: Agreement,
    threshold: float,
    false: float,
    counts: dict[str, int],
) -> dict[str, Any]:
    value, error = (table[name].to_numpy(float) for name in ("memorization", "stderr"))
    known = np.isfinite(value)
    return {
        "n": trials.n,
        "n_test": trials.n_test,
        "trials": trials.count,
        "score": trials.score,
        "mean_memorization": _mean(value[known]),
        "share_above_0.25": _mean(value[known] >= MEMORIZED),
        "threshold": float(threshold),
        **counts,
        "expected_false_pairs": false,
        "test_accuracy": accuracy(trials),
        "train_accuracy": _mean(table["in_accuracy"].dropna().to_numpy(float)),  # of examples that were in
        "stderr": _root_mean_square(error),
        "pairs_stderr": _root_mean_square(pairs["stderr"].to_numpy(float)),
        "never_in_or_out": int((~known).sum()),
        "split_half_correlation": _number(agreed.correlation),
        "split_half_jaccard": _number(agreed.jaccard),
        "noise_share": _number(noise_share(value, error)),
    }


def accuracy(trials: Trials) -> float:
    """The mean score on test examples."""
    if trials.score == "correct":
        return float(  # the padding of packed rows is zeros
            np.bitwise_count(trials.test).sum(dtype=np.int64) / (trials.count * trials.n_test)
        )
    return float(trials.test.mean(dtype=float))


def noise_share(value: Floats, error: Floats) -> float:
    """How much of the variance of the estimates is their own error."""
    spread = float(np.nanvar(value)) if np.isfinite(value).any() else 0.0
    return min(float(np.nanmean(error**2)) / spread, 1.0) if spread > 0 and np.isfinite(error).any() else float("nan")


def lowest_threshold(
    trials: Trials, y_train: Any, y_test: Any, rate: float, *, published_rule: bool = False, device: str = "cpu"
) -> float:
    """The threshold at which at most ``rate`` of the pairs are expected to be false, of those that the rule keeps."""
    same = y_train is not None and y_test is not None
    kept = _by_rule(memorization(trials, y_train)) if published_rule else None
    return threshold_for(trials, y_train, y_test, rate, same_class=same, kept=kept, device=device)


def _by_rule(table: pd.DataFrame) -> Bools:
    return np.asarray(table["memorization"].to_numpy(float) >= MEMORIZED)


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _root_mean_square(error: Floats) -> float | None:
    """Of the errors that are known."""
    known = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(known**2))) if known.size else None


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if np.isfinite(value) else None
