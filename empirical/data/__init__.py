"""Data sets: what a learner is trained on and judged by, and where they are loaded from."""
