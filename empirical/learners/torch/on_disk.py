"""A model of Hugging Face's that is on disk, in a folder that a stranger may have made: nothing is fetched, nothing in it is run.

Weights are read from safetensors, words from JSON. A folder that holds pickles, names code of its own (``auto_map``) or another
folder's adapters is refused, whole: what it holds beside was not made to be read this way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longtail.core import ArgumentError
from longtail.core.opened import content, reading, regular, shortened

PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"}
LARGE = {"tokenizer.json", "vocab.json"}  # words, no settings
CODE = {  # settings that make transformers look for code, or for kernels that are fetched
    "auto_map": "it names code of its own, which is not run",
    "custom_pipelines": "it names code of its own, which is not run",
    "quantization_config": "its weights are quantized: save them as they were before",
}
ATTENTION = {None, "eager", "sdpa", "flash_attention_2"}
STEP = 2**20


def library() -> Any:
    """``transformers``; an ArgumentError that says how to get it where it is not installed.

    >>> library().__name__
    'transformers'
    """
    try:
        import transformers
    except ImportError as error:
        remedy = f"it cannot be imported ({error}): pip install 'longtail[huggingface]'"
        raise ArgumentError("learner", "a model of Hugging Face's transformers", remedy) from error
    return transformers


def folder(name: str) -> Path:
    """The folder of that path, or the one in Hugging Face's cache that a model of that name was fetched to before; checked.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for name in ("config.json", "tokenizer.json"):
    ...         _ = (Path(place) / name).write_text("{}")
    ...     folder(place) == Path(place)
    True
    """
    path = Path(name)
    if not path.is_dir():
        library()
        from huggingface_hub import snapshot_download

        try:
            path = Path(snapshot_download(name, local_files_only=True))
        except Exception as error:  # a name that is none, or one that is not there: the library has a class for each
            remedy = "there is no such folder or model in Hugging Face's cache; it is not fetched: save it first"
            raise ArgumentError("model", shortened(name), remedy) from error
    _check(path)
    return path


def _check(path: Path) -> None:
    """Refuse what could run code, or what was not meant to be read so."""
    with reading("model", path):
        files = sorted(path.iterdir())
    pickles = [file.name for file in files if file.suffix.lower() in PICKLES]
    if pickles:
        raise ArgumentError("model", f"{path}, which holds {shortened(', '.join(pickles))}", _SAFE)
    if any(file.name.startswith("adapter_") for file in files):
        raise ArgumentError("model", f"{path}, which holds adapters", "merge them into the model, and save it whole")
    for file in files:
        if file.suffix == ".json" and file.name not in LARGE:
            settings = _json(file)
            for key, value in _pairs(settings):
                if key in CODE and value:
                    raise ArgumentError("model", f"{file}: {key}", CODE[key])
                if key.endswith("attn_implementation") and not (
                    isinstance(value, (str, type(None))) and value in ATTENTION
                ):
                    raise ArgumentError(
                        "model", f"{file}: {key}", "it asks for code from elsewhere, which is not fetched"
                    )
            if file.name.endswith(".index.json"):
                named = settings.get("weight_map")
                for part in set(named.values()) if isinstance(named, dict) else ():
                    if Path(str(part)).name != part or not str(part).endswith(".safetensors"):
                        raise ArgumentError("model", shortened(f"{file}: {part}"), _SAFE)
    if not (path / "config.json").is_file() or not (path / "tokenizer.json").is_file():
        remedy = "save model and tokenizer there by save_pretrained, the tokenizer as a fast one"
        raise ArgumentError("model", f"{path}, without config.json or tokenizer.json", remedy)


_SAFE = "pickles are not opened, for they may run code: save weights alone, by save_pretrained, as safetensors"


def digest(path: Path, weights: bool) -> str:
    """The first digits of a SHA-256 of all that is read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = (Path(place) / "config.json").write_text("{}")
    ...     digest(Path(place), weights=False)
    '8205d8a0e95db5e5'
    """
    state = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.suffix == ".json" or (weights and file.suffix == ".safetensors"):
            state.update(file.name.encode() + b"\0")
            with regular("model", file) as opened, reading("model", file):
                while step := opened.read(STEP):
                    state.update(step)
    return state.hexdigest()[:16]


def weighed(path: Path) -> None:
    """Refuse a folder without weights that can be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = (Path(place) / "model.safetensors").write_bytes(b"")
    ...     weighed(Path(place))
    """
    if not any(file.suffix == ".safetensors" for file in path.iterdir()):
        raise ArgumentError("model", f"{path}, without .safetensors", _SAFE)


def _json(file: Path) -> dict[str, Any]:
    raw = content("model", file, 50)
    with reading("model", file):
        found = json.loads(raw)
    return found if isinstance(found, dict) else {}


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Keys and values, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from one.items()
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
