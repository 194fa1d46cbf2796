"""The chance that a label is wrong, against worlds in which it is known, and what models say, against loops. z = 5."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from empirical.data.examples import Examples
from empirical.designs import Folds
from empirical.estimates.issues import issues, with_tests
from empirical.estimates.mislabeled import _confusion, _logistic, _looked, _taken_by, mislabeled, said, together
from empirical.learners import KNN, Softmax
from empirical.standins.judge import auc
from empirical.training.job import Job
from empirical.training.run import run
from empirical.training.trials import Trials
from longtail.core import ArgumentError

K, N, SHARE = 5, 4000, 0.08
ANY = (np.ones((K, K)) - np.eye(K)) / (K - 1)
SIMILAR = np.eye(K)[[1, 0, 3, 2, 0]]


def world(law: np.ndarray, seed: int, share: float = SHARE, moved: bool = False):
    """Posteriors u(x), true classes drawn by them, labels by ``law``. Models are not moved by wrong labels, only less sure than
    they should be, q ∝ u^(2/3); or, ``moved``, have learned them, q = u T. The chance by Bayes' rule, which knows u and T,
    1 − u_y T_yy/(u T)_y, is the second derivation.
    """
    rng = np.random.default_rng(seed)
    mean = 0.9 * np.eye(K)[rng.integers(0, K, N)] + 0.1 / K
    u = rng.gamma(12 * mean)  # Dirichlet's
    u /= u.sum(1, keepdims=True)
    true = (u.cumsum(1) > rng.random(N)[:, None]).argmax(1)
    taken = (law[true].cumsum(1) > rng.random(N)[:, None]).argmax(1)
    y = np.where(rng.random(N) < share, taken, true)
    transition = (1 - share) * np.eye(K) + share * law
    given, at = u @ transition, np.arange(N)
    q = given if moved else u ** (2 / 3) / (u ** (2 / 3)).sum(1, keepdims=True)
    return q, y, y != true, 1 - u[at, y] * transition[y, y] / given[at, y]


def test_wrong_labels_are_made_a_few_arrays_at_a_time():
    """Beside q, as many numbers as eight of it at the most: not as many as there are labels made."""
    q, y, _, _ = world(ANY, 0)
    q = np.hstack([q, np.full((N, 45), 1e-3)])
    tracemalloc.start()
    mislabeled(q, y)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 * q.nbytes


@pytest.mark.parametrize("law", [ANY, SIMILAR], ids=["any", "similar"])
def test_a_chance_is_one(law):
    """Of labels with chances h, Σ h are wrong, with the deviation √Σ h(1 − h); and Bayes' rule, which knows u and T, agrees."""
    z, apart = [], []
    for seed in range(3):
        q, y, wrong, bayes = world(law, seed)
        found = mislabeled(q, y)
        bins = np.digitize(found.chance, [0.02, 0.1, 0.3, 0.6, 0.9])
        for b in np.unique(bins):
            h, known = found.chance[bins == b], bayes[bins == b]
            deviation = np.sqrt((known * (1 - known)).sum())
            z.append((wrong[bins == b].sum() - known.sum()) / deviation)
            apart.append(abs(h.sum() - known.sum()) / max(0.25 * known.sum(), 0.05 * len(h), 5))
        assert found.rate == pytest.approx(wrong.mean(), rel=0.15)
        assert found.rate == pytest.approx(found.chance.mean())
        ours, best = (auc(x, wrong).value for x in (found.chance, bayes))
        assert ours > best - 0.004
        assert ours > auc(-q[np.arange(N), y], wrong).value - 0.001  # what is only unlikely finds fewer
        np.testing.assert_allclose(found.taken.sum(), found.chance.sum())
        top = found.taken / found.taken.sum(1, keepdims=True)
        if law is SIMILAR:
            assert (top.argmax(1) == law.argmax(1)).all()
    assert np.abs(z).max() < 5  # of the world itself: the truth is what Bayes' rule says
    assert 0.3 < np.mean(np.square(z)) < 2.5
    assert max(apart) < 1


def test_models_that_have_learned_wrong_labels_hide_them_but_rank_them_no_worse():
    q, y, wrong, _ = world(SIMILAR, 0, moved=True)
    found = mislabeled(q, y)
    assert found.rate < wrong.mean()
    assert auc(found.chance, wrong).value > auc(-q[np.arange(N), y], wrong).value


