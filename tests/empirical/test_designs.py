"""The law of a subset, its balance, and that it never depends on the block it came in. z = 5, seed 11."""

import numpy as np
import pytest
from scipy import stats

from empirical.designs import Bernoulli, Fixed, Orthogonal, design, draw_cpu
from empirical.designs.orthogonal import points
from longtail import philox
from longtail.core import ArgumentError

pytestmark = pytest.mark.kernels

SEED = 11
TOO_RARE = 2 * stats.norm.sf(5)
CLASSES = np.array([0, 1, 0, 2, 1, 0, 1, 0, 2, 0])
DESIGNS = [
    Fixed(0.7),
    Fixed(0.7, stratified=True),
    Bernoulli(0.7),
    Orthogonal(0.75, 64),
    Orthogonal(0.5, 16),
    Orthogonal(0.75, 16, stratified=True),
]


def law(masks, weights):
    """p-value of a chi-square test that rows follow ``weights``, a law on the 2^n subsets."""
    n = masks.shape[1]
    code = masks @ (1 << np.arange(n))
    seen = np.bincount(code, minlength=2**n).astype(float)
    possible = weights > 0
    if seen[~possible].sum():
        return 0.0
    return stats.chisquare(seen[possible], len(masks) * weights[possible]).pvalue


def bernoulli(n, p):
    size = np.bitwise_count(np.arange(2**n))
    return p**size * (1 - p) ** (n - size)


def uniform(n, m):
    size = np.bitwise_count(np.arange(2**n))
    return (size == m) / (size == m).sum()


def smallest(keys, m):
    """The m smallest keys of a row, of equal ones the first, by sorting: what ``draw_cpu`` does by counting."""
    chosen = np.zeros(len(keys), bool)
    chosen[np.argsort(keys, kind="stable")[:m]] = True
    return chosen


def test_fixed_subsets_are_uniform():
    assert law(Fixed(0.5).subsets(SEED, np.arange(20_000), 6), uniform(6, 3)) > TOO_RARE
    three_bits = np.random.default_rng(SEED).integers(0, 8, (20_000, 6))  # they tie
    crude = np.array([smallest(keys, 3) for keys in three_bits])
    assert law(crude, uniform(6, 3)) < TOO_RARE


def test_bernoulli_coins_are_independent():
    masks = Bernoulli(0.7).subsets(SEED, np.arange(20_000), 5)
    assert law(masks, bernoulli(5, 0.7)) > TOO_RARE
    assert law(masks, bernoulli(5, 0.68)) < TOO_RARE


@pytest.mark.parametrize(("fraction", "rows"), [(0.75, 16), (0.5, 8)])
def test_any_row_of_an_array_is_iid_bernoulli(fraction, rows):
    masks = Orthogonal(fraction, rows).subsets(SEED, 3 + rows * np.arange(5000), 5)
    assert law(masks, bernoulli(5, fraction)) > TOO_RARE
    shared = masks.copy()
    shared[:, 1] = shared[:, 0]  # as if two columns had one relabelling between them
    assert law(shared, bernoulli(5, fraction)) < TOO_RARE


def test_stratified_shares_are_exact_and_everybody_has_the_same_chance():
    masks = Fixed(0.7, stratified=True).subsets(SEED, np.arange(20_000), 10, CLASSES)
    assert (masks.sum(1) == 7).all()
    for c in range(3):
        members = c == CLASSES
        sizes = masks[:, members].sum(1)
        share = 0.7 * members.sum()
        assert {*np.unique(sizes)} <= {int(np.floor(share)), int(np.ceil(share))}
    z = (masks.mean(0) - 0.7) / np.sqrt(0.7 * 0.3 / len(masks))
    assert abs(z).max() < 5


@pytest.mark.parametrize("array", [Orthogonal(0.75, 16), Orthogonal(0.75, 256), Orthogonal(0.5, 32)], ids=repr)
def test_every_pair_of_columns_is_balanced(array):
    for copy in range(3):
        masks = array.subsets(SEED, copy * array.rows + np.arange(array.rows), array.columns).astype(int)
        together = masks.T @ masks
        off = together[~np.eye(array.columns, dtype=bool)]
        assert (np.diag(together) == array.fraction * array.rows).all()
        assert (off == array.fraction**2 * array.rows).all()
        short = masks[:-1].T @ masks[:-1]  # a truncated array is not
        assert len(np.unique(short)) > 2


def test_stratified_arrays_balance_each_class():
    array = Orthogonal(0.75, 16, stratified=True)
    masks = array.subsets(SEED, np.arange(16), 10, CLASSES).astype(int)
    together = masks.T @ masks
    same = (CLASSES[:, None] == CLASSES) & ~np.eye(10, dtype=bool)
    assert (together[same] == 9).all()
    assert (together[CLASSES[:, None] != CLASSES] != 9).any()


@pytest.mark.parametrize("plan", DESIGNS, ids=repr)
def test_a_subset_does_not_depend_on_its_block(plan):
    together = plan.subsets(SEED, np.arange(40), 10, CLASSES)
    assert (plan.subsets(SEED, [39, 2], 10, CLASSES) == together[[39, 2]]).all()
    assert (plan.subsets(SEED + 1, np.arange(40), 10, CLASSES) != together).any()
    assert len(np.unique(together, axis=0)) > 5


