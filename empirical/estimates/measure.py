"""From trials to what was measured: the two tables, and how far to trust them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from empirical.data.examples import Examples
from empirical.estimates import BOUNDED, MEMORIZED, THRESHOLD
from empirical.estimates.explained import hanging
from empirical.estimates.false_pairs import HELD, expected_false, threshold_for
from empirical.estimates.halves import agreement
from empirical.estimates.histogram import histogram
from empirical.estimates.influence import influence_pairs, stream
from empirical.estimates.leak.leak import leak, leaks
from empirical.estimates.learning import learning
from empirical.estimates.measured import Experiment, Measured, Trust
from empirical.estimates.memorization import memorization
from empirical.estimates.observed import Observed
from empirical.estimates.pairing import Pairing
from empirical.estimates.streamed import Written, write
from empirical.estimates.taught import unless_noise
from empirical.estimates.totals import totals
from empirical.training.columns import Bits
from empirical.training.trials import Trials
from longtail.core import Bools, flag
from longtail.core.arrays import CPU, Device


def measure(
    trials: Trials,
    examples: Examples,
    experiment: Experiment | None = None,
    *,
    threshold: float = THRESHOLD,
    published_rule: bool = False,
    device: Device = CPU,
    half: Trials | None = None,
) -> Measured:
    """Tables and trust; ``published_rule`` keeps pairs whose training example has memorization ≥ .25 as well.

    ``device`` is where pairs are looked for; they are the same on any. ``half`` are models on half as many examples.

    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> found = measure(Trials.of(masks, masks, masks[:, [3]]), Examples(), threshold=0.5)
    >>> found.memorization["memorization"].tolist(), found.pairs[["train_index", "test_index"]].to_numpy().tolist()
    ([1.0, 1.0, 1.0, 1.0, 1.0], [[3, 0]])
    """
    flag("published_rule", published_rule)
    table = memorization(trials, examples.y_train)
    kept = by_rule(table) if published_rule else None  # false pairs and agreement are those of the kept examples too
    leaked = leak(trials, examples.y_train) if leaks(trials) else None
    if leaked is not None:
        table["risk"] = leaked.examples["risk"]
    pairing = Pairing.of(examples, threshold, kept)
    pairs = influence_pairs(trials, pairing, device=device)
    pairs["memorization"] = table["memorization"].to_numpy()[pairs["train_index"]]
    usual = int((pairs["influence"].to_numpy() >= THRESHOLD).sum())
    if threshold > THRESHOLD:  # those between were not kept
        usual = sum(len(found) for found in stream(trials, pairing.at(THRESHOLD), device=device))
    agreed = agreement(trials, pairing, device=device)
    false = float(expected_false(trials, pairing, device=device)[0])
    how = experiment or of_trials(trials, examples)
    observed = _observed(trials, pairing, table, device)
    if trials.score in ("correct", "margin") and trials.n_test:
        parts = [(trials.right, how.fraction)] + ([] if half is None else [(half.right, how.fraction / 2)])
        observed = replace(observed, learning=learning(parts))
    with_names(table, observed, examples)
    return Measured(
        how,
        table,
        named(pairs, examples),
        threshold=threshold,
        least=MEMORIZED if published_rule else 0.0,
        test_accuracy=accuracy(trials),
        accurate_at=how.fraction,
        usual_pairs=usual,
        trust=Trust(false, agreed.correlation, agreed.jaccard, agreed.table),
        leak=leaked,
        explained=hanging(trials, examples) if trials.score == "correct" and trials.iid else None,
        observed=observed,
    )


def _observed(trials: Trials, pairing: Pairing, table: pd.DataFrame, device: Device) -> Observed:
    """What else models say of influence, where scores lie between 0 and 1; of training examples where it is not mostly noise."""
    if trials.score not in BOUNDED:
        return Observed()
    teachers = unless_noise(trials, pairing, HELD) if trials.score == "correct" else None
    if teachers is not None:
        value = table["memorization"].to_numpy()
        teachers.pairs["memorization"] = value[teachers.pairs["train_index"]]
        teachers.pairs["taught_memorization"] = value[teachers.pairs["taught_index"]]
    if not trials.n_test:
        return Observed(taught=teachers)
    return Observed(totals(trials), histogram(trials, pairing, device=device), teachers)


def of_trials(trials: Trials | Bits, examples: Examples, **facts: Any) -> Experiment:
    """An experiment as far as its trials tell; ``facts`` are what they do not.

    >>> masks = np.eye(4, dtype=bool)
    >>> how = of_trials(Trials.of(masks, masks, masks), Examples(classes=("cat", "dog")), data="pets")
    >>> how.data, how.models, how.fraction, how.n_classes
    ('pets', 4, 0.25, 2)
    """
    told: dict[str, Any] = {
        "data": "",
        "n_classes": None if examples.classes is None else len(examples.classes),
        "design": None if trials.design is None else repr(trials.design),
    }
    if isinstance(trials, Trials):
        told["fraction"] = float(np.bitwise_count(trials.inside).sum(dtype=np.int64) / (trials.count * trials.n))
    return Experiment(n_test=trials.n_test, models=trials.count, score=trials.score, **(told | facts))


def with_names(table: pd.DataFrame, observed: Observed, examples: Examples) -> None:
    """Put the user's own classes and names into the tables of training examples and of pairs of them.

    >>> table = pd.DataFrame({"index": [0, 1], "label": [0, 1]})
    >>> with_names(table, Observed(), Examples(np.array([0, 1]), classes=("cat", "dog")))
    >>> table["label"].tolist()
    ['cat', 'dog']
    """
    among = None if observed.taught is None else observed.taught.pairs
    if examples.classes is not None:
        names = np.array(examples.classes, dtype=object)
        table["label"] = names[table["label"]]
        if among is not None and "label" in among:
            among["label"] = names[among["label"]]
    if among is not None and examples.train_ids is not None:
        for which in ("train", "taught"):
            among[f"{which}_id"] = [str(examples.train_ids[i]) for i in among[f"{which}_index"]]
    if examples.train_ids is not None:  # text, for what is written rounds numbers
        table.insert(1, "id", [str(name) for name in examples.train_ids])


def named(pairs: pd.DataFrame, examples: Examples) -> pd.DataFrame:
    """Pairs with the user's own classes and names.

    >>> pairs = pd.DataFrame({"train_index": [1], "test_index": [0], "label": [1]})
    >>> named(pairs, Examples(classes=("cat", "dog")))["label"].tolist()
    ['dog']
    """
    if examples.classes is not None and "label" in pairs:
        pairs["label"] = np.array(examples.classes, dtype=object)[pairs["label"]]
    for part, ids in (("train", examples.train_ids), ("test", examples.test_ids)):
        if ids is not None:
            pairs[f"{part}_id"] = [str(ids[i]) for i in pairs[f"{part}_index"]]
    return pairs


def written(
    path: Path,
    trials: Trials,
    examples: Examples,
    *,
    threshold: float = THRESHOLD,
    same_class: bool | None = None,
    published_rule: bool = False,
    memory: float,
    workers: int = 1,
    keep: int = 0,
) -> Written:
    """All pairs streamed to a Parquet file, found in so many bytes beside the trials; the ``keep`` largest come back.

    >>> import tempfile
    >>> masks = np.random.default_rng(0).random((64, 5)) < 0.5
    >>> trials = Trials.of(masks, masks, masks[:, [3]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written(Path(folder) / "pairs.parquet", trials, Examples(), threshold=0.5, memory=2e8).pairs
    1
    """
    flag("published_rule", published_rule)
    table = memorization(trials, examples.y_train)
    value = table["memorization"].to_numpy()
    pairing = Pairing.of(examples, threshold, by_rule(table) if published_rule else None)
    if same_class is not None:
        pairing = replace(pairing, same_class=same_class)

    def told(pairs: pd.DataFrame) -> pd.DataFrame:
        pairs["memorization"] = value[pairs["train_index"]]
        return named(pairs, examples)

    return write(path, Bits.of(trials), pairing, memory=memory, workers=workers, named=told, keep=keep)


def accuracy(trials: Trials) -> float:
    """The mean score on test examples; NaN where there are none.

    >>> accuracy(Trials.of([[1, 0], [1, 1]], [[1, 0], [1, 1]], [[0, 1], [1, 1]]))
    0.75
    """
    if not trials.n_test:
        return float("nan")
    if trials.score == "correct":
        # the padding of packed rows is zeros
        return float(np.bitwise_count(trials.test).sum(dtype=np.int64) / (trials.count * trials.n_test))
    return float(trials.test.mean(dtype=float))


def lowest_threshold(
    trials: Trials, examples: Examples, rate: float, *, published_rule: bool = False, device: Device = CPU
) -> float:
    """The threshold at which at most ``rate`` of the pairs are expected to be false, of those that the rule keeps.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> round(lowest_threshold(Trials.of(masks, masks, masks[:, [3]]), Examples(), rate=0.05), 3)
    0.165
    """
    rule = flag("published_rule", published_rule)
    kept = by_rule(memorization(trials, examples.y_train)) if rule else None
    return threshold_for(trials, Pairing.of(examples, kept=kept), rate, device=device)


def by_rule(table: pd.DataFrame) -> Bools:
    """The training examples whose pairs the published rule keeps.

    >>> by_rule(pd.DataFrame({"memorization": [0.1, 0.25]})).tolist()
    [False, True]
    """
    return np.asarray(table["memorization"].to_numpy(float) >= MEMORIZED)
