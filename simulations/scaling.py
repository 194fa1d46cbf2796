"""Claim (Hutter, arXiv 2102.04074, for the first exponent): under a Zipf list k^−s, s > 1, errors fall as powers of n.

The constants are in closed form (``longtail.exact.scale``).
The unseen mass falls as n^−(1 − 1/s), the gain from one more sample and the variance of the unseen mass as n^−(2 − 1/s), which
for s in (1, 2] is between n^−1 and n^−1.5, as values of points in data sets were measured to fall (Covert et al., arXiv
2405.20456). Of what is kept when all but one copy a subpopulation are removed, the unseen mass falls as m^−(s − 1).

Measured on lists of 10^12, exact beside asymptote: all hold. The asymptote is within 1 % from this n on, for s = 1.5, 2, 3:

    unseen mass                     22        39        60
    seen fewer than 3 times         24        48        89
    gain of one sample             156       188       245
    variance of unseen mass    145,657     3,281       585
    distinct subpopulations        197     1,310    62,329
    unseen mass of m kept          100     1,385   495,315

The variance is late because samples of a given number are not independent: relative terms n^−(1 − 1/s); the last two because
distinct subpopulations are Γ(1 − 1/s)(n/Z)^{1/s} less one half. At s = 1.2 what lies beyond 10^12 is 3 % of the unseen mass at
n = 10^6 and more later: there the list is too short for its law.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtail import Problem, Zipf
from longtail.core.published import equal
from longtail.exact import scale
from simulations.claim import Claim, at
from simulations.command import main

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Config:
    """Exponents of the list, its size, and the numbers of samples, powers of ten."""

    exponents: tuple[float, ...] = (1.5, 2.0, 3.0)
    subpopulations: int = 10**12
    decades: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    tolerance: float = 0.01


QUICK = Config(exponents=(1.5, 2.0), decades=(1, 2, 3, 4, 5, 6))


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """One row a list, law and number of samples, with the n from which the asymptote is within the tolerance."""
    import pandas as pd

    frames = []
    for s in config.exponents:
        problem = Problem(Zipf(alpha=s, size=config.subpopulations), 1, mode="fixed")
        reached = {law.name: law.within(problem, config.tolerance) for law in scale.LAWS}
        frame = scale.asymptotes(problem, [10**k for k in config.decades])
        frames.append(frame.assign(s=s, from_samples=frame["law"].map(reached)))
    return pd.concat(frames, ignore_index=True)


LAWS = {
    "unseen_mass": ("error of the best learner, its unseen mass", "−(1 − 1/s)", -1 / 2),
    "gain_of_one_sample": ("gain from one more sample", "−(2 − 1/s)", -3 / 2),
    "distinct_subpopulations": ("distinct subpopulations", "1/s", 1 / 2),
    "unseen_mass_of_kept": ("unseen mass where one copy each is kept", "−(s − 1)", -1.0),
}
CLAIMS = tuple(
    Claim(
        f"{says}: power of n = 10^6, s = 2",
        equal(value, f"{text} = {value:g}".replace("-", "−"), digits=2),
        at("exponent", law=law, s=2.0, samples=10**6),
    )
    for law, (says, text, value) in LAWS.items()
)


def plot(frame: pd.DataFrame) -> Figure:
    """Exact and asymptotic, each law against n."""
    from longtail.plots.style import BLUE, GREEN, ORANGE, drawing

    with drawing(11, 6.4) as figure:
        grid = figure.subplots(2, 3)
        for axes, (name, law) in zip(grid.flat, frame.groupby("law", sort=False), strict=True):
            for (s, part), color in zip(law.groupby("s"), (BLUE, ORANGE, GREEN), strict=False):
                axes.loglog(part["samples"], part["exact"], "o", color=color, label=f"s = {s:g}")
                axes.loglog(part["samples"], part["asymptote"], "--", color=color)
            axes.set_title(str(name).replace("_", " "))
            axes.set_xlabel("samples")
        grid.flat[0].legend(loc="best", title="dashed: asymptote")
        figure.suptitle("Laws of scale under Zipf lists of 10^12: exact, and what it tends to")
    return figure


if __name__ == "__main__":
    sys.exit(main(name="scaling"))
