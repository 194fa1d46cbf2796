"""The law of a count: how often a subpopulation is seen, and the exact likelihood of everybody's counts.

Feldman's model (arXiv 1906.05271) draws p_x from a list, and n samples from D(x) = p_x / T. With a scale s, counts that are
Poisson(s p_x) are the same multinomial once their total is given, whatever s; and integrating the scale out gives exactly
the model's own likelihood of a pattern of counts c_1..c_N with sum n:

    L(c) = E_p [n!/Π c_x! Π (p_x/T)^{c_x}] = n ∫_0^∞ Π_x P(c_x; s) ds/s,      P(c; s) = (1/N) Σ_k Poisson(c; s v_k),

since ∫ e^{−sT} s^{n−1} ds = Γ(n) T^{−n}. So a product of one-dimensional laws, with the scale as a nuisance parameter, is
no approximation; and the posterior mean frequency of what was seen c times is (c + 1) P(c + 1; s) / (n P(c; s)).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from longtail.core import Floats, Nodes, Prior
from longtail.priors.gamma import Gamma
from longtail.priors.ranked import Ranked

REACH = 9.5  # standard deviations of a Poisson law in log value, beyond which it is below a rounding error
GROWTH = 4.0  # of the count in a group that shares its nodes


def log_law(prior: Prior, log_scale: float, counts: Floats) -> Floats:
    """log P(c; s) for each of ``counts`` (whole numbers in ascending order).

    >>> from longtail.priors import Uniform
    >>> log_law(Uniform(size=5), 0.0, np.array([0.0, 2.0])).round(6).tolist()  # Poisson(1): e^-1 and e^-1/2
    [-1.0, -1.693147]
    """
    c = np.asarray(counts, float)
    if isinstance(prior, Gamma):  # Poisson of a Gamma is negative binomial
        a, s = prior.shape, np.exp(log_scale)
        ways = special.gammaln(c + a) - special.gammaln(a) - special.gammaln(c + 1)
        return np.asarray(ways + c * (log_scale - np.log1p(s)) - a * np.log1p(s))
    out = np.full(len(c), -np.inf)
    start, edge = 0, 10.0
    while start < len(c):
        stop = int(np.searchsorted(c, edge, side="right"))
        if stop > start:
            out[start:stop] = _group(prior, log_scale, c[start:stop], edge)
        start, edge = stop, edge * GROWTH
    return out


def _group(prior: Prior, log_scale: float, c: Floats, edge: float) -> Floats:
    nodes, _ = _window(prior, log_scale, c[0], c[-1], edge)
    if not len(nodes.count):  # counts that no entry comes near: all that matters is which is the nearest
        nodes = prior.nodes()
    log_rate = nodes.log_value + log_scale
    with np.errstate(over="ignore", under="ignore"):
        rate = np.exp(np.minimum(log_rate, 700.0))
        exponent = np.multiply.outer(c, log_rate) - rate
        exponent += np.log(np.maximum(nodes.count, 1e-300) / prior.size)
        return np.asarray(special.logsumexp(exponent, axis=1) - special.gammaln(c + 1))


def tied_scale(prior: Prior, n: float) -> float:
    """log s at which the expected total is n: where a search for the scale starts.

    >>> from longtail import Uniform
    >>> round(tied_scale(Uniform(size=100), n=50), 6)  # every list value is 1: 50 samples over 100
    -0.693147
    """
    nodes = prior.nodes()
    top = float(nodes.log_value.max())
    return float(np.log(n) - top - np.log(nodes.count @ np.exp(nodes.log_value - top)))


def survival(prior: Prior, log_scale: float, edges: Floats) -> Floats:
    """Pr[C ≥ a; s] for each of ``edges`` (whole numbers from 1, ascending): (1/N) Σ_k γ(a, s v_k)/Γ(a).

    >>> from longtail import Uniform
    >>> survival(Uniform(size=100), 0.0, np.array([0.0, 1.0])).round(4).tolist()  # Poisson of mean 1: at least 0, at least 1
    [1.0, 0.6321]
    """
    a = np.asarray(edges, float)
    if isinstance(prior, Gamma):
        return np.asarray(special.betainc(a, prior.shape, special.expit(log_scale)))
    out = np.empty(len(a))
    start, edge = 0, 10.0
    while start < len(a):
        stop = int(np.searchsorted(a, edge, side="right"))
        if stop > start:
            nodes, above = _window(prior, log_scale, a[start], a[stop - 1], edge)
            rate = np.exp(np.minimum(nodes.log_value + log_scale, 700.0))
            out[start:stop] = (special.gammainc(a[start:stop, None], rate) @ nodes.count + above) / prior.size
        start, edge = stop, edge * GROWTH
    return out


def _window(prior: Prior, log_scale: float, least: float, most: float, edge: float) -> tuple[Nodes, int]:
    """The entries that counts from ``least`` to ``most`` may come from, finely enough, and how many are larger."""
    if edge <= 10:
        return prior.nodes(), 0
    refine = float(np.sqrt(edge / 10))
    if not isinstance(prior, Ranked):
        return prior.nodes(refine), 0
    low = np.log(least) - log_scale - REACH / np.sqrt(least) - 5 / least
    high = np.log(most) - log_scale + REACH / np.sqrt(most) + 5 / most
    return prior.between(low, high, refine), prior.ranks_from(high)
