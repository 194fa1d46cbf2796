"""Ridge regression and its relatives: kernels, random features."""
