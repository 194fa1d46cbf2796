r"""
A prior, a learner, a data source of your own
=============================================

Each is a class or a function of a few lines. What is made here runs in all of the package: solved, simulated, named on the
command line by its path, ``"mypackage.Shifted(shift=2.0, size=1000)"``.
"""

# %%
# A prior
# -------
#
# A prior is a list of frequencies, up to scale. One that is given by a formula in the rank :math:`k = 1, 2,
# \ldots` is a subclass of ``Ranked`` with one method, the logarithm of the k-th value: a frozen dataclass, so
# that it has a name and can be compared. Below is Zipf and Mandelbrot's law :math:`1/(k + s)`.

from dataclasses import dataclass

import numpy as np

from longtail import Problem, Ranked, exact, montecarlo


@dataclass(frozen=True)
class Shifted(Ranked):
    """1/(k + shift)."""

    shift: float
    size: int

    def log_value(self, rank):
        return -np.log(rank + self.shift)


problem = Problem(Shifted(shift=2.0, size=1_000), n=1_000)
exact.cost(problem)

# %%
# The simulation shares no code with the exact results; here it agrees, by how many standard errors:

simulated = montecarlo.run(problem, trials=2_000)
(simulated.cost - exact.cost(problem)).z

# %%
# A prior that is no formula in the rank has ``nodes``, the list as pairs of a log value and how many entries
# have it, and ``entries``, the list itself. Frequencies you have as numbers need no class: ``Listed([5, 3, 1,
# 1])``.
#
# A learner in the model
# ----------------------
#
# In the theory a learner is how often it errs on what it saw :math:`\ell` times. This one forgets each sight
# of an example with a chance of its own, so that it is wrong where all were forgotten and the guess is wrong
# too.

from longtail.learners import Forget, Learner


@dataclass(frozen=True)
class Leaky(Learner):
    """Forgets each sight with chance ``leak``."""

    leak: float

    def errors(self, seen):
        return seen.guess * self.leak**seen.times


(
    exact.error(problem, Leaky(0.2)),
    exact.error(problem, Forget(1)),
    exact.optimal_error(problem),
)

# %%
# A learner that is trained
# -------------------------
#
# To measure memorization anything will do that can be fit and asked. A classifier of scikit-learn's is taken
# as it is. Otherwise write a function that gets all rows, training examples first, the labels of the training
# examples, and the positions to train on, and says of every row a class or the probabilities of all classes.
# Here is the nearest class mean:

import empirical
from empirical import SubsetEstimator, load


def nearest_mean(X, y, subset):
    rows = X.reshape(len(X), -1)
    means = np.stack(
        [rows[subset][y[subset] == k].mean(axis=0) for k in range(y.max() + 1)]
    )
    return ((rows[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


data = load("digits").data
estimator = SubsetEstimator(nearest_mean, models=40, random_state=0).fit(
    data.x_train, data.y_train, data.x_test, data.y_test
)
estimator.memorization_.nlargest(3, "memorization")

# %%
# To name it on the command line, ``--learner "mypackage.mymodule.make(…)"``, mark a function that returns it.
# A name is called only where its function says that it is meant to be.


@empirical.makes_learner
def make():
    return nearest_mean


# %%
# Many models at a time are trained by a subclass of ``empirical.learners.learner.Learner``;
# ``empirical/learners/ridge/ridge.py`` is the shortest of ours to look at.
#
# A data source
# -------------
#
# A function that returns ``Data``: examples to train on with their labels as whole numbers, examples to test
# on, and what the labels are called. It is marked likewise, and its parameters are options of ``load``.

from empirical import Data


@empirical.makes_data
def rings(seed: int = 0, n: int = 200) -> Data:
    """Two rings, one in the other."""
    rng = np.random.default_rng(seed)
    label = np.arange(2 * n) % 2
    angle = rng.uniform(0, 2 * np.pi, 2 * n)
    x = (1 + label + rng.normal(0, 0.3, 2 * n))[:, None] * np.column_stack(
        [np.cos(angle), np.sin(angle)]
    )
    return Data(x[:n], label[:n], x[n:], label[n:], ("inner", "outer"))


data = rings()
found = SubsetEstimator("knn", models=200, random_state=0).fit(
    data.x_train, data.y_train, data.x_test, data.y_test
)
found.memorization_["memorization"].to_numpy().round(2)[:10]

# %%
# From a module of yours on the path: ``load("mypackage.mymodule.rings", n=500)``, or
# ``python -m empirical.estimate mypackage.mymodule.rings``. What is memorized lies between the rings:

from longtail.plots import BLUE, ORANGE, drawing

with drawing(4.6, 4.2) as figure:
    axes = figure.subplots()
    size = 8 + 60 * found.memorization_["memorization"].clip(lower=0)
    for k, (color, marker) in enumerate([(BLUE, "o"), (ORANGE, "s")]):
        at = data.y_train == k
        axes.scatter(
            *data.x_train[at].T,
            size[at],
            color=color,
            marker=marker,
            alpha=0.6,
            label=data.classes[k],
        )
    axes.set_title("Larger: memorized more")
    axes.set_aspect("equal")
    axes.legend(loc="upper right")