def test_parts_have_one_law_and_a_rate_each():
    """Of a few examples, of which less are wrong, the chances are those that the many's law and their own rate give."""
    some, apart = slice(0, 500), []
    for seed in range(2):
        q, y, *_ = world(SIMILAR, seed, 0.1)
        few = world(SIMILAR, 100 + seed, 0.03)
        train, test = together([(q, y), (few[0][some], few[1][some])])
        alone = mislabeled(q, y)
        assert np.abs(train.chance - alone.chance).mean() < 0.01
        known = few[3][some]
        apart.append(abs(test.chance.sum() - known.sum()) / max(0.3 * known.sum(), 5))
        assert test.rate == pytest.approx(test.chance.mean())
        np.testing.assert_allclose(test.taken.sum(), test.chance.sum())
        assert auc(test.chance, few[2][some]).value > auc(known, few[2][some]).value - 0.02
        shared = mislabeled(np.concatenate([q, few[0][some]]), np.concatenate([y, few[1][some]])).chance[len(y) :]
        assert shared.sum() > 1.3 * test.chance.sum()  # control: with one rate for both it is too high
    assert max(apart) < 1
    one, two = together([(q, y), (np.full_like(q[:3], np.nan), y[:3])])
    np.testing.assert_allclose(one.chance, mislabeled(q, y).chance)
    assert np.isnan(two.chance).all()


def test_labels_that_are_right_are_not_called_wrong():
    q, y, _, _ = world(ANY, 5, 0.0)
    found = mislabeled(q, y)
    assert found.rate < 0.02
    q, y, wrong, _ = world(ANY, 5)
    mixed = np.random.default_rng(0).permutation(q)  # control: said of other examples it tells nothing
    assert auc(mislabeled(mixed, y).chance, wrong).value < 0.6


def test_labels_made_are_a_function_of_the_seed_and_classes_of_their_order():
    q, y, _, _ = world(SIMILAR, 1)
    np.testing.assert_array_equal(mislabeled(q, y, seed=3).chance, mislabeled(q, y, seed=3).chance)
    assert np.abs(mislabeled(q, y, seed=3).chance - mislabeled(q, y, seed=4).chance).mean() < 0.005
    turned = (np.arange(K) + 2) % K  # other numbers for the same classes
    other = mislabeled(q[:, np.argsort(turned)], turned[y]).chance
    assert np.corrcoef(other, mislabeled(q, y).chance)[0, 1] > 0.995


def test_examples_that_every_model_saw_have_no_chance():
    q, y, _, _ = world(ANY, 2)
    some = q.copy()
    some[:50] = np.nan
    found = mislabeled(some, y)
    assert np.isnan(found.chance[:50]).all()
    np.testing.assert_allclose(found.chance[50:], mislabeled(q[50:], y[50:]).chance)
    with pytest.raises(ArgumentError, match="two classes or more"):
        mislabeled(q, np.zeros(N, int))


def test_two_classes_do():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 2000)
    p = np.clip(0.5 + 0.45 * (2 * true - 1) + rng.normal(0, 0.1, 2000), 0.01, 0.99)
    wrong = rng.random(2000) < 0.05
    found = mislabeled(np.column_stack([1 - p, p]), np.where(wrong, 1 - true, true))
    assert auc(found.chance, wrong).value > 0.97
    assert found.rate == pytest.approx(0.05, abs=0.02)


def test_rows_that_are_alike_are_drawn_to_each_other():
    even = _confusion(ANY * 40)
    np.testing.assert_allclose(even[~np.eye(K, dtype=bool)], 1 / (K - 1), rtol=0.02)
    assert (np.diag(even) == 0).all()
    odd = _confusion(SIMILAR * 40)
    assert (odd[SIMILAR > 0] > 0.9).all()
    np.testing.assert_allclose(odd.sum(1), 1)


def test_what_is_looked_at_is_what_loops_find():
    """By Bayes' rule, too: the odds that u and L give for a wrong label are (1 − u_c)/u_c times e to the third number."""
    rng = np.random.default_rng(0)
    n, classes = 30, 4
    q, u = rng.dirichlet(np.ones(classes), n), rng.dirichlet(np.ones(classes), n)
    y, right = np.arange(n) % classes, rng.random(n)
    made = (y + rng.integers(1, classes, (4, n))) % classes
    law = rng.dirichlet(np.ones(classes), classes) * (1 - np.eye(classes))
    law /= law.sum(1, keepdims=True)
    a = _looked(q, u, y, made, law, right)
    pairs = np.full((2, classes, classes), 0.5 / classes)
    labels = [(0, i, y[i], right[i]) for i in range(n)]
    labels += [(1, i, row[i], right[i] / 4) for row in made for i in range(n)]
    rivals = [max((k for k in range(classes) if k != c), key=lambda k, i=i: q[i, k]) for _, i, c, _ in labels]
    for (which, _, c, weight), v in zip(labels, rivals, strict=True):
        pairs[which, c, v] += weight
    for row, (_, i, c, _), v in zip(a, labels, rivals, strict=True):
        bayes = sum(u[i, k] * law[k, c] for k in range(classes)) / u[i, c]
        assert np.log(bayes) == pytest.approx(np.log((1 - u[i, c]) / u[i, c]) + row[2])
        np.testing.assert_allclose(row[:2], [np.log(p / (1 - p)) for p in (q[i, c], q[i, v])])
        assert row[3] == pytest.approx(np.log(pairs[1, c, v] / pairs[0, c, v] / law[v, c]))
    found, want = _taken_by(u * law[:, y].T, y, right), np.zeros((classes, classes))
    for i in range(n):
        odds = u[i] * law[:, y[i]]
        want[:, y[i]] += right[i] * odds / odds.sum()
    np.testing.assert_allclose(found, want)


