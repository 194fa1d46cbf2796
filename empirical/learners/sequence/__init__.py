"""Learners of sequences."""
