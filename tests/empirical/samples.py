"""A table of animals and a folder of images, for tests of what is read from them."""

import numpy as np
import pandas as pd
from PIL import Image


def table(n=30):
    rng = np.random.default_rng(1)
    label = np.where(rng.random(n) < 0.5, "cat", "dog")
    return pd.DataFrame(
        {
            "animal": label,
            "weight": rng.normal(size=n) + (label == "dog"),
            "color": rng.choice(["red", "blue"], n),
            "key": [f"row-{i}" for i in range(n)],
        }
    )


def images(root, n=6, size=(5, 4)):
    rng = np.random.default_rng(3)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for k in range(n):
            Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(root / name / f"{k}.png")
    return root
