"""Names and defaults that the command line shows: here, so that ``--help`` need not import what they name."""

from __future__ import annotations

DATA = {
    "digits": "scikit-learn's 8 × 8 digits, 1,500 to train on and 297 to test on; always there",
    "mnist": "60,000 + 10,000 handwritten digits, 28 × 28",
    "fashion_mnist": "60,000 + 10,000 pieces of clothing, 28 × 28",
    "cifar10": "50,000 + 10,000 photographs in 10 classes, 32 × 32",
    "cifar100": "50,000 + 10,000 photographs in 100 classes, 32 × 32",
    "planted": "drawn from a long-tailed prior, so that memorization is known",
}
DTYPES = ("float16", "float32")  # that scores other than "correct" are kept in
DESIGNS = ("fixed", "bernoulli", "orthogonal")
EXECUTORS = ("processes", "dask")
LEARNERS = {
    "knn": "KNN",
    "ridge": "Ridge",
    "kernel": "KernelRidge",
    "features": "RandomFeatures",
    "softmax": "Softmax",
    "mlp": "MLP",
}
SHARD = 64  # trials trained and written at a time
THRESHOLD = 0.15  # influence of a pair, as published
INFLUENCE = 0.25  # that a planned run is to find at that threshold
PUBLISHED_MEMORIZATION = 0.25  # of a pair's training example
TRIALS = 2000  # models trained
