"""Whether what a run found is worth it, in one line, by what simple models come to on its rows."""

from nasrec_tf.report.explanation_summary import ExplanationSummary, YardstickSummary

WORTH, UNSURE, NOT_WORTH = "worth it", "not told apart", "not worth it"


def verdict(explanation: ExplanationSummary) -> str | None:
    """Which of ``WORTH``, ``UNSURE`` and ``NOT_WORTH`` it is; ``None`` where none can be given.

    That is without a yardstick, and where all test rows have one label: on these a model is the
    better the more it leans to that label, whatever it has learnt.

    A model is worth its search if every yardstick is worse beyond the 95 % interval of the paired
    difference, and not worth it if one is better beyond it. Intervals that hang on a few clicks
    know no others than these, and tell nothing apart.

    Args:
        explanation: what was measured.
    """
    if not explanation.ranked or explanation.has_one_label:
        return None
    if explanation.few_of_a_label is not None:
        return UNSURE
    if any(one.beats for one in explanation.ranked):
        return NOT_WORTH
    return WORTH if all(one.is_beaten for one in explanation.ranked) else UNSURE


def verdict_line(explanation: ExplanationSummary) -> str | None:
    """The verdict and what it goes by, in a sentence or two; ``None`` without a yardstick.

    Where all test rows have one label, it says that there can be none.

    Args:
        explanation: what was measured.
    """
    if explanation.ranked and explanation.has_one_label:
        return (
            f"No verdict: all {explanation.found.samples:,} test rows have the same label, so that "
            "nothing there tells a good model from a bad one; take a test split with both."
        )
    found = verdict(explanation)
    if found is None:
        return None
    model = explanation.compared
    if found == WORTH:
        nearest = explanation.ranked[0]
        return (
            f"Worth it: {model} is better than every simple model beside it; the nearest, "
            f"{nearest.title}, is behind by {_margin(nearest, -1)}."
        )
    if found == NOT_WORTH:
        better = next(one for one in explanation.ranked if one.beats)
        return (
            f"Not worth it: {better.title} is better than {model} by {_margin(better, +1)}; take "
            "it, or search longer."
        )
    if explanation.few_of_a_label is not None:
        return (
            f"Not told apart: only {explanation.few_of_a_label:,} test rows have the rarer label, "
            f"too few to judge {model} by; the nearest simple model is "
            f"{explanation.ranked[0].title}."
        )
    near = next(one for one in explanation.ranked if not one.is_beaten)
    is_lower = near.difference is not None and near.difference.log_loss <= 0
    margin = f"lower by {_margin(near, -1)}" if is_lower else f"higher by {_margin(near, +1)}"
    return (
        f"Not told apart: {model} is neither better nor worse than {near.title} beyond chance "
        f"(its log loss is {margin}); more test rows would tell."
    )


def _margin(yardstick: YardstickSummary, sign: int) -> str:
    """How far the found model's test log loss is from a yardstick's: -1 where it is lower."""
    difference = yardstick.difference
    assert difference is not None, "ranked yardsticks were measured"
    text = f"{sign * difference.log_loss:.4f}"
    if difference.log_loss_interval is None:
        return text
    low, high = sorted(sign * end for end in difference.log_loss_interval)
    return f"{text} (95 %: {low:.4f} to {high:.4f})"


def told_yardstick(yardstick: YardstickSummary) -> str:
    """A yardstick and how far the found model is from it, in a line.

    Args:
        yardstick: measured, left out or diverged.

    Example:
        >>> told_yardstick(YardstickSummary("lr", "Logistic regression", left_out="too large"))
        'lr: left out: too large'
    """
    if yardstick.left_out is not None:
        return f"{yardstick.name}: left out: {yardstick.left_out}"
    if yardstick.test is None or yardstick.difference is None:
        return f"{yardstick.name}: its training diverged"
    difference = yardstick.difference
    text = f"{yardstick.name}: test log loss {yardstick.test.log_loss:.4f}"
    if yardstick.test.auc is not None:
        text += f", AUC {yardstick.test.auc:.4f}"
    text += f"; the model's log loss less it {difference.log_loss:+.4f}"
    if difference.log_loss_interval is not None:
        text += " ({:+.4f} to {:+.4f})".format(*difference.log_loss_interval)
    return text
