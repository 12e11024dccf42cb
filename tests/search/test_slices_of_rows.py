"""How rows are told apart by the values of a feature."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_preprocess.api import preprocess
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.schema import DenseFeature, Schema, SparseFeature
from beam_preprocess.datasets.toml_file import read_toml
from beam_preprocess.encoding.encode import transform_dense
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.slices import MOST_VALUES, RANGES, range_slices, raw_value, value_slices
from nasrec_tf.trained.evaluation_table import screen_table
from nasrec_tf.trained.log_rows import AskedLog, judged_rows, predicted_rows
from nasrec_tf.trained.row_codes import CodedColumn
from nasrec_tf.trained.slice_quality import JudgedRows, judge
from nasrec_tf.trained.trained_model import TrainedModel, TrainingData

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


class Guesser(TrainedModel):
    """A model that gives every row the same."""

    def logits(self, rows):
        return np.zeros(len(rows.label), np.float32)


@pytest.fixture(scope="module")
def guesser(tmp_path_factory):
    """A model of a log with hours and weights, and the log."""
    directory = tmp_path_factory.mktemp("log")
    log, toml = directory / "log.csv", directory / "log.toml"
    rows = [f"{n % 5 == 0:d},u{n % 9},{1 + n % 3},2026-01-01T0{n % 4}:30" for n in range(200)]
    log.write_text("click,user,w,at\n" + "\n".join(rows) + "\n")
    toml.write_text(
        'name = "log"\nlabel = "click"\nsparse = ["user"]\nweight = "w"\n'
        'times = {at = {format = "iso8601", derive = ["hour_of_day"]}}\n'
    )
    data = directory / "data"
    preprocess(PreprocessConfig(read_toml(toml), str(data), inputs=(str(log),)))
    known = TrainingData(Schema.load(data), data, read_toml(toml))
    return Guesser(None, directory, lambda: known), str(log)


def test_a_log_is_told_apart_by_what_is_derived_of_its_times(guesser):
    model, log = guesser
    names = ("at_hour_of_day", "user", "at")
    (rows,) = judged_rows(model, AskedLog((log,)), names)
    assert rows.further["at_hour_of_day"].to_pylist() == [b"0%d" % (n % 4) for n in range(200)]
    assert rows.further["at"][1].as_py() == b"2026-01-01T01:30"
    (again,) = predicted_rows(model, AskedLog((log,)), names)
    assert again.further == rows.further


def test_a_log_is_told_apart_by_its_weights_only_where_they_do_not_count(guesser):
    model, log = guesser
    with pytest.raises(UserError, match="column 'w' says how much rows count; --unweighted"):
        judged_rows(model, AskedLog((log,)), ("w",))
    (rows,) = judged_rows(model, AskedLog((log,)), ("w",), weighted=False)
    assert rows.further["w"].to_pylist()[:4] == [b"1", b"2", b"3", b"1"]


def test_slices_say_how_many_clicks_they_have():
    labels = np.arange(60) % 30 == 0
    codes = (np.arange(60) % 2).astype(np.int32)
    by = {"by": CodedColumn(codes, ["even", "odd"])}
    weights = np.where(labels, 9.0, 1.0)
    rows = JudgedRows(labels, np.zeros(60, np.float32), None, by, weights)
    whole, even, odd = judge(rows, 0, 9)
    assert (whole.clicked, even.clicked, odd.clicked) == (2, 2, 0)
    assert even.clicks == pytest.approx(18 / 46)
    names, _, line, _ = (text.split() for text in screen_table([whole, even, odd]).splitlines())
    assert names[:4] == ["column", "value", "rows", "clicks"]
    assert line[:4] == ["by", "even", "30", "2"]
