"""A data set of which one row of the test split is beyond what a network can read."""

import csv
import random

from beam_preprocess.api import preprocess
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.datasets import find_description

DESCRIPTION = """\
name = "log"
label = "click"
sparse = ["item"]
[[dense]]
source = "price"
transform = "identity"
"""

SQUARING = {
    "format": "nasrec_tf.architecture",
    "version": 1,
    "blocks": [
        {
            "dense_operators": {"fc": 16},
            "sparse_operators": {"efc": 8},
            "dense_sources": [0],
            "sparse_sources": [0],
            "sparse_to_dense": True,
            "dense_to_sparse": True,
        },
        {
            "dense_operators": {"dot_product": 16},
            "sparse_operators": {"efc": 8},
            "dense_sources": [0, 1],
            "sparse_sources": [0, 1],
            "sparse_to_dense": True,
        },
    ],
}
"""An architecture of which the logit of that row is not finite."""


def extreme_data_set(directory, clicks=100):
    """Its directory; 200 rows a split, all but that one with prices from 0 to 1."""
    drawn = random.Random(0)
    splits = {name: directory / f"{name}.csv" for name in ("train", "validation", "test")}
    for name, path in splits.items():
        rows = [[int(n < clicks), drawn.random(), drawn.randrange(5)] for n in range(200)]
        rows[0][1] = 3e38 if name == "test" else 0.5
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["click", "price", "item"], *rows])
    description = directory / "log.toml"
    description.write_text(DESCRIPTION)
    config = PreprocessConfig(
        find_description(str(description)),
        str(directory / "data"),
        split="given",
        split_inputs={name: (str(path),) for name, path in splits.items()},
    )
    return str(preprocess(config))
