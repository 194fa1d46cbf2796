"""Commands at small size, run in children of a process that has all of them loaded and compiled; and what they left, compared."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VOLATILE = {"seconds", "models_per_second", "date", "command", "checksum"}  # what differs between two runs by right
NOT_REPEATED = {".png", ".svg", ".html"}  # drawn from tables that are compared, and read to their end
NET = "Net(widths=(8,), epochs=4)"
RUN = ("planted", "--n", "120", "--trials", "96", "--shard", "8", "--no-plot")


@dataclass(frozen=True)
class Command:
    """A command by its module, its arguments, the folder of which it starts, and whether it goes on where it was killed."""

    door: str
    arguments: tuple[str, ...]
    source: str = ""


MANY = (*RUN[:3], "--trials", "400", "--shard", "4", "--no-plot")
SMALL = (*RUN[:2], "60", "--learner", "mlp(8, epochs=2)")
MARGINS = (*SMALL, "--score", "margin", *RUN[3:])
COUNTS = "counts.txt"
TOY = ("--models", "40", "--removals", "2", "--repeats", "2")
COMPARED = ("out", "--family", "Zipf", "--coupling", "uniform", "--simulations", "2")
COMMANDS = {
    "estimate": Command("empirical.estimate", (*RUN, "--out", "out")),
    "infer": Command("longtail.infer", (COUNTS, "--family", "Uniform", "--no-plot", "--out", "out")),
    "talk": Command(
        "empirical.talk",
        (*TOY, "--dimension", "100", "--samples", "40", "--nets", "2", "--epochs", "4", "--out", "out"),
    ),
    "remove": Command(
        "empirical.remove", ("out", "--threshold", "0.5", "--seeds", "2", "--simulations", "2"), "estimate"
    ),
    "compare, removed": Command("empirical.compare", (*COMPARED, "--out", "out"), "remove"),
    "compare": Command("empirical.compare", (*COMPARED, "--out", "out"), "estimate"),
    "estimate, two workers": Command("empirical.estimate", (*MANY, "--workers", "2", "--out", "out")),
    "estimate, a cluster": Command("empirical.estimate", (*MANY, "--scheduler", "local:2", "--out", "out")),
    "turnover": Command(
        "empirical.turnover",
        ("planted", "--n", "60", "--net", NET, "--seeds", "4", "--influence", "--no-plot", "--out", "out"),
    ),
    "limit": Command(
        "empirical.limit",
        (*SMALL, "--limited", "mlp(2, epochs=2)", "--trials", "16", *RUN[5:], "--simulations", "2", "--out", "out"),
    ),
    "attack": Command(
        "empirical.attack",
        ("--learner", "softmax", "--samples", "60", "--dimension", "60", "--repeats", "3", "--no-plot", "--out", "out"),
    ),
    "simulate": Command(
        "longtail.simulate",
        ("--alpha", "1", "--samples", "500", "--subpopulations", "500", "--trials", "50", "--no-plot", "--out", "out"),
    ),
    "cost": Command(
        "longtail.cost",
        (
            "--alpha",
            "1",
            "--samples",
            "300",
            "--subpopulations",
            "300",
            "--epsilon",
            "0.1:10",
            "--no-plot",
            "--out",
            "out",
        ),
    ),
    "estimate, margins": Command("empirical.estimate", (*MARGINS, "--out", "out")),
    "leak": Command("empirical.leak", ("out", "--no-plot", "--out", "out"), "estimate, margins"),
}


@dataclass
class Ended:
    """How a child ended (below 0: by which signal), and what it said."""

    code: int
    said: str
    out: str

    @property
    def refused(self) -> bool:
        """Whether it ended with an error of one line."""
        return self.code in (1, 2) and "Traceback" not in self.said and ": error: " in self.said


def children(command: Command, place: Path, before: Callable[[], Any] = lambda: None) -> int:
    """Begin it in a child that has ``place`` for its working directory; its process id. ``before`` is called in the child."""
    place.mkdir(parents=True, exist_ok=True)
    door = importlib.import_module(command.door)
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()  # with workers of its own, all of which are to be killed
        os.chdir(place)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(f"{place}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        before()
        code = door.main([*command.arguments, "--quiet"])
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def end(pid: int, place: Path, after: float | None = None) -> Ended:
    """Wait for a child; or kill it, and whom it began, after so many seconds."""
    until = None if after is None else time.monotonic() + after
    while True:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            break
        if until is not None and time.monotonic() >= until:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:  # so young that it leads no group yet
                os.kill(pid, signal.SIGKILL)
            until = None
        time.sleep(0.001)
    said, out = (Path(f"{place}.{name}").read_text(errors="replace") for name in ("stderr", "stdout"))
    return Ended(os.waitstatus_to_exitcode(status), said, out)


def content(folder: Path) -> dict[str, bytes]:
    """All files that a run left, by name: JSON without what differs by right; none that is hidden, or drawn from others."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.suffix not in NOT_REPEATED:
            raw = path.read_bytes()
            try:
                found[str(path.relative_to(folder))] = told(raw) if path.suffix == ".json" else raw
            except ValueError:  # damaged
                found[str(path.relative_to(folder))] = raw
    return found


