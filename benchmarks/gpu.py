"""What ``benchmarks/gpu.sh`` measures beside the benchmarks marked ``gpu``: each answer is checked before it is timed.

    python -m benchmarks.gpu montecarlo | mlp | rate | train | table [--toy] [--room FOLDER]

``--toy`` does the same at toy size on the CPU, to try the code; its figures say nothing, and it says so.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).with_name("results")
TRIALS, TOY = 256, 4


def say(text: str) -> None:
    print(text, flush=True)


@dataclass(frozen=True)
class Size:
    """Where work is done, and how much of it."""

    toy: bool
    room: Path

    @property
    def device(self) -> Any:
        from longtail.core import arrays

        return arrays.device("cpu") if self.toy else arrays.gpu()

    def of(self, full: int, toy: int) -> int:
        return toy if self.toy else full


def seconds(work: Callable[[], Any], rounds: int = 3) -> float:
    """The least of some rounds, on the clock, after one that compiles."""
    work()
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return min(took)


def montecarlo(size: Size) -> None:
    """Data sets a second on the device and on the CPU's cores, which must be the same data sets."""
    from longtail import Problem, Zipf, montecarlo
    from longtail.core import arrays
    from longtail.core.arrays import Random

    n = size.of(50_000, 500)
    problem, trials = Problem(Zipf(alpha=1, size=n), n=n, n_classes=10), size.of(20_000, 20)

    def run(device: Any, count: int) -> Any:
        return montecarlo.run(problem, trials=count, rng=Random(1, device))

    few, where = max(trials // 20, 10), size.device.kind
    one, other = run(size.device, few).cost, run(arrays.CPU, few).cost
    assert abs(one.value - other.value) < 1e-9 + 1e-6 * abs(other.value), (one, other)
    there, here = seconds(lambda: run(size.device, trials)) / trials, seconds(lambda: run(arrays.CPU, few)) / few
    say(f"Monte Carlo, N = n = {n:,}, data sets a second: {1 / there:,.0f} on {where}, {1 / here:,.0f} on the CPU")


def mlp(size: Size) -> None:
    """Our net in CuPy against the same one in torch on the same device: the faster is to take the other's place."""
    import torch

    from empirical.data.load import load
    from empirical.designs import Fixed
    from empirical.learners import MLP, TorchLearner

    data = load("digits" if size.toy else "mnist").data
    count, epochs, width = size.of(512, 4), size.of(10, 1), size.of(512, 16)
    flat = int(np.prod(np.shape(data.x_train)[1:]))

    def net(shape: tuple[int, ...], n_classes: int) -> Any:
        layers = [torch.nn.Flatten(), torch.nn.Linear(flat, width), torch.nn.ReLU(), torch.nn.Linear(width, n_classes)]
        return torch.nn.Sequential(*layers)

    trials = np.arange(count)
    masks = Fixed(0.7).subsets(0, trials, data.n, data.y_train)
    ours = MLP(width, epochs=epochs, batch=size.of(1024, 64), rate=0.004)
    theirs = TorchLearner(net, epochs=epochs, batch=size.of(1024, 64))
    right, took = {}, {}
    for name, learner in (("ours", ours), ("torch", theirs)):
        trainer = learner.prepare(data, device=size.device)
        few = count if name == "ours" else max(count // 32, 2)
        _, test = trainer(masks[:few], trials[:few])
        right[name] = float(np.mean(test))
        took[name] = seconds(lambda trainer=trainer, few=few: trainer(masks[:few], trials[:few]), 1) / few
    assert size.toy or abs(right["ours"] - right["torch"]) < 0.02, right
    say(f"MLP({width}), {epochs} epochs: ours {1e3 * took['ours']:.2f} ms a model, test {right['ours']:.4f}")
    say(f"torch, model after model: {1e3 * took['torch']:.2f} ms, test {right['torch']:.4f}")
    say(f"{took['torch'] / took['ours']:.1f} times as long")


def images(size: Size) -> Any:
    """CIFAR-100; of toys some noise of its shape, in ten classes."""
    from empirical.data.data import Data
    from empirical.data.load import load

    if not size.toy:
        return load("cifar100").data
    rng = np.random.default_rng(0)
    y = np.arange(60) % 10
    x = (rng.integers(0, 256, (60, 32, 32, 3)) // 2 + 12 * y[:, None, None, None]).astype(np.uint8)
    return Data(x[:40], y[:40], x[40:], y[40:], tuple(range(10)))


def speednet(size: Size) -> Any:
    from empirical.learners import SpeedNet

    return SpeedNet(width=4, epochs=1, batch=16) if size.toy else SpeedNet(epochs=20)


def rate(size: Size) -> None:
    """SpeedNets a second, as a learner and by the plain loop over the same module, in one call; and how busy the device was."""
    import torch

    from empirical.designs import Fixed
    from empirical.learners.learner import images as laid

    data, learner, count = images(size), speednet(size), size.of(4, 2)
    where = torch.device("cpu" if size.toy else "cuda")
    trials = np.arange(count)
    masks = Fixed(0.7).subsets(0, trials, data.n, data.y_train)
    trainer = learner.prepare(data, device=size.device)
    x, y = torch.as_tensor(laid(data), device=where), torch.as_tensor(data.y_train, device=where)

    def plain() -> None:
        for mask in masks:
            net = learner.module(tuple(x.shape[1:]), data.n_classes).to(where)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.85, nesterov=True)
            members = torch.as_tensor(np.flatnonzero(mask), device=where)
            for _ in range(learner.epochs):
                for some in members[torch.randperm(len(members), device=where)].split(learner.batch):
                    optimizer.zero_grad(set_to_none=True)
                    torch.nn.functional.cross_entropy(net(x[some]), y[some]).backward()
                    optimizer.step()
            with torch.no_grad():
                found = [net(part).argmax(1) for part in x.split(2048)]
            torch.cat(found).cpu()

    watch = busy()
    ours = seconds(lambda: trainer(masks, trials), 1) / count
    used = watch()
    loop = seconds(plain, 1) / count
    say(f"{learner!r}: {1 / ours:.3f} models/s, the plain loop {1 / loop:.3f}, {loop / ours:.2f} times")
    say(f"the device was {used} busy meanwhile")


def busy() -> Callable[[], str]:
    """Begin to ask nvidia-smi, twice a second, how busy the device is; the call that it gives ends it with the mean."""
    if shutil.which("nvidia-smi") is None:
        return lambda: "nobody knows how"
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "500"]
    asked = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def done() -> str:
        asked.terminate()
        told = [int(line) for line in asked.communicate()[0].split() if line.isdigit()]
        return f"{np.mean(told):.0f} %" if told else "nobody knows how"

    return done


def train(size: Size) -> None:
    """Trials of CIFAR-100, into the room, where the next call finds them."""
    from empirical.designs import Fixed
    from empirical.training.job import Job
    from empirical.training.run import Progress, run
    from empirical.training.store import Store

    def told(now: Progress) -> None:
        say(f"{now.done} of {now.wanted} models, {now.found} there before, {now.seconds:.0f} s")

    job = Job(
        images(size), speednet(size), Fixed(0.7), shard=size.of(4, 2), device=speednet(size).place(size.device.kind)
    )
    store = Store.open(size.room / ("toy" if size.toy else "cifar"), job.identity())
    found = run(job, size.of(TRIALS, TOY), store=store, progress=told)
    say(f"{found.count} models; {job.identity().learner}")


def table(size: Size) -> None:
    """Memorization and pairs from those trials, beside the published scores: share of .25 or more, rank correlation, pairs."""
    from scipy.stats import spearmanr

    from empirical.data.examples import Examples
    from empirical.data.load import load_published, load_published_pairs
    from empirical.designs import Fixed
    from empirical.estimates.measure import measure
    from empirical.training.job import Job
    from empirical.training.run import run
    from empirical.training.store import Store

    data = images(size)
    job = Job(data, speednet(size), Fixed(0.7), shard=size.of(4, 2), device=speednet(size).place(size.device.kind))
    found = run(
        job, size.of(TRIALS, TOY), store=Store.open(size.room / ("toy" if size.toy else "cifar"), job.identity())
    )
    made = measure(found, Examples(data.y_train, data.y_test), published_rule=True, device=size.device)
    value = made.memorization["memorization"].to_numpy()
    if size.toy:
        theirs, pairs = np.random.default_rng(1).random(data.n), 0
    else:
        theirs, pairs = load_published("cifar100")["memorization"].to_numpy(), len(load_published_pairs("cifar100"))
        both = np.unpackbits(found.train, axis=1, count=data.n).astype(bool)
        inside = np.unpackbits(found.inside, axis=1, count=data.n).astype(bool)
        say(f"right on {both[inside].mean():.4f} of what they were trained on, {both[~inside].mean():.4f} of the rest")
    share = float(np.mean(value >= 0.25))
    say(f"{found.count} models: {100 * share:.1f} % have memorization of .25 or more (published 36.2 %, goal 25 %)")
    say(f"rank correlation with the published scores {spearmanr(value, theirs)[0]:.3f}")
    say(f"{len(made.pairs)} pairs, published {pairs:,}")


def record(name: str, said: Path, took: float) -> None:
    """A part's result, with where, when and how it was made."""
    from longtail.core.record import hardware, versions

    asked = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    device = (
        subprocess.run(asked, capture_output=True, text=True).stdout.strip() if shutil.which(asked[0]) else "unknown"
    )
    date = datetime.now(UTC).date().isoformat()
    where = f"{device}; {hardware()['processor']}, {hardware()['cores']} cores; {platform.platform()}"
    using = ", ".join(f"{key} {value}" for key, value in versions().items())
    told = said.read_text(encoding="utf-8", errors="replace").rstrip().replace("```", "'''")
    head = (
        f"# {name} on a GPU, {date}\n\n{where}.\n{using}.\n\n    benchmarks/gpu.sh {name}\n\n{took:.0f} s in all.\n\n"
    )
    (RESULTS / f"{date}-gpu-{name}.md").write_text(f"{head}```\n{told}\n```\n", encoding="utf-8")


PARTS = {"montecarlo": montecarlo, "mlp": mlp, "rate": rate, "train": train, "table": table}


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("part", choices=[*PARTS, "record"])
    p.add_argument("--toy", action="store_true")
    p.add_argument("--room", type=Path, default=Path(__file__).with_name(".gpu"))
    p.add_argument("--name")
    p.add_argument("--said", type=Path)
    p.add_argument("--seconds", type=float)
    arguments = p.parse_args()
    if arguments.part == "record":
        record(arguments.name, arguments.said, arguments.seconds)
        return 0
    if arguments.toy:
        say("a rehearsal on the CPU: its figures say nothing")
    PARTS[arguments.part](Size(arguments.toy, arguments.room))
    return 0


if __name__ == "__main__":
    sys.exit(main())
