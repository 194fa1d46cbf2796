"""The chance that a label is wrong, by models that did not see it.

Let q_c(x) be the mean, over the models that did not train on x, of the probability that they give class c; where they say a
class only, the share that predicts it. Of x with the label c three numbers are looked at, v being the class other than c of
the largest q:

    a(x, c) = (log q_c/(1 − q_c), log q_v/(1 − q_v), log M_cv/N_cv).

Models that did not see x do not know its label: with another label c they would have said the same. So the law f₁ of a for wrong
labels is known, from the examples as they are: that of a(x, c) with c drawn by L(c | y), y being x's own label. Of all labels a
share π is wrong, and the chance that x's is (two groups, one of them known: Efron 2008, Statistical Science 23) is

    h(x) = π f₁(a) / (π f₁(a) + (1 − π) f₀(a)),  log f₁(a)/f₀(a) = β₀ + β·a,

f₀ being the law for right ones, and β that of a logistic regression (Anderson 1972, Biometrika 59) of wrong labels that are
made, with weight π, against the labels as they are, each with weight 1 − h. π is the mean of h; M_cv and N_cv are the
shares of made and of right labels c whose x has the rival v. h, π, M, N and β follow from each other, in turn until they
stay (EM); examples to train on and to test on have one β, and each a π of their own. The last of β would be 1 if q told nothing
of it and 0 if q told all of it; a Gaussian about ½ holds it near.

Which label is taken for which, L, comes first, from what unseen models say of true classes as if their labels were read off

    Pr[true class k, label c | x] ∝ u_k(x) T_kc,   u ∝ q^1.5 (models that saw wrong labels are less sure than they should be)

with T_k a law of its own for each k (EM again, as Dawid and Skene 1979). Of the labels G_kc that so become c for k, c ≠ k,

    L(c | k) = (G_kc + α/(K − 1)) / (Σ_j G_kj + α),

with the α at which such rows are likeliest (a Dirichlet's weight): large where labels are changed to any other, small where to
similar ones. So both are found, and h is a chance, as far as labels go wrong without regard to anything but the class and
models are not moved by it: of an example that is mislabeled because it is hard to see h is too low, and of all of them where
models have learned the wrong labels as well (q = u T), whose order it still tells.
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
TURNS, STILL = 60, 1e-5  # of either EM, and the mean change of h at which it ends
WEIGHTS = np.exp(np.linspace(np.log(0.2), np.log(1000.0), 35))  # α that are tried
BLOCK = 4096  # examples at a time


@dataclass(frozen=True)
class Chosen:
    """What no derivation gives: ``surer``, the power of q; ``pairs``, about which the last of β lies; and how it is ``held``
    there, a penalty of it in standard deviations of a. benchmarks/wrong_labels.py tries others on each data set in turn.

    >>> Chosen().penalties.tolist()
    [0.0, 1.0, 1.0, 10.0]
    """

    surer: float = 1.5
    pairs: float = 0.5
    held: float = 10.0

    @property
    def penalties(self) -> Floats:
        """Of β₀, and of β in standard deviations of a; the last one's beyond ``pairs``."""
        return np.array([0.0, 1.0, 1.0, self.held])


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
    taken, h = _taken(q, y, chosen.surer)
    made = _drawn((np.arange(MADE)[:, None] + drawn) / MADE, _confusion(taken), y)
    own, others = _rivals(q, y), [_rivals(q, c) for c in made]
    rivals, is_made = np.concatenate([v for v, _ in others]), np.arange(n * (1 + MADE)) >= n
    sizes = np.bincount(part, minlength=len(parts))
    beta = np.zeros(len(chosen.penalties))
    for turn in range(1, TURNS + 1):  # noqa: B007 - how many there were is told at the end
        kept = np.tile(1 - h, MADE)
        wrong = _counted(made.ravel(), rivals, kept / MADE, classes, 0.5 / classes)
        right = _counted(y, own[0], 1 - h, classes, 0.5 / classes)
        cell = np.log(wrong / wrong.sum()) - np.log(right / right.sum())
        looked = [_looked(q, y, *own, cell), *(_looked(q, c, *v, cell) for c, v in zip(made, others, strict=True))]
        a = np.concatenate(looked)
        scaled = (a - a[n:].mean(0)) / (a[n:].std(0) + 1e-9)
        x = np.column_stack([np.ones(len(a)), scaled])
        rate = _within(h.mean(), n)
        weights = np.concatenate([(1 - h) / (1 - h).mean() * (1 - rate), kept / kept.sum() * n * rate])
        beta = _logistic(x, is_made, weights, chosen.pairs * a[:, 2], beta, chosen.penalties)
        rates = _within(np.bincount(part, h, len(parts)) / np.maximum(sizes, 1), np.maximum(sizes, 2))
        before, h = h, expit(x[:n] @ beta + chosen.pairs * a[:n, 2] + (logit(rates) - logit(rate))[part])
        if np.abs(h - before).mean() < STILL:
            break
    chance = np.full(len(known), np.nan)
    chance[known] = h
    found = []
    for k in range(len(parts)):
        some = part == k
        counted = _counted(own[0][some], y[some], h[some], classes)
        found.append(Mislabeled(chance[of == k], float(h[some].mean()) if some.any() else float("nan"), counted, turn))
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


def _looked(q: Floats, c: Integers, rival: Integers, strongest: Floats, cell: Floats) -> Floats:
    """a(x, c)."""
    return np.column_stack([_logit(q[np.arange(len(q)), c]), _logit(strongest), cell[c, rival]])


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


def _taken(q: Floats, y: Integers, surer: float) -> tuple[Floats, Floats]:
    """G, its diagonal 0, and by it the chance of each label to be wrong."""
    n, classes = q.shape
    u = q**surer
    u /= u.sum(1, keepdims=True)
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


def _logistic(
    x: Floats, z: Bools, weights: Floats, offset: Floats, beta: Floats, penalties: Floats = CHOSEN.penalties
) -> Floats:
    """β of the largest penalized likelihood of log odds x·β + offset, by Newton's steps, halved where they lose."""

    def loss(b: Floats) -> float:
        s = x @ b + offset
        return float(weights @ (np.logaddexp(0, s) - z * s) + penalties @ b**2 / 2)

    value = loss(beta)
    for _ in range(50):
        p = expit(x @ beta + offset)
        slope = x.T @ (weights * (p - z)) + penalties * beta
        curve = (x * (weights * p * (1 - p))[:, None]).T @ x + np.diag(penalties + 1e-9)
        step, size = np.linalg.solve(curve, slope), 1.0
        while (after := loss(beta - size * step)) > value and size > 1e-6:
            size /= 2
        beta = beta - size * step
        if value - after <= 1e-9 * (1 + abs(value)):
            break
        value = after
    return beta
