"""Loss curves in files, read without TensorFlow."""

import csv
import pathlib


def read_curve(path: pathlib.Path) -> list[tuple[int, float]]:
    """Points (step, loss) of a curve that ``LossCurve`` saved."""
    with open(path, encoding="utf-8", newline="") as file:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
