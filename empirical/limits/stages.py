"""What limited learners cost beside the unlimited one, counted, and timed by doing a little of each stage here.

Of learners a, each of t models on the same subsets of n training and q test examples:

    train   t models of each, of so many operations as it says, where it does
    store   for each n t random keys for subsets, (n + q) t bits packed and written
    report  for each about 80 n t bits: its memorization by halves and without a twentieth of the models in turn, its losses by
            bin and group; and 999 q tests dealt to groups anew

The fit of theory to the unlimited learner comes on top, with what it says of each other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from empirical.estimates import costs as estimate
from empirical.estimates.costs import Case
from empirical.estimates.measured import Experiment, Measured
from empirical.estimates.memorization import memorization
from empirical.learners import KNN
from empirical.limits.arms import OTHER, UNLIMITED, Arm
from empirical.limits.costs import Groups, costs
from empirical.limits.losses import Pair, disparity
from empirical.training.job import Job
from empirical.training.resources import rehearsal
from empirical.training.stages import Stage, spent
from empirical.training.trials import Trials

BITS = 80  # of a training example and model that a report unpacks
SAMPLE, TESTS = 2048, 512


def case_of(job: Job, models: int) -> Case:
    """Sizes of what an arm's models are.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> case_of(Job(load("planted", n=60).data, KNN(), Fixed(0.7)), models=100).n
    60
    """
    data = job.data
    per_model = job.learner.operations(data, round(job.design.inclusion(data.n) * data.n))
    return Case.of(data.y_train, data.y_test, models, shard=job.shard, per_model=per_model)


def stages(
    jobs: Sequence[Job], names: Sequence[str], models: int, clock: Callable[[], float] | None = None
) -> tuple[Stage, ...]:
    """A stage of training for each arm, then what all of them share; timed by ``clock``, or without one not at all.

    >>> from empirical.data.load import load
    >>> from empirical.designs import Fixed
    >>> jobs = [Job(load("planted", n=60).data, KNN(k), Fixed(0.7)) for k in (1, 9)]
    >>> [stage.name for stage in stages(jobs, ["unlimited", "limited"], models=100)]
    ['train unlimited', 'train limited', 'store', 'report']
    """
    done, head = [], case_of(jobs[0], models)
    for job, name in zip(jobs, names, strict=True):
        operations = case_of(job, models).per_model
        seconds = float("nan")
        if clock is not None:
            rehearsal(job, 1, 1)  # compiled by now
            seconds = rehearsal(job, models, 1, clock)
        kind = f"train {name}"
        done.append(Stage(kind, None if operations is None else models * operations, "FLOP", 0, seconds))
    both, arms = models * (head.n + head.n_test), len(jobs)
    kept = report = float("nan")
    if clock is not None:
        kept, report = estimate.stored(head, jobs[0].design), _reported(head, arms)
    bits = arms * BITS * head.n * models
    done.append(Stage("store", arms * (head.n * models + both), "keys and bits", arms * both / 8, arms * both * kept))
    done.append(Stage("report", bits, "bits", arms * 4 * both, report))
    return tuple(done)


def _reported(head: Case, arms: int) -> float:
    """A processor's seconds of the report, by that of two arms on made-up trials: of some training examples, of all tests."""
    n, q = min(head.n, SAMPLE), min(head.n_test, TESTS)
    few = max(n // 4, 2)
    many, less = (_two_arms(m, q, head.models) for m in (n, few))
    each = max(many - less, 0.0) / (2 * max(n - few, 1))  # of a training example and arm
    trials = estimate.made_up(2, head.n_test, head.models)
    dealt = spent(lambda: disparity(Pair(trials, trials), np.arange(head.n_test) % 10), 1)  # of each limited arm
    fixed = max(_two_arms(2, head.n_test, head.models) - dealt, 0.0) / 2
    return arms * (head.n * each + fixed) + (arms - 1) * dealt


def _two_arms(n: int, q: int, models: int) -> float:
    """The same of two arms, on made-up trials."""
    trials = estimate.made_up(n, q, models)
    other: Trials = replace(trials, train=trials.train[::-1], test=trials.test[::-1])
    labels = np.arange(n) % 10
    none = memorization(trials, labels)
    seen = Measured(Experiment("", q, models, 0.7, 10), none, none.iloc[:0])
    groups = Groups(labels.astype(str), (np.arange(q) % 10).astype(str))
    arms = [Arm(UNLIMITED, KNN(1)), Arm(OTHER, KNN(2))]
    return spent(lambda: costs(arms, [trials, other], seen, groups, None), 1)
