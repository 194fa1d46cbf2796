"""Decision values become scores: compiled against the oracle in two namespaces, and the rules for absent classes."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
from scipy.special import log_softmax

from empirical.learners.shared.exponential_cpu import exponential
from empirical.learners.shared.scores import held_classes, read, scored

pytestmark = pytest.mark.kernels

SCORES = ("correct", "margin", "loss", "probability")


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(6, 50, 4)) * 8, 0).astype(np.float32)  # ties are common
    present = rng.random((6, 4)) < 0.7
    present[0], present[1] = True, [False, False, True, False]
    present[:, 2] = True
    return values, present, rng.integers(0, 4, 50)


def compiled(values: np.ndarray, present: np.ndarray, labels: np.ndarray, score: str) -> np.ndarray:
    out = np.empty(values.shape[:2], bool if score == "correct" else np.float32)
    read(np.ascontiguousarray(values.transpose(0, 2, 1)), present, labels, score, out)  # type: ignore[arg-type]
    return out


@pytest.mark.parametrize("score", SCORES)
def test_compiled_scores_are_the_oracles(score: str) -> None:
    values, present, labels = drawn()
    want = scored(values, present, labels, score)  # type: ignore[arg-type]
    strict = scored(*(array_api_strict.asarray(v) for v in (values, present, labels)), score)  # type: ignore[arg-type]
    np.testing.assert_allclose(np.asarray(strict), want, rtol=1e-6)
    np.testing.assert_allclose(compiled(values, present, labels, score), want, rtol=2e-6, atol=2e-6)


def test_where_all_classes_are_present_the_rules_are_the_usual_ones() -> None:
    values, present, labels = drawn()
    rows = np.arange(50)
    own = log_softmax(values[0].astype(float), axis=1)[rows, labels]
    np.testing.assert_allclose(compiled(values, present, labels, "loss")[0], -own, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(compiled(values, present, labels, "probability")[0], np.exp(own), rtol=2e-5, atol=1e-6)
    np.testing.assert_array_equal(compiled(values, present, labels, "correct")[0], values[0].argmax(1) == labels)


def test_an_absent_class_is_never_predicted_and_scores_are_finite() -> None:
    values, present, labels = drawn()
    absent = ~present[:, labels]
    assert absent.any()
    assert not compiled(values, present, labels, "correct")[absent].any()
    assert (compiled(values, present, labels, "probability")[absent] == 0).all()
    assert (compiled(values, present, labels, "margin")[absent] <= 0).all()
    for score in SCORES:
        assert np.isfinite(compiled(values, present, labels, score)).all()


def test_the_exponential_is_accurate_where_float32_is() -> None:
    x = np.linspace(-87, 87, 20001, dtype=np.float32)
    ours = np.array([exponential(v) for v in x])
    np.testing.assert_allclose(ours, np.exp(x.astype(float)), rtol=3e-7)


def test_held_classes() -> None:
    labels = np.array([3, 0, 3, 1])
    masks = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]], bool)
    want = [[1, 0, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 0, 1, 0]]
    np.testing.assert_array_equal(held_classes(masks, labels, 5), np.array(want, bool))
