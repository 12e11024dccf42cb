"""Operators on one left and one right dense source (paper 3.1: sigmoid gating and sum)."""

from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import arithmetic, normalization
from nasrec_tf.operators.base import DENSE, PAIR, Operator, Prefix
from nasrec_tf.operators.traced_sizes import equal, unless, unless_fits
from nasrec_tf.operators.work import LEFT, RIGHT, DigitalStep, LinearMap


def _padded_width(shape):
    """Width of the wider of the two sources, to which the narrower one is zero-padded."""
    if isinstance(shape.left, int) and isinstance(shape.right, int):
        return max(shape.left, shape.right)
    return tf.maximum(shape.left, shape.right)


def _pad_if_static(x, width):
    """Pads a source of a stand-alone network, whose square kernel has entries for the padding.

    The supernet slices only what meets values, and then there is nothing to pad.
    """
    return arithmetic.pad_last_axis(x, width) if isinstance(width, int) else x


def _joined(shape, joined):
    """The step that joins both sources, then the projection where the width does not fit.

    Args:
        shape: the sizes.
        joined: that step.
    """
    padded = _padded_width(shape)
    if padded == shape.width:
        return (normalization.with_norm(joined, shape.width, shape.options),)
    return joined, arithmetic.projection("output", joined, padded, shape.width, shape.options)


class SigmoidGating(Operator):
    """norm(project(sigmoid(X_1 W + b) * X_2)), the narrower input zero-padded.

    The projection to the output width is left out where the padded width already fits.

    Input shapes: (batch, left) and (batch, right). Output shape: (batch, width).
    """

    name = "sigmoid_gating"
    label = "SG"
    branch = DENSE
    reads = frozenset({PAIR})

    def weights(self, shape):
        padded = _padded_width(shape)
        fits = equal(padded, shape.width)
        values = Prefix(padded, used=shape.right)
        specs = arithmetic.linear_weights("gate", Prefix(padded, used=shape.left), values)
        specs += arithmetic.linear_weights(
            "output",
            Prefix(unless(fits, padded), used=unless(fits, shape.right)),
            Prefix(unless(fits, shape.width)),
        )
        return specs + normalization.own_norm_weights("norm", shape.width, shape.options)

    def work(self, shape):
        padded = _padded_width(shape)
        gate = LinearMap("gate", (LEFT,), padded, padded, functions=padded)
        product = DigitalStep("product", (gate, RIGHT), multiplications=padded)
        return gate, *_joined(shape, product)

    def __call__(self, inputs, weights, shape):
        padded = _padded_width(shape)
        left = _pad_if_static(inputs.left, padded)
        right = _pad_if_static(inputs.right, padded)
        gated = tf.sigmoid(arithmetic.linear(left, weights, "gate")) * right
        output = unless_fits(
            equal(padded, shape.width),
            gated,
            lambda gated: arithmetic.linear(gated, weights, "output"),
            lambda gated: arithmetic.pad_last_axis(gated, shape.width),
        )
        return normalization.norm_if_any(output, weights, "norm")


class Sum(Operator):
    """norm(project(X_1 + X_2)), the narrower input zero-padded.

    The projection to the output width is left out where the padded width already fits.

    Input shapes: (batch, left) and (batch, right). Output shape: (batch, width).
    """

    name = "sum"
    label = "Sum"
    branch = DENSE
    reads = frozenset({PAIR})
    symmetric = True

    def weights(self, shape):
        padded = _padded_width(shape)
        fits = equal(padded, shape.width)
        rows = Prefix(unless(fits, padded))
        columns = Prefix(unless(fits, shape.width))
        norm = normalization.own_norm_weights("norm", shape.width, shape.options)
        kernel_and_bias = arithmetic.linear_weights("output", rows, columns)
        return kernel_and_bias[:1] + norm if norm else kernel_and_bias

    def work(self, shape):
        padded = _padded_width(shape)
        addition = DigitalStep("addition", (LEFT, RIGHT), additions=padded)
        return _joined(shape, addition)

    def __call__(self, inputs, weights, shape):
        padded = _padded_width(shape)
        sides = (inputs.left, inputs.right)
        added = tf.add_n([arithmetic.pad_last_axis(side, padded) for side in sides])
        output = unless_fits(
            equal(padded, shape.width),
            added,
            lambda added: arithmetic.linear(added, weights, "output"),
        )
        return normalization.norm_if_any(output, weights, "norm")
