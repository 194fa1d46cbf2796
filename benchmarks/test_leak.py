"""Every model attacked by what the others say, at digits' 2,000 models of 1,797 examples (full size), against refitting.

Work: 3.6 × 10^6 models and examples, of 2 bytes and a bit each: 7.6 MB a pass, and there are three (sums; curves; guesses). Λ is
20 operations, two divisions and a logarithm, 10 ns a core at 3.3 GHz: 36 ms a pass. To fit t models' Gaussians again for
each of them is t times the work. Measured, processor time of a model and example on a busy machine: Λ 16 ns; refitted by NumPy
29 μs; by scipy.stats.norm, as people write it, 1.1 ms. All that ``leak`` says takes .2 μs, of digits .8 s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.alternating import FULL, Side, alternate
from empirical.designs import Fixed
from empirical.estimates.leak.gaussians import blocks, gaussians
from empirical.estimates.leak.leak import leak
from empirical.training.trials import Trials

T, N = (2000, 1797) if FULL else (100, 60)
SOME, FEW = (8, 40) if FULL else (8, 20)  # models refitted, and examples of the first of them by the plain loop
HALF = Fixed(0.5)


def drawn() -> Trials:
    rng = np.random.default_rng(0)
    masks = HALF.subsets(0, np.arange(T), N)
    scores = rng.normal(0, 3, N) + rng.normal(size=(T, N)) + rng.exponential(0.5, N) * masks
    return Trials.of(masks, scores.astype(np.float16), scores[:, :1], score="margin", design=HALF)


def test_attacking_every_model_against_refitting(benchmark: Any) -> None:
    trials = drawn()
    masks, scores = trials.masks(), trials.train.astype(np.float64)

    def closed() -> NDArray[Any]:
        fitted = gaussians(trials)
        return np.concatenate([fitted.ratios("own", s, m) for _, s, m in blocks(trials)])

    def refitted() -> NDArray[Any]:
        out = np.empty((SOME, N))
        for k in range(SOME):
            others = np.arange(T) != k
            logs = []
            for mask in (masks, ~masks):
                held = (mask & others[:, None]).astype(float)
                n = held.sum(0)
                mean = (held * scores).sum(0) / n
                variance = (held * (scores - mean) ** 2).sum(0) / (n - 1)
                logs.append(-((scores[k] - mean) ** 2) / (2 * variance) - np.log(variance) / 2)
            out[k] = logs[0] - logs[1]
        return out

    def loop() -> NDArray[Any]:
        out = np.empty(FEW)
        for i in range(FEW):
            inside = [scores[j, i] for j in range(1, T) if masks[j, i]]
            outside = [scores[j, i] for j in range(1, T) if not masks[j, i]]
            a = norm.logpdf(scores[0, i], np.mean(inside), np.std(inside, ddof=1))
            b = norm.logpdf(scores[0, i], np.mean(outside), np.std(outside, ddof=1))
            out[i] = a - b
        return out

    found = closed()
    np.testing.assert_allclose(found[:SOME], refitted(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[0, :FEW], loop(), rtol=1e-4, atol=1e-4)
    medians = alternate(
        f"leak: {T} models of {N} examples, a thousand models and examples",
        [
            Side("Λ, the model taken out in closed form", closed, T * N / 1000),
            Side("fitted again for each model, by NumPy", refitted, SOME * N / 1000),
            Side("fitted again, scipy.stats.norm in a loop", loop, FEW / 1000),
            Side("all that leak says", lambda: leak(trials), T * N / 1000),
        ],
    )
    benchmark.extra_info["refitting_over_closed"] = (
        medians["fitted again for each model, by NumPy"] / medians["Λ, the model taken out in closed form"]
    )
    benchmark(lambda: leak(trials))
