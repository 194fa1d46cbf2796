"""Four kinds of training examples, by how often models are right on one that trained on it (in) and that did not (out).

    memorized      memorization, in − out, of .25 or more: only the example itself teaches it
    never right    in below .25: models are wrong on it even when they trained on it; it is mislabelled, or too hard for them
    typical        out of .75 or more: the others teach it
    between        the rest

Memorization alone does not tell the typical from the never right: both have 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from empirical.estimates import MEMORIZED

NAMES = ("memorized", "never right", "typical", "between")
SELDOM, OFTEN = 0.25, 0.75


def groups(table: pd.DataFrame) -> pd.Series:
    """The kind of each row, by its columns memorization, in_accuracy and out_accuracy; missing where these are.

    >>> t = pd.DataFrame({"memorization": [0.9, 0.0, 0.0, 0.1], "in_accuracy": [1, 0, 1, 0.5], "out_accuracy": [0.1, 0, 1, 0.4]})
    >>> groups(t).tolist()
    ['memorized', 'never right', 'typical', 'between']
    """
    value = table["memorization"].to_numpy(float)
    inside, outside = (table[name].to_numpy(float) for name in ("in_accuracy", "out_accuracy"))
    kind = np.select([~np.isfinite(value), value >= MEMORIZED, inside < SELDOM, outside >= OFTEN], [4, 0, 1, 2], 3)
    return pd.Series(np.array([*NAMES, None], object)[kind], index=table.index)
