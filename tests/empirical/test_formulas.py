"""Formulas in a page's sentences: what is set, what is not, and that nothing is lost or gets out."""

from __future__ import annotations

import random
import re
from html import unescape
from xml.etree import ElementTree

import pytest

from empirical.report.formulas import GREEK, mathml, typeset
from empirical.report.frequencies import frequencies
from longtail.priors import Gamma, Geometric, Listed, LogNormal, Mixture, Pareto, TwoLevel, Uniform, Zipf
from tests.empirical.reported import CRAFTED

FORMS = {
    "θ": "<mi>θ</mi>",
    "nτ₁": "<mi>n</mi><msub><mi>τ</mi><mn>1</mn></msub>",
    "n·τ_1": "<mi>n</mi><mo>·</mo><msub><mi>τ</mi><mn>1</mn></msub>",
    "τ_ℓ": "<msub><mi>τ</mi><mi>ℓ</mi></msub>",
    "k^−0.762": "<msup><mi>k</mi><mrow><mo>−</mo><mn>0.762</mn></mrow></msup>",
    "s^2": "<msup><mi>s</mi><mn>2</mn></msup>",
    "p = 0.03": "<mi>p</mi><mo>=</mo><mn>0.03</mn>",
    "p < .0001": "<mi>p</mi><mo>&lt;</mo><mn>.0001</mn>",
    "p = 1.2e-03": "<mi>p</mi><mo>=</mo><mn>1.2e-03</mn>",
    "½ log K": "<mn>½</mn><mi>log</mi><mi>K</mi>",
}


@pytest.mark.parametrize("formula", FORMS)
def test_a_formula_is_set_wherever_it_stands(formula):
    made = f"<math>{FORMS[formula]}</math>"
    assert mathml(formula) == made
    for before, after in (("", ""), ("of ", "."), ("(", ")"), ("at ", ", x")):
        assert typeset(before + formula + after) == before + made + after


def test_the_kth_is_set_and_words_are_not():
    assert typeset("the k-th") == "the <math><mi>k</mi></math>-th"
    for words in ("ελλάδα", "map = 3", "a kth", "Δθx", "log", "sleep < 1", "back-through", "x", "p-value"):
        assert "<math" not in typeset(words), words
    assert typeset("95 % of 3 points, 3 % a") == "95\u00a0% of 3\u00a0points, 3\u00a0% a"
    assert typeset("0.7 ± .3 points ± a") == "0.7\u00a0±\u00a0.3\u00a0points ± a"


def test_of_any_sentence_nothing_is_lost_and_nothing_gets_out():
    """20,000 sentences of pieces that are formulas, words and marks: the markup is well-formed, and says the same."""
    pieces = [
        *FORMS,
        *GREEK,
        CRAFTED,
        "<b>",
        "&",
        '"',
        "%",
        "points",
        "12.5",
        " ",
        " ",
        "^",
        "_",
        "log",
        "p",
        "=",
        "k-th",
    ]
    rng, formulas = random.Random(0), 0
    for _ in range(20_000):
        text = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 9)))
        made = typeset(text)
        tree = ElementTree.fromstring(f"<p>{made}</p>")
        assert {one.tag for one in tree.iter()} <= {"p", "math", "mi", "mn", "mo", "msub", "msup", "mrow"}
        formulas += made.count("<math>")
        said = unescape(re.sub("<[^>]*>", "", made)).translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
        plain = text.translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
        assert re.sub(r"[\s_^]", "", said) == re.sub(r"[\s_^]", "", plain)
    assert formulas > 10_000


def test_priors_are_told_apart_in_words():
    known = [Zipf(0.5, 900), Zipf(0, 900), Geometric(0.99, 900), LogNormal(1.5, 900), Pareto(2, 900), Gamma(0.5, 900)]
    known += [TwoLevel(10, 900, 0.01), Listed([3, 2, 1])]
    said = [frequencies(one) for one in known]
    assert len(set(said)) == len(said)
    assert not any(mark in one for one in said for mark in ("(a", "(s", "=", "Zipf(", "size"))
    assert frequencies(Uniform(900)) == frequencies(Zipf(0, 900))
    assert typeset(said[0]).count("<math>") == 2
    mixed = Mixture(((0.5, Zipf(1.0, 10)), (0.5, Uniform(5))), 100)
    assert frequencies(mixed) == repr(mixed).replace("1.0", "1").replace("0.50", "0.5")
