"""What trials say: memorization, influence, their errors, and how far to trust them.

Feldman & Zhang (arXiv 2008.03703) call an example memorized from .25 on, and a pair influential from .15.
"""

MEMORIZED = 0.25  # memorization of a pair's training example, by the published rule
THRESHOLD = 0.15  # influence of a pair
INFLUENCE = 0.25  # of a pair that a planned run is to find at that threshold
TRIALS = 2000  # models trained where nothing else is asked for
BOUNDED = ("correct", "predicted", "probability")  # scores whose influences lie between −1 and 1
