"""One file, one published figure, table or claim: its number in the docstring, ``run``, ``plot``, ``main``."""
