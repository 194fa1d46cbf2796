"""Attribution scores as others write them: the same numbers out of every format, and one line for what is none."""

from __future__ import annotations

import json
import pickle
import sys
import types

import numpy as np
import pytest

from empirical import makes_scores
from empirical.attributions.scores import checked, read
from empirical.attributions.tensors import brain
from longtail.core import ArgumentError

SCORES = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def safetensors(path, tensors: dict[str, np.ndarray], kinds: dict[str, str] | None = None) -> None:
    """A file as the format's description says, written by hand."""
    head, body = {"__metadata__": {"format": "pt"}}, b""
    for name, a in tensors.items():
        raw = np.ascontiguousarray(a).tobytes()
        kind = (kinds or {}).get(name, {"float32": "F32", "float64": "F64", "float16": "F16"}.get(str(a.dtype)))
        head[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def bergson(folder, a, kind: str = "float32", written=True, **more) -> None:
    """info.json and scores.bin as bergson 2.5.1 lays them (_score_struct_dtype): number and flag in a power of two of bytes."""
    folder.mkdir()
    items, queries = a.shape
    wide = {"float32": 4, "bfloat16": 2}[kind]
    pair = 1 << wide.bit_length()
    told = {"names": [], "formats": [], "offsets": [], "itemsize": (pair * queries + 7) // 8 * 8}
    for k in range(queries):
        told["names"] += [f"score_{k}", f"written_{k}"]
        told["formats"] += [kind, "bool"]
        told["offsets"] += [pair * k, pair * k + wide]
    sizes = {"attribute_tokens": False, "num_items": items, "num_rows": items, "num_scores": queries}
    (folder / "info.json").write_text(json.dumps({**sizes, "dtype": told, **more}))
    raw = np.zeros((items, told["itemsize"]), np.uint8)
    for k in range(queries):
        raw[:, pair * k : pair * k + wide] = np.ascontiguousarray(a[:, k]).view(np.uint8).reshape(items, wide)
        raw[:, pair * k + wide] = written
    (folder / "scores.bin").write_bytes(raw.tobytes())


def trak(folder, finished: int):
    """scores/NAME.mmap and the record above it, as traker 0.3.2's MmapSaver lays them."""
    path = folder / "scores" / "test.mmap"
    path.parent.mkdir()
    np.lib.format.open_memmap(path, mode="w+", shape=SCORES.shape, dtype=np.float32)[:] = SCORES
    one = {"num_targets": 3, "scores_path": str(path), "scores_finalized": finished}
    (folder / "experiments.json").write_text(json.dumps({"test": one}))
    return path


def saved(tmp_path, kind: str) -> str:
    path = tmp_path / kind
    if kind in ("a.npy", "b.mmap"):
        np.lib.format.open_memmap(path, mode="w+", shape=SCORES.shape, dtype=np.float32)[:] = SCORES
    elif kind == "one.npz":
        np.savez(path, whatever=SCORES)
    elif kind == "named.npz":
        np.savez(path, scores=SCORES.T, other=np.zeros(3))
    elif kind == "bare.csv":
        np.savetxt(path, SCORES, delimiter=",")
    elif kind == "head.csv":
        np.savetxt(path, SCORES, delimiter=",", header="t0,t1,t2", comments="")
    elif kind == "long.csv":
        rows = [f"{i},{j},{SCORES[i, j]:.9g}" for j in range(3) for i in range(7)]
        path.write_text("train_index,test_index,score\n" + "\n".join(rows))
    elif kind == "kf.safetensors":
        safetensors(path, {"all_modules": SCORES.T})
    elif kind == "modules.safetensors":
        safetensors(path, {"a": SCORES.T * 0.25, "b": SCORES.T * 0.75})
    elif kind == "bergson":
        bergson(path, SCORES)
    elif kind == "chosen":
        order = np.array([3, 1, 0, 2, 6, 5, 4])
        bergson(path, SCORES[order])
        np.save(path / "candidates.npy", order)
    elif kind == "t.mmap":
        path = trak(tmp_path, 1)
    return str(path)


KINDS = (
    "a.npy",
    "b.mmap",
    "one.npz",
    "named.npz",
    "bare.csv",
    "head.csv",
    "long.csv",
    "kf.safetensors",
    "modules.safetensors",
    "bergson",
    "chosen",
    "t.mmap",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_scores(tmp_path, kind):
    np.testing.assert_allclose(read(saved(tmp_path, kind), 7, 3), SCORES, rtol=1e-6)


def test_squares_are_turned_where_it_is_said():
    square = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(checked(square, 3, 3), square)
    np.testing.assert_array_equal(checked(square, 3, 3, queries_first=True), square.T)
    np.testing.assert_array_equal(checked(SCORES.T, 7, 3, queries_first=False), SCORES)


def test_kronfluence_has_queries_first_in_a_square_too(tmp_path):
    square = np.arange(9.0).reshape(3, 3)
    safetensors(tmp_path / "s.safetensors", {"all_modules": square})
    np.testing.assert_array_equal(read(str(tmp_path / "s.safetensors"), 3, 3), square.T)


def test_bfloat16_is_the_upper_half_of_a_float():
    bits = (SCORES.view(np.uint32) >> 16).astype(np.uint16)
    np.testing.assert_allclose(brain(bits), SCORES, rtol=2**-7)
    assert brain(np.array([0x3F80], np.uint16))[0] == 1.0


def test_bfloat16_of_both(tmp_path):
    bits = (SCORES.view(np.uint32) >> 16).astype(np.uint16)
    safetensors(tmp_path / "b.safetensors", {"all_modules": bits.T}, {"all_modules": "BF16"})
    np.testing.assert_allclose(read(str(tmp_path / "b.safetensors"), 7, 3), SCORES, rtol=2**-7)
    bergson(tmp_path / "b", bits, "bfloat16")
    np.testing.assert_array_equal(read(str(tmp_path / "b"), 7, 3), brain(bits))


@makes_scores
def ours(data):
    return SCORES * data


def unmarked(data):
    return SCORES


def test_a_function_is_called_by_its_name_if_it_is_marked(monkeypatch):
    module = types.ModuleType("tests_of_scores")
    module.ours, module.unmarked = ours, unmarked
    monkeypatch.setitem(sys.modules, "tests_of_scores", module)
    np.testing.assert_array_equal(read("tests_of_scores.ours", 7, 3, lambda: 2.0), SCORES * 2.0)
    with pytest.raises(ArgumentError, match=r"mark it by @empirical\.makes_scores"):
        read("tests_of_scores.unmarked", 7, 3, lambda: 2.0)
    with pytest.raises(ArgumentError, match="no data to call it with"):
        read("tests_of_scores.ours", 7, 3)


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


def wrong(tmp_path, kind: str) -> str:
    path = tmp_path / kind
    if kind == "objects.npy":
        np.save(path, np.array([Evil()], dtype=object), allow_pickle=True)
    elif kind == "objects.mmap":
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == "raw.mmap":
        path.write_bytes(SCORES.tobytes())
    elif kind == "several.npz":
        np.savez(path, a=SCORES, b=SCORES)
    elif kind == "words.csv":
        path.write_text("a,b,c\nx,y,z\n")
    elif kind == "negative.csv":
        path.write_text("train_index,test_index,score\n-1,0,1\n0,0,2\n")
    elif kind == "huge.csv":
        path.write_text("train_index,test_index,score\n999999999999,0,1\n0,0,2\n")
    elif kind == "gaps.csv":
        path.write_text(
            "train_index,test_index,score\n" + "\n".join(f"{i},{j},1" for i in range(7) for j in range(3) if i + j)
        )
    elif kind == "cut.safetensors":
        safetensors(path, {"all_modules": SCORES})
        path.write_bytes(path.read_bytes()[:-5])
    elif kind == "lies.safetensors":
        text = json.dumps({"x": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + b"abcd")
    elif kind == "length.safetensors":
        path.write_bytes((2**60).to_bytes(8, "little") + b"{}")
    elif kind == "shapes.safetensors":
        safetensors(path, {"a": SCORES, "b": SCORES[:2]})
    elif kind == "unfinished":
        bergson(path, SCORES, written=False)
    elif kind == "short":
        bergson(path, SCORES)
        (path / "scores.bin").write_bytes(b"\0" * 10)
    elif kind == "outside":
        bergson(path, SCORES)
        told = json.loads((path / "info.json").read_text())
        told["dtype"]["offsets"][0] = 10**6
        (path / "info.json").write_text(json.dumps(told))
    elif kind == "tokens":
        bergson(path, SCORES, attribute_tokens=True)
    elif kind == "some":
        bergson(path, SCORES)
        np.save(path / "candidates.npy", np.array([0, 1, 2, 3, 4, 5, 9]))
    elif kind == "zeros.mmap":
        path = trak(tmp_path, 0)
    elif kind == "pairwise_scores_data_partition0_module_partition1.safetensors":
        safetensors(path, {"all_modules": SCORES.T})
    elif kind == "empty":
        path.mkdir()
    elif kind == "pickled":
        path.mkdir()
        array = {
            "zarr_format": 2,
            "shape": [7],
            "chunks": [7],
            "dtype": "|O",
            "filters": [{"id": "pickle"}],
            "compressor": None,
        }
        (path / ".zarray").write_text(json.dumps(array))
    elif kind == "infinite.npy":
        np.save(path, np.where(SCORES > 1, np.inf, SCORES))
    elif kind == "flat.npy":
        np.save(path, SCORES[:, 0])
    return str(path)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("objects.npy", "pickled objects"),
        ("objects.mmap", "cannot be read"),
        ("raw.mmap", "cannot be read"),
        ("several.npz", "several.npz with a, b; call the array scores"),
        ("words.csv", "values of type"),
        ("negative.csv", "give indices from 0"),
        ("huge.csv", "give indices from 0"),
        ("gaps.csv", "1 value that is NaN"),
        ("cut.safetensors", "not where its header says"),
        ("lies.safetensors", "promises F32"),
        ("length.safetensors", "no length of what follows"),
        ("shapes.safetensors", "give all_modules"),
        ("unfinished", "7 of 7 scores of query 0 are not written yet"),
        ("short", "scores.bin has 10 bytes"),
        ("outside", "lies outside of its record"),
        ("tokens", "a score for each token"),
        ("some", "that candidates.npy names; score all of them"),
        ("zeros.mmap", r"not finished; finish them: TRAKer\.finalize_scores"),
        ("pairwise_scores_data_partition0_module_partition1.safetensors", "of some modules only"),
        ("empty", "a folder that bergson wrote"),
        ("pickled", "names the codec pickle"),
        ("infinite.npy", "NaN or infinite"),
        ("flat.npy", r"shape \(7,\); give \(7, 3\)"),
        ("none.npy", "No such file"),
        ("what.xyz?", "give a .npy"),
    ],
)
def test_what_is_none_is_one_line(tmp_path, kind, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        read(wrong(tmp_path, kind), 7, 3)
    assert caught.value.argument == "scores"
    assert "\n" not in str(caught.value)


@pytest.mark.torch
def test_tensors_of_torch(tmp_path):
    torch = pytest.importorskip("torch")
    whole = torch.tensor(SCORES)
    for name, held in {"dattri.pt": whole, "captum.pt": whole.T, "dict.pth": {"s": whole.bfloat16()}}.items():
        torch.save(held, tmp_path / name)
        np.testing.assert_allclose(read(str(tmp_path / name), 7, 3), SCORES, rtol=2**-7)
    torch.save(Evil(), tmp_path / "evil.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("evil.pt", "list.pt"):
        with pytest.raises(ArgumentError, match=r"save one tensor by torch\.save"):
            read(str(tmp_path / name), 7, 3)


@pytest.mark.extra
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_arrays_of_zarr(tmp_path, zarr_format):
    zarr = pytest.importorskip("zarr")
    made = zarr.create_array(
        str(tmp_path / "one.zarr"), shape=(7, 3), dtype="f4", chunks=(4, 2), zarr_format=zarr_format
    )
    made[:] = SCORES
    np.testing.assert_array_equal(read(str(tmp_path / "one.zarr"), 7, 3), SCORES)
    group = zarr.open_group(str(tmp_path / "group.zarr"), mode="w", zarr_format=zarr_format)
    group.create_array("scores", data=SCORES)
    group.create_array("other", data=SCORES[:2])
    np.testing.assert_array_equal(read(str(tmp_path / "group.zarr"), 7, 3), SCORES)
