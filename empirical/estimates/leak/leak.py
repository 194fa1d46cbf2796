"""What leaks: of every example how surely a model tells that it trained on it, and how often the attack finds out at all.

    risk_i = Pr[Λ > 0 | i in] − Pr[Λ > 0 | i out],

the attack's advantage on example i (Yeom et al., arXiv 1709.01604), each model attacked by what the others say. Memorization
is the advantage of a weaker attack: "it trained on what it is right on". So risk is no less, but for noise and for what two
Gaussians miss. Over all examples and models the true-positive rate is told at false-positive rates (Carlini et al., arXiv
2112.03570, section 3), by linear interpolation of the curve; errors are over models (``attacked``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from empirical.estimates.cells import Cells
from empirical.estimates.leak import RATES
from empirical.estimates.leak.attacked import Attacked, Told
from empirical.estimates.leak.audit import DELTA, Audit, audit
from empirical.estimates.leak.gaussians import gaussians
from empirical.estimates.leak.tables import binned, bins_table, curve_table, rates_table, resolved
from empirical.estimates.memorization import LEVEL, memorization_cells
from empirical.estimates.pairing import whole_labels
from empirical.training.trials import Trials
from longtail.core import ArgumentError

ENOUGH = 32  # models in, and out, from which an example's own variances tell more than pooled ones (Carlini et al., section 6)


@dataclass(frozen=True)
class Leak:
    """``examples`` (a row each), ``rates`` and ``curve`` by attack, ``bins`` of memorization, and what the attack proves.

    ``attack`` is the one whose risk the examples have: "own" variances where there are models enough, else "pooled".
    ``members`` and ``others`` are how many models and examples were attacked.

    >>> rng = np.random.default_rng(0)
    >>> masks = rng.random((40, 6)) < 0.5
    >>> found = leak(Trials.of(masks, rng.normal(size=(40, 6)) + 3.0 * masks, masks[:, :1] * 1.0, score="margin"))
    >>> found.attack, found.members + found.others, list(found.frames)
    ('pooled', 240, ['leak', 'leak_rates', 'leak_curve', 'leak_bins'])
    """

    examples: pd.DataFrame = field(repr=False)
    rates: pd.DataFrame = field(repr=False)
    curve: pd.DataFrame = field(repr=False)
    bins: pd.DataFrame = field(repr=False)
    attack: str
    models: int
    members: int
    others: int
    audit: Audit | None = None

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table, by the name of its file."""
        return {"leak": self.examples, "leak_rates": self.rates, "leak_curve": self.curve, "leak_bins": self.bins}

    def named(self, names: pd.DataFrame) -> Leak:
        """With the user's own names and labels of the examples."""
        table = self.examples.drop(columns=list(names), errors="ignore")
        for name in reversed(names.columns):
            table.insert(1, name, names[name].to_numpy())
        return replace(self, examples=table)

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        risk = self.examples["risk"].to_numpy(float)
        return {
            "models": self.models,
            "n": len(self.examples),
            "members": self.members,
            "others": self.others,
            "not_attacked": int(np.isnan(risk).sum()),
            "attack": self.attack,
            "mean_risk": float(np.nanmean(risk)),
            "rates": self.rates.to_dict("records"),
            "bins": self.bins.to_dict("records"),
            "audit": None if self.audit is None else self.audit.record,
        }


def leak(
    trials: Trials,
    y_train: Any = None,
    *,
    delta: float = DELTA,
    level: float = LEVEL,
    told: Told = lambda done, models: None,
) -> Leak:
    """What the margins of a run leak; ``told`` hears of models as they are passed over, twice each.

    ``delta`` is that of the (ε, δ) whose least ε is proved; ``level`` is that of intervals and of the proof.

    >>> rng = np.random.default_rng(0)
    >>> masks = rng.random((40, 6)) < 0.5
    >>> found = leak(Trials.of(masks, rng.normal(size=(40, 6)) + 3.0 * masks, masks[:, :1] * 1.0, score="margin"))
    >>> bool(found.examples["risk"].mean() > 0.7)
    True
    """
    labels = whole_labels("y_train", y_train, trials.n)
    attacked = Attacked(trials, gaussians(trials), told)
    fitted, at = attacked.fitted, attacked.at
    _check(trials, len(at))
    few = np.minimum(fitted.n_in, fitted.n_out)[at]
    attack = "own" if np.median(few) >= ENOUGH else "pooled"
    memorized = memorization_cells(trials.right).value
    counts, inside, total = attacked.counted(attack)
    bins = binned(memorized[at])
    moved = attacked.moved(counts, attack, bins)
    risk = Cells.of_sums(trials.count, fitted.n_in[at], inside, total)
    low, high = risk.interval(level)
    columns: dict[str, Any] = {"index": np.arange(trials.n)}
    if labels is not None:
        columns["label"] = labels
    columns["memorization"] = memorized
    found = {
        "risk": risk.value,
        "stderr": risk.stderr,
        "low": low,
        "high": high,
        "caught": moved.caught / fitted.n_in[at] if resolved(counts[attack], RATES[-1]) else np.nan,
    }
    for name, values in found.items():
        columns[name] = np.full(trials.n, np.nan)
        columns[name][at] = values
    columns |= {"separation": fitted.separation, "n_in": fitted.n_in.astype(int), "n_out": fitted.n_out.astype(int)}
    return Leak(
        pd.DataFrame(columns),
        rates_table(counts, moved),
        curve_table(counts),
        bins_table(moved, attack, bins, memorized[at], counts[attack]),
        attack,
        trials.count,
        int(counts[attack].members.sum()),
        int(counts[attack].others.sum()),
        audit(trials, attack, delta=delta, level=level, classes=labels),
    )


def leaks(trials: Trials) -> bool:
    """Whether trials can be attacked: margins of models that are independent of each other, and enough of them.

    >>> masks = np.random.default_rng(0).random((40, 6)) < 0.5
    >>> leaks(Trials.of(masks, masks * 2.0 - 1, masks * 1.0, score="margin")), leaks(Trials.of(masks, masks, masks))
    (True, False)
    """
    return trials.score == "margin" and trials.iid and bool(gaussians(trials).known.any())


def _check(trials: Trials, attacked: int) -> None:
    if not trials.iid:
        remedy = "models of one array depend on each other, and none can be attacked by the others: give --design fixed"
        raise ArgumentError("design", repr(trials.design), remedy)
    if not attacked:
        remedy = "to attack an example takes three that trained on it and three that did not; train more"
        raise ArgumentError("models", trials.count, remedy)
