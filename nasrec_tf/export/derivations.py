"""Categories derived from a raw value, in the graph: hour of day and weekday of ``YYMMDDHH``."""

import tensorflow as tf

_LENGTH = 8
_MONTH_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2
# Days before each month of a common year.
_DAYS_BEFORE = (0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_SATURDAY = 5  # 2000-01-01, where Monday is 0
_HOURS = tuple(f"{hour:02d}" for hour in range(24))
_WEEKDAYS = tuple("0123456")


def derive(values: tf.Tensor, derivation: str) -> tuple[tf.Tensor, tf.Tensor]:
    """The derived categories of raw ``YYMMDDHH`` values (of the years 2000 to 2099).

    Args:
        values: strings of shape (batch,).
        derivation: ``"hour_of_day"`` or ``"weekday"``; see ``beam_preprocess.dataset.schema``.

    Returns:
        The categories, and where the raw value is no such hour (the category is arbitrary there).
    """
    octets = tf.cast(tf.io.decode_raw(values, tf.uint8, fixed_length=_LENGTH), tf.int32)
    digits = octets - ord("0")
    pairs = digits[:, 0::2] * 10 + digits[:, 1::2]
    year, month, day, hour = tf.unstack(pairs, axis=1)
    known_month = tf.clip_by_value(month, 1, 12)
    is_leap = tf.equal(year % 4, 0)
    leap_day = tf.cast(is_leap & tf.equal(known_month, _FEBRUARY), tf.int32)
    valid = (
        tf.equal(tf.strings.length(values), _LENGTH)
        & tf.reduce_all((digits >= 0) & (digits <= 9), axis=1)
        & tf.equal(month, known_month)
        & (day >= 1)
        & (day <= tf.gather(_MONTH_DAYS, known_month) + leap_day)
        & (hour < len(_HOURS))
    )
    if derivation == "hour_of_day":
        return tf.gather(_HOURS, tf.clip_by_value(hour, 0, len(_HOURS) - 1)), ~valid
    past_leap_day = tf.cast(is_leap & (known_month > _FEBRUARY), tf.int32)
    leap_days_before = (year + 3) // 4  # 2000 itself is a leap year
    days = year * 365 + leap_days_before + tf.gather(_DAYS_BEFORE, known_month) + past_leap_day
    return tf.gather(_WEEKDAYS, (days + day - 1 + _SATURDAY) % 7), ~valid
