"""How firmly a learner couples the members of a cluster, and what that makes a misfit cost (arXiv 1906.05271, section 4).

A learner predicts h(x) on an example x, and h(x') on a fresh point x' of its cluster. Its coupling on clusters with ℓ
examples is the chance that the two are the same:

    λ_ℓ = Pr[h(x') = h(x)],   errn(ℓ) = Σ over clusters with ℓ examples of the share of them on which h is wrong,
    err ≥ opt + E Σ_ℓ λ_ℓ τ_ℓ errn(ℓ),

τ_ℓ the expected frequency of a cluster with ℓ examples, opt the error on clusters without any. The paper takes for λ_ℓ the
least over all data sets and examples, which no measurement can have. Measured instead is what the proof uses: where h is wrong
on x and says the same of x', it is wrong on x'. So with λ_ℓ the share of fresh points on which h repeats what it says of
*misfit* examples, the inequality holds on average for any learner whose errors tell nothing of a cluster's frequency but by its
count. The average of λ_ℓ over all examples, fit and misfit, proves nothing, and is given beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from empirical.data.clusters import Clusters, Drawn
from empirical.data.data import Data
from empirical.learners.learner import Learner
from longtail import exact
from longtail.core import Bools, Estimate, Floats, Integers, Moments, Problem, whole

FRESH = 4  # points a cluster
PER_COUNT = 5  # statistics kept for each ℓ: clusters, fit, repeated, wrong, repeated and wrong


@dataclass(frozen=True)
class Coupled:
    """``table`` has one row for each ℓ: clusters, λ (``agreement``) over all examples and over misfit ones, the share ``wrong``
    on examples and on fresh points (``fresh_wrong``), τ, each with its standard error.

    ``error`` is the measured one, ``bound`` what the theorem makes of misfits, ``slack`` their paired difference, which cannot
    be below 0 but by chance; ``averaged`` is what the bound would be with λ of all examples.

    >>> from empirical.data.clusters import Gaussian
    >>> from empirical.learners import KNN
    >>> from longtail.priors import Uniform
    >>> found = coupled(Gaussian(Uniform(size=8), n_classes=2), KNN(), n=8, data_sets=4, ells=2)
    >>> found.table["ell"].tolist(), list(found.table)[-2:]
    ([1, 2], ['fresh_wrong', 'fresh_wrong_stderr'])
    """

    problem: Problem
    table: pd.DataFrame = field(repr=False)
    error: Estimate
    bound: Estimate
    slack: Estimate
    averaged: Estimate


def coupled(
    clusters: Clusters,
    learner: Learner,
    n: int,
    data_sets: int,
    *,
    ells: int = 5,
    seed: int = 0,
    progress: Callable[[int], Any] | None = None,
) -> Coupled:
    """Train one model of ``learner`` on each of ``data_sets`` data sets of ``n`` examples, and look at clusters with up to
    ``ells`` examples; those with more are left out of the bound.

    >>> from empirical.data.clusters import Gaussian
    >>> from empirical.learners import KNN
    >>> from longtail.priors import Uniform
    >>> found = coupled(Gaussian(Uniform(size=8), n_classes=2), KNN(), n=8, data_sets=4, ells=2)
    >>> found.table["agreement"].round(9).tolist()  # a nearest neighbor says of a whole cluster what it says of one example
    [1.0, 1.0]
    """
    whole("n", n, 1, 10**6)
    whole("data_sets", data_sets, 2, 10**7)
    whole("ells", ells, 1, n)
    problem = Problem(clusters.prior, n, clusters.n_classes)
    rows = []
    for number in range(data_sets):
        rows.append(_statistics(clusters, learner, clusters.draw(n, seed, number), ells, seed))
        if progress is not None:
            progress(number + 1)
    return _read(problem, np.array(rows), ells)


def predictions(learner: Learner, x: Any, y: Integers, rows: Any, n_classes: int, seed: int, number: int) -> Integers:
    """What a model trained on (x, y) says of ``rows``: asked of each row, once for each class, whether that is right, which every
    learner answers, whatever it is made of.

    >>> from empirical.learners import KNN
    >>> x = np.array([[0.0], [1.0]], np.float32)
    >>> predictions(KNN(), x, np.array([0, 1]), np.array([[0.1], [0.8]], np.float32), n_classes=2, seed=0, number=0).tolist()
    [0, 1]
    """
    asked = np.tile(np.arange(n_classes), len(rows))
    data = Data(x, y, np.repeat(rows, n_classes, axis=0), asked, tuple(range(n_classes)))
    trainer = learner.prepare(data, seed=seed)
    _, right = trainer(np.ones((1, len(y)), bool), np.array([number]))
    return np.asarray(right[0].reshape(len(rows), n_classes).argmax(1))


def _statistics(clusters: Clusters, learner: Learner, drawn: Drawn, ells: int, seed: int) -> Floats:
    """For each ℓ: clusters, their shares of repeated, wrong, both, and of fresh points wrong; then the error."""
    count = np.bincount(drawn.cluster, minlength=len(drawn.label))
    seen = np.flatnonzero(count)
    where = np.repeat(seen, FRESH)
    fresh = clusters.points(where, seed, drawn.number, fresh=True)
    rows = np.concatenate([drawn.x, fresh])
    said = predictions(learner, drawn.x, drawn.y, rows, clusters.n_classes, seed, drawn.number)
    on, off = said[: len(drawn.x)], said[len(drawn.x) :].reshape(-1, FRESH)
    place = np.searchsorted(seen, drawn.cluster)
    again = (off[place] == on[:, None]).mean(1)  # of each example, the share of fresh points of which h says the same
    wrong = on != drawn.y
    share = 1 / count[drawn.cluster]

    def by_cluster(values: Any) -> Floats:
        return np.asarray(np.bincount(place, share * values, minlength=len(seen)))

    missed = (off != drawn.label[seen][:, None]).mean(1)
    each = np.column_stack(
        [np.ones(len(seen)), by_cluster(again), by_cluster(wrong), by_cluster(again * wrong), missed]
    )
    parts = [each[count[seen] == ell].sum(0) for ell in range(1, ells + 1)]
    unseen = 1 - drawn.frequency[seen].sum()
    error = (1 - 1 / clusters.n_classes) * unseen + drawn.frequency[seen] @ missed
    return np.asarray([*np.concatenate(parts), error])


def _read(problem: Problem, rows: Floats, ells: int) -> Coupled:
    moments = Moments.of(rows)
    width = rows.shape[1]

    def weight(ell: int, part: int, value: float = 1.0) -> Floats:
        out = np.zeros(width)
        out[PER_COUNT * (ell - 1) + part] = value
        return out

    counts = np.arange(1, ells + 1)
    possible = counts[_possible(moments, counts)]
    tau = np.zeros(ells)
    tau[possible - 1] = exact.tau(problem, possible).value
    table = []
    for ell in range(1, ells + 1):
        named = {
            "clusters": moments.linear(weight(ell, 0)),
            "agreement": moments.ratio(weight(ell, 1), weight(ell, 0)),
            "misfit_agreement": moments.ratio(weight(ell, 3), weight(ell, 2)),
            "wrong": moments.ratio(weight(ell, 2), weight(ell, 0)),
            "fresh_wrong": moments.ratio(weight(ell, 4), weight(ell, 0)),
        }
        row: dict[str, Any] = {"ell": ell, "tau": tau[ell - 1]}
        for name, estimate in named.items():
            row |= {name: estimate.value, f"{name}_stderr": estimate.stderr}
        table.append(row)
    optimal = float(exact.optimal_error(problem).value)
    error, paid = np.zeros(width), np.sum([weight(ell, 3, tau[ell - 1]) for ell in range(1, ells + 1)], axis=0)
    error[-1] = 1.0
    bound, slack = moments.linear(paid), moments.linear(error - paid)
    return Coupled(
        problem,
        pd.DataFrame(table),
        moments.linear(error),
        Estimate(optimal + bound.value, bound.stderr),
        Estimate(slack.value - optimal, slack.stderr),
        _averaged(moments, tau, optimal),
    )


def _possible(moments: Moments, counts: Integers) -> Bools:
    """Of which counts any cluster was drawn: τ of others is not asked for."""
    return np.asarray(moments.mean[PER_COUNT * (counts - 1)] > 0)


def _averaged(moments: Moments, tau: Floats, optimal: float) -> Estimate:
    """opt + Σ τ_ℓ λ_ℓ errn(ℓ) with λ_ℓ = repeated/clusters, by the delta method."""
    total, gradient = optimal, np.zeros(len(moments.mean))
    for j, t in enumerate(tau):
        first = PER_COUNT * j
        number, repeated, wrong = moments.mean[first : first + 3]
        if not number:
            continue
        total += t * repeated / number * wrong
        gradient[first : first + 3] = t * np.array([-repeated * wrong / number**2, wrong / number, repeated / number])
    return Estimate(float(total), float(np.sqrt(np.maximum(gradient @ moments.covariance @ gradient, 0.0))))
