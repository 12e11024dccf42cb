"""Linear maps and padding that operators share; see ``base`` for what a size may be."""

from collections.abc import Mapping
from typing import Any

from nasrec_tf import native
from nasrec_tf.common.lazy import tf
from nasrec_tf.operators.base import Axis, Prefix, WeightSpec
from nasrec_tf.operators.kept_units import Units
from nasrec_tf.operators.network_options import NetworkOptions
from nasrec_tf.operators.normalization import norm_if_any, own_norm_weights, with_norm
from nasrec_tf.operators.traced_sizes import Size, unless
from nasrec_tf.operators.work import LinearMap, Source


def linear_weights(name: str, rows: Axis, columns: Axis) -> tuple[WeightSpec, ...]:
    """Kernel and bias of a linear map.

    Args:
        name: what their names start with.
        rows: inputs.
        columns: outputs.
    """
    return (
        WeightSpec(f"{name}_kernel", (rows, columns)),
        WeightSpec(f"{name}_bias", (columns,), 0.0),
    )


def projection_weights(
    name: str, rows: Axis, width: Size, options: NetworkOptions, absent: Any = False
) -> tuple[WeightSpec, ...]:
    """A linear map to ``width`` units with what follows it: a norm, or a bias without one.

    Args:
        name: what the weights' names begin with.
        rows: inputs of the map.
        width: units.
        options: what holds for the whole network.
        absent: condition under which the whole projection is left out because its input already
            has the width that is wanted (paper 3.1).
    """
    columns = Prefix(unless(absent, width))
    norm = own_norm_weights(f"{name}_norm", columns.size, options)
    kernel_and_bias = linear_weights(name, rows, columns)
    return kernel_and_bias[:1] + norm if norm else kernel_and_bias


def linear(x: Any, weights: Mapping[str, Any], name: str) -> Any:
    """Maps the last axis of ``x`` with the kernel, and the bias where there is one.

    Every linear map of a network goes through here. Beside its weights, the mapping may hold
    ``{name}_input``, which quantizes the inputs, ``{name}_map``, which computes the whole map
    elsewhere, such as on analog arrays, or ``{name}_spread``, the ``Units`` that it keeps of more,
    for which zeros are put between its outputs.

    Args:
        x: (batch, rows) or (batch, positions, rows).
        weights: the part's tensors by name.
        name: of the map.

    Returns:
        (batch, columns) or (batch, positions, columns).
    """
    elsewhere = weights.get(f"{name}_map")
    y = elsewhere(x) if elsewhere is not None else _linear(x, weights, name)
    units = weights.get(f"{name}_spread")
    return y if units is None else spread(y, units, Units(units.size))


def _linear(x, weights, name):
    quantize_input = weights.get(f"{name}_input")
    if quantize_input is not None:
        x = quantize_input(x)
    kernel = weights[f"{name}_kernel"]
    library = native.kernels(x.dtype)
    if kernel.shape[0] == 0:
        # oneDNN aborts the process on the fused product and bias of no inputs.
        y = tf.zeros(tf.concat([tf.shape(x)[:-1], tf.shape(kernel)[1:]], axis=0), kernel.dtype)
        y.set_shape(x.shape[:-1].concatenate(kernel.shape[1:]))
    elif x.shape.rank == 2:
        y = tf.matmul(x, kernel)
    elif library is not None:
        y = library.nasrec_unflatten(tf.matmul(library.nasrec_flatten(x), kernel), x)
    else:
        y = _product_over_last_axis(x, kernel)
    bias = weights.get(f"{name}_bias")
    if bias is None:
        return y
    if library is not None:
        return library.nasrec_add_bias(y, bias)
    # The plain sum is fused with the product.
    return y + bias if bias.shape.is_fully_defined() else _add_bias(y, bias)


def widened_matmul(
    x: Any, y: Any, factors: Any, sums: Any, transpose_a: bool = False, transpose_b: bool = False
) -> Any:
    """The matrix product of rounded factors, with sums of a wider type.

    Where the types differ, XLA has a kernel and TensorFlow may have none.

    Args:
        x: (..., rows, inner).
        y: (..., inner, columns).
        factors: the type that both are rounded to.
        sums: the type of sums and outcome.
        transpose_a: whether ``x`` is (..., inner, rows).
        transpose_b: whether ``y`` is (..., columns, inner).
    """
    x, y = tf.cast(x, factors), tf.cast(y, factors)
    if factors == sums:
        return tf.matmul(x, y, transpose_a=transpose_a, transpose_b=transpose_b)
    return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=sums, adj_x=transpose_a, adj_y=transpose_b)


def _product_over_last_axis(x, kernel):
    batch, positions, _ = tf.unstack(tf.shape(x), num=3)
    rows, columns = tf.unstack(tf.shape(kernel), num=2)
    flat = tf.matmul(tf.reshape(x, [batch * positions, rows]), kernel)
    y = tf.reshape(flat, [batch, positions, columns])
    y.set_shape(x.shape[:-1].concatenate(kernel.shape[1:]))
    return y


def _add_bias(y, bias):
    """``y + bias`` with a gradient that does not work out how shapes broadcast.

    Not ``tf.nn.bias_add``: TensorFlow fuses it with the product, and oneDNN aborts where that has
    no rows. In a stand-alone network the plain sum is fused, and always has rows.
    """
    leading = list(range(y.shape.rank - 1))

    @tf.custom_gradient
    def add(y, bias):
        return y + bias, lambda upstream: (upstream, tf.reduce_sum(upstream, leading))

    return add(y, bias)


def project(x: Any, weights: Mapping[str, Any], name: str) -> Any:
    """Applies what ``projection_weights`` declared.

    Args:
        x: (batch, rows) or (batch, positions, rows).
        weights: the part's tensors by name.
        name: of the projection.
    """
    return norm_if_any(linear(x, weights, name), weights, f"{name}_norm")


def spread(x: Any, units: Units, wanted: Units) -> Any:
    """The wanted units of the last axis of ``x``, zeros for those that are not there.

    Args:
        x: (..., units that are there).
        units: which these are.
        wanted: those that are wanted.

    Returns:
        (..., units that are wanted).
    """
    places = units.places_of(wanted)
    if places == list(range(len(units))):
        return x
    if places[: len(units)] == list(range(len(units))):
        return pad_last_axis(x, len(places))
    if len(units) in places:
        x = pad_last_axis(x, len(units) + 1)
    return tf.gather(x, places, axis=-1)


def pad_last_axis(x: Any, size: Size) -> Any:
    """Pads the last axis with zeros on the right up to ``size`` units.

    Args:
        x: (..., at most ``size``).
        size: units wanted.
    """
    width = x.shape[-1]
    if isinstance(size, int) and width is not None:
        missing = size - width
        if missing == 0:
            return x
    else:
        missing = size - tf.shape(x)[-1]
    return tf.pad(x, [[0, 0]] * (x.shape.rank - 1) + [[0, missing]])


def projection(
    name: str,
    source: Source,
    rows: int,
    width: int,
    options: NetworkOptions,
    *,
    positions: int = 1,
    functions: int = 0,
) -> LinearMap:
    """The work of what ``projection_weights`` declared.

    Args:
        name: as given to ``projection_weights``.
        source: what it reads.
        rows: inputs of the map.
        width: outputs of the map.
        options: whether a norm follows.
        positions: places of a sample at which the same weights are applied.
        functions: activation functions of a sample that follow.
    """
    step = LinearMap(name, (source,), rows, width, positions, functions=functions)
    return with_norm(step, positions * width, options)
