"""The first five minutes of a stranger: seconds and keystrokes to the first figure, report and answer, beside the peers'.

    python -m benchmarks.first_minutes --out benchmarks/results/first-minutes.md

Each package gets an environment of its own, with nothing cached or compiled, and each step runs from an empty folder and must
leave what it promises, or it does not count. Keystrokes are the characters of what is typed, commands or a script that does the
same with the peer's documented calls. Nothing in it asks how long is long: the table says seconds of the clock and of the
processor, and whether others used the machine.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = 1_500
TABLE = f"""
import numpy as np, pandas as pd
rng = np.random.default_rng(0)
X = rng.normal(size=({ROWS}, 8)); y = (X[:, 0] + X[:, 1] > 0).astype(int)
y[:30] = 1 - y[:30]
pd.DataFrame(X).add_prefix("x").assign(kind=y).to_csv("mine.csv", index=False)
"""
LOOP = """import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
X, y = load_digits(return_X_y=True)
X, y, Xt, yt = X[:1500], y[:1500], X[1500:], y[1500:]
rng = np.random.default_rng(0)
inside, right, right_t = [], [], []
for _ in range(2000):
    s = rng.permutation(1500)[:1050]
    m = KNeighborsClassifier(1).fit(X[s], y[s])
    inside.append(np.isin(np.arange(1500), s)); right.append(m.predict(X) == y); right_t.append(m.predict(Xt) == yt)
inside, right, right_t = np.array(inside, float), np.array(right, float), np.array(right_t, float)
n_in = inside.sum(0)
mem = (inside * right).sum(0) / n_in - ((1 - inside) * right).sum(0) / (2000 - n_in)
infl = inside.T @ right_t / n_in[:, None] - (1 - inside).T @ right_t / (2000 - n_in)[:, None]
np.save("mem.npy", mem); np.save("infl.npy", infl)
"""
CLEAN = """import pandas as pd
from sklearn.linear_model import LogisticRegression
from cleanlab.classification import CleanLearning
d = pd.read_csv("mine.csv")
found = CleanLearning(LogisticRegression()).find_label_issues(d.drop(columns="kind").to_numpy(), d["kind"].to_numpy())
found.to_csv("issues.csv")
"""
DIGITS = "memorization and influence of digits, 2,000 models"


@dataclass(frozen=True)
class Step:
    """What a stranger types to have something, and the file that is there afterwards."""

    what: str
    typed: str
    leaves: str = ""

    @property
    def script(self) -> bool:
        return self.typed.startswith("import")


@dataclass(frozen=True)
class Package:
    """A package, how it is installed, and the steps."""

    name: str
    install: tuple[str, ...]
    steps: tuple[Step, ...]


def packages() -> tuple[Package, ...]:
    """Ours and the peers."""
    return (
        Package(
            "longtail",
            (str(ROOT),),
            (
                Step("theory's first figure", "longtail simulate --alpha 2 --out theory\n", "theory/figure.png"),
                Step(f"{DIGITS}, with a report", "longtail estimate digits --out digits\n", "digits/report.html"),
                Step("the same, compiled", "longtail estimate digits --out again\n", "again/report.html"),
                Step("own CSV", "longtail estimate mine.csv --label kind --out mine\n", "mine/report.html"),
            ),
        ),
        Package("scikit-learn, by a loop", ("scikit-learn",), (Step(DIGITS, LOOP, "infl.npy"),)),
        Package("cleanlab", ("cleanlab",), (Step("own CSV", CLEAN, "issues.csv"),)),
    )


@dataclass(frozen=True)
class Took:
    """Seconds of the clock and of the processor."""

    clock: float
    processor: float


def took(command: list[str | Path], folder: Path, environment: dict[str, str]) -> Took:
    """A command, waited for; it must succeed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.perf_counter() - began, spent)


def measured(package: Package, home: Path) -> list[tuple[str, str, Took, int]]:
    """Every step of a package, in a fresh environment and an empty folder."""
    subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
    (work := home / "empty").mkdir()
    python = home / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NUMBA_CACHE_DIR")}
    environment["PATH"] = f"{python.parent}:{environment['PATH']}"
    install = ["pip", "install", "-q", *package.install]
    shown = "pip install " + " ".join("." if one == str(ROOT) else one for one in package.install) + "\n"
    rows = [(package.name, "install", took([python, "-m", *install], work, environment), len(shown))]
    subprocess.run([python, "-m", "pip", "install", "-q", "pandas"], check=True)  # the table is there before
    subprocess.run([python, "-c", TABLE], cwd=work, check=True)
    for step in package.steps:
        command = [python, "-c", step.typed] if step.script else ["sh", "-c", step.typed]
        rows.append((package.name, step.what, took(command, work, environment), len(step.typed)))
        if not (work / step.leaves).exists():
            raise SystemExit(f"{package.name}, {step.what}: {step.leaves} is not there")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_minutes", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", metavar="FILE", help="write the table there, as Markdown")
    arguments = parser.parse_args()
    rows = []
    for package in packages():
        with tempfile.TemporaryDirectory(prefix="first-") as folder:
            rows += measured(package, Path(folder))
    cores = os.cpu_count()
    lines = [
        f"# The first five minutes, {datetime.date.today()}",
        "",
        f"By `python -m benchmarks.first_minutes`, Python {platform.python_version()}, {cores} cores, their",
        f"load over the last quarter of an hour {os.getloadavg()[2]:.1f} (above {cores} others shared them).",
        "Packages came from a mirror.",
        "Fresh environments, cold caches.",
        "",
        "| package | step | seconds | of processor | keystrokes |",
        "|---|---|---|---|---|",
        *(f"| {name} | {what} | {t.clock:.1f} | {t.processor:.1f} | {keys:,} |" for name, what, t, keys in rows),
    ]
    text = "\n".join(lines) + "\n"
    if arguments.out:
        Path(arguments.out).write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
