"""What the long-tail model predicts of an experiment: memorization, influence, removal, error against n, in closed form.

A learner that has an example in its subset is right on it. One that has not is taught by each included member of the
example's subpopulation with probability λ, and guesses where none did. If J of the other c − 1 members are included,

    Pr[wrong | out] = (1 − 1/K) (1 − λ)^J,
    mem(c, λ) = (1 − 1/K) E(1 − λ)^J = (1 − 1/K) (1 − rλ)^{c−1}        J ~ Binomial(c − 1, r),

and with subsets of fixed size m of n, J is hypergeometric: at λ = 1 that is (1 − 1/K) C(n−c, m)/C(n−1, m) (Feldman & Zhang,
arXiv 2008.03703, for the estimator whose out-sets have size m as well). A test example of that subpopulation is influenced
by each member, which teaches it with probability λ when in:

    infl(c, λ) = (1 − 1/K) (E(1 − λ)^{J} − (1 − λ) E(1 − λ)^{J}) = (1 − 1/K) λ (1 − rλ)^{c−1}.

Trained on everything, a test example is wrong with probability (1 − 1/K)(1 − λ)^c; keeping each training example of its
subpopulation with probability k, (1 − 1/K)(1 − kλ)^c. Where guesses are not fresh, or better than guesses
(``longtail.experiment.coupling``), a subpopulation has its own u for 1 − 1/K; where λ is a pair's own, (1 − rλ)^{c−1} is a
product with a law (``longtail.experiment.members``); dust is examples without a subpopulation that test examples belong to.
Where examples are hard by themselves, too, with chance η, the u of an example's memorization is its own, that of its influence is
that of test examples. Removing what is estimated to be memorized ≥ θ keeps those that the estimate's noise lets slip; with chance
g(u) one with that u is removed, and of a subpopulation's examples each with chance (1 − η) g(u) + η E g. Removing as many at
random keeps the same share of every subpopulation. How many subpopulations are seen c times, and with what mass, is the exact
solution of the model (``longtail.experiment.occupancy``).

All of it is of the truth, or with a ``noise`` (``longtail.experiment.noise``) of what an estimator makes of it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from longtail.core import Floats, Problem
from longtail.experiment.coupling import Coupling
from longtail.experiment.laid import laid
from longtail.experiment.members import Members, members, powers
from longtail.experiment.noise import FRACTION, Noise, included
from longtail.experiment.occupancy import TINY, Occupancy, occupancy, smooth

if TYPE_CHECKING:
    import pandas as pd

COARSE, CELLS_OF_GUESSES = 16, 48  # of what memorization can be at the most
SHARP, SMOOTH = 2000, 200  # steps of λ, for what jumps at a threshold and for what does not
BLURRED = 60  # and where u has a law, which blurs more
CELLS = 400  # of memorization
LAID = 2000  # of what is left untaught, before guesses make memorization of it
TIE = 1e-12  # of a threshold and what is just that
FINE = 64  # points to a standard deviation of an estimate


def memorization(
    copies: ArrayLike, strength: ArrayLike, n_classes: int, fraction: float = FRACTION, *, n: int | None = None
) -> Floats:
    """mem(c, λ); with ``n``, for subsets of fixed size round(fraction n), else for each example in with chance ``fraction``.

    >>> memorization([1, 2, 3], 1.0, n_classes=10).round(4).tolist()
    [0.9, 0.27, 0.081]
    """
    c, lam = np.asarray(copies, float), np.asarray(strength, float)
    return np.asarray((1 - 1 / n_classes) * _untaught(c - 1, lam, fraction, n))


def influence(
    copies: ArrayLike, strength: ArrayLike, n_classes: int, fraction: float = FRACTION, *, n: int | None = None
) -> Floats:
    """infl(c, λ), of each of the c members on a test example of their subpopulation; ``n`` as in ``memorization``.

    >>> influence([1, 2, 3], 0.5, n_classes=10).round(4).tolist()
    [0.45, 0.2925, 0.1901]
    """
    c, lam = np.asarray(copies, float), np.asarray(strength, float)
    if n is None:
        return np.asarray((1 - 1 / n_classes) * lam * _untaught(c - 1, lam, fraction, None))
    # given i in, the others are m − 1 of n − 1; given i out, m of n − 1
    m = round(fraction * n)
    out, within = _hypergeometric(c - 1, lam, n - 1, m), _hypergeometric(c - 1, lam, n - 1, m - 1)
    return np.asarray((1 - 1 / n_classes) * (out - (1 - lam) * within))


def _untaught(others: Floats, lam: Floats, fraction: float, n: int | None) -> Floats:
    """E(1 − λ)^J."""
    if n is None:
        return np.asarray((1 - fraction * lam) ** others)
    return _hypergeometric(others, lam, n - 1, round(fraction * n))


def _hypergeometric(others: Floats, lam: Floats, total: int, size: int) -> Floats:
    """E(1 − λ)^J with J of ``others`` among ``size`` drawn from ``total``: the generating function, term by term."""
    c, x = np.broadcast_arrays(others, lam)
    out = np.empty(c.shape)
    for index in np.ndindex(c.shape):
        j = np.arange(int(c[index]) + 1)
        out[index] = stats.hypergeom.pmf(j, total, int(c[index]), size) @ (1 - x[index]) ** j
    return out


def share_above(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    fraction: float | None = None,
    noise: Noise | None = None,
) -> Floats:
    """The share of training examples with memorization ≥ each threshold: true, or as estimated with that noise.

    >>> from longtail import Problem, Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> share_above(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), [0.25, 0.5]).round(3).tolist()
    [0.411, 0.245]
    """
    theta = np.atleast_1d(np.asarray(thresholds, float))
    r = included(fraction, noise)
    if noise is None and not coupling.apart:
        return np.asarray(_exceeds(problem, coupling, theta, r))
    grid, law = memorization_law(problem, coupling, r)
    if noise is None:
        return np.asarray((grid >= theta[:, None] - TIE) @ law)
    return np.asarray(noise.above(theta, grid) @ law)


def memorization_law(problem: Problem, coupling: Coupling, fraction: float = FRACTION) -> tuple[Floats, Floats]:
    """The distribution of true memorization over examples: values and shares.

    >>> from longtail import Problem, Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> values, shares = memorization_law(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1))
    >>> round(float(values.max()), 3), round(float(shares.sum()), 6)
    (0.9, 1.0)
    """
    seen = smooth(problem, dust=coupling.dust)
    left, share = untaught(members(coupling, seen.copies[1:] - 1, fraction, SMOOTH), seen.examples[1:], seen.dust)
    tops, guessed = coupling.guesses(problem.n_classes)
    value, law = np.multiply.outer(tops, left).ravel(), np.multiply.outer(guessed, share).ravel()
    place = np.minimum((value * CELLS).astype(int), CELLS - 1)
    whole, total = (np.bincount(place, weights=w, minlength=CELLS).astype(float) for w in (law, law * value))
    return total / np.maximum(whole, TINY), whole


def untaught(of: Members, share: Floats, dust: float) -> tuple[Floats, Floats]:
    """Values of R and their chances over examples, ``share`` of whom have each number of copies.

    >>> from longtail.experiment.coupling import Fixed
    >>> untaught(members(Fixed(1), np.array([0.0, 1.0]), 0.7, 8), share=np.array([0.5, 0.4]), dust=0.1)
    (array([1. , 0.3, 1. ]), array([0.5, 0.4, 0.1]))
    """
    if of.own is None:
        value, law = of.left.ravel(), np.multiply.outer(share, of.weight).ravel()
    else:
        value, law = of.left, np.asarray(np.einsum("c,l,cls->s", share, of.weight, of.law, optimize=True))
        value, law = np.append(value, 0.0), np.append(law, max(float(share.sum()) - float(law.sum()), 0.0))
    return np.append(value, 1.0), np.append(law, dust)


def _exceeds(problem: Problem, coupling: Coupling, theta: Floats, fraction: float) -> Floats:
    """Σ_c w_c Pr[u (1 − rλ)^{c−1} ≥ θ]; 1 at θ ≤ 0."""
    found = np.zeros(len(theta))
    for top, guessed in zip(*coupling.guesses(problem.n_classes), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.where(theta <= 0, 0.0, theta / top)
            found += guessed * (_relative(problem, coupling, x, fraction) + coupling.dust * (x <= 1 + TIE))
    return found


def _relative(problem: Problem, coupling: Coupling, x: Floats, fraction: float) -> Floats:
    """Σ_c w_c Pr[(1 − rλ)^{c−1} ≥ x]; all there is at x ≤ 0."""
    seen = occupancy(problem, coupling.dust)
    once = np.where(x <= 1 + TIE, 1.0, 0.0) * seen.examples[1]
    exponent = 1 / (seen.copies[2:, None] - 1)
    with np.errstate(divide="ignore"):
        weakest = -np.expm1(np.log(np.clip(x, 0.0, 1.0)) * exponent) / fraction  # λ up to here leaves that much
    chance = np.where(x > 1, 0.0, coupling.below(weakest))
    return np.where(x <= 0, 1 - coupling.dust, np.asarray(once + seen.examples[2:] @ chance))


def occupied(problem: Problem, coupling: Coupling, noise: Noise | None) -> Occupancy:
    """Copies, finely where no noise blurs the steps of a curve.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> seen = occupied(Problem(Zipf(alpha=1, size=100), n=50), Fixed(1), None)
    >>> len(seen.copies), round(float(seen.examples.sum()), 6)  # 0 to 50 copies and what is beyond; shares of all examples
    (52, 1.0)
    """
    return occupancy(problem, coupling.dust) if noise is None else smooth(problem, dust=coupling.dust)


def cells_of(coupling: Coupling, noise: Noise | None) -> int:
    """Of λ: many where neither noise nor a law of guesses blurs steps.

    >>> from longtail.experiment.coupling import Fixed
    >>> cells_of(Fixed(1), None), cells_of(Fixed(1, steady=0.5), None)
    (2000, 200)
    """
    return SHARP if noise is None and coupling.steady in (0, 1) else SMOOTH


def tops_of(problem: Problem, coupling: Coupling, noise: Noise | None = None) -> list[tuple[float, float]]:
    """What memorization can be at the most, and shares of subpopulations; 0 only where noise may make more of it, or where an
    example's own says nothing of the others'.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> problem = Problem(Zipf(alpha=1, size=100), n=50, n_classes=4)
    >>> tops_of(problem, Fixed(1)), tops_of(problem, Fixed(1, steady=1.0))  # guesses anew in each model, and ever the same
    ([(0.75, 1.0)], [(1.0, 0.75)])
    """
    cells = COARSE if coupling.apart else CELLS_OF_GUESSES
    tops = zip(*(part.tolist() for part in coupling.guesses(problem.n_classes, cells)), strict=True)
    return [(top, guessed) for top, guessed in tops if top > 0 or noise is not None or coupling.own]


def passing(theta: float, true: Floats, noise: Noise | None) -> Floats:
    """Whether memorization is ≥ θ, or Pr[it is estimated to be].

    >>> passing(0.25, np.array([0.1, 0.25, 0.9]), None).tolist()
    [0.0, 1.0, 1.0]
    """
    if noise is None:
        return np.asarray(true >= theta - 1e-12, float)
    return np.asarray(np.interp(true, *_passing(theta, noise)))


@lru_cache(maxsize=64)
def _passing(theta: float, noise: Noise) -> tuple[Floats, Floats]:
    line = np.linspace(0, 1, int(FINE * noise.sharpness) + 2)
    return line, noise.above(np.array([theta]), line)[0]


def removal(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    fraction: float | None = None,
    noise: Noise | None = None,
) -> pd.DataFrame:
    """Accuracy lost by training without the examples of memorization ≥ θ, and without as many at random.

    With ``noise``, memorization is what it is estimated to be.

    >>> from longtail import Problem, Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> list(removal(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), [0.25]).columns)[:3]
    ['threshold', 'removed_share', 'lost']
    """
    import pandas as pd

    r = included(fraction, noise)
    seen = occupied(problem, coupling, noise)
    c = seen.copies[1:, None]
    of = members(coupling, seen.copies[1:] - 1, r, cells_of(coupling, noise))
    lam, weight = of.mean, of.weight
    rest = np.maximum(1 - of.law.sum(2), 0.0)
    tops = tops_of(problem, coupling)

    def taken(theta: float, top: float) -> Floats:
        """Pr[an example is removed], by copies and λ."""
        some = (of.law * passing(theta, top * of.left, noise)).sum(2)
        return np.asarray(some + rest * float(passing(theta, np.zeros(1), noise)[0]))

    def error(kept: Floats | float) -> float:
        """Of those examples whose subpopulation is met, in training."""
        return float(seen.mass[1:] @ ((1 - kept * lam) ** c @ weight))

    whole = error(1.0)
    never, own = 1 - sum(guessed for _, guessed in tops), coupling.own
    wrong = [float(coupling.typical(problem.n_classes, top)) for top, _ in tops]
    rows = []
    for theta in np.atleast_1d(np.asarray(thresholds, float)):
        gone = [taken(theta, top) for top, _ in tops]
        dust = [float(passing(theta, np.array([top]), noise)[0]) for top, _ in tops]
        untold = never * float(passing(theta, np.zeros(1), noise)[0])  # of those that are right untaught
        mean = sum((guessed * g for (_, guessed), g in zip(tops, gone, strict=True)), np.full(gone[0].shape, untold))
        share = float(seen.examples[1:] @ (mean @ weight))
        share += seen.dust * (untold + sum(guessed * d for (_, guessed), d in zip(tops, dust, strict=True)))
        lost = [error(1 - (1 - own) * g - own * mean) - whole for g in gone]
        rows.append(
            {
                "threshold": float(theta),
                "removed_share": share,
                "lost": sum(guessed * u * more for (_, guessed), u, more in zip(tops, wrong, lost, strict=True)),
                "lost_random": coupling.wrong(problem.n_classes) * (error(1 - share) - whole),
            }
        )
    return pd.DataFrame(rows)


def error_against_samples(problem: Problem, coupling: Coupling, samples: ArrayLike | None = None) -> pd.DataFrame:
    """Expected test error after n samples, (1 − 1/K) Σ_c mass_c(n) E(1 − λ)^c: a guess on what nobody taught.

    Models trained on a share r of n examples have seen rn samples.

    >>> from longtail import Problem, Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> error_against_samples(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), [10, 100])["error"].round(3).tolist()
    [0.602, 0.219]
    """
    import pandas as pd

    sizes = np.asarray(samples if samples is not None else around(problem.n), float)
    rows = []
    for n in np.unique(np.maximum(np.round(sizes), 1)).astype(int):
        whole = error_at(replace(problem, n=int(n)), coupling, [1.0])
        rows.append({"samples": int(n), "error": float(whole[0])})
    return pd.DataFrame(rows)


def error_at(problem: Problem, coupling: Coupling, fractions: ArrayLike) -> Floats:
    """Expected test error of models that are trained on each of n examples with chance f,

        E u (ν + Σ_c mass_c E(1 − fλ)^c):

    dust is wrong as if nobody had taught it.

    >>> from longtail import Problem, Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> error_at(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), [0.5, 1.0]).round(3).tolist()
    [0.329, 0.219]
    """
    seen = smooth(problem, dust=coupling.dust)
    of = members(coupling, np.zeros(1), 1.0, SMOOTH)
    missed = 1 - np.multiply.outer(np.asarray(fractions, float), of.mean)
    wrong = np.stack([powers(one, seen.copies) for one in missed]) @ of.weight
    return np.asarray(coupling.wrong(problem.n_classes) * (seen.dust + wrong @ seen.mass))


def influence_by_memorization(problem: Problem, coupling: Coupling, edges: ArrayLike, noise: Noise) -> pd.DataFrame:
    """What examples carry, by bin of their estimated memorization: their share, and the sum of their influences on test accuracy.

    An example whose subpopulation has mass d and c members adds d u λ (1 − rλ)^{c−1} to accuracy in expectation, λ being that of
    its subpopulation in the mean over pairs, and u that of test examples. ``edges`` part the bins; the first and the last
    are open.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> from longtail.experiment.noise import Exact
    >>> found = influence_by_memorization(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), [0.25], Exact())
    >>> found.round(3).values.tolist()
    [[-inf, 0.25, 0.589, 0.024], [0.25, inf, 0.411, 0.203]]
    """
    import pandas as pd

    ends = np.atleast_1d(np.asarray(edges, float))
    share, total = carried(problem, coupling, tuple(ends.tolist()), noise)
    low, high = np.append(-np.inf, ends), np.append(ends, np.inf)
    return pd.DataFrame({"low": low, "high": high, "share": share, "influence": total})


def carried(problem: Problem, coupling: Coupling, edges: tuple[float, ...], noise: Noise) -> tuple[Floats, Floats]:
    """The last two columns of ``influence_by_memorization``, for who asks for them again and again.

    >>> from longtail import Zipf
    >>> from longtail.experiment.coupling import Fixed
    >>> from longtail.experiment.noise import Exact
    >>> found = carried(Problem(Zipf(alpha=1, size=100), n=100), Fixed(1), (0.25,), Exact())
    >>> [part.round(3).tolist() for part in found]
    [[0.589, 0.411], [0.024, 0.203]]
    """
    r, seen = noise.fraction, smooth(problem, dust=coupling.dust)
    of = members(coupling, seen.copies[1:] - 1, r, SMOOTH if coupling.difficulty is None else BLURRED)
    one = of.mean * powers(1 - r * of.mean, seen.copies[1:] - 1)
    parts = seen.examples[1:, None] * of.weight, (seen.copies[1:] * seen.mass[1:])[:, None] * of.weight * one
    if of.left.ndim == 1:  # values that all numbers of copies share
        values, sums = of.left, [np.tensordot(part, of.law, 2) for part in parts]
    else:
        values, places = np.linspace(0, 1, LAID + 1), LAID * of.left.ravel()
        sums = [laid(np.ones(1), places, part[:, :, None] * of.law, LAID) for part in parts]
    values, (share, total) = np.append(values, 1.0), (np.append(sums[0], seen.dust), np.append(sums[1], 0.0))
    top, guessed = np.array(tops_of(problem, coupling, noise)).T[:, :, None]
    weights = guessed * share, guessed * coupling.neighbor(problem.n_classes, top) * total
    at = np.array([laid(CELLS * top, values, weight, CELLS) for weight in weights])
    # products too small to tell are in no cell: they are examples that are memorized as good as not
    at[0, 0] += max(1 - at[0].sum(), 0.0)
    chances = _by_cell(edges, noise)
    share, total = chances @ at[0], chances @ at[1]
    every = float((seen.copies[1:] * seen.mass[1:]) @ (one @ of.weight)) * coupling.wrong(problem.n_classes)
    lost = every - float(total.sum())
    return share, total + max(lost, 0.0) * chances[:, 0]


@lru_cache(maxsize=16)
def _by_cell(edges: tuple[float, ...], noise: Noise) -> Floats:
    return noise.chances(np.array(edges), np.linspace(0, 1, CELLS + 1))


def around(n: int) -> Floats:
    """Numbers of samples from n/100 to 10 n.

    >>> around(1000)[[0, -1]].tolist()
    [10.0, 10000.0]
    """
    return np.asarray(n * 10 ** np.linspace(-2, 1, 7))
