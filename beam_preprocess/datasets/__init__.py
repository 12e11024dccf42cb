"""The data sets known by name.

A new one is a module here with a function that returns its
:class:`~beam_preprocess.reading.description.Description`, and one line in ``_REGISTRY``.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.datasets.avazu import avazu, avazu_authors
from beam_preprocess.datasets.criteo import criteo, criteo_terabyte
from beam_preprocess.datasets.generic import GENERIC_FORMATS
from beam_preprocess.datasets.kdd import kdd
from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import Description

_REGISTRY: dict[str, Callable[[], Description]] = {
    "criteo": criteo,
    "criteo-terabyte": criteo_terabyte,
    "avazu": avazu,
    "avazu-authors": avazu_authors,
    "kdd": kdd,
}


def dataset_names() -> tuple[str, ...]:
    """Names that ``--dataset`` takes, beside the path of a TOML file."""
    return *_REGISTRY, *GENERIC_FORMATS


def find_description(dataset: str) -> Description:
    """The description of a data set.

    Args:
      dataset: Its name, or the path of its TOML file.

    Raises:
      DataError: There is no such data set, or the file cannot be used.

    >>> description = find_description("criteo")
    >>> len(description.dense), len(description.sparse)
    (13, 26)
    """
    if dataset in _REGISTRY:
        return _REGISTRY[dataset]()
    if dataset.endswith(".toml"):
        from beam_preprocess.datasets.toml_file import read_toml

        return read_toml(pathlib.Path(dataset))
    raise DataError(
        f"--dataset {dataset}: unknown{suggestion(dataset, dataset_names())}; known are "
        f"{', '.join(dataset_names())}, or the path of a .toml description"
    )
