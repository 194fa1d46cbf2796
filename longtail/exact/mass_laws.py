"""The whole law of a mass over data sets: of M_0, what is not seen, and of M_ℓ, what the subpopulations seen ℓ times hold.

Given a scale s, frequencies and counts are independent, and sT is a Gamma variable g of shape n, independent of the frequencies
D = p/T and of the counts (``longtail.exact.contours``). So of a center m, with U = Σ_{x ∈ X_ℓ} p_x = T M_ℓ and c = φm/n,

    E e^{iφ (g/n)(M_ℓ − m)} = E e^{iφ s(U − mT)/n}
                            = n ∫ ds/s [w^n] (E_p e^{−sp(1−w+ic)} + w^ℓ E_p q(sp) e^{−icsp}(e^{iφsp/n} − 1))^N,

q(x) = e^{−x} x^ℓ/ℓ!. With w + ic for w it is a sum over points that do not know φ, each weight times (1 + ic/w)^{−n−1} (1 + u)^N.
(g/n)(M − m) ≤ 0 where M ≤ m: at the center its law is that of M, and at m + x, as E (1 − iφx'/n)^{−n} undoes what g does,

    Pr[M_ℓ ≤ m + x] = ∫ E e^{iφ(g/n)(M−m)} (1 − iφx/n)^{n−1} dφ/(−2πiφ),

an exact inverse which grows with (φx)²/2n: where n is small, several centers are taken. The list itself has no g, and T is one.
Where T spans decades the points are those joined in ``longtail.exact.scales``, s turned to s(1 + ic). The bound is the
difference of two such computations, the second finer throughout, rounding, and what the transform still was where it was cut off.
As n grows the law tends to a normal one only where T is not spread: under Zipf 1 at 50,000 it is skewed as T is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from scipy import special

from longtail.core import AccuracyError, Estimate, Floats, Problem, compressed, flag, whole
from longtail.exact.atoms import two_frequencies
from longtail.exact.contours import Complexes, Taken, contour, log1p
from longtail.exact.davies import END, LEFT
from longtail.exact.distributions import Around, Inverted, MassLaw, Steps
from longtail.exact.laws import COARSE, FINE, HIGHEST, LEAST, LONGEST, STEEP, law, mass_variance, rung
from longtail.exact.mellin import DECADES, EPS, band
from longtail.exact.pointwise import ROUGHEST, TOLD, pointwise, rough
from longtail.exact.saddle import circles, mass_on_circles, saddled
from longtail.exact.scales import UNLIKELY, scales
from longtail.exact.spectrum import spectrum
from longtail.exact.transforms import LEAST as FEWEST

ENDED = 1e-13  # of the transform, that it may be cut off at
ENDED_JOINED = 1e-9  # the same where T spans decades, and each value takes long
CHECKED = 6  # one in so many values is computed on finer points as well
ENDS = 6.0  # over the standard deviation: where transforms do not end before
RUN = 6  # values in a row that are to be that small
WORK = 60_000  # scales for all values of a transform, where T spans decades: beyond, a law is computed point by point
LONG = 800  # values of the transform
POINTS = 2e5  # on circles, beyond which they are joined
GAIN = 4.0  # log of what noise may grow by in undoing g
CENTERS = 40
STEPPED = 1e8, 20_000  # points by entries by values of a transform that has no end, and values
SPARSE = 50  # one in so many of these is computed on finer points as well
TURNED = 0.8  # of the radius, that circles may be moved by
GOOD = 1e-6  # what probabilities may be off by
SCANNED = 20_000  # values of φ, at which it is looked for steps
COMES_BACK = 4.0  # times of 1/π, for what comes back again farther out
ROUNDING = 32 * EPS  # of a value of the transform
SCALES = 200  # between the least and the largest that can be
FEW = 4e6  # sets of subpopulations, of all draws
TAILS = 9.5  # standard deviations of the law that a scale leaves


def mass_law(problem: Problem, ell: int = 0, *, slowly: bool = True) -> MassLaw:
    """The law over data sets of M_ℓ, what the subpopulations seen ℓ times hold; M_0 is the unseen mass.

    That of M_0 of a list of two frequencies is told atom by atom (``longtail.exact.atoms``), in some seconds at the most.
    Where T spans decades, and where samples are few, it is computed where it is asked, up to some seconds a value; with
    ``slowly=False`` that is an AccuracyError, and the whole law is there in about a second.

    >>> from longtail import Problem, Zipf
    >>> found = mass_law(Problem(Zipf(alpha=1, size=50_000), n=50_000))
    >>> [round(found.quantile(level), 6) for level in (0.025, 0.5, 0.975)]  # the mean is .171054
    [0.150772, 0.171376, 0.189445]
    >>> from longtail import TwoLevel
    >>> round(mass_law(Problem(TwoLevel(common=5, rare=3_000, ratio=0.01), n=2_000)).quantile(0.5), 6)
    0.484857
    """
    ell, slowly = whole("ell", ell, 0, HIGHEST), flag("slowly", slowly)
    found = spectrum(problem, np.array([ell]))
    mean = Estimate(float(found.mass[0]), bound=float(found.mass_error[0]))
    ever = float(found.seen[0] + found.seen_error[0])  # Pr[|X_ℓ| > 0] or more
    if ever <= GOOD:  # Var M ≤ E M
        return Steps(np.zeros(1), np.ones(1), mean, Estimate(0.0, bound=mean.value + mean.bound), ever)
    spread = mass_variance(problem, ell)
    assert isinstance(spread, Estimate)
    if problem.prior.size == 1 or ell > problem.n:
        return Steps(np.array([mean.value]), np.ones(1), mean, spread, 0.0)
    if np.ptp(compressed(problem.prior).log_value) == 0:
        numbers = law(problem, ell)
        if numbers.step == 1:
            return Steps(
                numbers.values / problem.prior.size, numbers.probability, mean, spread, numbers.bound + 4 * EPS
            )
    few = _few(problem, mean, spread) if problem.prior.size <= 12 and ell == 0 and not problem.prior.is_law else None
    if few is None and ell == 0 and (atoms := two_frequencies(problem, slowly)) is not None and atoms[2] <= GOOD:
        values, probability, off = atoms
        few = Steps(values, probability, mean, spread, off)
    if few is None and problem.mode == "random" and problem.n < FEWEST:
        raise rough(problem, ell, f"can be read off no transform at fewer than {FEWEST} samples")
    return few or _solved(problem, ell, mean, spread, slowly)


def _few(problem: Problem, mean: Estimate, spread: Estimate) -> Steps | None:
    """M_0 of few subpopulations: every multiset of draws and every set of them that is seen, by inclusion and exclusion."""
    value, size = problem.prior.entries(), problem.prior.size
    own, count = np.unique(value, return_counts=True)
    draws = comb(size + len(own) - 1, size) if problem.mode == "random" else 1
    if draws * 2**size > FEW:
        return None
    if problem.mode == "fixed":
        drawn, probability = value[None, :], np.ones(1)
    else:
        which = np.array(list(combinations_with_replacement(range(len(own)), size)))
        copies = np.stack([(which == k).sum(1) for k in range(len(own))])
        ways = special.gammaln(size + 1) - special.gammaln(copies + 1).sum(0)
        drawn, probability = own[which], np.exp(ways + np.log(count / size) @ copies)
    share = drawn / drawn.sum(1)[:, None]
    inside = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    seen = np.minimum(share @ inside.T, 1.0) ** problem.n  # all samples in a set
    for x in range(size):
        by = seen.reshape(len(seen), -1, 2, 2**x)
        by[:, :, 1] -= by[:, :, 0]
    chance = np.clip(probability[:, None] * seen, 0.0, None).ravel()
    mass = np.round((share @ (1 - inside).T).ravel(), 13)
    values, place = np.unique(mass, return_inverse=True)
    return Steps(values, np.asarray(np.bincount(place, chance), float), mean, spread, 2**size * 8 * EPS)


@lru_cache(maxsize=8)
def _solved(problem: Problem, ell: int, mean: Estimate, spread: Estimate, slowly: bool = True) -> MassLaw:
    """By one transform, or some, of the whole law; where that has no end, or not soon, as far as it can be told otherwise."""
    if not slowly and problem.mode == "random" and (problem.n < LEAST or _wide(problem)):
        raise AccuracyError("n", problem.n, f"the law of what is seen {ell} times under {problem.prior!r} takes long")
    means, deviations, jumps = _by_scale(problem, ell)
    wide = TAILS * deviations + TAILS**2 / 2 * jumps
    low, high = float((means - wide).min()), float((means + wide).max())
    low, high = max(low, -(high - low) / 8), min(high, 1 + (high - low) / 8)
    steps = _steps(problem, ell, mean.value)
    try:
        if problem.mode == "random" and problem.n < LEAST and circles(problem).points > POINTS:
            raise rough(problem, ell)
        return _inverted(problem, ell, mean, spread, low, high, steps)
    except AccuracyError:
        if not slowly:
            raise
        if problem.mode == "fixed":
            return _stepped(problem, ell, mean, spread, low, high)
        return pointwise(problem, ell, max(low, 0.0), min(high, 1.0), mean, spread, steps > GOOD)


def _stepped(problem: Problem, ell: int, mean: Estimate, spread: Estimate, low: float, high: float) -> Inverted:
    """Of the list itself, M and h times a normal variable: as small an h as its transform can be followed to the end of."""
    own = band(2.0 * ell + 3)
    points = [contour(problem, own, refine, ell) for refine in (COARSE, FINE)]
    assert isinstance(points[0], Taken)
    value, finer = (_taken(one, ell, mean.value) for one in points if isinstance(one, Taken))
    many = min(STEPPED[1], int(STEPPED[0] / (points[0].points * len(points[0].count))))
    spare = (high - low) * (0.05 + 2 * TOLD * END / (2 * np.pi * max(many, 1)))
    turn = 2 * np.pi / (high - low + spare)
    h = END / (turn * max(many, 1))
    if many < SPARSE or TOLD * h > np.sqrt(spread.value) / ROUGHEST:
        raise rough(problem, ell)
    phi = turn * np.arange(1, many + 1)
    laid = np.array([value(x) for x in phi])
    apart = max(abs(finer(x) - z) for x, z in zip(phi[::SPARSE], laid[::SPARSE], strict=True))
    bound = (4 * apart + ROUNDING) * np.log(many) + LEFT + 8 * float(np.exp(-END * END / 2))
    around = Around(mean.value, low - mean.value - spare / 2, turn, None, laid * np.exp(-((h * phi) ** 2) / 2))
    if not bound <= GOOD:
        raise rough(problem, ell)
    return Inverted(low, high, (around,), mean, spread, bound, TOLD * h)


def _inverted(
    problem: Problem, ell: int, mean: Estimate, spread: Estimate, low: float, high: float, steps: float
) -> Inverted:
    shape = problem.n if problem.mode == "random" else None
    spare = (high - low) * (0.05 + (0.0 if shape is None else TAILS / np.sqrt(shape)))
    turn = 2 * np.pi / (high - low + spare)

    most = np.inf if shape is None else TURNED * problem.n
    ended = ENDED_JOINED if shape is not None and _wide(problem) else ENDED
    steps += _none(problem, ell)
    if not steps <= GOOD or ENDS / np.sqrt(spread.value + 1e-300) * mean.value > most:
        raise rough(problem, ell)

    def around(center: float) -> tuple[Around, float]:
        value, finer = (_transform(problem, ell, refine, center) for refine in (COARSE, FINE))
        laid: list[complex] = []
        apart, rest = 0.0, 1.0
        while rest > ended or len(laid) <= 2 * RUN:
            phi = turn * (len(laid) + 1)
            if len(laid) == LONG or phi * abs(center) > most:
                raise rough(problem, ell)
            laid.append(value(phi))
            if len(laid) % CHECKED == 1:
                apart = max(apart, abs(finer(phi) - laid[-1]))
            rest = max(abs(z) for z in laid[-RUN:])
            if not rest <= 2:
                raise rough(problem, ell)
        out = Around(center, low - center - spare / 2, turn, shape, np.array(laid))
        reach = min(high - low, _reach(problem, out))
        return out, out.growth(reach) * ((4 * apart + ROUNDING) * np.log(len(laid)) + 8 * rest)

    first, bound = around(mean.value)
    found = [first]
    if shape is not None:
        reach = _reach(problem, first)
        many = int(np.ceil((high - low) / (2 * reach)))
        if many > CENTERS:
            raise rough(problem, ell)
        if max(mean.value - low, high - mean.value) > reach:
            more = [around(center) for center in low + (high - low) * (np.arange(many) + 0.5) / many]
            found, bound = [one for one, _ in more], max(off for _, off in more)
    bound += steps
    if not bound <= GOOD:
        raise rough(problem, ell)
    return Inverted(low, high, tuple(found), mean, spread, bound)


def _reach(problem: Problem, one: Around) -> float:
    """How far from its center noise in the last of a transform does not grow by more than e^{GAIN}."""
    return float(np.sqrt(2 * GAIN * problem.n)) / (one.turn * len(one.transform))


def _none(problem: Problem, ell: int) -> float:
    """Pr[no subpopulation is seen ℓ times] or more, where the law has a step."""
    if problem.mode == "fixed":  # of independent counts at the most, as often as their sum is n
        nodes = compressed(problem.prior)
        rate = _scales(problem, 1)[0] * np.exp(nodes.log_value - nodes.log_value.max())
        log_none = nodes.count @ np.log1p(-np.minimum(_seen(ell, rate), 1 - EPS))
        return float(np.exp(log_none) * np.sqrt(2 * np.pi * problem.n + 1))
    if _wide(problem):
        laid = scales(problem, rung(band(2.0 * ell + 3)))
        return float(np.exp(-laid.mean_number(ell)) @ np.abs(laid.likely)) * laid.ray.step
    points = saddled(problem)
    chance = _seen(ell, np.multiply.outer(points.scale, points.value)) @ points.share
    log_left = points.size * log1p(np.asarray(-chance[points.row] * np.exp(ell * points.log_w - points.log_g)))
    return abs(float((points.weight @ np.exp(log_left)).real))


def _steps(problem: Problem, ell: int, center: float) -> float:
    """What steps may add, where many subpopulations share a frequency: the transform comes back there.

    |E_p e^{−icsp}(1 − q + q e^{iφsp/n})|^N is looked at, at ten scales, for as long as one step is still a turn.
    """
    nodes = compressed(problem.prior)
    if len(nodes.count) != len(compressed(problem.prior, FINE).count):
        return 0.0  # a list so long that it was thinned out, of values that differ
    value = np.exp(np.maximum(nodes.log_value - nodes.log_value.max(), -DECADES))
    scale, off = _scales(problem, 10), 0.0
    rate = np.multiply.outer(scale, value)
    seen, share = _seen(ell, rate), nodes.count / problem.prior.size
    for x, q in zip(rate, seen, strict=True):
        weight = q * nodes.count * x**2
        order = np.argsort(x)
        least = x[order][np.searchsorted(np.cumsum(weight[order]), 0.05 * weight.sum())]
        step = 0.5 * problem.n / np.sqrt(weight.sum())
        end = 2 * TAILS * step  # where the law that this scale leaves has ended for the first time
        top = min(3 * 2 * np.pi * problem.n / least, end + step * SCANNED)
        for phi in np.array_split(np.arange(end, top, step), 1 + int((top - end) / step * len(x) / 1e6)):
            turned = np.exp(1j * np.multiply.outer(phi / problem.n, x))
            if problem.mode == "fixed":
                log_size = np.log(np.abs(1 - q + q * turned) + 1e-300) @ nodes.count
            else:
                moved = np.exp(-1j * np.multiply.outer(phi * center / problem.n, x))
                log_size = problem.prior.size * np.log(np.abs((moved * (1 - q + q * turned)) @ share) + 1e-300)
            off = max(off, COMES_BACK * float((np.exp(log_size) * step / (phi + 1e-300)).sum()))
            if off > GOOD:
                return off
    return off


def _by_scale(problem: Problem, ell: int) -> tuple[Floats, Floats, Floats]:
    """Mean and standard deviation of the mass, and the size of its steps, at each scale that can be."""
    nodes = compressed(problem.prior)
    value = np.exp(np.maximum(nodes.log_value - nodes.log_value.max(), -DECADES))
    rate = np.multiply.outer(_scales(problem, SCALES), value)
    seen, held = _seen(ell, rate) * nodes.count, rate / problem.n
    square = (seen * held**2).sum(1) + 1e-300
    return (seen * held).sum(1), np.sqrt(square), (seen * held**3).sum(1) / square


def _scales(problem: Problem, many: int) -> Floats:
    """Scales from the least to the largest that can be: the one there is, of a list that is taken as it is."""
    if problem.mode == "random" and _wide(problem):
        joined = scales(problem, rung(band(3.0)))
        log_scale = joined.first + joined.ray.step * np.flatnonzero(np.abs(joined.likely) > UNLIKELY)
        return np.asarray(np.exp(np.linspace(log_scale[0], log_scale[-1], many)))
    if problem.mode == "random":
        laid = circles(problem)
        return np.asarray(np.exp(np.linspace(laid.first, laid.last, many)))
    nodes = compressed(problem.prior)
    return np.array([problem.n / (nodes.count @ np.exp(nodes.log_value - nodes.log_value.max()))])


def _seen(ell: int, rate: Floats) -> Floats:
    return np.asarray(np.exp(special.xlogy(ell, rate) - rate - special.gammaln(ell + 1.0)))


def _transform(problem: Problem, ell: int, refine: float, center: float) -> Callable[[float], complex]:
    if problem.mode == "fixed":
        points = contour(problem, band(2.0 * ell + 3), refine, ell)
        assert isinstance(points, Taken)
        return _taken(points, ell, center)
    if _wide(problem):
        return _joined(problem, ell, refine, center)
    return mass_on_circles(saddled(problem, refine), ell, center)


def _wide(problem: Problem) -> bool:
    """Whether circles would take too many points, and joined ones may serve."""
    return problem.n >= LEAST and circles(problem).points > POINTS


def _joined(problem: Problem, ell: int, refine: float, center: float) -> Callable[[float], complex]:
    own = band(2.0 * ell + 3)
    laid = scales(problem, rung(own))
    slope = float(np.abs(np.gradient(laid.mean_mass(ell), laid.ray.step))[np.abs(laid.likely) > UNLIKELY].max())

    work = 0

    def value(phi: float) -> complex:
        nonlocal work
        highest = rung(own + STEEP * phi * slope)
        work += scales(problem, highest, refine).points if highest < LONGEST else WORK
        if work >= WORK:
            raise rough(problem, ell)
        return scales(problem, highest, refine).mass_transform(phi, center, ell)

    return value


def _taken(points: Taken, ell: int, center: float) -> Callable[[float], complex]:
    chance, log_weight = points._chance(ell), points.log_weights(0)
    alone = points.count == 1
    once, often, count = chance[:, alone], chance[:, ~alone], points.count[~alone]
    least = np.exp(log_weight / max(int(alone.sum()), 1))[:, None]  # shared out, so that no product is too large
    log_left = log_weight if alone.sum() == 0 else np.zeros_like(log_weight)

    def half(change: Complexes) -> complex:
        product = (least + least * once * change[alone]).prod(1) if alone.any() else 1.0
        return complex((product * np.exp(log_left + log1p(often * change[~alone]) @ count)).sum())

    def value(phi: float) -> complex:
        change = np.expm1(1j * phi * points.share)
        return complex((half(change) + np.conj(half(change.conj()))) / 2 * np.exp(-1j * phi * center))

    return value
