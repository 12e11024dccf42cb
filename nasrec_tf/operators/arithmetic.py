"""Arithmetic that the operators share; see ``base`` for what a size may be."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from nasrec_tf import native
from nasrec_tf.common.lazy import tf
from nasrec_tf.operators.base import Axis, Prefix, WeightSpec
from nasrec_tf.operators.kept_units import Units
from nasrec_tf.operators.network_options import BY_BATCH, NO_NORM, NetworkOptions
from nasrec_tf.operators.traced_sizes import Size, unless
from nasrec_tf.operators.work import DigitalStep, LinearMap, Source

LAYER_NORM_EPSILON = 1e-5
"""The authors' code (PyTorch's default); Keras's own default is 1e-3."""

BATCH_NORM_EPSILON = 1e-3
"""Keras's default."""


StepKind = TypeVar("StepKind", LinearMap, DigitalStep)


def norm_weights(name: str, size: Size, scale: float = 1.0) -> tuple[WeightSpec, ...]:
    """Scale and offset of a layer normalisation over ``size`` units.

    Args:
        name: what their names start with.
        size: units.
        scale: initial scale; 0.17 in the authors' encoder, 1 elsewhere.
    """
    return (
        WeightSpec(f"{name}_scale", (Prefix(size),), scale),
        WeightSpec(f"{name}_offset", (Prefix(size),), 0.0),
    )


def own_norm_weights(name: str, size: Size, options: NetworkOptions) -> tuple[WeightSpec, ...]:
    """Weights of an operator's own normalisation over ``size`` units: none where it has none.

    Args:
        name: what their names start with.
        size: units.
        options: what holds for the whole network.
    """
    if options.normalization == NO_NORM:
        return ()
    if options.normalization == BY_BATCH:
        return batch_norm_weights(name, size)
    return norm_weights(name, size)


def batch_norm_weights(name: str, size: Size) -> tuple[WeightSpec, ...]:
    """Scale, offset and moving statistics of a batch normalisation over ``size`` units.

    Args:
        name: what their names start with.
        size: units.
    """
    return (
        *norm_weights(name, size),
        WeightSpec(f"{name}_mean", (Prefix(size),), 0.0, trainable=False),
        WeightSpec(f"{name}_variance", (Prefix(size),), 1.0, trainable=False),
    )


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


def layer_norm(x: Any, weights: Mapping[str, Any], name: str) -> Any:
    """Normalises the last axis of ``x``, in which every unit is an active one.

    Args:
        x: (..., units).
        weights: the part's tensors by name.
        name: of the normalisation.

    Returns:
        Of the shape of ``x``.
    """
    scale, offset = (
        tf.convert_to_tensor(weights[f"{name}_{part}"]) for part in ("scale", "offset")
    )
    library = native.kernels(x.dtype)
    if library is not None:
        return library.nasrec_layer_norm(x, scale, offset, epsilon=LAYER_NORM_EPSILON)[0]
    return _layer_norm_by_steps(x, scale, offset)


def _layer_norm_by_steps(x, scale, offset):
    """With TensorFlow's own operations.

    Its gradient in closed form takes a third of the steps of the one by the chain rule.
    """
    leading = list(range(x.shape.rank - 1))

    @tf.custom_gradient
    def normalise(x, scale, offset):
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axis=-1, keepdims=True)
        inverse = tf.math.rsqrt(variance + LAYER_NORM_EPSILON)
        standard = (x - mean) * inverse

        def gradient(upstream):
            scaled = upstream * scale
            across = tf.reduce_mean(scaled, axis=-1, keepdims=True)
            along = tf.reduce_mean(scaled * standard, axis=-1, keepdims=True)
            of_x = (scaled - across - standard * along) * inverse
            return (
                of_x,
                tf.reduce_sum(upstream * standard, leading),
                tf.reduce_sum(upstream, leading),
            )

        return standard * scale + offset, gradient

    return normalise(x, scale, offset)


def batch_norm(
    x: Any,
    weights: Mapping[str, Any],
    name: str,
    epsilon: float = BATCH_NORM_EPSILON,
    unbiased: bool = False,
) -> Any:
    """Normalises each unit of the last axis of ``x`` over all others.

    By the moving mean and variance, which makes it one scale and one offset of each unit. Where
    the weights hold ``{name}_moves``, which is called with the mean and variance of the batch, a
    step of training is being made: then by these.

    Args:
        x: (..., units).
        weights: the part's tensors by name.
        name: of the normalisation.
        epsilon: added to the variance.
        unbiased: let the moving variance follow the batch's times n / (n - 1), as PyTorch does.

    Returns:
        Of the shape of ``x``.

    Reference: Ioffe and Szegedy, Batch Normalization, 2015.
    """
    scale, offset, mean, variance = (
        tf.convert_to_tensor(weights[f"{name}_{part}"])
        for part in ("scale", "offset", "mean", "variance")
    )
    moves = weights.get(f"{name}_moves")
    if moves is None:
        factor = scale * tf.math.rsqrt(variance + epsilon)
        return x * factor + (offset - mean * factor)
    normed, mean, variance = _batch_norm_by_steps(x, scale, offset, epsilon)
    if unbiased:
        count = tf.cast(tf.size(x) // tf.shape(x)[-1], x.dtype)
        variance *= count / tf.maximum(count - 1.0, 1.0)
    moves(mean, variance)
    return normed


def _batch_norm_by_steps(x, scale, offset, epsilon):
    """The outcome, mean and variance of a batch; the gradient in closed form, of the outcome."""
    leading = list(range(x.shape.rank - 1))

    @tf.custom_gradient
    def normalise(x, scale, offset):
        mean = tf.reduce_mean(x, leading)
        centred = x - mean
        variance = tf.reduce_mean(tf.square(centred), leading)
        inverse = tf.math.rsqrt(variance + epsilon)
        standard = centred * inverse

        def gradient(upstream, of_mean, of_variance):
            of_scale = tf.reduce_sum(upstream * standard, leading)
            of_offset = tf.reduce_sum(upstream, leading)
            count = tf.cast(tf.size(x) // tf.shape(x)[-1], x.dtype)
            across = of_offset / count + standard * (of_scale / count)
            return (upstream - across) * (scale * inverse), of_scale, of_offset

        return (standard * scale + offset, mean, variance), gradient

    return normalise(x, scale, offset)


def norm_if_any(x: Any, weights: Mapping[str, Any], name: str) -> Any:
    """As ``layer_norm`` or ``batch_norm``, whose weights the part has, else ``x`` as it is.

    Args:
        x: (..., units).
        weights: the part's tensors by name.
        name: of the normalisation.
    """
    if f"{name}_scale" not in weights:
        return x
    return (batch_norm if f"{name}_mean" in weights else layer_norm)(x, weights, name)


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


def with_norm(step: StepKind, elements: int, options: NetworkOptions) -> StepKind:
    """A step with an operator's own norm after it, where the network has one.

    Batch norm is a scale and an offset of each unit once a network is trained.

    Args:
        step: the step.
        elements: of a sample that are normalised.
        options: what holds for the whole network.

    Example:
        >>> product = DigitalStep("product", ("left", "right"), multiplications=8)
        >>> with_norm(product, 8, NetworkOptions(normalization="batch")).multiplications
        16
        >>> with_norm(product, 8, NetworkOptions()).normalized
        8
    """
    if options.layer_norm:
        return dataclasses.replace(step, normalized=elements)
    return step.scaled(elements) if options.normalization == BY_BATCH else step
