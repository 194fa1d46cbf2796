"""What nets for color images share: a width, images moved and mirrored by chance, and labels that may be smoothed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from empirical.learners.torch.augment import mirrored, moved
from empirical.learners.torch.net import Net
from longtail.core import ArgumentError, flag, real, whole

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class Pictures(Net):
    """``width`` channels to begin with; images are moved by ``shift`` pixels at most, 0 for not at all, and mirrored or not.

    >>> import torch
    >>> from empirical.learners import ResNet9
    >>> isinstance(ResNet9(), Pictures)
    True
    >>> ResNet9(shift=2).augmented(torch.zeros(5, 3, 32, 32), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 3, 32, 32])
    """

    width: int = 64
    shift: int = 0
    mirror: bool = True
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "width", whole("width", self.width, 1, 2**12))
        object.__setattr__(self, "shift", whole("shift", self.shift, 0, 64))
        object.__setattr__(self, "mirror", flag("mirror", self.mirror))
        object.__setattr__(self, "smoothing", real("smoothing", self.smoothing, 0, 1, open_high=True))

    def augmented(self, x: Tensor, generator: Generator) -> Tensor:
        if self.shift >= min(x.shape[2:]):
            raise ArgumentError("shift", self.shift, f"images are {x.shape[2]} × {x.shape[3]}: give less")
        x = mirrored(x, generator) if self.mirror else x
        return moved(x, generator, self.shift) if self.shift else x

    def cost(self, values: Tensor, labels: Tensor) -> Tensor:
        from torch.nn import functional

        return functional.cross_entropy(values, labels, label_smoothing=self.smoothing)
