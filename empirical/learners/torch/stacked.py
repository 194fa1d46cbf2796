"""Several nets of dense layers trained as one: their weights are stacked, and each product of matrices is one of all of them.

    w ← step of the optimizer along  ∇ Σ_k (1/|B_k|) Σ_{i in B_k} ℓ(f_{w_k}(x_i), y_i)   over nets k, by torch.func.vmap,

whose part for net k is that of net k alone; optimizers that treat each number by itself step all at once. Convolutions become
grouped ones under ``vmap``, which are slow, and running means, dropout and recurrent layers have states that are not stacked:
nets with these are refused, to be trained one by one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from longtail.core import ArgumentError, Bools

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from empirical.learners.torch.chance import Chance
    from empirical.learners.torch.plan import Plan

ELEMENTWISE = ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "Rprop", "ASGD")


class _Begun(Protocol):
    """What is asked of the trainer (``nets``): examples on their device, nets with first weights, and minibatches."""

    @property
    def learner(self) -> Plan: ...
    @property
    def x(self) -> Tensor: ...
    @property
    def y(self) -> Tensor: ...
    def chance(self, trial: int) -> Chance: ...
    def begun(self, mask: Bools) -> tuple[nn.Module, Tensor]: ...
    def minibatches(self, order: Tensor, epoch: int, optimizer: Optimizer) -> Iterator[tuple[Any, Any, Any]]: ...
    def mixed(self) -> AbstractContextManager[Any]: ...


def stacked(nets: _Begun, masks: Bools, trials: list[int], epochs: Sequence[int]) -> Iterator[list[nn.Module]]:
    """All nets, after each of ``epochs``.

    >>> import torch
    >>> from empirical.data.data import Data
    >>> from empirical.learners import TorchLearner
    >>> data = Data(np.eye(4), np.array([0, 1, 0, 1]), np.eye(4), np.array([0, 1, 0, 1]), ("a", "b"))
    >>> learner = TorchLearner(lambda shape, n_classes: torch.nn.Linear(shape[0], n_classes), epochs=2, stacked=True)
    >>> masks = np.array([[True, True, True, False], [False, True, True, True]])
    >>> [len(nets) for nets in stacked(learner.prepare(data), masks, [0, 1], (1, 2))]  # after either epoch
    [2, 2]
    """
    import torch
    from torch.func import functional_call, stack_module_state, vmap

    learner, chances = nets.learner, [nets.chance(trial) for trial in trials]
    if len({int(mask.sum()) for mask in masks}) > 1:
        raise ArgumentError("stacked", True, "subsets differ in size: draw them by the design fixed, or leave it out")
    modules, subsets = [], []
    for mask, chance in zip(masks, chances, strict=True):
        with chance.turn():
            net, subset = nets.begun(mask)
        modules.append(net)
        subsets.append(subset)
    _check(modules[0])
    optimizer = learner.descent(modules[0])
    weights, buffers = stack_module_state(modules)
    _over(optimizer, modules[0], weights)
    frame = copy.deepcopy(modules[0]).to("meta")

    def cost(own: Any, fixed: Any, x: Any, y: Any) -> Any:
        return learner.cost(functional_call(frame, (own, fixed), (x,)), y)

    costs = vmap(cost)
    for first, last in pairwise((0, *epochs)):
        frame.train()
        for epoch in range(first, last):
            orders = [
                subset[torch.randperm(len(subset), generator=chance.generator, device=subset.device)]
                for subset, chance in zip(subsets, chances, strict=True)
            ]
            for some, _, _ in nets.minibatches(torch.stack(orders), epoch, optimizer):
                optimizer.zero_grad(set_to_none=True)
                given = nets.x[some]
                rows = given.unbind()
                own = [learner.augmented(x, chance.generator) for x, chance in zip(rows, chances, strict=True)]
                x = given if all(a is b for a, b in zip(own, rows, strict=True)) else torch.stack(own)
                with nets.mixed():
                    loss = costs(weights, buffers, x, nets.y[some]).sum()
                loss.backward()
                optimizer.step()
        for k, module in enumerate(modules):
            for name, weight in module.named_parameters():
                weight.data = weights[name].detach()[k]
        yield modules


def _check(net: nn.Module) -> None:
    """Refuse a net with layers that are not to be stacked."""
    from torch.nn.modules import batchnorm, conv, dropout, rnn

    for layer in net.modules():
        name = type(layer).__name__
        if isinstance(layer, conv._ConvNd):
            remedy = "convolutions of several nets at once become grouped ones, which are slow: leave it out"
        elif isinstance(layer, (batchnorm._NormBase, dropout._DropoutNd, rnn.RNNBase)):
            remedy = "its state or its random words would be those of all nets together: leave it out"
        else:
            continue
        raise ArgumentError("stacked", f"a net with {name}", remedy)


def _over(optimizer: Optimizer, net: nn.Module, weights: dict[str, Any]) -> None:
    """The optimizer of one net's parameters, on the stacked ones."""
    if type(optimizer).__name__ not in ELEMENTWISE:
        remedy = f"it may mix the nets: give one of {', '.join(ELEMENTWISE)}, or leave it out"
        raise ArgumentError("stacked", f"the optimizer {type(optimizer).__name__}", remedy)
    known = {id(weight): weights[name] for name, weight in net.named_parameters()}
    for group in optimizer.param_groups:
        group["params"] = [known[id(weight)] for weight in group["params"]]
