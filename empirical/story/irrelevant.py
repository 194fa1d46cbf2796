"""That even irrelevant bits are kept: bits of examples that were alone in their cluster, read off a trained model
(Brown, Bun, Feldman, Smith & Talwar, arXiv 2012.06421).
"""

from __future__ import annotations

from collections.abc import Callable

from empirical.irrelevant.parse import learner
from empirical.irrelevant.recovery import Recovered, recover
from empirical.story.act import Act
from longtail.core import Estimate
from longtail.core.intervals import Z95
from longtail.core.published import Finding, above, equal
from longtail.irrelevant.attacks import attack
from longtail.irrelevant.tasks import Hypercube
from longtail.priors import Uniform


def irrelevant(dimension: int, samples: int, repeats: int, seed: int, told: Callable[[int], None] | None = None) -> Act:
    """Softmax regression on hypercube clusters, singletons counted twice; the signs of its weights say the bits."""
    task = Hypercube(Uniform(size=samples), dimension)
    found = recover(task, learner("softmax"), attack("signs"), samples, repeats, seed, told)
    fixed = found.singletons["relevant_bits"].mean()
    findings = (
        Finding("bits of singletons recovered", above(0.97, "> 97 %", percent=True), rate(found, "recovered")),
        Finding(
            "of those that do not matter to the label", above(0.97, "> 97 %", percent=True), rate(found, "irrelevant")
        ),
        Finding(
            "by the same attack on a model of other data, the control",
            equal(0.5, "50 %", otherwise=1.0, percent=True),
            rate(found, "control"),
        ),
        Finding(
            "of fresh examples of singletons' clusters labeled rightly",
            above(1 / samples, "better than a guess", percent=True),
            accuracy(found, "singletons"),
        ),
    )
    says = (
        f"{samples:,} examples of {samples:,} clusters, {dimension:,} bits each. A cluster fixes some {fixed:,.0f} of its bits, "
        f"which ones is not known; the others are coins of the example's own. {found.alone:,.0f} examples are alone in their "
        "cluster. A model that labels its cluster rightly cannot tell which bits matter, and keeps them all: here softmax "
        "regression, attacked by the signs of its centered weights."
    )
    frames = {"recovered": found.singletons, "repeats": found.repeats}
    return Act("irrelevant", "That even irrelevant bits are kept", says, findings, frames)


def rate(found: Recovered, part: str) -> Estimate:
    """The share recovered, its error from the interval that takes each singleton for one trial: no point where all are right."""
    low, high = found.interval(part)
    return Estimate(float(found.rate(part).value), (high - low) / (2 * Z95))


def accuracy(found: Recovered, of: str) -> Estimate:
    """On fresh points; of one data set its error is not known."""
    return found.accuracy(of)
