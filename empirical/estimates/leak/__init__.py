"""What a model's scores tell of who it was trained on: the likelihood-ratio membership attack (Carlini, Chien, Nasr, Song,
Terzis and Tramèr, "Membership inference attacks from first principles", arXiv 2112.03570).

Models trained with and without an example have margins on it that are, nearly, N(μ_in, σ²_in) and N(μ_out, σ²_out). Whoever
knows these four numbers tells best from a model's margin s whether it trained on the example by the likelihood ratio
Λ = log N(s; μ_in, σ²_in) − log N(s; μ_out, σ²_out): they say "trained on" where it is above a threshold.
"""

RATES = (0.1, 0.01, 0.001)  # false-positive rates at which an attack's true-positive rate is told
ATTACKS = ("own", "pooled", "margin")
"""``own``: Λ with variances of each example's own; ``pooled``: with one variance of all examples in, and one out, which few
models tell better; ``margin``: the margin itself, one threshold for all examples (Yeom et al., arXiv 1709.01604)."""
