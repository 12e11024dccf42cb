"""A network that goes on from one of other data: rows of ids that it knows, and all kernels.

An embedding table is read in pieces and never held twice. What the earlier network did not have
keeps the values that it was drawn with.
"""

import pathlib
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.layers.feature_embedding import FeatureEmbedding, folded
from nasrec_tf.networks.weights import (
    MEND,
    StandAlone,
    Wanted,
    read_weights,
    scatter_rows,
    taken_by,
)

EarlierIds = Callable[[int, int], np.ndarray]
"""Of a sparse field and a count: the earlier id of each of its first ids, below 0 where it had
none; such as a ``MatchedIds``."""


class TableRows(NamedTuple):
    """The tables of some fields, one below the other, as an earlier network had them.

    Args:
        layer: that looks up in the present tables.
        fields: whose tables they are.
        earlier_rows: of the table of each field of the data set.
        earlier_ids: which ids are known.
    """

    layer: FeatureEmbedding
    fields: Sequence[int]
    earlier_rows: Sequence[int]
    earlier_ids: EarlierIds


class KnownRows:
    """Rows of earlier tables, taken over as they are read.

    Of several values that share a row the most frequent one counts, which has the lowest id.

    Args:
        tables: which.
    """

    def __init__(self, tables: TableRows):
        layer, self._ids = tables.layer, tables.earlier_ids
        self._variable, self._fields = layer.table, tables.fields
        self._rows = layer.table_rows
        self.rows = sum(layer.table_rows)
        self._earlier_rows = [tables.earlier_rows[field] for field in tables.fields]
        self._starts = np.cumsum((0, *self._rows[:-1]))
        self._earlier_ends = np.cumsum(self._earlier_rows)
        self._mapped: tuple[int, np.ndarray, np.ndarray] = (-1, np.zeros(0), np.zeros(0))
        self.known = 0

    @property
    def wanted(self) -> Wanted:
        """The earlier tables, as a file of weights has them."""
        shape = (sum(self._earlier_rows), self._variable.shape[1])
        return Wanted(shape, self._variable.dtype, self.take)

    def take(self, first: int, rows: np.ndarray) -> None:
        """Takes over what is known of some rows.

        Args:
            first: number of the first one; pieces come in their order.
            rows: (count, width).
        """
        last = first + len(rows)
        for place, end in enumerate(self._earlier_ends):
            start = end - self._earlier_rows[place]
            if start >= last or end <= first:
                continue
            earlier, present = self._map(place)
            low, high = np.searchsorted(earlier, (first - start, last - start))
            self.known += int(high - low)
            values = rows[earlier[low:high] + (start - first)]
            scatter_rows(self._variable, present[low:high] + self._starts[place], values)

    def _map(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the earlier table of a field by rising number, and where each stands now."""
        if self._mapped[0] != place:
            ids = self._ids(self._fields[place], self._rows[place])
            present = np.flatnonzero(ids >= 0)
            size = tf.constant(self._earlier_rows[place], tf.int64)
            earlier = folded(tf.constant(ids[present], tf.int64), size).numpy()
            order = np.argsort(earlier, kind="stable")
            self._mapped = place, earlier[order], present[order]
        return self._mapped[1:]


def continue_network(
    network: StandAlone,
    path: pathlib.Path,
    earlier_rows: Sequence[int],
    earlier_ids: EarlierIds,
    mend: str = MEND,
) -> str:
    """Gives a stand-alone network the weights of one of the same kind that read other data.

    Args:
        network: the network, with its initial weights.
        path: a file that ``save_weights`` wrote of the earlier one.
        earlier_rows: of the table of each field of the earlier data.
        earlier_ids: which ids are known.
        mend: what the user can do about a damaged file.

    Returns:
        How much of its tables it has taken over, for people.

    Raises:
        RunError: if the file cannot be read, is damaged, or is of a network of another kind.
    """
    takers = {
        f"{name}/table": KnownRows(TableRows(layer, fields, earlier_rows, earlier_ids))
        for name, (layer, fields) in _tables(network).items()
    }
    wanted = {
        name: takers[name].wanted if name in takers else taken_by(variable)
        for name, variable in network.named_weights().items()
    }
    read_weights(path, wanted, mend)
    return told_known(takers.values())


def told_known(tables: Collection[KnownRows]) -> str:
    """How much of some tables is known, for people.

    Args:
        tables: after all of their rows have been taken.
    """
    known, rows = (sum(getattr(table, name) for table in tables) for name in ("known", "rows"))
    return f"{known:,} of {rows:,} rows of its tables"


def _tables(network: StandAlone) -> dict[str, tuple[FeatureEmbedding, Sequence[int]]]:
    if isinstance(network, BaselineNetwork):
        return {name: (layer, network.fields[name]) for name, layer in network.tables.items()}
    return {"embedding": (network.embedding, range(network.features.sparse))}
