"""A data set's vocabulary files, checked before a graph is built on them."""

import pathlib

from beam_preprocess.dataset.feature_schema import FIRST_VOCABULARY_ID
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.export.errors import ExportError

_CHUNK_BYTES = 1 << 24


def vocabulary_files(schema: Schema, data_directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """The vocabulary file of each feature that has at least one entry.

    Args:
        schema: of the data set.
        data_directory: the data set.

    Raises:
        ExportError: if a file is not there, has another number of entries than the schema says, or
            has an entry that TensorFlow's own reader of vocabularies would change.
    """
    files = {}
    for feature in schema.sparse:
        if feature.encoding != "vocabulary":
            continue
        path = data_directory / feature.vocabulary
        entries = _count_entries(path)
        if entries != feature.rows - FIRST_VOCABULARY_ID:
            raise ExportError(
                f"{path}: {entries} entries where the schema says "
                f"{feature.rows - FIRST_VOCABULARY_ID}; preprocess the data again"
            )
        if entries:
            files[feature.name] = path
    return files


def _count_entries(path: pathlib.Path) -> int:
    entries = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                entries += chunk.count(b"\n")
                if b"\r" in chunk:
                    raise ExportError(
                        f"{path}: an entry holds a carriage return, which cannot be looked up when "
                        "serving; remove it from the raw data or preprocess with --encoding hash"
                    )
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror or error}") from error
    return entries


def first_entries(path: pathlib.Path, count: int) -> list[str]:
    """The most frequent entries of a vocabulary file.

    Args:
        path: the file.
        count: how many at most.
    """
    with path.open("rb") as file:
        lines = [line for line, _ in zip(file, range(count))]
    return [line.rstrip(b"\n").decode("utf-8", "replace") for line in lines]
