"""Weights that all paths of a supernet share: a masked layer by its active slices."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.native.active_weight import ActiveWeight, SliceReader, gather_rows
from nasrec_tf.networks.layers.feature_embedding import weight_initializer
from nasrec_tf.networks.layers.operator_layer import WeightedPart
from nasrec_tf.networks.layers.spec_config import specs_from_config, specs_to_config
from nasrec_tf.operators.base import Prefix, SlotPairs, WeightSpec

SPLIT_ABOVE = 1 << 17
"""Kernels of more weights than this are stored in column groups; see ``SharedPart``."""


COLUMN_GROUPS = 8
"""No group but the last has fewer than this share of the columns: more groups cost more steps of
the graph than narrow paths save."""


class ActiveRows(NamedTuple):
    """The rows of one axis that a path uses.

    Args:
        indices: in the widest form, rising; ``None`` if all are in use on every path.
        count: how many.
    """

    indices: Any
    count: Any


@keras.saving.register_keras_serializable("nasrec_tf")
class SharedPart(keras.layers.Layer):
    """Weights of one operator, merger or head in its widest form.

    Given the specification of a path's weights it hands out their active rows and columns, which
    equals masking the widest form (Eq. 4) while inactive units neither contribute nor cost: the
    rows are gathered from the variables, so that also gradients and optimizer updates are of the
    active size. Large kernels are stored as groups of columns that end where candidate widths
    end, so that a narrow path does not read wide rows. A weight with no entries even in its
    widest form (of no dense features) is not a variable.

    Args:
        specs: the weights at the widest shape.
        column_ends: for each weight, the numbers of columns that paths may use.
        seed: seed of the initial values; ``None`` for zeros.

    Example:
        >>> from nasrec_tf.operators.arithmetic import linear_weights
        >>> part = SharedPart(linear_weights("fc", Prefix(6), Prefix(8)), {"fc_kernel": {4, 8}})
        >>> narrow = part.active(linear_weights("fc", Prefix(3), Prefix(4)), lambda slice: None)
        >>> narrow["fc_kernel"].shape, narrow["fc_bias"].shape
        (TensorShape([3, 4]), TensorShape([4]))
    """

    def __init__(
        self,
        specs: Sequence[WeightSpec],
        column_ends: Mapping[str, Collection[int]],
        seed: int | None = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.specs = {spec.name: spec for spec in specs}
        self.column_ends = {name: sorted(ends) for name, ends in column_ends.items()}
        self.seed = seed
        self.groups: dict[str, list[tuple[int, keras.Variable]]] = {}
        for spec in specs:
            self.groups[spec.name] = self._add_groups(spec, column_ends.get(spec.name, ()), seed)
        self.built = True

    def _add_groups(self, spec, column_ends, seed):
        """Variables of one weight, each with the column at which it starts."""
        path = f"{self.name}/{spec.name}"
        initializer = weight_initializer(spec.initializer, seed, path)
        shape = tuple(int(size) for size in spec.shape)
        if not math.prod(shape):
            return []
        if len(shape) == 1 or shape[0] * shape[1] <= SPLIT_ABOVE:
            variable = self.add_weight(name=spec.name, shape=shape, initializer=initializer)
            return [(0, variable)]
        least = shape[1] // COLUMN_GROUPS
        ends = sorted({end for end in column_ends if least <= end < shape[1]} | {shape[1]})
        # Drawn as one kernel, so that the grouping does not change the distribution.
        whole = np.asarray(initializer(shape))
        groups = []
        for start, end in zip([0, *ends], ends):
            part = whole[:, start:end]
            variable = self.add_weight(
                name=f"{spec.name}_{start}",
                shape=part.shape,
                initializer=lambda shape, dtype, part=part: tf.constant(part, dtype),
            )
            groups.append((start, variable))
        return groups

    def active(
        self,
        specs: Sequence[WeightSpec],
        record: Callable[[ActiveWeight], None],
        read_slice: SliceReader | None = None,
    ) -> dict[str, Any]:
        """Active slices of a path's weights by name.

        Args:
            specs: the weights at the path's shape.
            record: called with each slice before anything is computed from it.
            read_slice: reads the slices, if that is to be done by our own kernels.
        """
        rows_of_axis: dict[int, ActiveRows] = {}
        weights = {}
        for spec in specs:
            if not self.groups[spec.name]:
                weights[spec.name] = tf.zeros(tf.stack([_active_size(axis) for axis in spec.axes]))
                continue
            axis = spec.axes[0]
            if read_slice is not None and isinstance(axis, Prefix):
                weights[spec.name] = self._slice(read_slice, spec, axis.active, record)
                continue
            # Axes of one size are one axis: the same indices serve all weights that have it.
            key = id(axis.active if isinstance(axis, Prefix) else axis)
            if key not in rows_of_axis:
                rows_of_axis[key] = active_rows(axis, self.specs[spec.name].axes[0])
            if read_slice is not None:
                indices = rows_of_axis[key].indices
                weights[spec.name] = self._slice(read_slice, spec, indices, record)
            elif len(spec.axes) == 1:
                [(_, variable)] = self.groups[spec.name]
                weights[spec.name] = _read_rows(variable, rows_of_axis[key].indices, record)
            else:
                weights[spec.name] = self._gathered_kernel(spec, rows_of_axis[key], record)
        return weights

    def whole(self) -> dict[str, Any]:
        """All weights by name in their widest form; gradients reach the variables."""
        weights = {}
        for name, spec in self.specs.items():
            groups = [variable.value for _, variable in self.groups[name]]
            if len(groups) > 1:
                weights[name] = tf.concat(groups, axis=1)
            else:
                weights[name] = tf.convert_to_tensor(groups[0]) if groups else tf.zeros(spec.shape)
        return weights

    def _slice(self, read_slice, spec, rows, record):
        variables = [variable for _, variable in self.groups[spec.name]]
        columns = spec.axes[1].active if len(spec.axes) == 2 else None
        part = read_slice(variables, rows, columns)
        record(part)
        return part.value

    def _gathered_kernel(self, spec, rows, record):
        columns = spec.axes[1].active
        groups = self.groups[spec.name]
        if len(groups) == 1:
            [(_, variable)] = groups
            kernel = _read_rows(variable, rows.indices, record)
            return (
                kernel
                if isinstance(columns, int) and columns == variable.shape[1]
                else kernel[:, :columns]
            )
        return self._grouped_kernel(groups, rows, columns, record)[:, :columns]

    @staticmethod
    def _grouped_kernel(groups, rows, columns, record):
        """All columns of the groups that have active ones; of the others no row is read."""
        starts, widths = zip(*((start, variable.shape[1]) for start, variable in groups))
        is_used = tf.cast(columns > tf.constant(starts), tf.int32)
        counts = tf.unstack((rows.count * is_used)[:, None], num=len(groups))
        every_row = tf.fill([len(groups)], rows.count)
        shapes = tf.unstack(tf.stack([every_row, widths * is_used], axis=1), num=len(groups))
        indices = tf.range(rows.count) if rows.indices is None else rows.indices
        blocks = []
        for (_, variable), count, shape in zip(groups, counts, shapes):
            value = _read_rows(variable, tf.slice(indices, [0], count), record)
            blocks.append(tf.reshape(value, shape))
        return tf.concat(blocks, axis=1)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again, with newly drawn weights."""
        own = {
            "specs": specs_to_config(list(self.specs.values())),
            "column_ends": {name: list(ends) for name, ends in self.column_ends.items()},
            "seed": self.seed,
        }
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SharedPart":
        """The layer that ``get_config`` told."""
        return cls(**config | {"specs": specs_from_config(config["specs"])})

    def extract(self, spec: WeightSpec) -> np.ndarray:
        """The values of a stand-alone network's weight, at integer sizes.

        Args:
            spec: the weight, as the stand-alone network's operator states it.

        Returns:
            Of the shape of ``spec``.
        """
        groups = [variable.numpy() for _, variable in self.groups[spec.name]]
        if len(spec.axes) == 1:
            return groups[0][: spec.axes[0].size]
        rows = stand_alone_rows(spec.axes[0], self.specs[spec.name].axes[0])
        return np.concatenate(groups, axis=1)[rows][:, : spec.axes[1].size]

    def fill(self, alone: WeightedPart) -> None:
        """Gives a stand-alone network's part the values of its weights.

        Args:
            alone: the part, of an architecture that the supernet holds.
        """
        for spec in alone.specs:
            if spec.name in alone.variables_by_name:
                alone.variables_by_name[spec.name].assign(self.extract(spec))


