"""``--masks``: models that were trained elsewhere are scored, and what does not fit is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.empirical.commanded import run


def test_models_trained_elsewhere(capsys, tmp_path):
    rng = np.random.default_rng(0)
    masks = rng.random((60, 20)) < 0.7
    parts = {
        "masks": masks,
        "correct_train": masks | (rng.random((60, 20)) < 0.5),
        "correct_test": rng.random((60, 9)) < 0.5,
    }
    np.savez(tmp_path / "m.npz", **parts)
    code, out, err = run(capsys, "--masks", tmp_path / "m.npz", "--json")
    assert code == 0
    assert json.loads(out)["n_test"] == 9
    assert "any two classes" in err
    assert json.loads(out)["labels"] is None
    code, out, _ = run(capsys, "--masks", tmp_path / "m.npz", "--json", "--labels", 4)
    assert json.loads(out)["labels"] == 4
    np.savez(tmp_path / "n.npz", **parts, y_train=np.arange(20) % 2, y_test=np.arange(9) % 2)
    code, out, _ = run(capsys, "--masks", tmp_path / "n.npz", "--out", tmp_path / "o")
    assert code == 0
    assert "0.5" in out
    assert run(capsys, "--masks", tmp_path / "n.npz", "--labels", 2)[0] == 2
    np.savez(tmp_path / "bad.npz", **(parts | {"correct_train": parts["correct_train"][:, 1:]}))
    code, _, err = run(capsys, "--masks", tmp_path / "bad.npz")
    assert code == 2
    assert "(60, 20)" in err
    np.savez(tmp_path / "few.npz", masks=masks)
    assert run(capsys, "--masks", tmp_path / "few.npz")[0] == 2


@pytest.fixture
def models(tmp_path):
    """Writes a file of models trained elsewhere, 60 of them on 20 examples."""
    rng = np.random.default_rng(0)
    masks = rng.random((60, 20)) < 0.7

    def save(count=60, **more):
        parts = {"masks": masks, "correct_train": masks, "correct_test": rng.random((60, 9)) < 0.5}
        np.savez(tmp_path / "m.npz", **{name: part[:count] for name, part in parts.items()}, **more)
        return tmp_path / "m.npz"

    return save


@pytest.mark.parametrize(
    "option",
    [
        ("--learner", "knn"),  # its default, but asked for
        ("--design", "fixed"),
        ("--trials", "100"),
        ("--workers", "1"),
        ("--fraction", "0.7"),
        ("--resume",),
        ("--no-resume",),
        ("--merge", "elsewhere"),
        ("--stratified",),
        ("--test-fraction", "0.2"),
        ("--data-dir", "data"),
    ],
    ids=" ".join,
)
def test_what_means_nothing_for_models_trained_elsewhere_is_refused(capsys, models, option):
    assert run(capsys, "--masks", models())[0] == 0
    code, out, err = run(capsys, "--masks", models(), *option)
    assert code == 2
    assert out == ""
    assert f"error: {option[0].replace('--no-', '--')}: got" in err


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"train_ids": np.arange(19)}, "train_ids: got 19 names; give one for each of the 20"),
        ({"test_ids": np.arange(10)}, "test_ids: got 10 names; give one for each of the 9"),
        ({"train_ids": np.float64(3)}, "train_ids: got names of shape (); give one for each of the 20"),
        ({"train_ids": np.arange(40).reshape(20, 2)}, "train_ids: got names of shape (20, 2)"),
        ({"y_train": np.int64(3)}, "y_train: got labels of shape (); give one for each of the 20"),
        ({"y_train": np.arange(20), "y_test": np.arange(8)}, "y_test: got 8 labels; give one for each of the 9"),
        ({"y_train": np.arange(40).reshape(20, 2)}, "got 2 labels an example"),
        ({"count": 0}, "masks: got 0 trials of 20 and 9 examples"),
        ({"count": 1}, "masks: got 1 trials"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_models_trained_elsewhere_that_do_not_fit_are_refused(capsys, models, parts, named):
    code, _, err = run(capsys, "--masks", models(**parts))
    assert code == 2
    assert named in err


def test_labels_of_training_examples_alone_are_kept(capsys, models, tmp_path):
    place = models(y_train=np.array(["a", "b"] * 10))
    code, _, err = run(capsys, "--masks", place, "--no-plot", "--out", tmp_path / "o")
    assert code == 0
    assert "any two classes" in err
    table, pairs = (pd.read_csv(tmp_path / "o" / f"{name}.csv") for name in ("memorization", "pairs"))
    assert table["label"].tolist() == ["a", "b"] * 10
    assert "label" not in pairs
    assert run(capsys, "--masks", models(y_test=np.arange(9) % 2))[0] == 2
