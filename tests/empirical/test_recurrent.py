"""A recurrent net on next-symbol prediction: what it may look at, and that it gives its singletons back."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.irrelevant.sequences import GRU, Majority, check, learner, recover
from empirical.learners.sequence.recurrent import Recurrent
from longtail.core import ArgumentError
from longtail.irrelevant.tasks import NextSymbol
from longtail.priors import Uniform

Z = 5


def test_rates_of_what_was_kept_and_their_control() -> None:
    task = NextSymbol(Uniform(size=60), 40, 0.2)
    found = recover(task, Majority(), 60, 40, 3)
    for part in ("recovered", "relevant", "irrelevant"):
        assert found.rate(part).value == 1
    flips = found.singletons["irrelevant_bits"].sum() / found.singletons["recovered_bits"].sum()
    assert flips == pytest.approx(0.1, abs=Z * np.sqrt(0.09 / found.singletons["recovered_bits"].sum()))
    by = found.singletons.groupby("repeat")[["control_right", "control_bits"]].sum()
    z = (by["control_right"] - by["control_bits"] / 2) / np.sqrt(by["control_bits"] / 4)
    assert (z**2).mean() == pytest.approx(1, abs=Z * np.sqrt(2 / 40))
    assert abs(found.rate("control").value - 0.5) < Z * 0.5 / np.sqrt(by["control_bits"].sum())
    assert found.excess.value == 0


@pytest.mark.parametrize(
    "call", [lambda: learner("softmax"), lambda: learner("gru(width=0)"), lambda: learner("gru(hidden=2)")]
)
def test_learners_that_cannot_be(call: object) -> None:
    with pytest.raises(ArgumentError):
        call()  # type: ignore[operator]


def test_without_torch_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ArgumentError, match="longtail\\[torch\\]"):
        check(NextSymbol(Uniform(size=20), 20), GRU(), 20)


@pytest.mark.torch
def test_the_net_never_sees_what_it_is_to_foretell() -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra")
    rng = np.random.default_rng(0)
    of, x, length = np.arange(5), rng.integers(0, 2, (5, 12)).astype(np.uint8), rng.integers(0, 12, 5)
    net = Recurrent(8, epochs=2).train(of, x, length, 5, 1)
    again = Recurrent(8, epochs=2).train(of, x, length, 5, 1)
    hidden = x.copy()
    for row, t in enumerate(length):
        hidden[row, t + 1 :] ^= 1  # beyond what the example shows
    other = Recurrent(8, epochs=2).train(of, hidden, length, 5, 1)
    for asked in (np.zeros(5, int), length):
        said = net.log_odds(of, x, asked)
        np.testing.assert_array_equal(said, again.log_odds(of, x, asked))
        np.testing.assert_allclose(said, other.log_odds(of, x, asked), rtol=1e-5)
        later = x.copy()
        for row, t in enumerate(asked):
            later[row, t:] ^= 1
        np.testing.assert_allclose(said, net.log_odds(of, later, asked), rtol=1e-5)
    assert (
        net.log_odds(of, x, length) != Recurrent(8, epochs=2).train(of, x, length, 5, 2).log_odds(of, x, length)
    ).any()


@pytest.mark.torch
def test_the_net_gives_its_singletons_back() -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra")
    task = NextSymbol(Uniform(size=30), 24, 0.2)
    found = recover(task, GRU(width=64, epochs=120), 30, 1, 2)
    assert found.rate("recovered").value > 0.95
    assert found.rate("irrelevant").value > 0.9
    bits = found.singletons["control_bits"].sum()
    assert abs(found.rate("control").value - 0.5) < Z * 0.5 / np.sqrt(bits)
    assert found.accuracy("train").value > 0.9
