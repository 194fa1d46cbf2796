"""The progress bar: models per second, time left, and the error that an influence has by now."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import numpy as np

from empirical.training.resources import duration
from empirical.training.run import Progress

log = logging.getLogger(__name__)


class Bar:
    """Call it with a run's progress. On a terminal, or where it is to be ``drawn``, as in a notebook, a bar; else a line for
    every tenth of the run.

    >>> import io
    >>> bar = Bar(fraction=0.7, n_test=10, stream=io.StringIO())
    >>> bar(Progress(done=128, wanted=512, found=64, seconds=2.0))
    >>> bar.models_per_second
    32.0
    """

    def __init__(
        self, fraction: float, n_test: int, stream: TextIO | None = None, *, score: str = "correct", drawn: bool = False
    ) -> None:
        self.rate, self.n_test, self.bits = fraction, n_test, score == "correct"
        self.stream = stream or sys.stderr
        self.drawn = drawn or self.stream.isatty()
        self.bar: Any = None
        self.right, self.seen, self.said = np.zeros(n_test), 0, 0
        self.latest: Progress | None = None

    def __call__(self, now: Progress) -> None:
        """Show how far the run is."""
        self.latest = now
        if self.n_test and now.shard is not None and self.bits:
            bits = np.unpackbits(now.shard.test, axis=1, count=self.n_test)
            self.right += bits.sum(0)
            self.seen += len(bits)
        if self.drawn:
            self._draw(now)
        elif now.wanted and (tenth := 10 * now.done // now.wanted) > self.said and now.shard is not None:
            self.said = tenth
            left = now.seconds * (now.wanted - now.done) / max(now.done - now.found, 1)
            time_left = f", {duration(left)} left" if now.done < now.wanted else ""
            log.info("%s of %s models%s%s", f"{now.done:,}", f"{now.wanted:,}", time_left, self._error(now.done))

    def _draw(self, now: Progress) -> None:
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(
                total=now.wanted, initial=now.found, unit="model", file=self.stream, dynamic_ncols=True, smoothing=0.1
            )
        self.bar.set_postfix_str(self._error(now.done).removeprefix(", "), refresh=False)
        self.bar.update(now.done - self.bar.n)

    def _error(self, done: int) -> str:
        """The root mean square of √(q(1−q)/(r(1−r)t)) over test examples."""
        if not self.seen or not done:
            return ""
        q = self.right / self.seen
        error = np.sqrt(np.mean(q * (1 - q)) / (self.rate * (1 - self.rate) * done))
        return f", standard error {error:.3f}"

    def close(self) -> None:
        """Leave the bar as it is and end its line."""
        if self.bar is not None:
            self.bar.close()

    @property
    def models_per_second(self) -> float:
        """Of those trained now; NaN where all were there before."""
        now = self.latest
        if now is None or now.done == now.found or now.seconds <= 0:
            return float("nan")
        return (now.done - now.found) / now.seconds
