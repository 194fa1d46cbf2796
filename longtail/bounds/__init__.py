"""Where the tail lies, and what that says of τ_1 without solving anything (arXiv 1906.05271, section 2.3)."""

from longtail.bounds.frequencies import Bound, frequencies, lower, mass_below, no_tail, weight

__all__ = ["Bound", "frequencies", "lower", "mass_below", "no_tail", "weight"]
