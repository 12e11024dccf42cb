"""How fast this machine is right now, so that figures of different moments can be compared."""

import time

REFERENCE_GFLOPS = 108.0
"""Rate of the 512 x 1024 x 1024 product on the machine that the authors' code was timed on."""


def matmul_gflops(seconds: float = 0.5) -> float:
    """Rate of a 512 x 1024 x 1024 float32 ``tf.matmul``, in 10^9 operations a second.

    Two operations, a product and a sum, count for each multiply-accumulate.
    """
    import tensorflow as tf

    left = tf.random.stateless_normal((512, 1024), seed=(0, 0))
    right = tf.random.stateless_normal((1024, 1024), seed=(0, 1))
    product = tf.function(tf.matmul)
    product(left, right).numpy()
    started = time.perf_counter()
    rounds = 0
    while time.perf_counter() - started < seconds:
        last = product(left, right)
        rounds += 1
    last.numpy()
    return rounds * 2 * 512 * 1024 * 1024 / (time.perf_counter() - started) / 1e9


def peak_memory_gib() -> float:
    """Largest resident set of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
