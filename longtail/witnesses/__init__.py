"""Independent ways to the same numbers: what the exact engine is held to."""
