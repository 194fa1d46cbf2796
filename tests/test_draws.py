"""Draws are exact in law and a pure function of (seed, trial); their fused census is what array operations count.

Statistical tests reject beyond z = 5, at seeds stated; chi-squares are turned into z by their own law.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import array_api_strict
import numba as nb
import numpy as np
import pytest
from scipy import stats

from longtail import montecarlo
from longtail.core import Floats, Nodes, Prior, Problem
from longtail.core.arrays import Random
from longtail.montecarlo import kernels
from longtail.montecarlo.census import Draws, census
from longtail.montecarlo.kernels import census_cpu, poisson, poisson_cpu, uniforms, uniforms_cpu
from longtail.philox import DOUBT, FREQUENCIES, SAMPLE, Words, substream, words

pytestmark = pytest.mark.kernels

SEED = 20_200_622


@dataclass(frozen=True)
class Listed(Prior):
    """A list given by its values: all that simulation needs of a prior."""

    values: tuple[float, ...]

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.values)

    def nodes(self, refine: float = 1.0) -> Nodes:
        return Nodes(np.log(self.values), np.ones(self.size))

    def entries(self) -> Floats:
        return np.array(self.values)


def zipf(alpha: float, size: int) -> Listed:
    return Listed(tuple(np.arange(1.0, size + 1) ** -alpha))


def drawn(problem: Problem, trials: int, seed: int = SEED, **options: Any) -> Draws:
    parts = list(montecarlo.draws(problem, trials=trials, rng=Random(seed), **options))
    return Draws(np.concatenate([p.counts for p in parts]), np.concatenate([p.frequency for p in parts]))


def misfit(observed: Any, expected: Any) -> float:
    """A chi-square as a z: how unlikely counts this far from ``expected`` are. Cells below 10 are pooled."""
    observed, expected = np.asarray(observed, float), np.asarray(expected, float)
    order = np.argsort(expected)
    small = order[np.cumsum(expected[order]) < 10]
    large = np.setdiff1d(order, small)
    if len(small):
        observed = np.append(observed[large], observed[small].sum())
        expected = np.append(expected[large], expected[small].sum())
    kept = expected > 0
    assert not np.any(observed[~kept] > 0)
    square = np.sum((observed[kept] - expected[kept]) ** 2 / expected[kept])
    return float(stats.norm.isf(max(stats.chi2.sf(square, kept.sum() - 1), 1e-300)))


def awkward(size: int) -> Words:
    """Words of which 1,000 are just below a multiple of 2^32/size: their further bits may carry."""
    given: Words = np.concatenate([words(1, FREQUENCIES, 5, 0, 2000), np.array([2**32 - 1, 0], np.uint32)])
    given[:1000] = [(j * 2**32) // size - (j * 2**32 % size == 0) for j in range(1, 1001)] if size > 1000 else 2**32 - 1
    return given


def scaled(given: Words, size: int) -> list[int]:
    """U·size in units of 2^-96, U the word and its 64 further bits, in Python's integers."""
    more = words(1, uniforms.NEXT, 5, 0, 2 * len(given)).astype(object)
    return [(int(w) << 64 | high << 32 | low) * size for w, high, low in zip(given, more[::2], more[1::2], strict=True)]


@nb.njit
def all_parts(given: Any, size: Any, whole: Any, fraction: Any) -> None:
    for i in range(len(given)):
        whole[i], fraction[i] = uniforms_cpu.parts(given[i], size, np.uint64(1), np.uint64(5), i)


@pytest.mark.parametrize("size", [1, 3, 50_000, 2**20, 2**31 - 1])
def test_the_whole_part_and_the_fraction_have_all_the_bits_of_one_number(size: int) -> None:
    given = awkward(size)
    whole, fraction = np.empty(len(given), np.uint64), np.empty(len(given), np.uint64)
    all_parts(given, np.uint64(size), whole, fraction)
    assert whole.tolist() == [x >> 96 for x in scaled(given, size)]
    assert fraction.tolist() == [(x >> 32) % 2**64 for x in scaled(given, size)]
    if size == 50_000:
        assert whole.tolist() != [(int(w) * size) >> 32 for w in given]  # some carry


