"""Multi-valued columns: items to ids, in text and in lists of Parquet, and what is cut off."""

import csv
import dataclasses
import io
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.cli import main
from beam_preprocess.dataset.feature_schema import PADDING_ID
from beam_preprocess.dataset.findings import Findings
from beam_preprocess.dataset.inspection import inspect
from beam_preprocess.dataset.record_reader import decode_example, read_records
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.datasets.toml_file import read_toml, tomllib
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.lists import json_items, json_texts
from beam_preprocess.reading.parquet_blocks import check_column_types, raw_rows
from beam_preprocess.running.describe import describe
from beam_preprocess.writing.tfexample import encode_records

ITEMS = ("drama", "comedy", "war", "noir")


def lists_of(rows, seed=0):
    """A list of items for each row: some empty, some long, some with an item twice."""
    random = np.random.default_rng(seed)
    chances = (0.4, 0.3, 0.2, 0.1)
    return [random.choice(ITEMS, random.integers(0, 6), p=chances).tolist() for _ in range(rows)]


def log_of(lists, separator="|"):
    rows = (f"{n % 3 == 0:d},u{n % 7},{separator.join(items)}" for n, items in enumerate(lists))
    return "label,user,genres\n" + "\n".join(rows) + "\n"


def layout(**column):
    return generic("label", lists=(SparseColumn("genres", **{"multi": "|"} | column),))


def records_of(directory):
    """The ids of all rows of all splits, by feature name."""
    schema, rows = Schema.load(directory), []
    for split in schema.splits.values():
        for name in split.files:
            for record in read_records(pathlib.Path(directory) / name):
                example = decode_example(record)
                rows.append((example["sparse"].tolist(), example["list_1"].tolist()))
    return rows


def vocabulary(directory, name="genres"):
    text = (pathlib.Path(directory) / "vocabularies" / f"{name}.txt").read_text()
    return text.splitlines()


def test_lists_of_json_are_the_lists_that_others_write(make_dataset, tmp_path):
    lists = lists_of(150)
    separated = make_dataset(log_of(lists), layout(), name="separated", min_count=1)
    log = io.StringIO()
    writer = csv.writer(log)
    writer.writerow(("label", "user", "genres"))
    for n, items in enumerate(lists):
        writer.writerow((int(n % 3 == 0), f"u{n % 7}", json.dumps(items)))
    out = make_dataset(log.getvalue(), layout(multi="json"), name="json", min_count=1)
    assert records_of(out) == records_of(separated)
    assert vocabulary(out) == vocabulary(separated)
    path = tmp_path / "log.csv"
    path.write_text(log.getvalue() + '1,u1,"[""war"", {}]"\n1,u1,war\n')
    assert tomllib.loads(describe([str(tmp_path / "raw-json.csv")]))["sparse"][1] == {
        "source": "genres", "multi": "json",
    }  # fmt: skip
    with pytest.raises(DataError, match="line 152: column genres: not a list of JSON with single"):
        make_dataset(path, layout(multi="json"), name="bad", max_reject_share=0.001)


@pytest.mark.parametrize("separator", ["|", "json"])
def test_lists_stand_where_a_log_had_texts(separator):
    lists = [["war", "noir"], [], None, ["drama"]]
    description = layout(multi=separator).resolve(("label", "user", "genres"), "log")
    description = dataclasses.replace(description, file_format="parquet")
    label, user = ["0", "1"] * 2, ["u"] * 4
    texts = [f"{json.dumps(items or [])}" if separator == "json" else separator.join(items or [])
             for items in lists]  # fmt: skip
    found = []
    for genres in (lists, texts):
        table = pa.table({"label": label, "user": user, "genres": genres})
        check_column_types(table.schema, description, "log")
        rows, rejects = decode_rows(raw_rows(table, 0, description), description, numeric_ids=False)
        assert not rejects
        found.append(rows.sparse["genres", None, separator].to_pylist())
    assert found[0] == found[1] == [[b"war", b"noir"], None, None, [b"drama"]]
    numbers = pa.table({"label": label, "user": user, "genres": [[2.0**60], [7.0], None, None]})
    (reject,) = raw_rows(numbers, 0, description).rejects
    assert "floats do not hold exactly" in reject.reason


