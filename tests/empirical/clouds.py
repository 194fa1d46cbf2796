"""Clouds some of whose labels are wrong, and the command that looks for these."""

from __future__ import annotations

import numpy as np
import pandas as pd

from empirical import clean

RUN = ("--learner", "softmax", "--quiet")


def clouds(seed):
    """Three clouds, and which of their labels are wrong."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], 60)
    x = rng.normal(size=(180, 4)) + 3 * np.eye(4)[y]
    wrong = rng.choice(180, 12, replace=False)
    y[wrong] = (y[wrong] + 1) % 3
    return x, y, wrong


def written(path):
    """A table of them, and the names of rows whose labels are wrong."""
    x, y, wrong = clouds(0)
    names = {"label": np.array(["ant", "bee", "cat"])[y], "name": [f"n{i}" for i in range(180)]}
    pd.DataFrame(x, columns=list("abcd")).assign(**names).to_csv(path, index=False)
    return path, {f"n{i}" for i in wrong}


def called(capsys, *arguments):
    """Exit code, stdout and stderr of clean."""
    code = clean.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err
