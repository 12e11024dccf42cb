"""What is said of intervals that hang on few test rows of a label."""


def caution_of_few_rows(few: int | None) -> str | None:
    """That rows of a label are too few to tell models apart by; ``None`` where they are not.

    Args:
        few: rows of the rarer label, of ``nasrec_tf.training.area_interval.few_of_a_label``.

    Example:
        >>> caution_of_few_rows(7).split(":")[0]
        'Only 7 test rows have the rarer label, too few to tell models apart'
    """
    if few is None:
        return None
    if few == 0:
        return (
            "All test rows have the same label, so that nothing there tells a good model from "
            "a bad one: take a test split with both."
        )
    are = "row has" if few == 1 else "rows have"
    return (
        f"Only {few} test {are} the rarer label, too few to tell models apart: "
        "intervals know no others, and are too narrow."
    )
