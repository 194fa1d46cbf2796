"""Learners that train on many subsets at a time, one file each, imported when asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from empirical.learners.external import External
    from empirical.learners.knn.knn import KNN
    from empirical.learners.mlp.mlp import MLP
    from empirical.learners.private.dpsgd import DPSGD
    from empirical.learners.private.output import PrivateRidge, PrivateSoftmax
    from empirical.learners.pruned import Pruned
    from empirical.learners.ridge.features import RandomFeatures
    from empirical.learners.ridge.kernel import KernelRidge
    from empirical.learners.ridge.ridge import Ridge
    from empirical.learners.softmax.softmax import Softmax
    from empirical.learners.torch.huggingface import HuggingFace
    from empirical.learners.torch.learner import TorchLearner
    from empirical.learners.torch.resnet9 import ResNet9
    from empirical.learners.torch.small import SmallNet
    from empirical.learners.torch.speed import SpeedNet

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
__all__ = [
    "DPSGD",
    "KNN",
    "MLP",
    "External",
    "HuggingFace",
    "KernelRidge",
    "PrivateRidge",
    "PrivateSoftmax",
    "Pruned",
    "RandomFeatures",
    "ResNet9",
    "Ridge",
    "SmallNet",
    "Softmax",
    "SpeedNet",
    "TorchLearner",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    """Public names, for completion."""
    return list(__all__)