@pytest.mark.parametrize("size", [1, 3, 50_000, 2**20])
def test_a_look_up_leaves_the_fraction_or_little_less(size: int) -> None:
    given = awkward(size)
    left, p = given.copy(), np.empty(len(given))
    uniforms_cpu.look_up(left, np.arange(size, dtype=float), 0, np.uint64(1), np.uint64(5), p)
    assert p.astype(int).tolist() == [x >> 96 for x in scaled(given, size)]
    short = [(x % 2**96) / 2**96 - int(word) / 2**32 for x, word in zip(scaled(given, size), left, strict=True)]
    assert min(short) >= 0
    assert max(short) < size / 2**32


@pytest.mark.parametrize("listed", [7, 50_000, 2**20])
def test_counts_are_those_of_the_whole_fraction(listed: int) -> None:
    """Words whose fraction is about e^(−mean): a count hangs on bits that the word alone has not."""
    trial, size = 5, 40_000
    given = words(1, FREQUENCIES, trial, 0, size)
    left, p = given.copy(), np.empty(size)
    uniforms_cpu.look_up(left, np.arange(listed, dtype=float), 0, np.uint64(1), np.uint64(trial), p)
    number = scaled(given, listed)
    fraction = np.array([x % 2**96 / 2**96 for x in number])
    pick = np.flatnonzero(fraction > 0.01)
    shift = np.linspace(-2, 2, len(pick)) * listed / 2**32  # the threshold: beside the fraction, either way
    mean = -np.log(np.clip(fraction[pick] + shift, 1e-3, 1.0))
    seed = np.uint64(1)
    exact = [
        poisson_cpu.exact(mean[j], left[i], seed, np.uint64(trial), 0, i, listed) for j, i in enumerate(pick.tolist())
    ]
    want = stats.poisson.ppf(fraction[pick], mean)
    sure = np.abs(shift) > 1e-13
    assert np.array_equal(np.array(exact)[sure], np.where(shift > 0, 0, want)[sure])
    alone = [poisson_cpu.exact(mean[j], left[i], seed, np.uint64(trial), 0, i) for j, i in enumerate(pick.tolist())]
    assert np.count_nonzero(np.array(alone)[sure] != np.array(exact)[sure]) > 0.05 * len(pick)  # the word alone errs
    out = np.empty(len(pick), np.uint8)
    poisson_cpu.quick(left[pick], mean, 1.0, out, listed)
    known = out != poisson.UNSURE
    assert np.array_equal(out[known], np.array(exact)[known])
    assert not np.any(known[(shift < 0) & (shift > -listed / 2**32)])


