"""Page, Markdown and CSV of a comparison tell the same figures, whatever these are."""

import dataclasses

import comparison_tables as tables
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from nasrec_tf.report.comparison_page import render_comparison
from nasrec_tf.report.comparison_summary import (
    BETTER,
    WITHIN,
    WORSE,
    ComparisonSummary,
    CostSummary,
    FigureSummary,
    GapSummary,
    RivalSummary,
)
from nasrec_tf.report.comparison_text import as_csv, markdown

NAME = 'a|b<i>ü*_`\\"{}"&$x$.toml'
"""Of a model: what a file may be called, and tables and pages have a meaning of their own for."""

values = st.floats(-2, 2).map(lambda value: round(value, 7))
counts = st.integers(0, 10**9)
costs = st.builds(CostSummary, st.floats(0, 1e9), st.floats(0, 1e6))
verdicts = st.sampled_from([BETTER, WORSE, WITHIN])
figures = st.none() | st.builds(FigureSummary, values, st.none() | values.map(abs))
means = st.none() | st.builds(FigureSummary, values)
gaps = st.none() | st.builds(
    lambda value, reach, verdict: GapSummary(
        value, None if reach is None else (value - reach, value + reach), verdict
    ),
    values, st.none() | st.floats(0, 1), verdicts,
)  # fmt: skip
rivals = st.builds(
    RivalSummary, name=st.just(""), title=st.just("a model"), recipe=st.just("as the paper's"),
    seeds=st.integers(2, 5), diverged=st.integers(0, 2), validation=figures, log_loss=figures,
    auc=figures, grouped_auc=figures, log_loss_gap=gaps, auc_gap=gaps, grouped_auc_gap=gaps,
    averaged_log_loss=means, averaged_auc=means, averaged_log_loss_gap=gaps,
    averaged_auc_gap=gaps, mflops=st.just(0.0), parameters=counts, embedding_parameters=counts,
    training_us=st.none() | st.floats(0, 1e4), inference_us=st.none() | st.floats(0, 1e4),
    training=costs, tuning=costs, search=st.none() | costs,
)  # fmt: skip


@settings(max_examples=20, phases=[Phase.generate])  # A page has pictures: shrinking takes minutes.
@given(st.lists(rivals, min_size=1, max_size=4), st.booleans())
def test_page_markdown_and_csv_tell_the_same(rivals, groups):
    named = [dataclasses.replace(one, name=NAME.format(n)) for n, one in enumerate(rivals)]
    found = ComparisonSummary(
        "run", "log", (), "recipe <i>.toml", 3, named, group="us|er" if groups else None
    )
    assert "<i>" not in render_comparison(found) + markdown(found)
    tables.check_same(render_comparison(found), markdown(found), as_csv(found))
