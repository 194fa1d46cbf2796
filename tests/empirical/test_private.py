"""DP-SGD: clipping by brute force, a whole training by plain NumPy, its noise, and the accountant's ε by closed form."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from empirical.data.data import Data
from empirical.learners.parse import parse_learner
from empirical.learners.private import accountant, dpsgd_cpu, normal_cpu
from empirical.learners.private.dpsgd import DPSGD, Descents
from longtail import philox
from longtail.core import ArgumentError
from longtail.philox.block_cpu import words

NET = DPSGD(width=12, epochs=3, batch=16, rate=0.3, momentum=0.5, clip=0.7, noise=0.8)
LINEAR = DPSGD(width=0, epochs=3, batch=16, rate=0.3, momentum=0.5, clip=0.7, noise=0.8)
Array = NDArray[Any]


def split(w: Array, d: int, width: int, classes: int) -> list[Array]:
    w = w.astype(np.float64)
    if width == 0:
        return [w[: classes * d].reshape(classes, d), w[classes * d :]]
    a, o = d * width, d * width + width
    c = o + width * classes
    return [w[:a].reshape(d, width), w[a:o], w[o:c].reshape(width, classes), w[c:]]


def gradient(w: Array, x: Array, label: int, width: int, classes: int) -> Array:
    """Of one example, in double precision, weight by weight."""
    x = x.astype(np.float64)
    target = np.eye(classes)[label]
    parts = split(w, len(x), width, classes)
    hidden = x if width == 0 else np.maximum(x @ parts[0] + parts[1], 0)
    z = parts[0] @ x + parts[1] if width == 0 else hidden @ parts[2] + parts[3]
    e = np.exp(z - z.max())
    delta = e / e.sum() - target
    if width == 0:
        return np.concatenate([np.outer(delta, x).ravel(), delta])
    back = (parts[2] @ delta) * (hidden > 0)
    return np.concatenate([np.outer(x, back).ravel(), back, np.outer(hidden, delta).ravel(), delta])


def shrunk(g: Array, clip: float) -> Array:
    return g * min(1.0, clip / np.linalg.norm(g))


def summed(trainer: Descents, w: Array, chosen: list[int], clip: float) -> Array:
    net, data = trainer.learner, trainer.data
    g, room = np.zeros(len(w), np.float32), np.zeros(10**5, np.float32)
    dpsgd_cpu.clipped(
        w, trainer.rows, trainer.squares, data.y_train, np.array(chosen), np.ones(3, bool), net.width, np.float32(clip), g, room
    )  # fmt: skip
    return g


@pytest.mark.parametrize("net", [NET, LINEAR], ids=["net", "linear"])
def test_each_gradient_is_clipped_before_the_sum(small: Data, net: DPSGD) -> None:
    trainer = net.prepare(small)
    assert isinstance(trainer, Descents)
    w = np.random.default_rng(0).normal(size=len(net.start(0, 0, 7, 3))).astype(np.float32)
    each = np.array([gradient(w, small.x_train[i], small.y_train[i], net.width, 3) for i in range(40)])
    norms = np.linalg.norm(each, axis=1)
    for clip in (0.2, float(np.median(norms)), math.inf):
        want = sum(shrunk(g, clip) for g in each)
        np.testing.assert_allclose(summed(trainer, w, list(range(40)), clip), want, rtol=2e-5, atol=2e-5)
    assert norms.min() < np.median(norms) / 1.2 < norms.max()  # some are clipped and some are not


@pytest.mark.parametrize("net", [NET, LINEAR], ids=["net", "linear"])
def test_one_example_moves_the_sum_by_the_clip_at_most(small: Data, net: DPSGD) -> None:
    """The sensitivity, for any weights and any neighbors; without clipping it is larger (negative control)."""
    rng, clip, free = np.random.default_rng(1), 0.5, 0.0
    trainer = net.prepare(Data(small.x_train * 30, small.y_train, small.x_test, small.y_test, small.classes))
    assert isinstance(trainer, Descents)
    for _ in range(100):
        w = (rng.normal(size=len(net.start(0, 0, 7, 3))) * rng.choice([0.01, 1, 5])).astype(np.float32)
        some = rng.permutation(90)[: rng.integers(2, 8)].tolist()
        moved = [np.subtract(*(summed(trainer, w, s, c) for s in (some, some[1:]))) for c in (clip, math.inf)]
        assert np.linalg.norm(moved[0]) <= clip * (1 + 1e-5)
        free = max(free, float(np.linalg.norm(moved[1])))
    assert free > 2 * clip


def plainly(net: DPSGD, data: Data, mask: Array, seed: int, trial: int, *, own: bool = False) -> Array:
    """The same training in plain NumPy, words by ``longtail.philox``; ``own`` takes the kernel's own normals of them."""
    classes, d = data.n_classes, data.x_train.shape[1]
    w = net.start(seed, trial, d, classes).astype(np.float64)
    m, speed = int(mask.sum()), 0.0
    for step in range(net.steps(m)):
        lots = philox.words(seed, philox.substream(philox.BATCH, step), trial, 0, data.n)
        batch = np.flatnonzero(mask & (lots < net.chance(m) * 2.0**32))
        g = np.zeros(len(w))
        for i in batch:
            g += shrunk(gradient(w, data.x_train[i], int(data.y_train[i]), net.width, classes), net.clip)
        stream, noise = philox.substream(philox.PRIVACY, step), np.zeros(-(-len(w) // 8) * 8)
        if own:
            room = np.empty(normal_cpu.LENGTH, np.uint32)
            normal_cpu.normals(noise, room, np.uint64(seed), np.uint32(stream), np.uint64(trial))
        else:
            noise = normally(philox.words(seed, stream, trial, 0, len(noise)))
        speed = net.momentum * speed + (g + net.multiplier(m) * net.clip * noise[: len(w)]) / net.batch
        w = w - net.rate * speed
    return w


def normally(drawn: Array) -> Array:
    """Box and Muller's normals in double precision, LENGTH words at a time."""
    out = []
    for start in range(0, len(drawn), normal_cpu.LENGTH):
        u, v = np.split(drawn[start : start + normal_cpu.LENGTH].astype(np.float64), 2)
        radius = np.sqrt(-2 * np.log((u + 0.5) * 2.0**-32))
        out += [radius * np.cos(2 * np.pi * v * 2.0**-32), radius * np.sin(2 * np.pi * v * 2.0**-32)]
    return np.concatenate(out)


@pytest.mark.parametrize("net", [NET, LINEAR], ids=["net", "linear"])
def test_training_is_the_plain_loops(small: Data, masks: Array, net: DPSGD) -> None:
    """To 10⁻⁶. A step adds the normals' error, 4·10⁻⁶ at most, times noise · clip · rate/batch = .01, and half a unit in the last
    place of weights, 6·10⁻⁸ below 2: 10⁻⁷, with momentum twice that, in 11 steps that add up as their root 7·10⁻⁷.
    """
    trainer = net.prepare(small, seed=7)
    assert isinstance(trainer, Descents)
    for k in (0, 3):  # subset 3 lacks a class
        want = plainly(net, small, masks[k], 7, 20 + k)
        np.testing.assert_allclose(trainer.weights(masks[k], 20 + k), want, rtol=0, atol=1e-6)
    assert np.abs(want).max() > 0.5


@pytest.mark.extra  # it compiles all once more
@pytest.mark.parametrize("net", [NET, LINEAR], ids=["net", "linear"])
def test_in_double_precision_training_is_the_plain_loops_to_twelve_digits(
    small: Data, masks: Array, net: DPSGD
) -> None:
    """The kernel compiled for float64, by its own normals (tried above): what single precision adds is its rounding only. A clip,
    noise and batch of few binary digits are not rounded either.
    """
    net = replace(net, clip=0.75, noise=0.75)
    n, d, classes, mask = small.n, small.x_train.shape[1], small.n_classes, masks[0]
    x, m = small.x_train.astype(np.float64), int(mask.sum())
    w = net.start(7, 20, d, classes).astype(np.float64)
    streams = [[philox.substream(p, step) for step in range(net.steps(m))] for p in (philox.BATCH, philox.PRIVACY)]
    dpsgd_cpu.train(
        w, x, (x * x).sum(1) + 1, small.y_train, mask, np.ones(classes, bool), np.uint64(net.chance(m) * 2.0**32), net.width,
        net.batch, net.rate, net.momentum, net.clip, net.noise, np.uint64(7), np.array(streams, np.uint32), np.uint64(20),
        np.zeros((4, -(-len(w) // 8) * 8)), np.zeros(n * (d + 2 * net.width + classes + 3)),
    )  # fmt: skip
    want = plainly(net, small, mask, 7, 20, own=True)
    np.testing.assert_allclose(w, want, rtol=0, atol=1e-12)
    single = net.prepare(small, seed=7)
    assert isinstance(single, Descents)
    assert np.abs(single.weights(mask, 20) - want).max() > 1e-9  # the control


def test_a_batch_larger_than_the_room_is_added_up(small: Data, masks: Array) -> None:
    net = DPSGD(width=12, epochs=20, batch=1, noise=0.0)
    trainer = net.prepare(small)
    assert isinstance(trainer, Descents)
    w = [trainer.weights(masks[0], 0)]
    chosen = list(range(60))
    w.append(summed(trainer, w[0], chosen, 1.0))
    parts = [summed(trainer, w[0], chosen[s : s + 7], 1.0) for s in range(0, 60, 7)]
    np.testing.assert_allclose(np.sum(parts, 0), w[1], atol=2e-5)


def test_noise_is_normal_and_made_of_its_own_words() -> None:
    out, room = np.empty(80_000, np.float32), np.empty(normal_cpu.LENGTH, np.uint32)
    normal_cpu.normals(out, room, np.uint64(3), np.uint32(14), np.uint64(5))
    np.testing.assert_allclose(out, normally(words(3, 14, 5, 0, 80_000)), atol=4e-6)
    assert stats.kstest(out, "norm").pvalue > 1e-5
    assert stats.kstest(out * 1.02, "norm").pvalue < 1e-3  # the control
    assert np.abs(np.corrcoef(out[:-1], out[1:])[0, 1]) < 5 / np.sqrt(len(out))
    again = np.empty(80_000, np.float32)
    normal_cpu.normals(again, room, np.uint64(3), np.uint32(14), np.uint64(6))
    assert np.abs(np.corrcoef(out, again)[0, 1]) < 5 / np.sqrt(len(out))


def test_the_words_at_the_ends_are_finite() -> None:
    ends = np.array([0, 2**32 - 1, 1, 2**31, 0, 2**32 - 1, 2**30, 2**29], np.uint32)
    out = np.empty(8, np.float32)
    normal_cpu.paired(ends, out)
    np.testing.assert_allclose(out, normally(ends), atol=2e-5)  # a u next to 1 is 1 in single precision
    assert np.abs(out).max() > 6.7


def test_batches_are_poisson() -> None:
    """Each member by itself with chance q, nobody else ever; z = 5, with the spread of the sizes checked too."""
    inside = np.random.default_rng(0).random(400) < 0.7
    sizes, times, chosen = [], np.zeros(400), np.empty(401, np.int64)
    for step in range(4000):
        stream = np.uint32(philox.substream(philox.BATCH, step))
        count = dpsgd_cpu.drawn(
            inside, np.uint64(0.1 * 2**32), np.empty(400, np.uint32), np.uint64(1), stream, np.uint64(2), chosen
        )
        times[chosen[:count]] += 1
        sizes.append(count)
    m = int(inside.sum())
    z = (times[inside] / 4000 - 0.1) / np.sqrt(0.09 / 4000)
    assert np.abs(z).max() < 5
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / m)
    assert (times[~inside] == 0).all()
    assert abs(np.var(sizes) / (0.09 * m) - 1) < 5 * np.sqrt(2 / 4000)


def test_what_is_private_costs_and_says_nothing_of_absent_classes(digits: Data) -> None:
    masks = np.random.default_rng(0).random((6, digits.n)) < 0.7
    masks[0] &= digits.y_train != 3
    free, little, much = (
        DPSGD(epochs=8, noise=z, clip=c).prepare(digits, "probability")(masks, np.arange(6))
        for z, c in ((0.0, math.inf), (1.0, 1.0), (8.0, 1.0))
    )
    assert free[1].mean() > little[1].mean() + 0.05 > much[1].mean() + 0.15
    assert (little[0][0][digits.y_train == 3] > 0).all()


def test_options_that_make_no_sense() -> None:
    for text, said in (
        ("dpsgd(noise=1, epsilon=1)", "not both"),
        ("dpsgd(epsilon=0)", "epsilon"),
        ("dpsgd(epsilon=-1)", "epsilon"),
        ("dpsgd(delta=1)", "delta"),
        ("dpsgd(clip=inf)", "noise=0"),
        ("dpsgd(clip=0)", "clip"),
        ("dpsgd(momentum=1)", "momentum"),
    ):
        with pytest.raises(ArgumentError, match=said):
            parse_learner(text)
    assert parse_learner("dpsgd(epsilon=1)") == DPSGD(epsilon=1.0)
    assert parse_learner(repr(DPSGD(clip=math.inf, noise=0.0))) == DPSGD(clip=math.inf, noise=0.0)


def test_without_the_accountant_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    accountant.epsilon.cache_clear()
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(ArgumentError, match=r"longtail\[privacy\]"):
        DPSGD(noise=3.14).privacy(100)


@pytest.fixture
def there() -> None:
    pytest.importorskip("dp_accounting", reason="dp-accounting counts ε: pip install 'longtail[privacy]'")


def spent(eps: float, z: float) -> float:
    """δ of one Gaussian mechanism: Φ(1/2z − εz) − e^ε Φ(−1/2z − εz) (Balle & Wang, ICML 2018)."""
    return float(stats.norm.cdf(0.5 / z - eps * z) - np.exp(eps) * stats.norm.cdf(-0.5 / z - eps * z))


@pytest.mark.extra
@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("z", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-6])
def test_the_accountants_epsilon_is_the_closed_form_of_one_mechanism(z: float, delta: float) -> None:
    exact = float(optimize.brentq(lambda e: spent(e, z) - delta, 0, 50))
    found = accountant.epsilon(z, delta)
    assert exact - 1e-9 <= found <= exact + 2e-4


@pytest.mark.extra
@pytest.mark.usefixtures("there")
def test_epsilon_falls_with_noise_and_grows_with_all_else() -> None:
    base = accountant.epsilon(1.0, 1e-5, 0.05, 100)
    assert accountant.epsilon(1.3, 1e-5, 0.05, 100) < base < accountant.epsilon(0.8, 1e-5, 0.05, 100)
    assert accountant.epsilon(1.0, 1e-4, 0.05, 100) < base < accountant.epsilon(1.0, 1e-6, 0.05, 100)
    assert accountant.epsilon(1.0, 1e-5, 0.04, 100) < base < accountant.epsilon(1.0, 1e-5, 0.06, 100)
    assert accountant.epsilon(1.0, 1e-5, 0.05, 50) < base < accountant.epsilon(1.0, 1e-5, 0.05, 200)
    assert accountant.epsilon(0.0, 1e-5) == math.inf
    many = accountant.epsilon(1.0, 1e-5, 1.0, 9)
    # nine at once are one of a third of the noise
    assert many == pytest.approx(accountant.epsilon(1 / 3, 1e-5), abs=1e-3)


@pytest.mark.extra
@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("wanted", [0.2, 1.0, 8.0])
def test_noise_is_the_least_that_reaches_epsilon(wanted: float) -> None:
    net = DPSGD(epsilon=wanted)
    found = net.privacy(1050)
    assert 0.97 * wanted < found.epsilon <= wanted
    assert accountant.epsilon(found.noise * 0.99, 1e-5, found.chance, found.steps, accountant.COARSE) > wanted
    assert found.record()["noise"] == net.multiplier(1050)
    assert net.multiplier(1010) == net.multiplier(1049)  # of the size two digits are told