@pytest.mark.parametrize("listed", [3, 2**20 + 1])
def test_frequency_and_count_are_independent_given_the_mean(listed: int) -> None:
    """A list of few values: which of them a cell has, by how often it was seen, with one random number and with two."""
    entries, size, trials = np.ones(listed), 3, 4_000
    entries[listed // 3 : 2 * (listed // 3)] = 2.0
    source = kernels.Source(size, 6, entries)
    drawn_out = kernels.draws(source, Random(SEED), 0, trials)
    share = (listed // 3) / listed
    double = np.round(drawn_out.frequency / drawn_out.frequency.min(1, keepdims=True)).astype(int)
    mixed = double.max(1) == 2
    doubles = (double[mixed] == 2).sum(1)
    law = np.array([3 * share * (1 - share) ** 2, 3 * share**2 * (1 - share)])
    assert abs(misfit([(doubles == 1).sum(), (doubles == 2).sum()], mixed.sum() * law / law.sum())) < 5
    counts = drawn_out.counts[mixed]
    own = np.where(double[mixed] == 2, counts, 0).sum(1)
    for many, chance in ((1, 2 / 4), (2, 4 / 5)):
        seen = own[doubles == many]
        assert abs(misfit(np.bincount(seen, minlength=7), len(seen) * stats.binom.pmf(np.arange(7), 6, chance))) < 5


@pytest.mark.parametrize(("quick", "below"), [(poisson_cpu.quick, 4), (poisson_cpu.quick_on, poisson_cpu.FURTHER)])
@pytest.mark.parametrize("mean", [0.0, 1e-7, 0.03, 0.7, 1.0, 3.3, 7.99, 8.01])
def test_single_precision_is_sure_only_where_it_is_right(quick: Any, below: int, mean: float) -> None:
    """Words at 0.75 and 1.25 margins from every threshold: rounding stays below a quarter of the margin."""
    thresholds = stats.poisson.cdf(np.arange(below), mean)
    for step, unsure in ((0.75, True), (1.25, False), (-0.75, True), (-1.25, False)):
        u = thresholds + step * poisson.MARGIN
        clear = np.min(np.abs(u[:, None] - thresholds), axis=1) > abs(step) * poisson.MARGIN * 0.999
        u = u[(u >= 0) & (u < 1) & clear]
        given = np.floor(u * 2**32).astype(np.uint32)
        out = np.empty(len(u), np.uint8)
        quick(given, np.full(len(u), mean), 1.0, out)
        exact = [poisson_cpu.exact(mean, w, np.uint64(1), np.uint64(0), 0, i) for i, w in enumerate(given)]
        if unsure or mean > poisson.LIMIT:
            assert (out == poisson.UNSURE).all()
        else:
            assert [k if k < below else poisson.UNSURE for k in exact] == out.tolist()


@pytest.mark.parametrize("quick", [poisson_cpu.quick, poisson_cpu.quick_on])
def test_single_precision_never_contradicts_doubles(quick: Any) -> None:
    given = words(SEED, SAMPLE, 0, 0, 200_000)
    mean = np.random.default_rng(SEED).gamma(0.3, 4.0, len(given))
    out = np.empty(len(given), np.uint8)
    quick(given, mean, 1.0, out)
    sure = np.flatnonzero(out != poisson.UNSURE)
    assert len(sure) > 0.8 * len(given)
    seed, trial = np.uint64(SEED), np.uint64(0)
    exact = [poisson_cpu.exact(mean[i], given[i], seed, trial, 0, i) for i in sure[::4]]
    assert exact == out[sure[::4]].tolist()


def test_where_32_bits_cannot_tell_the_next_ones_do() -> None:
    word = np.uint32(1_234_567_890)
    mean = -np.log((int(word) + 0.5) / 2**32)  # u < e^(-mean) exactly when the further bits begin with 0
    counts = [poisson_cpu.exact(mean, word, np.uint64(3), np.uint64(9), 0, i) for i in range(200)]
    more = words(3, substream(DOUBT, 0), 9, 0, 200)
    far = np.abs(more.astype(float) - 2**31) > 2**22  # the mean itself is rounded
    assert far.sum() > 190
    assert np.array_equal(np.array(counts)[far], (more[far] >= 2**31).astype(int))


@nb.njit
def counts_of(mean: float, given: Any, seed: Any, trial: Any) -> Any:
    out = np.empty(len(given), np.int64)
    for i in range(len(given)):
        out[i] = poisson_cpu.exact(mean, given[i], seed, trial, 0, i)
    return out


@pytest.mark.parametrize("mean", [0.02, 1.0, 6.0, 15.9, 16.0, 40.0, 3e3, 1e6, 1e12])
def test_counts_are_poisson_at_any_mean(mean: float) -> None:
    size = 2_000_000
    counts = counts_of(mean, words(SEED, SAMPLE, 1, 0, size), np.uint64(SEED), np.uint64(1))
    levels = np.linspace(0.005, 0.995, 100)
    edges = np.unique(stats.poisson.ppf(levels, mean)) if mean < 1e9 else mean + np.sqrt(mean) * stats.norm.ppf(levels)
    law = np.diff(np.r_[0.0, stats.poisson.cdf(edges, mean) if mean < 1e9 else levels, 1.0])
    assert abs(misfit(np.bincount(np.searchsorted(edges, counts), minlength=len(law)), size * law)) < 5
    assert abs((counts - mean).mean() / np.sqrt(mean / size)) < 5
    spread = mean * np.sqrt((2 + 1 / mean) / size)
    assert abs(np.mean((counts - mean) ** 2) - mean) < 5 * spread


def test_the_law_of_large_counts_keeps_its_digits() -> None:
    for mean in (16.0, 300.0, 1e5):
        k = np.unique(np.round(mean + np.sqrt(mean) * np.linspace(-3.9, 9, 40)))
        mine = [poisson_cpu.log_law(x, mean) for x in k]
        np.testing.assert_allclose(mine, stats.poisson.logpmf(k, mean), rtol=0, atol=1e-13 * mean + 1e-12)
    for x in (-3.0, 0.0, 2.0):  # Stirling: -x²/2 + x³/(6√μ) - ½ log 2πk, to 1e-11
        large = 1e12 + 1e6 * x
        stirling = -(x**2) / 2 + x**3 / 6e6 - 0.5 * np.log(2 * np.pi * large)
        assert abs(poisson_cpu.log_law(large, 1e12) - stirling) < 1e-10


def patterns(n: int, frequency: Floats) -> tuple[list[tuple[int, ...]], Floats]:
    """Every way to see n points among the subpopulations, and its probability."""
    ways = [c for c in product(range(n + 1), repeat=len(frequency)) if sum(c) == n]
    return ways, stats.multinomial.pmf(ways, n, frequency)


@pytest.mark.parametrize("n", [1, 2, 4, 9, 14])
def test_samples_are_multinomial_pattern_by_pattern(n: int) -> None:
    prior, trials = Listed((6.0, 3.0, 1.0)), 20_000
    draws = drawn(Problem(prior, n, mode="fixed"), trials)
    ways, law = patterns(n, np.array([0.6, 0.3, 0.1]))
    code = (n + 1) ** np.arange(3)
    found = draws.counts @ code
    observed = [np.count_nonzero(found == np.dot(way, code)) for way in ways]
    assert sum(observed) == trials
    assert abs(misfit(observed, trials * law)) < 5


def test_frequencies_are_independent_uniform_draws_from_the_list() -> None:
    size, entries = 50_000, np.arange(11.0)
    p, before = np.zeros(size), np.empty(size // census_cpu.TILE)
    strip = np.empty(census_cpu.STRIP, np.uint32)
    sum_p = census_cpu.frequencies(entries, entries[:0], size, np.uint64(SEED), np.uint64(7), strip, p, before)
    assert sum_p == p.sum()  # of small integers, to the bit
    assert np.array_equal(before, np.r_[0, np.cumsum(p.reshape(-1, census_cpu.TILE).sum(1))[:-1]])
    assert abs(misfit(np.bincount(p.astype(int), minlength=11), np.full(11, size / 11))) < 5
    pairs = (p[0::2] * 11 + p[1::2]).astype(int)
    assert abs(misfit(np.bincount(pairs, minlength=121), np.full(121, size / 242))) < 5
    drawn_out = drawn(Problem(Listed((1.0, 0.05)), 3), 500).frequency
    assert set(np.round((drawn_out[:, :1] / drawn_out).ravel(), 6)) == {0.05, 1.0, 20.0}
    np.testing.assert_allclose(drawn_out.sum(1), 1, atol=1e-15)


@pytest.mark.parametrize(("n", "alpha"), [(60, 1.0), (400, 0.5), (30_000, 2.0)])
def test_samples_agree_with_numpys_multinomial(n: int, alpha: float) -> None:
    """How many were never seen, how many once, and how often the first was, beside NumPy's draws from the same D."""
    draws = drawn(Problem(zipf(alpha, 40), n), 5_000)
    assert (draws.counts.sum(1) == n).all()
    theirs = np.random.default_rng(SEED).multinomial(n, draws.frequency)
    for mine, other in (
        ((draws.counts == 0).sum(1), (theirs == 0).sum(1)),
        ((draws.counts == 1).sum(1), (theirs == 1).sum(1)),
        (draws.counts[:, 0] - n * draws.frequency[:, 0], theirs[:, 0] - n * draws.frequency[:, 0]),
    ):
        edges = np.unique(np.quantile(np.r_[mine, other], np.linspace(0, 1, 25)[1:-1]))
        a, b = (np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) for x in (mine, other))
        kept = a + b > 10
        square = np.sum((a - b)[kept] ** 2 / (a + b)[kept])
        assert stats.norm.isf(stats.chi2.sf(square, kept.sum() - 1)) < 5


def test_a_sampler_that_skips_the_correction_is_rejected() -> None:
    """Negative control: independent Poisson counts, not corrected to n, fail the pattern test."""
    n, trials = 4, 20_000
    counts = np.random.default_rng(SEED).poisson(n * np.array([0.6, 0.3, 0.1]), (trials, 3))
    ways, law = patterns(n, np.array([0.6, 0.3, 0.1]))
    observed = [np.count_nonzero((counts == way).all(1)) for way in ways]
    assert misfit(observed, trials * law) > 5


def test_a_trial_is_a_pure_function_of_seed_and_number() -> None:
    problem = Problem(zipf(1.0, 300), 500)
    whole = drawn(problem, 12)
    for workers in (1, 3):
        parts = [drawn(problem, count, first=first, workers=workers) for first, count in ((0, 5), (5, 1), (6, 6))]
        assert np.array_equal(np.concatenate([p.counts for p in parts]), whole.counts)
        assert np.array_equal(np.concatenate([p.frequency for p in parts]), whole.frequency)
    other = drawn(problem, 12, seed=SEED + 1)
    assert not np.array_equal(other.frequency, whole.frequency)
    assert not np.array_equal(other.counts, whole.counts)


def in_numpy(draws: Draws) -> Draws:
    return draws


def in_strict(draws: Draws) -> Draws:
    return Draws(array_api_strict.asarray(draws.counts), array_api_strict.asarray(draws.frequency))


def on_second_device(draws: Draws) -> Draws:
    device = array_api_strict.Device("device1")
    return Draws(*(array_api_strict.asarray(a, device=device) for a in (draws.counts, draws.frequency)))


def in_torch(draws: Draws) -> Draws:
    torch = pytest.importorskip("torch")
    return Draws(torch.asarray(draws.counts), torch.asarray(draws.frequency))


def home(array: Any) -> Floats:
    if hasattr(array, "to_device") and not isinstance(array, np.ndarray) and "strict" in type(array).__module__:
        array = array.to_device(array_api_strict.Device("CPU_DEVICE"))
    return np.asarray(array)


@pytest.mark.parametrize(
    "library", [in_numpy, in_strict, on_second_device, pytest.param(in_torch, marks=pytest.mark.torch)]
)
@pytest.mark.parametrize(("alpha", "size", "n", "rows"), [(1.0, 700, 900, 12), (2.0, 90, 5_000, 300), (0.0, 5, 3, 2)])
def test_the_fused_census_is_what_array_operations_count(
    library: Any, alpha: float, size: int, n: int, rows: int
) -> None:
    problem = Problem(zipf(alpha, size), n)
    counted = census(library(drawn(problem, 9)), rows)
    source = kernels.Source(size, n, problem.prior.entries())
    fused = kernels.census(source, Random(SEED), 0, 9, rows)
    assert np.array_equal(home(counted.number), fused.number)
    np.testing.assert_allclose(home(counted.mass), fused.mass, rtol=0, atol=1e-13)
    assert (fused.number.sum(1) == size).all()
