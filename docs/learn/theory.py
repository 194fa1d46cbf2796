r"""
The theory in ten minutes
=========================

How much does a learner gain by memorizing? Feldman's model answers for classification, and this page goes through it:
a formula and a picture a step, each computed by the lines above it.

After V. Feldman, "Does Learning Require Memorization? A Short Tale about a Long Tail" (STOC 2020, arXiv 1906.05271), and V.
Feldman and C. Zhang, "What Neural Networks Memorize and Why" (NeurIPS 2020, arXiv 2008.03703).
"""

# %%
# Subpopulations, and how often each is seen
# ------------------------------------------
#
# The data fall into :math:`N` *subpopulations*: kinds of things that have to be taught one by one, as breeds
# of dogs, or the ways in which people write a 7. Every one has a label, one of :math:`K` classes. A *list* of
# :math:`N` numbers says how frequent they are: for each subpopulation :math:`x` a number :math:`p_x` is drawn
# from the list, and
#
# .. math:: D(x) = \frac{p_x}{\sum_{x'} p_{x'}}
#
# is the chance that the next example is of :math:`x`. A *Zipf* list has :math:`k^{-\alpha}` at its
# :math:`k`-th place: a few are common, most are rare, and they are rarer the larger :math:`\alpha` is. A
# sample has :math:`n` examples. Let :math:`\ell` be how often it has seen a subpopulation; for most of them
# :math:`\ell` is 0 or 1.

import numpy as np

from longtail import Problem, Uniform, Zipf, exact
from longtail.plots import BLUE, GRAY, GREEN, ORANGE, drawing

priors = {
    "uniform": Uniform(size=50_000),
    "Zipf, α = 1": Zipf(alpha=1, size=50_000),
    "Zipf, α = 2": Zipf(alpha=2, size=50_000),
}
problems = {name: Problem(prior, n=50_000, n_classes=10) for name, prior in priors.items()}
looks = list(zip(problems.items(), (GRAY, BLUE, ORANGE), ("o:", "o-", "s--"), strict=True))

with drawing(7, 3.6) as figure:
    axes = figure.subplots()
    for (name, problem), color, look in looks:
        table = exact.table(problem)
        axes.semilogy(table["ell"], table["subpopulations"], look, color=color, label=name)
    axes.set_title("Of 50,000 subpopulations, how many a sample of 50,000 has seen ℓ times")
    axes.set_xlabel("times seen, ℓ")
    axes.set_ylabel("subpopulations, expected")
    axes.set_ylim(bottom=1)
    axes.legend()

# %%
# How frequent is what was seen once?
# -----------------------------------
#
# Write :math:`X_\ell` for the set of subpopulations that the sample has seen exactly :math:`\ell` times, and
# let :math:`D` be the frequency of any one subpopulation, which varies with the draw from the list. By Bayes'
# rule the frequency to expect of what was seen :math:`\ell` times is
#
# .. math:: \tau_\ell = \frac{\mathrm{E}\,[D^{\ell+1}(1-D)^{n-\ell}]}{\mathrm{E}\,[D^{\ell}(1-D)^{n-\ell}]},
#
# and :math:`n\tau_\ell` is how often it will come in :math:`n` fresh examples. One may think that this is
# :math:`\ell`. Under a long tail it is less, as what was seen once may be one of very many rare ones; but it
# is not nothing, about a half under Zipf lists.

with drawing(7, 3.6) as figure:
    axes = figure.subplots()
    axes.plot(range(6), range(6), color="black", lw=0.8, label="as in the sample, ℓ")
    for (name, problem), color, look in looks:
        axes.plot(
            range(6),
            problem.n * exact.tau(problem, range(6)).value,
            look,
            color=color,
            label=name,
        )
    axes.set_title("How often what was seen ℓ times comes in as many fresh examples")
    axes.set_xlabel("times seen, ℓ")
    axes.set_ylabel(r"$n\tau_\ell$", parse_math=True)
    axes.legend()

