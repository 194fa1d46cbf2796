"""Theory fitted to observation: the prior and the coupling that best explain estimated memorization."""
