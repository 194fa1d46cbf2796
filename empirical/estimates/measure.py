"""From trials to what was measured: the two tables, and how far to trust them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from empirical.data.examples import Examples
from empirical.estimates import MEMORIZED, THRESHOLD
from empirical.estimates.false_pairs import expected_false, threshold_for
from empirical.estimates.halves import agreement
from empirical.estimates.influence import above, influence_pairs
from empirical.estimates.measured import Experiment, Measured, Trust
from empirical.estimates.memorization import memorization
from empirical.training.trials import Trials
from longtail.core import Bools


def measure(
    trials: Trials,
    examples: Examples,
    experiment: Experiment | None = None,
    *,
    threshold: float = THRESHOLD,
    published_rule: bool = False,
    device: str = "cpu",
) -> Measured:
    """Tables and trust; ``published_rule`` keeps pairs whose training example has memorization ≥ .25 as well.

    ``device`` is where pairs are looked for; they are the same on any.
    """
    y, z, same = examples.y_train, examples.y_test, examples.labeled
    table = memorization(trials, y)
    pairs = (
        influence_pairs(trials, y, z, threshold, same_class=True, device=device)
        if same
        else _any_class(trials, threshold, device)
    )
    pairs["memorization"] = table["memorization"].to_numpy()[pairs["train_index"]]
    kept = _by_rule(table) if published_rule else None
    if kept is not None:  # false pairs and agreement are then those of the kept examples too
        pairs = pairs[kept[pairs["train_index"]]].reset_index(drop=True)
    agreed = agreement(trials, y, z, threshold, same_class=same, device=device, kept=kept)
    false = expected_false(trials, y, z, threshold, same_class=same, kept=kept, device=device)
    usual = pairs["influence"].to_numpy() >= THRESHOLD
    if threshold > THRESHOLD:  # those between were not kept
        found = above(trials, y, z, THRESHOLD, same_class=same, device=device)
        usual = np.ones(len(found), bool) if kept is None else kept[found.train]
    how = experiment or of_trials(trials, examples)
    return Measured(
        how,
        *_named(table, pairs, examples),
        threshold=threshold,
        least=MEMORIZED if published_rule else 0.0,
        test_accuracy=accuracy(trials),
        accurate_at=how.fraction,
        usual_pairs=int(usual.sum()),
        trust=Trust(float(false[0]), agreed.correlation, agreed.jaccard, agreed.table),
    )


def of_trials(trials: Trials, examples: Examples, **facts: Any) -> Experiment:
    """An experiment as far as its trials tell; ``facts`` are what they do not."""
    told: dict[str, Any] = {
        "data": "",
        "fraction": float(trials.masks().mean()),
        "n_classes": None if examples.classes is None else len(examples.classes),
        "design": None if trials.design is None else repr(trials.design),
    }
    return Experiment(n_test=trials.n_test, trials=trials.count, score=trials.score, **(told | facts))


def _named(table: pd.DataFrame, pairs: pd.DataFrame, examples: Examples) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with the user's own classes and names."""
    if examples.classes is not None:
        names = np.array(examples.classes, dtype=object)
        table["label"] = names[table["label"]]
        if "label" in pairs:
            pairs["label"] = names[pairs["label"]]
    if examples.train_ids is not None:  # text, for what is written rounds numbers
        table.insert(1, "id", [str(name) for name in examples.train_ids])
        pairs["train_id"] = [str(examples.train_ids[i]) for i in pairs["train_index"]]
    if examples.test_ids is not None:
        pairs["test_id"] = [str(examples.test_ids[j]) for j in pairs["test_index"]]
    return table, pairs


def _any_class(trials: Trials, threshold: float, device: str) -> pd.DataFrame:
    labels = np.zeros(trials.n_test, int)
    return influence_pairs(trials, None, labels, threshold, same_class=False, device=device).drop(columns="label")


def accuracy(trials: Trials) -> float:
    """The mean score on test examples."""
    if trials.score == "correct":
        return float(  # the padding of packed rows is zeros
            np.bitwise_count(trials.test).sum(dtype=np.int64) / (trials.count * trials.n_test)
        )
    return float(trials.test.mean(dtype=float))


def lowest_threshold(
    trials: Trials, examples: Examples, rate: float, *, published_rule: bool = False, device: str = "cpu"
) -> float:
    """The threshold at which at most ``rate`` of the pairs are expected to be false, of those that the rule keeps."""
    y, z = examples.y_train, examples.y_test
    kept = _by_rule(memorization(trials, y)) if published_rule else None
    return threshold_for(trials, y, z, rate, same_class=examples.labeled, kept=kept, device=device)


def _by_rule(table: pd.DataFrame) -> Bools:
    return np.asarray(table["memorization"].to_numpy(float) >= MEMORIZED)
