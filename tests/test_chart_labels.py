"""What stands beside points and above pictures can be read: nothing hides it or cuts it off."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.common.shown_name import name_width, shown_name
from beam_preprocess.writing.bar_chart import bar_chart
from nasrec_tf.report.chart_frame import add_legend, chart_text, cut_outliers, new_figure
from nasrec_tf.report.comparison_charts import gaps_chart
from nasrec_tf.report.comparison_summary import GapSummary
from nasrec_tf.report.point_labels import NamedPoint, label_points

POINTS = st.lists(
    st.tuples(st.floats(0.2, 9.0), st.floats(0.4, 0.7), st.floats(0.0, 0.05)),
    min_size=1, max_size=12,
)  # fmt: skip


def labelled(points):
    """A chart of named points, and its names as they lie."""
    figure, axes = new_figure(height=4.2)
    for x, y, _ in points:
        axes.plot([x], [y], "o")
    axes.margins(0.12)
    named = [
        NamedPoint(f"a_model_{number}", x, y, y - reach, y + reach)
        for number, (x, y, reach) in enumerate(points)
    ]
    label_points(axes, named)
    figure.draw_without_rendering()
    return figure, [text for text in axes.texts if text.get_text()]


@settings(max_examples=6, deadline=None)
@given(POINTS)
def test_no_name_lies_on_another_or_leaves_the_chart(points):
    figure, names = labelled(points)
    assert len(names) == len(points)
    boxes = [name.get_window_extent().padded(-0.5) for name in names]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    for box in boxes:
        assert figure.bbox.contains(*box.min) and figure.bbox.contains(*box.max)


def test_models_of_nearly_the_same_cost_and_loss_are_all_named():
    # Such as these had their names in one place, one upon the other.
    points = [(0.334, 0.674, 0), (0.346, 0.672, 0), (0.3404, 0.673, 0), (5.5, 0.92, 0)]
    _, names = labelled(points)
    boxes = [name.get_window_extent() for name in names]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("entries", [1, 3, 6, 12])
def test_a_legend_stands_above_the_data_and_within_the_chart(entries):
    figure, axes = new_figure()
    for number in range(entries):
        axes.plot([0, 1], [0, number], label=f"scored in the search {number}")
    add_legend(axes)
    figure.draw_without_rendering()
    legend, data = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert legend.y0 >= data.y1 - 1
    assert figure.bbox.contains(*legend.min) and figure.bbox.contains(*legend.max)
    assert data.height > 0.3 * figure.bbox.height


def test_one_far_model_does_not_flatten_the_others():
    figure, axes = new_figure()
    cut_outliers(axes, [0.44, 0.45, 0.46, 0.47, 0.48, 9.0])
    low, high = axes.get_ylim()
    assert low < 0.44 and 0.48 < high < 0.5


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.integers(4, 40))
def test_a_shown_name_fits_and_a_short_one_is_whole(text, most):
    shown = shown_name(text, most)
    assert name_width(shown) <= most and shown.isprintable()
    if text.isprintable() and name_width(text) <= most:
        assert shown == text


def test_names_that_differ_in_their_last_letters_can_be_told_apart():
    names = [f"user_historical_interactions_of_the_last_{days}_days" for days in (7, 30, 90)]
    assert len({chart_text(name) for name in names}) == 3


@pytest.mark.filterwarnings("ignore:Glyph")
def test_room_is_left_for_ideographs():

    figure, axes = new_figure()
    axes.set_yticks([0], [chart_text("点击次数")])
    (label,) = axes.get_yticklabels()
    em = label.get_fontsize() * figure.dpi / 72
    assert label.get_window_extent().width >= 4 * em


@pytest.mark.parametrize("name", ["a", "clicks_of_the_last_thirty_days_" * 3, "点击" * 30])
def test_names_of_the_data_cards_bars_begin_within_the_picture(name):
    picture = bar_chart([(name, 3.0), ("b", 1.0)], f"{name}: rows", "{:.0f}")
    width = float(re.search(r'width="(\d+)"', picture)[1])
    end, shown = re.search(
        r'<text x="(\d+)" y="\d+" text-anchor="end">(.*?)</text>', picture
    ).groups()
    title = re.search(r'font-size="13">(.*?)</text>', picture)[1]
    # Letters of 11 pixels are 6 pixels wide on average, those of 13 pixels 7.
    assert float(end) >= 6 * name_width(shown)
    assert 6 + 7 * name_width(title) <= width


def test_one_far_interval_does_not_flatten_the_others():
    near = [GapSummary(0.01 * n, (0.01 * n - 0.02, 0.01 * n + 0.02), "within") for n in range(5)]
    far = GapSummary(7.0, (5.0, 9.0), "worse")
    names = [f"m{number}" for number in range(6)]
    cut = gaps_chart(list(zip(names, [*near, far])), "log loss")
    assert "beyond the picture: 1" in cut and "m5" in cut and ">8<" not in cut
    assert "beyond the picture" not in gaps_chart(list(zip(names, near)), "log loss")
