"""The page of a comparison: one file that needs no network, in the style of a run's report."""

import pathlib

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.report.comparison_charts import gaps_chart, quality_chart, searches_chart
from nasrec_tf.report.comparison_summary import ComparisonSummary
from nasrec_tf.report.page import rendered

LEAST_MFLOPS = 0.001
"""Of a model in the picture of costs, which would be wide and empty for those below."""


def write_comparison(comparison: ComparisonSummary, path: str | pathlib.Path) -> None:
    """Writes the page, whole or not at all.

    Args:
        comparison: what to show.
        path: the HTML file.

    Raises:
        UserError: if the file cannot be written.
    """
    page = render_comparison(comparison)
    with atomic_file(path) as file:
        file.write(page)


def render_comparison(comparison: ComparisonSummary) -> str:
    """The page as text: HTML with style and pictures inside, all that comes from data escaped.

    Args:
        comparison: what to show.

    Example:
        >>> page = render_comparison(ComparisonSummary("a <run>", "log", (), "", 3, ()))
        >>> "a &lt;run&gt;" in page, "<run>" in page
        (True, False)
    """
    return rendered("comparison.html", _pictures(comparison), comparison=comparison)


def _pictures(comparison: ComparisonSummary) -> dict[str, str]:
    """The charts for which there is something to show."""
    pictures = {}
    trained = [r for r in comparison.ranked if r.log_loss and r.mflops >= LEAST_MFLOPS]
    if trained:
        pictures["quality"] = quality_chart(trained)
    for name, field in (("log loss", "log_loss_gap"), ("AUC", "auc_gap")):
        # The click rate alone is so far away that nothing else could be told apart.
        gaps = [
            (rival.name, getattr(rival, field))
            for rival in comparison.ranked
            if getattr(rival, field) is not None and rival.seeds
        ]
        if gaps:
            pictures[field] = gaps_chart(gaps, name)
    searches = [search for search in comparison.searches if search.best_so_far]
    if searches:
        pictures["searches"] = searches_chart(searches)
    return pictures
