"""The reference: which names are public, a page a room, and docstrings, which are prose with formulas, as reStructuredText.

A name is documented once: where its room's door hands it on, and else in the file that has it. Kernels, commands and what draws
the report are left out. A type in a signature becomes a link where it is documented; one of ours that there is not is a warning.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

HERE = Path(__file__).parent
MADE = HERE / "made" / "reference"
PACKAGES = ("longtail", "empirical")
HIDDEN = re.compile(
    r"(_cpu|_cuda|__main__)$|\.(command|report|story|fitted|philox|kernels|core|shared|sources)(\.|$)|\._"
)
OTHERS = {  # what signatures name of other libraries
    *(
        "Any",
        "ArrayLike",
        "Axes",
        "Callable",
        "ClassVar",
        "DataFrame",
        "Figure",
        "Iterable",
        "Iterator",
        "Literal",
        "Mapping",
    ),
    *("Module", "NDArray", "Optimizer", "Path", "Protocol", "Self", "Sequence", "Series", "Tensor", "optional"),
}
SECTION = re.compile(r"-{3,}")
LISTS = ("Parameters", "Attributes", "Returns", "Raises")
# a default of 1 has the docstring of int
METHODS = (FunctionType, property, cached_property, classmethod, staticmethod)
LIBRARIES = (
    "collections",
    "concurrent",
    "matplotlib",
    "nn",
    "np",
    "numba",
    "numpy",
    "pandas",
    "pathlib",
    "pd",
    "scipy",
    "sklearn",
    "torch",
    "typing",
    "types",
)


@dataclass(frozen=True)
class Public:
    """A public name: the module it is documented in, and what it is."""

    module: str
    name: str
    value: Any

    @property
    def path(self) -> str:
        """As it is imported."""
        return f"{self.module}.{self.name}"

    @property
    def documented(self) -> list[str]:
        """Its docstring, and of a class those of its methods."""
        found = [inspect.getdoc(self.value) or ""]
        if inspect.isclass(self.value):
            own = [
                one for name, one in vars(self.value).items() if not name.startswith("_") and isinstance(one, METHODS)
            ]
            found += [getattr(one, "__doc__", None) or "" for one in own]
        return found

    @property
    def has_example(self) -> bool:
        """Whether a docstring shows its use."""
        return any(">>> " in text for text in self.documented)


@lru_cache(maxsize=1)
def modules() -> tuple[str, ...]:
    """All that are documented, a package before what is in it."""
    found = []
    for package in PACKAGES:
        root = importlib.import_module(package)
        names = [package, *sorted(one.name for one in pkgutil.walk_packages(root.__path__, f"{package}."))]
        found += [name for name in names if not HIDDEN.search(name) and not _is_command(name)]
    return tuple(found)


def _is_command(name: str) -> bool:
    """A file at the top of a package that is no room: the commands, which the README has."""
    return name.count(".") == 1 and not hasattr(_imported(name), "__path__") and hasattr(_imported(name), "main")


def _typed(name: str) -> None:
    """Names that a module has for its annotations only, so that these can be read: a name alone may be one of several."""
    module = importlib.import_module(name)
    for block in ast.parse(inspect.getsource(module)).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for line in block.body:
                with contextlib.suppress(ImportError):  # of an extra that is not installed
                    exec(compile(ast.Module([line], []), name, "exec"), vars(module))  # what the file itself says


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:  # of an extra that is not installed
        if str(error.name).partition(".")[0] in PACKAGES:
            raise
        return ModuleType(name)


@lru_cache(maxsize=1)
def public() -> tuple[Public, ...]:
    """Every public function and class, where it is documented."""
    found: dict[int, Public] = {}
    for name in modules():  # doors come before the files that they open
        for one in _names(_imported(name)):
            value = getattr(importlib.import_module(name), one)
            if inspect.isfunction(value) or inspect.isclass(value):
                found.setdefault(id(value), Public(name, one, value))
    return tuple(found.values())


def _names(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if _available(module, name)]
    own = [name for name, one in vars(module).items() if getattr(one, "__module__", None) == module.__name__]
    return [name for name in own if not name.startswith("_")]


def _available(module: ModuleType, name: str) -> bool:
    try:
        getattr(module, name)
    except ImportError:
        return False
    return True


def write() -> None:
    """A page a room."""
    rooms: dict[str, list[str]] = {}
    for name in modules():
        rooms.setdefault(".".join(name.split(".")[:2]), []).append(name)
    MADE.mkdir(parents=True, exist_ok=True)
    by_module: dict[str, list[Public]] = {}
    for one in public():
        by_module.setdefault(one.module, []).append(one)
    shown = {room: [name for name in names if name in by_module] for room, names in rooms.items()}
    shown = {room: names for room, names in shown.items() if names}
    for room, names in shown.items():
        _put(MADE / f"{room}.rst", "\n".join(_page(room, names, by_module)))
    for package in PACKAGES:
        rows = [f"   {room}" for room in shown if room.partition(".")[0] == package]
        _put(MADE / f"all_{package}.txt", "\n".join(rows) + "\n")
    for path in MADE.glob("*.rst"):
        if path.stem not in shown:
            path.unlink()


def _page(room: str, names: Sequence[str], by_module: dict[str, list[Public]]) -> Iterator[str]:
    yield from (room, "=" * len(room), "")
    for name in names:
        if name != room:
            yield from (name, "-" * len(name), "")
        yield from (f".. py:module:: {name}", "", *plain((inspect.getdoc(_imported(name)) or "").split("\n")), "")
        for one in by_module[name]:
            kind = "autoclass" if inspect.isclass(one.value) else "autofunction"
            yield f".. {kind}:: {one.path}"
            if kind == "autoclass":
                yield "   :members:"
                parts = [base for base in one.value.__mro__[1:] if HIDDEN.search(base.__module__)]
                if parts:  # what it is put together of has no page of its own
                    yield f"   :inherited-members: {parts[-1].__mro__[1].__name__}"
            yield ""


def plain(lines: Sequence[str]) -> list[str]:
    """A docstring as reStructuredText: what is indented is a formula, what stands in backquotes is code, the rest is prose; what
    NumPy's sections list, as ``name : what it is``, becomes a list.
    """
    out: list[str] = []
    example = formula = listing = False
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        stripped = line.strip()
        if SECTION.fullmatch(after) and stripped:
            out, listing = [*out, f".. rubric:: {stripped}"], stripped in LISTS
            continue
        if SECTION.fullmatch(line):
            out.append("")
            continue
        if not stripped:
            example = False
        elif stripped.startswith(">>>"):
            example, listing = True, False
        if listing and stripped:
            name, colon, what = stripped.partition(" : ")
            entry = not line.startswith(" ")
            out.append(
                (f"* **{name}**: {escaped(what)}" if colon else f"* {escaped(stripped)}")
                if entry
                else f"  {escaped(stripped)}"
            )
            continue
        indented = line.startswith("    ") and not example
        if indented and not formula and not before.strip():
            formula = True
            out += ["::", ""]
        elif stripped and not indented:
            if formula and before.strip():
                out.append("")
            formula = False
        out.append(line if example or formula else escaped(line))
    return out


def escaped(line: str) -> str:
    """A line of prose: marks that reStructuredText would take for its own are escaped, but those of code."""
    parts = re.split(r"(``.+?``)", line)
    return "".join(one if one.startswith("``") else _escaped(one) for one in parts)


def _escaped(text: str) -> str:
    return re.sub(r"(_)(?!\w)", r"\\_", re.sub(r"([\\*|`])", r"\\\1", text))


def _put(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


@lru_cache(maxsize=1)
def _aliases() -> dict[str, str]:
    """Where a class is documented, by where it is made and by its name alone."""
    found: dict[str, str] = {}
    for one in public():
        found[f"{one.value.__module__}.{one.value.__qualname__}"] = one.path
        found[one.name] = one.path
    return found


def _missing(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """A link to where a name is documented; plain text for names of others, and for ours that exist and have no page."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    path = _aliases().get(target)
    if path is not None:
        found = env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, node["reftype"], path, node, contnode)
        return found if found is not None else contnode
    if (
        target in OTHERS
        or target.startswith("tuple[")
        or target.partition(".")[0] in LIBRARIES
        or _exists(target, node.get("py:module"))
    ):
        return contnode
    return None


def _exists(target: str, module: str | None) -> bool:
    """Whether it is a name of ours, or one that the module which says it knows."""
    if module and hasattr(_imported(module), target.partition(".")[0]):
        return True
    home, _, name = target.rpartition(".")
    while home.partition(".")[0] in PACKAGES:
        try:
            return hasattr(importlib.import_module(home), name.partition(".")[0])
        except ImportError as error:
            if str(error.name).partition(".")[0] not in PACKAGES:  # an extra is not installed: the file is there
                return True
            home, _, more = home.rpartition(".")
            name = f"{more}.{name}"
    return False


def _docstring(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    lines[:] = plain(lines)


def _skipped(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """What scikit-learn adds to its estimators is its own."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def _made(app: Any, config: Any) -> None:
    import site_gallery

    write()
    for one in {one.value.__module__ for one in public()}:
        _typed(one)
    site_gallery.write()


def setup(app: Any) -> dict[str, bool]:
    """Sphinx's hook."""
    app.connect("config-inited", _made, priority=10)
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-skip-member", _skipped)
    app.connect("missing-reference", _missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
