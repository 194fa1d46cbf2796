"""Tensors in a safetensors file, read as its format says: eight bytes of length, so much JSON, and the numbers behind it.

Each entry of the JSON names type, shape and the bytes from where to where (huggingface.co/docs/safetensors). kronfluence (read:
1.0.1, score/pairwise.py and dot_product.py) keeps pairwise scores, queries by training examples, in pairwise_scores.safetensors,
under ``all_modules`` or, module by module, under the names of these.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from longtail.core import ArgumentError
from longtail.core.opened import reading

ALL = "all_modules"
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "i1", "U8": "u1"}
LONGEST = 2**24  # bytes of JSON


def safe(source: str, raw: bytes) -> Any:
    """The scores in a file with these bytes.

    >>> head = b'{"all_modules": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}'
    >>> safe("scores.safetensors", len(head).to_bytes(8, "little") + head + np.array([1.0, 2.0], "<f4").tobytes()).tolist()
    [[1.0, 2.0]]
    """
    with reading("scores", source, "save it by safetensors"):
        found = _parsed(raw)
    if ALL in found:
        return found[ALL]
    shapes = {a.shape for a in found.values()}
    if len(shapes) != 1:
        got = f"{source} with {', '.join(list(found)[:8]) or 'nothing'}"
        raise ArgumentError("scores", got, f"give {ALL}, one tensor, or one of a shape for each module")
    return np.sum([np.asarray(a, float) for a in found.values()], axis=0)


def _parsed(raw: bytes) -> dict[str, Any]:
    """Its tensors by name; a ValueError where it is not as the format says."""
    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or length > min(LONGEST, len(raw) - 8):
        raise ValueError("its first eight bytes are no length of what follows")
    head, body = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    return {name: _tensor(name, entry, body) for name, entry in head.items() if name != "__metadata__"}


def _tensor(name: str, entry: Any, body: bytes) -> Any:
    kind, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in TYPES:
        raise ValueError(f"{name} is of type {kind}")
    if not all(isinstance(v, int) and v >= 0 for v in (*shape, start, stop)) or not start <= stop <= len(body):
        raise ValueError(f"{name} is not where its header says")
    dtype = np.dtype(TYPES[kind])
    if math.prod(shape) * dtype.itemsize != stop - start:
        raise ValueError(f"{name} promises {kind} of shape {shape} in {stop - start} bytes")
    values = np.frombuffer(body[start:stop], dtype).reshape(shape)
    return brain(values) if kind == "BF16" else values


def brain(bits: Any) -> Any:
    """bfloat16 as float32: its bits are the upper half.

    >>> brain(np.array([0x3F80, 0xC000], np.uint16)).tolist()
    [1.0, -2.0]
    """
    return (np.asarray(bits).astype(np.uint32) << 16).view(np.float32)