def test_which_label_is_taken_for_which_is_found():
    """L, found twice, from labels changed to one similar class: with labels of any class, the control, it is even."""
    for law, least, most in ((SIMILAR, 0.85, 1.0), (ANY, 0.2, 0.4)):
        q, y, *_ = world(law, 0)
        taken = mislabeled(q, y).taken
        # ``taken`` is by rival; the largest of each row is what is changed most, of which ``SIMILAR`` has one
        shares = (taken / taken.sum(1, keepdims=True)).max(1)
        assert least < shares.mean() <= most


def test_the_logistic_regression_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(300), rng.normal(size=(300, 3))])
    z, w = rng.random(300) < 1 / (1 + np.exp(-x @ [0.5, 1, -1, 0])), rng.random(300)
    penalties = np.array([0.0, 1.0, 1.0, 10.0])
    beta = _logistic(x, z, w, np.zeros(300), np.zeros(4), penalties)
    scaled = x[:, 1:] / np.sqrt([1, 1, 10])  # its penalty is one for all
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(scaled, z, sample_weight=w)
    np.testing.assert_allclose(beta, np.append(theirs.intercept_, theirs.coef_[0] / np.sqrt([1, 1, 10])), atol=1e-5)
    shifted = _logistic(x, z, w, 2.0 * x[:, 0], np.zeros(4), penalties)
    np.testing.assert_allclose(shifted, beta - [2, 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize("score", ["predicted", "probabilities"])
def test_what_models_say_is_what_loops_find(data, score):
    trials = run(Job(data, Softmax(), Folds(3), 1, score), 6)
    found = said(trials, data.y_train, 3)
    masks = trials.masks()
    for i in range(0, data.n, 7):
        rows, inside, votes = [], [], np.zeros(3, int)
        for k in range(6):
            given = trials.train[k].reshape(data.n, -1)[i]
            q = given.astype(float) if score == "probabilities" else np.eye(3)[given[0]]
            (inside if masks[k, i] else rows).append(q)
            votes[q.argmax()] += not masks[k, i]
        want = np.mean(rows, 0) if score == "probabilities" else (np.sum(rows, 0) + 1 / 6) / 2.5
        np.testing.assert_allclose(found.share[i], want)
        np.testing.assert_array_equal(found.votes[i], votes)
        assert found.models[i] == 2
        y = data.y_train[i]
        np.testing.assert_allclose([found.seen[i], found.unseen[i]], [np.mean(inside, 0)[y], np.mean(rows, 0)[y]])
    tests = said(trials, data.y_test, 3, tests=True)
    given = trials.test.reshape(6, data.n_test, -1)
    q = given.astype(float) if score == "probabilities" else np.eye(3)[given[..., 0]]
    np.testing.assert_allclose(tests.share, q.mean(0) if score == "probabilities" else (q.sum(0) + 1 / 6) / 6.5)
    np.testing.assert_array_equal(tests.votes, np.eye(3, dtype=int)[q.argmax(2)].sum(0))
    assert (tests.models == 6).all()
    assert np.isnan(tests.seen).all()
    np.testing.assert_allclose(tests.unseen, q.mean(0)[np.arange(data.n_test), data.y_test])


def test_models_that_did_not_see_an_example_do_not_know_its_label(data):
    """What the whole method rests on: with another label they say the same."""
    changed = data.y_train.copy()
    changed[4] = (changed[4] + 1) % 3
    design = Folds(2, stratified=False)
    a, b = (run(Job(replace(data, y_train=y), KNN(3), design, 1, "probabilities"), 8) for y in (data.y_train, changed))
    out = ~a.masks()[:, 4]
    first, second = (t.train.reshape(8, data.n, 3)[:, 4] for t in (a, b))
    np.testing.assert_array_equal(first[out], second[out])
    assert (first[~out] != second[~out]).any()


def test_the_table_is_ranked_and_says_who_is_near(data):
    y = data.y_train.copy()
    y[7] = (y[7] + 1) % 3
    flipped = replace(data, y_train=y)
    examples = Examples(y, data.y_test, data.classes, tuple(f"row {i}" for i in range(data.n)))
    trials = run(Job(flipped, Softmax(), Folds(2), 1, "probabilities"), 20)
    found = issues(trials, examples, data.x_train)
    table = found.table
    assert list(table.columns) == [
        "part", "index", "id", "given", "suggested", "share", "chance", "memorization",
        "nearest", "nearest_label", "influence", "influence_stderr", "duplicate",
    ]  # fmt: skip
    assert table["index"][0] == 7
    assert table["id"][0] == "row 7"
    assert (table["given"][0], table["suggested"][0]) == (data.classes[y[7]], data.classes[data.y_train[7]])
    assert (table["chance"].diff().dropna() <= 0).all()
    assert sorted(table["index"]) == list(range(data.n))
    apart = np.linalg.norm(data.x_train[:, None] - data.x_train, axis=2)
    chances, masks = trials.train.reshape(20, data.n, 3), trials.masks()
    for row in table.head(12).to_dict("records"):
        j, i = row["index"], row["nearest"]
        others = np.where(y == y[j], np.inf, apart[j])
        assert i == others.argmin()
        assert row["nearest_label"] == data.classes[y[i]]
        one, two = (chances[~masks[:, j] & (masks[:, i] == held), j, y[i]].astype(float) for held in (True, False))
        if min(len(one), len(two)) > 1:
            assert row["influence"] == pytest.approx(one.mean() - two.mean(), abs=1e-9)
            error = np.sqrt(one.var() / (len(one) - 1) + two.var() / (len(two) - 1))
            assert row["influence_stderr"] == pytest.approx(error, abs=1e-9)
        else:
            assert np.isnan(row["influence"])
    assert found.summary["n"] == data.n
    assert found.taken["expected"].sum() == pytest.approx(found.expected)
    bare = issues(trials, examples).table
    assert bare["nearest"].isna().all()
    twice = data.x_train.copy()
    twice[9] = twice[7]
    y[9] = (y[7] + 1) % 3
    double = issues(trials, replace(examples, y_train=y), twice).table.set_index("index")
    assert bool(double["duplicate"][7])
    assert double["nearest"][7] == 9


def test_a_test_example_is_put_beside_training_examples(data):
    z = data.y_test.copy()
    z[5] = (z[5] + 1) % 3
    examples = Examples(data.y_train, z, data.classes)
    trials = run(Job(replace(data, y_test=z), Softmax(), Folds(2), 1, "probabilities"), 20)
    found = with_tests(trials, examples, data.x_train, data.x_test)[1]
    table = found.table
    assert (found.unseen, len(table), table["index"][0]) == (20, data.n_test, 5)
    assert set(table["part"]) == {"test"}
    apart = np.linalg.norm(data.x_test[:, None] - data.x_train, axis=2)
    chances, masks = trials.test.reshape(20, data.n_test, 3).astype(float), trials.masks()
    for row in table.head(8).to_dict("records"):
        j, i = row["index"], row["nearest"]
        assert i == np.where(data.y_train == z[j], np.inf, apart[j]).argmin()
        one, two = (chances[masks[:, i] == held, j, data.y_train[i]] for held in (True, False))
        assert row["influence"] == pytest.approx(one.mean() - two.mean(), abs=1e-9)
        assert row["influence_stderr"] == pytest.approx(np.hypot(*(v.std(ddof=1) / len(v) ** 0.5 for v in (one, two))))
    copied = data.x_test.copy()
    copied[5] = data.x_train[np.flatnonzero(data.y_train != z[5])[0]]
    near = with_tests(trials, examples, data.x_train, copied)[1].table.set_index("index")
    assert bool(near["duplicate"][5])
    texts = [f"a question of its own {i}" for i in range(data.n)], ["none of those"] * data.n_test
    said_so = replace(examples, texts=texts)  # however near their commonest words are
    assert not with_tests(trials, said_so, data.x_train, copied)[1].table["duplicate"].any()
    texts[1][5] = texts[0][int(near["nearest"][5])].upper()
    doubled = with_tests(trials, said_so, data.x_train, copied)[1].table.set_index("index")["duplicate"]
    assert doubled[doubled.fillna(False).astype(bool)].index.tolist() == [5]
    with pytest.raises(ArgumentError, match="y_test"):
        with_tests(trials, Examples(data.y_train, None, data.classes))


def test_too_little_to_judge_by_is_refused(data):
    examples = Examples(data.y_train, data.y_test, data.classes)
    kept = run(Job(data, KNN(), Folds(2), 1, "predicted"), 8)
    for trials, known, match in (
        (kept.take(slice(0, 2)), examples, r"models: got 2, of which 1 did not see"),
        (run(Job(data, KNN(), Folds(2), 1), 4), examples, "score: got correct; .* --score predicted"),
        (kept, Examples(), "give the labels"),
        (Trials.of(kept.masks(), kept.train + 9, kept.test, score="predicted"), examples, "of other data"),
    ):
        with pytest.raises(ArgumentError, match=match):
            issues(trials, known)
