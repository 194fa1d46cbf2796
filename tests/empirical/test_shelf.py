"""Files by name, each whole: a folder and a bucket keep the same promises, which are all that a run knows of them."""

from __future__ import annotations

import itertools
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from empirical import estimate
from empirical.training.shelf import Folder, Shelf, shelf
from longtail.core import ArgumentError
from tests.empirical.bucketed import NAME, Server, served

counter = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("obstore", reason="obstore is not installed")
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    with served() as found:
        yield found


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.extra)])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Shelf]:
    if request.param == "bucket":
        request.getfixturevalue("server")
        return lambda: shelf(f"s3://{NAME}/shelves/{next(counter)}/")
    return lambda: shelf(tmp_path / str(next(counter)))


def put(where: Shelf, name: str, content: bytes, *, first: bool = False) -> None:
    with where.write(name, first=first) as file:
        file.write(content)


def content(where: Shelf, name: str) -> bytes:
    with where.read(name) as file:
        return file.read()


def test_what_was_put_is_there_and_nothing_else(new: Callable[[], Shelf]) -> None:
    where = new()
    assert where.names() == []
    where.make()
    put(where, "b.npz", b"two")
    put(where, "a.json", b"one")
    put(where.inside("below"), "c", b"three") if not isinstance(where, Folder) else None
    assert [name for name in where.names() if name != "below"] == ["a.json", "b.npz"]
    assert [content(where, name) for name in ("a.json", "b.npz")] == [b"one", b"two"]
    assert [where.has(name) for name in ("a.json", "b.npz", "c")] == [True, True, False]
    assert where.seen()
    with pytest.raises(FileNotFoundError):
        where.read("c")


def test_a_file_that_is_first_stays_and_another_replaces(new: Callable[[], Shelf]) -> None:
    where = new()
    where.make()
    put(where, "a", b"one", first=True)
    put(where, "a", b"two", first=True)
    assert content(where, "a") == b"one"
    put(where, "a", b"three")
    assert content(where, "a") == b"three"


def test_of_many_at_once_exactly_one_is_first(new: Callable[[], Shelf]) -> None:
    """Each puts its own and looks at once what is there: all have seen the same one."""
    where = new()
    where.make()

    def one(number: int) -> bytes:
        put(where, "a", b"%d" % number * 1000, first=True)
        return content(where, "a")

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(one, range(32)))
    assert len(seen) == 1


def test_what_ends_badly_is_nowhere(new: Callable[[], Shelf]) -> None:
    where = new()
    where.make()

    def broken() -> None:
        with where.write("a") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert where.names() == []
    assert not where.has("a")


def test_shelves_travel_to_workers(new: Callable[[], Shelf]) -> None:
    where = new()
    where.make()
    put(where, "a", b"one")
    there: Shelf = pickle.loads(pickle.dumps(where))
    assert content(there, "a") == b"one"
    assert str(there) == str(where)


@pytest.mark.parametrize("address", ["s3://", "s3:///x", "http://host/x", "S3://x"])
def test_what_is_no_address_of_a_bucket_is_refused(address: str) -> None:
    with pytest.raises(ArgumentError, match=r"^store: got .*; give a folder, or a bucket as s3://bucket/prefix$"):
        shelf(address)


def test_without_the_extra_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ArgumentError, match=r"pip install 'longtail\[bucket\]'$"):
        shelf("s3://absent/run")
    arguments = ["planted", "--n", "40", "--trials", "8", "--store", "s3://absent/run"]
    assert estimate.main(arguments) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("error: --store: got s3://absent/run; it needs obstore: pip install 'longtail[bucket]'")


def test_tables_go_to_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert estimate.main(["planted", "--out", "s3://memories/run"]) == 2
    assert "--out: got s3://memories/run; it is an address: give a folder" in capsys.readouterr().err
    assert not Path("s3:").exists()


@pytest.mark.parametrize("place", ["", "s3:/memories/run", "s3://", "s3:///run", "file", "file/under"])
def test_what_is_neither_a_folder_nor_a_bucket_is_refused_in_a_line(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert estimate.main(["planted", "--n", "60", "--trials", "32", "--quiet", "--store", place]) == 2
    said = capsys.readouterr().err
    assert "--store: got " in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
