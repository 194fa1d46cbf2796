"""Arms: the learners that are compared, each a way to limit what the first of them memorizes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from empirical.learners.learner import Learner
from empirical.learners.mlp.mlp import MLP
from empirical.learners.private.accountant import Privacy
from empirical.learners.private.dpsgd import DPSGD
from empirical.learners.private.output import Perturbed, PrivateRidge, PrivateSoftmax
from empirical.learners.pruned import Pruned
from empirical.learners.ridge.ridge import Ridge
from empirical.learners.softmax.softmax import Softmax
from longtail.core import ArgumentError, real

UNLIMITED, PRIVATE, PRUNED, OTHER = "unlimited", "private", "pruned", "other"


@dataclass(frozen=True)
class Arm:
    """A learner, how it is limited, and by how much: ε, sparsity, or NaN; ``privacy`` of a private one."""

    kind: str
    learner: Learner
    value: float = float("nan")
    privacy: Privacy | None = None

    @property
    def name(self) -> str:
        """Short, for tables and figures.

        >>> Arm(PRIVATE, MLP(), 2.0).name
        'ε = 2'
        """
        return {
            PRIVATE: f"ε = {self.value:g}",
            PRUNED: f"{100 * self.value:g} % pruned",
            OTHER: repr(self.learner),
        }.get(self.kind, self.kind)

    @property
    def folder(self) -> str:
        """Where its trials are kept: by what is trained, so that another run with the same learner takes them up."""
        return f"{self.kind}-{hashlib.sha256(repr(self.learner).encode()).hexdigest()[:10]}"

    def record(self) -> dict[str, Any]:
        """What a table has of it."""
        private = {} if self.privacy is None else self.privacy.record()
        names = ("epsilon", "delta", "clip", "noise")
        return {
            "arm": self.name,
            "kind": self.kind,
            "learner": repr(self.learner),
            **{name: private.get(name, float("nan")) for name in names},
            "sparsity": self.value if self.kind == PRUNED else float("nan"),
        }


def arms(
    unlimited: Learner,
    m: int,
    n_classes: int,
    *,
    private: Sequence[float] = (),
    mechanism: Learner | None = None,
    delta: float = 1e-5,
    prune: Sequence[float] = (),
    scope: str = "global",
    others: Sequence[Learner] = (),
) -> list[Arm]:
    """The unlimited learner, and beside it the private, the pruned and the other ones; ``m`` examples are in a subset.

    ``mechanism`` is the private learner, whose ε is put; without one it is what is nearest to the unlimited learner.

    >>> [arm.name for arm in arms(Ridge(), m=1000, n_classes=10, prune=[0.5, 0.9])]
    ['unlimited', '50 % pruned', '90 % pruned']
    """
    found = [Arm(UNLIMITED, unlimited)]
    if len({*private}) < len(private) or len({*prune}) < len(prune):
        raise ArgumentError("private" if len({*private}) < len(private) else "prune", "a value twice", "give each once")
    for epsilon in [real("private", value, 0, open_low=True) for value in private]:
        learner = with_epsilon(mechanism or private_kind(unlimited), epsilon, delta)
        found.append(Arm(PRIVATE, learner, float(epsilon), privacy_of(learner, m, n_classes)))
    shares = [real("prune", share, 0, 1, open_high=True) for share in prune]
    found += [Arm(PRUNED, Pruned(unlimited, share, scope), share) for share in shares]  # type: ignore[arg-type]  # it refuses others
    found += [Arm(OTHER, learner, privacy=privacy_of(learner, m, n_classes)) for learner in others]
    if len(found) == 1:
        raise ArgumentError(
            "private", "nothing", "say how the learner is to be limited: --private, --prune or --limited"
        )
    return found


def privacy_of(learner: Learner, m: int, n_classes: int) -> Privacy | None:
    """Of a learner that is private; None of any other.

    >>> privacy_of(Ridge(), m=1000, n_classes=10) is None
    True
    >>> privacy_of(PrivateRidge(epsilon=2.0, delta=0.0), m=1000, n_classes=10).epsilon
    2.0
    """
    private = learner.noise != 0 if isinstance(learner, DPSGD) else getattr(learner, "epsilon", math.inf) != math.inf
    return learner.privacy(m, n_classes) if isinstance(learner, (DPSGD, Perturbed)) and private else None


def private_kind(unlimited: Learner) -> Learner:
    """The private learner that is nearest.

    >>> private_kind(MLP(width=64)).width, private_kind(Softmax()).width
    (64, 0)
    """
    if isinstance(unlimited, MLP):
        return DPSGD(width=unlimited.width)
    if isinstance(unlimited, Softmax):
        return DPSGD(width=0)
    if isinstance(unlimited, Ridge):
        return PrivateRidge()
    remedy = (
        "there is no private one of its kind: give --mechanism dpsgd(...), private_softmax(...) or private_ridge(...)"
    )
    raise ArgumentError("learner", repr(unlimited), remedy)


def with_epsilon(mechanism: Learner, epsilon: float, delta: float) -> DPSGD | Perturbed:
    """The mechanism at that ε.

    >>> with_epsilon(DPSGD(width=64), epsilon=2.0, delta=1e-6).epsilon
    2.0
    """
    from dataclasses import replace

    if isinstance(mechanism, DPSGD):
        return replace(mechanism, noise=None, epsilon=epsilon, delta=delta)
    if isinstance(mechanism, (PrivateRidge, PrivateSoftmax)):
        return replace(mechanism, epsilon=epsilon, delta=delta)
    raise ArgumentError("mechanism", repr(mechanism), "give dpsgd(...), private_softmax(...) or private_ridge(...)")
