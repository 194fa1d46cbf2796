"""The law of λ, with which one member of a subpopulation teaches another, in words."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from empirical.report.numbers import digits
from longtail.core.shares import percent
from longtail.experiment.coupling import Coupling, Fixed


def taught(coupling: Coupling) -> str:
    """The law of λ in words.

    >>> from longtail.experiment.coupling import Beta
    >>> taught(Fixed(1)), taught(Beta(1, 1))
    ('1.00, the same in all', '0.50 on average, and from 0.05 to 0.95 in nine subpopulations of ten')
    """
    if isinstance(coupling, Fixed):
        return f"{coupling.strength:.2f}, the same in all"

    def quantile(q: float) -> float:
        if float(coupling.below(np.zeros(1))[0]) >= q:
            return 0.0
        return float(brentq(lambda at: float(coupling.below(np.array(at))) - q, 0, 1))

    low, high = quantile(0.05), quantile(0.95)
    whose = "pairs" if coupling.apart == 1 else "subpopulations"
    return f"{coupling.mean:.2f} on average, and from {low:.2f} to {high:.2f} in nine {whose} of ten"


def guessing(steady: float) -> str:
    """How alike models guess on what they were not taught.

    >>> guessing(0.0), guessing(0.25)
    ('anew in every model', 'partly alike in all models (correlation 0.25)')
    """
    if 0 < steady < 1:
        return f"partly alike in all models (correlation {digits(steady)})"
    return "anew in every model" if steady == 0 else "alike in all models"


def law(coupling: Coupling) -> str:
    """All of it, for a row of a table.

    >>> law(Fixed(0.9, steady=1, dust=0.02))
    'taught with 0.90, the same in all; guesses alike in all models; 2.0 % without their like'
    """
    said = [f"taught with {taught(coupling)}", f"guesses {guessing(coupling.steady)}"]
    if coupling.difficulty is not None:
        said.append(f"wrong untaught with {coupling.difficulty:.2f}")
    if coupling.dust:
        said.append(f"{percent(coupling.dust, '.1f')} without their like")
    if coupling.own:
        said.append(f"{percent(coupling.own, '.0f')} of that each example's own")
    if 0 < coupling.apart < 1:
        said.append(f"{percent(coupling.apart, '.0f')} of it each pair's own")
    return "; ".join(said)
