"""Architectures as networks of ``pim``'s command line; an entry point of ``setup`` names it."""

from collections.abc import Sequence
from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.presets import preset, presets
from nasrec_tf.codesign.architecture_workload import workload_from_architecture
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.data.features import Features
from pim import PimError, Workload
from pim.workload.sources import Request

FILE_INPUTS = "nasrec-criteo-small"
"""The published model whose inputs a file gets unless told otherwise."""

DEFAULT_ROWS_PER_TABLE = 100_000


class ArchitectureSource:
    """Published models by name, and architecture files, with the inputs of a data set."""

    def names(self) -> Sequence[str]:
        """The published models."""
        return tuple(presets())

    def named(self, name: str, request: Request) -> Workload:
        """A published model with its own inputs, unless others are wanted.

        Args:
            name: of ``names()``.
            request: inputs and bit widths that differ.

        Raises:
            PimError: if what is wanted cannot be.
        """
        published = preset(name)
        return _workload(published.architecture, published.features, name, request)

    def from_json(self, value: Any, name: str, request: Request) -> Workload:
        """The architecture of a file with Criteo's inputs, unless others are wanted.

        Args:
            value: the JSON form of an architecture.
            name: what reports call it.
            request: inputs and bit widths that differ.

        Raises:
            PimError: if the architecture is not valid, or what is wanted cannot be.
        """
        try:
            architecture = Architecture.from_json(value)
        except ArchitectureError as error:
            raise PimError(str(error)) from error
        return _workload(architecture, preset(FILE_INPUTS).features, name, request)


SOURCE = ArchitectureSource()


def _workload(architecture: Architecture, features: Features, name: str, request: Request):
    embedding_bits = 8 if request.embedding_bits is None else request.embedding_bits
    return workload_from_architecture(
        architecture,
        _features(features, request),
        batch=1 if request.batch is None else request.batch,
        embedding_bits=embedding_bits,
        name=name,
    )


def _features(features: Features, request: Request) -> Features:
    """The inputs wanted; counts given go first."""
    dense, rows, lists = features.dense, features.table_rows, features.lists
    if request.dense_features is not None:
        dense = request.dense_features
    if request.sparse_features is not None:
        rows, lists = (DEFAULT_ROWS_PER_TABLE,) * request.sparse_features, ()
    if request.rows_per_table is not None:
        rows = (request.rows_per_table,) * len(rows)
    try:
        return Features(dense, rows, lists)
    except ValueError as error:
        raise PimError(str(error)) from error
