"""Faults, one after the other: ``python -m tests.faults --minutes 10`` tries each kind until time is up, and counts.

A trial survives if it ends with the very bits of a run that nobody disturbed, or with an error of one line that names the file or
says what to do; after it, the same command goes on to those bits. Bits lost are those in which results differ though nothing was
said of it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faulted import COMMANDS, Ended, Workshop, children, content, end, lost
from tests.processes import wait_until

RESULT = Path(__file__).with_name("faults.md")
WORKERS = ("estimate, two workers", *(["estimate, a cluster"] if importlib.util.find_spec("distributed") else []))
TIMED = ("turnover", "limit")  # commands that print how long they took
READERS = {  # of a folder that some command left, who reads it
    "turnover": ("turnover",),
    "estimate": ("estimate", "compare", "remove"),
    "remove": ("compare, removed", "remove"),
    "limit": ("limit",),
    "estimate, margins": ("leak",),
}
MOST = 10**8  # seconds that a clock is off


@dataclass
class Row:
    """A kind of fault: trials, those that ended as they should, and bits that differ quietly."""

    tried: int = 0
    survived: int = 0
    bits: int = 0

    def add(self, survived: bool, bits: int = 0) -> None:
        self.tried, self.survived, self.bits = self.tried + 1, self.survived + survived, self.bits + bits


def killed(shop: Workshop, name: str, chance: random.Random) -> tuple[bool, int]:
    """Killed at one to three random moments, with all that it began; then left alone."""
    place = shop.new(name)
    for _ in range(chance.randint(1, 3)):
        end(children(COMMANDS[name], place), place, chance.random() * 1.1 * shop.seconds[name])
    return finished(shop, name, place)


def finished(shop: Workshop, name: str, place: Path, before: Callable[[], object] = lambda: None) -> tuple[bool, int]:
    """Whether a command that is left alone ends well, and in how many bits it differs."""
    ended = end(children(COMMANDS[name], place, before), place)
    bits = lost(shop.truth(name), content(place / "out")) if ended.code == 0 else 0
    return told(ended.code == 0 and not bits, name, place, ended), bits


def told(survived: bool, name: str, place: Path, ended: Ended) -> bool:
    if not survived:
        sys.stderr.write(f"{name} in {place}: {ended.code}, {ended.said[-1000:]}\n")
    return survived


def together(shop: Workshop, name: str, chance: random.Random) -> tuple[bool, int]:
    """Two processes on one folder, of which one may be killed; both that were not end well."""
    place = shop.new(name)
    first = children(COMMANDS[name], place)
    time.sleep(chance.random() * 0.5 * shop.seconds[name])
    second = children(COMMANDS[name], place)
    kill = chance.random() * shop.seconds[name] if chance.random() < 0.5 else None
    ended = [end(first, place, kill), end(second, place)]
    bits = lost(shop.truth(name), content(place / "out"))
    if kill is None:
        return told(all(one.code == 0 for one in ended) and not bits, name, place, ended[0]), bits
    return finished(shop, name, place) if ended[1].code == 0 else (told(False, name, place, ended[1]), bits)


def set_back(shop: Workshop, name: str, chance: random.Random) -> tuple[bool, int]:
    """Killed, with times of files that lie years off, and a clock that has gone back since."""
    place = shop.new(name)
    end(children(COMMANDS[name], place), place, chance.random() * shop.seconds[name])
    for path in (place / "out").rglob("*"):
        at = time.time() + chance.uniform(-MOST, MOST)
        os.utime(path, (at, at))
    off, real = chance.uniform(-MOST, MOST), time.time

    def back() -> None:
        time.time = lambda: real() + off

    return finished(shop, name, place, back)


def full(shop: Workshop, name: str, chance: random.Random) -> tuple[bool, int]:
    """On a disk that is full before it ends; with room made, it goes on."""
    place = shop.new(name)
    size = sum(path.stat().st_size for path in shop.reference(name).rglob("*") if path.is_file())
    with small(place, int(size * chance.uniform(0.05, 1.2)) + 4096 * 4) as (before, widen):
        ended = end(children(COMMANDS[name], place, before), place)
        if not (ended.code == 0 or ended.refused):
            return told(False, name, place, ended), 0
        widen()
        return finished(shop, name, place)


@contextlib.contextmanager
def small(place: Path, size: int) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """A disk of so many bytes at ``place``, where one may be mounted; elsewhere a bound on the size of a file."""
    options = f"size={size}"
    with tempfile.TemporaryDirectory() as aside:
        shutil.copytree(place, aside, dirs_exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.getuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
            try:
                with contextlib.suppress(OSError, shutil.Error):
                    shutil.copytree(aside, place, dirs_exist_ok=True)
                wider = ["mount", "-o", "remount,size=1g", str(place)]

                def widen() -> None:
                    subprocess.run(wider, check=True)
                    shutil.copytree(aside, place, dirs_exist_ok=True)  # what had no room from the beginning

                yield (lambda: None), widen
            finally:
                subprocess.run(["umount", "-l", str(place)], check=True)
            return
    least = max(size // 20, 500)
    yield (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (least, least))), (lambda: None)


def damaged(shop: Workshop, name: str, chance: random.Random) -> tuple[bool, int]:
    """A file of a run's folder cut off, emptied, with a bit flipped, or in another's place; then read by what reads it."""
    reader = chance.choice(READERS[name])
    place = shop.new(name)
    shutil.rmtree(place)
    shutil.copytree(shop.reference(name), place)
    files = [path for path in sorted((place / "out").rglob("*")) if path.is_file() and path.suffix != ".html"]
    victim = chance.choice(files)
    raw = victim.read_bytes()
    at = chance.randrange(max(len(raw), 1))
    bad = {
        "cut": raw[:at],
        "empty": b"",
        "flip": raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :] if raw else b"",
        "other": chance.choice(files).read_bytes(),
    }
    how = chance.choice(list(bad))
    victim.write_bytes(bad[how])
    ended = end(children(COMMANDS[reader], place), place)
    if ended.refused:
        named = victim.name in ended.said or victim.parent.name in ended.said or str(place.name) in ended.said
        return told(named, f"{reader}: {victim.name}, {how} at {at}", place, ended), 0
    truth, found = shop.truth(reader), content(place / "out")
    key, source = str(victim.relative_to(place / "out")), COMMANDS[reader].source
    begun = shop.truth(source) if source else {}
    if reader != name or key in begun or victim.name.startswith(("versions", "kernels")):  # no result of this command's
        found.pop(key, None)
    both = truth.keys() & found.keys()
    bits = lost({key: truth[key] for key in both}, {key: found[key] for key in both})
    right = ended.out == shop.outs[reader] or reader in TIMED
    return told(ended.code == 0 and right and not bits, f"{reader}: {victim.name}, {how} at {at}", place, ended), bits


def worker(shop: Workshop, name: str, chance: random.Random) -> tuple[bool, int]:
    """One of two workers is killed: of processes the run ends with a line, and goes on; of a cluster it ends well."""
    place = shop.new(name)
    pid = children(COMMANDS[name], place)
    wait_until(lambda: any((place / "out" / "trials").glob("shard-*.npz")), lambda: command_of(pid) != "")
    time.sleep(chance.random() * 0.2)
    victims = [one for one in of_parent(pid) if any(kind in command_of(one) for kind in ("LokyProcess", "spawn_main"))]
    if victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(victims), 9)
    ended = end(pid, place)
    if not (ended.code == 0 or ended.refused):
        return told(False, name, place, ended), 0
    return finished(shop, name, place)


def of_parent(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def strangers(count: int, seed: int, row: Row) -> None:
    """Broken files of every format, read in a process of their own."""
    import json

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-m", "tests.empirical.fuzzed", folder, str(count), str(seed)]
        ended = subprocess.run(command, capture_output=True, text=True)
        for line in ended.stdout.splitlines():
            row.add(json.loads(line)["how"] in ("data", "refused"))
        if ended.returncode:
            sys.stderr.write(ended.stderr[-2000:])
            row.add(False)


KINDS: dict[str, tuple[Callable[[Workshop, str, random.Random], tuple[bool, int]], tuple[str, ...]]] = {
    "killed at a random moment, one to three times": (
        killed,
        tuple(name for name in COMMANDS if name not in WORKERS[1:]),
    ),
    "a file of its folder cut off, emptied, a bit flipped, or another's": (damaged, tuple(READERS)),
    "the disk full": (
        full,
        ("estimate", "infer", "talk", "remove", "turnover", "limit", "attack", "simulate", "leak", "compare"),
    ),
    "two processes on one folder": (together, ("estimate", "turnover", "limit")),
    "the clock set back, and times of files years off": (set_back, ("estimate", "turnover", "limit", "leak", "remove")),
    "a worker killed, of two processes or a cluster": (worker, WORKERS),
}
STRANGERS = "strangers' files of 20 formats, broken"


def rounds(root: Path, seconds: float, seed: int, most: int | None = None, fuzz: int = 50) -> dict[str, Row]:
    """Each kind in turn, of each command in turn, until time is up, or ``most`` of each were tried."""
    shop, chance = Workshop(root), random.Random(seed)
    table = {kind: Row() for kind in (*KINDS, STRANGERS)}
    until, turn = time.monotonic() + seconds, 0
    if fuzz:
        strangers(fuzz, seed, table[STRANGERS])
    while time.monotonic() < until and (most is None or turn < most):
        for kind, (fault, names) in KINDS.items():
            if time.monotonic() < until:
                table[kind].add(*fault(shop, names[turn % len(names)], chance))
        turn += 1
    return table


def shown(table: dict[str, Row]) -> str:
    """As Markdown."""
    lines = ["| fault | tried | survived | bits lost |", "|---|---|---|---|"]
    lines += [f"| {kind} | {row.tried:,} | {row.survived:,} | {row.bits:,} |" for kind, row in table.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    from longtail.core.record import hardware, versions

    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--keep", action="store_true", help="write tests/faults.md")
    p.add_argument("--rounds", type=int, help="of each kind so many at the most")
    p.add_argument("--fuzz", type=int, default=50, help="broken files of each format")
    p.add_argument("--folder", type=Path, help="where runs are left (default: a temporary one)")
    arguments = p.parse_args()
    with contextlib.ExitStack() as stack:
        root = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        table = rounds(root.absolute(), 60 * arguments.minutes, arguments.seed, arguments.rounds, arguments.fuzz)
    sys.stdout.write(shown(table))
    if arguments.keep:
        where = f"{hardware()['processor']}, {hardware()['cores']} cores, Python {versions()['python']}"
        made = f"python -m tests.faults --minutes {arguments.minutes:g} --fuzz {arguments.fuzz} --seed {arguments.seed} --keep"
        head = f"# Faults\n\nMade by `{made}` on {where}.\n\n"
        RESULT.write_text(head + shown(table), encoding="utf-8")
    return int(any(row.survived < row.tried or row.bits for row in table.values()))


if __name__ == "__main__":
    sys.exit(main())
