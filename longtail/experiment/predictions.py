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
subpopulation with probability k, (1 − 1/K)(1 − kλ)^c. Where guesses are not fresh (``longtail.experiment.coupling``) a
subpopulation has its own u for 1 − 1/K, of that mean. Removing what is estimated to be memorized ≥ θ keeps those that the
estimate's noise lets slip; removing as many at random keeps the same share of every subpopulation. How many subpopulations
are seen c times, and with what mass, is the exact solution of the model (``longtail.experiment.occupancy``).

An influence is estimated by the difference of two shares, of r t models and of (1 − r) t: it is off by a nearly normal
amount of variance q_in(1 − q_in)/(rt) + q_out(1 − q_out)/((1 − r)t), and so is that of a pair without any.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from longtail.core import ArgumentError, Floats, Problem, real
from longtail.experiment.coupling import Coupling
from longtail.experiment.occupancy import TINY, Occupancy, occupancy, smooth

if TYPE_CHECKING:
    import pandas as pd

FRACTION = 0.7  # of the training set in a subset, as published
COUNTS = ["pairs", "tests", "single", "false", "pairs_variance", "tests_variance", "single_variance"]
SHARP, SMOOTH = 2000, 200  # steps of λ, for what jumps at a threshold and for what does not
CELLS = 400  # of memorization
MANY = 10**6  # models, from which on estimates have no noise to speak of, nor steps
TIE = 1e-9  # estimates are fractions, and where one is a threshold, rounding shall not say on which side it lies
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
    """infl(c, λ), of each of the c members on a test example of their subpopulation."""
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
    problem: Problem, coupling: Coupling, thresholds: ArrayLike, fraction: float = FRACTION, models: int | None = None
) -> Floats:
    """The share of training examples with memorization ≥ each threshold: true, or as estimated by so many models."""
    theta = np.atleast_1d(np.asarray(thresholds, float))
    if models is None:
        return np.asarray(_exceeds(problem, coupling, theta, fraction))
    grid, law = memorization_law(problem, coupling, fraction)
    return np.asarray(above(theta, grid, (1 - fraction) * models, steps(tuple(theta), models, fraction)) @ law)


def memorization_law(problem: Problem, coupling: Coupling, fraction: float = FRACTION) -> tuple[Floats, Floats]:
    """The distribution of true memorization over examples: values and shares."""
    seen = smooth(problem)
    lam, weight = coupling.nodes(SMOOTH)
    return true_law(
        seen.copies[1:], seen.examples[1:], lam, weight, *coupling.guesses(problem.n_classes), fraction=fraction
    )


def true_law(
    copies: Floats, share: Floats, lam: Floats, weight: Floats, tops: Floats, guessed: Floats, *, fraction: float
) -> tuple[Floats, Floats]:
    """The law of u (1 − rλ)^{c−1}, as the means of what falls into each of equal cells of [0, 1]."""
    relative, each = (1 - fraction * lam) ** (copies[:, None] - 1), np.multiply.outer(share, weight)
    value, law = np.multiply.outer(tops, relative).ravel(), np.multiply.outer(guessed, each).ravel()
    place = np.minimum((value * CELLS).astype(int), CELLS - 1)
    whole, total = (np.bincount(place, weights=w, minlength=CELLS).astype(float) for w in (law, law * value))
    return total / np.maximum(whole, TINY), whole


