"""From counts to frequencies: which prior made them, the power law of their tail, and what has not been seen."""
