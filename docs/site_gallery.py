"""The gallery: a page for each of ``simulations``, made of that file, its table on record and the claims that are read off it.

A page runs the simulation at its small size where that is quick, and else reads the table that ``python -m simulations NAME
--quick --readme`` put into docs/tables; its figure and claims are made from the table when the site is built.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from site_reference import plain

HERE = Path(__file__).parent
TABLES, GALLERY = HERE / "tables", HERE / "made" / "gallery"
FAST = 2.0  # processor seconds on record, up to which a simulation is run when the site is built
LEARN = ("theory", "own_data", "own_parts")
RULES = ("fast", "none", "all")
HEAD = "Simulations\n===========\n\n"
RUN = """# %%
# At its small size:

from simulations import NAME

table = NAME.run(NAME.QUICK)
table
"""
READ = """# %%
# ``NAME.run(NAME.QUICK)`` was not run for this page: it takes long, or data that are not in the package. Its table as
# ``python -m simulations NAME --quick --readme`` kept it:

from simulations import NAME, readme

table = readme.kept("NAME")
table
"""
LACKS = """# %%
# Its table is not on record: ``python -m simulations NAME --quick --readme`` puts it there.
"""
DRAW = """# %%
# Its figure:

figure = NAME.plot(table)
"""
DRAW_DATA = """# %%
# Its figure, which shows data that are not in the package:

from simulations.places import Missing

try:
    figure = NAME.plot(table)
except Missing as error:
    print(error)
"""
CLAIMS = """# %%
# What was published, ours with its standard error, and the verdict:

import pandas as pd

found = [claim.found(table) for claim in NAME.CLAIMS]
columns = ["claim", "published", "ours", "verdict"]
pd.DataFrame([(f.text, f.published.text, f.shown, f.verdict) for f in found], columns=columns)
"""
FILE = """# %%
# ``python -m simulations NAME`` runs it at full size. The file:
#
# .. literalinclude:: ../../../simulations/NAME.py
#     :language: python
"""


class Order:
    """As files are to be read: lessons by ``LEARN``, simulations as their folder lists them."""

    def __init__(self, source: str) -> None:
        from simulations.simulation import NAMES

        self.names = [*LEARN, *NAMES]

    def __call__(self, name: str) -> int:
        """The place of a file."""
        return self.names.index(Path(name).stem)


def _get_sg_image_scraper() -> Any:
    """Sphinx-gallery's hook."""
    return figure_of_block


def figure_of_block(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The figure that a block left under the name ``figure``: ours are not pyplot's, where others would be looked for."""
    from matplotlib.figure import Figure
    from sphinx_gallery.scrapers import figure_rst

    from longtail.plots import save

    figure = block_vars["example_globals"].pop("figure", None)
    if not isinstance(figure, Figure):
        return ""
    path = Path(next(block_vars["image_path_iterator"]))
    save(figure, path)
    return str(figure_rst([str(path)], gallery_conf["src_dir"], figure_titles(figure)))


def figure_titles(figure: Any) -> str:
    """What a figure is called, for those who do not see it."""
    titles = [figure.get_suptitle(), *(axes.get_title(loc="left") or axes.get_title() for axes in figure.axes)]
    return "; ".join(title.replace("\n", " ") for title in titles if title)


def write() -> None:
    """A script a simulation, of which sphinx-gallery makes pages."""
    from simulations.simulation import NAMES, Simulation

    rule = os.environ.get("LONGTAIL_GALLERY", "fast")
    if rule not in RULES:
        raise ValueError(f"LONGTAIL_GALLERY={rule}: give one of {', '.join(RULES)}")
    seconds = recorded(HERE)
    GALLERY.mkdir(parents=True, exist_ok=True)
    put(GALLERY / "GALLERY_HEADER.rst", HEAD + (HERE / "learn" / "simulations.txt").read_text(encoding="utf-8"))
    for name in NAMES:
        runs = rule == "all" or (rule == "fast" and seconds.get(name, FAST + 1) <= FAST and not _fetches(name))
        put(GALLERY / f"{name}.py", script(Simulation.of(name), runs=runs, kept=(TABLES / f"{name}.csv").is_file()))
    for path in GALLERY.glob("*.py"):
        if path.stem not in NAMES:
            path.unlink()


def recorded(folder: Path) -> dict[str, float]:
    """Processor seconds of every simulation on record."""
    record = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    return {one["simulation"]: one["seconds"] for one in record["simulations"] if one["error"] is None}


def _fetches(name: str) -> bool:
    """Whether it reads data that are not in the package."""
    return "from simulations.places import" in (HERE.parent / "simulations" / f"{name}.py").read_text(encoding="utf-8")


def script(simulation: Any, *, runs: bool, kept: bool) -> str:
    """The page of one, as a script: its docstring, its table, its figure, its claims, its file."""
    name = simulation.name
    title = f"{name}: {simulation.says}"
    doc = "\n".join(plain(simulation.doc.strip().split("\n")))
    parts = [f'r"""\n{title}\n{"=" * len(title)}\n\n{doc}\n"""\n', RUN if runs else READ if kept else LACKS]
    shown = [DRAW_DATA if _fetches(name) else DRAW, CLAIMS] if runs or kept else []
    return "\n".join([*parts, *shown, FILE]).replace("NAME", name)


def put(path: Path, text: str) -> None:
    """Written only where it changed, so that what did not is not run again."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
