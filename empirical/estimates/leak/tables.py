"""What an attack comes to, as tables: true-positive rates at false-positive ones, the curve, and risk by memorization."""

from __future__ import annotations

import numpy as np
import pandas as pd

from empirical.estimates.leak import RATES
from empirical.estimates.leak.attacked import Moved, over_models
from empirical.estimates.leak.curve import Counts
from longtail.core import Bools, Floats
from longtail.core.intervals import Z95

RESOLVED = 10  # others said to be members, below which a false-positive rate is not known
EDGES = (0.05, 0.25, 0.5, 0.75)  # between bins of memorization
POINTS = np.logspace(-5, 0, 101)  # false-positive rates of the curve that is kept


def rates_table(counts: dict[str, Counts], moved: Moved) -> pd.DataFrame:
    """One row an attack and false-positive rate, with 95 % intervals; NaN where too few were attacked to know the rate.

    >>> from empirical.estimates.leak.attacked import Attacked
    >>> from empirical.estimates.leak.gaussians import gaussians
    >>> from empirical.training.trials import Trials
    >>> rng = np.random.default_rng(0)
    >>> masks = rng.random((40, 6)) < 0.5
    >>> trials = Trials.of(masks, rng.normal(size=(40, 6)) + 3.0 * masks, masks[:, :1] * 1.0, score="margin")
    >>> attacked = Attacked(trials, gaussians(trials))
    >>> counts = attacked.counted("pooled")[0]
    >>> table = rates_table(counts, attacked.moved(counts, "pooled", np.ones((6, 1), bool)))
    >>> table["attack"].unique().tolist(), table["false_rate"].unique().tolist()
    (['own', 'pooled', 'margin'], [0.1, 0.01, 0.001])
    """
    rows = []
    for attack, count in counts.items():
        area = moved.area_stderr(attack, count.area)
        for j, rate in enumerate(RATES):
            true, error = np.nan, np.nan
            if resolved(count, rate):
                true = float(count.true_rate(rate))
                error = moved.rate_stderr(attack, j, true, rate, count.slope(rate))
            low, high = max(true - Z95 * error, 0), min(true + Z95 * error, 1)
            rows.append((attack, rate, true, error, low, high, count.area, area))
    names = ["attack", "false_rate", "true_rate", "stderr", "low", "high", "area", "area_stderr"]
    return pd.DataFrame(rows, columns=names)


def resolved(count: Counts, rate: float) -> bool:
    """Whether a false-positive rate is known: it is of ``RESOLVED`` or more.

    >>> count = Counts(others=np.full(100, 10))  # 1,000 others
    >>> resolved(count, 0.01), resolved(count, 0.001)
    (True, False)
    """
    return rate * float(count.others.sum()) >= RESOLVED


def curve_table(counts: dict[str, Counts]) -> pd.DataFrame:
    """The curve of each attack at false-positive rates that are known, evenly on a logarithmic scale.

    >>> from empirical.estimates.leak.curve import keys
    >>> count = Counts()
    >>> count.count(keys(np.arange(2000.0)[None]), np.arange(2000)[None] % 2 == 0)
    >>> table = curve_table({"margin": count})
    >>> float(table["false_rate"].min().round(4)), float(table["true_rate"].max())
    (0.01, 1.0)
    """
    parts = []
    for attack, count in counts.items():
        rates = np.array([rate for rate in POINTS if resolved(count, rate)])
        parts.append(pd.DataFrame({"attack": attack, "false_rate": rates, "true_rate": count.true_rate(rates)}))
    return pd.concat(parts, ignore_index=True)


def binned(memorized: Floats) -> Bools:
    """Which bin an example is in, (n, bins).

    >>> binned(np.array([0.0, 0.3, 0.9])).argmax(1).tolist()
    [0, 2, 4]
    """
    return np.asarray(np.digitize(memorized, EDGES)[:, None] == np.arange(len(EDGES) + 1))


def bins_table(moved: Moved, attack: str, bins: Bools, memorized: Floats, count: Counts) -> pd.DataFrame:
    """Risk, and the share of members caught at the least rate, of the examples of a bin together, with errors over models;
    that share is NaN where the rate is not known.

    >>> from empirical.estimates.leak.attacked import Attacked
    >>> from empirical.estimates.leak.gaussians import gaussians
    >>> from empirical.training.trials import Trials
    >>> rng = np.random.default_rng(0)
    >>> masks = rng.random((40, 6)) < 0.5
    >>> trials = Trials.of(masks, rng.normal(size=(40, 6)) + 3.0 * masks, masks[:, :1] * 1.0, score="margin")
    >>> attacked, memorized = Attacked(trials, gaussians(trials)), np.array([0.0, 0.0, 0.0, 0.3, 0.3, 0.9])
    >>> counts = attacked.counted("pooled")[0]
    >>> moved = attacked.moved(counts, "pooled", binned(memorized))
    >>> table = bins_table(moved, "pooled", binned(memorized), memorized, counts["pooled"])
    >>> table[["low", "high", "examples"]].to_numpy().tolist()
    [[-1.0, 0.05, 3.0], [0.25, 0.5, 2.0], [0.75, 1.0, 1.0]]
    """
    rows = []
    for j, (low, high) in enumerate(zip((-1.0, *EDGES), (*EDGES, 1.0), strict=True)):
        size = int(bins[:, j].sum())
        if not size:
            continue
        a, b, c, m = moved.grouped[:, j].T
        n = size - m
        true, false, caught = a.sum() / m.sum(), b.sum() / n.sum(), c.sum() / m.sum()
        error = moved.risk_stderr(attack, j, size)
        some = over_models((c - caught * m) / m.sum())
        caught, some = (caught, some) if resolved(count, RATES[-1]) else (np.nan, np.nan)
        rows.append((low, high, size, float(memorized[bins[:, j]].mean()), true - false, error, caught, some))
    names = ["low", "high", "examples", "memorization", "risk", "stderr", "caught", "caught_stderr"]
    return pd.DataFrame(rows, columns=names)
