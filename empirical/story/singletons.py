"""Why singletons must be fit: the model solved for Feldman's example, Zipf frequencies, N = n = 50,000, ten labels."""

from __future__ import annotations

from empirical.story.act import Act
from longtail import Problem, Zipf, exact
from longtail.core import Estimate
from longtail.core.published import Finding, printed

SIZE = 50_000
MOST = 10  # times seen, in the table


def singletons() -> Act:
    """What leaving to a guess costs, by how often a subpopulation was seen."""
    problem = Problem(Zipf(alpha=1.0, size=SIZE), SIZE, 10, "fixed")
    table = exact.table(problem, list(range(MOST + 1)))
    once = table[table["ell"] == 1].iloc[0]
    findings = (
        Finding("singletons of the sample", printed("17 %"), Estimate(float(once["sample_fraction"]))),
        Finding(
            "times that one of them is to be expected in as many fresh samples, nτ₁",
            printed(".47"),
            Estimate(float(once["n_tau"])),
        ),
        Finding("error that no learner avoids", printed("15 %"), exact.optimal_error(problem)),
        Finding("error that not memorizing singletons adds", printed("7 %"), exact.cost(problem)),
    )
    says = (
        f"Data with a long tail: {SIZE:,} examples of {SIZE:,} subpopulations, the k-th as frequent as 1/k, ten labels. What "
        "was seen once looks like noise, but is to be expected about half a time among as many fresh examples: a learner that "
        "does not fit it pays. Solved exactly (Feldman, STOC 2020)."
    )
    return Act("singletons", "Why what was seen once must be fit", says, findings, {"singletons": table})
