"""Where further seeds of a network are trained, by which seed and directory tell each other."""

import pathlib
import re

SEED = re.compile(r"-seed-(\d+)(?=$|-final-fit$)")
"""How the name of a directory tells it; the first seed's has nothing of the kind."""


def seed_directory(first: pathlib.Path, seed: int) -> pathlib.Path:
    """Directory of a training that differs from another one by its seed alone.

    Args:
        first: of the training with seed 1.
        seed: from 2.

    Example:
        >>> seed_directory(pathlib.Path("retrain/01-rate-0.12"), 2).name
        '01-rate-0.12-seed-2'
    """
    return first.with_name(f"{first.name}-seed-{seed}")


def first_directory(directory: pathlib.Path) -> pathlib.Path:
    """Directory of the first of the trainings that differ by their seeds alone.

    Args:
        directory: of one of them.

    Example:
        >>> first_directory(pathlib.Path("retrain/01-rate-0.12-seed-2")).name
        '01-rate-0.12'
    """
    return directory.with_name(SEED.sub("", directory.name))


def seed_of(directory: str | pathlib.Path) -> int:
    """Which seed of a network a training had, from 1.

    Args:
        directory: of the training.

    Example:
        >>> seed_of("retrain/01-rate-0.12-seed-2"), seed_of("retrain/01-rate-0.12")
        (2, 1)
        >>> seed_of("retrain/01-rate-0.12-seed-3-final-fit")
        3
    """
    found = SEED.search(pathlib.PurePath(directory).name)
    return 1 if found is None else int(found[1])
