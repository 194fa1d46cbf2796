"""What images are trained on in place of themselves: mirrored by chance, moved by a few pixels; drawn on their device."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def mirrored(x: Tensor, generator: Generator, chance: float = 0.5) -> Tensor:
    """Left and right exchanged, in each image with that chance.

    >>> import torch
    >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> mirrored(x, torch.Generator().manual_seed(0), chance=1.0).tolist()
    [[[[1.0, 0.0], [3.0, 2.0]]]]
    """
    import torch

    turned = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < chance
    return torch.where(turned, x.flip(3), x)


def moved(x: Tensor, generator: Generator, most: int) -> Tensor:
    """Each image moved by up to ``most`` pixels in either direction, its edges reflected.

    >>> import torch
    >>> x = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> moved(x, torch.Generator().manual_seed(0), most=1).shape, bool((moved(x, torch.Generator(), most=0) == x).all())
    (torch.Size([1, 1, 3, 3]), True)
    """
    import torch
    from torch.nn import functional

    count, _, height, width = x.shape
    wide = functional.pad(x, (most,) * 4, mode="reflect")
    rows, columns = (torch.randint(2 * most + 1, (count, 1), generator=generator, device=x.device) for _ in range(2))
    rows = (rows + torch.arange(height, device=x.device))[:, None, :, None]
    columns = (columns + torch.arange(width, device=x.device))[:, None, None, :]
    each, channel = torch.arange(count, device=x.device), torch.arange(x.shape[1], device=x.device)
    return wide[each[:, None, None, None], channel[None, :, None, None], rows, columns]
