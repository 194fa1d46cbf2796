"""Tasks in which irrelevant training data must be memorized (Brown, Bun, Feldman, Smith & Talwar, arXiv 2012.06421)."""
