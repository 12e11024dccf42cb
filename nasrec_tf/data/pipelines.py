"""What all pipelines of rows have in common."""

import tensorflow as tf


def untuned(rows: tf.data.Dataset) -> tf.data.Dataset:
    """The same rows by pipelines whose parallelism nobody tunes while they run.

    All of it is given here, so that there is nothing to tune; but the thread that would do so
    sleeps for twice as long each time, up to a minute, and whoever lets go of an iterator often
    waits until it wakes: for a third of a short epoch, and for nothing (docs/performance.md).

    Args:
        rows: a pipeline in which every parallelism and every buffer has its size.

    Example:
        >>> untuned(tf.data.Dataset.range(3)).options().autotune.enabled
        False
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return rows.with_options(options)
