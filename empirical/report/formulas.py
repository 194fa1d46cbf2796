"""Formulas in a page's sentences as MathML, which a browser sets without a script and without a font that is fetched.

Sentences are written for a terminal too, with θ, nτ₁, k^−0.8, p = 0.03 as plain letters: here these are found and set, and all
else is escaped. A number, its error and its % stay on one line.
"""

from __future__ import annotations

import re
from html import escape

GREEK = "αγδεηθκλμνρστωℓ"
BELOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
NUMBER = r"(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e[-−+]?\d+)?"
FORMULA = re.compile(
    rf"(?<![\w^.])(?:p [=<>] {NUMBER}|½ log [A-Z]|[A-Za-z]?·?[{GREEK}](?:[₀-₉]+|_\w)?|[a-z](?:_\w)?\^[−-]?\w*(?:\.\d+)?"
    r"|[a-z](?=-th\b))(?![\w^])"
)
TOKEN = re.compile(rf"({NUMBER}|½)|(log)|([A-Za-z{GREEK}])|([₀-₉]+)|([_^])|([=<>·−-])")
TIED = re.compile(r"(?<=\d) (?=%|±|points?\b)|(?<=±) (?=[\d.])")


def typeset(text: str) -> str:
    """A sentence for a page: escaped, its formulas as MathML.

    >>> typeset("memorized ≥ θ & more")
    'memorized ≥ <math><mi>θ</mi></math> &amp; more'
    >>> typeset("k^−0.8")
    '<math><msup><mi>k</mi><mrow><mo>−</mo><mn>0.8</mn></mrow></msup></math>'
    """
    parts: list[str] = []
    end = 0
    tied = TIED.sub("\u00a0", text)
    for found in FORMULA.finditer(tied):
        parts += [escape(tied[end : found.start()]), mathml(found[0])]
        end = found.end()
    return "".join([*parts, escape(tied[end:])])


def mathml(formula: str) -> str:
    """One formula: letters, numbers, signs between them, subscripts and exponents.

    >>> mathml("nτ₁")
    '<math><mi>n</mi><msub><mi>τ</mi><mn>1</mn></msub></math>'
    """
    parts: list[str] = []
    script = sign = ""  # what the next token is of the last one, if anything; and the sign before it
    for token in TOKEN.finditer(formula):
        number, log, letter, below, mark, operator = token.groups()
        if mark:
            script = {"_": "msub", "^": "msup"}[mark]
        elif operator and script:  # the sign of an exponent
            sign = _element("mo", operator)
        elif below:
            parts.append(_scripted("msub", parts.pop(), _element("mn", below.translate(BELOW))))
        else:
            one = _element("mn" if number else "mo" if operator else "mi", number or log or letter or operator)
            if script:
                inner = f"<mrow>{sign}{one}</mrow>" if sign else one
                one, script, sign = _scripted(script, parts.pop(), inner), "", ""
            parts.append(one)
    return f"<math>{''.join(parts)}</math>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _scripted(name: str, base: str, script: str) -> str:
    return f"<{name}>{base}{script}</{name}>"