@pytest.mark.parametrize("plan", DESIGNS, ids=repr)
def test_inclusion_is_the_chance_of_being_in(plan):
    t = 8192
    share = plan.subsets(SEED, np.arange(t), 10, CLASSES).mean()
    assert abs(share - plan.inclusion(10)) < 5 * np.sqrt(0.25 / (10 * t))


def test_subsets_are_pinned():
    """These never change: a resumed run of next year must train on the same subsets."""
    assert np.flatnonzero(Fixed(0.5).subsets(7, 123, 12)[0]).tolist() == PINNED[0]
    assert np.flatnonzero(Bernoulli(0.5).subsets(7, 123, 12)[0]).tolist() == PINNED[1]
    assert np.flatnonzero(Orthogonal(0.75, 64).subsets(7, 123, 12)[0]).tolist() == PINNED[2]


PINNED = [[1, 2, 3, 6, 7, 11], [2, 5, 7, 11], [0, 1, 2, 3, 4, 7, 8, 9, 10]]


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_points_are_one_a_line(digits):
    assert len(points(4, digits)) == (4**digits - 1) // 3
    assert len(points(2, digits)) == 2**digits - 1


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Fixed(1.0), "fraction"),
        (lambda: Fixed(0.01).check(10, 5), "0 of 10"),
        (lambda: Fixed(0.99).check(10, 5), "10 of 10"),
        (lambda: Orthogonal(0.7, 64), "0.75"),
        (lambda: Orthogonal(0.75, 128), "power of 4"),
        (lambda: Orthogonal(0.75, 64).check(22, 64), "256"),
        (lambda: Orthogonal(0.75, 64).check(21, 100), "64 or 128"),
        (lambda: design("orthogonal", models=4096, n=1500), "16384"),
        (lambda: design("orthogonal", 0.7, models=4096, n=15), "0.75"),
        (lambda: design("latin", models=4096, n=15), "fixed, bernoulli, orthogonal"),
        (lambda: design("bernoulli", models=4096, n=15, stratified=True), "stratified"),
        (lambda: Fixed(0.5, True).subsets(0, 0, 10), "labels"),
        (lambda: Fixed(0.5).subsets(-1, 0, 10), "seed"),
        (lambda: Fixed(0.5).subsets(0, -1, 10), "from 0"),
        (lambda: Fixed(0.5).check(10, 0), "models"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(make, word):
    with pytest.raises(ArgumentError, match=word):
        make()


def test_the_smallest_array_that_serves_is_chosen():
    assert design("orthogonal", models=4096, n=1365) == Orthogonal(0.75, 4096)
    assert design("orthogonal", models=8192, n=1365) == Orthogonal(0.75, 4096)
    assert design("orthogonal", 0.5, models=1024, n=255) == Orthogonal(0.5, 256)
    labels = np.arange(1500) % 10
    assert design("orthogonal", models=2048, n=1500, classes=labels, stratified=True) == Orthogonal(0.75, 1024, True)


@pytest.mark.parametrize("n", [1, 5, 40, 1500, 30_000])
def test_counting_finds_the_smallest_keys(n):
    """Keys of 64 bits, of few values so that they tie, and in the lowest bits alone, where counting sees nothing."""
    rng = np.random.default_rng(SEED)
    members = np.sort(rng.permutation(2 * n)[:n])
    for high, shift in ((2**63, 1), (4, 62), (max(n // 3, 1), 0)):
        keys = rng.integers(0, high, 2 * n).astype(np.uint64) << np.uint64(shift)
        for m in {1, -(-n // 3), n}:
            chosen = np.zeros(2 * n, bool)
            draw_cpu.smallest(keys, members, m, chosen)
            assert np.array_equal(chosen[members], smallest(keys[members], m))
            assert chosen.sum() == m


@pytest.mark.parametrize("n", [6, 2501])
def test_subsets_are_read_off_philox_words(n):
    classes = np.arange(n) % 3
    for seed, trials in ((0, [0, 7]), (2**63 + 5, [2**40 + 1])):
        words = philox.words(seed, philox.DESIGN, trials, 0, 2 * n).astype(np.uint64)
        keys = words[:, 0::2] << np.uint64(32) | words[:, 1::2]
        drawn = Fixed(0.5).subsets(seed, trials, n)
        assert np.array_equal(drawn, [smallest(row, round(n / 2)) for row in keys])
        coins = Bernoulli(0.3).subsets(seed, trials, n)
        assert np.array_equal(coins, philox.words(seed, philox.DESIGN, trials, 0, n) < 0.3 * 2**32)
        drawn = Fixed(0.5, stratified=True).subsets(seed, trials, n, classes)
        for row, mask in zip(keys, drawn, strict=True):
            for c in range(3):
                assert np.array_equal(mask[classes == c], smallest(row[classes == c], int(mask[classes == c].sum())))
