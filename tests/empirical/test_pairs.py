"""Streamed pairs are the dense computation's, bit for bit, whatever the shapes, the threshold and the buffer."""

from __future__ import annotations

import array_api_strict
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empirical.data.bits import pack, unpack
from empirical.estimates.pairs.pairs import counts, dense, influence, pairs
from longtail.core import ArgumentError

pytestmark = pytest.mark.kernels


def drawn(t: int, n: int, q: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    masks = rng.random((t, n)) < 0.7
    correct = rng.random((t, q)) < rng.random(q)
    k = min(n, q)
    correct[:, :k] |= masks[:, :k] & (rng.random((t, k)) < 0.6)
    return masks, correct


def listed(masks: np.ndarray, correct: np.ndarray, threshold: float, **options: object) -> set[tuple[int, int, int]]:
    found = [
        (int(i), int(j), int(s))
        for hits in pairs(pack(masks), pack(correct), len(masks), threshold, **options)  # type: ignore[arg-type]
        for i, j, s in zip(hits.train, hits.test, hits.in_sum, strict=True)
    ]
    assert len(found) == len(set(found))
    return set(found)


def expected(masks: np.ndarray, correct: np.ndarray, threshold: float) -> set[tuple[int, int, int]]:
    in_sum = dense(masks, correct)
    values = influence(in_sum, masks.sum(0)[:, None], correct.sum(0), len(masks))
    return {(int(i), int(j), int(in_sum[i, j])) for i, j in np.argwhere(values >= threshold)}


@settings(max_examples=30, deadline=None)
@given(t=st.integers(1, 300), n=st.integers(1, 70), seed=st.integers(0, 99))
def test_bits_survive_packing(t: int, n: int, seed: int) -> None:
    trials = np.random.default_rng(seed).random((t, n)) < 0.5
    words = pack(trials)
    assert words.shape == (n, -(-t // 64))
    np.testing.assert_array_equal(unpack(words, t), trials)
    np.testing.assert_array_equal(np.bitwise_count(words).sum(1), trials.sum(0))


@settings(max_examples=30, deadline=None)
@given(
    t=st.integers(2, 300),
    n=st.integers(1, 70),
    q=st.integers(1, 150),
    threshold=st.sampled_from([-1.0, 0.0, 0.1, 0.15, 0.25, 1.0]),
    seed=st.integers(0, 99),
)
def test_hits_are_the_dense_ones(t: int, n: int, q: int, threshold: float, seed: int) -> None:
    masks, correct = drawn(t, n, q, seed)
    assert listed(masks, correct, threshold, held=1) == expected(masks, correct, threshold)


def test_a_pair_exactly_at_the_threshold_is_a_hit() -> None:
    masks = np.array([[True], [True], [True], [True], [False], [False]])
    correct = np.array([[True], [True], [True], [False], [True], [False]])
    assert listed(masks, correct, 3 / 4 - 1 / 2) == {(0, 0, 3)}
    assert listed(masks, correct, np.nextafter(1 / 4, 1)) == set()


def test_only_pairs_of_one_label() -> None:
    masks, correct = drawn(200, 90, 130)
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 3, 90), rng.integers(1, 5, 130)
    want = {h for h in expected(masks, correct, 0.05) if left[h[0]] == right[h[1]]}
    assert listed(masks, correct, 0.05, labels=(left, right)) == want
    assert want


def test_never_in_or_never_out_is_nan_and_no_hit() -> None:
    masks, correct = drawn(100, 8, 8)
    masks[:, 0], masks[:, 1] = False, True
    assert np.isnan(influence(dense(masks, correct), masks.sum(0)[:, None], correct.sum(0), 100)[:2]).all()
    assert {0, 1}.isdisjoint(i for i, _, _ in listed(masks, correct, -1.0))


def test_counts_match_the_product_in_two_namespaces() -> None:
    masks, correct = drawn(130, 33, 65)
    in_sum = counts(pack(masks), pack(correct))
    np.testing.assert_array_equal(in_sum, dense(masks, correct))
    strict = dense(array_api_strict.asarray(masks), array_api_strict.asarray(correct))
    np.testing.assert_array_equal(in_sum, np.asarray(strict))


def test_shards_are_columns_of_words() -> None:
    masks, _ = drawn(192, 10, 1)
    np.testing.assert_array_equal(pack(masks), np.hstack([pack(masks[k : k + 64]) for k in (0, 64, 128)]))


def test_words_for_other_trials_are_refused() -> None:
    masks, correct = drawn(64, 4, 4)
    with pytest.raises(ArgumentError, match="correct"):
        counts(pack(masks), np.hstack([pack(correct)] * 2))
    with pytest.raises(ArgumentError, match="trials"):
        list(pairs(pack(masks), pack(correct), 65, 0.1))


def test_the_population_count_is_one_instruction_where_the_cpu_has_it() -> None:
    from llvmlite import binding

    from empirical.estimates.pairs import pairs_cpu

    if not binding.get_host_cpu_features().get("avx512vpopcntdq", False):
        pytest.skip("no AVX-512 VPOPCNTDQ here")
    if numba.config.CPU_NAME:
        pytest.skip(f"compiled for {numba.config.CPU_NAME}, not for this processor")
    fresh = numba.njit(pairs_cpu.shared.py_func)  # what comes from the cache has no listing
    fresh(np.zeros((4, 4), np.uint64), np.zeros((4, 64), np.uint64), 0, np.zeros((4, 64), np.uint64))
    text = "".join(fresh.inspect_asm().values())
    assert text.count("vpopcntq") >= 16
    assert "%zmm" in text or "%ymm" in text
