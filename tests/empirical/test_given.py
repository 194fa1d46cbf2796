"""Data as they come: gaps, images of several sizes, a part of the rows, semicolons, sparse matrices; and what is refused."""

import numpy as np
import pytest
import scipy.sparse
from PIL import Image

from empirical import SubsetEstimator, estimate
from empirical.data.load import load
from empirical.estimates.kept import read
from empirical.learners import KNN
from empirical.learners.parse import parse_learner
from empirical.report.exhibits import exhibits
from longtail.core import ArgumentError
from tests.empirical.samples import images, table

KEYS = {"label": "animal", "id": "key"}


@pytest.fixture
def gappy(tmp_path):
    frame = table(40).assign(height=np.arange(40.0))
    frame.loc[[3, 5, 8], "weight"] = np.nan
    frame.loc[[5, 9], "color"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv", frame


def test_gaps_are_refused_unless_told(gappy):
    with pytest.raises(
        ArgumentError, match=r"3 values that are NaN or infinite .* or give --missing median, drop or as-is"
    ):
        load(gappy[0], **KEYS)
    with pytest.raises(ArgumentError, match="missing: got mean; give median, drop, as-is"):
        load(gappy[0], missing="mean", **KEYS)
    with pytest.raises(ArgumentError, match="missing: got median; this kind of data has no such option"):
        load("digits", missing="median")


def test_rows_with_gaps_are_dropped(gappy):
    path, frame = gappy
    found = load(path, missing="drop", **KEYS)
    kept = set(found.train_ids) | set(found.test_ids)
    assert kept == set(frame["key"]) - {f"row-{i}" for i in (3, 5, 8, 9)}
    whole = frame.drop(index=[3, 5, 8, 9])
    whole.to_csv(path, index=False)
    own = load(path, **KEYS)
    assert np.array_equal(found.data.x_train, own.data.x_train)
    assert found.train_ids == own.train_ids
    rows = load(path, label="animal", missing="drop")  # under the numbers that they have in the file
    frame.to_csv(path, index=False)
    numbered = load(path, label="animal", missing="drop")
    assert set(numbered.train_ids) | set(numbered.test_ids) == set(whole.index)
    assert np.array_equal(numbered.data.x_train, rows.data.x_train)
    frame.assign(weight=np.nan).to_csv(path, index=False)
    with pytest.raises(ArgumentError, match="missing: got drop, which leaves 0 of 40 rows"):
        load(path, missing="drop", **KEYS)


def test_gaps_are_filled_by_the_median_of_the_training_rows(gappy):
    path, frame = gappy
    found = load(path, missing="median", **KEYS)
    train = frame.set_index("key").loc[list(found.train_ids)]
    filled = train["weight"].fillna(train["weight"].median())
    expected = (filled - filled.mean()) / filled.std(ddof=0)
    assert np.allclose(found.data.x_train[:, 0], expected, atol=1e-6)
    test = frame.set_index("key").loc[list(found.test_ids)]["weight"].fillna(train["weight"].median())
    assert np.allclose(found.data.x_test[:, 0], (test - filled.mean()) / filled.std(ddof=0), atol=1e-6)
    assert found.data.x_train.shape[1] == 2 + 3  # colors: blue, red and none
    assert any("3 gaps of weight filled by their median" in note for note in found.notes)
    frame.assign(weight=np.nan).to_csv(path, index=False)
    with pytest.raises(ArgumentError, match="column weight, empty in all training rows"):
        load(path, missing="median", **KEYS)


def test_gaps_stay_for_learners_that_take_them(gappy):
    path, frame = gappy
    found = load(path, missing="as-is", **KEYS)
    train = frame.set_index("key").loc[list(found.train_ids)]
    assert np.array_equal(np.isnan(found.data.x_train[:, 0]), train["weight"].isna())
    assert not np.isnan(found.data.x_train[:, 1:]).any()
    assert np.nanmean(found.data.x_train[:, 0]) == pytest.approx(0, abs=1e-6)
    trees = parse_learner("sklearn.ensemble.HistGradientBoostingClassifier(max_iter=1)")
    assert trees.prepare(found.data)(np.ones((1, found.data.n), bool), np.arange(1))[0].shape == (1, found.data.n)
    with pytest.raises(ArgumentError, match="NaN or infinite"):
        parse_learner("knn").prepare(found.data)
    frame.assign(weight=np.inf).to_csv(path, index=False)
    with pytest.raises(ArgumentError, match="40 values that are NaN or infinite"):
        load(path, missing="as-is", **KEYS)


def test_rows_are_shown_by_their_own_columns_and_values(gappy):
    found = load(gappy[0], missing="median", **KEYS)
    frame = gappy[1].set_index("key")
    shown = exhibits(found)
    for part, ids in (("train", found.train_ids), ("test", found.test_ids)):
        for place, name in enumerate(ids[:12]):
            row = frame.loc[name]
            weight = "missing" if np.isnan(row["weight"]) else f"{row['weight']:.6g}"
            color = row["color"] if isinstance(row["color"], str) else "missing"
            assert shown.text((part, place)) == f"weight {weight}, color {color}, height {row['height']:.6g}"


@pytest.mark.parametrize(("sep", "decimal"), [(";", ","), (";", "."), ("\t", ","), (",", ".")])
def test_cells_may_be_parted_otherwise(tmp_path, sep, decimal):
    frame = table().assign(note=["a;b", "c,d", "e"] * 10)
    frame.to_csv(tmp_path / "own.csv", index=False)
    frame.to_csv(tmp_path / "other.csv", index=False, sep=sep, decimal=decimal)
    own, other = (load(tmp_path / f"{name}.csv", **KEYS) for name in ("own", "other"))
    assert np.array_equal(own.data.x_train, other.data.x_train)
    assert own.train_ids == other.train_ids
    assert own.data.classes == other.data.classes


def test_images_of_several_sizes_are_brought_to_one(tmp_path):
    root = images(tmp_path / "all")
    # gray, and too large to be taken as it is
    Image.fromarray(np.full((400, 300), 51, np.uint8)).save(root / "dog" / "large.png")
    with pytest.raises(
        ArgumentError, match=r"make images smaller first, or give --size|one size and mode, or give --size"
    ):
        load(root)
    found = load(root, size=8)
    assert found.data.x_train.shape[1:] == (8, 8, 3)
    both = dict(zip((*found.train_ids, *found.test_ids), (*found.data.x_train, *found.data.x_test), strict=True))
    assert np.allclose(both["dog/large.png"], 0.2, atol=1e-6)
    assert all(x.min() >= 0 and x.max() <= 1 for x in both.values())
    small = np.asarray(Image.open(root / "cat" / "0.png"), float) / 255
    assert np.allclose(both["cat/0.png"].mean((0, 1)), small.mean((0, 1)), atol=0.1)
    with pytest.raises(ArgumentError, match="size: got 1; give a whole number from 2 to 256"):
        load(root, size=1)


def test_some_of_the_rows(tmp_path):
    every, some = load("digits"), load("digits", rows=200, seed=4)
    assert (some.data.n, some.data.n_test) == (200, 297)
    assert list(some.train_ids) == sorted(set(some.train_ids))
    assert np.array_equal(some.data.x_train, every.data.x_train[list(some.train_ids)])
    assert np.array_equal(some.data.y_train, every.data.y_train[list(some.train_ids)])
    assert load("digits", rows=200, seed=5).train_ids != some.train_ids
    counts = sum(np.isin(np.arange(1500), load("digits", rows=300, seed=s).train_ids) for s in range(40))
    assert abs(counts.mean() - 8) < 1e-9
    assert counts.max() < 8 + 5 * np.sqrt(6.4)  # each as likely as another
    for bad in (1501, 1):
        with pytest.raises(ArgumentError, match="rows: got"):
            load("digits", rows=bad)
    table().to_csv(tmp_path / "t.csv", index=False)
    named = load(tmp_path / "t.csv", rows=5, **KEYS)
    shown = exhibits(named)
    frame = table().set_index("key")
    assert all(
        f"weight {frame.loc[name, 'weight']:.6g}" in shown.text(("train", k)) for k, name in enumerate(named.train_ids)
    )


def test_a_run_remembers_how_its_data_were_read(gappy, tmp_path, capsys):
    options = ["--label", "animal", "--id", "key", "--missing", "median", "--rows", "20", "--seed", "3"]
    out = tmp_path / "run"
    assert (
        estimate.main([str(gappy[0]), *options, "--trials", "16", "--shard", "16", "--no-plot", "--out", str(out)]) == 0
    )
    capsys.readouterr()
    again = read(out).dataset()
    assert again.data.n == 20
    assert not np.isnan(again.data.x_train).any()


@pytest.fixture
def sparse(tmp_path):
    rng = np.random.default_rng(0)
    x = scipy.sparse.random_array((60, 40), density=0.2, rng=rng, format="csr", dtype=np.float64)
    y = np.where(x[:, [0]].toarray()[:, 0] > 0, "yes", "no")
    scipy.sparse.save_npz(tmp_path / "x.npz", x)
    (tmp_path / "y.txt").write_text("\n".join(y) + "\n")
    np.save(tmp_path / "y.npy", y)
    return tmp_path, x, y


@pytest.mark.parametrize("labels", ["y.txt", "y.npy"])
def test_a_sparse_matrix_and_its_labels(sparse, labels):
    folder, x, y = sparse
    found = load(folder / "x.npz", label=str(folder / labels))
    assert scipy.sparse.issparse(found.data.x_train)
    assert np.allclose(found.data.x_train.toarray(), x[list(found.train_ids)].toarray())
    assert (np.array(found.data.classes)[found.data.y_test] == y[list(found.test_ids)]).all()
    assert load(folder / "x.npz", label=str(folder / labels), rows=20).data.x_train.shape == (20, 40)
    largest = abs(found.data.x_train[[3]].toarray()[0]).argmax()
    assert exhibits(found).text(("train", 3)).startswith(f"#{largest} ")
    scipy.sparse.save_npz(folder / "c.npz", x.tocsc())
    other = load(folder / "c.npz", label=str(folder / labels))
    assert np.array_equal(other.data.x_train.toarray(), found.data.x_train.toarray())
    for model in ("knn", "sklearn.linear_model.LogisticRegression(max_iter=5000)"):
        parts = (found.data.x_train, found.data.y_train, found.data.x_test, found.data.y_test)
        dense = (parts[0].toarray(), parts[1], parts[2].toarray(), parts[3])
        one, two = (
            SubsetEstimator(model, models=4, random_state=0).fit(*some).trials_.test_scores() for some in (parts, dense)
        )
        assert (one == two).mean() > 0.97


def test_a_sparse_matrix_to_test_on(sparse):
    folder, x, y = sparse
    scipy.sparse.save_npz(folder / "a.npz", x[:50])
    scipy.sparse.save_npz(folder / "b.npz", x[50:].tocsc())
    np.save(folder / "ya.npy", y[:50])
    (folder / "yb.txt").write_text("\n".join(y[50:]))
    both = {"test": str(folder / "b.npz"), "label": f"{folder / 'ya.npy'},{folder / 'yb.txt'}"}
    found, other = load(folder / "a.npz", **both), load(folder / "a.npz", **{**both, "label": str(folder / "y.npy")})
    for one in (found, other):
        assert np.allclose(one.data.x_train.toarray(), x[:50].toarray())
        assert np.allclose(one.data.x_test.toarray(), x[50:].toarray())
        assert (np.array(one.data.classes)[one.data.y_train] == y[:50]).all()
        assert (np.array(one.data.classes)[one.data.y_test] == y[50:]).all()
        assert one.test_ids == tuple(range(10))
    scipy.sparse.save_npz(folder / "narrow.npz", x[50:, :7])
    np.savez(folder / "dense.npz", X=np.eye(3))
    for change, said in (
        ({"test": str(folder / "narrow.npz")}, "test: got .*narrow.npz of 7 columns; give a matrix of 40"),
        ({"test": str(folder / "dense.npz")}, "test: got .*dense.npz with X; save format"),
        ({"label": str(folder / "ya.npy")}, r"label: got .*ya.npy; .*name both, .*ya.npy,FILE with the 10"),
        ({"label": f"{folder / 'ya.npy'},{folder / 'ya.npy'}"}, "label: got 50 labels; give one for each of the 10"),
        ({"label": None}, "labels and, after a comma, that of the 10"),
        ({"test_fraction": 0.5}, "the test rows are those of"),
    ):
        with pytest.raises(ArgumentError, match=said):
            load(folder / "a.npz", **{**both, **change})


def test_broken_sparse_matrices_are_refused(sparse):
    folder, x, _ = sparse
    path, label = folder / "x.npz", str(folder / "y.txt")
    with pytest.raises(ArgumentError, match=r"label: got None; .* is a sparse matrix: give the file of its 60 labels"):
        load(path)
    (folder / "short.txt").write_text("a\nb\n")
    with pytest.raises(ArgumentError, match="label: got 2 labels; give one for each of the 60"):
        load(path, label=str(folder / "short.txt"))
    good = {
        "format": np.array(b"csr"),
        "shape": np.array(x.shape),
        "data": x.data,
        "indices": x.indices,
        "indptr": x.indptr,
    }
    for change, said in (
        ({"indices": x.indices + 40}, "no sparse matrix"),
        ({"indptr": x.indptr[::-1].copy()}, "no sparse matrix"),
        ({"shape": np.array([60])}, "no sparse matrix"),
        ({"data": np.where(np.arange(x.nnz) == 7, np.nan, x.data)}, "NaN or infinite"),
        ({"format": np.array(b"coo")}, "as csr or csc"),
        ({"data": x.data.astype("U")}, "save numbers"),
    ):
        np.savez(path, **{**good, **change})
        with pytest.raises(ArgumentError, match=said):
            load(path, label=label)


def test_a_list_of_lists_needs_no_tests():
    x, y = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32), np.arange(32) % 2
    fitted = [
        SubsetEstimator(KNN(), models=8, random_state=0).fit(given, y)
        for given in (x, x.tolist(), tuple(map(tuple, x)))
    ]
    for one in fitted[1:]:
        assert one.memorization_.equals(fitted[0].memorization_)
