"""Look-up tables, statistics and splits: the arithmetic under the pipeline."""

import math
import tempfile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.common.string_table import StringTable
from beam_preprocess.common.table_arrays import TableArrays, longest_of
from beam_preprocess.dataset.time_formats import time_format
from beam_preprocess.encoding.entry_selection import EntrySelection
from beam_preprocess.encoding.splits import (
    chronological_boundaries,
    chronological_splits,
    stratified_splits,
)
from beam_preprocess.encoding.statistics import Moments
from beam_preprocess.encoding.vocabulary import ValueCounter
from beam_preprocess.errors import DataError
from beam_preprocess.reading.decode import number_of
from beam_preprocess.reading.moments import derived_categories, moments_of

short_strings = st.binary(max_size=20) | st.binary(min_size=60, max_size=70)


@settings(deadline=None)
@given(st.lists(short_strings, unique=True), st.lists(st.none() | short_strings), st.data())
def test_the_string_table_answers_as_a_dictionary_would(entries, strangers, data):
    known = data.draw(st.lists(st.sampled_from(entries))) if entries else []
    questions = known + strangers
    expected = {entry: index for index, entry in enumerate(entries)}
    listed = pa.array(entries, pa.binary())
    with tempfile.TemporaryDirectory() as directory:
        arrays = TableArrays.in_files(directory, len(entries), longest_of(listed))
        for piece in (listed[: len(entries) // 3], listed[len(entries) // 3 :]):
            arrays.add(piece)
        arrays.finished()
        for table in StringTable(listed), StringTable.opened(directory):
            found = table.look_up(pa.array(questions, pa.binary()), -1)
            assert found.tolist() == [expected.get(question, -1) for question in questions]


def test_the_string_table_tells_padding_from_zero_bytes():
    entries = [b"", b"a", b"a\0", b"a\0\0", b"12345678", b"12345678\0"]
    table = StringTable(pa.array(entries, pa.binary()))
    questions = pa.array([*entries, b"\0", None], pa.binary())
    assert table.look_up(questions, -1).tolist() == [0, 1, 2, 3, 4, 5, -1, -1]


def test_of_equal_keys_the_first_counts():
    table = StringTable(pa.array([b"a", b"b", b"a", b"x" * 99, b"x" * 99], pa.binary()))
    assert table.look_up(pa.array([b"a", b"x" * 99], pa.binary()), -1).tolist() == [0, 3]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-1e30, 1e30) | st.just(math.nan), min_size=1, max_size=8),
        min_size=1,
        max_size=6,
    ),
    st.randoms(),
)
def test_moments_do_not_depend_on_the_order_of_merging(blocks, random):
    def merged(parts):
        total = Moments()
        for part in parts:
            total.add(Moments.of(np.array(part)))
        return total

    first = merged(blocks)
    random.shuffle(blocks)
    second = merged(blocks)
    assert (first.mean, first.std, first.histogram) == (second.mean, second.std, second.histogram)
    assert first.count + first.missing == sum(map(len, blocks))


def test_moments_stay_exact_far_from_zero():
    values = 1.4e9 + np.random.default_rng(0).normal(0, 3, 10_000)
    total = Moments()
    for part in np.split(values, 10):
        total.add(Moments.of(part))
    assert total.mean == pytest.approx(values.mean(), rel=1e-14)
    assert total.std == pytest.approx(values.std(), rel=1e-9)
    assert Moments.of(np.full(9, 5.0)).std == 1.0


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(0, 2**62), st.integers(0, 99))
def test_each_label_is_dealt_out_in_proportion(labels, seed, block):
    label = np.array(labels, np.uint8)
    lines = np.arange(len(label))
    fractions = (0.8, 0.1, 0.1)
    where = dict(seed=seed, file=0, block=block, fractions=fractions)
    splits = stratified_splits(label, lines, **where)
    assert (splits == stratified_splits(label, lines, **where)).all()
    for value in (0, 1):
        count = (label == value).sum()
        for split, share in enumerate(fractions):
            dealt = ((label == value) & (splits == split)).sum()
            assert abs(dealt - share * count) < 1 + 1e-9


def test_seed_file_and_block_change_the_split():
    label, lines = np.zeros(1000, np.uint8), np.arange(1000)
    base = dict(seed=1, file=0, block=0, fractions=(0.8, 0.1, 0.1))
    first = stratified_splits(label, lines, **base)
    for name in ("seed", "file", "block"):
        other = stratified_splits(label, lines, **{**base, name: 5})
        # Two independent splits put 1 - 0.66 = 34 % of the rows apart; 1,000 rows, +-5 sigma.
        assert 260 < (first != other).sum() < 420


def test_the_stratified_split_never_changes_between_versions():
    splits = stratified_splits(
        np.array([0, 1] * 10, np.uint8),
        np.arange(20),
        seed=2018,
        file=1,
        block=3,
        fractions=(0.8, 0.1, 0.1),
    )
    assert "".join(map(str, splits)) == "00001100200000020000"


