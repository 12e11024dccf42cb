"""How rows are told apart by the values of a feature."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_preprocess.dataset.schema import DenseFeature, SparseFeature
from beam_preprocess.encoding.encode import transform_dense
from nasrec_tf.search.slices import MOST_VALUES, RANGES, range_slices, raw_value, value_slices

AGE = DenseFeature("age", "age", "standardize", mean=40.0, std=10.0)
CITY = SparseFeature("city", "city", "vocabulary", rows=30, vocabulary="vocabularies/city.txt")
LISTS = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=40)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=60))
def test_every_row_is_in_one_range_and_equal_values_in_the_same(values):
    values = np.array(values, np.float32)
    members = np.array([found for _, found in range_slices(AGE, values)])
    assert (members.sum(axis=0) == 1).all()
    assert members.any(axis=1).all() and len(members) <= RANGES
    of_row = members.argmax(axis=0)
    assert (np.diff(of_row[np.argsort(values, kind="stable")]) >= 0).all()
    assert len(set(zip(values.tolist(), of_row.tolist()))) == len(set(values.tolist()))


@given(st.lists(st.integers(0, 29), min_size=1, max_size=60))
def test_every_row_of_single_values_is_in_one_slice(ids):
    members = np.array([found for _, found in value_slices(CITY, np.array(ids)[:, None])])
    assert (members.sum(axis=0) == 1).all()
    assert len(members) <= MOST_VALUES + 3  # missing, out of vocabulary, all others


@given(LISTS)
def test_a_row_with_a_list_is_in_the_slice_of_each_item(lists):
    found = dict(value_slices(CITY, np.array(lists)))
    others = found.pop("all others")
    names = {0: "missing", 1: "out of vocabulary"}
    for row, items in enumerate(lists):
        told = {names.get(item, f"id {item}") for item in items} & set(found)
        assert {name for name, members in found.items() if members[row]} == told
        assert others[row] == (not told)


def test_ranges_are_told_in_the_numbers_of_the_log():
    names = [name for name, _ in range_slices(AGE, np.arange(-2, 3, dtype=np.float32))]
    assert names[0] == "up to 20" and names[-1] == "above 50"
    assert names[1] == "above 20, up to 30"


@pytest.mark.parametrize(
    "transform, missing, told",
    [("log1p", 0.0, "missing, or up to 0"), ("standardize", 40.0, "missing, or 40"),
     ("identity", -1.0, "missing, or -1"), ("log1p", 7.3, "missing, or 7.3")],
)  # fmt: skip
def test_missing_values_are_no_small_numbers(transform, missing, told):
    feature = DenseFeature(
        "age", "age", transform, missing=missing, mean=40.0, std=10.0, missing_count=3
    )
    raw = np.array([np.nan, 18.0, 18.0, 30.0, np.nan, 41.0, 55.0, 60.0])
    parts = dict(range_slices(feature, transform_dense(raw, feature).astype(np.float32)))
    assert parts.pop(told).tolist() == np.isnan(raw).tolist()
    # The others are told apart as if there were no more.
    present = raw[~np.isnan(raw)]
    alone = dict(range_slices(feature, transform_dense(present, feature).astype(np.float32)))
    assert {name: members[~np.isnan(raw)].tolist() for name, members in parts.items()} == {
        name: members.tolist() for name, members in alone.items()
    }
    assert not any(members[np.isnan(raw)].any() for members in parts.values())


def test_all_of_a_column_may_be_missing_and_an_indicator_says_which_are():
    none = DenseFeature("age", "age", "log1p", missing_count=5)
    [(name, members)] = range_slices(none, np.zeros(5, np.float32))
    assert name == "missing, or up to 0" and members.all()
    names = [name for name, _ in range_slices(none, np.array([0, 2, 2], np.float32))]
    assert names == ["missing, or up to 0", "all others"]
    flag = DenseFeature("age_missing", "age", "missing_indicator", missing_count=5)
    parts = dict(range_slices(flag, np.array([0, 1, 0], np.float32)))
    assert parts["missing"].tolist() == [False, True, False]
    assert parts["present"].tolist() == [True, False, True]


def test_a_constant_feature_is_one_range():
    [(name, members)] = range_slices(AGE, np.zeros(5, np.float32))
    assert name == "all" and members.all()


@pytest.mark.parametrize("raw", [0.0, 3.5, 1e6])
def test_a_raw_value_is_what_the_transform_was_of(raw):
    logarithm = DenseFeature("n", "n", "log1p")
    assert raw_value(logarithm, math.log1p(raw)) == pytest.approx(raw)
    assert raw_value(AGE, (raw - 40) / 10) == pytest.approx(raw)
    assert raw_value(DenseFeature("n", "n", "identity"), raw) == raw
