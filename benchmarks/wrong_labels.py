"""Wrong labels, found by ``empirical.clean``'s way and by cleanlab's, of the same nets at the same processor time.

    pip install cleanlab
    python -m benchmarks.wrong_labels --data digits,mnist,fashion_mnist,trec --seeds 3 --learner "mlp(width=64, epochs=10)"

Ours: models on parts of the data as ``rounds`` says (8 on halves; of few examples 10 on four fifths), their probabilities,
``mislabeled``. cleanlab (Northcutt, Jiang & Chuang, Journal of Artificial Intelligence Research 2021): the same learner's
probabilities out of sample in its default of five folds, read by ``get_label_quality_scores``, by default (self-confidence) and
by normalized margin; and where ours trains more models, also by self-confidence of as many ("as many"). Labels are changed with
chance 2, 5 and 10 %: to any other class, or to the one whose mean is nearest to their own's. The answer is checked first: a
self-confidence is the probability that we read off the same models. Seeds begin at 1. Printed: AUC, average precision, precision
among as many as are wrong, with the standard error over seeds; π as found; processor seconds.

``--constants`` asks of what no derivation gives (``mislabeled.Chosen``): of all in a grid those of highest mean average precision
on seed 0 of the other data sets, beside those in use. ``--keep DIR`` keeps what models say. LONGTAIL_DATA is where data are.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from empirical import load
from empirical.data.data import Data
from empirical.data.relabeled import Relabeled, relabeled
from empirical.designs import Folds
from empirical.estimates.issues import rounds
from empirical.estimates.mislabeled import CHOSEN, Chosen, mislabeled, said, together
from empirical.learners.parse import parse_learner
from empirical.standins.judge import auc, precision
from empirical.training.job import Job
from empirical.training.trials import Trials

TRAIN = 5000
SHARES, KINDS = (0.02, 0.05, 0.1), ("any", "similar")
GRID = ((1.0, 1.5, 2.5), (0.0, 0.25, 0.5), (1.0, 10.0, 100.0))  # surer, pairs, held
TREC = "text/trec_questions.zip"
BINS = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.001)


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("--data", default="digits,mnist,fashion_mnist,trec")
    p.add_argument("--learner", default="mlp(width=64, epochs=10)")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--shares", default=",".join(map(str, SHARES)))
    p.add_argument("--keep", type=Path)
    p.add_argument("--out", type=Path, help="a CSV")
    p.add_argument("--constants", action="store_true")
    arguments = p.parse_args()
    if arguments.constants:
        constants(arguments)
        return
    table = []
    for name, kind, share in cases(arguments):
        rows = [compared(asked(arguments, name, kind, share, seed)) for seed in range(1, 1 + arguments.seeds)]
        table += said_of(name, arguments.learner, kind, share, rows)
        if arguments.out:
            pd.DataFrame(table).to_csv(arguments.out, index=False, float_format="%.4f")


def cases(arguments: argparse.Namespace) -> list[tuple[str, str, float]]:
    """Data, kind and share of each."""
    shares = [float(one) for one in arguments.shares.split(",")]
    return [(name, kind, share) for name in arguments.data.split(",") for kind in KINDS for share in shares]


@dataclass(frozen=True)
class Asked:
    """A data set with labels changed, and where what models say of it is kept."""

    of: Relabeled
    spec: str
    seed: int
    keep: Path | None
    name: str

    def said(self, parts: int, models: int) -> tuple[NDArray[np.float64], float]:
        """Mean probabilities of models that did not see an example, and the processor seconds of these models."""
        path = None if self.keep is None else self.keep / f"{self.name}-{parts}x{models}.npz"
        if path is not None and path.exists():
            with np.load(path) as kept:
                return kept["q"], float(kept["s"])
        data = self.of.data
        trials, seconds = trained(data, self.spec, parts, models, self.seed)
        q = said(trials, data.y_train, data.n_classes).share
        if path is not None:
            np.savez(path, q=q, y=data.y_train, wrong=self.of.changed, s=seconds)
        return q, seconds


@lru_cache(maxsize=1)
def read(name: str) -> tuple[Data, NDArray[np.int64]]:
    """A data set, and which class is similar to which."""
    data = examples(name)
    return data, similar(data)


def asked(arguments: argparse.Namespace, name: str, kind: str, share: float, seed: int) -> Asked:
    """One of the cases with one seed."""
    data, nearest = read(name)
    called = f"{name}-{arguments.learner.partition('(')[0]}-{kind}-{share}-{seed}"
    return Asked(flipped(data, share, kind, nearest, seed), arguments.learner, seed, arguments.keep, called)


def examples(name: str) -> Data:
    """The first 5,000 to train on; few to test on, which are not asked about."""
    where = Path(os.environ["LONGTAIL_DATA"]) / TREC
    data = (load(where, label="coarse") if name == "trec" else load(name)).data
    some = slice(None if name == "trec" else TRAIN)
    return Data(data.x_train[some], data.y_train[some], data.x_test[:20], data.y_test[:20], data.classes)


def similar(data: Data) -> NDArray[np.int64]:
    """The class whose mean is nearest to each one's."""
    x = data.x_train.reshape(data.n, -1)
    mean = np.array([x[data.y_train == c].mean(0) for c in range(data.n_classes)])
    apart = ((mean[:, None] - mean) ** 2).sum(2)
    np.fill_diagonal(apart, np.inf)
    return np.asarray(apart.argmin(1))