def test_time_splits_keep_rows_of_one_time_together():
    times, counts = np.array([1, 2, 3, 4, 9]), np.array([5, 30, 45, 12, 8])
    boundaries = chronological_boundaries(times, counts, (0.8, 0.1, 0.1))
    assert boundaries == (4, 9)
    splits = chronological_splits(np.repeat(times, counts), boundaries)
    assert np.bincount(splits).tolist() == [80, 12, 8]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 50), min_size=3, max_size=12),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.3, 0.2), (0.1, 0.2, 0.7)]),
)
def test_no_other_times_come_nearer_to_the_wanted_shares(counts, fractions):
    times = 10 + 3 * np.arange(len(counts))
    first, second = (
        (time - 10) // 3 for time in chronological_boundaries(times, counts, fractions)
    )
    total, before = sum(counts), np.cumsum([0, *counts])

    def distance(boundary, share):
        return abs(before[boundary] - share * total)

    assert 1 <= first < second < len(counts)
    nearest = min(distance(other, fractions[0]) for other in range(1, len(counts) - 1))
    assert distance(first, fractions[0]) == nearest
    both = fractions[0] + fractions[1]
    assert distance(second, both) == min(
        distance(other, both) for other in range(first + 1, len(counts))
    )


def test_time_splits_are_never_empty():
    assert chronological_boundaries(np.array([1, 2, 3]), np.array([98, 1, 1]), (0.2, 0.4, 0.4)) == (
        2,
        3,
    )
    with pytest.raises(DataError, match="2 distinct value"):
        chronological_boundaries(np.array([1, 2]), np.array([5, 5]), (0.8, 0.1, 0.1))


@settings(deadline=None)
@given(st.lists(st.lists(st.none() | st.binary(max_size=2), max_size=30), max_size=8))
def test_value_counts_are_those_of_all_batches_together(batches):
    counter = ValueCounter()
    for batch in batches:
        counter.add(pa.array(batch, pa.binary()))
    counts = {row["value"]: row["count"] for row in counter.table().to_pylist()}
    values = [value for batch in batches for value in batch if value is not None]
    assert counts == {value: values.count(value) for value in values}


def test_vocabularies_order_by_count_then_value():
    counter = ValueCounter()
    counter.add(pa.array([b"b", b"c", b"a", b"b", b"a", b"c", b"c", b"d", None], pa.binary()))
    for least, most, expected, outside in (2, None, b"cab", 1), (1, 2, b"ca", 3):
        selection = EntrySelection(least, most)
        selection.add(counter.table())
        (entries,) = selection.pieces()
        assert b"".join(entries.to_pylist()) == expected
        assert selection.outside == outside


@settings(deadline=None)
@given(
    st.dictionaries(st.binary(max_size=3), st.integers(1, 5), max_size=60),
    st.integers(1, 4), st.none() | st.integers(1, 40), st.integers(1, 20), st.integers(1, 9),
)  # fmt: skip
def test_entries_are_in_one_order_however_many_are_sorted_at_a_time(
    counts, least, most, piece_rows, parts
):
    selection = EntrySelection(least, most, piece_rows)
    for part in range(parts):
        some = dict([*counts.items()][part::parts])
        values, numbers = pa.array([*some], pa.binary()), pa.array([*some.values()], pa.int64())
        selection.add(pa.table({"value": values, "count": numbers}))
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    expected = [value for value in ordered if counts[value] >= least][:most]
    found = [value for piece in selection.pieces() for value in piece.to_pylist()]
    assert found == expected and selection.entries == len(expected)
    assert selection.outside == sum(counts[value] for value in set(counts) - set(expected))
    assert (selection.distinct, selection.rows) == (len(counts), sum(counts.values()))
    assert sorted(selection.sample.to_pylist()) == sorted(counts)
    assert selection.longest >= max(map(len, expected), default=0)


@pytest.mark.parametrize(
    ("value", "hour", "weekday"),
    [(b"14102100", b"00", b"1"), (b"14102623", b"23", b"6"), (b"24022912", b"12", b"3")],
)
def test_hours_give_hour_of_day_and_weekday(value, hour, weekday):
    moments = moments_of(pa.array([value]), time_format("YYMMDDHH"))
    assert derived_categories(moments, "hour_of_day").to_pylist() == [hour]
    assert derived_categories(moments, "weekday").to_pylist() == [weekday]


@pytest.mark.parametrize("value", [b"", b"1410210", b"14132100", b"14102124", b"1410210x"])
def test_what_is_no_hour_is_refused(value):
    moments = moments_of(pa.array([value]), time_format("YYMMDDHH"))
    assert derived_categories(moments, "weekday").to_pylist() == [None]


def test_modulo_reads_numbers_as_the_authors_scripts_do():
    assert number_of(b"68fd1e64", "hex") == 0x68FD1E64
    assert number_of(b"10", "hex") == 16
    assert number_of(b"10", "decimal_or_hex") == 10
    assert number_of(b"1fbe01fe", "decimal_or_hex") == 0x1FBE01FE
    assert number_of(b"-1", "decimal_or_hex") == -1
    for bad in (b"", b"-", b"0x1f", b"1_0", b" 1", b"xyz"):
        with pytest.raises(ValueError):
            number_of(bad, "decimal_or_hex")
