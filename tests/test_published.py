"""A published number beside ours: what print means, and when two numbers agree, differ, or cannot tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from longtail.core import ArgumentError, Estimate
from longtail.core.published import AGREES, DIFFERS, UNTRIED, Finding, Published, above, below, equal, number, printed


@pytest.mark.parametrize(
    ("text", "low", "high", "stderr", "percent"),
    [
        (".47", 0.465, 0.48, 0.0, False),
        ("7 %", 0.065, 0.08, 0.0, True),
        ("1,015", 1014.5, 1016.0, 0.0, False),
        ("−.50", -0.51, -0.495, 0.0, False),
        ("23.94 ± .28 %", 0.23935, 0.2395, 0.0028, True),
        (".107", 0.1065, 0.108, 0.0, False),
    ],
)
def test_print_may_be_rounded_or_cut(text: str, low: float, high: float, stderr: float, percent: bool) -> None:
    told = printed(text, otherwise=9.0)
    assert (told.low, told.high, told.stderr) == pytest.approx((low, high, stderr))
    assert (told.text, told.percent) == (text, percent)


@pytest.mark.parametrize("text", ["", "about 7", "7%", "1.2.3", "nan"])
def test_what_is_no_printed_number_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="text"):
        printed(text)


@pytest.mark.parametrize(
    ("published", "ours", "verdict"),
    [
        (printed("7 %"), Estimate(0.0723), AGREES),
        (printed("7 %"), Estimate(0.0649), DIFFERS),
        (printed("7 %"), Estimate(0.0801), DIFFERS),
        (printed("7 %"), Estimate(0.05, 0.006), AGREES),  # within three
        (printed("7 %"), Estimate(0.05, 0.004), DIFFERS),
        (printed("7 %"), Estimate(0.05, 0.04), UNTRIED),  # as well 0
        (printed("7 ± 2 %"), Estimate(0.13, 0.005), AGREES),  # the published error counts too
        (above(2.0, "more than twice"), Estimate(2.4), AGREES),
        (above(2.0, "more than twice"), Estimate(2.4, 0.2), UNTRIED),
        (above(2.0, "more than twice"), Estimate(1.4, 0.1), DIFFERS),
        (below(0.05, "within 5 %"), Estimate(0.045), AGREES),
        (below(0.05, "within 5 %"), Estimate(0.055), DIFFERS),
        (equal(1.0, "1", otherwise=4.0), Estimate(0.5, 0.5), AGREES),
        (equal(1.0, "1", otherwise=4.0), Estimate(2.5, 0.6), UNTRIED),
        (equal(0.5, "1/2"), Estimate(0.5 + 1e-8), DIFFERS),
        (equal(0.5, "1/2"), Estimate(0.5 + 1e-8, bound=1e-7), AGREES),  # so does a numerical bound
        (printed("7 %"), None, UNTRIED),
        (printed("7 %"), Estimate(math.nan), UNTRIED),
        (printed("7 %"), Estimate(0.07, math.inf), UNTRIED),
    ],
)
def test_verdicts(published: Published, ours: Estimate | None, verdict: str) -> None:
    assert Finding("", published, ours).verdict == verdict


def test_true_claims_differ_as_rarely_as_three_errors_do() -> None:
    """Of 20,000 numbers drawn around a true claim .0027 differ, z = 5; four errors off more than half do (the control)."""
    rng = np.random.default_rng(5)
    claim = Published("1", 1.0, 1.0, stderr=0.03)
    draws = 1 + 0.05 * rng.standard_normal(20_000)
    for shift, least, most in ((0.0, 0.0027 - 5 * 3.7e-4, 0.0027 + 5 * 3.7e-4), (4 * 0.05, 0.5, 1.0)):
        found = [claim.verdict(Estimate(x + shift, 0.04)) for x in draws]
        assert least < np.mean([verdict == DIFFERS for verdict in found]) < most


def test_a_claim_that_nothing_could_refute_is_refused() -> None:
    with pytest.raises(ArgumentError, match="otherwise"):
        Published("anything", -1.0, 1.0)
    with pytest.raises(ArgumentError, match="otherwise"):
        equal(0.0, "0")


@pytest.mark.parametrize(
    ("found", "percent", "shown"),
    [
        (Estimate(0.07233), True, "7.233 %"),
        (Estimate(-0.0163, 0.00239), True, "−1.63 ± .24 %"),
        (Estimate(1015.0), False, "1,015"),
        (Estimate(1984.2, 44.6), False, "1,984 ± 45"),
        (Estimate(0.0), False, "0"),
        (Estimate(9e-10), False, "9e-10"),
        (Estimate(math.nan), False, "unknown"),
    ],
)
def test_numbers_as_papers_print_them(found: Estimate, percent: bool, shown: str) -> None:
    assert number(found, percent=percent) == shown


def test_a_record_has_what_the_table_shows() -> None:
    told = Finding("cost", printed("7 %"), Estimate(0.0723, 0.001)).record()
    assert told == {
        "claim": "cost",
        "published": "7 %",
        "ours": {"value": 0.0723, "stderr": 0.001, "bound": 0.0},
        "shown": "7.23 ± .10 %",
        "verdict": AGREES,
    }
    assert Finding("cost", printed("7 %"), None).record()["ours"] is None
