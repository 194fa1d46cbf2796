"""At every epoch: turn-over dropout follows memorization through training (Kobayashi et al. 2020), and thirds of examples show
that easy and hard are learned at once, the easy faster (Liu, Lin & Jaggi, arXiv 2112.08798).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from empirical.courses.course import watched
from empirical.courses.groups import Groups
from empirical.courses.speeds import Curves
from empirical.data.data import Data
from empirical.data.relabeled import relabeled
from empirical.dynamics import run
from empirical.dynamics.net import Net
from empirical.dynamics.training import Trainer
from empirical.learners.learner import Learner
from empirical.story.act import Act
from longtail.core import Estimate, Floats
from longtail.core.intervals import Z95
from longtail.core.published import Finding, above

AT = (1, 2, 5, 10, 20, 50)
NOISE = 0.2  # share of labels drawn anew
NETS = 6  # whose training is watched


def epochs(
    data: Data,
    net: Net,
    watch: Learner,
    memorization: Floats,
    nets: int,
    seed: int,
    told: Callable[[run.Progress], None] = lambda _: None,
) -> Act:
    """Memorization of right and of wrong labels by epoch; loss of thirds by epoch."""
    noisy = relabeled(data, NOISE, seed=seed, others=False)
    after = (*(epoch for epoch in AT if epoch < net.epochs), net.epochs)
    trainer = Trainer.of(net, noisy.data)
    scores, _ = run.trained(trainer, noisy.data, range(seed, seed + nets), after, progress=told)
    table = scores.table([data.classes[k] for k in noisy.data.y_train])
    table["true_label"] = [data.classes[k] for k in data.y_train] * len(after)
    value, changed = scores.memorization("correct")[0], noisy.changed
    course = watched(watch, data, "loss", NETS, seed=seed + 1)
    curves = Curves.of(course, Groups.ranked(memorization), data.n_classes)
    speed, at_once = curves.ratio("easy", "hard"), curves.at_once("easy", "hard")
    findings = (
        Finding(
            f"memorization of wrong labels beyond that of right ones, after {after[-1]} epochs",
            above(0.0, "wrong labels are memorized"),
            mean(value[-1, changed]) - mean(value[-1, ~changed]),
        ),
        Finding(
            f"the same beyond that after {after[0]}",
            above(0.0, "more with every epoch"),
            mean(value[-1, changed] - value[0, changed]),
        ),
        Finding(
            "speed of the third memorized least over that of the third memorized most",
            above(1.0, "faster"),
            Estimate(speed.value, (speed.high - speed.low) / (2 * Z95)),
        ),
        Finding(
            "share of its fall in loss that the latter has behind it when the former is half-learned",
            above(0.0, "at once"),
            at_once,
        ),
    )
    thirds = curves.loss.mean(0)
    loss = pd.DataFrame({"epoch": curves.epochs, **{name: thirds[:, g] for g, name in enumerate(curves.groups)}})
    says = (
        f"{nets} nets in which each training example has a sub-network that never learns from it, at {len(after)} epochs of one "
        f"training, with {100 * NOISE:.0f} % of the labels drawn anew; and {NETS} nets by groups of the examples, as labeled."
    )
    return Act("epochs", "At every epoch", says, findings, {"turnover": table, "thirds": loss})


def mean(values: Floats) -> Estimate:
    """Mean over examples, with its standard error."""
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
