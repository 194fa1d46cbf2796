"""Scores on the way: after each epoch asked for, the same models as at the end, and nothing else changed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import array_api_strict
import numpy as np
import pytest

from empirical import SubsetEstimator
from empirical.data.data import Data
from empirical.designs import Fixed
from empirical.learners import KNN
from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP
from empirical.learners.shared.batched import Batched
from empirical.learners.shared.scores import held_classes, scored
from empirical.learners.softmax.softmax import Softmax
from empirical.training.executors import Futures
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.store import Store
from empirical.training.trials import joined
from longtail.core import ArgumentError
from tests.empirical.runs import same

NET = MLP(width=12, epochs=6, batch=16, rate=0.02)
EPOCHS = (1, 2, 5)


class Pretend:
    kind, xp = "gpu", array_api_strict


@pytest.mark.kernels
@pytest.mark.parametrize("learner", [NET, Softmax(evaluations=40)], ids=repr)
@pytest.mark.parametrize("score", ["correct", "margin"])
def test_the_end_has_the_bits_of_a_run_without_epochs(
    small: Data, masks: np.ndarray, learner: Learner, score: Any
) -> None:
    """And an epoch the same ones whichever others are asked for; one is not another (negative control)."""
    trainer, trials = learner.prepare(small, score), np.arange(20)
    found = trainer.course(masks[:20], trials, (*EPOCHS, learner.last_epoch))
    for ours, theirs in zip(found[-1], trainer(masks[:20], trials), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    alone = trainer.course(masks[:20], trials, (2,))[0]
    np.testing.assert_array_equal(np.hstack(found[1]), np.hstack(alone))
    assert all((np.hstack(a) != np.hstack(b)).any() for a, b in pairwise(found))


@pytest.mark.kernels
def test_softmax_at_an_evaluation_is_what_so_many_come_to(small: Data, masks: np.ndarray) -> None:
    """Bit for bit, some having arrived before; at one more it is another (negative control)."""
    epochs = (1, 2, 3, 6, 9, 14, 30)
    found = Softmax().prepare(small, "margin").course(masks, np.arange(40), epochs)
    for epoch, one in zip(epochs, found, strict=True):
        ended, later = (
            np.hstack(Softmax(evaluations=e).prepare(small, "margin")(masks, np.arange(40))) for e in (epoch, epoch + 1)
        )
        np.testing.assert_array_equal(np.hstack(one), ended)
        moved = (later != ended).any(1)
        assert moved.sum() == 39 or epoch > 3  # trial 4 holds one class only, and has arrived
    assert not moved.any()  # all have


@pytest.mark.kernels
@pytest.mark.parametrize("namespace", [np, array_api_strict])
def test_a_net_at_an_epoch_is_the_oracles(small: Data, masks: np.ndarray, namespace: Any) -> None:
    """Compiled training, a minibatch at a time, against all nets at once, whose epochs end at different steps."""
    found = NET.prepare(small, "margin").course(masks[:12], np.arange(12), EPOCHS)
    targets, rows = np.eye(3, dtype=np.float32)[small.y_train], np.concatenate([small.x_train, small.x_test])
    x, y = namespace.asarray(rows), namespace.asarray(targets)
    values = [np.asarray(v) for v in NET.oracle_at(namespace, 0, x, y, masks[:12], np.arange(12), EPOCHS)]
    assert len({-(-int(mask.sum()) // NET.batch) for mask in masks[:12]}) > 1
    present, labels = held_classes(masks[:12], small.y_train, 3), np.append(small.y_train, small.y_test)
    want = [scored(v, present, labels, "margin") for v in values]
    for ours, theirs in zip(found, want, strict=True):
        np.testing.assert_allclose(np.hstack(ours), theirs, atol=2e-3)
    assert np.abs(np.hstack(found[0]) - want[1]).max() > 0.1


@pytest.mark.kernels
def test_a_gpus_net_gives_its_epochs_in_blocks(small: Data, masks: np.ndarray) -> None:
    there: Any = Pretend()
    trainer = NET.prepare(small, "margin", device=there)
    assert isinstance(trainer, Batched)
    blocks = replace(trainer, batch=4)
    found = blocks.course(masks[:10], np.arange(10), (*EPOCHS, NET.epochs))
    np.testing.assert_array_equal(np.hstack(found[-1]), np.hstack(blocks(masks[:10], np.arange(10))))
    mine = NET.prepare(small, "margin").course(masks[:10], np.arange(10), EPOCHS)
    for a, b in zip(found[:-1], mine, strict=True):
        np.testing.assert_allclose(np.hstack(a), np.hstack(b), atol=6e-3)


@pytest.mark.parametrize("score", ["correct", "loss"])
def test_a_run_keeps_its_epochs_through_store_merge_and_executors(small: Data, tmp_path: Any, score: Any) -> None:
    job = Job(small, NET, Fixed(0.7), seed=3, score=score, shard=8, epochs=(1, 5, 6))
    plain = run(replace(job, epochs=()), 20)
    here, there = (Store.open(tmp_path / name, job.identity()) for name in ("a", "b"))
    run(job, 8, store=here)
    with ThreadPoolExecutor(2) as pool:
        entire = run(job, 24, store=there, executor=Futures(pool, 2)).take(slice(0, 20))
    assert here.merge(there) == 16
    read = run(job, 20, store=here)
    parts = joined([run(job, 7), run(job, 13, first=7)])
    for found in (entire, read, parts):
        assert same(found, plain)
        assert [*found.earlier] == [1, 5]
        for epoch in (1, 5):
            assert same(found.at(epoch), run(job, 20).at(epoch))
            assert (found.at(epoch).train != plain.train).any()
    alone = Job(small, NET, Fixed(0.7), seed=3, score=score, shard=8, epochs=(5,))
    assert same(run(alone, 20).at(5), read.at(5))
    with pytest.raises(ArgumentError, match="epochs is "):
        Store.open(tmp_path / "a", alone.identity())
    with pytest.raises(ArgumentError, match=r"epoch: got 2; .* 1, 5"):
        read.at(2)


def test_a_run_without_epochs_is_named_as_before(small: Data, tmp_path: Any) -> None:
    job = Job(small, NET, Fixed(0.7))
    store = Store.open(tmp_path, job.identity())
    told = json.loads((tmp_path / "identity.json").read_text())
    assert "epochs" not in told
    assert replace(job, epochs=(NET.epochs,)).identity() == store.identity  # the end is what it has anyway
    other = replace(job, epochs=(1,)).identity()
    assert other.digest != store.identity.digest
    told["epochs"] = ["1"]
    (tmp_path / "identity.json").write_text(json.dumps(told))
    with pytest.raises(ArgumentError, match="not the identity of a run"):
        Store.at(tmp_path)


def test_an_estimator_says_what_models_had_learned_by_an_epoch(small: Data) -> None:
    parts = small.x_train, small.y_train, small.x_test, small.y_test
    options: dict[str, Any] = {"random_state": 2, "scoring": "loss", "dtype": "float32"}
    found = SubsetEstimator(NET, 40, epochs=(1, 4), **options).fit(*parts)
    plain = SubsetEstimator(NET, 40, **options).fit(*parts)
    assert found.memorization_.equals(plain.memorization_)
    early, later = found.at(1).memorization_["memorization"], found.memorization_["memorization"]
    assert early.mean() < later.mean()  # a net fits before it memorizes
    pairs = found.at(1).influence(np.arange(5), np.arange(5)).value
    assert (pairs != found.influence(np.arange(5), np.arange(5)).value).any()


@pytest.mark.parametrize(
    ("learner", "epochs", "said"),
    [
        (KNN(), (1,), "epochs: got .*KNN is not trained by epochs"),
        (NET, (0,), "epochs: got 0; give a whole number from 1 to 6"),
        (NET, (1, 7), "epochs: got 7; give a whole number from 1 to 6"),
        (NET, (2, 1), "epochs: got .*ascending"),
        (NET, (2, 2), "epochs: got .*ascending"),
        (MLP(precision="mixed"), (1,), "epochs: got .*mixed precision"),
    ],
    ids=repr,
)
def test_epochs_that_there_are_not_are_refused_before_anything_is_trained(
    small: Data, learner: Learner, epochs: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        run(Job(small, learner, Fixed(0.7), epochs=epochs), 4)
    with pytest.raises(ArgumentError, match=said):
        SubsetEstimator(learner, 4, epochs=epochs, random_state=0).fit(
            small.x_train, small.y_train, small.x_test, small.y_test
        )


def test_what_has_scores_at_its_end_only_says_so(small: Data, masks: np.ndarray) -> None:
    there: Any = Pretend()
    with pytest.raises(ArgumentError, match=r"epochs: got .*give cpu"):
        Softmax().check_epochs((1,), there)
    for trainer in (KNN().prepare(small), Softmax().prepare(small, device=there)):
        with pytest.raises(ArgumentError, match=r"epochs: got .*at the end only"):
            trainer.course(masks[:2], np.arange(2), (1,))
