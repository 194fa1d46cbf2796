"""What a release says of itself agrees with what it is: versions, requirements, and the workflow that publishes it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import longtail

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = {"matplotlib-base": "matplotlib"}  # conda's name of the package without a toolkit for windows


def test_one_version() -> None:
    assert PROJECT["version"] == longtail.__version__
    assert f"version: {longtail.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f'version: "{longtail.__version__}"' in (ROOT / "conda" / "recipe.yaml").read_text()
    assert f"## {longtail.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_recipe_requires_what_the_project_does() -> None:
    run = (ROOT / "conda" / "recipe.yaml").read_text().partition("  run:\n")[2].partition("\n\n")[0]
    wanted = {name: floor for name, floor in re.findall(r"- ([\w-]+) >=([\d.]+)", run) if name != "python"}
    given = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", one).groups() for one in PROJECT["dependencies"])  # type: ignore[union-attr]
    assert {NAMED.get(name, name): floor for name, floor in wanted.items()} == given


def test_a_python_that_is_named_is_tested() -> None:
    named = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert PROJECT["requires-python"] == f">={named[0]}"
    assert set(re.findall(r'"(3\.\d+)"', workflow)) == set(named)


def test_the_oldest_python_is_one_everywhere() -> None:
    floor = PROJECT["requires-python"]
    assert re.findall(r"- python (\S+)", (ROOT / "conda" / "recipe.yaml").read_text()) == [floor, floor]
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tools["mypy"]["python_version"] == floor.removeprefix(">=")
    assert tools["ruff"]["target-version"] == "py" + floor.removeprefix(">=").replace(".", "")


def test_the_recipe_has_the_command() -> None:
    (name, value), *others = PROJECT["scripts"].items()
    assert not others
    assert f"- {name} = {value}\n" in (ROOT / "conda" / "recipe.yaml").read_text()


def test_every_extra_is_told_of_and_tested() -> None:
    """CI installs all but those of a GPU, each by its name; what is small goes to the runs with other versions."""
    extras = set(PROJECT["optional-dependencies"])
    ours = {
        one for named in re.findall(r"\.\[([\w,]+)\]", (ROOT / ".ci" / "run").read_text()) for one in named.split(",")
    }
    assert ours == extras - {"cuda12", "cuda13"}
    versions = re.search(r"^EXTRAS = \((.*)\)", (ROOT / ".ci" / "versions").read_text(), re.M)
    assert versions is not None
    assert set(re.findall(r'"(\w+)"', versions[1])) == ours - {"torch", "huggingface", "docs", "dev"}
    readme = (ROOT / "README.md").read_text()
    assert [extra for extra in sorted(extras) if f"`{extra}`" not in readme and f"`.[{extra}]`" not in readme] == []


def test_publishing_asks_for_a_token_and_keeps_none() -> None:
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert "id-token: write" in workflow.partition("publish:")[2]
    assert "id-token" not in workflow.partition("publish:")[0]
    assert "secrets." not in workflow
