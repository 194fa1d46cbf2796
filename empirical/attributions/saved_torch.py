"""A tensor that ``torch.save`` wrote, by PyTorch's reader of weights alone, which runs nothing that the file names."""

from __future__ import annotations

from typing import Any

from longtail.core import ArgumentError
from longtail.core.opened import reading, regular


def read(source: str) -> Any:
    """The tensor, or the only one of a dict; (training, test) of dattri 0.3.0, (test, training) of Captum 0.9.0.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save(torch.tensor([[1.0, 2.0]]), f"{folder}/a.pt")
    ...     read(f"{folder}/a.pt").tolist()
    [[1.0, 2.0]]
    """
    try:
        import torch
    except ImportError as error:
        raise ArgumentError(
            "scores", source, "reading .pt needs the extra torch: pip install 'longtail[torch]'"
        ) from error
    remedy = "save one tensor by torch.save; nothing else is unpickled"
    with regular("scores", source) as file, reading("scores", source, remedy):
        found = torch.load(file, map_location="cpu", weights_only=True)
    held = list(found.values()) if isinstance(found, dict) else [found]
    if len(held) != 1 or not isinstance(held[0], torch.Tensor):
        raise ArgumentError("scores", f"{source} with {len(held)} things", remedy)
    return held[0].detach().to(torch.float64).numpy()