def flipped(data: Data, share: float, kind: str, nearest: NDArray[np.int64], seed: int) -> Relabeled:
    """Labels changed with chance ``share``, to any other or to the similar one."""
    found = relabeled(data, share, seed=seed)
    if kind == "any":
        return found
    y = np.where(found.changed, nearest[data.y_train], data.y_train)
    return Relabeled(replace(data, y_train=y), found.changed)


def trained(data: Data, spec: str, parts: int, models: int, seed: int) -> tuple[Trials, float]:
    """Models that leave each example out models/parts times, and the processor seconds that they took."""
    job = Job(data, parse_learner(spec), Folds(parts), seed, "probabilities", dtype="float32", only=range(models))
    start = time.process_time()
    trainer = job.trainer()
    shard = job.train(trainer, 0)
    return job.trials(shard), time.process_time() - start


def compared(asked: Asked) -> dict[str, NDArray[np.float64]]:
    """All that is said of one case and seed."""
    y, wrong, n = asked.of.data.y_train, asked.of.changed, asked.of.data.n
    chances, their_time = asked.said(5, 5)
    start = time.process_time()
    confidence = get_label_quality_scores(y, chances, method="self_confidence")
    margin = get_label_quality_scores(y, chances, method="normalized_margin")
    their_time += time.process_time() - start
    np.testing.assert_allclose(confidence, chances[np.arange(n), y], rtol=1e-6)  # the answer, before it is timed
    ours, our_time = asked.said(*rounds(n))
    start = time.process_time()
    found = mislabeled(ours, y, seed=asked.seed)
    our_time += time.process_time() - start
    bins = np.digitize(found.chance, BINS) - 1
    calibrated = [
        (found.chance[bins == b].sum(), wrong[bins == b].sum(), (bins == b).sum()) for b in range(len(BINS) - 1)
    ]
    numbers = {"ours": found.chance, "cleanlab": -confidence, "its margin": -margin}
    if rounds(n)[0] == 5:
        numbers["as many"] = -get_label_quality_scores(y, ours, method="self_confidence")
    out = {name: scored(x, wrong) for name, x in numbers.items()}
    return out | {
        "rate": np.array([found.rate, wrong.mean()]),
        "time": np.array([our_time, their_time]),
        "bins": np.array(calibrated, float),
    }


def constants(arguments: argparse.Namespace) -> None:
    """Average precision, by constants chosen without a data set and by those in use, on that data set."""
    names, grid = arguments.data.split(","), [Chosen(*one) for one in itertools.product(*GRID)]
    first = {case: asked(arguments, *case, 0) for case in cases(arguments)}

    def precisions(one: Asked, every: list[Chosen]) -> list[float]:
        q, y = one.said(*rounds(one.of.data.n))[0], one.of.data.y_train
        found = [together([(q, y)], seed=one.seed, chosen=chosen)[0].chance for chosen in every]
        return [precision(chance, one.of.changed.astype(float)) for chance in found]

    tried = {case: precisions(one, grid) for case, one in first.items()}
    for name in names:
        others = np.mean([found for case, found in tried.items() if case[0] != name], axis=0)
        best = grid[int(np.argmax(others))]
        both = np.array(
            [
                precisions(asked(arguments, *case, seed), [best, CHOSEN])
                for case in tried
                if case[0] == name
                for seed in range(1, 1 + arguments.seeds)
            ]
        )
        apart = both[:, 0] - both[:, 1]
        print(
            f"{name}: {best} by the others; average precision {both[:, 0].mean():.4f}, in use {both[:, 1].mean():.4f}, "
            f"apart {apart.mean():+.4f} ± {apart.std(ddof=1) / len(apart) ** 0.5:.4f}, at the most {np.abs(apart).max():.4f}",
            flush=True,
        )


def scored(x: NDArray[Any], wrong: NDArray[np.bool_]) -> NDArray[np.float64]:
    top = np.argsort(-x, kind="stable")[: int(wrong.sum())]
    return np.array([auc(x, wrong).value, precision(np.asarray(x, float), wrong.astype(float)), wrong[top].mean()])


def said_of(
    name: str, learner: str, kind: str, share: float, rows: list[dict[str, NDArray[np.float64]]]
) -> list[dict[str, Any]]:
    """A line, and a row for each way."""
    parts, table = [], []
    rate, spent = (np.array([row[key] for row in rows]).mean(0) for key in ("rate", "time"))
    for which in (one for one in ("ours", "cleanlab", "its margin", "as many") if one in rows[0]):
        every = np.array([row[which] for row in rows])
        error = every.std(0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.full(3, np.nan)
        parts.append(f"{which} " + " ".join(f"{v:.4f} ± {e:.4f}" for v, e in zip(every.mean(0), error, strict=True)))
        told = {"data": name, "learner": learner, "labels": kind, "share": share, "way": which, "seeds": len(rows)}
        for column, v, e in zip(("auc", "ap", "precision"), every.mean(0), error, strict=True):
            told |= {column: v, f"{column}_stderr": e}
        seconds = {"ours": spent[0], "cleanlab": spent[1], "its margin": spent[1]}.get(which, np.nan)
        table.append(told | {"rate": rate[0] if which == "ours" else np.nan, "wrong": rate[1], "seconds": seconds})
    bins = np.array([row["bins"] for row in rows]).sum(0)
    shown = " ".join(f"{h / max(n, 1):.2f}:{w / max(n, 1):.2f}" for h, w, n in bins if n)
    parts += [f"π {rate[0]:.4f} of {rate[1]:.4f}", f"s {spent[0]:.2f} {spent[1]:.2f}", f"h {shown}"]
    print(f"{name:13s} {kind:7s} {share:4.0%} | " + " | ".join(parts), flush=True)
    return table


if __name__ == "__main__":
    main()
