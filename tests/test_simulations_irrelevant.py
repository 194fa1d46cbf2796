"""Claims on what models keep of irrelevant data, at sizes that take seconds; the numbers of docstrings are of the full ones."""

from __future__ import annotations

import numpy as np
import pytest

from longtail import Problem
from longtail.core.published import AGREES, DIFFERS
from longtail.irrelevant import information as exact_information
from longtail.irrelevant.tasks import published_share
from longtail.priors import Uniform
from simulations import information, irrelevant
from tests.drawn import points


def test_bits_come_back_as_errors_fall() -> None:
    config = irrelevant.Config(
        n=60, dimension=200, softmax_steps=(0, 3, 50), net_steps=(0, 50, 150), width=100, net_rate=0.02, net_momentum=0.97,
        repeats=3, nets=2,
    )  # fmt: skip
    frame = irrelevant.run(config)
    assert frame["step"].tolist() == [0, 3, 50, 0, 50, 150]
    for _, part in frame.groupby("learner"):
        assert part["recovered"].is_monotonic_increasing
        assert part["recovered"].iloc[0] == pytest.approx(0.5, abs=0.03)
        assert part["singletons_error"].is_monotonic_decreasing
    found = {claim.text: claim.found(frame) for claim in irrelevant.CLAIMS}
    assert found["softmax regression, by signs: bits of singletons recovered"].verdict == AGREES
    early = frame[frame["step"] < 50]
    assert irrelevant.CLAIMS[0].found(early).verdict == DIFFERS  # the control: a model that is not trained yet
    panels = irrelevant.plot(frame).axes
    softmax = frame[frame["learner"] == "softmax"]
    x, y = points(panels[0], "bits not recovered")
    np.testing.assert_allclose(y, 1 - softmax["recovered"])
    x, y = points(panels[2], "singletons' clusters")
    np.testing.assert_allclose(x, softmax["singletons_error"])


def test_what_is_accurate_holds_the_bits() -> None:
    config = information.Config(
        n=60, dimension=250, steps=(2, 50), bits=(1,), pruned=(0.9,), noise=(3.0,), private=(0.4,), widths=(4,), alphas=(1.0,),
        repeats=2,
    )  # fmt: skip
    frame = information.run(config)
    arms = frame.set_index(["kind", "limit"])
    assert arms.loc[("steps", 50.0), "share_bits"] == 1
    assert arms.loc[("bits a weight", 1.0), "share_bits"] > 0.99
    limited = frame[(frame["share_bits"] < 0.1)]
    assert len(limited) >= 4
    assert (limited["excess_error"] > 0.05).all()
    problem = Problem(Uniform(size=60), 60)
    line = exact_information.line(problem, 250, published_share(60, 250)).value
    assert arms.loc[("steps", 50.0), "line_bits"] == pytest.approx(line)
    assert arms["control"].between(0.45, 0.55).all()
    none, worst = (claim.found(frame) for claim in information.CLAIMS[:2])
    assert worst.verdict == AGREES
    assert none.ours is not None
    panel = information.plot(frame).axes[0]
    _, y = points(panel, "share pruned")
    assert y.tolist() == [arms.loc[("share pruned", 0.9), "share_bits"]]
    told = " ".join((information.__doc__ or "").split())
    published = Problem(Uniform(size=500), 500)
    share = published_share(500, 1000)
    assert f"{exact_information.line(published, 1000, share).value:,.0f} bits" in told
    for excess, text in ((0.001, ".1 % need 91 %"), (0.01, "1 % 67 %"), (0.05, "5 % 43 %")):
        part = exact_information.least_share(published, 1000, share, 315, excess)
        assert f"{100 * part:.0f} %" in text
        assert text in told
