"""What it is worth: accuracy lost without the memorized, and without as many examples at random (arXiv 2008.03703, section 3)."""

from __future__ import annotations

from empirical.data.data import Data
from empirical.estimates import MEMORIZED
from empirical.estimates.removal import ALL, of_set, removal
from empirical.learners.learner import Learner
from empirical.story.act import Act
from longtail.core import Estimate, Floats
from longtail.core.published import Finding, above, below
from longtail.core.shares import percent

THRESHOLDS = (0.1, MEMORIZED, 0.5)


def worth(data: Data, net: Learner, memorization: Floats, seeds: int, seed: int) -> Act:
    """Retrain without those memorized θ or more, at thresholds where someone is."""
    thresholds = [theta for theta in THRESHOLDS if (memorization >= theta).any()]
    table = of_set(removal(data, net, memorization, thresholds, seeds=seeds, seed=seed), ALL)
    at = MEMORIZED if MEMORIZED in thresholds else thresholds[0]
    row = table[table["threshold"] == at].iloc[0]
    lost, random, more = (
        Estimate(float(row[name]), float(row[f"{name}_stderr"])) for name in ("lost", "lost_random", "lost_more")
    )
    share = f"{percent(float(row['removed_share']), '.1f')} of examples, memorization ≥ {at:g}"
    findings = (
        Finding(
            f"accuracy lost without the memorized ({share})",
            above(0.0, "some: 3.4 points (32 % of ImageNet)", points=True),
            lost,
        ),
        Finding(
            "beyond what is lost without as many at random",
            above(0.0, "some: 3.4 − 2.6 points (ImageNet)", points=True),
            more,
        ),
        Finding(
            "without as many at random", below(float(lost.value), "less: 2.6 points (ImageNet)", points=True), random
        ),
    )
    says = (
        f"Nets retrained, {seeds} times, without the examples that nets memorize, and without as many drawn at random; on the "
        f"same {int(row['tests']):,} test examples. If memorizing were overfitting, nothing would be lost."
    )
    return Act("worth", "What it is worth", says, findings, {"removal": table})
