"""The serving graph's preprocessing gives what the records stage gives, id for id."""

import datetime
import functools
import pathlib
import tempfile

import export_samples as samples
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.api import preprocess
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.feature_schema import DenseFeature, SparseFeature
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.dataset.time_formats import YYMMDDHH, time_format
from beam_preprocess.datasets.avazu import avazu
from beam_preprocess.datasets.criteo import criteo
from beam_preprocess.reading.decode import number_of
from beam_preprocess.reading.moments import moments_of as arrow_moments
from beam_preprocess.reading.moments import seconds_of
from nasrec_tf.export.derivations import derived_categories, moments_of
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.modulo import MAX_MODULUS, ModuloIds
from nasrec_tf.export.preprocessing import Preprocessing
from nasrec_tf.export.raw_inputs import NUMBER, raw_inputs
from nasrec_tf.export.vocabularies import vocabulary_files

unhurried = settings(deadline=None, max_examples=40)

# Text columns of a tab separated file; the records stage rejects line breaks and bad UTF-8.
any_text = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\t\n\r"), max_size=12
)
missing = st.sampled_from(["", "NA", "-1"])
categories = st.sampled_from(samples.CATEGORIES) | any_text | missing
hours = missing | st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2099, 12, 31)).map(
    lambda moment: moment.strftime("%y%m%d%H")
)
hexadecimal = st.from_regex(
    r"-?[0-9a-fA-F]{1,40}", fullmatch=True, alphabet=st.characters(codec="ascii")
)
decimal = st.from_regex(r"-?[0-9]{1,60}", fullmatch=True, alphabet=st.characters(codec="ascii"))


def number_text(number):
    return str(int(number)) if abs(number) < 1e15 and number == int(number) else repr(number)


numbers = missing | (
    st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-5, 3000)
).map(number_text)


@functools.cache
def graph_of(make_data_set):
    """The traced preprocessing of a data set."""
    data_set = make_data_set()
    directory = pathlib.Path(tempfile.mkdtemp())
    data_set.write(directory)
    return data_set, traced(data_set.schema, directory)


def traced(schema, directory):
    graph = Preprocessing(schema, vocabulary_files(schema, directory))
    dtypes = {c.column: tf.float32 if c.kind == NUMBER else tf.string for c in raw_inputs(schema)}
    signature = {column: tf.TensorSpec([None], dtype) for column, dtype in dtypes.items()}
    return tf.function(graph, input_signature=[signature])


def check_equal(make_data_set, rows, **options):
    data_set, graph = graph_of(make_data_set)
    kept, dense, sparse = data_set.records(rows, **options)
    served = graph({name: tf.constant(values) for name, values in data_set.requests(rows).items()})
    assert served["sparse"].dtype == tf.int64
    np.testing.assert_array_equal(served["sparse"].numpy()[kept], sparse)
    if data_set.schema.dense:
        assert served["dense"].dtype == tf.float32
        # TensorFlow takes numbers below the normal ones of 32 bit for zero.
        smallest = np.finfo(np.float32).tiny
        np.testing.assert_allclose(
            served["dense"].numpy()[kept], dense, rtol=1e-6, atol=2 * smallest
        )
    return kept


def rows_of(**columns):
    return st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=8)


@unhurried
@given(
    rows_of(
        count=numbers,
        price=numbers,
        age=numbers,
        level=numbers,
        C1=categories,
        C2=categories,
        C3=missing | hexadecimal,
        hour=hours,
        never_common=categories,
        C4=missing | hexadecimal | decimal,
    )
)
def test_every_transform_encoding_and_derivation_equals_the_records_stage(rows):
    kept = check_equal(samples.mixed_data_set, rows)
    assert len(kept) == len(rows)


@unhurried
@given(
    rows_of(
        **{name: any_text for name in ("site id", "site_id", "class", "self", "возраст")},
        hour=hours.filter(lambda hour: hour != "NA" and hour != "-1"),
    )
)
def test_hashed_columns_without_dense_features_equal_the_records_stage(rows):
    check_equal(samples.avazu_like_data_set, rows)


@unhurried
@given(
    rows_of(
        I1=numbers.filter(lambda text: text != "NA"),
        C1=hexadecimal,
        C2=hexadecimal | st.just(""),
        id=decimal | hexadecimal,
        user=decimal | hexadecimal,
    )
)
def test_modulo_ids_of_long_numbers_equal_the_records_stage(rows):
    kept = check_equal(samples.modulo_data_set, rows, numeric_ids=True)
    assert len(kept) == len(rows)


def written(form):
    """Times as a form writes them, and a few that are none."""
    some = st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30))
    return st.one_of(
        some.map(lambda moment: time_format(form).write(moment.replace(microsecond=0))),
        st.sampled_from(["", "NA", "-1"]),
    )


@unhurried
@given(
    rows_of(
        signed_up=written("%d/%m/%Y"),
        clicked=written("iso8601") | st.just("2024-02-29T23:30:00.5-03:30"),
        born=written("%b %d, %Y"),
        seen=written("seconds") | st.sampled_from(["-0.5", "86399.999", "-86400.25"]),
        price=numbers,
    )
)
def test_hours_days_and_ages_equal_the_records_stage(rows):
    kept = check_equal(samples.times_data_set, rows)
    assert len(kept) == len(rows)


