"""Names with arguments are data: limits, what is imported and what never is, and where a user's own module is found."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtail import parse
from longtail.__main__ import main
from longtail.command import known as door
from longtail.core import ArgumentError, calls
from longtail.core.files import DEEPEST, read_json
from longtail.priors import NAMES
from longtail.simulate import main as simulate

ROOT = Path(__file__).parents[1]
DEEP = [
    "(" * 10_000,
    "Zipf(alpha=" + "(" * 4_000 + ")" * 4_000 + ", size=3)",
    "Zipf(alpha=" + "[" * 150 + "]" * 150 + ", size=3)",
    "Zipf(alpha=" + "-" * 9_000 + "1, size=3)",
    "Zipf(alpha=" + "not " * 2_000 + "1, size=3)",
    "Zipf(alpha=" + "1+" * 4_500 + "1, size=3)",
    "Zipf" + ".a" * 4_500 + "()",
    "a(" * 3_000,
    "lambda: " * 1_200 + "1",
    "Mixture(parts=((1, " * 30 + "Uniform(3)" + "),), size=6)" * 30,
    "Uniform(" + "9" * 401 + ")",
    "Uniform(" + "9" * 5_000 + ")",
    "Zipf(alpha=0x" + "f" * 9_000 + ", size=3)",
    "Zipf(alpha=1e999, size=3)",
    "Listed([" + "1, " * 20_000 + "])",
    "Zipf(\0)",
    "Listed(file='\\0')",
]


def test_a_call_is_read_and_nothing_in_it_is_done() -> None:
    found = calls.read("x", "a.b.C(1, -2.5, 'os', k=[None, True, (inf, -inf)], m={'a': -1}, n=D(2))", "give one")
    assert (found.name, found.bare) == ("a.b.C", False)
    assert found.arguments == (1, -2.5, "os")
    assert dict(found.keywords) == {
        "k": [None, True, (float("inf"), -float("inf"))],
        "m": {"a": -1},
        "n": calls.Call("D", (2,)),
    }
    assert calls.read("x", " a.b.c ", "give one") == calls.Call("a.b.c", bare=True)


@pytest.mark.parametrize(
    "inside",
    ["1 + 1", "x", "f'{1}'", "b'1'", "1j", "{1}", "...", "*[1]", "**{}", "lambda: 1", "x if y else z", "x[0]()"],
)
def test_what_is_no_plain_value_is_refused(inside: str) -> None:
    with pytest.raises(ArgumentError, match=r"^x: got [^\n]*$"):
        calls.read("x", f"A({inside})", "give one")


@pytest.mark.parametrize("spec", DEEP, ids=range(len(DEEP)))
def test_deep_long_and_huge_ones_are_one_line_errors(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse(spec)
    assert len(str(caught.value)) < 600
    assert simulate(["--prior", spec, "--quiet"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_six_mixtures_within_each_other_are_not_too_deep() -> None:
    spec = "Uniform(3)"
    for _ in range(6):
        spec = f"Mixture(parts=((1.0, {spec}),), size=3)"
    assert repr(parse(spec)).count("Mixture") == 6
    with pytest.raises(ArgumentError, match="brackets within each other"):
        parse(f"Mixture(parts=((1.0, {spec}),), size=3)")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)
WORDS = st.sampled_from(
    [*NAMES, "inf", "(", ")", ",", "=", "alpha", "size", "parts", "1", "-", "'", ".", "os", "\n", "{"]
)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.lists(WORDS, max_size=25).map("".join))
def test_any_text_is_a_prior_or_an_argument_error(text: str) -> None:
    try:
        parse(text)
    except ArgumentError as error:
        assert "\n" not in str(error) or "\n" in text  # noqa: PT017 - any other error fails the test


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(NAMES)), st.lists(VALUES, max_size=4))
def test_any_value_is_an_argument_or_an_argument_error(name: str, values: list[Any]) -> None:
    try:
        parse(f"{name}({', '.join(map(repr, values))})")
    except ArgumentError:
        return


MARKED = "import pathlib; pathlib.Path({marker!r}).touch()\n"


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once the module ``payload``, which could be imported, was imported, or its function called."""
    path = tmp_path / "was-run"
    (tmp_path / "payload.py").write_text(MARKED.format(marker=str(path)) + "def make(*a, **k): pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "payload", raising=False)
    return path


@pytest.mark.parametrize(
    "spec",
    [
        "os.system('touch was-run')",
        "subprocess.run(['touch', 'was-run'])",
        "builtins.eval(\"open('was-run', 'w')\")",
        "pathlib.Path('was-run')",
        "numpy.savetxt('was-run', [1])",
        "Mixture(parts=((1.0, numpy.savetxt('was-run', [1])),), size=3)",
        "numpy.os.system('touch was-run')",
    ],
)
def test_what_is_no_prior_is_never_called(spec: str, marker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(["--prior", spec, "--quiet"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not marker.exists()


def test_a_name_in_a_file_is_not_even_imported(marker: Path) -> None:
    with pytest.raises(calls.Foreign, match="a name in a file is not imported"):
        parse("Mixture(parts=((1.0, payload.Prior()),), size=3)", imports=False)
    assert not marker.exists()
    assert parse("Uniform(3)", imports=False).size == 3
    # control: the user's own is, and would have been seen
    with pytest.raises(ArgumentError, match="cannot be imported"):
        parse("payload.Prior()")
    assert marker.exists()


@pytest.mark.parametrize("body", ["1/0", "raise SystemExit(3)", "def f(:", "import nowhere_at_all"])
def test_a_module_that_fails_is_one_line(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing_module.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ArgumentError, match=r"^prior: got failing_module.P; it cannot be imported \([^\n]*$"):
        parse("failing_module.P()")


CONSOLE = "import sys\nfrom longtail.__main__ import main\nsys.exit(main())\n"
MINE = """
from dataclasses import dataclass
import numpy as np
from longtail import Ranked

@dataclass(frozen=True)
class Shifted(Ranked):
    shift: float
    size: int
    def log_value(self, rank):
        return -np.log(rank + self.shift)
"""


def test_the_console_script_finds_a_module_in_the_working_directory_and_hides_none(tmp_path: Path) -> None:
    """Python puts the script's folder on the path, not the user's; and strays there are not taken for Python's own."""
    for folder in ("bin", "work"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bin" / "longtail").write_text(CONSOLE)
    (tmp_path / "work" / "mine.py").write_text(MINE)
    for stray in ("random", "numpy", "scipy", "statistics"):
        (tmp_path / "work" / f"{stray}.py").write_text("raise AssertionError('a stray was imported')")
    command = [sys.executable, str(tmp_path / "bin" / "longtail"), "simulate", "--quiet", "--no-plot", "--trials", "0"]
    problem = ["--samples", "50", "--prior", "mine.Shifted(shift=1.5, size=50)"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [*command, *problem], cwd=tmp_path / "work", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Shifted(shift=1.5, size=50)" in done.stdout


def test_the_working_directory_stays_on_the_path_only_if_it_was_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
    (tmp_path / "wanted_module.py").write_text("value = 3")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert calls.imported("x", "longtail.core.calls.DEEPEST", "give one") == calls.DEEPEST
    with pytest.raises(ArgumentError, match="cannot be imported"):
        calls.imported("x", "nowhere_at_all.value", "give one")
    assert sys.path == before
    assert calls.imported("x", "wanted_module.value", "give one") == 3
    assert sys.path == [*before, str(tmp_path)]


def test_commands_are_found_by_their_entry_points(tmp_path: Path) -> None:
    """As an installation writes them from pyproject.toml: all are listed with what they do, and none is imported for that."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][door.GROUP]
    info = tmp_path / "longtail-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: longtail\nVersion: 0.1.0\n")
    lines = [f"{name} = {value}\n" for name, value in points.items()]
    (info / "entry_points.txt").write_text("".join([f"[{door.GROUP}]\n", *lines]))
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from longtail.__main__ import main; code = main(); print('numpy' in sys.modules); sys.exit(code)"
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)

    listed = run()
    assert listed.returncode == 0
    said = [line.split(maxsplit=1) for line in listed.stdout.splitlines() if line.startswith("  ")]
    assert [name for name, _ in said] == list(points)
    assert all(len(text) > 20 for _, text in said)
    assert listed.stdout.splitlines()[-1] == "False"
    assert "no command 'nope'; give one of simulate, infer" in run("nope").stderr
    assert "got None; give the folder of a run" in run("compare").stderr


def test_without_an_installation_there_are_our_own_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(door, "entry_points", lambda group: [])
    monkeypatch.setattr(sys, "argv", ["longtail"])
    assert main() == 0
    assert "  simulate " in (said := capsys.readouterr().out)
    assert "pip install" in said


def test_theory_never_names_measurement_not_even_in_a_string() -> None:
    files = list((ROOT / "longtail").rglob("*.py"))
    assert len(files) > 50
    assert [str(path) for path in files if "empirical" in path.read_text(encoding="utf-8")] == []


BAD_JSON = {
    "deep": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "not so deep": '{"a": ' + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1) + "}",
    "digits": '{"a": ' + "9" * 5_000 + "}",
    "fewer digits": '{"a": ' + "9" * 400 + "}",
    "not a number": '{"a": NaN}',
    "infinite": '{"a": 1e999}',
    "list": "[]",
    "cut": '{"a": ',
    "bytes": "\udcff",
}


@pytest.mark.parametrize("text", BAD_JSON.values(), ids=BAD_JSON)
def test_json_that_we_do_not_write_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match=r"x\.json"):
        read_json(path)
    path.write_text('{"a": ' + "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2) + f', "seed": {2**64 - 1}' + "}")
    assert read_json(path)["seed"] == 2**64 - 1


def test_devices_pipes_and_large_files_are_not_read(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name in ("pipe.json", "zero.json"):
        with pytest.raises(ValueError, match="give a regular file"):
            read_json(tmp_path / name)
    with open(tmp_path / "large.json", "wb") as file:
        file.truncate(2**26 + 1)
    with pytest.raises(ValueError, match="64 MiB"):
        read_json(tmp_path / "large.json")


def test_half_a_character_is_refused_and_a_whole_pair_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name": "\\ud800"}')
    with pytest.raises(ValueError, match="half a character"):
        read_json(path)
    path.write_text('{"name": "\\ud83d\\ude00"}')
    assert read_json(path) == {"name": "\U0001f600"}
