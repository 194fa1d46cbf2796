"""pyDVL's maximum-sample-reuse Banzhaf on digits: models a second, for comparison with ours.

It trains on Bernoulli(½) subsets as the subset estimator does, but keeps one number a model (the test accuracy), so that
neither memorization nor any pair's influence can be had from it. Its requirements clash with ours: run it in an
environment of its own, one BLAS thread,

    python -m venv .venv/pydvl && .venv/pydvl/bin/pip install pyDVL
    OMP_NUM_THREADS=1 .venv/pydvl/bin/python benchmarks/peers/pydvl_msr.py
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from pydvl.valuation import Dataset, MaxUpdates, ModelUtility, MSRBanzhafValuation, SupervisedScorer
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier

MODELS = 64


def main() -> None:
    warnings.simplefilter("ignore")
    x, y = load_digits(return_X_y=True)
    x = x / 16
    train, test = Dataset(x[:1500], y[:1500]), Dataset(x[1500:], y[1500:])
    peers = {
        "ridge": RidgeClassifier(),
        "logistic": LogisticRegression(max_iter=1000),
        "mlp": MLPClassifier((256,), random_state=0),
    }
    for name, model in peers.items():
        trained = 0

        def score(fitted: Any, x: np.ndarray, y: np.ndarray) -> float:
            nonlocal trained
            trained += 1
            return float(fitted.score(x, y))

        scorer = SupervisedScorer(score, test, default=0.0, range=(0, 1))
        utility = ModelUtility(model, scorer, show_warnings=False)
        models = MODELS if name != "mlp" else 8
        valuation = MSRBanzhafValuation(utility, MaxUpdates(models), seed=0)
        start, before = time.perf_counter(), time.process_time()
        valuation.fit(train)
        wall, busy = time.perf_counter() - start, time.process_time() - before
        print(f"{name:<10} {trained} models  {1e3 * wall / trained:9.2f} ms  processor {1e3 * busy / trained:9.2f} ms")


if __name__ == "__main__":
    main()
