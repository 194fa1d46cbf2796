"""One file, one published figure, table or claim."""
