"""The documentation: pages' examples hold, tables on record give the claims on record, a built site is found out where it fetches
anything, and every public name is shown in use.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
import site_check
import site_gallery
import site_reference

from simulations import readme
from simulations.simulation import Simulation

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PYCON = re.compile(r"^```pycon\n(.*?)^```$", re.S | re.M)
PAGES = [path for path in sorted(DOCS.glob("*.md")) if PYCON.search(path.read_text(encoding="utf-8"))]
COMMANDS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][
    "longtail.commands"
]
COMMAND = re.compile(rf"(?:python -m (longtail|empirical)\.|\blongtail )({'|'.join(COMMANDS)})\b([^`\n]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
TABLES = sorted(path.stem for path in (DOCS / "tables").glob("*.csv"))


def run_page(text: str, name: str) -> doctest.TestResults:
    """All examples of a page, one after the other, what they define shared."""
    blocks = "\n".join(PYCON.findall(text))
    test = doctest.DocTestParser().get_doctest(blocks, {}, name, name, 0)
    return doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_examples_of_pages_hold(path: Path) -> None:
    found = run_page(path.read_text(encoding="utf-8"), path.stem)
    assert found.attempted
    assert not found.failed


def test_a_page_that_is_wrong_is_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The control."""
    assert run_page("```pycon\n>>> 1 + 1\n3\n```\n", "wrong").failed == 1
    assert "Expected" in capsys.readouterr().out


def said_wrongly(text: str) -> Iterator[str]:
    """Options that a page gives to commands of ours which have no such."""
    for line in text.replace("\\\n", " ").splitlines():
        for package, name, words in COMMAND.findall(line):
            has = options(f"{package}.{name}" if package else COMMANDS[name].partition(":")[0])
            yield from (f"{name} {one}" for one in OPTION.findall(words.partition("  #")[0]) if one not in has)


@lru_cache
def options(module: str) -> frozenset[str]:
    """Those that a command's help names."""
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        importlib.import_module(module).main(["--help"])
    return frozenset(OPTION.findall(said.getvalue()))


def test_commands_that_pages_show_have_these_options() -> None:
    assert list(said_wrongly("`longtail cost --alpha 1 --beta 2`\n python -m empirical.leak run \\\n  --nope")) == [
        "cost --beta",
        "leak --nope",
    ]
    for path in [ROOT / "README.md", *DOCS.glob("*.md"), *DOCS.glob("learn/*.py")]:
        assert not list(said_wrongly(path.read_text(encoding="utf-8"))), path


def test_every_command_has_its_place_on_the_page_of_commands() -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert set(COMMANDS) == set(re.findall(r"\blongtail ([a-z]+)\b", text))


@pytest.mark.parametrize("name", TABLES)
def test_tables_on_record_give_the_claims_on_record(name: str) -> None:
    """What a page of the gallery draws and says is what the README's table of claims says."""
    simulation = Simulation.of(name)
    found = simulation.found(readme.kept(name))
    record = {one["simulation"]: one for one in readme.read()["simulations"]}[name]
    assert [one.shown for one in found] == [claim["shown"] for claim in record["claims"]]
    assert [one.verdict for one in found] == [claim["verdict"] for claim in record["claims"]]


def test_pages_of_simulations_are_made_of_their_files() -> None:
    zipf = Simulation.of("zipf")
    ran, read, lacking = (
        site_gallery.script(zipf, runs=runs, kept=kept) for runs, kept in ((True, True), (False, True), (False, False))
    )
    for text in (ran, read, lacking):
        compile(text, "zipf", "exec")
        assert "Measured here, exactly: .4717" in text
        assert "NAME" not in text
    assert "zipf.run(zipf.QUICK)\ntable\n" in ran
    assert 'readme.kept("zipf")' in read
    assert "zipf.plot" not in lacking


def test_docstrings_are_prose_with_formulas() -> None:
    text = ["Sums |X_1| over *all* x_.", "", "    E|X| = 1", "", "With ``a|b`` as is.", "", ">>> a | b", "c"]
    assert site_reference.plain(text) == [
        r"Sums \|X_1\| over \*all\* x\_.",
        "",
        "::",
        "",
        "    E|X| = 1",
        "",
        "With ``a|b`` as is.",
        "",
        ">>> a | b",
        "c",
    ]


def test_sections_of_numpy_become_lists() -> None:
    text = [
        "Fits.",
        "",
        "Parameters",
        "----------",
        "a_, b : two *numbers*;",
        "    large ones.",
        "c.",
        "",
        "Examples",
        "--------",
    ]
    listed = [".. rubric:: Parameters", "", r"* **a_, b**: two \*numbers\*;", "  large ones.", "* c.", ""]
    assert site_reference.plain([*text, ">>> 1", "1"]) == [
        "Fits.",
        "",
        *listed,
        ".. rubric:: Examples",
        "",
        ">>> 1",
        "1",
    ]


def test_every_public_name_has_an_example() -> None:
    lacking = [one.path for one in site_reference.public() if not one.has_example]
    assert not lacking, f"give each an example (>>>) in its docstring, or an underscore: {', '.join(lacking)}"


def test_what_is_no_docstring_shows_nothing() -> None:
    """A class has attributes whose docstrings are others': that of int has an example."""

    class Plain:
        """Without an example."""

        number: int = 1
        kind = doctest.DocTestParser

        @property
        def double(self) -> int:
            """Twice the number."""
            return 2 * self.number

    class Shown(Plain):
        @property
        def double(self) -> int:
            """Twice the number.

            >>> Shown().double
            2
            """
            return 2 * self.number

    assert ">>> " in str(int.__doc__)
    assert not site_reference.Public("here", "Plain", Plain).has_example
    assert site_reference.Public("here", "Shown", Shown).has_example


def test_a_site_that_fetches_or_leads_nowhere_is_found_out(tmp_path: Path) -> None:
    good = '<html><link rel="stylesheet" href="a.css"><h1 id="top1">x</h1><a href="#top1">x</a><a href="https://x.y">x</a></html>'
    (tmp_path / "a.css").write_text("p { color: red }", encoding="utf-8")
    (tmp_path / "index.html").write_text(good, encoding="utf-8")
    assert not list(site_check.faults(tmp_path))
    wrong = {
        '<script src="https://cdn.x/y.js"></script>': "fetches https://cdn.x/y.js",
        '<img src="//x/y.png">': "fetches //x/y.png",
        '<link rel="stylesheet" href="http://x/y.css">': "fetches http://x/y.css",
        "<style>@font-face { src: url(https://x/y.woff2) }</style>": "fetches https://x/y.woff2",
        '<p style="background: url(//x/y)">': "fetches //x/y",
        '<img src="gone.png">': "lacks gone.png",
        '<a href="gone.html">x</a>': "links to gone.html, which is not there",
        '<a href="index.html#gone">x</a>': "a place that its page does not have",
    }
    for part, said in wrong.items():
        (tmp_path / "index.html").write_text(good + part, encoding="utf-8")
        (fault,) = site_check.faults(tmp_path)
        assert said in fault
    (tmp_path / "index.html").write_text(good, encoding="utf-8")
    (tmp_path / "a.css").write_text("@import 'https://x/y.css';", encoding="utf-8")
    assert [fault for fault in site_check.faults(tmp_path) if fault == "a.css fetches https://x/y.css"]
    (tmp_path / "index.html").unlink()
    assert list(site_check.faults(tmp_path))
