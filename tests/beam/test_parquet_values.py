"""A value of a Parquet file has one text, whatever type of column carries it."""

import dataclasses
import datetime
import decimal
import math
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.lists import is_list_type, item_texts
from beam_preprocess.reading.parquet_blocks import raw_rows
from beam_preprocess.reading.parquet_values import inexact_ids, is_readable, plain_values, text_of
from beam_preprocess.reading.parse import parse_block
from beam_preprocess.running.describe import describe

EXACT = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): 2**53}
IDS = (20_000_000_001, 20_000_000_002, 20_000_000_003)


def texts(values, kind):
    return text_of(plain_values(pa.array(values, kind))).to_pylist()


def write(path, **columns):
    parquet.write_table(pa.table(columns), path)


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.sampled_from(list(EXACT)))
def test_whole_numbers_have_the_same_text_in_every_column_that_holds_them(numbers, kind):
    digits = [b"" if number is None else b"%d" % number for number in numbers]
    assert texts(numbers, pa.int64()) == digits
    assert texts(numbers, pa.decimal128(22, 3)) == digits
    assert texts([None if n is None else str(n) for n in numbers], pa.large_string()) == digits
    assert texts(numbers, pa.dictionary(pa.int32(), pa.int64())) == digits
    held = [n if n is None or abs(n) < EXACT[kind] else n % EXACT[kind] for n in numbers]
    floats = plain_values(pa.array([None if n is None else float(n) for n in held]).cast(kind))
    assert text_of(floats).to_pylist() == texts(held, pa.int64())
    assert not len(inexact_ids(floats))


@settings(deadline=None)
@given(st.lists(st.floats(width=64)))
def test_floats_are_read_back_from_their_text_and_large_ids_among_them_are_found(numbers):
    values = plain_values(pa.array(numbers, pa.float64()))
    for number, text in zip(numbers, text_of(values).to_pylist(), strict=True):
        assert text == b"" if math.isnan(number) else float(text) == number
    large = [row for row, n in enumerate(numbers) if math.isfinite(n) and abs(n) >= 2**53]
    assert inexact_ids(values).tolist() == large


@settings(deadline=None)
@given(
    st.lists(st.decimals(-(10**9), 10**9, places=6) | st.none()),
    st.sampled_from([pa.decimal128(20, 6), pa.decimal128(30, 12), pa.decimal256(60, 20)]),
)
def test_decimals_have_the_same_text_with_any_number_of_places(numbers, kind):
    for number, text in zip(numbers, texts(numbers, kind), strict=True):
        if number is None:
            assert text == b""
            continue
        assert decimal.Decimal(text.decode()) == number
        assert b"E" not in text and not (b"." in text and text.endswith((b"0", b".")))


@settings(deadline=None)
@given(
    st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
    st.sampled_from([None, "UTC", "+02:00"]),
)
def test_a_moment_has_the_same_text_in_every_unit(moment, zone):
    found = {texts([moment], pa.timestamp(unit, zone))[0].decode() for unit in ("ms", "us", "ns")}
    (text,) = found
    read = datetime.datetime.fromisoformat(text.replace("Z", "+00:00").replace("+0200", "+02:00"))
    expected = moment.replace(tzinfo=datetime.timezone.utc) if zone else moment
    assert read == expected


def test_ids_beside_missing_ones_are_the_same_ids(make_dataset, tmp_path):
    write(tmp_path / "day1.parquet", label=[0, 1] * 30, uid=[*IDS] * 20)
    nullable = [float(uid) for uid in IDS] * 20
    nullable[7] = None
    write(tmp_path / "day2.parquet", label=[0.0, 1.0] * 30, uid=pa.array(nullable))
    out = make_dataset(
        tmp_path / "day?.parquet", generic("label", file_format="parquet"), min_count=1
    )
    vocabulary = (out / "vocabularies" / "uid.txt").read_text().split()
    assert sorted(vocabulary) == [str(uid) for uid in IDS]


