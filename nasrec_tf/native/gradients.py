"""Gradients of the kernels, by which TensorFlow differentiates graphs that hold them."""

from typing import Any

import tensorflow as tf


def register(library: Any) -> None:
    """Registers the gradients of all differentiable kernels; called once, with their module.

    ``NasrecReadSlice`` has none: its result is what training differentiates with respect to.

    Args:
        library: what ``tf.load_op_library`` made of the kernels.

    Raises:
        KeyError: if they are registered already.
    """

    @tf.RegisterGradient("NasrecAttention")
    def _(op, of_mixed, of_log_sums):
        [packed], (mixed, log_sums) = op.inputs, op.outputs
        return library.nasrec_attention_grad(
            packed, mixed, log_sums, of_mixed, heads=op.get_attr("heads")
        )

    @tf.RegisterGradient("NasrecEncoder")
    def _(op, of_encoded, of_mixed, of_log_sums):
        tokens, *weights = op.inputs
        _, mixed, log_sums = op.outputs
        of_tokens, of_weights = library.nasrec_encoder_grad(
            tokens,
            weights,
            mixed,
            log_sums,
            of_encoded,
            heads=op.get_attr("heads"),
            epsilon=op.get_attr("epsilon"),
        )
        return [of_tokens, *of_weights]

    @tf.RegisterGradient("NasrecLayerNorm")
    def _(op, of_y, of_moments):
        x, scale, _ = op.inputs
        return library.nasrec_layer_norm_grad(x, scale, op.outputs[1], of_y)

    @tf.RegisterGradient("NasrecPairs")
    def _(op, of_products):
        return library.nasrec_pairs_grad(op.inputs[0], of_products)

    @tf.RegisterGradient("NasrecInteraction")
    def _(op, of_interaction):
        return library.nasrec_interaction_grad(op.inputs[0], of_interaction)

    @tf.RegisterGradient("NasrecAliases")
    def _(op, *of_aliases):
        return library.nasrec_sum_present(tf.shape(op.inputs[0]), of_aliases)

    @tf.RegisterGradient("NasrecJoin")
    def _(op, of_joined):
        *values, counts = op.inputs
        return [*library.nasrec_join_grad(of_joined, counts, N=len(values)), None]

    @tf.RegisterGradient("NasrecPresent")
    def _(op, of_present):
        return of_present, None

    @tf.RegisterGradient("NasrecRoute")
    def _(op, of_true, of_false):
        shape = tf.shape(op.inputs[0])
        return library.nasrec_sum_present(shape, [of_true, of_false]), None

    @tf.RegisterGradient("NasrecEither")
    def _(op, of_either):
        return library.nasrec_either_grad(*op.inputs, of_either)

    @tf.RegisterGradient("NasrecSumActive")
    def _(op, of_sum):
        _, _, *outputs = op.inputs
        return [None, None, *library.nasrec_sum_active_grad(of_sum, tf.shape_n(outputs))]

    @tf.RegisterGradient("NasrecFlatten")
    def _(op, of_flat):
        return library.nasrec_unflatten(of_flat, op.inputs[0])

    @tf.RegisterGradient("NasrecUnflatten")
    def _(op, of_y):
        return library.nasrec_flatten(of_y), None

    @tf.RegisterGradient("NasrecAddBias")
    def _(op, of_y):
        return of_y, library.nasrec_sum_rows(of_y)