def told(raw: bytes) -> bytes:
    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept(one) for key, one in value.items() if key not in VOLATILE}
        return [kept(one) for one in value] if isinstance(value, list) else value

    return json.dumps(kept(json.loads(raw)), sort_keys=True).encode()


def lost(truth: dict[str, bytes], found: dict[str, bytes]) -> int:
    """Bits in which what was found is not the truth."""
    bits = 0
    for name in truth.keys() | found.keys():
        a, b = truth.get(name, b""), found.get(name, b"")
        bits += 8 * abs(len(a) - len(b)) + sum((x ^ y).bit_count() for x, y in zip(a, b, strict=False) if x != y)
    return bits


@dataclass
class Workshop:
    """References of commands that nobody disturbed, made when first asked for, and how long they took."""

    root: Path
    seconds: dict[str, float] = field(default_factory=dict)
    outs: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def reference(self, name: str) -> Path:
        """The folder in which a command ran through."""
        place = self.root / "reference" / name
        if not place.exists():
            self.prepare(name, place)
            if name not in self.outs:  # loaded and compiled here once, for all children
                self.load(name)
            began = time.monotonic()
            ended = end(children(COMMANDS[name], place), place)
            assert ended.code == 0, (name, ended)
            self.seconds[name], self.outs[name] = time.monotonic() - began, ended.out
        return place

    def load(self, name: str) -> None:
        """Run a command in this process; but for one with workers, which children would find gone."""
        if {"--workers", "--scheduler"} & {*COMMANDS[name].arguments}:
            return
        place, here = self.root / "loaded" / name, os.getcwd()
        self.prepare(name, place)
        os.chdir(place)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
                code = importlib.import_module(COMMANDS[name].door).main([*COMMANDS[name].arguments, "--quiet"])
        finally:
            os.chdir(here)
        assert code == 0, (name, said.getvalue())

    def prepare(self, name: str, place: Path) -> None:
        """A folder with what a command starts from."""
        place.mkdir(parents=True)
        (place / COUNTS).write_text("".join(f"{1 + 2000 // k}\n" for k in range(1, 200)))
        if source := COMMANDS[name].source:
            shutil.copytree(self.reference(source) / "out", place / "out")

    def new(self, name: str) -> Path:
        """Another one."""
        self.reference(name)
        self.count += 1
        place = self.root / "tried" / f"{self.count:05d}"
        self.prepare(name, place)
        return place

    def truth(self, name: str) -> dict[str, bytes]:
        """What it leaves."""
        return content(self.reference(name) / "out")