def _exceeds(problem: Problem, coupling: Coupling, theta: Floats, fraction: float) -> Floats:
    """Σ_c w_c Pr[u (1 − rλ)^{c−1} ≥ θ]; 1 at θ ≤ 0."""
    found = np.zeros(len(theta))
    for top, guessed in zip(*coupling.guesses(problem.n_classes), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            found += guessed * _relative(problem, coupling, np.where(theta <= 0, 0.0, theta / top), fraction)
    return found


def _relative(problem: Problem, coupling: Coupling, x: Floats, fraction: float) -> Floats:
    """Σ_c w_c Pr[(1 − rλ)^{c−1} ≥ x]; 1 at x ≤ 0."""
    seen = occupancy(problem)
    once = np.where(x <= 1 + 1e-12, 1.0, 0.0) * seen.examples[1]
    exponent = 1 / (seen.copies[2:, None] - 1)
    with np.errstate(divide="ignore"):
        weakest = -np.expm1(np.log(np.clip(x, 0.0, 1.0)) * exponent) / fraction  # λ up to here leaves that much
    chance = np.where(x > 1, 0.0, coupling.below(weakest))
    return np.where(x <= 0, 1.0, np.asarray(once + seen.examples[2:] @ chance))


def above(theta: Floats, memorized: Floats, held_out: float, step: ArrayLike = 0.5) -> Floats:
    """Pr[estimate ≥ θ] by (θ, true memorization): held out ``held_out`` times, right or wrong each time, right when in.

    The estimate is X/h with X ~ Binomial(h, mem). h differs a little between examples, so the binomial's steps are evened
    out: its distribution function at real arguments, an incomplete beta function. ``step``, one for all or one a threshold,
    is how far beyond hθ the next whole number lies, in the mean.
    """
    t = np.asarray(theta, float)[:, None]
    beyond = np.reshape(step, (-1, 1))
    h = real("models", held_out, 1.0)
    inside = (t > 0) & (t <= 1)
    x = np.where(inside, t, 0.5)
    chance = special.betainc(h * x + beyond - 1e-9, h * (1 - x) + 1 - beyond, np.asarray(memorized, float)[None, :])
    return np.asarray(np.where(inside, chance, np.where(t <= 0, 1.0, 0.0)))


@lru_cache(maxsize=64)
def steps(theta: tuple[float, ...], models: int, fraction: float) -> Floats:
    """E⌈hθ⌉ − hθ over how often an example is held out: ½ but where hθ is often whole, as it is at ½ for every other h.

    >>> steps((0.5, 0.123), 1000, 0.7).round(1).tolist()
    [0.2, 0.5]
    """
    if models >= MANY:
        return np.full(len(theta), 0.5)
    h = np.arange(1.0, models + 1)
    chance = stats.binom.pmf(h, models, 1 - fraction)
    h, chance = h[chance > TINY], chance[chance > TINY]
    exact = np.multiply.outer(np.array(theta), h)
    return np.asarray((np.ceil(exact - TIE) - exact) @ chance / chance.sum())


def pairs_above(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    tests: int,
    fraction: float = FRACTION,
    memorized: float = 0.0,
    models: int | None = None,
    partners: float = 0.0,
) -> pd.DataFrame:
    """Expected pairs with influence ≥ θ among ``tests`` test examples, the test examples in them, and those in one only.

    Members of a subpopulation influence alike, so a test example has c influential partners or none. ``memorized`` counts
    only partners whose memorization is at least that, as published (.25). With ``models``, influence and memorization are
    what so many models estimate them to be, and some of the ``partners`` examples that a test example is paired with, of
    other subpopulations all but c, pass by chance; ``false`` counts those pairs. Variances are of the counts in one data set:
    test examples are a sample, of one subpopulation several at a time, and which subpopulations are seen how often is another.
    """
    import pandas as pd

    seen, lam, weight = _seen(problem, coupling, models)
    c = seen.copies[1:, None]
    remain = (1 - fraction * lam) ** (c - 1)
    kept = 1.0
    if models is not None and memorized > 0:
        kept = float(share_above(problem, coupling, memorized, fraction, models)[0])
    others = kept * partners if models is not None else 0.0
    theta = np.atleast_1d(np.asarray(thresholds, float))
    found = np.zeros((len(theta), len(COUNTS)))
    rare = np.maximum(seen.subpopulations[1:], TINY)
    square = seen.mass[1:] ** 2 / rare * (1 + 1 / c[:, 0])  # E Σ d² of those seen c times, d about Gamma of shape c
    for top, guessed in _tops(problem, coupling):
        true = top * remain
        size, wrong = lam * true, true * (1 - fraction * lam)  # wrong: on a test example, all models together
        inside = wrong - (1 - fraction) * size
        counted = _kept(memorized, true, fraction, models)
        each, unseen = guessed * seen.mass[1:], guessed * float(seen.mass[0])
        among = np.maximum(others - kept * c, 0.0)
        for row, x in zip(found, theta, strict=True):
            if models is None:
                passed, by_chance, lonely = (size >= x) * counted, np.zeros_like(size), 0.0
            else:
                passed = counted * _noisy(x, inside, inside + size, fraction, models)
                by_chance = among * _noisy(x, wrong, wrong, fraction, models)
                lonely = others * float(_noisy(x, np.array(top), np.array(top), fraction, models))
            alone, but_one = np.exp(-by_chance), (1 - passed) ** (c - 1)
            none = but_one * (1 - passed)
            single = alone * (c * passed * but_one + none * by_chance)
            false = float(each @ (by_chance @ weight)) + unseen * lonely
            row += (
                float((each * c[:, 0]) @ (passed @ weight)) + false,
                float(each @ ((1 - none * alone) @ weight)) - unseen * np.expm1(-lonely),
                float(each @ (single @ weight)) + unseen * lonely * np.exp(-lonely),
                false,
                float(each @ ((c * passed * (1 - passed) + (c * passed + by_chance) ** 2 + by_chance) @ weight))
                + unseen * (lonely + lonely**2),
                0.0,
                0.0,
            )
            own = (c * passed, 1 - none, c * passed * but_one)  # by a test example's own subpopulation, not by chance
            row[4:] += [tests * guessed * float(square @ (part**2 @ weight)) for part in own]
    found[:, 5:] += found[:, 1:3]
    return pd.DataFrame(tests * found, columns=COUNTS).assign(threshold=theta)[["threshold", *COUNTS]]


def _seen(problem: Problem, coupling: Coupling, models: int | None) -> tuple[Occupancy, Floats, Floats]:
    """Copies, λ and its weights: finely where neither noise nor a law of guesses blurs the steps of a curve."""
    lam, weight = coupling.nodes(SHARP if models is None and coupling.steady in (0, 1) else SMOOTH)
    return occupancy(problem) if models is None else smooth(problem), lam, weight


def _tops(problem: Problem, coupling: Coupling) -> list[tuple[float, float]]:
    """What memorization can be at the most, but 0, and shares of subpopulations."""
    return [(top, guessed) for top, guessed in zip(*coupling.guesses(problem.n_classes), strict=True) if top > 0]


def _kept(theta: float, true: Floats, fraction: float, models: int | None) -> Floats:
    """Whether memorization is ≥ θ, or Pr[so many models estimate it to be]."""
    if models is None:
        return np.asarray(true >= theta - 1e-12, float)
    held_out = (1 - fraction) * models
    line = np.linspace(0, 1, int(FINE * np.sqrt(held_out)) + 2)
    return np.asarray(
        np.interp(true, line, above(np.array([theta]), line, held_out, steps((theta,), models, fraction))[0])
    )


def _noisy(theta: float, wrong_in: Floats, wrong_out: Floats, fraction: float, models: int) -> Floats:
    """Pr[estimate ≥ θ] of an influence of wrong_out − wrong_in, from so many models."""
    a, b = np.clip(wrong_in, 0.0, 1.0), np.clip(wrong_out, 0.0, 1.0)
    deviation = np.sqrt((a * (1 - a) / fraction + b * (1 - b) / (1 - fraction)) / models)
    return np.asarray(special.ndtr((b - a - theta) / np.maximum(deviation, TINY)))


def removal(
    problem: Problem,
    coupling: Coupling,
    thresholds: ArrayLike,
    fraction: float = FRACTION,
    models: int | None = None,
) -> pd.DataFrame:
    """Accuracy lost by training without the examples of memorization ≥ θ, and without as many at random.

    With ``models``, memorization is what so many models estimate it to be.
    """
    import pandas as pd

    seen, lam, weight = _seen(problem, coupling, models)
    c = seen.copies[1:, None]
    remain = (1 - fraction * lam) ** (c - 1)
    tops = _tops(problem, coupling)

    def error(kept: Floats | float) -> float:
        """Of those examples whose subpopulation is met, in training."""
        return float(seen.mass[1:] @ ((1 - kept * lam) ** c @ weight))

    whole = error(1.0)
    rows = []
    for theta in np.atleast_1d(np.asarray(thresholds, float)):
        gone = [_kept(theta, top * remain, fraction, models) for top, _ in tops]
        never = 1 - sum(guessed for _, guessed in tops)
        share = sum(
            guessed * float(seen.examples[1:] @ (g @ weight)) for (_, guessed), g in zip(tops, gone, strict=True)
        )
        share += never * float(theta <= 0)
        rows.append(
            {
                "threshold": float(theta),
                "removed_share": share,
                "lost": sum(
                    guessed * top * (error(1 - g) - whole) for (top, guessed), g in zip(tops, gone, strict=True)
                ),
                "lost_random": problem.guess * (error(1 - share) - whole),
            }
        )
    return pd.DataFrame(rows)


def error_against_samples(problem: Problem, coupling: Coupling, samples: ArrayLike | None = None) -> pd.DataFrame:
    """Expected test error after n samples, (1 − 1/K) Σ_c mass_c(n) E(1 − λ)^c: a guess on what nobody taught.

    Models trained on a share r of n examples have seen rn samples.
    """
    import pandas as pd

    sizes = np.asarray(samples if samples is not None else around(problem.n), float)
    lam, weight = coupling.nodes(SMOOTH)
    rows = []
    for n in np.unique(np.maximum(np.round(sizes), 1)).astype(int):
        seen = smooth(replace(problem, n=int(n)))
        wrong = (1 - lam) ** seen.copies[:, None] @ weight
        rows.append({"samples": int(n), "error": problem.guess * float(seen.mass @ wrong)})
    return pd.DataFrame(rows)


def around(n: int) -> Floats:
    """Numbers of samples from n/100 to 10 n."""
    return np.asarray(n * 10 ** np.linspace(-2, 1, 7))


def checked(fraction: float) -> float:
    """``fraction`` strictly between 0 and 1."""
    try:
        return real("fraction", fraction, 0.0, 1.0, open_low=True, open_high=True)
    except ArgumentError as error:
        raise ArgumentError("fraction", fraction, "give the share of examples in a subset, between 0 and 1") from error
