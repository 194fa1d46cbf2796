"""The user's own tables: row names, labels and words as they are written, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from empirical.data.load import load
from longtail.core import ArgumentError
from tests.empirical.samples import images, table


@pytest.mark.parametrize("suffix", ["csv", pytest.param("parquet", marks=pytest.mark.extra)])
def test_tables_carry_row_names_through(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    frame = table()
    path = tmp_path / f"t.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    found = load(path, label="animal", id="key")
    assert found.data.classes == ("cat", "dog")
    assert (found.data.n, found.data.n_test) == (24, 6)
    assert found.data.x_train.shape[1] == 3
    assert set(found.train_ids) | set(found.test_ids) == set(frame["key"])
    row = frame.set_index("key").loc[list(found.train_ids)]
    assert (np.array(found.data.classes)[found.data.y_train] == row["animal"]).all()
    assert found.data.x_train.mean(0) == pytest.approx(0, abs=1e-6)
    plain = load(path, label="animal", test=path) if suffix == "csv" else None
    if plain is not None:
        assert plain.train_ids == tuple(range(30)) == plain.test_ids
    with pytest.raises(ArgumentError, match="animal, weight"):
        load(path, label="species")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda f: f.assign(animal=np.linspace(0, 1, 30)), "regression"),
        (lambda f: f.assign(animal=[None, *f["animal"][1:]]), "missing label"),
        (lambda f: f.assign(weight=[np.nan, *f["weight"][1:]]), "NaN"),
        (lambda f: f.assign(color=[f"c{i}" for i in range(30)] * 1).assign(many=range(30)), None),
        (
            lambda f: pd.concat([f.assign(color=[f"c{i}{k}" for i in range(30)]) for k in range(3)]),
            "more than 32 kinds",
        ),
    ],
)
def test_tables_that_cannot_serve_are_refused(tmp_path, change, named):
    path = tmp_path / "t.csv"
    change(table()).to_csv(path, index=False)
    if named is None:
        assert load(path, label="animal", id="key").data.n == 24
        return
    with pytest.raises(ArgumentError, match=named):
        load(path, label="animal", id="key")


@pytest.mark.parametrize("end", ["csv", "test"])
def test_classes_and_row_names_may_be_words_for_nothing(tmp_path, end):
    """Only an empty cell is a missing label; of numbers, "NA" is one as well."""
    frame = table().assign(animal=["NA", "null", "None", "nan", "cat"] * 6, key=["null", "NA", "nan"] * 10)
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    found = load(path, label="animal", id="key", **({"test": path} if end == "test" else {}))
    assert found.data.classes == ("NA", "None", "cat", "nan", "null")
    assert set(found.train_ids) == {"null", "NA", "nan"}
    texts = frame.assign(words=[f"{v} film" for v in frame["animal"][:-1]] + [""])
    texts.to_csv(path, index=False)
    assert load(path, label="animal", text="words").data.x_train.shape[1] == 6
    for gone in ("", "NA"):
        frame.assign(animal=[gone, *range(29)]).to_csv(path, index=False)
        with pytest.raises(ArgumentError, match="1 missing label;"):
            load(path, label="animal", id="key")
    frame.assign(animal=["", *frame["animal"][1:]]).to_csv(path, index=False)
    with pytest.raises(ArgumentError, match="1 missing label;"):
        load(path, label="animal", id="key")


IDS = {
    "padded": [f"{i:05d}" for i in range(30)],
    "hexadecimal": [f"{i}e{i % 7}" for i in range(30)],
    "long": [str(76561198000000000 + i) for i in range(30)],
    "decimals": [f"{20240000000001 + i}.50" for i in range(30)],
    "a word for nothing": [*map(str, range(29)), "NA"],
}


@pytest.mark.parametrize("names", IDS.values(), ids=IDS)
def test_row_names_come_through_as_they_are_written(tmp_path, names):
    path = tmp_path / "t.csv"
    table().assign(key=names).to_csv(path, index=False)
    for found in (load(path, label="animal", id="key"), load(path, label="animal", id="key", test=path)):
        assert set(found.train_ids) | set(found.test_ids) == set(names)


@pytest.mark.parametrize("end", ["source", "test"])
def test_a_row_without_its_name_is_refused(tmp_path, end):
    whole, gaps = tmp_path / "whole.csv", tmp_path / "gaps.csv"
    table().assign(key=range(30)).to_csv(whole, index=False)
    table().assign(key=[*range(3), "", *range(8), "", *range(17)]).to_csv(gaps, index=False)
    files = {"source": whole, "test": whole} | {end: gaps}
    with pytest.raises(ArgumentError, match=r"id: got 2 empty cells in column key of gaps\.csv .*: 4, 13\); fill them"):
        load(**files, label="animal", id="key")


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        (("01", "02"), ("01", "02")),
        (("1e3", "10"), ("10", "1e3")),
        (("1", "2"), (1, 2)),
        (("1.0", "2.00"), (1, 2)),
        ((" -1", "2"), (-1, 2)),
        (("True", "False"), (False, True)),
        (("18446744073709551615", "3"), ("18446744073709551615", "3")),
    ],
    ids=str,
)
def test_labels_are_numbers_where_their_text_says_no_more(tmp_path, written, classes):
    table().assign(animal=written * 15).to_csv(tmp_path / "t.csv", index=False)
    assert load(tmp_path / "t.csv", label="animal", id="key").data.classes == classes


@pytest.mark.parametrize("row", [0, 7, 29])
@pytest.mark.parametrize("gone", ["", "NA", "inf", "1e300"])
def test_a_missing_number_is_named_by_its_row_in_the_file(tmp_path, row, gone):
    frame = table()
    weight = frame["weight"].astype(object)
    weight[row] = gone
    path, other = tmp_path / "t.csv", tmp_path / "whole.csv"
    frame.assign(weight=weight).to_csv(path, index=False)
    frame.to_csv(other, index=False)
    where = rf"1 value .* in t\.csv \(first in row {row + 1} below the header, column weight\)"
    for files in ({"source": path}, {"source": path, "test": other}, {"source": other, "test": path}):
        with pytest.raises(ArgumentError, match=where):
            load(**files, label="animal", id="key")


@pytest.mark.parametrize("suffix", ["csv", pytest.param("parquet", marks=pytest.mark.extra)])
@pytest.mark.parametrize("values", [["", "red", "blue"] * 10, [None, "NA", "red"] * 10, [True, False, None] * 10])
def test_missing_words_are_refused(tmp_path, values, suffix):
    """They would be a kind of their own that nobody named; a class may be called NA, a feature's value not."""
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    gaps, whole = table().assign(color=[None if v == "" else v for v in values]), table()
    paths = [tmp_path / f"{name}.{suffix}" for name in ("gaps", "whole")]
    for path, frame in zip(paths, (gaps, whole), strict=True):
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    missing = 20 if suffix == "csv" and "NA" in values else 10
    for files in ({"source": paths[0]}, {"source": paths[1], "test": paths[0]}):
        with pytest.raises(
            ArgumentError, match=rf"{missing} empty cells in column color of gaps\.\w+ \(rows .*: [13], "
        ):
            load(**files, label="animal", id="key")


