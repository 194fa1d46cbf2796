"""Why this answer: the influence of every training example on one test or training example, and the chance that it is noise.

Feldman & Zhang's influence (arXiv 2008.03703) of all n examples on one, on which T of t models are right. Of the n_i models that
i was in s_i are, all of them counted at once, from packed bits (``empirical.data.bits.column_sums``):

    infl_i = s_i/n_i − (T − s_i)/(t − n_i).

A training example is explained by the models that did not train on it, as in ``empirical.estimates.taught``. Had i no influence,
s_i would be hypergeometric, given t, T and n_i; p_i is the chance of as much or more, for those that carry the answer, of as
little or less for those that hurt it. Of other scores p is normal, of variance s² (1/n_i + 1/(t − n_i)), under orthogonal arrays
by their own errors.

Noise is the local false-discovery rate among all candidates of one side. Without influence p is uniform, and its density falls
where some have any; so f, the slope of the least concave majorant of p's distribution function (Grenander 1956), gives

    noise_i = min(1, 1/f(p_i)),

as if nearly all were noise. So the number of candidates counts: that of the strongest is min_k n p_(k)/k (Benjamini & Hochberg
1995). If no example has influence, any has noise α or less with chance α (Simes, Biometrika 73, 1986); and of those with α or
less the last is noise with chance α times the share of all that are (Soloff, Xiang & Fithian, Annals of Statistics 52, 2024),
where p are independent: given the answers those of noise are, if subsets are drawn by coins, and nearly if they have one size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtr

from empirical.data.bits import column_sums
from empirical.data.examples import Examples
from empirical.estimates import orthogonal_errors as residuals
from empirical.estimates.cells import Cells
from empirical.estimates.false_pairs import hypergeometric
from empirical.estimates.influence import columns_at, pair_cells
from empirical.estimates.memorization import LEVEL, slices
from empirical.learners.score import BY_CLASS
from empirical.training.columns import Bits
from empirical.training.trials import Trials, unpacked
from longtail.core import ArgumentError, Bools, Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

NOBODY = Examples()
ROWS = 256  # trials whose bits are unpacked at a time, of scores that are no bits
TIE = 1e-9
# answers explained in a report, examples of either side, and how likely noise at the most
ANSWERS, SHOWN, LIKELY = 40, 5, 0.5
BITS = 2 * 10**9  # of trials, answer by answer, that a report may take


@dataclass(frozen=True)
class Explained:
    """Of ``part`` ("train" or "test"), example ``index``: ``table`` has every other training example, the one that carries the
    answer most first, the one that hurts it most last: index, id, label (as far as they are known), influence, stderr, low, high,
    p_value, noise. ``score`` is the mean over the ``models`` that tell it, ``memorization`` that of a training example, by all.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> found = explained(Trials.of(masks, masks, masks[:, [3]]), test=0)  # right where example 3 was in
    >>> found.carries(1)["index"].tolist(), round(found.score, 2), list(found.record(1))[:4]
    ([3], 0.51, ['part', 'index', 'id', 'label'])
    """

    part: str
    index: int
    models: int
    score: float
    table: pd.DataFrame = field(repr=False)
    label: Any = None
    name: Any = None
    memorization: float | None = None

    def carries(self, top: int) -> pd.DataFrame:
        """The ``top`` that carry it, strongest first."""
        return self.table[self.table["influence"] > 0].head(top)

    def hurts(self, top: int) -> pd.DataFrame:
        """The ``top`` that hurt it, strongest first."""
        return self.table[self.table["influence"] < 0].iloc[::-1].head(top)

    def record(self, top: int) -> dict[str, Any]:
        """What ``--json`` prints."""
        told = {"part": self.part, "index": self.index, "id": self.name, "label": self.label, "models": self.models}
        told |= {"score": self.score, "memorization": self.memorization, "candidates": len(self.table)}
        both = {name: getattr(self, name)(top).to_dict("records") for name in ("carries", "hurts")}
        return told | both


def explained(
    trials: Trials, examples: Examples = NOBODY, *, test: Any = None, train: Any = None, level: float = LEVEL
) -> Explained:
    """What carries and what hurts the answer on one example, a ``test`` or a ``train`` one, by its name or its index.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> found = explained(Trials.of(masks, masks, masks[:, [3]]), test=0)  # right where example 3 was in
    >>> found.table[["index", "influence"]].iloc[0].tolist()
    [3.0, 1.0]
    """
    if (test is None) == (train is None):
        raise ArgumentError("test", test, "give test or train, one of the two")
    if trials.score in BY_CLASS:
        return explained(trials.right, examples, test=test, train=train, level=level)
    part, asked = ("test", test) if train is None else ("train", train)
    at = place(part, asked, getattr(examples, f"{part}_ids"), trials.n_test if part == "test" else trials.n)
    told = trials if part == "test" else trials.take(~columns_at(trials.inside, np.array([at]))[:, 0])
    if told.count < 2:
        got = f"{asked}, held out by {told.count} of {trials.count} models"
        raise ArgumentError(part, got, "an answer is explained by two models or more that did not train on it")
    answers = _answers(told, part, at)
    cells, error = _cells(told, answers), None
    if part == "test" and residuals.arrays(trials) is not None:
        cells = pair_cells(trials, np.arange(trials.n), np.full(trials.n, at), examples.y_train)
        error = cells.stderr
    found = of_cells(told, examples, part, at, cells, error, level=level)
    return replace(found, memorization=_memorization(trials, at)) if part == "train" else found


def of_cells(
    told: Trials | Bits,
    examples: Examples,
    part: str,
    at: int,
    cells: Cells,
    error: Floats | None = None,
    *,
    level: float = LEVEL,
) -> Explained:
    """The same of the cells of every training example, and of their errors where these are not the cells' own.

    >>> masks = np.array([[True], [True], [False], [False]])
    >>> cells = Cells.of_sums(4, [2], [2], 2)
    >>> of_cells(Trials.of(masks, masks, masks), NOBODY, "test", 0, cells).table["influence"].tolist()
    [1.0]
    """
    import pandas as pd

    answers = _answers(told, part, at)
    ids, labels = (getattr(examples, f"{name}_{part}" if name == "y" else f"{part}_{name}") for name in ("ids", "y"))
    columns: dict[str, Any] = {"index": np.arange(told.n)}
    if examples.train_ids is not None:
        columns["id"] = [str(name) for name in examples.train_ids]
    if examples.y_train is not None:
        columns["label"] = _named(examples, examples.y_train)
    low, high = cells.interval(level)
    p, noise = _noise(told, answers, cells, error, at if part == "train" else None)
    columns |= {"influence": cells.value, "stderr": cells.stderr, "low": low, "high": high}
    table = pd.DataFrame(columns | {"p_value": p, "noise": noise})
    table = table[np.isfinite(table["influence"]) & ((part == "test") | (table["index"] != at))]
    order = np.lexsort((table["index"], -table["influence"]))
    return Explained(
        part,
        at,
        told.count,
        float(np.mean(answers, dtype=float)),
        table.iloc[order].reset_index(drop=True),
        label=None if labels is None else _named(examples, labels).tolist()[at],
        name=None if ids is None else str(ids[at]),
    )


def place(part: str, asked: Any, ids: tuple[Any, ...] | None, n: int) -> int:
    """The index of an example by the user's own name of it, else by the index itself.

    >>> place("train", "rex", ("tom", "rex"), 2), place("train", 0, ("tom", "rex"), 2)
    (1, 0)
    """
    plain = isinstance(asked, str | int | float | np.integer | np.floating) and not isinstance(asked, bool)
    if ids is not None and not isinstance(asked, (int, np.integer)):
        found = [k for k, name in enumerate(ids) if str(name) == str(asked)]
        if len(found) > 1:
            raise ArgumentError(
                part, asked, f"{len(found)} rows have this name: give in Python the index of one as an int"
            )
        if found:
            return found[0]
    try:
        at, same = int(asked), int(asked) == float(asked)
    except (TypeError, ValueError, OverflowError):
        at, same = -1, False
    if not same or not plain or not 0 <= at < n:
        some = "" if ids is None else f", or the name of a row, such as {ids[0]}"
        raise ArgumentError(part, asked, f"give the index of a {part} example, a whole number from 0 to {n - 1}{some}")
    return at


def noise_chance(p: Floats) -> Floats:
    """The local false-discovery rate of each p-value among all of them: 1/f of Grenander's density f.

    Its inverse is the isotonic regression of the gaps n(p_(k) − p_(k−1)) between p-values in order: the slopes of the greatest
    convex minorant of their quantile function.

    >>> noise_chance(np.array([0.5, 0.001, 1.0, 0.75])).round(3).tolist()
    [1.0, 0.004, 1.0, 1.0]
    """
    order = np.argsort(p, kind="stable")
    gaps = np.diff(p[order], prepend=0.0) * len(p)
    out = np.empty(len(p))
    out[order] = np.minimum(isotonic_regression(gaps).x, 1.0) if len(p) else gaps
    return out


def _answers(trials: Trials | Bits, part: str, at: int) -> Any:
    scores = trials.test_scores if part == "test" or isinstance(trials, Bits) else trials.train_scores
    return scores(slice(at, at + 1))[:, 0]


def _cells(trials: Trials, answers: Any) -> Cells:
    """The two cells of every training example."""
    n_in = column_sums(trials.inside)[: trials.n]
    if trials.score == "correct":
        return Cells.of_sums(trials.count, n_in, column_sums(trials.inside[answers])[: trials.n], int(answers.sum()))
    f = np.asarray(answers, float)
    both, sums = np.stack([f, f * f]), np.zeros((2, trials.n))
    for start in range(0, trials.count, ROWS):
        some = slice(start, start + ROWS)
        sums += both[:, some] @ unpacked(trials.inside[some], trials.n).astype(float)
    cells = Cells.of_sums(trials.count, n_in, sums[0], f.sum(), sums[1], (f * f).sum())
    return replace(cells, sign=trials.sign)


def _noise(
    trials: Trials | Bits, answers: Any, cells: Cells, error: Floats | None, itself: int | None
) -> tuple[Floats, Floats]:
    """p of the side that each example is on, and the chance that it is noise among all candidates of that side."""
    value = cells.value
    known = np.isfinite(value) & (True if error is None else np.isfinite(error))
    if itself is not None:
        known[itself] = False
    p, noise = np.full(len(value), np.nan), np.full(len(value), np.nan)
    if error is None and trials.score == "correct":
        total, seen = int(answers.sum()), cells.n_in[known].astype(np.int64)
        more, less = (
            _tail(trials.count, total if up else trials.count - total, seen, v) for up, v in _sides(value[known])
        )
    else:
        if error is None:
            spread = float(np.std(np.asarray(answers, float), ddof=1))
            error = spread * np.sqrt(trials.count / np.maximum(cells.n_in * cells.n_out, 1))
        z = value[known] / np.maximum(error[known], np.finfo(float).tiny)
        more, less = ndtr(-z), ndtr(z)
    carried = value[known] > 0
    p[known] = np.where(carried, more, less)
    noise[known] = np.where(carried, noise_chance(more), noise_chance(less))
    noise[known & (value == 0)] = 1.0
    return p, noise


def _sides(value: Floats) -> tuple[tuple[bool, Floats], tuple[bool, Floats]]:
    return (True, value), (False, -value)


def _tail(trials: int, total: int, inside: Integers, value: Floats) -> Floats:
    """Pr[influence ≥ value] of examples without any; each pair of a count and a value once."""
    pairs, which = np.unique(np.stack([inside.astype(float), value]), axis=1, return_inverse=True)
    tails = hypergeometric(trials, [total], pairs[0][:, None], pairs[1] - TIE)[:, 0]
    return np.asarray(tails[which.reshape(-1)], float)


def _memorization(trials: Trials, at: int) -> float | None:
    inside: Bools = columns_at(trials.inside, np.array([at]))[:, 0]
    f = np.asarray(_answers(trials, "train", at), float)
    return None if inside.all() or not inside.any() else float(trials.sign * (f[inside].mean() - f[~inside].mean()))


def _named(examples: Examples, y: Any) -> Any:
    return np.asarray(y) if examples.classes is None else np.array(examples.classes, dtype=object)[np.asarray(y)]


def hanging(trials: Trials, examples: Examples = NOBODY, *, most: int = ANSWERS, top: int = SHOWN) -> pd.DataFrame:
    """What carries and hurts the answers that hang most on who was trained on, those on which models disagree most: test_index,
    right (the share of models), train_index, influence, stderr, noise, of ``top`` examples of either side that are no noise more
    likely than not; and test_id, train_id, test_label, train_label as far as they are known.

    >>> masks = np.random.default_rng(0).random((200, 5)) < 0.5
    >>> found = hanging(Trials.of(masks, masks, masks[:, [3]] | masks[:, [4]]))
    >>> found[found["noise"] < 0.01]["train_index"].tolist()
    [3, 4]
    """
    which = unsure(trials, most)
    return listed((explained(trials, examples, test=j) for j in which), top)


def unsure(trials: Trials | Bits, most: int = ANSWERS) -> list[int]:
    """The test examples on which models disagree most, fewer where there are many trials of many examples.

    >>> masks = np.array([[True], [False]])
    >>> unsure(Trials.of(masks, masks, [[True, True, False], [True, False, False]]))
    [1]
    """
    share = np.concatenate([np.zeros(0), *(trials.test_scores(s).mean(0, dtype=float) for s in slices(trials.n_test))])
    many = int(np.clip(BITS // max(trials.n * trials.count, 1), 5, most))
    order = np.argsort(np.abs(share - 0.5), kind="stable")[:many]
    return [int(j) for j in order[(share[order] > 0) & (share[order] < 1)]]


def listed(answers: Iterable[Explained], top: int = SHOWN) -> pd.DataFrame:
    """The table of some answers explained.

    >>> len(listed([]))
    0
    """
    import pandas as pd

    parts = []
    for found in answers:
        table = pd.concat([side[side["noise"] < LIKELY] for side in (found.carries(top), found.hurts(top))])
        told = {"test_index": found.index, "test_id": found.name, "test_label": found.label, "right": found.score}
        renamed = table.rename(columns={"index": "train_index", "id": "train_id", "label": "train_label"})
        parts.append(renamed.assign(**{name: value for name, value in told.items() if value is not None}))
    wanted = ["test_index", "test_id", "test_label", "right", "train_index", "train_id", "train_label"]
    wanted += ["influence", "stderr", "noise"]
    if not parts:
        return pd.DataFrame({name: np.zeros(0) for name in wanted if not name.endswith(("_id", "_label"))})
    every = pd.concat(parts, ignore_index=True)
    return every[[name for name in wanted if name in every]]
