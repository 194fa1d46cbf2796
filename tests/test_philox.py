"""Philox: Random123's known answers, and one stream whatever the path that makes it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from longtail import philox
from longtail.core import ArgumentError
from longtail.philox import block_cpu, block_cuda

pytestmark = pytest.mark.kernels

# Random123's kat_vectors, philox4x32 10: counter, key, answer.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
CASES = [(0, 1, 0, 0, 9), (2**64 - 1, 2**32 - 1, 2**64 - 1, 3, 6), (12345678901234567, 7, 2**33 + 5, 2**34 - 9, 9)]


def integers(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter: str, key: str, answer: str) -> None:
    assert philox.block(integers(counter), integers(key)).tolist() == integers(answer)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_layout_puts_seed_in_the_key_and_stream_and_trial_in_the_counter(
    counter: str, key: str, answer: str
) -> None:
    block, stream, low, high = integers(counter)
    seed = integers(key)[0] | integers(key)[1] << 32
    made = philox.words(seed, stream, low | high << 32, 4 * (block % 2**32), 4)
    assert made.tolist() == integers(answer)


@pytest.mark.parametrize("case", CASES)
def test_numba_makes_the_same_words(case: tuple[int, int, int, int, int]) -> None:
    assert block_cpu.words(*case).tolist() == philox.words(*case).tolist()


def test_words_do_not_depend_on_where_or_with_whom_they_are_asked_for() -> None:
    whole = philox.words(5, philox.DESIGN, np.arange(6).reshape(2, 3), 0, 41)
    assert whole.shape == (2, 3, 41)
    assert whole.dtype == np.uint32
    for start in (0, 1, 7, 40):
        assert np.array_equal(philox.words(5, philox.DESIGN, 4, start, 41 - start), whole[1, 1, start:])
    assert philox.words(5, philox.DESIGN, 4, 3, 0).shape == (0,)


def test_seed_stream_and_trial_each_change_every_word() -> None:
    same = philox.words(1, 2, 3, 0, 64)
    for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4), (1 + 2**32, 2, 3), (1, 2, 3 + 2**32)]:
        assert not np.any(philox.words(*other, 0, 64) == same)


def test_uniforms_are_the_words_read_in_pairs() -> None:
    pair = philox.words(9, philox.RESAMPLE, 1, 4, 4).astype(float)
    want = [(pair[0] * 2**32 + pair[1]) / 2**64, (pair[2] * 2**32 + pair[3]) / 2**64]
    np.testing.assert_allclose(philox.uniforms(9, philox.RESAMPLE, 1, 2, 2), want, rtol=0, atol=2.0**-52)
    many = philox.uniforms(9, philox.RESAMPLE, np.arange(100), 0, 1000)
    assert many.min() >= 0
    assert many.max() < 1
    assert abs(many.mean() - 0.5) < 5 / np.sqrt(12 * many.size)  # z = 5, seed 9


@pytest.mark.parametrize(
    "call",
    [
        lambda: philox.words(-1, 1, 0, 0, 4),
        lambda: philox.words(2**64, 1, 0, 0, 4),
        lambda: philox.words(0, 2**32, 0, 0, 4),
        lambda: philox.words(0, 1, 0, 2**34 - 1, 2),
        lambda: philox.substream(philox.MASK, 2**24),
        lambda: philox.substream(256, 0),
    ],
)
def test_what_does_not_fit_the_counter_is_refused(call: object) -> None:
    with pytest.raises(ArgumentError):
        call()  # type: ignore[operator]


def test_numpy_words_need_no_numba() -> None:
    code = "import sys, longtail.philox; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_the_cuda_source_compiled_by_gxx_makes_the_same_words(tmp_path: Path) -> None:
    shim = "#define __device__\n#define __forceinline__ inline\n"
    shim += "inline unsigned __umulhi(unsigned a, unsigned b) { return ((unsigned long long)a * b) >> 32; }\n"
    entry = 'extern "C" u32 word(u64 s, u32 t, u64 k, u64 i) { return philox_word(s, t, k, i); }\n'
    (tmp_path / "philox.cpp").write_text(shim + block_cuda.SOURCE + entry)
    built = tmp_path / "philox.so"
    subprocess.run(["g++", "-O1", "-shared", "-fPIC", "-o", built, tmp_path / "philox.cpp"], check=True)
    word = ctypes.CDLL(str(built)).word
    word.restype = ctypes.c_uint32
    word.argtypes = [ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint64]
    for seed, stream, trial, start, count in CASES:
        made = [word(seed, stream, trial, start + i) for i in range(count)]
        assert made == philox.words(seed, stream, trial, start, count).tolist()
