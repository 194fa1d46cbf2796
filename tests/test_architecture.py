"""What may import what, and what an import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MARKS = re.compile(
    r"mark\.(kernels|torch|browser|extra)\b"
)  # by which .ci chooses files of tests, reading nothing else
HEAVY = ("pandas", "matplotlib", "sklearn", "scipy.stats", "numba", "torch", "cupy")


@pytest.mark.parametrize(
    "module", ["longtail", "longtail.simulate", "longtail.infer", "longtail.cost", "longtail.exact", "empirical"]
)
def test_heavy_imports_wait(module: str) -> None:
    code = f"import {module}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_import_contracts_hold() -> None:
    pytest.importorskip("importlinter", reason="import-linter is a development dependency")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout


PLACES = {  # what may be imported where, at the top of a file or inside a function
    "cupy": lambda path: path.name == "arrays.py" or path.stem.endswith("_cuda"),
    "cupyx": lambda path: path.stem.endswith("_cuda"),
    "numba": lambda path: path.stem.endswith("_cpu"),
    "dp_accounting": lambda path: path.name == "accountant.py",
    "torch": lambda path: (
        path.parts[:2] == ("empirical", "learners") or path.stem.endswith("_torch") or path.name == "arrays.py"
    ),
    "transformers": lambda path: path.parts[:3] == ("empirical", "learners", "torch"),
    "matplotlib": lambda path: (
        path.parts[:2] in (("longtail", "plots"), ("empirical", "report")) or path.parts[0] == "simulations"
    ),
}


def imports(tree: ast.AST) -> set[str]:
    """The top-level packages that a file imports, but for those that only a type checker reads."""
    skipped = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_devices_and_compilers_stay_where_they_belong() -> None:
    files = [path for package in ("longtail", "empirical", "simulations") for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 20
    strays = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in imports(ast.parse(path.read_text(encoding="utf-8")))
        if name in PLACES and not PLACES[name](path.relative_to(ROOT))
    ]
    assert strays == []


def test_what_has_an_underscore_is_used_in_its_own_file_alone() -> None:
    files = [path for package in ("longtail", "empirical", "simulations") for path in (ROOT / package).rglob("*.py")]
    assert [f"{path.relative_to(ROOT)}: {name}" for path in files for name in taken(path.read_text("utf-8"))] == []
    control = (
        "from longtail.core import _a, b, __version__\nimport longtail.exact as e\nimport longtail.core\nb._c, self._d"
    )
    assert list(taken(f"{control}, e._f, longtail.core._g")) == ["_a", "b._c", "e._f", "longtail.core._g"]


def taken(text: str) -> Iterator[str]:
    """Names with an underscore that a file takes of this project's others."""
    tree = ast.parse(text)
    packages = ("longtail", "empirical", "simulations")
    taken = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [
        alias.asname or alias.name
        for node in taken
        if str(node.module).split(".")[0] in packages
        for alias in node.names
    ]
    whole = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    ours += [alias.asname or alias.name for alias in whole if alias.name.split(".")[0] in packages]
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    for name in [*ours, *(ast.unparse(node) for node in read if ast.unparse(node.value) in ours)]:
        own = name.rpartition(".")[2]
        if own.startswith("_") and not own.endswith("__"):
            yield name


def test_legends_say_where_they_go() -> None:
    """One whose place matplotlib is left to choose warns where finding it takes over a second, as on a busy machine."""
    files = [path for package in ("longtail", "empirical", "simulations") for path in (ROOT / package).rglob("*.py")]
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "legend"
        and all(keyword.arg != "loc" for keyword in node.keywords)
    ]
    assert silent == []


def test_marks_stand_in_the_files_that_carry_them() -> None:
    """.ci/run and .ci/kernels read no file of tests in whose text there is no mark: one taken from elsewhere would not be run."""
    files = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert sum(bool(MARKS.search(text)) for text in files.values()) > 20
    assert hidden_marks(files) == []
    mark = "pytest.mark." + "kernels"  # not to be found here
    wrong = {
        "tests/nets.py": f"slow = {mark}",
        "tests/test_a.py": f"both = [{mark}]\n@{mark}\ndef test_b(): ...\ndef other(): ...",
        "tests/test_b.py": "from tests.test_a import both, other\nfrom tests.test_a import test_b as c",
        "tests/test_c.py": "from pytest import mark as m\nfrom pytest import mark, raises\nm = pytest.mark",
        "tests/test_d.py": "def f(item): item.add" + "_marker('extra')",
    }
    assert hidden_marks(wrong) == [
        "tests/nets.py: it is no file of tests",
        "tests/test_b.py: both",
        "tests/test_b.py: test_b",
        "tests/test_c.py: m",
        "tests/test_c.py: m",
        "tests/test_d.py: a mark that is added",
    ]


def hidden_marks(files: dict[str, str]) -> list[str]:
    """Marks outside of files of tests, and in these such as come from elsewhere or by another name."""
    trees = {path: ast.parse(text) for path, text in files.items()}
    some = [path for path, text in files.items() if MARKS.search(text)]
    marked = {path.removesuffix(".py").replace("/", "."): set(carriers(trees[path])) for path in some}
    found = []
    for path, text in files.items():
        if path in some and not Path(path).name.startswith("test_"):
            found.append(f"{path}: it is no file of tests")
        for node in trees[path].body:
            if isinstance(node, ast.ImportFrom):
                taken_from = marked.get(str(node.module), set())
                found += [f"{path}: {one.name}" for one in node.names if one.name in taken_from]
                found += [f"{path}: {one.asname}" for one in node.names if one.name == "mark" and one.asname]
            elif isinstance(node, ast.Assign) and ast.unparse(node.value) == "pytest.mark":
                found.append(f"{path}: {ast.unparse(node.targets[0])}")
        if ".add" + "_marker(" in text:
            found.append(f"{path}: a mark that is added")
    return found


def carriers(tree: ast.Module) -> Iterator[str]:
    """Names of a file that carry a mark: variables, and what it decorates."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and MARKS.search(ast.unparse(node.value)):
            yield from (ast.unparse(target) for target in node.targets)
        elif any(MARKS.search(ast.unparse(one)) for one in getattr(node, "decorator_list", ())):
            yield node.name
