"""Examples whose label may be wrong: most models that did not train on them predict another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("index", "id", "label", "memorization", "in_accuracy", "out_accuracy", "group", "n_out")


def suspects(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of memorization with out_accuracy below 1/2, the least first and of equals the most memorized.

    1 − out_accuracy is what finds a wrong label: one that models fit is memorized, one that they do not is never right.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"index": [0, 1, 2], "memorization": [0.9, 0.0, 0.1], "out_accuracy": [0.1, 0.0, 0.9]})
    >>> suspects(table)["index"].tolist()
    [1, 0]
    """
    wrong = table[table["out_accuracy"] < 0.5].sort_values(["out_accuracy", "memorization"], ascending=[True, False])
    return wrong[[name for name in COLUMNS if name in wrong]].reset_index(drop=True)
