"""Claim (Feldman, arXiv 1906.05271, section 4): who limits memorization, by privacy or by compression, makes the rare pay.

Limited learners beside the unlimited one on the same subsets. Measured: percent of test accuracy lost, ± 95 %; in parentheses
what theory says, fitted to the unlimited learner and told how much memorization is left, and of a private learner the least;
then what is lost on training examples of memorization below .05 and of .75 or more; the rank correlation of the classes' losses
with theory's ("order"), and where classes have unequal numbers with how few they have ("rare").

    digits, net, .891       ε = 9     2.0 ± 1.3  (5.1, least .0)    1.0   59   order  .76
                            ε = 3     3.6 ± 1.4  (16.9, .1)         2.5   57          .73
                            ε = 1    19.6 ± 2.5  (47, 1.9)         18.4   61          .75
                            50 %       .3 ± .4   (.3)                .0   13          .17
                            70 %      2.2 ± 1.0  (.7)                .9   20          .45
                            90 %     17.9 ± 2.6  (3.6)             16.6   37          .49
                            width 4  39.6 ± 3.7  (15.0)            42.4   62          .67
                            1 epoch  14.1 ± 2.6  (10.9)            13.3   68          .77
    digits, softmax, .905   ε = 9     4.0 ± 1.9  (10.7, .0)         2.4   77          .75
                            ε = 3     4.6 ± 1.8  (10.3, .1)         3.0   76          .76
                            ε = 1     9.5 ± 2.1  (12.2, 1.9)        7.4   70          .77
                            50 %       .2 ± .3   (.1)                .0    4          .27
                            70 %      1.3 ± 1.3  (.6)                .2   17         −.07
                            90 %     12.1 ± 2.9  (3.7)             11.9   45          .26
                            λ = 100   5.1 ± 2.4  (9.6)              4.4   82          .70
    Fashion-MNIST, 5,000,   ε = 9       4.4 ± .3  (12.6 ± 5.2, .0)       3.5   53      .66  order
    net, .827               ε = 3       7.7 ± .4  (16.0 ± 6.9, .3)       6.8   55      .70
                            ε = 1      18.5 ± .7  (34 ± 48, 7.5)        19.6   60      .62
                            50 %         .3 ± .1  (.7)                    .1    4     −.02
                            70 %        1.0 ± .3  (1.5)                   .8    9     −.16
                            90 %      11.7 ± 1.3  (6.5 ± 2.1)           13.1   22     −.21
    MNIST, 2,000 zeros      ε = 9      12.5 ± .6  (5 ± 46, .0)           1.6   73      .99     .95  rare, order
    to 20 nines, net, .784  ε = 3      17.5 ± .8  (6 ± 54, .1)           3.6   74      .85     .81
                            ε = 1      30.0 ± .9  (17 ± 71, 2.2)        11.5   78      .72     .72
                            50 %         .0 ± .1  (.0)                    .0    0     −.73    −.58
                            70 %         .0 ± .2  (.1)                    .0    3     −.43    −.26
                            90 %        −.1 ± .5  (.6 ± 6.2)              .6   21     −.81    −.67
                            width 4   35.8 ± 2.3  (9 ± 62)              10.9   77      .70     .65
    MNIST, 500 eights,      S = 1       9.6 ± .6  (78 ± 49)              5.4   37      .48    −.95  rare, order
    plain descent, .914     and z=.8    9.6 ± .6  (88 ± 42, .0)          5.4   37      .48    −.95
                            50 %         .2 ± .4  (.2)                    .2    4      .03    −.08
                            70 %         .8 ± .6  (.2)                    .7    8      .53     .58
                            90 %       4.2 ± 1.1  (.9 ± 3.5)             3.7   20      .61     .75
    TREC, 50 classes,       ε = 9     21.6 ± 3.3  (50 ± 33, .0)         21.1   86     −.33     .23  rare, order
    softmax, .702           ε = 3     21.7 ± 3.2  (45 ± 36, 4.8)        21.7   85     −.40     .32
                            ε = 1     23.3 ± 3.2  (44 ± 37, 14.8)       26.1   83     −.47     .31
                            50 %         .0 ± .0  (.0)                    .0    0      .32    −.25
                            70 %         .0 ± .1  (.0)                    .0    0      .35     .02
                            90 %         .1 ± .1  (.3)                    .1    4      .12     .20
                            λ = 10    24.6 ± 3.6  (72 ± 19)             24.8   87     −.36    −.38

Five hundred eights are the published setting (Bagdasaryan et al., arXiv 1905.12101: S = 1, z = .8, minibatches of 256, a rate
of .01, 60 epochs; here a net of 32 units, ε = 6.0 at δ = 10⁻⁵): accuracy on eights falls by 58 % to nothing, already by clipping
without noise. What theory says of that is not known to a half: hardly any memorization is left to read it off. Models of each
learner: 100 on digits, 48 on Fashion-MNIST, unequal MNIST and TREC, 8 on that of 500 eights.

Theory above is fitted to memorization alone. Fitted to the error at half the size and to what examples carry, too
(``Config(joint=True)``), of softmax on digits with 40 models and 20 it says 5.1 ± 16 for the strong penalty, where 5.0 ± 2.4
are lost and memorization alone says 9.6, and 4.0 ± 6.0 for 90 % pruned, where 11.6 ± 2.9 are lost (3.7): no nearer for pruning.
Of the net on digits, with 24 models and 12, it leaves the loss open: 19 ± 298 where 4.0 ± 1.8 are lost at ε = 3, 10 ± 139 where
19.5 ± 4.6 are at 90 % pruned.

Privacy makes the memorized pay: at ε = 9 the net loses 1 % on what it need not memorize and 59 % on what it must. Of ten digits
those pay that theory says (order .73 to .77), so do Fashion-MNIST's classes (.62 to .70) and the unequal ones (.72 to .95, the
rare first, .72 to .99). Not TREC's, where the rare pay least: they are so far from being learned that they have little to lose.
Strong penalties, few units and few epochs do the same.

Pruning does not: at 90 % the memorized pay but twice what the typical do on digits and Fashion-MNIST, and it is not the class
that theory says: softmax loses 44 % on sixes where theory has 2, and Fashion-MNIST's coats lose 49 %; of unequal classes the
rare ones lose nothing, the common threes and zeros do. So the evidence that compression does not always hit the rare shows here
too. Of the 500 eights it is the rare that pay when 90 % are pruned, and nobody much at 50.

Theory's number is right within a factor of 3 on digits and Fashion-MNIST where the limit is mild, and on unequal MNIST its own
error is larger than the number. Where much is lost it is not, for what its learner loses goes by what is left of memorization,
and that is read off few examples (17 of digits), of which a private net keeps almost nothing while it still learns what they
have in common. The least that privacy costs, by theory, lies below what DP-SGD pays in all cases: far below on digits, 1.9 of
19.6, less far where the tail is long, 7.5 of 18.5 and 14.8 of 23.3.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from longtail.core import Estimate
from longtail.core.published import above
from simulations.claim import Claim, cell, chosen, less
from simulations.command import main
from simulations.places import data_folder, each, loaded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from empirical.data.dataset import Dataset

NET = "MLP(width=64, epochs=10, batch=64, rate=0.003)"
PLAIN = "DPSGD(width=32, epochs=60, batch=256, rate=0.01, momentum=0.5, clip={}, noise={})"  # the published setting
TREC = "text/trec_questions.zip"
EIGHT = 500  # examples that are kept of class 8


@dataclass(frozen=True)
class Case:
    """A data set, the unlimited learner, and how it is limited; ``models`` of each."""

    data: str
    learner: str
    models: int
    private: tuple[float, ...] = (1.0, 3.0, 9.0)
    prune: tuple[float, ...] = (0.5, 0.7, 0.9)
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """The cases, and the data sets simulated behind each fit."""

    cases: tuple[Case, ...] = (
        Case("digits", "MLP(width=128, epochs=10)", 100, others=("MLP(width=4)", "MLP(width=128, epochs=1)")),
        Case("digits", "Softmax()", 100, others=("Softmax(penalty=100)",)),
        Case("fashion_mnist", NET, 48),
        Case("mnist, imbalanced", NET, 48, others=("MLP(width=4, epochs=10, rate=0.003)",)),
        Case("trec", "Softmax()", 48, others=("Softmax(penalty=10)",)),
        Case(
            "mnist, 500 eights",
            PLAIN.format("inf", 0.0),
            8,
            private=(),
            others=(PLAIN.format(1.0, 0.0), PLAIN.format(1.0, 0.8)),
        ),
    )
    simulations: int = 5
    joint: bool = False  # fit theory to the error at half the size and to what examples carry, too


FEWEST = 10  # models on half as many examples
QUICK = Config(
    cases=(Case("digits", "Softmax()", 40, private=(), prune=(0.9,), others=("Softmax(penalty=100)",)),), simulations=5
)


def dataset(name: str) -> Dataset:
    """The data set of a case."""
    import numpy as np

    from empirical.data.dataset import Dataset
    from empirical.data.load import load
    from simulations import subset

    if name == "fashion_mnist":
        return subset.fashion_mnist()
    if name == "trec":
        return load(f"{data_folder(TREC)}/{TREC}", label="fine")
    if name == "mnist, imbalanced":
        return subset.unequal_mnist()
    if not name.startswith("mnist"):
        return loaded(name)
    whole = loaded("mnist").data
    wanted = np.bincount(whole.y_train)
    wanted[8] = EIGHT
    return Dataset(name, subset.kept(whole, wanted))


def run(config: Config = Config()) -> pd.DataFrame:  # frozen
    """A row for each case and learner."""
    return each(config.cases, lambda case: _case(config, case))


def _case(config: Config, case: Case) -> pd.DataFrame:
    from empirical.designs import Fixed, halved
    from empirical.learners.parse import parse_learner
    from empirical.limits.arms import arms
    from empirical.limits.costs import Groups, costs, observed
    from empirical.limits.theory import Theory
    from empirical.training.job import Job
    from empirical.training.run import run as train

    source = dataset(case.data)
    data, design = source.data, Fixed(0.7)
    some = arms(
        parse_learner(case.learner),
        design.size(data.n),
        data.n_classes,
        private=case.private,
        prune=case.prune,
        others=[parse_learner(text) for text in case.others],
    )
    trials = [train(Job(data, arm.learner, design), case.models) for arm in some]
    half = None
    if config.joint:
        half = train(Job(data, some[0].learner, halved(design), seed=1), max(case.models // 2, FEWEST))
    seen = observed(source, trials[0], design.inclusion(data.n), case.learner, half)
    found = costs(some, trials, seen, Groups.of(source), Theory.of(seen, config.simulations))
    rare = source.balance.assign(group=source.balance["class"]).set_index("group")["train"]
    table = found.arms.assign(rarity=[_rarity(found.groups, arm, rare) for arm in found.arms["arm"]])
    low, high = (found.bins[found.bins[name].abs() == float("inf")].set_index("arm") for name in ("low", "high"))
    for name, part in (("typical", low), ("memorized", high)):
        table[f"{name}_lost"], table[f"{name}_stderr"] = (
            table["arm"].map(part[f"in_{end}"]) for end in ("lost", "stderr")
        )
    table.insert(0, "data", case.data)
    table.insert(1, "unlimited", case.learner)
    sys.stderr.write(f"{found.groups.to_string()}\n{found.theory}\n")
    return table


def _rarity(groups: pd.DataFrame, arm: str, count: pd.Series[Any]) -> float:
    """The rank correlation of what a class loses with how few examples it has."""
    from scipy import stats

    part = groups[groups["arm"] == arm]
    if len(part) < 3 or part["lost"].nunique() < 2:
        return float("nan")
    return float(stats.spearmanr(part["lost"], -count[part["group"]].to_numpy())[0])


def beyond_typical(table: pd.DataFrame, **where: Any) -> Estimate | None:
    """What is lost on training examples of memorization .75 or more, less what is lost on those below .05."""
    return less(
        cell(table, "memorized_lost", "memorized_stderr", **where),
        cell(table, "typical_lost", "typical_stderr", **where),
    )


def ranked(table: pd.DataFrame, column: str, **where: Any) -> Estimate | None:
    """A rank correlation over ten classes, with its error (1 − r²)/√9."""
    found = cell(table, column, **where)
    return None if found is None else Estimate(found.value, (1 - found.value**2) / 3)


def eights_beyond(table: pd.DataFrame) -> Estimate | None:
    """What eights lose to clipping and noise beyond what all classes lose, if it is they who lose most."""
    rows = chosen(table, data="mnist, 500 eights", kind="other", worst_group="8").tail(1)
    return less(cell(rows, "worst_lost", "worst_stderr"), cell(rows, "lost", "stderr"))


PAY, RARE = above(0.0, "the memorized pay", points=True), above(0.0, "the rare pay")
NET_DIGITS: dict[str, Any] = {"data": "digits", "unlimited": "MLP(width=128, epochs=10)"}
SOFTMAX_DIGITS: dict[str, Any] = {"data": "digits", "unlimited": "Softmax()"}
UNEQUAL: dict[str, Any] = {"data": "mnist, imbalanced"}
CLAIMS = (
    *(
        Claim(f"digits, {says}: accuracy lost on what must be memorized, beyond the typical", PAY, reads)
        for says, reads in (
            ("net private at ε = 9", partial(beyond_typical, **NET_DIGITS, arm="ε = 9")),
            ("softmax penalized a hundredfold", partial(beyond_typical, **SOFTMAX_DIGITS, kind="other")),
            ("softmax pruned to a tenth", partial(beyond_typical, **SOFTMAX_DIGITS, kind="pruned", sparsity=0.9)),
        )
    ),
    Claim(
        "digits, net private at ε = 9: rank correlation of the classes' losses with theory's",
        above(0.0, "as theory says"),
        partial(ranked, column="order", **NET_DIGITS, arm="ε = 9"),
    ),
    Claim(
        "unequal MNIST, net private at ε = 9: rank correlation of a class's loss with its rarity",
        RARE,
        partial(ranked, column="rarity", **UNEQUAL, arm="ε = 9"),
    ),
    Claim(
        "the same, pruned to a tenth (Hooker et al., arXiv 1911.05248)",
        RARE,
        partial(ranked, column="rarity", **UNEQUAL, kind="pruned", sparsity=0.9),
    ),
    Claim(
        "MNIST of 500 eights, S = 1, z = .8 (arXiv 1905.12101): accuracy lost on eights, beyond that on all",
        above(0.0, "eights pay", points=True),
        eights_beyond,
    ),
)


def plot(frame: pd.DataFrame) -> Figure:
    """What is lost, by the class that loses most too, and theory's two words, one panel a case, with 95 % intervals."""
    import numpy as np
    from matplotlib.ticker import PercentFormatter

    from longtail.core.intervals import Z95
    from longtail.plots import BLUE, GRAY, GREEN, ORANGE, PURPLE, drawing

    limited = frame[frame["kind"] != "unlimited"]
    cases = list(limited.groupby(["data", "unlimited"], sort=False))
    rows = -(-len(cases) // 3)
    with drawing(12, 0.6 + 3.4 * rows) as figure:
        panels = figure.subplots(rows, 3, squeeze=False).ravel()
        for axes, ((data, learner), part) in zip(panels, cases, strict=False):
            at = np.arange(len(part))
            for column, error, color, marker, label in (
                ("lost", "stderr", BLUE, "o", "all"),
                ("worst_lost", "worst_stderr", PURPLE, "^", "class that loses most"),
            ):
                axes.errorbar(
                    at, part[column], yerr=Z95 * part[error], fmt=marker, color=color, capsize=2.5, label=label
                )
            axes.plot(at, part["lost_limited"], "_", color=ORANGE, markersize=14, label="theory, γ as measured")
            axes.plot(
                at, part["lost_private"], "_", color=GREEN, markersize=14, label="least of a private learner, theory"
            )
            axes.axhline(0, color=GRAY, linewidth=0.7)
            names = [str(name) if len(str(name)) < 16 else f"{str(name)[:14]}…" for name in part["arm"]]
            axes.set_xticks(at, names, rotation=35, ha="right")
            axes.set_title(f"{data}: {str(learner).partition('(')[0]}")
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        for axes in panels[::3]:
            axes.set_ylabel("test accuracy lost (95 %)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        for axes in panels[len(cases) :]:
            axes.remove()
    return figure


if __name__ == "__main__":
    sys.exit(main(name="limits"))
