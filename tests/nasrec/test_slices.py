"""Figures of slices and groups: by other ways of computing them, whatever the rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.trained.row_codes import (
    MISSING,
    RANGES,
    CodedColumn,
    RowCodes,
    most_frequent,
    numbers_in_ranges,
)
from nasrec_tf.trained.slice_quality import ALL_ROWS, OTHERS, JudgedRows, judge
from nasrec_tf.training.calibration_error import calibration_error
from nasrec_tf.training.grouped_auc import LEAST_GROUPS, areas_by_group, grouped_auc
from nasrec_tf.training.reliability import expected_calibration_error

unhurried = settings(deadline=None, max_examples=60)
resampled = settings(deadline=None, max_examples=20)
"""For what draws 200 resamples each time."""

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([-1.5, 0.0, 0.25, 9.0]), st.integers(0, 6)),
    min_size=1,
    max_size=40,
)
"""Label, logit (some alike) and group of each row."""


def arrays_of(rows):
    labels, logits, groups = zip(*rows, strict=True)
    return np.array(labels, np.uint8), np.array(logits, np.float32), np.array(groups, np.int32)


def pairs_in_order(labels, logits):
    """The share of pairs of a row with and a row without a click that are in order."""
    mine, others = logits[labels == 1], logits[labels == 0]
    above = np.sign(mine[:, None] - others[None, :])
    return (above + 1).mean() / 2


@unhurried
@given(ROWS)
def test_the_area_of_a_group_is_the_share_of_its_pairs_that_are_in_order(rows):
    labels, logits, groups = arrays_of(rows)
    areas, sizes = areas_by_group(labels, logits, groups)
    mixed = [g for g in np.unique(groups) if len(set(labels[groups == g])) == 2]
    assert sizes.tolist() == [int((groups == g).sum()) for g in mixed]
    expected = [pairs_in_order(labels[groups == g], logits[groups == g]) for g in mixed]
    np.testing.assert_allclose(areas, expected, atol=1e-12)


@resampled
@given(ROWS)
def test_groups_count_by_their_rows_and_those_of_one_label_not_at_all(rows):
    areas, sizes = areas_by_group(*arrays_of(rows))
    found = grouped_auc(*arrays_of(rows))
    assert (found.groups, found.rows) == (len(areas), sizes.sum())
    if len(areas):
        assert found.auc == pytest.approx(np.average(areas, weights=sizes))
    else:
        assert found.auc is None and found.interval is None


@resampled
@given(st.integers(1, 14), st.data())
def test_few_groups_do_not_tell_how_sure_their_mean_is(groups, data):
    """The mean over one group would be sure, and that over a few too sure."""
    of_one = st.lists(st.integers(-2, 2), min_size=2, max_size=4)
    logits = [data.draw(of_one) for _ in range(groups)]
    labels = [[1, *[0] * (len(each) - 1)] for each in logits]
    numbers = np.repeat(np.arange(groups), [len(each) for each in logits])
    flat = np.concatenate(labels), np.concatenate(logits).astype(np.float32), numbers
    found, (areas, _) = grouped_auc(*flat), areas_by_group(*flat)
    assert found.groups == groups and (found.interval is None) == (groups < LEAST_GROUPS)
    if found.interval:
        low, high = found.interval
        assert areas.min() - 1e-12 <= low <= high <= areas.max() + 1e-12


@resampled
@given(ROWS)
def test_the_calibration_error_is_the_usual_one_and_its_interval_is_one(rows):
    labels, logits, _ = arrays_of(rows)
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    found = calibration_error(labels, probabilities)
    assert found.error == expected_calibration_error(labels.astype(float), probabilities)
    assert 0 <= found.interval[0] <= found.interval[1] <= 2 * found.error + 1e-12
    if labels.any():
        assert found.ratio == pytest.approx(probabilities.sum() / labels.sum())
    else:
        assert found.ratio is None and found.ratio_interval is None


def test_the_interval_of_the_calibration_error_is_the_basic_one_of_resamples():
    """By other resamples than ours: its ends lie where theirs do, and not at the error itself."""
    rng = np.random.default_rng(0)
    meant = rng.uniform(0.05, 0.6, 3000)
    labels = (rng.random(3000) < meant).astype(np.float64)
    for weights in (None, rng.integers(1, 4, 3000).astype(np.float64)):
        found = calibration_error(labels, meant + 0.05, 0, weights)
        counts = np.ones(3000) if weights is None else weights
        order = np.argsort(meant)
        places = np.empty(3000, int)
        places[order] = np.minimum(14, np.cumsum(counts[order]) * 15 // counts.sum()).astype(int)
        apart, resampled, ratios = meant + 0.05 - labels, [], []
        for _ in range(400):
            drawn = rng.poisson(1, 3000) * counts
            sums = np.bincount(places, drawn * apart, 15)
            resampled.append(np.abs(sums).sum() / drawn.sum())
            ratios.append((drawn * (meant + 0.05)).sum() / (drawn * labels).sum())
        low, high = np.quantile(resampled, [0.025, 0.975])
        expected = 2 * found.error - high, 2 * found.error - low
        assert found.interval == pytest.approx(expected, abs=0.005) and high - low > 0.02
        assert found.ratio_interval == pytest.approx(np.quantile(ratios, [0.025, 0.975]), abs=0.02)


@resampled
@given(ROWS, st.data())
def test_a_row_of_a_whole_weight_is_as_many_rows(rows, data):
    labels, logits, groups = arrays_of(rows)
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows),
                                         max_size=len(rows))))  # fmt: skip
    if not counts.any():
        counts[0] = 1
    codes = CodedColumn(groups % 2, ["even", "odd"])
    weighted = JudgedRows(labels, logits, groups, {"parity": codes}, counts.astype(np.float32))
    again = (np.repeat(values, counts) for values in (labels, logits, groups))
    labels, logits, groups = again
    repeated = JudgedRows(labels, logits, groups, {"parity": codes._replace(codes=groups % 2)})
    found = {(s.column, s.value): s for s in judge(weighted.counted(), 0, 9)}
    for other in judge(repeated, 0, 9):
        mine = found.pop((other.column, other.value))
        for one, two in (
            (mine.clicks, other.clicks),
            (mine.quality.log_loss, other.quality.log_loss),
            (mine.quality.auc, other.quality.auc),
            (mine.grouped.auc, other.grouped.auc),
            (mine.calibration.error, other.calibration.error),
            (mine.calibration.ratio, other.calibration.ratio),
        ):
            assert one == (None if two is None else pytest.approx(two, abs=1e-6))
        assert mine.grouped.groups == other.grouped.groups
    assert not found


VALUES = st.lists(
    st.one_of(st.integers(-99, 99).map(str), st.sampled_from(["", "NA", "x", "1e3", "nan", "inf"])),
    min_size=1, max_size=80,
)  # fmt: skip


@unhurried
@given(VALUES)
def test_ranges_keep_every_row_in_the_order_of_its_number(values):
    codes = RowCodes(["NA"])
    codes.add(pa.array([value.encode() for value in values], pa.binary()))
    array, names = codes.array, codes.names
    meant = [MISSING if value in ("", "NA") else value for value in values]
    assert [names[code] for code in array] == meant
    ranged, labels = numbers_in_ranges(array, names)
    texts = [labels[code] for code in ranged]
    numbers = {}
    for value, text in zip(meant, texts, strict=True):
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if np.isfinite(number):
            numbers.setdefault(text, []).append(number)
        else:
            assert text == value
    spans = sorted((min(found), max(found)) for found in numbers.values())
    assert all(one[1] < other[0] for one, other in zip(spans, spans[1:]))
    assert len(spans) <= RANGES


def test_numbers_that_mean_missing_do_so_however_they_are_written():
    values = pa.array([b"-1", b"-1.0", b"", b"4", b"-1,0"], pa.binary())
    of_numbers, of_texts = RowCodes(["-1"], decimal="."), RowCodes(["-1"])
    of_numbers.add(values)
    of_texts.add(values)
    assert of_numbers.array.tolist() == [0, 0, 0, 1, 2]
    assert of_numbers.names == [MISSING, "4", "-1,0"]
    assert of_texts.names == [MISSING, "-1.0", "4", "-1,0"]


LISTS = st.lists(
    st.one_of(st.none(), st.lists(st.sampled_from([b"a", b"b", b"c", b"NA", b""]), max_size=4)),
    min_size=1,
    max_size=12,
)


@unhurried
@given(st.lists(LISTS, min_size=1, max_size=3), st.data())
def test_a_row_with_a_list_is_in_the_slice_of_each_of_its_items(blocks, data):
    codes = RowCodes(["NA"])
    for block in blocks:
        codes.add(pa.array(block, pa.list_(pa.binary())))
    rows = [sorted({b"" if item == b"NA" else item for item in items or [b""]})
            for block in blocks for items in block]  # fmt: skip
    kept = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True))
    places = np.sort(kept)
    column, rows = codes.column.at(places), [rows[place] for place in places]
    for code, name in enumerate(column.names):
        value = b"" if name == MISSING else name.encode()
        members = [number for number, items in enumerate(rows) if value in items]
        assert column.members(code).tolist() == members
        others = [number for number in range(len(rows)) if number not in members]
        assert column.without([code]).tolist() == others
    assert sum(map(len, rows)) == len(column.codes)


def test_numbers_with_decimal_commas_make_ranges_in_their_order():
    values = [f"{number / 4:.2f}".replace(".", ",") for number in range(40)]
    codes = np.arange(42, dtype=np.int32)
    ranged, labels = numbers_in_ranges(codes, [*values, "3.5", MISSING], decimal=",")
    texts = [labels[code] for code in ranged]
    assert texts[0] == "0,00 to 0,75" and texts[39] == "9,00 to 9,75"
    assert texts[40:] == ["3.5", MISSING] and len(labels) == RANGES + 2


@pytest.mark.parametrize("distinct", [7, 40])
def test_slices_by_numbers_are_told_from_the_least_to_the_greatest(distinct):
    random = np.random.default_rng(0)
    codes = random.integers(0, distinct, 2000).astype(np.int32)
    names = [str(number) for number in random.permutation(distinct)]
    labels = random.integers(0, 2, 2000).astype(np.uint8)
    column = CodedColumn(*numbers_in_ranges(codes, names), rising=True)
    rows = JudgedRows(labels, random.normal(size=2000).astype(np.float32), None, {"age": column})
    _, *slices = judge(rows, seed=0, most_slices=20)
    least = [int(one.value.split()[0]) for one in slices]
    assert least == sorted(least) and len(least) == min(distinct, RANGES)
    assert sum(one.quality.samples for one in slices) == 2000


def test_rows_without_a_group_are_in_none():
    labels, logits = np.array([1, 0, 0, 1], np.uint8), np.array([2.0, 1, 1, 0], np.float32)
    groups = np.array([0, 0, -1, -1], np.int32)
    (whole,) = judge(JudgedRows(labels, logits, groups, {}), seed=0, most_slices=3)
    assert (whole.grouped.auc, whole.grouped.groups, whole.grouped.rows) == (1.0, 1, 2)


def test_slices_add_up_to_all_rows_and_rare_values_stand_together():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 600).astype(np.uint8)
    logits = (labels + random.normal(size=600)).astype(np.float32)
    codes = np.repeat(np.arange(6, dtype=np.int32), [200, 150, 100, 80, 50, 20])
    rows = JudgedRows(labels, logits, None, {"city": CodedColumn(codes, list("abcdef"))})
    whole, *slices = judge(rows, seed=0, most_slices=3)
    assert (whole.value, whole.quality.samples) == (ALL_ROWS, 600)
    assert [(s.value, s.quality.samples) for s in slices] == [
        ("a", 200), ("b", 150), ("c", 100), (OTHERS, 150),
    ]  # fmt: skip
    mean = sum(s.quality.log_loss * s.quality.samples for s in slices) / 600
    assert mean == pytest.approx(whole.quality.log_loss)
    assert most_frequent(codes, 2) == [0, 1]
    assert whole.grouped is None and whole.constant_log_loss == pytest.approx(np.log(2), abs=0.01)
