"""Do learners memorize the same examples? Rank correlation of memorization, overlap of what is memorized and of the pairs.

Feldman & Zhang (arXiv 2008.03703, section 3.4) found strong overlap across architectures, and next to none with a network of
which only the last layer is trained. Noise alone keeps two runs from agreeing wholly: what two halves of one run share is in its
``summary.json``. Errors are from examples drawn again (Efron 1979), for pairs test examples.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from empirical.estimates import MEMORIZED
from empirical.estimates.measured import Measured
from longtail.core import ArgumentError, Floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

AGAIN = 200


def consistency(runs: Mapping[str, Measured], threshold: float = MEMORIZED, *, seed: int = 0) -> pd.DataFrame:
    """One row for every two runs on the same data: rank correlation, Jaccard of the memorized (by ``threshold``) and of the
    pairs, with errors.

    >>> import pandas as pd
    >>> from empirical.estimates.measured import Experiment
    >>> pairs = pd.DataFrame({"train_index": [0, 1], "test_index": [2, 2]})
    >>> def run(values):
    ...     how = Experiment("mine", n_test=3, models=100, fraction=0.7)
    ...     return Measured(how, pd.DataFrame({"memorization": values}), pairs)
    >>> table = consistency({"knn": run([0.9, 0.5, 0.1, 0.0]), "ridge": run([0.8, 0.2, 0.1, 0.0])})
    >>> table[["rank_correlation", "memorized_jaccard", "pairs_jaccard"]].round(2).to_numpy().tolist()
    [[1.0, 0.5, 1.0]]
    """
    import pandas as pd

    if len(runs) < 2:
        raise ArgumentError("runs", list(runs), "give two or more, on the same data")
    rng = np.random.default_rng([seed, 0xC0])
    rows = []
    for (first, a), (second, b) in combinations(runs.items(), 2):
        x, y = (run.memorization["memorization"].to_numpy(float) for run in (a, b))
        if len(x) != len(y):
            raise ArgumentError("runs", f"{len(x)} and {len(y)} examples", "give runs on the same data")
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        draws = [rng.integers(0, len(x), len(x)) for _ in range(AGAIN)]
        left, right = _pairs(a), _pairs(b)
        rows.append(
            {
                "first": first,
                "second": second,
                "rank_correlation": _correlation(x, y),
                "rank_correlation_stderr": float(np.nanstd([_correlation(x[d], y[d]) for d in draws], ddof=1)),
                "memorized_first": int((x >= threshold).sum()),
                "memorized_second": int((y >= threshold).sum()),
                "memorized_jaccard": jaccard(x >= threshold, y >= threshold),
                "memorized_jaccard_stderr": float(
                    np.nanstd([jaccard(x[d] >= threshold, y[d] >= threshold) for d in draws], ddof=1)
                ),
                "memorized_jaccard_by_chance": by_chance((x >= threshold).mean(), (y >= threshold).mean()),
                "pairs_first": len(left),
                "pairs_second": len(right),
                **_overlap(left, right, max(a.experiment.n_test, b.experiment.n_test), rng),
            }
        )
    return pd.DataFrame(rows)


def _correlation(x: Floats, y: Floats) -> float:
    """Spearman's; NaN where one of them does not vary."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(stats.spearmanr(x, y).statistic)


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """|a ∩ b| / |a ∪ b|; NaN where both are empty.

    >>> jaccard(np.array([True, False, False]), np.array([True, True, False]))
    0.5
    """
    either = int((a | b).sum())
    return float((a & b).sum() / either) if either else float("nan")


def by_chance(p: float, q: float) -> float:
    """What two independent sets of these shares would overlap by.

    >>> round(by_chance(0.1, 0.1), 4)
    0.0526
    """
    return float(p * q / (p + q - p * q)) if p + q > 0 else float("nan")


def _overlap(
    left: set[tuple[int, int]], right: set[tuple[int, int]], tests: int, rng: np.random.Generator
) -> dict[str, float]:
    """Jaccard of two sets of pairs, and its error: a test example is drawn with all its pairs."""
    if not left | right:
        return {"pairs_jaccard": float("nan"), "pairs_jaccard_stderr": float("nan")}
    both, either = (
        np.bincount([j for _, j in some] or np.zeros(0, int), minlength=tests) for some in (left & right, left | right)
    )
    drawn = rng.multinomial(tests, np.full(tests, 1 / tests), size=AGAIN)
    with np.errstate(invalid="ignore"):
        again = (drawn @ both) / (drawn @ either)
    return {"pairs_jaccard": both.sum() / either.sum(), "pairs_jaccard_stderr": float(np.nanstd(again, ddof=1))}


def _pairs(run: Measured) -> set[tuple[int, int]]:
    return set(zip(run.pairs["train_index"].astype(int), run.pairs["test_index"].astype(int), strict=True))
