"""One of many ways to break a small valid file: its bytes, what is inside its packing, or the directory of a zip."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile

EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def mutated(name: str, raw: bytes, rng: random.Random) -> bytes:
    """One of many ways to break a file: its bytes as they are, or those inside its packing."""
    if name == "groups" and rng.random() < 0.5:
        return regrouped(raw, rng)
    if name == "net" and rng.random() < 0.7:
        return repacked(raw, rng)
    if "npz" in name or name in ("masks", "margins", "net", "text zip"):
        if (chosen := rng.random()) < 0.4:
            return repacked(raw, rng)
        if chosen < 0.6:
            return directory(raw, rng)
    if name in ("idx", "cifar") and rng.random() < 0.6:
        inside = gzip.decompress(raw)
        head = rng.randrange(512) if rng.random() < 0.7 else None
        return gzip.compress(broken(inside, rng, head), 1)
    return broken(raw, rng)


def regrouped(raw: bytes, rng: random.Random) -> bytes:
    """Groups of which one says something else, perhaps of another kind."""
    told = json.loads(raw)
    one = rng.choice(told["groups"])
    odd = (
        0,
        1,
        2,
        7,
        -1,
        0.5,
        1e-300,
        10**30,
        True,
        None,
        "",
        "Zipf(alpha=2, size=9)",
        [],
        {},
        "a" * 2000,
        "\ud800",
        1e308,
    )
    one[rng.choice([*one, "labels", "kappa", "odd"])] = rng.choice(odd)
    return json.dumps(told).encode()


def broken(raw: bytes, rng: random.Random, near: int | None = None) -> bytes:
    b = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 30))):
        if not b:
            break
        at = min(rng.randrange(len(b)) if near is None else near + rng.randrange(32), len(b) - 1)
        match rng.randrange(8):
            case 0 | 1:
                b[at] ^= 1 << rng.randrange(8)
            case 2:
                b[at] = rng.randrange(256)
            case 3:
                size = rng.choice((1, 2, 4, 8))
                order = rng.choice(("little", "big"))
                b[at : at + size] = (rng.choice(EXTREMES) % 256**size).to_bytes(size, order)
            case 4:
                del b[at : at + rng.randrange(1, 64)]
            case 5:
                b[at:at] = rng.randbytes(rng.randrange(1, 32))
            case 6:
                end = at + rng.randrange(1, 200)
                b[at:at] = b[at:end] * rng.choice((1, 1, 20))
            case _:
                if rng.random() < 0.3:
                    del b[at:]
                else:
                    b[at : at + 8] = rng.choice(
                        (b",,,,,,,,", b"\n\n\r\r\n\n\n\n", b'""""""""', b"\0" * 8, b"-1e308, ", b"\xed\xa0\x80 nan ")
                    )
    return bytes(b)


def repacked(raw: bytes, rng: random.Random) -> bytes:
    """A zip whose checksums are right, of members that are broken, mostly where they begin."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        chosen = rng.choice(names)
        for member in names:
            inside = old.read(member)
            if member == chosen:
                near = rng.randrange(128) if rng.random() < 0.7 else None
                headed = b"'shape': (" in inside and rng.random() < 0.4
                inside = promised(inside, rng) if headed else broken(inside, rng, near)
            packing = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
            new.writestr(member, inside, packing if rng.random() < 0.3 else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def promised(array: bytes, rng: random.Random) -> bytes:
    """An array with another shape or type in its header, of the length that the header says."""
    length = struct.unpack("<H", array[8:10])[0]
    shape = rng.choice(
        (
            "(10**9, 4)",
            "(9999999999, 4)",
            "(-1,)",
            "(0, 99999999999)",
            "()",
            "(9, 4, 1)",
            "(99,)",
            "(True,)",
            "(1,)" * 9,
        )
    )
    kind = rng.choice(
        ("<f4", "<f8", "|b1", "<U9", "|S0", "<U0", "|V9", "|O", ">i8", "<M8[ns]", "<m8[Y]", "<c8", "<f2", "|S1")
    )
    head = f"{{'descr': '{kind}', 'fortran_order': {rng.choice((True, False))}, 'shape': {shape}, }}".encode()
    return array[:8] + struct.pack("<H", length) + head.ljust(length - 1)[: length - 1] + b"\n" + array[10 + length :]


def directory(raw: bytes, rng: random.Random) -> bytes:
    """A zip with another field in the directory or in the header of a member: flags, method, sizes, places."""
    b = bytearray(raw)
    for mark, fields in rng.sample(
        [(b"PK\x01\x02", (8, 10, 16, 20, 24, 28, 42)), (b"PK\x03\x04", (6, 8, 14, 18, 22, 26))], rng.choice((1, 2))
    ):
        places = [i for i in range(len(b)) if b.startswith(mark, i)]
        at, field = rng.choice(places), rng.choice(fields)
        size = 2 if field in (6, 8, 10, 26, 28) and not (mark.startswith(b"PK\x01") and field == 6) else 4
        value = rng.choice((*EXTREMES, 8, 9, 12, 14, 93, 95, 99, rng.randrange(2**32))) % 256**size
        b[at + field : at + field + size] = value.to_bytes(size, "little")
    return bytes(b)
