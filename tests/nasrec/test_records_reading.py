"""Reading a data set that Beam wrote: values, order, and where an epoch resumes."""

import collections
import zlib

import numpy as np
import pytest
import tensorflow as tf

from beam_preprocess.dataset.record_reader import decode_example, read_records
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.data.records import Records, derived_seed
from nasrec_tf.networks.layers.feature_embedding import FeatureEmbedding

BATCH = 64
SPLITS = ("train", "validation", "test")


@pytest.fixture(params=["records", "streamed_records"])
def any_records(request):
    return request.getfixturevalue(request.param)


def rows_of(batches):
    """Rows of batches as hashable values."""
    rows = []
    for inputs, labels in batches:
        for dense, sparse, label in zip(
            inputs["dense"].numpy(), inputs["sparse"].numpy(), labels.numpy()
        ):
            rows.append((tuple(dense.tolist()), tuple(sparse.tolist()), float(label[0])))
    return rows


def written(records, split):
    """Rows of a split read without TensorFlow, in file order."""
    rows = []
    for name in records.schema.splits[split].files:
        for record in read_records(records.directory / name):
            example = decode_example(record)
            rows.append(
                (
                    tuple(example["dense"].tolist()),
                    tuple(example["sparse"].tolist()),
                    float(example["label"][0]),
                )
            )
    return rows


@pytest.mark.parametrize("split", SPLITS)
def test_batches_hold_what_was_written_in_file_order(any_records, split):
    expected = written(any_records, split)
    assert rows_of(any_records.batches(split, BATCH)) == expected
    assert any_records.rows(split) == len(expected)
    assert rows_of(any_records.batches(split, BATCH, limit=70)) == expected[:70]
    assert rows_of(any_records.batches(split, BATCH, limit=10**6)) == expected
    np.testing.assert_array_equal(any_records.labels(split), [label for *_, label in expected])


def test_batches_are_of_the_declared_shapes(any_records):
    dense, sparse = any_records.features.dense, any_records.features.sparse
    assert (dense, sparse) == (13, 26)
    for inputs, labels in any_records.batches("train", BATCH):
        for name, spec in any_records.input_spec.items():
            assert spec.is_compatible_with(inputs[name])
        assert labels.shape[1:] == [1] and labels.dtype == tf.float32
        assert set(np.unique(labels)) <= {0.0, 1.0}


def test_ids_lie_in_their_tables(records):
    for split in SPLITS:
        for inputs, _ in records.batches(split, BATCH):
            ids = inputs["sparse"].numpy()
            assert (ids >= 0).all() and (ids < records.features.table_rows).all()


def test_an_epoch_trains_on_different_rows_once_and_leaves_out_less_than_a_batch(any_records):
    steps = any_records.steps_per_epoch(BATCH)
    everything = collections.Counter(written(any_records, "train"))
    seen = rows_of(any_records.training_batches(BATCH, epoch=1, seed=3))
    assert len(seen) == steps * BATCH > any_records.rows("train") - BATCH
    assert not collections.Counter(seen) - everything


def test_epochs_and_seeds_give_other_orders(any_records):
    records = any_records

    def order(epoch, seed):
        return rows_of(records.training_batches(BATCH, epoch, seed))

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(1, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != written(records, "train")[: len(order(0, 1))]


@pytest.mark.parametrize("start", [0, 1, 5])
def test_an_epoch_resumes_at_any_step(any_records, start):
    whole = rows_of(any_records.training_batches(BATCH, epoch=2, seed=5))
    rest = rows_of(any_records.training_batches(BATCH, epoch=2, seed=5, start=start))
    assert rest == whole[start * BATCH :]


def test_a_batch_larger_than_the_split_is_told_with_the_mend(records):
    with pytest.raises(UserError) as error:
        records.steps_per_epoch(10**6)
    message = str(error.value)
    assert "--batch-size" in message and str(records.directory) in message
    assert "\n" not in message


def test_what_is_no_data_set_is_told(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        Records(tmp_path)


def test_seeds_for_purposes_differ_and_stay():
    seeds = {derived_seed(seed, name) for seed in range(10) for name in ("rows", "supernet")}
    assert len(seeds) == 20 and min(seeds) >= 0
    words = np.random.SeedSequence((3, zlib.crc32(b"rows"))).generate_state(1)
    assert derived_seed(3, "rows") == words[0] >> 1


# Tables.


def test_ids_beyond_a_capped_table_fold_behind_the_two_reserved_rows():
    features = Features(0, (20, 5, 2, 1)).capped(6)
    assert features.table_rows == (6, 5, 2, 1)
    embedding = FeatureEmbedding(features.table_rows, embedding_dim=4)
    ids = np.stack([np.arange(20)] * 4, axis=1)
    rows = embedding.rows(ids).numpy() - np.array([0, 6, 11, 13])
    expected = [0, 1, 2, 3, 4, 5] + [2 + (value - 2) % 4 for value in range(6, 20)]
    assert rows[:, 0].tolist() == expected
    for field, size in enumerate(features.table_rows):
        assert rows[:size, field].tolist() == list(range(size))
        assert rows[:, field].min() >= 0 and rows[:, field].max() < size
        assert not set(rows[size:, field]) & {0, 1} or size <= 2


def test_a_look_up_gives_each_field_its_own_rows():
    embedding = FeatureEmbedding((3, 4), embedding_dim=2)
    table = np.arange(14, dtype=np.float32).reshape(7, 2)
    embedding.table.assign(table)
    found = embedding(np.array([[2, 0], [0, 3]])).numpy()
    assert found.shape == (2, 2, 2)
    np.testing.assert_array_equal(found[0].T, table[[2, 3]])
    np.testing.assert_array_equal(found[1].T, table[[0, 6]])


def test_tables_start_glorot_normal_whatever_the_others_sizes_are():
    one = FeatureEmbedding((500, 2000), embedding_dim=16, seed=9).table.numpy()
    other = FeatureEmbedding((500, 30), embedding_dim=16, seed=9).table.numpy()
    np.testing.assert_array_equal(one[:500], other[:500])
    assert one[:500].std() == pytest.approx((2 / 516) ** 0.5, rel=0.05)
    assert one[500:].std() == pytest.approx((2 / 2016) ** 0.5, rel=0.05)


def test_a_cap_leaves_room_for_values():
    with pytest.raises(ValueError, match="at least 3"):
        Features(0, (20,)).capped(2)
    assert Features(0, (20,)).capped(None).table_rows == (20,)


@pytest.mark.parametrize("order", ["shuffled", "file"])
@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_nobody_waits_for_a_tuner_that_has_nothing_to_tune(records, memory, order):
    """Whoever lets go of an iterator would wait until the tuner's thread wakes."""
    read = Records(records.directory, memory_limit=memory)
    read.order = order  # whatever order the rows stand in
    ways = [read.batches(split, BATCH, limit) for split in SPLITS for limit in (None, 70)]
    ways += [read.training_batches(BATCH, 0, 3, start) for start in (0, 1, 10**6)]
    ways += [way.repeat().take(3) for way in ways]
    assert [way.options().autotune.enabled for way in ways] == [False] * len(ways)
