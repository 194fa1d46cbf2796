"""The chance that a label is wrong, by models that did not see it.

Let q_c(x) be the mean, over the models that did not train on x, of the probability that they give class c; where they say a
class only, the share that predicts it. With L(c | k) the law of the labels that k's examples get when theirs are wrong, and
u ∝ q^1.5 (models that saw wrong labels are less sure than they should be), Bayes' rule has for the odds that the label c of x
is wrong, but for how many are,

    Σ_{k≠c} u_k L(c | k) / u_c = (1 − u_c)/u_c · e^b,   b(x, c) = log Σ_{k≠c} u_k L(c | k) / Σ_{k≠c} u_k.

u is no true posterior: so how much each counts is learned, v being the class other than c of the largest q, from

    a(x, c) = (log q_c/(1 − q_c), log q_v/(1 − q_v), b(x, c), log M_cv/(N_cv L(c | v))),

where M_cv and N_cv are the shares of made and of right labels c whose x has the rival v: models confuse some pairs of classes
more than they say. Models that did not see x do not know its label: with another label c they would have said the same. So the
law f₁ of a for wrong labels is known, from the examples as they are: that of a(x, c) with c drawn by L(c | y), y being x's own
label. Of all labels a share π is wrong, and the chance that x's is (two groups, one of them known: Efron 2008, Statistical
Science 23) is

    h(x) = π f₁(a) / (π f₁(a) + (1 − π) f₀(a)),  log f₁(a)/f₀(a) = β₀ + β·a,

f₀ being the law for right ones, and β that of a logistic regression (Anderson 1972, Biometrika 59) of wrong labels that are
made, with weight π, against the labels as they are, each with weight 1 − h. π is the mean of h; h, π and β follow from each
other, in turn until they stay (EM); examples to train on and to test on have one β, and each a π of their own. By Bayes' rule
the third of β is 1; the last would be 0 if u were a posterior. Gaussians about 1 and ¼ hold them near.

Which label is taken for which, L, comes first, from what unseen models say of true classes as if their labels were read off

    Pr[true class k, label c | x] ∝ u_k(x) T_kc,

with T_k a law of its own for each k (EM again, as Dawid and Skene 1979). Of the labels G_kc that so become c for k, c ≠ k,

    L(c | k) = (G_kc + α/(K − 1)) / (Σ_j G_kj + α),

with the α at which such rows are likeliest (a Dirichlet's weight): large where labels are changed to any other, small where to
similar ones. What models merely confuse is among these G; h knows better, so that L is found once more from the G of
h(x) u_k L(c | k) / Σ_j u_j L(c | j), and then h. So both are found, and h is a chance, as far as labels go wrong without regard
to anything but the class and models are not moved by it: of an example that is mislabeled because it is hard to see h is too
low, and of all of them where models have learned the wrong labels as well (q = u T), whose order it still tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit, gammaln, logit

from empirical.training.trials import Trials
from longtail import philox
from longtail.core import ArgumentError, Bools, Floats, Integers

LEAST = 1e-4  # of q and 1 − q, so that logarithms end
VOTE = 0.5  # of a model more, spread over the classes, where models say a class only
MADE = 4  # wrong labels made for each example
ROUNDS = 2  # of L and of h
TURNS, STILL = 60, 1e-5  # of either EM, and the mean change of h at which it ends
STEPS = 50  # of Newton's in the first turn of a round; one in any other, for β comes from the turn before
WEIGHTS = np.exp(np.linspace(np.log(0.2), np.log(1000.0), 35))  # α that are tried
BLOCK = 4096  # examples at a time


@dataclass(frozen=True)
class Chosen:
    """What no derivation gives: ``surer``, the power of q; ``pairs``, about which the last of β lies; and how it and the third
    are ``held``, a penalty of them in standard deviations of a. benchmarks/wrong_labels.py tries others on each data set in turn.

    >>> Chosen().penalties.tolist()
    [0.0, 1.0, 1.0, 10.0, 10.0]
    """

    surer: float = 1.5
    pairs: float = 0.25
    held: float = 10.0

    @property
    def penalties(self) -> Floats:
        """Of β₀, and of β in standard deviations of a; of the last two beyond 1 and ``pairs``."""
        return np.array([0.0, 1.0, 1.0, self.held, self.held])


CHOSEN = Chosen()


@dataclass(frozen=True)
class Said:
    """Of each example: ``share`` (n, K), q; ``votes`` (n, K), how many of the ``models`` (n,) that did not see it predict each
    class; and ``seen`` (n,), ``unseen`` (n,), the mean probability of its label in models that trained on it and that did
    not, or the share of them that predict it.

    >>> masks, predicted = [[1, 1], [0, 1], [0, 0]], [[0, 1], [1, 1], [1, 0]]
    >>> found = said(Trials.of(masks, predicted, predicted, score="predicted"), np.array([0, 1]), 2)
    >>> found.votes.tolist(), found.models.tolist(), found.unseen.tolist()
    ([[0, 2], [1, 0]], [2, 1], [0.0, 0.0])
    """

    share: Floats = field(repr=False)
    votes: Integers = field(repr=False)
    models: Integers = field(repr=False)
    seen: Floats = field(repr=False)
    unseen: Floats = field(repr=False)


@dataclass(frozen=True)
class Mislabeled:
    """``chance`` (n,) that a label is wrong, NaN where every model saw the example; ``rate`` π, the share of labels that are;
    ``taken`` (K, K), how many labels of class c are expected to be k's: row k, column c.

    >>> y = np.arange(60) % 3
    >>> share = np.where(np.eye(3, dtype=bool)[y], 0.9, 0.05)  # models are sure of the classes ...
    >>> y[5] = 0  # ... one of which is labelled as another
    >>> found = mislabeled(share, y)
    >>> int(found.chance.argmax()), np.unravel_index(found.taken.argmax(), (3, 3))[1].item()
    (5, 0)
    """

    chance: Floats = field(repr=False)
    rate: float
    taken: Floats = field(repr=False)
    turns: int


def said(trials: Trials, labels: Integers, classes: int, *, tests: bool = False) -> Said:
    """What models say of their training examples, or of ``tests``, which none of them saw; a block of examples at a time.

    >>> masks, predicted = [[1, 1], [0, 1], [0, 0]], [[0, 1], [1, 1], [1, 0]]
    >>> found = said(Trials.of(masks, predicted, predicted, score="predicted"), np.array([0, 1]), classes=2)
    >>> found.votes.tolist()  # of models that did not see the example: two, and one
    [[0, 2], [1, 0]]
    """
    scores, n = (trials.test, trials.n_test) if tests else (trials.train, trials.n)
    shape, by_vote = (n, classes), trials.score == "predicted"
    share, votes = np.zeros(shape), np.zeros(shape, np.int64)
    models, (seen, unseen) = np.zeros(n, np.int64), np.full((2, n), np.nan)
    given, hot = scores.reshape(trials.count, n, -1), np.eye(classes)
    for start in range(0, n, BLOCK):
        some = slice(start, min(start + BLOCK, n))
        rows, block, own_class = np.arange(some.stop - start), given[:, some], labels[some]
        inside = np.zeros(block.shape[:2], bool) if tests else trials.masks_columns(some)
        said_now = block[..., 0].astype(np.int64) if by_vote else block.argmax(2)
        told = int(said_now.max(initial=0)) + 1 if by_vote else block.shape[2]
        if told > classes or (not by_vote and told < classes):
            raise ArgumentError("trials", f"{told} classes, not {classes}", "they are of other data; give their labels")
        total, own = np.zeros((2, len(rows))), np.zeros((2, len(rows)))
        for k in range(trials.count):
            q = hot[said_now[k]] if by_vote else block[k].astype(float)
            out = ~inside[k]
            share[some][out] += q[out]
            votes[start + rows[out], said_now[k][out]] += 1
            for cell, held in enumerate((inside[k], out)):
                total[cell] += held
                own[cell] += held * q[rows, own_class]
        models[some] = total[1].astype(np.int64)
        with np.errstate(invalid="ignore", divide="ignore"):
            seen[some], unseen[some] = own / total
    more = VOTE if by_vote else 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (share + more / classes) / (models + more)[:, None]
    share[models == 0] = np.nan
    return Said(share, votes, models, seen, unseen)


def mislabeled(share: Floats, labels: Integers, *, seed: int = 0) -> Mislabeled:
    """h of each example, by q (n, K) and the labels as given; words of (seed, example) make wrong ones.

    >>> y = np.arange(60) % 3
    >>> share = np.where(np.eye(3, dtype=bool)[y], 0.9, 0.05)  # models are sure of the classes ...
    >>> y[5] = 0  # ... one of which is labelled as another
    >>> chance = mislabeled(share, y).chance
    >>> int(chance.argmax()), bool(chance[5] > 0.9)
    (5, True)
    """
    return together([(share, labels)], seed=seed)[0]


def together(parts: Sequence[tuple[Floats, Integers]], *, seed: int = 0, chosen: Chosen = CHOSEN) -> list[Mislabeled]:
    """The same of several parts, each q and labels, by one law of right and of wrong ones, and a share π of wrong ones of each.

    >>> q = np.random.default_rng(0).dirichlet([9.0, 1.0], 300)
    >>> y = (np.arange(300) < 6).astype(int)
    >>> train, test = together([(q, y), (q[:100], 0 * y[:100])])
    >>> train.rate > test.rate, train.chance.shape, test.chance.shape
    (True, (300,), (100,))
    """
    share, labels = (np.concatenate([one[k] for one in parts]) for k in (0, 1))
    of = np.repeat(np.arange(len(parts)), [len(y) for _, y in parts])
    known = np.asarray(np.isfinite(share).all(axis=1), bool)
    q, y, part = share[known], np.asarray(labels)[known], of[known]
    n, classes = q.shape
    if n < 2 or len(np.unique(y)) < 2:
        got = f"{n} examples of {len(np.unique(y))} classes that some model did not see"
        raise ArgumentError("trials", got, "two classes or more are needed, and models that did not see each example")
    drawn = philox.uniforms(seed, philox.substream(philox.NOISE, 2), 0, 0, n)
    sure = np.clip(q, LEAST, None) ** chosen.surer
    sure /= sure.sum(1, keepdims=True)
    taken, h = _taken(sure, y)
    beta, turns, law = np.zeros(len(chosen.penalties)), 0, _confusion(taken)
    for number in range(ROUNDS):
        if number:
            law = _confusion(_taken_by(sure * law[:, y].T, y, h))
        made = _drawn((np.arange(MADE)[:, None] + drawn) / MADE, law, y)
        looked = _looked(q, sure, y, made, law, 1 - h)
        h, beta, more = _settled(looked, h, part, len(parts), beta, chosen)
        turns += more
    rival, _ = _rivals(q, y)
    chance = np.full(len(known), np.nan)
    chance[known] = h
    found = []
    for k in range(len(parts)):
        some = part == k
        counted = _counted(rival[some], y[some], h[some], classes)
        found.append(Mislabeled(chance[of == k], float(h[some].mean()) if some.any() else float("nan"), counted, turns))
    return found


def _within(rate: Any, n: Any) -> Any:
    """A share of n that is wrong: one at the least, and half of them at the most."""
    return np.clip(rate, 1 / n, 0.5)


def _rivals(q: Floats, c: Integers) -> tuple[Integers, Floats]:
    """The class other than c of the largest q, and that."""
    rows, others = np.arange(len(q)), q.copy()
    others[rows, c] = -1
    rival = others.argmax(1)
    return rival, others[rows, rival]


def _counted(first: Integers, second: Integers, weight: Floats, classes: int, more: float = 0.0) -> Floats:
    """Sums of weights by pair of classes."""
    flat = np.bincount(first * classes + second, weight, minlength=classes * classes)
    return np.asarray(flat.reshape(classes, classes) + more)


def _looked(q: Floats, sure: Floats, y: Integers, made: Integers, law: Floats, right: Floats) -> Floats:
    """a(x, c) of the n labels as they are, and then of those that are made; ``right`` are chances."""
    (n, classes), every = q.shape, [y, *made]
    rows, by, rivals, columns = np.arange(n), sure @ law, [], []
    for c in every:  # n labels at a time: all at once are as many arrays of (n, K) as are made, and one more
        rival, strongest = _rivals(q, c)
        others = sure.copy()
        others[rows, c] = 0
        by_law = np.log(np.maximum(by[rows, c], LEAST**2) / np.maximum(others.sum(1), LEAST))
        columns.append(np.column_stack([_logit(q[rows, c]), _logit(strongest), by_law]))
        rivals.append(rival)
    wrongs = _counted(made.ravel(), np.concatenate(rivals[1:]), np.tile(right, MADE) / MADE, classes, 0.5 / classes)
    rights = _counted(y, rivals[0], right, classes, 0.5 / classes)
    by_pair = np.log(wrongs / rights / np.maximum(law.T, LEAST))
    return np.column_stack([np.concatenate(columns), by_pair[np.concatenate(every), np.concatenate(rivals)]])


def _settled(
    a: Floats, h: Floats, part: Integers, parts: int, beta: Floats, chosen: Chosen
) -> tuple[Floats, Floats, int]:
    """h, β in standard deviations of a, and in how many turns."""
    n = len(h)
    sizes, is_made = np.bincount(part, minlength=parts), np.arange(len(a)) >= n
    x = np.column_stack([np.ones(len(a)), (a - a[n:].mean(0)) / (a[n:].std(0) + 1e-9)])
    offset = a[:, 2] + chosen.pairs * a[:, 3]
    for turn in range(1, TURNS + 1):
        rate, kept = _within(h.mean(), n), np.tile(1 - h, MADE)
        weights = np.concatenate([(1 - h) / (1 - h).mean() * (1 - rate), kept / kept.sum() * n * rate])
        beta = _logistic(x, is_made, weights, offset, beta, chosen.penalties, STEPS if turn == 1 else 1)
        rates = _within(np.bincount(part, h, parts) / np.maximum(sizes, 1), np.maximum(sizes, 2))
        before, h = h, expit(x[:n] @ beta + offset[:n] + (logit(rates) - logit(rate))[part])
        if np.abs(h - before).mean() < STILL:
            break
    return h, beta, turn


def _logit(p: Floats) -> Floats:
    inside = np.clip(p, LEAST, 1 - LEAST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _confusion(taken: Floats) -> Floats:
    """L(c | k), a row for each k."""
    classes = len(taken)
    off = ~np.eye(classes, dtype=bool)
    rows = taken[off].reshape(classes, classes - 1)
    fits = [
        gammaln(a) * classes
        - gammaln(a + rows.sum(1)).sum()
        + (gammaln(a / (classes - 1) + rows) - gammaln(a / (classes - 1))).sum()
        for a in WEIGHTS
    ]
    more = WEIGHTS[int(np.argmax(fits))]
    out = np.where(off, taken + more / (classes - 1), 0.0)
    return np.asarray(out / out.sum(1, keepdims=True))


def _drawn(spread: Floats, law: Floats, y: Integers) -> Integers:
    """Labels (made, n) by the law of each example's own, at these quantiles."""
    upto = law.cumsum(1)
    upto /= upto[:, -1:]
    out = np.empty(spread.shape, np.int64)
    for k in range(len(law)):
        of = np.flatnonzero(y == k)
        out[:, of] = np.searchsorted(upto[k], spread[:, of], side="right")
    return out


