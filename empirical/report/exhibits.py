"""Examples as a reader may look at them: small pictures laid out on sheets, or the text itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from longtail.core.files import json_text

if TYPE_CHECKING:
    from empirical.data.dataset import Dataset

Place = tuple[str, int]  # ("train" or "test", index)
BUDGET = 6_000_000  # bytes of all pictures, before base64 adds a third; and of all texts
NAMES = 400_000  # bytes of the rows' names, and of the classes'
ACROSS, PER_SHEET = 40, 1000
STEPS = ((32, 72), (32, 45), (24, 40), (20, 30), (16, 20), (12, 15))  # edge in pixels and quality, until they fit
LENGTHS = (240, 120, 60, 30, 15)  # of texts and names in characters, until they fit
FEATURES = 8
UNSAFE = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<\u2028\u2029"})


@dataclass(frozen=True)
class Sheets:
    """Pictures as data URIs of WebP sheets; picture k is at row k // 40 % 25, column k % 40 of sheet k // 1000."""

    uris: tuple[str, ...] = field(repr=False)
    edge: int
    across: int = ACROSS
    per_sheet: int = PER_SHEET

    def at(self, picture: int, edge: int = 64) -> tuple[str, str]:
        """The class of a picture's sheet in the page, and the style that shows it on a square of so many pixels."""
        place, wide = picture % self.per_sheet, self.across * edge
        x, y = place % self.across * edge, place // self.across * edge
        return f"s{picture // self.per_sheet}", f"background-size:{wide}px auto;background-position:-{x}px -{y}px"


class Texts(Protocol):
    """Texts by number, each made when it is asked for."""

    def __getitem__(self, index: int, /) -> str: ...


@dataclass(frozen=True)
class Exhibits:
    """``images`` or ``texts`` by part; neither where the data cannot be shown."""

    images: dict[str, NDArray[Any]] | None = field(default=None, repr=False)
    texts: Mapping[str, Texts] | None = field(default=None, repr=False)

    def text(self, place: Place) -> str:
        """The example's words."""
        return "" if self.texts is None else str(self.texts[place[0]][place[1]])

    def sheets(self, places: Sequence[Place]) -> Sheets | None:
        """Pictures of the examples in order, as large and as good as the budget allows."""
        if self.images is None or not places:
            return None
        starts = range(0, len(places), PER_SHEET)
        for edge, quality in STEPS:
            sample = places[:: max(1, len(places) // 120)]
            if len(self._sheet(sample, edge, quality)) * len(places) / len(sample) > 0.9 * BUDGET:
                continue
            made = [self._sheet(places[k : k + PER_SHEET], edge, quality) for k in starts]
            if sum(map(len, made)) <= BUDGET:
                break
        else:
            return None
        uris = tuple("data:image/webp;base64," + base64.b64encode(raw).decode() for raw in made)
        return Sheets(uris, edge)

    def _sheet(self, places: Sequence[Place], edge: int, quality: int) -> bytes:
        from PIL import Image

        assert self.images is not None
        rows = -(-len(places) // ACROSS)
        sheet = Image.new("RGB", (ACROSS * edge, rows * edge), (255, 255, 255))
        for k, (part, index) in enumerate(places):
            picture = Image.fromarray(pixels(self.images[part][index]))
            if max(picture.size) != edge:
                small = max(picture.size) < edge  # pixels of a small picture stay sharp squares
                scale = edge / max(picture.size)
                size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
                picture = picture.resize(size, Image.Resampling.NEAREST if small else Image.Resampling.BOX)
            sheet.paste(picture, (k % ACROSS * edge, k // ACROSS * edge))
        out = io.BytesIO()
        sheet.save(out, "WEBP", quality=quality, method=4)
        return out.getvalue()


def shortened(texts: Sequence[str], budget: int = BUDGET, longest: int = LENGTHS[0]) -> list[str]:
    """Texts cut alike, as long as the budget of bytes in the page allows, and no longer than ``longest``.

    >>> [len(text) for text in shortened(["<" * 200, "b"], budget=1000)]
    [120, 1]
    """
    for length in (longest, *LENGTHS[longest == LENGTHS[0] :]):
        cut = [text if len(text) <= length else text[: length - 1] + "…" for text in texts]
        if sum(len(embedded(text).encode("utf-8", "backslashreplace")) for text in cut) <= budget:
            break
    return cut


def embedded(value: Any) -> str:
    """JSON for a script element: nothing in it ends the element, opens a comment, or ends a line of old JavaScript."""
    return json_text(value, ensure_ascii=False).translate(UNSAFE)


def pixels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """An image as 8-bit RGB: whole numbers as they are, others from [0, 1]; gray is inked dark on white."""
    x = np.asarray(image)
    if not np.issubdtype(x.dtype, np.integer):
        x = np.clip(np.nan_to_num(x.astype(float)), 0, 1) * 255
    x = np.clip(x, 0, 255).astype(np.uint8)
    if x.ndim == 3 and x.shape[-1] == 1:
        x = x[..., 0]
    if x.ndim == 2:
        return np.repeat((255 - x)[..., None], 3, axis=2)
    return np.ascontiguousarray(x[..., :3])


def exhibits(dataset: Dataset | None) -> Exhibits:
    """What can be shown of a data set: images, texts, rows in its own words, else the first few features."""
    if dataset is None:
        return Exhibits()
    data = dataset.data
    train, test = data.x_train, data.x_test
    if dataset.rows is not None:
        return Exhibits(texts=dict(zip(("train", "test"), dataset.rows, strict=True)))
    if hasattr(train, "tocsr"):
        return Exhibits(texts={"train": _Sparse(train), "test": _Sparse(test)})
    if isinstance(train, np.ndarray) and (train.ndim == 3 or (train.ndim == 4 and train.shape[-1] in (1, 3, 4))):
        return Exhibits(images={"train": train, "test": test})
    if not isinstance(train, np.ndarray) and len(train) and isinstance(train[0], str):
        return Exhibits(texts={"train": train, "test": test})
    if data.texts is not None:
        return Exhibits(texts=dict(zip(("train", "test"), data.texts, strict=True)))
    if isinstance(train, np.ndarray) and train.ndim == 2:
        return Exhibits(texts={"train": _Rows(train), "test": _Rows(test)})
    return Exhibits()


@dataclass(frozen=True)
class _Rows:
    """Rows of a table, as text when asked for."""

    x: NDArray[Any]

    def __getitem__(self, index: int) -> str:
        row = self.x[index]
        return ", ".join(f"{v:.3g}" for v in row[:FEATURES]) + (", …" if len(row) > FEATURES else "")


@dataclass(frozen=True)
class _Sparse:
    """Rows of a sparse matrix, as text when asked for: the largest features by number."""

    x: Any

    def __getitem__(self, index: int) -> str:
        row = self.x.tocsr()[[index]].tocoo()
        order = np.argsort(-np.abs(row.data), kind="stable")
        some = ", ".join(f"#{row.col[k]} {row.data[k]:.3g}" for k in order[:FEATURES])
        return some + (", …" if len(order) > FEATURES else "")
