"""Learners whose memorization is limited, beside the one that is not: what it costs, and whom."""
