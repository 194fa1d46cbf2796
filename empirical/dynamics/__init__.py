"""Memorization through optimization: nets that leave out, for every example, units of its own (turn-over dropout)."""