def test_an_id_that_a_float_cannot_hold_is_rejected_by_name(make_dataset, tmp_path):
    ids = [float(uid) for uid in IDS] * 20
    ids[11] = float(2**53 + 2)
    write(tmp_path / "log.parquet", label=[0, 1] * 30, uid=ids)
    layout = generic("label", file_format="parquet")
    out = make_dataset(str(tmp_path / "log.parquet"), layout, max_reject_share=0.1)
    (reason,) = Schema.load(out).rejected
    assert reason.startswith("column uid: a whole number that floats do not hold exactly")
    with pytest.raises(DataError, match="log.parquet line 12: column uid: a whole number"):
        make_dataset(str(tmp_path / "log.parquet"), layout, name="strict")


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.list_(pa.string())),
        pa.struct({"a": pa.int64()}),
        pa.map_(pa.string(), pa.int64()),
    ],
    ids=["list of lists", "struct", "map"],
)
def test_a_column_of_several_values_is_refused_by_name_and_type(make_dataset, tmp_path, kind):
    assert not is_readable(kind)
    labels = pa.array([0, 1] * 10)
    write(tmp_path / "log.parquet", label=labels, user=labels, tags=pa.nulls(20, kind))
    with pytest.raises(DataError, match="log.parquet: column 'tags' is of type .*--ignore"):
        make_dataset(str(tmp_path / "log.parquet"), generic("label", file_format="parquet"))


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ([True, False, None], pa.bool_(), [b"1", b"0", b""]),
        ([datetime.date(2024, 3, 1)], pa.date32(), [b"2024-03-01"]),
        ([datetime.time(1, 2, 3)], pa.time64("us"), [b"01:02:03"]),
        ([b"ab"], pa.binary(2), [b"ab"]),
        ([None], pa.null(), [b""]),
        ([2**64 - 1], pa.uint64(), [b"18446744073709551615"]),
        ([np.float16(0.5)], pa.float16(), [b"0.5"]),
        ([float("nan"), -0.0, float("inf")], pa.float32(), [b"", b"0", b"inf"]),
    ],
    ids=["bool", "date", "time", "bytes", "null", "uint64", "float16", "float32"],
)
def test_values_of_every_type_have_their_usual_text(values, kind, text):
    assert is_readable(kind)
    assert texts(values, kind) == text


UUIDS = [uuid.UUID(int=number) for number in (0, 10 * 256, 2**128 - 1)]
TEXTS = pa.array(["a", "b"], pa.string_view())
CODES = pa.array([0, None, 1], pa.uint32())


@pytest.mark.parametrize(
    "values, expected",
    [
        (pa.array([*(one.bytes for one in UUIDS), None], pa.uuid())[1:], [*UUIDS[1:], ""]),
        (pa.DictionaryArray.from_arrays(CODES, TEXTS), ["a", "", "b"]),  # Polars' categories
        (pa.DictionaryArray.from_arrays(CODES, TEXTS.cast(pa.binary_view())), ["a", "", "b"]),
        (pa.array([None, None], pa.dictionary(pa.int8(), pa.string())), ["", ""]),
        (
            pa.DictionaryArray.from_arrays(CODES, pa.array([1, 2], pa.date32())),
            ["1970-01-02", "", "1970-01-03"],
        ),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None]), ["a", "a", ""]),
    ],
    ids=["uuid", "polars", "bytes", "missing", "dates", "runs"],
)
def test_what_values_are_packed_in_leaves_their_text_as_it_is(values, expected):
    assert is_readable(values.type)
    assert text_of(plain_values(values)).to_pylist() == [str(text).encode() for text in expected]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_view(pa.string()),
        pa.list_(pa.string_view()),
        pa.large_list(pa.dictionary(pa.uint32(), pa.string_view())),
    ],
    ids=str,
)
def test_lists_of_views_have_the_items_of_lists(kind):
    plain = [["a", "b"], None, ["b", None]]
    values = pa.array(plain, pa.list_(pa.string()))
    if pa.types.is_dictionary(getattr(kind, "value_type", None)):
        items = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, None], pa.uint32()), TEXTS)
        packed = pa.LargeListArray.from_arrays([0, 2, 2, 4], items, mask=values.is_null())
    else:
        packed = pa.array(plain, kind)
    assert packed.type == kind and is_list_type(kind)
    assert item_texts(packed).equals(item_texts(values))


def test_uuids_of_parquet_are_ids(make_dataset, tmp_path):
    ids = pa.array([one.bytes for one in UUIDS] * 20, pa.uuid())
    parquet.write_table(pa.table({"label": [0, 1] * 30, "uid": ids}), tmp_path / "log.parquet")
    out = make_dataset(
        tmp_path / "log.parquet", generic("label", file_format="parquet"), min_count=1
    )
    vocabulary = (out / "vocabularies" / "uid.txt").read_text().split()
    assert sorted(vocabulary) == sorted(map(str, UUIDS))


def test_columns_may_stand_in_another_order_in_every_file(make_dataset, tmp_path):
    labels, users = [0, 1] * 30, [f"u{row % 4}" for row in range(60)]
    (tmp_path / "log").mkdir()
    write(tmp_path / "log" / "a.parquet", label=labels, user=users)
    write(tmp_path / "log" / "b.parquet", user=users, label=labels)
    out = make_dataset(tmp_path / "log", generic("label", file_format="parquet"), min_count=1)
    schema = Schema.load(out)
    assert sum(split.rows for split in schema.splits.values()) == 120
    assert schema.rejected == {} and schema.sparse[0].rows == 6


