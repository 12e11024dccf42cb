"""Arithmetic at full width in which masks stand for what a path leaves out (Eq. 4).

All shapes are known when a graph is compiled; widths of a path are scalar tensors that enter it.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.lazy import tf
from nasrec_tf.operators.arithmetic import widened_matmul
from nasrec_tf.operators.normalization import LAYER_NORM_EPSILON

FLOAT32, BFLOAT16 = PRECISIONS = ("float32", "bfloat16")
"""What the factors of matrix products are rounded to; sums are in float32 with either."""

TILE, MULTIPROCESSORS = 64, 128
"""Rows and columns of a product that one of a GPU's multiprocessors computes at least, and how many
of these there are at least (an H100 has 132). A product that has fewer tiles is summed in parts,
for cuBLAS gives the sum over 262,144 rows that yields a kernel of (16, 16) to a single one of them
(docs/gpu.md)."""

ROW_PARTS = 8
"""In which a norm's gradients are summed over a batch: XLA gives up to 4,096 rows, 32 columns wide,
to one multiprocessor."""

SUMMANDS = 8
"""Operations that join parts: each of them is compiled."""


def prefix(size: int, active: Any) -> Any:
    """1 for the first units and 0 for those after them: (size,) float32.

    Args:
        size: of the axis.
        active: how many units are active.

    Example:
        >>> prefix(4, 3).numpy()
        array([1., 1., 1., 0.], dtype=float32)
    """
    return tf.cast(tf.range(size) < active, tf.float32)


def slots_mask(sizes: tuple[int, ...], active: tuple) -> Any:
    """The mask of an axis with one slot per source: (sum of sizes,) float32.

    Args:
        sizes: of the slots.
        active: how many first entries of each are active.
    """
    return tf.concat([prefix(*slot) for slot in zip(sizes, active)], axis=0)


def moved_to_front(mask: Any, columns: int) -> Any:
    """The matrix that brings the active units to the front, in their order.

    Args:
        mask: (units,), 1 for an active unit and else 0.
        columns: units wanted.

    Returns:
        (units, columns).

    Example:
        >>> moved_to_front(tf.constant([0.0, 1.0, 1.0]), 2).numpy()
        array([[0., 0.],
               [1., 0.],
               [0., 1.]], dtype=float32)
    """
    place = tf.cast(tf.cumsum(mask), tf.int32) - 1
    return tf.cast(place[:, None] == tf.range(columns), tf.float32) * mask[:, None]


def first_units(active: Any, rows: int, columns: int) -> Any:
    """The matrix that keeps the first units: (rows, columns).

    Args:
        active: how many. That it depends on the path keeps XLA from storing whole matrices.
        rows: of the matrix.
        columns: of the matrix.

    Example:
        >>> first_units(1, 2, 3).numpy()
        array([[1., 0., 0.],
               [0., 0., 0.]], dtype=float32)
    """
    is_same = tf.range(rows)[:, None] == tf.range(columns)
    return tf.cast(is_same & (tf.range(rows)[:, None] < active), tf.float32)


@dataclasses.dataclass(frozen=True)
class MaskedArithmetic:
    """Linear maps and norms over the active units of the last axis.

    Args:
        precision: what factors of products are rounded to, one of ``PRECISIONS``. On a GPU
            TensorFlow rounds those of float32 to TF32, unless told not to.
    """

    precision: str = FLOAT32

    @property
    def factors(self) -> Any:
        """The type that factors of products have."""
        return tf.as_dtype(self.precision)

    def product(self, x: Any, kernel: Any) -> Any:
        """Maps the last axis of ``x``: (..., rows) to (..., columns), float32.

        Args:
            x: (batch, rows) or (batch, positions, rows).
            kernel: (rows, columns).
        """
        if x.shape.rank == 2:
            return self._matmul(x, kernel)
        _, positions, rows = x.shape
        flat = self._matmul(tf.reshape(x, [-1, rows]), kernel)
        return tf.reshape(flat, [-1, positions, kernel.shape[1]])

    def _matmul(self, x, kernel):
        if kernel.shape[0] == 0:
            # oneDNN aborts the process on the fused product and bias of no inputs.
            return tf.zeros([tf.shape(x)[0], kernel.shape[1]])
        return _rounded_matmul(x, kernel, self.factors)

    def linear(self, x: Any, weights: Mapping[str, Any], name: str) -> Any:
        """Kernel, and bias where there is one; units beyond the active ones are not masked.

        Args:
            x: as for ``product``, 0 in units that are not active.
            weights: the part's tensors by name.
            name: of the map.
        """
        y = self.product(x, weights[f"{name}_kernel"])
        bias = weights.get(f"{name}_bias")
        return y if bias is None else y + bias

    def linear_unless(
        self, fits: Any, instead: Any, x: Any, weights: Mapping[str, Any], name: str
    ) -> Any:
        """As ``linear``, or where x fits as it is, its product with another matrix.

        Args:
            fits: whether it does, a scalar.
            instead: of the kernel's shape: what arranges x where it fits.
            x: as for ``product``, 0 in units that are not active.
            weights: the part's tensors by name.
            name: of the map.
        """
        y = self.product(x, tf.where(fits, instead, weights[f"{name}_kernel"]))
        bias = weights.get(f"{name}_bias")
        return y if bias is None else y + tf.where(fits, 0.0, bias)

    def project(self, x: Any, weights: Mapping[str, Any], name: str, width: Any) -> Any:
        """A linear map and its norm over the first ``width`` units, if it has one; masked.

        Args:
            x: as for ``product``, 0 in units that are not active.
            weights: the part's tensors by name.
            name: of the projection.
            width: active units of the outcome.
        """
        return masked_norm(self.linear(x, weights, name), weights, f"{name}_norm", width)

    def project_unless(
        self, fits: Any, instead: Any, x: Any, weights: Mapping[str, Any], name: str, width: Any
    ) -> Any:
        """As ``project``, or where x fits as it is, its product with another matrix and no norm.

        Args:
            fits: whether it does, a scalar.
            instead: of the kernel's shape: what arranges x where it fits.
            x: as for ``product``, 0 in units that are not active.
            weights: the part's tensors by name.
            name: of the projection.
            width: active units of the outcome.
        """
        y = self.linear_unless(fits, instead, x, weights, name)
        if f"{name}_norm_scale" not in weights:
            return y * prefix(y.shape[-1], width)
        return tf.where(fits, y, masked_norm(y, weights, f"{name}_norm", width))


def masked_norm(x: Any, weights: Mapping[str, Any], name: str, width: Any) -> Any:
    """Layer norm over the first ``width`` units, which a part may lack; 0 in all other units.

    Args:
        x: (..., units), of any values beyond the active units.
        weights: the part's tensors by name.
        name: of the norm.
        width: active units.
    """
    mask = prefix(x.shape[-1], width)
    if f"{name}_scale" not in weights:
        return x * mask
    # An operator that is not active has a width of 0.
    count = tf.maximum(tf.cast(width, tf.float32), 1.0)

    @tf.custom_gradient
    def normalise(x, scale, offset):
        mean = tf.reduce_sum(x * mask, axis=-1, keepdims=True) / count
        centred = (x - mean) * mask
        variance = tf.reduce_sum(tf.square(centred), axis=-1, keepdims=True) / count
        inverse = tf.math.rsqrt(variance + LAYER_NORM_EPSILON)
        standard = centred * inverse

        def gradient(upstream):
            upstream *= mask
            scaled = upstream * scale
            across = tf.reduce_sum(scaled, axis=-1, keepdims=True) / count
            along = tf.reduce_sum(scaled * standard, axis=-1, keepdims=True) / count
            of_x = (scaled - across * mask - standard * along) * inverse
            return of_x, _over_rows(upstream * standard), _over_rows(upstream)

        return standard * scale + offset * mask, gradient

    return normalise(x, weights[f"{name}_scale"], weights[f"{name}_offset"])


def _over_rows(x):
    """The sum over all axes but the last."""
    if x.shape.rank > 2:
        return tf.reduce_sum(x, list(range(x.shape.rank - 1)))
    return sum_of_parts(tf.reduce_sum(rows_in_parts(x, ROW_PARTS), axis=1))


def _rounded_matmul(x, kernel, factors):
    """(rows, inner) times (inner, columns), of which the gradient reads the rounded factors too."""
    types = {"factors": factors, "sums": tf.float32}

    @tf.custom_gradient
    def product(x, kernel):
        x, kernel = tf.cast(x, factors), tf.cast(kernel, factors)

        def gradient(upstream):
            of_x = widened_matmul(upstream, kernel, **types, transpose_b=True)
            parts = product_parts(*kernel.shape)
            if parts == 1:
                return of_x, widened_matmul(x, upstream, **types, transpose_a=True)
            in_parts = (rows_in_parts(each, parts) for each in (x, upstream))
            return of_x, sum_of_parts(widened_matmul(*in_parts, **types, transpose_a=True))

        return widened_matmul(x, kernel, **types), gradient

    return product(x, kernel)


def product_parts(inner: int, columns: int) -> int:
    """In how many parts a kernel's gradient is summed over the rows: a power of two.

    Args:
        inner: rows of the kernel.
        columns: of the kernel.

    Example:
        >>> product_parts(16, 48), product_parts(464, 176), product_parts(1024, 1024)
        (128, 4, 1)
    """
    tiles = math.ceil(inner / TILE) * math.ceil(columns / TILE)
    return 2 ** max(0, math.floor(math.log2(MULTIPROCESSORS / tiles)))


def rows_in_parts(x: Any, parts: int) -> Any:
    """Cuts rows into parts of one size, the last one filled up with zeros.

    Args:
        x: (rows, columns).
        parts: how many.

    Returns:
        (parts, rows of a part, columns).
    """
    missing = tf.math.floormod(-tf.shape(x)[0], parts)
    return tf.reshape(tf.pad(x, [[0, missing], [0, 0]]), [parts, -1, x.shape[1]])


def sum_of_parts(parts: Any) -> Any:
    """The sum over the first axis, in which XLA does not see the sum of which it is a part.

    A plain sum of products or of sums would be joined with them to one over all rows.

    Args:
        parts: (a power of two, ...).
    """
    count = min(parts.shape[0], SUMMANDS)
    folded = tf.reshape(parts, [count, -1, *parts.shape[1:]])
    return tf.add_n(tf.unstack(tf.reduce_sum(folded, axis=1)))
