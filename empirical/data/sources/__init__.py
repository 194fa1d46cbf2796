"""Where data sets come from, one file a format or name; ``NAMES`` are those that go by a name alone."""

from __future__ import annotations

NAMES = {
    "digits": "scikit-learn's 8 × 8 digits, 1,500 to train on and 297 to test on; always there",
    "mnist": "60,000 + 10,000 handwritten digits, 28 × 28",
    "fashion_mnist": "60,000 + 10,000 pieces of clothing, 28 × 28",
    "cifar10": "50,000 + 10,000 photographs in 10 classes, 32 × 32",
    "cifar100": "50,000 + 10,000 photographs in 100 classes, 32 × 32",
    "planted": "drawn from a long-tailed prior, so that memorization is known",
}
