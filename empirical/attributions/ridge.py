"""Ridge classification without one example, exactly: what each does for each margin.

With A = (XᵀX + λI)⁻¹ (X with a leading 1, whose weight is free), U = XA, h_i = u_i·x_i and residuals e_i = t_i − Wᵀx_i, leaving i
out takes u_i e_iᵀ/(1 − h_i) off the weights (Sherman & Morrison 1950), so that of test example j the outputs become

    f_j − (u_i·z_j) e_i/(1 − h_i),

and the attribution is the margin with i less that without: by retraining it would be the same to the last digits.
"""

from __future__ import annotations

import numpy as np

from empirical.data.data import Data
from empirical.learners.learner import features
from longtail.core import Floats, Integers, real

BLOCK = 2**22  # outputs held at a time


def left_out(data: Data, penalty: float = 1.0) -> Floats:
    """(n, q): by how much each training example raises each test example's margin, in ridge classification of ±1 targets.

    The last example of a class is left out as if the class stayed.

    >>> data = Data(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1]), np.array([[2.5]]), np.array([1]), ("a", "b"))
    >>> left_out(data).round(3).ravel().tolist()
    [0.075, -0.282, 0.408, -0.16]
    """
    x, z = _centered(data)
    targets = 2.0 * np.eye(data.n_classes)[data.y_train] - 1
    ridge = real("penalty", penalty, 0, open_low=True) * (np.arange(x.shape[1]) > 0)
    inverse = np.linalg.inv(x.T @ x + np.diag(ridge))
    u = x @ inverse
    weights = inverse @ (x.T @ targets)
    residual = (targets - x @ weights) / (1 - np.einsum("ij,ij->i", u, x))[:, None]
    outputs, labels = z @ weights, data.y_test
    entire = margins(outputs, labels)
    found = np.empty((data.n, data.n_test))
    step = max(1, BLOCK // outputs.size)
    for start in range(0, data.n, step):
        some = slice(start, start + step)
        change = (u[some] @ z.T)[:, :, None] * residual[some][:, None, :]
        found[some] = entire - margins(outputs - change, labels)
    return found


def _centered(data: Data) -> tuple[Floats, Floats]:
    """Training and test features less their means over training, in double precision, with a leading 1."""
    train, test = (np.asarray(part, np.float64) for part in features(data))
    mean = train.mean(0)
    first, second = (np.concatenate([np.ones((len(v), 1)), v - mean], axis=1) for v in (train, test))
    return first, second


def margins(outputs: Floats, labels: Integers) -> Floats:
    """The label's output less the largest other, over the last axis.

    >>> margins(np.array([[2.0, 0.5, 1.0]]), np.array([0])).tolist()
    [1.0]
    """
    own = np.eye(outputs.shape[-1], dtype=bool)[labels]
    mine = (outputs * own).sum(-1)
    return np.asarray(mine - np.where(own, -np.inf, outputs).max(-1))