any_time = st.text("0123456789-/:. TZaApPmMfeboct+,", max_size=24) | st.datetimes().map(str)


@unhurried
@given(
    st.sampled_from(["iso8601", "seconds", "milliseconds", "%d %b %Y %I:%M %p", "%d/%m/%y"]),
    st.lists(any_time | any_text, min_size=1, max_size=30),
)
def test_the_graph_and_the_records_refuse_the_same_times(form, texts):
    found = moments_of(tf.constant([text.encode() for text in texts]), time_format(form))
    expected = arrow_moments(pa.array(texts, pa.string()), time_format(form))
    assert found.valid.numpy().tolist() == expected.valid.tolist()
    seconds = found.seconds.numpy()[expected.valid]
    assert seconds.tolist() == expected.seconds[expected.valid].tolist()


@unhurried
@given(
    st.sampled_from(["hex", "decimal_or_hex"]),
    st.lists(
        any_text | hexadecimal | decimal | st.sampled_from(["-", "0x1f", "1_0", "٣"]), min_size=1
    ),
)
def test_a_value_that_is_no_number_has_the_id_of_a_missing_one(radix, texts):
    feature = SparseFeature("f", "f", "modulo", 1001, radix=radix)

    def expected(text):
        try:
            return number_of(text.encode(), radix) % 1000 + 1
        except ValueError:
            return 0

    ids = ModuloIds([feature])([tf.constant([text.encode() for text in texts])])
    assert ids.numpy()[:, 0].tolist() == [expected(text) for text in texts]


def test_numbers_of_thousands_of_digits_do_not_overflow():
    feature = SparseFeature("f", "f", "modulo", 2**31 + 1, radix="decimal_or_hex")
    texts = ["9" * 4000, "-" + "f" * 8192, "f" * 8193, "1" + "0" * 127, "1" + "0" * 128]
    ids = ModuloIds([feature])([tf.constant(texts)]).numpy()[:, 0].tolist()
    numbers = [number_of(text.encode(), "decimal_or_hex") for text in texts]
    assert ids == [0 if k == 2 else n % 2**31 + 1 for k, n in enumerate(numbers)]


def test_a_table_beyond_the_range_of_the_arithmetic_is_refused_by_name():
    feature = SparseFeature("C7", "C7", "modulo", MAX_MODULUS + 2, radix="hex")
    with pytest.raises(ExportError, match="'C7'.*another encoding"):
        ModuloIds([feature])


@unhurried
@given(st.lists(any_text | st.from_regex(r"[0-9]{6,9}", fullmatch=True), min_size=1, max_size=30))
def test_an_hour_that_does_not_exist_has_the_id_of_a_missing_one(texts):
    data_set, graph = graph_of(samples.avazu_like_data_set)

    def is_hour(text):
        try:
            seconds_of(text, YYMMDDHH)
        except ValueError:
            return False
        return True

    raw = {column.column: tf.constant([b"x"] * len(texts)) for column in data_set.columns}
    raw["hour"] = tf.constant([text.encode() for text in texts])
    ids = graph(raw)["sparse"].numpy()
    assert (ids[:, 0] > 0).tolist() == [is_hour(text) for text in texts]
    assert (ids[:, 1] > 0).tolist() == [is_hour(text) for text in texts]


def test_every_day_of_the_century_has_its_weekday():
    days = [datetime.datetime(2000, 1, 1) + datetime.timedelta(days=k) for k in range(36525)]
    texts = tf.constant([day.strftime("%y%m%d13") for day in days])
    moments = moments_of(texts, time_format(YYMMDDHH))
    weekdays = derived_categories(moments, "weekday")
    assert moments.valid.numpy().all()
    assert [int(weekday) for weekday in weekdays.numpy()] == [day.weekday() for day in days]


def test_a_number_that_is_not_finite_or_is_a_missing_token_is_missing():
    data_set, graph = graph_of(samples.mixed_data_set)
    values = np.array([np.nan, np.inf, -np.inf, -1.0, 7.0], np.float32)
    raw = {c.column: tf.constant([b""] * len(values)) for c in data_set.columns}
    raw |= {name: tf.constant(values) for name in ("count", "price", "age")}
    dense = graph(raw)["dense"].numpy()
    assert dense[:, 3].tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert dense[:4, 2].tolist() == [-7.5] * 4
    assert dense[4, :3].tolist() == pytest.approx([np.log(8.0), 9.5, 7.0])
    assert dense[:, 4].tolist() == pytest.approx([np.log(4.0)] * 5)


def test_text_with_a_decimal_comma_is_a_number_where_the_log_had_such(tmp_path):
    schema = samples.schema_of(
        [DenseFeature("price", "price", "identity", missing=-7.0)],
        [SparseFeature("price_id", "price", "hash", 50)],
        ("9,9",),
    )
    texts = ["3,5", "-0,25", "1e1", "9,90", "9,9", "1.234,5", ""]
    raw = {"price": tf.constant(texts)}
    found = {
        decimal: Preprocessing(schema, {}, decimal)(raw)["dense"][:, 0].numpy().tolist()
        for decimal in (",", ".")
    }
    assert found == {
        ",": [3.5, -0.25, 10.0, -7.0, -7.0, -7.0, -7.0],
        ".": [-7.0, -7.0, 10.0, -7.0, -7.0, -7.0, -7.0],
    }