# %%
# What memorizing is worth
# ------------------------
#
# A learner is right on what it has memorized and guesses elsewhere, wrongly with chance :math:`1 - 1/K`. The
# best that any learner can do is to be right on all that it has seen; it then errs on the unseen only, by
#
# .. math:: \mathrm{opt} = \Bigl(1-\frac1K\Bigr)\, \mathrm{E} \sum_{x \in X_0} D(x) .
#
# Any other learner pays, for each subpopulation that it gets wrong though it has seen it, that
# subpopulation's frequency. If how often it errs on one depends only on how often it saw that one, let
# :math:`e_\ell` be that error; the expected error is
#
# .. math:: \mathrm{err} = \mathrm{opt} + \sum_{\ell \ge 1} \tau_\ell \; \mathrm{E}\lvert X_\ell\rvert \; e_\ell .
#
# (Feldman's Theorem 2.3 says it of every sample alone. That holds for some lists only; the average holds for
# all. See :ref:`the simulation <sphx_glr_made_simulations_theorem.py>`.) So to guess on all *singletons*,
# what was seen once, costs :math:`(1-1/K)\,\tau_1\,\mathrm{E}\lvert X_1\rvert`. Three things are multiplied: how many
# there are, how frequent they are, and how often a guess is wrong.

problem = problems["Zipf, α = 1"]
table = exact.table(problem)

with drawing(7, 3.6) as figure:
    axes = figure.subplots()
    axes.bar(table["ell"], 100 * table["cost"], color=[GRAY, ORANGE, *[BLUE] * 9])
    axes.bar_label(axes.containers[0], fmt="%.2g", padding=2)
    axes.set_title(
        "Zipf, α = 1: the optimal error (ℓ = 0), and what guessing on what was seen ℓ times adds"
    )
    axes.set_xlabel("times seen, ℓ")
    axes.set_ylabel("error, %")

# %%
# With a long tail, and without
# -----------------------------
#
# That is large only if many subpopulations are about as rare as once in a sample. Let :math:`w(a, b) =
# N\,\mathrm{E}\,[D\,;\,a \le D \le b]` be the share of the data in subpopulations with frequencies from
# :math:`a` to :math:`b`. Then
#
# .. math:: \tau_1 \ge \frac{1}{5n}\; w\!\left(\frac{1}{3n}, \frac{2}{n}\right),
#
# while :math:`\tau_1 \le 2\theta` for some :math:`\theta` below :math:`1/2n` if no frequencies lie between
# :math:`\theta` and a few times :math:`1/n`: without a tail there is no need to memorize.

alphas = np.arange(0, 2.6, 0.25)
tails = [Problem(Zipf(alpha=alpha, size=50_000), n=50_000) for alpha in alphas]

with drawing(7, 3.6) as figure:
    axes = figure.subplots()
    axes.plot(
        alphas,
        [100 * exact.cost(one).value for one in tails],
        "o-",
        color=ORANGE,
        label="guessing on singletons costs",
    )
    axes.plot(
        alphas,
        [100 * exact.optimal_error(one).value for one in tails],
        "s--",
        color=BLUE,
        label="the optimal error",
    )
    axes.set_title("The shorter the tail, the less there is to gain")
    axes.set_xlabel("exponent α of the Zipf list")
    axes.set_ylabel("error, %")
    axes.legend()

# %%
# The cost of privacy, and of other limits
# ----------------------------------------
#
# The *memorization* of an example :math:`i` by a learning algorithm is how much more often its models are
# right on it when they were trained on it. For a training set :math:`S`, with :math:`h` a model and
# :math:`(x_i, y_i)` the example,
#
# .. math:: \mathrm{mem}(i) = \Pr_{h \sim S}[h(x_i) = y_i] - \Pr_{h \sim S \setminus i}[h(x_i) = y_i].
#
# A learner whose predictions are :math:`(\varepsilon, \delta)`-differentially private cannot memorize: one
# example more or less changes the chance of any prediction by a factor of :math:`e^{\varepsilon}`, and
# :math:`\delta`, at the most. On a singleton it therefore errs with chance :math:`1 - e^{\varepsilon}/K -
# \delta` or more. ``exact.limits`` has the best private learner's cost, for every :math:`\ell`, beside
# Feldman's lower bound, which counts singletons only.

from longtail.exact import limits

private = limits.privacy(problem, np.geomspace(0.1, 10, 25), delta=1e-6)

with drawing(7, 3.6) as figure:
    axes = figure.subplots()
    axes.semilogx(
        private["epsilon"],
        100 * private["excess_error"],
        "-",
        color=ORANGE,
        label="the best private learner",
    )
    axes.semilogx(
        private["epsilon"],
        100 * private["singletons"],
        ":",
        color=GRAY,
        label="bound by singletons alone",
    )
    axes.set_title("What privacy costs under a Zipf list, α = 1")
    axes.set_xlabel("ε: stronger privacy to the left")
    axes.set_ylabel("error added, %")
    axes.legend()

