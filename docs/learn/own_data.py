"""
Your own data in ten minutes
============================

Which of your examples does a learner memorize, and for which test examples does one training example make the difference? Here is
the way from a table on disk to the answer. The table is a public one that scikit-learn brings along: 569 cell samples, 30 numbers
each, benign or malignant.
"""

# %%
# A table
# -------
#
# A CSV with a row an example: one column is the label, another may name the rows, all others are what the
# learner is given. (Images in a folder per class, ``.npz`` arrays, Parquet and texts go the same way.)

from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from sklearn.datasets import load_breast_cancer

cells = load_breast_cancer(as_frame=True)
table = cells.frame.assign(diagnosis=cells.target.map({0: "malignant", 1: "benign"})).drop(
    columns="target"
)
table.insert(0, "sample", range(1000, 1000 + len(table)))

folder = Path(mkdtemp())
table.to_csv(folder / "cells.csv", index=False)
table.iloc[:3, [0, 1, 2, -1]]

# %%
# Train on subsets
# ----------------
#
# The command trains 500 models, each on seven tenths of the training examples, drawn at random, and asks
# every model about every example. A fifth of the rows is held out as a test set, if there is no file of test
# rows (``--test``). In a shell it is
#
# .. code-block:: sh
#
#     python -m empirical.estimate cells.csv --label diagnosis --id sample --learner knn --trials 500 --out runs/cells
#
# and from Python the same, by the command's ``main``:

from empirical import estimate

words = "--label diagnosis --id sample --learner knn --trials 500 --no-plot --quiet".split()
estimate.main([str(folder / "cells.csv"), *words, "--out", str(folder / "run")])

# %%
# What the numbers mean
# ---------------------
#
# *Memorization* 1: models that trained on the example are always right on it, the others never. 0: it makes
# no difference, mostly as other examples teach the same. The intervals and standard errors say how much
# chance there is in a number; the lines below the tables say it of all of them, as the number of pairs that
# chance alone would make. More in :doc:`/scores`.
#
# The run's folder has everything as tables:

memorization = pd.read_csv(folder / "run" / "memorization.csv")
memorization.sort_values("memorization", ascending=False).head(3).T

# %%
# Who is memorized?
# -----------------
#
# Memorized examples are of two kinds, and which it is only a look at them tells: odd ones, whose labels are
# right, that no other example is like; and wrong labels. The column ``group`` parts both from what is never
# right.

memorization["group"].value_counts()

# %%
# Where does a test example's answer come from?
# ---------------------------------------------
#
# A pair of much *influence*: leave out the training example, and models get the test example wrong.

pairs = pd.read_csv(folder / "run" / "pairs.csv")
pairs.head()

# %%
# How many models?
# ----------------
#
# The standard error falls as one over the root of their number. ``plan`` says how many an error takes, or how
# many are needed to find pairs of some influence and few false ones; on the command line ``--error``,
# ``--power`` and ``--false``.

from empirical import plan

plan(error=0.02), plan(power=0.9, influence=0.3, false=10, pairs=455 * 114)

# %%
# In Python
# ---------
#
# The same in scikit-learn's manners, with any of its classifiers or one of ours. A data frame keeps its index
# as names of rows.

from sklearn.naive_bayes import GaussianNB

from empirical import SubsetEstimator

rows = table.set_index("sample")
features, labels = rows.drop(columns="diagnosis"), rows["diagnosis"]
estimator = SubsetEstimator(GaussianNB(), models=60, random_state=0).fit(
    features[:400], labels[:400], features[400:], labels[400:]
)
estimator.memorization_.nlargest(3, "memorization")

# %%
# A picture
# ---------

from longtail.plots import BLUE, ORANGE, drawing

with drawing(7, 3.4) as figure:
    axes = figure.subplots()
    bins = [i / 20 for i in range(-4, 21)]
    axes.hist(
        memorization["memorization"], bins, color=BLUE, label="nearest neighbor, 500 models"
    )
    axes.hist(
        estimator.memorization_["memorization"],
        bins,
        histtype="step",
        color=ORANGE,
        label="naive Bayes, 60 models",
    )
    axes.set_yscale("log")
    axes.set_title("How much is memorized depends on the learner")
    axes.set_xlabel("memorization")
    axes.set_ylabel("training examples")
    axes.legend()

# %%
# Next
# ----
#
# * ``python -m empirical.compare runs/cells --out report`` fits the theory and writes the report: :doc:`/report`.
# * ``python -m empirical.remove runs/cells`` says what accuracy the memorized are worth.
# * ``python -m empirical.clean cells.csv --label diagnosis --out labels`` ranks the labels that are likely wrong, and ``python -m
#   empirical.explain runs/cells --test ID`` says which training examples carry an answer: :doc:`/commands`.
# * A run that is stopped goes on when the same command is given again; with more models, only the new ones are trained.
