"""Downloads: fetched once, held to the host's checksum, and an error that says what to do where that fails."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pooch
import pytest

from empirical.data.load import load
from empirical.data.sources import mnist
from empirical.data.sources.idx import PARTS
from longtail.core import ArgumentError


def idx(values):
    return gzip.compress(struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes())


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host of thirty digits laid out as MNIST is; the paths asked of it."""
    monkeypatch.delenv("LONGTAIL_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    files, asked, rng = tmp_path / "host", [], np.random.default_rng(1)
    files.mkdir()
    sums = {}
    for part, (file, rank) in PARTS.items():
        count = 30 if part.endswith("train") else 10
        values = rng.integers(0, 256, (count, 28, 28)) if rank == 3 else np.arange(count) % 10
        data = idx(values.astype(np.uint8))
        (files / file).write_bytes(data)
        sums[file] = hashlib.md5(data).hexdigest()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=files))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(mnist, "HOST", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(mnist, "MD5", sums)
    yield files, asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_set_is_downloaded_once(host, tmp_path):
    _, asked = host
    first = load("mnist").data
    assert (first.n, first.n_test) == (30, 10)
    assert len(asked) == 4
    again = load("mnist").data
    assert len(asked) == 4
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert len(list((tmp_path / "cache").rglob("*.gz"))) == 4


def test_a_file_that_is_not_the_one_published_is_refused_and_not_kept(host, tmp_path):
    files, _ = host
    (files / PARTS["y_train"][0]).write_bytes(idx(np.zeros(30, np.uint8)))
    with pytest.raises(ArgumentError, match="is not the file it was"):
        load("mnist")
    assert not list((tmp_path / "cache").rglob(PARTS["y_train"][0]))


def test_a_file_that_cannot_be_had_says_where_to_put_it(host):
    files, _ = host
    (files / PARTS["x_test"][0]).unlink()
    with pytest.raises(ArgumentError, match=r"cannot download .* put t10k-images-idx3-ubyte\.gz in a folder"):
        load("mnist")


def test_a_cached_file_that_was_damaged_is_fetched_again(host, tmp_path):
    _, asked = host
    load("mnist")
    next((tmp_path / "cache").rglob(PARTS["x_test"][0])).write_bytes(b"half a fi")
    assert load("mnist").data.n_test == 10
    assert len(asked) == 5
