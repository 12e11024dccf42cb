"""Cuts the fixtures of this directory from the files that ``README.md`` names.

python tests/data/cut.py REFERENCE_DIRECTORY
"""

import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
ROWS = 4
BLOCKS = {"criteo_full": (1, 2, 7), "kdd_full": (4,)}
"""Small blocks that between them have every operator and both mergers."""


def cut_golden(source, blocks):
    """Of one model, some blocks' weights, and inputs and outputs of every block for a few rows.

    Embedding rows that those do not read become 0.
    """
    with np.load(source) as file:
        arrays = dict(file)
    kept = {name: value[:ROWS] for name, value in arrays.items() if name.startswith(("in/", "bl"))}
    for number in blocks:
        part = f"w0/_blocks.{number - 1}."
        kept |= {name: value for name, value in arrays.items() if name.startswith(part)}
    for field, read in enumerate(kept["in/cat_x"].T):
        name = f"w0/_embedding.{field}.weight"
        kept[name] = np.zeros_like(arrays[name])
        kept[name][read] = arrays[name][read]
    np.savez_compressed(HERE / f"{source.stem}_blocks.npz", **kept)


def main():
    reference = pathlib.Path(sys.argv[1])
    for name, blocks in BLOCKS.items():
        cut_golden(reference / "golden" / f"{name}.npz", blocks)
    published = json.loads((reference / "published_architectures.json").read_text("utf-8"))
    text = json.dumps(published, separators=(",", ":"))
    (HERE / "published_architectures.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