ANY_ITEM = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"))


@given(st.lists(st.none() | st.lists(ANY_ITEM)))
def test_texts_of_lists_are_read_back(lists):
    encoded = [None if items is None else [item.encode() for item in items] for items in lists]
    texts = json_texts(pa.array(encoded, pa.list_(pa.binary())))
    found, bad = json_items(texts)
    assert found.to_pylist() == encoded and not len(bad)


def items_of(directory):
    """The items that the ids of all rows stand for, in no particular order of rows."""
    entries = ["?", "?", *vocabulary(directory)]
    return sorted([entries[k] for k in ids if k] for _, ids in records_of(directory))


def test_items_become_ids_in_their_order_each_for_itself(make_dataset):
    lists = lists_of(200)
    lists[5] = ["war", "war", "never seen elsewhere", "", "NA", "drama"]
    out = make_dataset(
        log_of(lists), generic("label", lists=layout().lists, missing_tokens=("NA",))
    )
    entries = vocabulary(out)
    assert entries[0] == "drama"  # by falling frequency of items
    known = {item: at + 2 for at, item in enumerate(entries)}
    expected = [
        [known.get(item, 1) for item in items if item not in ("", "NA")] or [0] for items in lists
    ]
    assert sorted(ids for _, ids in records_of(out)) == sorted(expected)
    feature = Schema.load(out).sparse[1]
    assert (feature.longest, feature.separator, feature.pooling) == (5, "|", "mean")
    assert feature.rows == len(entries) + 2


def test_lists_of_parquet_give_the_same_records_as_text(make_dataset, tmp_path):
    lists = lists_of(150)
    labels = [int(n % 3 == 0) for n in range(150)]
    users = [f"u{n % 7}" for n in range(150)]
    kinds = {
        "strings": pa.array([items or None for items in lists], pa.list_(pa.string())),
        "large": pa.array([[*items, None] for items in lists], pa.large_list(pa.large_string())),
        "coded": pa.array(lists, pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    }
    wanted = items_of(make_dataset(log_of(lists), layout()))
    for name, genres in kinds.items():
        table = pa.table({"label": labels, "user": users, "genres": genres})
        parquet.write_table(table, tmp_path / f"{name}.parquet")
        source = str(tmp_path / f"{name}.parquet")
        out = make_dataset(source, generic("label", file_format="parquet"), name=name)
        assert items_of(out) == wanted == sorted(lists)
        assert Schema.load(out).sparse[1].separator is None


def test_ids_of_numbers_in_lists_are_those_of_single_numbers(make_dataset, tmp_path):
    tags = pa.array([[7.0, None], [8.0], None, [7.0, 8.0]] * 20, pa.list_(pa.float64()))
    parquet.write_table(pa.table({"label": [0, 1] * 40, "tags": tags}), tmp_path / "log.parquet")
    out = make_dataset(str(tmp_path / "log.parquet"), generic("label", file_format="parquet"))
    assert sorted(vocabulary(out, "tags")) == ["7", "8"]


def test_what_is_cut_off_is_said(make_dataset, capsys):
    lists = lists_of(200)
    out = make_dataset(log_of(lists), layout(longest=2, pooling="attention"))
    feature, rows = Schema.load(out).sparse[1], records_of(out)
    assert max(len(ids) for _, ids in rows) == feature.longest == 2
    assert sum(len(items) > 2 for items in lists) > feature.cut_count > 0.5 * 160 * 0.5
    text = " ".join(finding.text for finding in Findings.load(out).warnings)
    assert "'genres'" in text and "have more than 2 items" in text
    card = (pathlib.Path(out) / "data_card.md").read_text()
    assert f"at most 2 of a row, the others of {feature.cut_count} training rows cut off" in card
    assert "pooled by attention" in card
    assert main(["inspect", str(out)]) == 0
    assert "lists of up to 2" in capsys.readouterr().out
    assert inspect(out)["rows"][0]["sparse"]["genres"] == rows[0][1]


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "encoding", ["vocabulary", *(pytest.param(name, marks=SLOW) for name in ("hash", "modulo"))]
)
def test_a_list_of_one_item_has_the_id_of_a_single_value(make_dataset, encoding):
    log = "label,user,x\n" + "".join(f"{n % 3 == 0:d},{n % 4},{n % 11 or ''}\n" for n in range(120))
    options = {"encoding": encoding, "table_rows": None if encoding == "vocabulary" else 9}
    single = make_dataset(log, generic("label"), name="single", **options)
    multi = generic("label", lists=(SparseColumn("x", multi="|"),))
    listed = make_dataset(log, multi, name="listed", **options)
    files = [name for split in Schema.load(single).splits.values() for name in split.files]
    for name in files:
        pairs = zip(
            read_records(pathlib.Path(single) / name),
            read_records(pathlib.Path(listed) / name),
            strict=True,
        )
        for one, other in pairs:
            one, other = decode_example(one), decode_example(other)
            assert one["sparse"].tolist() == [*other["sparse"], *other["list_1"]]


