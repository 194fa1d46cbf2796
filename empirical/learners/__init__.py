"""Learners that train on many subsets at a time, one file each, imported when asked for."""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "DPSGD": "private.dpsgd",
    "External": "external",
    "HuggingFace": "torch.huggingface",
    "KNN": "knn.knn",
    "KernelRidge": "ridge.kernel",
    "MLP": "mlp.mlp",
    "PrivateRidge": "private.output",
    "PrivateSoftmax": "private.output",
    "Pruned": "pruned",
    "RandomFeatures": "ridge.features",
    "Ridge": "ridge.ridge",
    "Softmax": "softmax.softmax",
    "SmallNet": "torch.small",
    "SpeedNet": "torch.speed",
    "ResNet9": "torch.resnet9",
    "TorchLearner": "torch.learner",
}
ALIASES = {
    "knn": "KNN",
    "ridge": "Ridge",
    "kernel": "KernelRidge",
    "features": "RandomFeatures",
    "softmax": "Softmax",
    "mlp": "MLP",
    "dpsgd": "DPSGD",
    "private_softmax": "PrivateSoftmax",
    "private_ridge": "PrivateRidge",
    "pruned": "Pruned",
    "smallnet": "SmallNet",
    "speednet": "SpeedNet",
    "resnet9": "ResNet9",
    "huggingface": "HuggingFace",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
