"""The paper's Fig. 8: how the log losses of random architectures are distributed."""

import numpy as np

from nasrec_tf.benchmark.measured_rows import DataSetCard
from nasrec_tf.report.chart_frame import BLUE, GREY, add_legend, new_figure, to_svg


def distribution_chart(card: DataSetCard, losses: np.ndarray) -> str:
    """Share of architectures below each log loss, of every seed.

    Args:
        card: of the data set.
        losses: (architectures, seeds).
    """
    figure, axes = new_figure()
    shares = np.arange(1, len(losses) + 1) / len(losses)
    for seed in range(losses.shape[1]):
        colour = GREY if seed else BLUE
        axes.step(np.sort(losses[:, seed]), shares, where="post", color=colour,
                  label=f"seed {seed + 1}")  # fmt: skip
    add_legend(axes)
    axes.set(xlabel="validation log loss", ylabel="share of architectures", ylim=(0, 1))
    return to_svg(figure, "distribution", f"Log losses of random architectures on {card.name}")