def _taken(u: Floats, y: Integers) -> tuple[Floats, Floats]:
    """G, its diagonal 0, and by it the chance of each label to be wrong."""
    n, classes = u.shape
    law = np.where(np.eye(classes, dtype=bool), 0.95, 0.05 / (classes - 1))
    hot = np.eye(classes)[y]
    for _ in range(TURNS):
        true = u * law[:, y].T
        true /= true.sum(1, keepdims=True)
        taken = true.T @ hot
        before, law = law, taken + 1 / (classes - 1) + np.eye(classes)
        law /= law.sum(1, keepdims=True)
        if np.abs(law - before).max() < STILL:
            break
    chance = 1 - true[np.arange(n), y]
    np.fill_diagonal(taken, 0)
    return taken, chance


def _taken_by(others: Floats, y: Integers, h: Floats) -> Floats:
    """G once more, of labels that are wrong with chance h and then, of class k, in proportion to ``others``."""
    true = others * (h / others.sum(1))[:, None]
    return np.asarray(true.T @ np.eye(others.shape[1])[y])


def _logistic(
    x: Floats, z: Bools, weights: Floats, offset: Floats, beta: Floats, penalties: Floats, steps: int = STEPS
) -> Floats:
    """β of the largest penalized likelihood of log odds x·β + offset, by Newton's steps, halved where they lose."""
    sign = np.where(z, 1.0, -1.0)

    def at(b: Floats) -> tuple[Floats, float]:
        p = expit(sign * (x @ b + offset))  # of what was seen
        return p, float(penalties @ b**2 / 2 - weights @ np.log(np.maximum(p, 1e-300)))

    p, value = at(beta)
    for _ in range(steps):
        missed = weights * (1 - p)
        slope = penalties * beta - x.T @ (sign * missed)
        curve = (x * (missed * p)[:, None]).T @ x + np.diag(penalties + 1e-9)
        step, size = np.linalg.solve(curve, slope), 1.0
        while (found := at(beta - size * step))[1] > value and size > 1e-6:
            size /= 2
        beta, before = beta - size * step, value
        p, value = found
        if before - value <= 1e-9 * (1 + abs(before)):
            break
    return beta