@pytest.mark.parametrize("lists", ["a", "b"])
def test_lists_in_one_file_and_none_in_another_are_refused_whichever_comes_first(
    make_dataset, tmp_path, lists
):
    (tmp_path / "log").mkdir()
    for name in "ab":
        users = [["u1"] if name == lists else "u1"] * 60
        write(tmp_path / "log" / f"{name}.parquet", label=[0, 1] * 30, user=users)
    with pytest.raises(DataError, match=r"'user' is of type string, which holds no lists") as told:
        make_dataset(tmp_path / "log", generic("label", file_format="parquet"))
    assert "ba"["ab".index(lists)] + ".parquet: " in str(told.value)


def test_a_column_of_times_needs_no_form(make_dataset, tmp_path):
    start = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
    times = [start + datetime.timedelta(minutes=row) for row in reversed(range(100))]
    kind = pa.timestamp("ns", "Europe/Oslo")
    columns = {"label": [0, 1] * 50, "user": ["a", "b"] * 50, "at": pa.array(times, kind)}
    write(tmp_path / "log.parquet", **columns)
    layout = generic("label", time_column="at", file_format="parquet")
    out = make_dataset(tmp_path / "log.parquet", layout, split="chronological", min_count=1)
    schema = Schema.load(out)
    assert [split.rows for split in schema.splits.values()] == [80, 10, 10]
    assert schema.sparse_names == ("user",)


def test_bytes_that_are_no_text_are_told(make_dataset, tmp_path):
    write(tmp_path / "log.parquet", label=[0, 1] * 30, key=[b"\xff\x00", b"\xfe"] * 30)
    layout = generic("label", file_format="parquet")
    with pytest.raises(DataError, match="column key: invalid UTF-8: .* .bytes that are no text"):
        make_dataset(tmp_path / "log.parquet", layout)


def prices_read(raw_of, file_format):
    """The prices of a block, NaN where missing; -1 and 9.5 mean missing."""
    layout = generic(
        "label", file_format=file_format, dense=("price",), missing_tokens=("NA", "-1", "9.5")
    )
    resolved = layout.resolve(("label", "price"), "the log")
    rows, rejects = decode_rows(raw_of(resolved), resolved, numeric_ids=False)
    assert not rejects
    return rows.dense["price"]


@pytest.mark.parametrize("kind", [pa.int8(), pa.float32(), pa.float64(), pa.decimal128(25, 3)])
def test_a_number_that_means_missing_does_so_in_every_type(kind):
    prices = pa.array([-1, 4, 9, None]).cast(kind)
    table = pa.table({"label": [0, 1, 0, 1], "price": prices})
    found = prices_read(lambda layout: raw_rows(table, 0, layout), "parquet")
    np.testing.assert_array_equal(found, [np.nan, 4, 9, np.nan])


def test_a_number_that_means_missing_does_so_however_it_is_written():
    prices = ["-1", "-1.0", "-1.00", "-1e0", "9.5", "9.50", "9.51", "-10", "NA", ""]
    text = "".join(f"{row % 2},{price}\n" for row, price in enumerate(prices)).encode()
    found = prices_read(lambda layout: parse_block(text, 99, layout, 1000), "text")
    np.testing.assert_array_equal(found, [np.nan] * 6 + [9.51, -10] + [np.nan] * 2)


@pytest.mark.parametrize("decimal_point", [".", ","])
def test_numbers_of_a_column_that_is_a_category_too_need_no_text(decimal_point):
    layout = generic("stars", file_format="parquet", dense=("price",), weight="weight",
                     label_above=2.5, decimal=decimal_point)  # fmt: skip
    layout = dataclasses.replace(layout, sparse=(SparseColumn("price", "price_id"),))
    names = ("stars", "price", "weight")
    resolved = layout.resolve(names, "the log")
    columns = [2.4, 2.6], [0.1, 1234.5], [0.5, 1.0]
    table = pa.table(dict(zip(names, map(pa.array, columns), strict=True)))
    rows, rejects = decode_rows(raw_rows(table, 0, resolved), resolved, numeric_ids=False)
    assert not rejects
    assert rows.label.tolist() == [0, 1]
    assert rows.dense["price"].tolist() == [0.1, 1234.5]
    assert rows.weight.tolist() == [0.5, 1.0]
    assert [values.to_pylist() for values in rows.sparse.values()] == [[b"0.1", b"1234.5"]]


def test_periods_of_pandas_are_no_numbers(make_dataset, tmp_path):
    """March 2024 became 650, the months since 1970, which no other program would send."""
    name = {b"ARROW:extension:name": b"pandas.period", b"ARROW:extension:metadata": b'{"freq":"M"}'}
    month = pa.field("month", pa.int64(), metadata=name)
    schema = pa.schema([("click", pa.int8()), ("user", pa.int8()), month])
    table = pa.table([[0, 1] * 30, [3, 4, 5] * 20, [648, 650] * 30], schema=schema)
    parquet.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"'month' is of type pandas\.period, .*write it as text"):
        make_dataset(tmp_path / "log.parquet", generic("click", file_format="parquet"))
    assert '"month",  # of type pandas.period' in describe([str(tmp_path / "log.parquet")])
