"""Linear datamodeling scores of attributions: how they are spread over test examples, their means, and the noise ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from empirical.report.judged_text import short
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from empirical.attributions.judged import Judged

LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))


def judged_figure(every: Mapping[str, Judged], name: str) -> Figure:
    """The share of test examples with a score of at most so much, a line each."""
    with drawing(6.6, 4.0) as figure:
        axes = figure.subplots()
        for k, (source, found) in enumerate(every.items()):
            values = np.sort(found.table["lds"].dropna().to_numpy(float))
            color, style = LOOKS[k % len(LOOKS)]
            label = f"{short(source)}: {float(found.lds.value):.3f} ± {float(found.lds.stderr):.3f}"
            axes.plot(values, (np.arange(len(values)) + 1) / max(len(values), 1), style, color=color, label=label)
        high = next(iter(every.values())).highest
        if high is not None and high.value == high.value:
            axes.axvline(
                float(high.value), color=GRAY, linewidth=1.0, label=f"noise ceiling of the mean: {high.value:.3f}"
            )
        axes.set_xlabel("linear datamodeling score of a test example")
        axes.set_ylabel("share of test examples, at most so much")
        axes.set_title(f"Attributions of {name}, against models they have not seen")
        axes.legend(loc="upper left", fontsize=8)
    return figure