# %%
# Labels that are wrong
# ---------------------
#
# Let a label be kept with chance :math:`\kappa`, and else be any of the :math:`K`. A singleton's label must
# still be fit, though it may be wrong: it is the best guess there is. What was seen often must not be fit
# label by label; the majority is the better guess.

from longtail.exact.noise import noise

noisy = noise(problem, np.linspace(0.5, 1, 11))

with drawing(7, 3.6) as figure:
    axes = figure.subplots()
    axes.plot(
        noisy["kappa"],
        100 * noisy["excess_error"],
        "o-",
        color=ORANGE,
        label="guessing on what was seen once",
    )
    axes.plot(
        noisy["kappa"],
        100 * noisy["fitting_every_label"],
        "s--",
        color=GREEN,
        label="fitting every label",
    )
    axes.set_title("What is added to the optimal error where labels are wrong")
    axes.set_xlabel("share κ of labels that are kept")
    axes.set_ylabel("error added, %")
    axes.legend()

# %%
# Measured on data
# ----------------
#
# To retrain without each example in turn would take as many models as examples. Feldman and Zhang
# train :math:`t` models on random subsets of :math:`m` examples, so that each example is *in* a share
# :math:`r = m/n` of them and *out* of the others, and compare how often models are right:
#
# .. math::
#
#     \widehat{\mathrm{mem}}(i) = \mathrm{mean}_{\,i\ \mathrm{in}}\,[h(x_i) = y_i]
#     - \mathrm{mean}_{\,i\ \mathrm{out}}\,[h(x_i) = y_i],
#
# and the *influence* of :math:`i` on a test example is the same difference for being right on that one. With
# :math:`q` for how often models are right, about the same in and out, the standard error is
#
# .. math:: \sqrt{\frac{q(1-q)}{r(1-r)\,t}} .
#
# Here are 500 nearest-neighbor models on handwritten digits. Each dot is a training example; where in and out
# differ, below the diagonal, it is memorized.

from empirical import SubsetEstimator, load
from empirical.learners import KNN

data = load("digits").data
estimator = SubsetEstimator(KNN(), models=500, random_state=0).fit(
    data.x_train, data.y_train, data.x_test, data.y_test
)
found = estimator.memorization_

with drawing(4.6, 4.2) as figure:
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GRAY, lw=0.8)
    axes.plot(found["in_accuracy"], found["out_accuracy"], ".", color=BLUE, alpha=0.4)
    axes.set_title("1,500 digits, nearest neighbor")
    axes.set_xlabel("right when it was trained on")
    axes.set_ylabel("right when it was not")

# %%
# What theory expects to be measured
# ----------------------------------
#
# Suppose that of some subpopulation the training set has :math:`c` examples, and that a model which trained
# on any of them is right on the others. Then leaving one of them out matters only if the :math:`c - 1` others
# are out as well:
#
# .. math:: \mathrm{mem}(c) \approx \Bigl(1 - \frac1K\Bigr)(1 - r)^{c-1}.
#
# With ten classes and :math:`r = .7` that is .90, .27, .08 for one, two and three copies. From a prior
# follows how many examples have how many copies, hence the whole distribution of memorization; ``python -m
# empirical.compare`` fits the prior to what was measured. On data drawn from the model itself we know every
# example's number of copies:

planted = load("planted", prior="Zipf(alpha=1, size=500)", n=500)
data, truth = planted.data, planted.truth
estimator = SubsetEstimator(KNN(), models=500, random_state=0).fit(
    data.x_train, data.y_train, data.x_test, data.y_test
)
copies, measured = truth["copies"], estimator.memorization_["memorization"]
few = np.arange(1, 6)

with drawing(7, 3.6) as figure:
    axes = figure.subplots()
    axes.plot(
        copies[copies <= 5] - 0.08,
        measured[copies <= 5],
        ".",
        color=BLUE,
        alpha=0.25,
        label="measured, 500 models",
    )
    axes.plot(
        few + 0.08, 0.9 * 0.3 ** (few - 1), "D", color=ORANGE, label="(1 − 1/K)(1 − r)ᶜ⁻¹"
    )
    axes.set_title("Data drawn from the model: memorization by number of copies")
    axes.set_xlabel("copies of its subpopulation in the training set, c")
    axes.set_ylabel("memorization")
    axes.legend()

# %%
# Further
# -------
#
# * Every step has functions of its own: :doc:`the reference </reference>`.
# * The published numbers, and how ours compare: :doc:`the gallery of simulations </made/simulations/index>`.
# * Your own data: :doc:`/made/learn/own_data`.
