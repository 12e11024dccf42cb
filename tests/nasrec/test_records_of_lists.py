"""Batches of a data set with multi-valued features: in memory, streamed, and resumed."""

import itertools

import numpy as np
import pytest

from beam_preprocess.api import preprocess
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.feature_schema import PADDING_ID
from beam_preprocess.dataset.record_reader import decode_example, read_records
from beam_preprocess.datasets.generic import generic
from beam_preprocess.reading.column_kinds import SparseColumn
from nasrec_tf.data.drawn_rows import row_sample
from nasrec_tf.data.features import Features, ListField
from nasrec_tf.data.records import Records

ROWS, BATCH = 500, 32
SETS = ("of lists and values", pytest.param("of lists alone", marks=pytest.mark.slow))


@pytest.fixture(scope="module", params=SETS)
def directory(request, tmp_path_factory):
    """A data set whose second and fourth sparse feature are lists of at most 4 and 3 items."""
    random, home = np.random.default_rng(0), tmp_path_factory.mktemp("lists")
    lines = ["label,a,tags,b,more"]
    for n in range(ROWS):
        tags, more = (
            "|".join(map(str, random.integers(0, 9, random.integers(0, most)))) for most in (5, 4)
        )
        lines.append(f"{n % 3 == 0:d},a{n % 5},{tags},b{n % 7},{more}")
    (home / "log.csv").write_text("\n".join(lines) + "\n")
    lists = tuple(
        SparseColumn(name, multi="|", pooling=pooling)
        for name, pooling in (("tags", "sum"), ("more", None))
    )
    ignore = ("a", "b") if request.param == "of lists alone" else ()
    description = generic("label", ignore=ignore, lists=lists)
    config = PreprocessConfig(description, str(home / "set"), inputs=(str(home / "log.csv"),))
    preprocess(config)
    return home / "set"


@pytest.fixture(params=[2 << 30, 0], ids=["memory", "streamed"])
def records(request, directory):
    return Records(directory, memory_limit=request.param)


def padded(example, schema):
    """The ids of a record in one row, as a batch has them."""
    singles, row = iter(example.get("sparse", ())), []
    for field, feature in enumerate(schema.sparse):
        ids = example[f"list_{field}"].tolist() if feature.is_list else [next(singles)]
        row += ids + [PADDING_ID] * (feature.width - len(ids))
    return tuple(int(each) for each in row)


def written(records, split):
    files = (records.directory / name for name in records.schema.splits[split].files)
    examples = map(decode_example, itertools.chain.from_iterable(map(read_records, files)))
    return [(padded(each, records.schema), float(each["label"][0])) for each in examples]


def rows_of(batches):
    return [
        (tuple(ids.tolist()), float(label[0]))
        for inputs, labels in batches
        for ids, label in zip(inputs["sparse"].numpy(), labels.numpy(), strict=True)
    ]


def test_batches_hold_what_was_written_filled_up(records):
    for split in ("train", "test"):
        assert rows_of(records.batches(split, BATCH)) == written(records, split)
    ids = records.input_spec["sparse"].shape[1]
    assert ids == records.features.id_columns == sum(records.schema.sparse_widths)


def test_the_schema_says_what_networks_read(records):
    schema = records.schema
    places = [field for field, feature in enumerate(schema.sparse) if feature.is_list]
    lists = (ListField(places[0], 4, "sum"), ListField(places[1], 3, "mean"))
    assert records.features == Features(0, schema.sparse_rows, lists)


def test_an_epoch_has_every_row_once_and_resumes_at_any_step(records):
    whole = rows_of(records.training_batches(BATCH, epoch=1, seed=5))
    kept = len(whole)
    assert kept == records.rows("train") // BATCH * BATCH
    rest = rows_of(records.training_batches(BATCH, epoch=1, seed=5, start=4))
    assert rest == whole[4 * BATCH :]
    everything = sorted(written(records, "train"))
    assert all(row in everything for row in whole)
    assert whole != rows_of(records.training_batches(BATCH, epoch=2, seed=5))


@pytest.mark.parametrize("count", [1, 60, ROWS])
def test_drawn_rows_are_rows_of_the_split_and_the_same_ones_each_time(records, count):
    found = row_sample(records, "train", count, seed=5)
    rows = records.rows("train")
    assert len(found) == len(set(found.numbers)) == min(count, rows)
    assert (np.diff(found.numbers) > 0).all()
    stored = written(records, "train")
    expected = [stored[number][0] for number in found.numbers]
    assert [tuple(row) for row in found.sparse.tolist()] == expected
    np.testing.assert_array_equal(found.numbers, row_sample(records, "train", count, 5).numbers)
    other = row_sample(records, "train", count, seed=6).numbers
    assert count >= rows or not np.array_equal(found.numbers, other)


def test_some_of_drawn_rows_are_drawn_from_them(records):
    found = row_sample(records, "train", 60, seed=5)
    some = found.some(10, seed=1)
    places = np.searchsorted(found.numbers, some.numbers)
    np.testing.assert_array_equal(found.numbers[places], some.numbers)
    np.testing.assert_array_equal(found.sparse[places], some.inputs["sparse"])