def test_a_number_that_is_none_is_rejected_where_numbers_are_needed(make_dataset):
    log = "label,x\n" + "0,1|2\n1,2|3\n" * 50 + "1,2|z\n"
    multi = generic("label", lists=(SparseColumn("x", multi="|"),))
    out = make_dataset(log, multi, encoding="modulo", table_rows=9)
    (reason,) = Schema.load(out).rejected
    assert reason == "column x: not a number, which --encoding modulo needs"


def test_a_data_set_of_single_values_reads_as_it_did(make_dataset, small_log):
    out = make_dataset(small_log(80))
    body = json.loads((pathlib.Path(out) / "schema.json").read_text())
    assert body["version"] == 2
    of_lists = {"longest", "separator", "pooling", "item_count", "cut_count"}
    assert not of_lists & set(body["sparse"][0])
    again = make_dataset(log_of(lists_of(80)), layout(), name="lists")
    assert json.loads((pathlib.Path(again) / "schema.json").read_text())["version"] == 3
    assert Schema.load(again) == Schema.from_json(Schema.load(again).to_json())


@st.composite
def batches_with_lists(draw):
    # Of fields 1 and 10, TensorFlow writes the features in an order of its own.
    rows, fields = draw(st.integers(1, 5)), draw(st.integers(1, 10))
    longest = draw(st.lists(st.none() | st.integers(1, 6), min_size=fields, max_size=fields))
    largest = draw(st.sampled_from([1, 127, 128, 2**31, 2**63 - 1]))
    ids = st.integers(0, largest)
    lists = [
        [draw(st.lists(ids, min_size=1, max_size=width or 1)) for width in longest]
        for _ in range(rows)
    ]
    padded = [
        [
            each
            for items, width in zip(row, longest, strict=True)
            for each in items + [PADDING_ID] * ((width or 1) - len(items))
        ]
        for row in lists
    ]
    return longest, lists, np.array(padded, np.int64)


@pytest.mark.slow
def test_records_of_lists_are_those_that_tensorflow_writes(tmp_path):
    import tensorflow as tf

    @settings(max_examples=25, deadline=None)
    @given(batches_with_lists())
    def check(batch):
        longest, lists, padded = batch
        label = np.arange(len(lists)) % 2
        path = str(tmp_path / "theirs")
        with tf.io.TFRecordWriter(path) as writer:
            for row, ids in enumerate(lists):
                example = tf.train.Example()
                feature = example.features.feature
                feature["label"].float_list.value.append(label[row])
                for field, (items, width) in enumerate(zip(ids, longest, strict=True)):
                    name = "sparse" if width is None else f"list_{field}"
                    feature[name].int64_list.value.extend(items)
                writer.write(example.SerializeToString(deterministic=True))
        ours, sizes = encode_records(label, np.zeros((len(lists), 0)), padded, longest=longest)
        assert ours == pathlib.Path(path).read_bytes()
        assert sizes.sum() == len(ours)

    check()


