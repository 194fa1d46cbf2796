"""Wrong labels, found by ``empirical.clean``'s way and by cleanlab's, of the same nets at the same processor time.

    pip install cleanlab
    python -m benchmarks.wrong_labels --data digits,mnist,fashion_mnist,trec --seeds 3 --learner "mlp(width=64, epochs=10)"

Ours: 8 models on halves of the data (``empirical.designs.Folds``), their probabilities, ``mislabeled``. cleanlab
(Northcutt, Jiang & Chuang, Journal of Artificial Intelligence Research 2021): the same learner's probabilities out of
sample in its default of five folds, read by ``get_label_quality_scores``, by default (self-confidence) and by normalized
margin. Both train 4 n examples' worth. Labels are changed with chance 2, 5 and 10 %: to any other class, or to the one
whose mean is nearest to their own's. The answer is checked first: a self-confidence is the probability that we read off the
same five models. Seeds begin at 1, for what is not derived in ``mislabeled`` was chosen on seed 0. Printed: AUC, average
precision, precision among as many as are wrong, with the standard error over seeds; π as found; processor seconds.
LONGTAIL_DATA is where data are.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from empirical import load
from empirical.data.data import Data
from empirical.data.relabeled import Relabeled, relabeled
from empirical.designs import Folds
from empirical.estimates.issues import rounds
from empirical.estimates.mislabeled import mislabeled, said
from empirical.learners.parse import learner as parsed
from empirical.standins.judge import auc, precision
from empirical.training.job import Job
from empirical.training.trials import Trials

TRAIN = 5000
SHARES, KINDS = (0.02, 0.05, 0.1), ("any", "similar")
TREC = "text/trec_questions.zip"
BINS = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.001)


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("--data", default="digits,mnist,fashion_mnist,trec")
    p.add_argument("--learner", default="mlp(width=64, epochs=10)")
    p.add_argument("--seeds", type=int, default=3)
    arguments = p.parse_args()
    for name in arguments.data.split(","):
        data = examples(name)
        nearest = similar(data)
        for kind in KINDS:
            for share in SHARES:
                rows = [
                    compared(flipped(data, share, kind, nearest, seed), arguments.learner, seed)
                    for seed in range(1, 1 + arguments.seeds)
                ]
                said_of(f"{name:13s} {kind:7s} {share:4.0%}", rows)


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
    job = Job(data, parsed(spec), Folds(parts), seed, "probabilities", dtype="float32", only=range(models))
    start = time.process_time()
    trainer = job.trainer()
    shard = job.train(trainer, 0)
    return job.trials(shard), time.process_time() - start


def compared(of: Relabeled, spec: str, seed: int) -> dict[str, NDArray[np.float64]]:
    data, y, wrong = of.data, of.data.y_train, of.changed
    theirs, their_time = trained(data, spec, 5, 5, seed)
    chances = said(theirs, y, data.n_classes).share
    start = time.process_time()
    confidence = get_label_quality_scores(y, chances, method="self_confidence")
    margin = get_label_quality_scores(y, chances, method="normalized_margin")
    their_time += time.process_time() - start
    np.testing.assert_allclose(confidence, chances[np.arange(data.n), y], rtol=1e-6)  # the answer, before it is timed
    ours, our_time = trained(data, spec, *rounds(data.n), seed)
    start = time.process_time()
    found = mislabeled(said(ours, y, data.n_classes).share, y, seed=seed)
    our_time += time.process_time() - start
    bins = np.digitize(found.chance, BINS) - 1
    calibrated = [
        (found.chance[bins == b].sum(), wrong[bins == b].sum(), (bins == b).sum()) for b in range(len(BINS) - 1)
    ]
    numbers = {"ours": found.chance, "cleanlab": -confidence, "its margin": -margin}
    out = {name: scored(x, wrong) for name, x in numbers.items()}
    return out | {
        "rate": np.array([found.rate, wrong.mean()]),
        "time": np.array([our_time, their_time]),
        "bins": np.array(calibrated, float),
    }


def scored(x: NDArray[Any], wrong: NDArray[np.bool_]) -> NDArray[np.float64]:
    top = np.argsort(-x, kind="stable")[: int(wrong.sum())]
    return np.array([auc(x, wrong).value, precision(np.asarray(x, float), wrong.astype(float)), wrong[top].mean()])


def said_of(name: str, rows: list[dict[str, NDArray[np.float64]]]) -> None:
    parts = []
    for which in ("ours", "cleanlab", "its margin"):
        every = np.array([row[which] for row in rows])
        error = every.std(0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.full(3, np.nan)
        parts.append(f"{which} " + " ".join(f"{v:.4f} ± {e:.4f}" for v, e in zip(every.mean(0), error, strict=True)))
    rate, spent = (np.array([row[key] for row in rows]).mean(0) for key in ("rate", "time"))
    bins = np.array([row["bins"] for row in rows]).sum(0)
    shown = " ".join(f"{h / max(n, 1):.2f}:{w / max(n, 1):.2f}" for h, w, n in bins if n)
    parts += [f"π {rate[0]:.4f} of {rate[1]:.4f}", f"s {spent[0]:.2f} {spent[1]:.2f}", f"h {shown}"]
    print(f"{name} | " + " | ".join(parts), flush=True)


if __name__ == "__main__":
    main()
