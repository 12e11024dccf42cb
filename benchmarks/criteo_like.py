"""A data set of Criteo's shape, generated and preprocessed as any log is."""

import pathlib

from benchmarks.preprocess import generate


def criteo_like(directory: pathlib.Path, rows: int, shards: int = 4) -> pathlib.Path:
    """Writes a data set directory of ``rows`` generated rows and returns it."""
    from beam_preprocess.api import preprocess
    from beam_preprocess.config import PreprocessConfig
    from beam_preprocess.datasets import find_description

    source, output = directory / "log.txt", directory / "dataset"
    generate(source, rows)
    config = PreprocessConfig(
        find_description("criteo"), str(output), inputs=(str(source),), shards=shards
    )
    preprocess(config)
    source.unlink()
    return output
