"""``python -m simulations``: run simulations, and hold what comes out against what was published."""

import sys

from simulations.command import main

if __name__ == "__main__":
    sys.exit(main())
