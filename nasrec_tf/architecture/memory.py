"""The memory that a network takes, told before it is built."""

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.machine_memory import machine_memory_bytes
from nasrec_tf.data.features import Features
from nasrec_tf.operators import DEFAULT_OPTIONS, NetworkOptions

NUMBER_BYTES = 4
"""Of a float32."""


def memory_bytes(
    architecture: Architecture,
    features: Features,
    options: NetworkOptions = DEFAULT_OPTIONS,
    training: bool = False,
) -> int:
    """Bytes that the weights of a stand-alone network take, and what training keeps beside them.

    What a batch takes comes on top: it grows with the batch and is gone after it.

    Args:
        architecture: the architecture.
        features: what the network reads, with the sizes of its embedding tables.
        options: what holds for the whole network.
        training: count the optimizer's accumulators and the gradients as well; those of the
            tables are of a batch's rows alone.

    Example:
        >>> from nasrec_tf.architecture.presets import preset
        >>> small = preset("nasrec-criteo-small")
        >>> round(memory_bytes(small.architecture, small.features, training=True) / 2**30, 1)
        4.0
    """
    cost = complexity(architecture, features, options)
    rounded = architecture.is_quantized
    return weights_bytes(cost.embedding_parameters, cost.parameters, rounded, training)


def weights_bytes(tables: int, others: int, rounded: bool, training: bool) -> int:
    """Bytes of weights that are there, and of what training keeps beside them.

    Args:
        tables: weights in embedding tables.
        others: all other weights.
        rounded: whether the other weights are held rounded as well, as quantized ones are.
        training: whether accumulators and gradients are counted.

    Example:
        >>> weights_bytes(tables=1000, others=10, rounded=False, training=True)
        8120
    """
    kept = (2 * tables + 3 * others) if training else tables + others
    return NUMBER_BYTES * (kept + (others if rounded else 0))


def check_fits(needed: int, of_tables: int, smaller_tables: str, smaller_network: str) -> None:
    """Refuses a network that the memory of the machine cannot hold.

    Args:
        needed: bytes of its weights.
        of_tables: bytes of its embedding tables alone.
        smaller_tables: what to do where these take the most.
        smaller_network: what to do where they do not.

    Raises:
        UserError: one line with both sizes and what to do.

    Example:
        >>> check_fits(1 << 60, 1 << 59, "fewer rows", "fewer blocks")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: This network's weights take 1,073,741,824.0 GiB, ...
    """
    there = machine_memory_bytes()
    if needed <= there:
        return
    mend = smaller_tables if 2 * of_tables >= needed else smaller_network
    raise UserError(
        f"This network's weights take {readable_size(needed)}, {readable_size(of_tables)} of it "
        f"embedding tables, and this machine has {readable_size(there)}: {mend}."
    )


def readable_size(size: int) -> str:
    """A number of bytes for people.

    Args:
        size: bytes.

    Example:
        >>> readable_size(3 << 30), readable_size(5 << 20)
        ('3.0 GiB', '5 MiB')
    """
    if size < 1 << 30:
        return f"{size / 2**20:,.0f} MiB"
    return f"{size / 2**30:,.1f} GiB"
