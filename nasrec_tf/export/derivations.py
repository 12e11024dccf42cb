"""What is derived of times, in the graph.

The forms of times, and the arithmetic behind hours, weekdays and ages, are the records stage's own
(``beam_preprocess.dataset.time_formats``): here their parts are read by TensorFlow's RE2.
"""

import tensorflow as tf

from beam_preprocess.dataset.time_formats import (
    DEFAULTS,
    DERIVED_CATEGORIES,
    FLAG_LETTERS,
    FLAG_PARTS,
    MONTHS,
    NAME_PARTS,
    Moment,
    TimeFormat,
)


def moments_of(values: tf.Tensor, form: TimeFormat) -> Moment:
    """The times of raw values; a value that is none is not valid, and its parts are arbitrary.

    Args:
        values: strings of shape (batch,).
        form: how they are written.

    Returns:
        bool and int64 tensors of shape (batch,).
    """
    matched = tf.strings.regex_full_match(values, form.pattern)
    parts = {}
    for name in form.parts:
        # RE2 puts in the first nine groups alone, and a form has more.
        text = tf.strings.regex_replace(values, form.capturing(name), r"\1")
        parts[name] = _numbers(tf.where(matched, text, ""), name)
    moment = form.moment(parts)
    return moment._replace(valid=moment.valid & matched)


def _numbers(texts: tf.Tensor, part: str) -> tf.Tensor:
    """int64 numbers of the texts of a part; what is not there has its default."""
    if part in FLAG_PARTS:
        return tf.cast(tf.strings.regex_full_match(texts, f"[{FLAG_LETTERS}].*"), tf.int64)
    if part in NAME_PARTS:
        first = tf.strings.lower(tf.strings.substr(texts, 0, 3))
        is_month = tf.equal(first[:, None], tf.constant(MONTHS))
        return tf.reduce_sum(tf.cast(is_month, tf.int64) * tf.range(1, 13, dtype=tf.int64), axis=1)
    default = tf.constant(str(DEFAULTS.get(part, 0)))
    return tf.strings.to_number(tf.where(tf.equal(texts, ""), default, texts), tf.int64)


def derived_categories(moments: Moment, derivation: str) -> tf.Tensor:
    """A category of each time, arbitrary where there is none; strings of shape (batch,).

    Args:
        moments: the times.
        derivation: one of ``DERIVED_CATEGORIES``.
    """
    derived = DERIVED_CATEGORIES[derivation]
    index = tf.where(moments.valid, derived.place(moments), tf.constant(0, tf.int64))
    return tf.gather(tf.constant(derived.categories), index)
