"""Texts as a model of words reads them: numbers of tokens, and which of a batch's are there and which only fill it up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from empirical.data.texts import Texts
from longtail.core.opened import reading

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 128  # texts that are asked about at a time


@dataclass(frozen=True, eq=False)
class Tokens:
    """Text i is the first ``lengths[i]`` numbers of ``ids[i]``. A batch is as wide as its longest text: ``input_ids``, and
    ``attention_mask``, 1 where there is a token.

    >>> import torch
    >>> tokens = Tokens(torch.tensor([[5, 7, 0], [5, 6, 7]]), torch.tensor([2, 3]))
    >>> len(tokens), tokens[:1]["input_ids"].tolist(), tokens[:2]["attention_mask"].tolist()
    (2, [[5, 7]], [[1, 1, 0], [1, 1, 1]])
    """

    ids: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, texts: list[Texts], file: Path, longest: int, filling: int, where: str) -> Tokens:
        """By the tokenizer in that file, ``longest`` tokens of each at the most, its own marks included."""
        import torch
        from tokenizers import Tokenizer

        with reading("model", file):
            tokenizer = Tokenizer.from_file(str(file))
            tokenizer.no_padding()
            tokenizer.enable_truncation(longest)
            coded = [found.ids or [filling] for part in texts for found in tokenizer.encode_batch(list(part))]
        lengths = np.array([len(ids) for ids in coded])
        ids = np.full((len(coded), lengths.max()), filling, np.int64)
        ids[np.arange(ids.shape[1]) < lengths[:, None]] = np.concatenate(coded)
        return cls(torch.as_tensor(ids, device=where), torch.as_tensor(lengths, device=where))

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self),)

    def __getitem__(self, some: Tensor | slice) -> dict[str, Tensor]:
        import torch

        lengths = self.lengths[some]
        widest = int(lengths.max())
        there = torch.arange(widest, device=lengths.device) < lengths[:, None]
        return {"input_ids": self.ids[some, :widest], "attention_mask": there.long()}

    def split(self, _: int) -> Iterator[dict[str, Tensor]]:
        """All texts in their order, a batch at a time."""
        return (self[slice(start, start + SHOWN)] for start in range(0, len(self), SHOWN))
