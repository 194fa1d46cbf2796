"""Broken files by the hundred: a small valid one of each format, its mutations, and a process that reads them one by one.

``python -m tests.empirical.fuzzed FOLDER COUNT SEED [FORMAT ...]`` prints a line of JSON a file: how reading it ended (data,
refused, or the name of what was raised), with what words, and how far memory rose meanwhile. Two more words say that readers are
to let everything through (``leak``), or to hold nothing against the free memory (``greed``), which must not go unnoticed.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gzip
import io
import json
import random
import resource
import struct
import sys
import tarfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from tests.empirical.mutated import mutated
from tests.empirical.samples import table

PATIENCE = 300  # seconds after which one small file hangs
ROOM = 2**32  # bytes of address space that the process may grow by


def npz(save: Callable[..., Any], **parts: Any) -> bytes:
    raw = io.BytesIO()
    save(raw, **parts)
    return raw.getvalue()


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "X_train": rng.normal(size=(9, 4)).astype(np.float32),
        "y_train": np.array(list("abcabcabc")),
        "X_test": rng.integers(0, 255, (5, 4), np.uint8),
        "y_test": np.array(list("abcab")),
        "train_ids": np.arange(9),
        "test_ids": np.array([f"t{i}" for i in range(5)]),
    }


def scores() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "masks": rng.random((12, 10)) < 0.7,
        "correct_train": rng.integers(0, 2, (12, 10)),
        "correct_test": rng.random((12, 5)) < 0.5,
        "y_train": np.arange(10) % 2,
        "y_test": np.arange(5) % 2,
    }


def margins() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    return scores() | {"correct_train": rng.normal(size=(12, 10)), "correct_test": rng.normal(size=(12, 5))}


def net() -> bytes:
    """One that turn-over dropout would keep: of 4 training and 3 test examples, at two epochs, with 6 parameters."""
    from longtail.core.record import kernels

    rng, told = np.random.default_rng(5), kept().identity
    named = {
        "run": np.uint64(told.digest),
        "seed": np.uint64(0),
        "kernels": np.array(json.dumps(kernels(), sort_keys=True)),
    }
    shapes = {name: told.shape(name) for name in ("loss", "right", "loss_test", "right_test", "parameters")}
    return npz(np.savez, **named, **{name: rng.random(shape).astype(kind) for name, (shape, kind) in shapes.items()})


def kept(folder: Path = Path()) -> Any:
    from empirical.dynamics.store import Identity, Nets
    from empirical.training.shelf import shelf

    return Nets(shelf(folder), Identity("data", "Net()", "", (1, 2), 4, 3, 6))


def groups() -> bytes:
    one = {"name": "most", "prior": "Zipf(alpha=1, size=50)", "share": 0.75}
    return json.dumps({"groups": [one, one | {"name": "few", "share": 0.25, "labels": 5, "kappa": 0.9}]}).encode()


def parquet() -> bytes:
    raw = io.BytesIO()
    table().to_parquet(raw)
    return raw.getvalue()


def picture(kind: str, **more: Any) -> bytes:
    raw = io.BytesIO()
    pixels = np.random.default_rng(2).integers(0, 256, (12, 10, 3), np.uint8)
    Image.fromarray(pixels).save(raw, kind, **more)
    return raw.getvalue()


def lines() -> bytes:
    return b"".join(
        b"%s\tthe film was %s number %d\n" % (*w, k) for k in range(20) for w in ((b"good", b"fine"), (b"bad", b"dull"))
    )


def zipped() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/train.txt", lines())
        archive.writestr("a/test.txt", lines()[:300])
    return raw.getvalue()


def idx(*shape: int) -> bytes:
    values = np.arange(np.prod(shape), dtype=np.int64) % 7
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + values.astype(np.uint8).tobytes()


def cifar() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name in [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]:
            content = (np.arange(3 * 3073, dtype=np.int64) % 9).astype(np.uint8).tobytes()
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def memorization() -> bytes:
    frame = pd.DataFrame({"index": range(20), "id": [f"{k:03d}" for k in range(20)], "label": ["a", "b"] * 10})
    value = np.linspace(0, 1, 20)
    return frame.assign(memorization=value, stderr=value * (1 - value)).to_csv(index=False).encode()


SAMPLES: dict[str, tuple[str, Callable[[], bytes]]] = {  # the file of a format, and how a small one is made
    "npz": ("a.npz", lambda: npz(np.savez_compressed, **arrays())),
    "npz stored": ("a.npz", lambda: npz(np.savez, **arrays())),
    "masks": ("m.npz", lambda: npz(np.savez_compressed, **scores())),
    "csv": ("t.csv", lambda: table().to_csv(index=False).encode()),
    "parquet": ("t.parquet", parquet),
    "png": ("cat/x.png", lambda: picture("PNG")),
    "jpeg": ("cat/x.jpg", lambda: picture("JPEG")),
    "gif": ("cat/x.gif", lambda: picture("GIF")),
    "tiff": ("cat/x.tif", lambda: picture("TIFF", compression="tiff_lzw")),
    "webp": ("cat/x.webp", lambda: picture("WEBP", lossless=True)),
    "text": ("t.txt", lines),
    "text zip": ("t.zip", zipped),
    "counts": ("words.txt", lambda: "\n".join(str(1 + 997 // k) for k in range(1, 60)).encode()),
    "counts csv": (
        "words.csv",
        lambda: "".join(["word,n\n", *(f"w{k},{1 + 997 // k}\n" for k in range(1, 60))]).encode(),
    ),
    "idx": ("train-images-idx3-ubyte.gz", lambda: gzip.compress(idx(5, 28, 28))),
    "cifar": ("cifar-10-binary.tar.gz", cifar),
    "run": ("memorization.csv", memorization),
    "margins": ("a.npz", lambda: npz(np.savez_compressed, **margins())),
    "net": ("seed-00000000000000000000.npz", net),
    "groups": ("groups.json", groups),
}


def beside(name: str, folder: Path) -> None:
    """What a format needs around the file that is broken."""
    if name in ("png", "jpeg", "gif", "tiff", "webp"):
        for kind in ("cat", "dog"):
            (folder / kind).mkdir()
            for k in range(3):
                (folder / kind / f"{k}.png").write_bytes(picture("PNG"))
    if name == "idx":
        for part, n in (("train", 5), ("t10k", 3)):
            (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(n, 28, 28)))
            (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(n)))
    if name == "run":
        pairs = pd.DataFrame({"train_index": [0, 1], "test_index": [2, 2], "influence": [0.2, 0.5]})
        pairs.to_csv(folder / "pairs.csv", index=False)
        (folder / "summary.json").write_text(json.dumps({"n_test": 9, "trials": 40, "fraction": 0.7, "data": "x"}))


def read(name: str, path: Path) -> None:
    """What the commands do with such a file before anything is computed, and what they would write of it."""
    from empirical.data.load import load
    from longtail.core import ArgumentError

    if name == "masks":
        from empirical.command.running import elsewhere

        examples = elsewhere(
            argparse.Namespace(masks=str(path), score="correct", labels=None, device="cpu", memory=None, matrix=None)
        ).examples
        said = [examples.classes, examples.train_ids, examples.test_ids]
    elif name.startswith("counts"):
        from longtail.counts.bins import Counts
        from longtail.priors.listed import Listed, read_counts

        said = [repr(Listed(file=str(path))), Counts.of(read_counts(str(path))).n]
    elif name == "groups":
        from longtail.command.groups import read as grouped

        said = [repr(grouped(str(path)))]
    elif name == "margins":
        from empirical.command.attacking import target

        found = target(argparse.Namespace(run=str(path)))
        said = [found.name, found.names.to_csv(), found.trials.count]
    elif name == "net":
        scores, nets = kept(path.parent).scores(0), kept(path.parent)
        if scores is None or nets.parameters(0) is None:
            raise ArgumentError("out", str(path), "it is damaged, and would be trained again")
        said = [float(scores.loss.sum())]
    elif name == "run":
        from empirical.estimates.kept import read as observed

        run = observed(path.parent)
        said = [run.memorization.to_csv(), run.partners, run.equivalent, run.influenced, run.mark]
    else:
        options = {"label": "animal", "id": "key"} if name in ("csv", "parquet") else {}
        source = path.parent.parent if path.parent.name == "cat" else path
        if name in ("idx", "cifar"):
            source, options = Path({"idx": "mnist", "cifar": "cifar10"}[name]), {"data_dir": path.parent}
        found = load(source, **options)
        said = [found.name, found.imbalance, found.data.classes, found.train_ids, found.test_ids, found.notes]
    str(said).encode()
    json.dumps(said, ensure_ascii=False, default=str).encode()


@contextlib.contextmanager
def rising() -> Iterator[list[int]]:
    """How many bytes of memory the most held inside were more than were held before."""
    rise = [0]
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the highest so far is forgotten
    before = memory("VmRSS")
    yield rise
    rise[0] = memory("VmHWM") - before


def memory(field: str) -> int:
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field))


def outcome(name: str, path: Path) -> dict[str, Any]:
    """How reading a file ends."""
    from longtail.core import ArgumentError

    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    began = time.monotonic()
    with rising() as rise:
        try:
            read(name, path)
            how, words = "data", ""
        except ArgumentError as error:
            how, words = "refused", str(error)
        except BaseException as error:
            how = type(error).__name__
            words = "".join(traceback.format_exception(error)[-3:])
    faulthandler.cancel_dump_traceback_later()
    size = path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return {
        "format": name,
        "how": how,
        "words": words,
        "rise": rise[0],
        "size": size,
        "seconds": round(time.monotonic() - began, 3),
    }


def samples(root: Path, names: list[str]) -> dict[str, Path]:
    """A folder for each format with its valid file, each read once, which loads what reading needs."""
    found = {}
    for name in names:
        folder = root / name
        folder.mkdir(parents=True)
        beside(name, folder)
        file, make = SAMPLES[name]
        found[name] = folder / file
        found[name].write_bytes(make())
        read(name, found[name])
    return found


def limited() -> None:
    """Ask for no more address space than there is room for."""
    most = memory("VmSize") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def without(name: str, instead: Callable[..., Any]) -> None:
    """Put something else in the place of what all readers share."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith(("empirical.", "longtail.")) and hasattr(module, name):
            setattr(module, name, instead)


def say(name: str, path: Path, case: str) -> None:
    sys.stdout.write(json.dumps(outcome(name, path) | {"case": case}) + "\n")
    sys.stdout.flush()  # should the next file end the process, the last line tells which it was


def main(root: Path, count: int, seed: int, words: list[str]) -> None:
    from tests.empirical.hostile import HOSTILE

    names = [word for word in words if word in SAMPLES] or list(SAMPLES)
    places = samples(root, names)
    limited()
    if "leak" in words:
        without("reading", lambda *_: contextlib.nullcontext())
    if "greed" in words:
        without("check", lambda *_: None)
        without("within", lambda *_: None)
    for name, path in places.items():
        good = path.read_bytes()
        say(name, path, "valid")
        for k in range(count):
            path.write_bytes(mutated(name, good, random.Random(f"{name} {seed} {k}")))
            say(name, path, f"{seed} {k}")
        for case, (kind, make, _) in HOSTILE.items():
            if kind == name:
                path.write_bytes(good)
                make(path)
                say(name, path, case)
                path.rmdir() if path.is_dir() else path.unlink()
        path.write_bytes(good)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