def test_the_columns_of_a_request_have_names_that_tensorflow_takes():
    names = {c.column: c.name for c in samples.avazu_like_data_set().columns}
    assert names["site_id"] == "site_id"
    assert names["site id"] == "site_id_2"
    assert names["class"] == "feature_class"
    assert names["self"] == "feature_self"
    assert names["hour"] == "hour"
    assert len(set(names.values())) == len(names)


def test_a_column_that_is_both_dense_and_sparse_is_sent_as_text():
    kinds = {column.column: column.kind for column in samples.mixed_data_set().columns}
    assert kinds["level"] == "text"
    assert kinds["count"] == "number"


def criteo_lines(random, rows):
    for _ in range(rows):
        label = str(random.integers(2))
        integers = [str(n) if n > -5 else "" for n in random.integers(-8, 900, 13)]
        categories = [f"{n:08x}" if n else "" for n in random.integers(0, 30, 26)]
        yield "\t".join([label, *integers, *categories])


def avazu_lines(random, rows):
    yield ",".join(avazu().columns)
    for k in range(rows):
        hour = f"141{random.integers(0, 3)}{random.integers(10, 29)}{random.integers(24):02d}"
        rest = [f"{n:x}" if n else "" for n in random.integers(0, 30, 21)]
        yield ",".join([str(10000000000000000000 + k), str(random.integers(2)), hour, *rest])


@pytest.mark.parametrize("encoding", ["vocabulary", "modulo", "hash"])
@pytest.mark.parametrize("description, lines", [(criteo, criteo_lines), (avazu, avazu_lines)])
def test_a_data_set_written_by_the_records_stage_is_repeated_by_the_graph(
    tmp_path, description, lines, encoding
):
    description = description()
    texts = {}
    for seed, split in enumerate(("train", "validation", "test")):
        texts[split] = list(lines(np.random.default_rng(seed), 200))
        (tmp_path / split).write_text("\n".join(texts[split]) + "\n")
    config = PreprocessConfig(
        description=description,
        output=str(tmp_path / "data"),
        split="given",
        split_inputs={split: (str(tmp_path / split),) for split in texts},
        encoding=encoding,
    )
    directory = preprocess(config)
    schema = Schema.load(directory)
    graph = traced(schema, directory)
    rows = texts["test"][1:] if description.header else texts["test"]
    split = [row.split(description.delimiter) for row in rows]
    cells = [dict(zip(description.columns, row)) for row in split]
    served = graph(samples.DataSet(schema).requests(cells))
    dense, sparse = read_records(directory, schema, "test")
    assert len(sparse) == 200
    assert sorted_rows(served["sparse"].numpy()) == sorted_rows(sparse)
    if schema.dense:
        both = np.concatenate([sparse, np.round(dense, 4)], axis=1)
        ours = np.concatenate([served["sparse"], np.round(served["dense"], 4)], axis=1)
        assert sorted_rows(ours) == sorted_rows(both)


def read_records(directory, schema, split):
    features = {"sparse": tf.io.FixedLenFeature([len(schema.sparse)], tf.int64)}
    if schema.dense:
        features["dense"] = tf.io.FixedLenFeature([len(schema.dense)], tf.float32)
    files = [str(directory / name) for name in schema.splits[split].files]
    records = tf.data.TFRecordDataset(files, "GZIP").batch(100000).get_single_element()
    parsed = tf.io.parse_example(records, features)
    return parsed.get("dense"), parsed["sparse"].numpy()


def sorted_rows(array):
    return sorted(map(tuple, np.asarray(array).tolist()))


def test_a_damaged_vocabulary_is_named(tmp_path):
    data_set = samples.mixed_data_set()
    data_set.write(tmp_path)
    path = tmp_path / "vocabularies/C1.txt"
    path.write_text("one\n")
    with pytest.raises(ExportError, match=r"C1\.txt: 1 entries where the schema says 6"):
        vocabulary_files(data_set.schema, tmp_path)
    path.write_text("1\r\n" * 6, newline="")
    with pytest.raises(ExportError, match=r"C1\.txt: an entry holds a carriage return"):
        vocabulary_files(data_set.schema, tmp_path)
    path.unlink()
    with pytest.raises(ExportError, match=r"C1\.txt: cannot be read"):
        vocabulary_files(data_set.schema, tmp_path)


def test_transforms_see_the_missing_value_before_they_are_applied():
    dense = [DenseFeature("x", "x", "log1p", missing=9.0)]
    schema = samples.schema_of(dense, [SparseFeature("C", "C", "hash", 5)])
    served = traced(schema, pathlib.Path("."))({"x": tf.constant([np.nan]), "C": tf.constant([""])})
    assert served["dense"].numpy()[0, 0] == pytest.approx(np.log(10.0))
