"""Layer norm and batch norm that the operators share: weights, arithmetic and work."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from nasrec_tf import native
from nasrec_tf.common.lazy import tf
from nasrec_tf.operators.base import Prefix, WeightSpec
from nasrec_tf.operators.network_options import BY_BATCH, NO_NORM, NetworkOptions
from nasrec_tf.operators.traced_sizes import Size
from nasrec_tf.operators.work import DigitalStep, LinearMap

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
