"""The library entry points of the package."""

from __future__ import annotations

import pathlib

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.manifest import verify
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.errors import DataError
from beam_preprocess.running.driver import run
from beam_preprocess.running.progress import Progress

__all__ = ["DataError", "PreprocessConfig", "Schema", "preprocess", "verify"]


def preprocess(config: PreprocessConfig, progress: Progress | None = None) -> pathlib.Path:
    """Turns a raw click log into a data set directory.

    The directory appears at once and complete; a run that ends early, however it ends, leaves no
    directory of that name, and the same call made again makes the same data set.

    Args:
      config: The raw data and what to make of it.
      progress: Called about twice a second, from another thread, with the stage (``times``,
        ``scan`` or ``write``), the bytes read so far and the bytes to read (or None).

    Returns:
      The path of the data set.

    Raises:
      DataError: A mistake in the input or in the options, told in one line.
    """
    return pathlib.Path(run(config, progress))
