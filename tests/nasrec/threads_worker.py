"""Gradients by our kernels on so many threads, as a digest: a process of a test."""

import hashlib
import json


def main(threads: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    from nasrec_tf import native
    from nasrec_tf.operators.attention import encode, encoder_weights

    library = native.kernels()

    def numbers(seed, *shape):
        return tf.random.stateless_normal(shape, (seed, 0))

    # Enough rows that each kernel shares them out, and numbers of such sizes that another order of
    # the same sum is another sum.
    x, scale = numbers(1, 20_000, 24) * tf.exp(numbers(2, 20_000, 1) * 4), numbers(3, 24)
    _, moments = library.nasrec_layer_norm(x, scale, scale, epsilon=1e-5)
    found = {
        "layer norm": library.nasrec_layer_norm_grad(x, scale, moments, x),
        "global norm": [library.nasrec_global_norm([x, numbers(4, 300_000)])],
    }
    tokens = numbers(5, 800, 16, 20) * tf.exp(numbers(6, 800, 1, 1))
    specs = encoder_weights(16)
    weights = {
        spec.name: numbers(7 + index, *(axis.size for axis in spec.axes))
        for index, spec in enumerate(specs)
    }
    with tf.GradientTape() as tape:
        tape.watch(weights)
        encoded = encode(tokens, weights, heads=4)
    found["encoder"] = list(tape.gradient(encoded, weights, encoded).values())
    print(json.dumps({name: _digest(parts) for name, parts in found.items()}))


def _digest(tensors) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