@pytest.mark.extra
@pytest.mark.parametrize("cell", [[1.5, 2.5], {"a": 1}], ids=["list", "record"])
def test_a_column_of_lists_is_refused(tmp_path, cell):
    pytest.importorskip("pyarrow")
    table().assign(color=[cell] * 30).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        ArgumentError, match=r"lists in column color of t\.parquet; give each of their numbers a column"
    ):
        load(tmp_path / "t.parquet", label="animal", id="key")


def test_words_where_the_training_file_has_numbers(tmp_path):
    table().to_csv(tmp_path / "a.csv", index=False)
    table().assign(weight="?").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(ArgumentError, match="words in column weight"):
        load(tmp_path / "a.csv", label="animal", id="key", test=tmp_path / "b.csv")


def test_a_table_without_features(tmp_path):
    table()[["animal", "key"]].to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ArgumentError, match="at least one feature"):
        load(tmp_path / "a.csv", label="animal", id="key")


def test_a_share_to_test_on_is_refused_where_the_test_rows_are_given(tmp_path):
    path, pets, texts = tmp_path / "t.csv", tmp_path / "pets", tmp_path / "texts"
    table().to_csv(path, index=False)
    texts.mkdir()
    for name in ("train", "test"):
        images(pets / name)
        (texts / f"{name}.txt").write_text("good film\nbad film\n" * 4)
    for source, options, named in (
        (path, {"label": "animal", "id": "key", "test": path}, "t.csv"),
        (texts / "train.txt", {"test": texts / "test.txt"}, "test.txt"),
        (texts, {}, "test.txt"),
        (pets, {}, "test"),
    ):
        assert load(source, **options).data.n_test >= 8
        with pytest.raises(
            ArgumentError, match=rf"^test_fraction: got 0\.3; the test rows are those of .*{named}; leave"
        ):
            load(source, **options, test_fraction=0.3)


def test_labels_are_no_text_to_learn_from(tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ArgumentError, match="text: got animal; it is the column of labels"):
        load(tmp_path / "t.csv", label="animal", text="animal")
