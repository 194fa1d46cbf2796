"""ResNet-9, after David Page's entry to the DAWNBench competition (2018): eight convolutions of 3 × 3, two residual blocks, one
dense layer; CIFAR's images are moved by up to 4 pixels and mirrored.

On a CPU, one thread of a busy two-core AMD EPYC, at width 16 and rate .1 in minibatches of 64, the first 1,000 images of
CIFAR-100's first classes:

    10 classes     24 epochs     right on .981 of what it was trained on, on .734 of the tests     68 s of a processor
                   40 epochs             1.000                               .752                 117 s
    100 classes    24 epochs             1.000                               .144                  75 s, no shift or mirror

No GPU has run it yet, and nothing wider has been tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from empirical.learners.torch.pictures import Pictures
from empirical.learners.torch.plan import shape_of_images

if TYPE_CHECKING:
    from torch import Tensor, nn

SCALE = 0.125  # of the last layer's values, as published


@dataclass(frozen=True, kw_only=True)
class ResNet9(Pictures):
    """``width`` channels after the first convolution, eight times as many after the last; the rate rises over the first fifth of
    training and falls to 0 over the rest. ``shift`` in pixels, 0 for none, and ``mirror`` say how images are augmented.

    >>> net = ResNet9(width=4).module((3, 32, 32), n_classes=10)
    >>> sum(weight.numel() for weight in net.parameters())
    26340
    """

    epochs: int = 24
    batch: int = 512
    rate: float = 0.4
    penalty: float = 5e-4
    shift: int = 4

    def pace(self, done: float) -> float:
        return min(done / 0.2, (1 - done) / 0.8)

    def module(self, shape: tuple[int, ...], n_classes: int) -> nn.Module:
        from torch import nn

        channels, _, _ = shape_of_images(self, shape, 8)
        w = self.width

        def block(before: int, after: int, *more: Any) -> Any:
            return nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(), *more
            )

        class Residual(nn.Module):
            def __init__(self, size: int) -> None:
                super().__init__()
                self.inside = nn.Sequential(block(size, size), block(size, size))

            def forward(self, x: Tensor) -> Tensor:
                return x + self.inside(x)

        class Scaled(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return SCALE * x

        return nn.Sequential(
            block(channels, w), block(w, 2 * w, nn.MaxPool2d(2)), Residual(2 * w),
            block(2 * w, 4 * w, nn.MaxPool2d(2)), block(4 * w, 8 * w, nn.MaxPool2d(2)), Residual(8 * w),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8 * w, n_classes, bias=False), Scaled(),
        )  # fmt: skip
