"""The chart of a pruning, as SVG to stand within the page."""

from collections.abc import Sequence

from nasrec_tf.report.chart_frame import BLUE, GREY, INK, RED, new_figure, to_svg
from nasrec_tf.report.pruning_summary import PruningStepSummary


def pruning_chart(steps: Sequence[PruningStepSummary]) -> str:
    """Validation log loss against what is left to multiply, the trainings in their order.

    Args:
        steps: at least one.
    """
    figure, axes = new_figure()
    places = [step.mflops for step in steps], [step.validation_log_loss for step in steps]
    axes.plot(*places, color=GREY, linewidth=1.2)
    axes.scatter(*places, color=BLUE, s=26, zorder=3)
    axes.scatter(places[0][-1:], places[1][-1:], color=RED, marker="*", s=150, zorder=4)
    for step in steps:
        axes.annotate(
            str(step.prunings), (step.mflops, step.validation_log_loss), (0, 11),
            textcoords="offset points", ha="center", fontsize=9, color=INK,
        )  # fmt: skip
    axes.margins(y=0.15)
    axes.set_xlim(left=0)
    axes.set(xlabel="millions of multiply-accumulates per sample", ylabel="validation log loss")
    return to_svg(figure, "pruning", "Validation log loss against what pruning leaves to multiply")
