"""How every figure looks, and how it is saved. Colors are Okabe and Ito's, told apart without hue by marker and dash."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterSciNotation

from longtail.core.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator


BLUE, ORANGE, GREEN, PURPLE, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 150,
    "svg.hashsalt": "longtail",
    "text.parse_math": False,  # titles and ticks name files and classes, and "$" in those is money
    "axes.formatter.use_mathtext": False,
}
# lines that mark an n or a θ run through the panel, not through the words
ON_WHITE = {"legend.frameon": True, "legend.edgecolor": "none", "legend.framealpha": 0.9}
NAMED = [
    "alpha",
    "gamma",
    "delta",
    "epsilon",
    "eta",
    "theta",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "rho",
    "sigma",
    "tau",
    "omega",
    "ell",
]
SYMBOLS = dict(zip("αγδεηθκλμνρστωℓ", NAMED, strict=True))
SYMBOL = re.compile(rf"(?<!\w)(?P<symbol>[{''.join(SYMBOLS)}])(?:(?P<below>[₀-₉]+)|_(?P<index>\w))?(?P<over>/n)?(?!\w)")
LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
HIGH = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@contextmanager
def styled(**changes: Any) -> Iterator[None]:
    """Our style, with changes, for all that is drawn or saved inside.

    >>> import matplotlib
    >>> with styled(**{"font.size": 20.0}):
    ...     print(matplotlib.rcParams["font.size"], matplotlib.rcParams["axes.grid"])
    20.0 True
    """
    with rc_context(STYLE | changes):  # type: ignore[arg-type]  # matplotlib's keys are literals, ours strings
        yield


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure to draw on in our style.

    >>> with drawing(4, 3) as figure:
    ...     line = figure.subplots().loglog([1, 10], [1, 1000])
    >>> figure.get_size_inches().tolist()
    [4.0, 3.0]
    """
    with styled(**ON_WHITE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        plain_powers(figure)


class Powers(LogFormatterSciNotation):
    """Ticks of a logarithmic axis as plain text, where matplotlib's own are formulas.

    >>> Powers()(1000.0), Powers()(0.001)
    ('10³', '10⁻³')
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The tick at x."""
        text = re.sub(r"^\$\\mathdefault\{(.*)\}\$$", r"\1", super().__call__(x, pos)).replace(r"\times", "×")
        return re.sub(r"\^\{([-0-9]+)\}", lambda power: power[1].translate(HIGH), text).replace("-", "−")


def plain_powers(figure: Figure) -> Figure:
    """The figure, its logarithmic axes labeled in plain text.

    >>> figure = Figure()
    >>> axes = figure.subplots()
    >>> axes.set_xscale("log")
    >>> plain_powers(figure).axes[0].xaxis.get_major_formatter()(100.0)
    '10²'
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
            if isinstance(major, LogFormatterSciNotation):
                axis.set_major_formatter(Powers())
            if isinstance(minor, LogFormatterSciNotation):
                axis.set_minor_formatter(Powers())
    return figure


def mathtext(text: str) -> str:
    """A label whose symbols are set as mathematics, as matplotlib reads it; money stays money.

    >>> mathtext("memorized ≥ θ, $5"), mathtext("seen ℓ times: τ_ℓ and ℓ/n")
    ('memorized ≥ $\\\\theta$, \\\\$5', 'seen $\\\\ell$ times: $\\\\tau_{\\\\ell}$ and $\\\\ell/n$')
    """

    def one(found: re.Match[str]) -> str:
        index = (found["below"] or found["index"] or "").translate(LOW)
        below = f"_{{{chr(92) + SYMBOLS[index] if index in SYMBOLS else index}}}" if index else ""
        return f"$\\{SYMBOLS[found['symbol']]}{below}{found['over'] or ''}$"

    return SYMBOL.sub(one, text.replace("$", r"\$"))


@contextmanager
def _typeset(figure: Figure) -> Iterator[None]:
    """Symbols in a figure's titles, labels and legends as mathematics, for as long as it is saved; ticks are drawn afresh."""
    ticks = [
        tick
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.majorTicks, *axis.minorTicks)
    ]
    left = {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    plain = [
        (text, text.get_text()) for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in left
    ]
    plain = [(text, said) for text, said in plain if not text.get_parse_math() and SYMBOL.search(said)]
    for text, said in plain:
        text.set(text=mathtext(said), parse_math=True)
    try:
        yield
    finally:
        for text, said in plain:
            text.set(text=said, parse_math=False)


def save(figure: Figure, path: Path) -> Path:
    """The figure on disk, whole or not at all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(save(Figure(), Path(folder) / "empty.svg").stat().st_size > 0)
    True
    """
    with whole_file(path) as temporary, styled(), _typeset(figure):
        figure.savefig(temporary, format=path.suffix[1:])
    return path


def save_both(figure: Figure, path: Path) -> list[Path]:
    """The figure as PNG and as SVG, at ``path`` with either ending.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print([one.name for one in save_both(Figure(), Path(folder) / "empty")])
    ['empty.png', 'empty.svg']
    """
    return [save(figure, path.with_name(f"{path.name}.{kind}")) for kind in ("png", "svg")]