def test_describe_tells_lists_from_texts(tmp_path):
    lists = lists_of(300)
    rows = [
        f'{n % 2},{n % 5},{"|".join(items)},2024/{n % 9 + 1}/{n % 28},"street {n}, no. {n}",'
        f'"{n % 7},{n % 10}"'
        for n, items in enumerate(lists)
    ]
    header = "click,shop,genres,day,address,price"
    (tmp_path / "log.csv").write_text("\n".join([header, *rows]) + "\n")
    text = describe([str(tmp_path / "log.csv")])
    sparse = tomllib.loads(text)["sparse"]
    assert {"source": "genres", "multi": "|"} in sparse
    assert [entry for entry in sparse if isinstance(entry, dict)] == [
        {"source": "genres", "multi": "|"}
    ]
    (line,) = (line for line in text.splitlines() if '"genres"' in line)
    assert "of its values are several between '|', up to 5, of 4 different ones" in line
    (tmp_path / "log.toml").write_text(text)
    column = {column.source: column for column in read_toml(tmp_path / "log.toml").sparse}["genres"]
    assert column.multi == "|"
    table = pa.table({"click": [0, 1] * 5, "shop": list("abcde") * 2, "tags": [["x"], ["y"]] * 5})
    parquet.write_table(table, tmp_path / "log.parquet")
    found = tomllib.loads(describe([str(tmp_path / "log.parquet")]))
    assert {"source": "tags", "multi": True} in found["sparse"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"multi": ""}, "multi must be what stands between two items"),
        ({"multi": True}, "multi = true goes with lists of Parquet"),
        ({"multi": None, "longest": 3}, "longest and pooling go with a multi-valued column"),
        ({"longest": 0}, "longest must be at least 1, not 0"),
        ({"longest": 10**6}, "longest must be at most 1000"),
        ({"pooling": "max"}, "pooling must be one of mean, sum, attention, not 'max'"),
        ({"derive": "weekday"}, "derive goes with single values"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(column, message):
    with pytest.raises(DataError, match=message) as error:
        layout(**column)
    assert "\n" not in str(error.value) and "genres" in str(error.value)


def test_columns_that_do_not_fit_are_named(make_dataset, tmp_path):
    log = log_of(lists_of(60))
    with pytest.raises(DataError, match="no column 'genre', did you mean 'genres'"):
        make_dataset(log, generic("label", lists=(SparseColumn("genre", multi="|"),)))
    with pytest.raises(DataError, match="column 'user' is named as multi-valued, and as label"):
        lists = (SparseColumn("user", multi="|"),)
        make_dataset(log, generic("label", ignore=("user",), lists=lists), name="ignored")
    table = pa.table({"label": [0, 1] * 30, "user": ["a|b", "c"] * 30})
    parquet.write_table(table, tmp_path / "text.parquet")
    lists = (SparseColumn("user", multi=True),)
    with pytest.raises(DataError, match="'user' is of type string, which holds no lists"):
        source = str(tmp_path / "text.parquet")
        make_dataset(source, generic("label", lists=lists, file_format="parquet"), name="text")


def test_the_command_line_says_it_in_few_words(tmp_path, capsys):
    (tmp_path / "log.csv").write_text(log_of(lists_of(100), ";"))
    command = ["--dataset", "csv", "--label", "label", "--input", str(tmp_path / "log.csv")]
    options = ["--multi", "genres", "--multi-separator", ";", "--pooling", "sum", "--quiet"]
    assert main([*command, *options, "--output", str(tmp_path / "out")]) == 0
    feature = Schema.load(tmp_path / "out").sparse[1]
    assert (feature.separator, feature.pooling, feature.longest) == (";", "sum", 5)
    assert main([*command, "--pooling", "sum", "--output", str(tmp_path / "no")]) == 2
    assert "--pooling goes with --multi" in capsys.readouterr().err
