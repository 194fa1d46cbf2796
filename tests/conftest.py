"""Where real data lies; and one BLAS thread a process, since several run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # read when NumPy is first imported
    os.environ.setdefault(_threads, "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's background jobs have it: tests of Ctrl-C need it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, or a skip."""
    path = Path(os.environ.get("LONGTAIL_DATA", Path(__file__).parents[1] / "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip(f"no real data at {path}: set LONGTAIL_DATA")
    return path
