"""Memorization and influence on real data, by training on random subsets."""