def _active_size(axis):
    return axis.active if isinstance(axis, Prefix) else axis.size


def _read_rows(variable, rows, record):
    part = gather_rows(variable, rows)
    record(part)
    return part.value


def active_rows(axis, storage) -> ActiveRows:
    """A path's rows of an axis.

    Args:
        axis: of the path's weight.
        storage: of the weight in its widest form.
    """
    if isinstance(axis, Prefix):
        if isinstance(axis.active, int) and axis.active == storage.size:
            return ActiveRows(None, axis.active)
        return ActiveRows(tf.range(axis.active), axis.active)
    in_use = _in_use(axis.sizes, storage.sizes)
    indices = _where(_pairs_in_use(in_use) if isinstance(axis, SlotPairs) else in_use)
    return ActiveRows(indices, tf.shape(indices)[0])


def stand_alone_rows(axis, storage) -> np.ndarray:
    """Indices of a stand-alone network's rows in the widest form.

    Args:
        axis: of the network's weight.
        storage: of the weight in its widest form.
    """
    if isinstance(axis, Prefix):
        return np.arange(axis.size)
    in_use = np.concatenate(
        [np.arange(most) < size for size, most in zip(axis.sizes, storage.sizes)]
    )
    if isinstance(axis, SlotPairs):
        later, earlier = np.tril_indices(len(in_use), -1)
        in_use = in_use[later] & in_use[earlier]
    return np.flatnonzero(in_use)


def _in_use(sizes, most):
    """Which units of the slots are in use, as a tensor over all units."""
    slot = np.repeat(np.arange(len(most)), most)
    position = np.concatenate([np.arange(size, dtype=np.int32) for size in most])
    return position < tf.gather(tf.stack(sizes), slot)


def _pairs_in_use(in_use):
    later, earlier = np.tril_indices(in_use.shape[0], -1)
    return tf.gather(in_use, later) & tf.gather(in_use, earlier)


def _where(mask):
    return tf.cast(tf.where(mask)[:, 0], tf.int32)
