"""What --dry-run foretells, against what the stages then take, by processor time, at three sizes each.

LONGTAIL_BENCHMARK=full python -m pytest benchmarks/test_costs.py --benchmark-only -n 0 -s
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alternating import FULL
from benchmarks.test_learners import digits
from empirical.courses.groups import Groups
from empirical.courses.masked import Gradients
from empirical.data.data import Data
from empirical.data.dataset import Dataset
from empirical.data.sources.arrays import opened
from empirical.designs import Fixed
from empirical.dynamics import stages as masked_stages
from empirical.dynamics.influence import by_epoch
from empirical.dynamics.net import Net
from empirical.dynamics.run import ARRAYS, influence
from empirical.dynamics.scores import Scores, joined, of_parameters
from empirical.dynamics.store import Identity as NetsIdentity
from empirical.dynamics.store import Nets
from empirical.dynamics.training import Trainer
from empirical.estimates import costs, removal_stages
from empirical.estimates.pairing import Pairing
from empirical.estimates.removal import removal, removed
from empirical.learners import MLP, External
from empirical.learners.learner import features
from empirical.limits import stages as limited_stages
from empirical.limits.arms import OTHER, UNLIMITED, Arm
from empirical.limits.costs import Groups as LimitGroups
from empirical.limits.costs import costs as limit_costs
from empirical.limits.costs import observed
from empirical.training.job import Job
from empirical.training.resources import rehearsal
from empirical.training.run import run
from empirical.training.store import Identity, Store

SIZES = (
    ((30_000, 4000, 2048, 10), (100_000, 6000, 1024, 100), (120_000, 8000, 2048, 20)) if FULL else ((900, 90, 128, 3),)
)
NETS = ((64, 400), (128, 400), (256, 200)) if FULL else ((8, 8),)
WITHIN = 0.3
OF = os.environ.get("LONGTAIL_COSTS", "")  # only the cases of this name


def spent(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def stored(n: int, q: int, models: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder), Identity("", "", repr(Fixed(0.7)), 0, "correct", "uint8", 64, n, q))
        for k in range(models // 64):
            costs.kept(store, Fixed(0.7), k)


def compared(n: int, q: int, models: int, classes: int) -> dict[str, tuple[float, float]]:
    """Seconds foretold and taken, by stage."""
    case = costs.Case.even(n, q, classes, models)
    told = {s.name: s.seconds for s in costs.stages(case, costs.calibrated(case, 0.0))}
    trials, y, z = costs.made_up(n, q, models), np.arange(n) % classes, np.arange(q) % classes
    stages: dict[str, Callable[[], object]] = {
        "store": lambda: stored(n, q, models),
        "pairs": lambda: costs.found(trials, Pairing(y, z, 0.15)),
        "report": lambda: costs.tables(trials),
        "taught": lambda: costs.teachers(trials, Pairing(y, None, 0.15)),
    }
    return {name: (told[name], spent(work)) for name, work in stages.items() if told[name]}


def trained(width: int, models: int) -> dict[str, tuple[float, float]]:
    """The same of nets on digits."""
    job = Job(digits(), MLP(width, epochs=10 if FULL else 1), Fixed(0.7), shard=64)
    rehearsal(job, 1, 1)
    return {"train": (rehearsal(job, models, 1, time.process_time), spent(lambda: run(job, models)))}


def masked(width: int, nets: int, epochs: int) -> dict[str, tuple[float, float]]:
    """Of nets under masks on digits, asked at half time and at the end, influence on 100 tests."""
    data, shape = digits(), Net(widths=(width, width), epochs=epochs)
    trainer, groups, at = Trainer.of(shape, data), Groups.by_column(data.y_train), (max(epochs // 2, 1), epochs)
    moves, seeds = Gradients(trainer, groups), range(nets)
    rates = masked_stages.calibrated(trainer, features(data)[1], lambda few, some: Gradients(few, groups.some(some)))
    case = masked_stages.Case(data.n, data.n_test, nets, len(set(at)), tests=100, grouped=True)
    told = {s.name: s.seconds for s in masked_stages.stages(case, shape, trainer.sizes.tolist(), rates)}
    made: dict[int, Any] = {}
    scores: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        kept = Nets.open(out / "nets", NetsIdentity.of(trainer, data, at))

        def judge() -> None:
            scores.extend(of_parameters(trainer, data, seed, at, made[seed]) for seed in seeds)
            for seed in seeds:
                moves(seed, made[seed])

        def tell() -> None:
            for _ in range(2):
                joined(scores).table([str(v) for v in data.y_train]).to_csv(out / "turnover.csv", index=False)
            found = opened(str(out / "influence.npz"), ARRAYS, ARRAYS)
            same = data.y_test[found["tests"]][:, None] == data.y_train
            by_epoch(found["influence"], found["stderr"], at, same)

        took = {
            "train": spent(lambda: made.update({s: np.stack(trainer.parameters(s, at)) for s in seeds})),
            "scores": spent(judge),
            "store": spent(lambda: [kept.write(one, made[one.seeds[0]]) for one in scores]),
            "influence": spent(lambda: influence(trainer, data, seeds, kept, 100, out)),
            "report": spent(tell),
        }
    return {name: (told[name], took[name]) for name in took if name != "store"}  # of milliseconds


def nets_kept(n: int, width: int, nets: int) -> dict[str, tuple[float, float]]:
    """The store of nets under masks: of made-up scores and parameters."""
    net, sizes, at = Net(widths=(width, width), epochs=8), (64, width, width, 10), (1, 2, 4, 8)
    many, q, rng = net.parameters(sizes[0], sizes[-1]), n // 4, np.random.default_rng(0)
    case = masked_stages.Case(n, q, nets, len(at))
    told = case.bytes(net, sizes) * masked_stages.per_byte()
    parameters = rng.random((len(at), many), np.float32)
    loss, test = rng.random((1, len(at), 3, n), np.float32), rng.random((1, len(at), q), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        kept = Nets.open(Path(folder), NetsIdentity("", repr(net), "", at, n, q, many))
        some = [Scores((seed,), at, loss, loss < 0.5, test, test < 0.5) for seed in range(nets)]
        return {"store": (told, spent(lambda: [kept.write(one, parameters) for one in some]))}


def limits_kept(n: int, q: int, models: int) -> dict[str, tuple[float, float]]:
    """The store of two learners that say the same of all."""
    rng = np.random.default_rng(0)
    parts = [(rng.random((m, 2), np.float32), np.arange(m) % 10) for m in (n, q)]
    data = Data(*parts[0], *parts[1], tuple(range(10)))
    job = Job(data, External(nothing), Fixed(0.7), shard=64)
    told = {s.name: s.seconds for s in limited_stages.stages([job, job], ["a", "b"], models, time.process_time)}
    return {"store": (told["store"], spent(lambda: [stored(n, q, models) for _ in range(2)]))}


def nothing(x: Any, y: Any, subset: Any) -> Any:
    """The first class, whatever is asked."""
    return np.zeros(len(x), np.int64)


def retrained(width: int, seeds: int, epochs: int) -> dict[str, tuple[float, float]]:
    """Of a removal at three thresholds."""
    data, learner = digits(), MLP(width, epochs=epochs)
    value, thresholds = np.linspace(0, 1, data.n), (0.25, 0.5, 0.75)
    case = removal_stages.RemovalCase.of(data, removed(data, value, thresholds), seeds)
    stages = removal_stages.stages(case, learner, data, removal_stages.calibrated(data, learner))
    told = sum(s.seconds for s in stages)
    return {"all": (told, spent(lambda: removal(data, learner, value, thresholds, seeds=seeds)))}


def limited(width: int, models: int, epochs: int) -> dict[str, tuple[float, float]]:
    """Of a learner and two narrower ones."""
    jobs = [Job(digits(), MLP(w, epochs=epochs), Fixed(0.7), shard=64) for w in (width, width // 2, 4)]
    stages = limited_stages.stages(jobs, ["a", "b", "c"], models, time.process_time)
    found: list[Any] = []
    train = spent(lambda: found.extend(run(job, models) for job in jobs))
    data = jobs[0].data
    names = np.array([str(c) for c in data.classes])
    groups = LimitGroups(names[data.y_train], names[data.y_test])
    dataset = Dataset("digits", data)
    seen = observed(dataset, found[0], 0.7, "")
    arms = [Arm(UNLIMITED, jobs[0].learner), *(Arm(OTHER, job.learner) for job in jobs[1:])]
    report = spent(lambda: limit_costs(arms, found, seen, groups, None))
    return {"train": (sum(s.seconds for s in stages[:3]), train), "report": (stages[-1].seconds, report)}


OTHERS: dict[Callable[..., dict[str, tuple[float, float]]], tuple[tuple[int, int, int], ...]] = {
    nets_kept: ((20_000, 256, 20), (60_000, 512, 8), (5000, 1024, 10)) if FULL else ((500, 8, 2),),
    limits_kept: ((30_000, 4000, 512), (60_000, 10_000, 512), (100_000, 10_000, 1024)) if FULL else ((300, 60, 64),),
    masked: ((64, 8, 20), (128, 4, 20), (256, 2, 20)) if FULL else ((8, 2, 2),),
    retrained: ((64, 10, 10), (128, 5, 10), (256, 3, 10)) if FULL else ((8, 2, 1),),
    limited: ((64, 64, 10), (64, 256, 10), (128, 128, 10)) if FULL else ((8, 8, 1),),
}


def test_costs(benchmark: Any) -> None:
    cases = [partial(compared, *sizes) for sizes in SIZES] + [partial(trained, *net) for net in NETS]
    cases += [partial(work, *sizes) for work, every in OTHERS.items() for sizes in every]
    off = []
    print()
    for case in (one for one in cases if OF in one.func.__name__):
        # each timed right after it was foretold: others use the machine
        rounds = [case() for _ in range(3 if FULL else 1)]
        for name in rounds[0]:
            ratio = float(np.median([found[name][0] / found[name][1] for found in rounds]))
            took = float(np.median([found[name][1] for found in rounds]))
            print(f"  {case.func.__name__}{case.args}: {name:<6} took {took:6.2f} s, foretold {ratio:.2f} of it")
            off.append(abs(np.log(ratio)))
    assert not FULL or max(off) <= np.log(1 + WITHIN)
    benchmark(lambda: costs.stages(costs.PUBLISHED["ImageNet"]))
