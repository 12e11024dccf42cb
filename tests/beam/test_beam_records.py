"""Records written and read without TensorFlow are TensorFlow's own."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from beam_preprocess.dataset.record_reader import decode_example, read_records
from beam_preprocess.errors import DataError
from beam_preprocess.writing.tfexample import encode_records


@st.composite
def batches(draw):
    rows = draw(st.integers(1, 6))
    dense = draw(st.integers(0, 40))
    sparse = draw(st.integers(0, 40))
    floats = st.floats(width=32, allow_nan=False)
    largest = draw(st.sampled_from([1, 127, 128, 2**14, 2**31, 2**63 - 1]))
    return (
        draw(hnp.arrays(np.uint8, rows, elements=st.integers(0, 1))),
        draw(hnp.arrays(np.float32, (rows, dense), elements=floats)),
        draw(hnp.arrays(np.int64, (rows, sparse), elements=st.integers(0, largest))),
    )


def frames(data):
    """Splits framed TFRecords into records, without looking at the checksums."""
    records = []
    while data:
        length = int.from_bytes(data[:8], "little")
        records.append(data[12 : 12 + length])
        data = data[12 + length + 4 :]
    return records


@settings(max_examples=60, deadline=None)
@given(batches())
def test_decoding_gives_what_was_encoded(batch):
    label, dense, sparse = batch
    records = frames(encode_records(label, dense, sparse)[0])
    assert len(records) == len(label)
    for row, record in enumerate(records):
        example = decode_example(record)
        assert example["label"] == [label[row]]
        assert example["sparse"].tolist() == sparse[row].tolist()
        assert ("dense" in example) == (dense.shape[1] > 0)
        assert example.get("dense", np.zeros(0)).tolist() == dense[row].tolist()


def test_the_bytes_are_those_that_tensorflow_writes(tmp_path):
    import tensorflow as tf

    random = np.random.default_rng(3)
    label = random.integers(0, 2, 200)
    dense = random.normal(size=(200, 13)).astype(np.float32)
    sparse = (2.0 ** random.uniform(0, 40, size=(200, 26))).astype(np.int64)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for row in range(200):
            example = tf.train.Example()
            feature = example.features.feature
            feature["label"].float_list.value.append(label[row])
            feature["dense"].float_list.value.extend(dense[row])
            feature["sparse"].int64_list.value.extend(sparse[row])
            writer.write(example.SerializeToString(deterministic=True))
    assert encode_records(label, dense, sparse)[0] == (tmp_path / "theirs").read_bytes()


def test_no_rows_make_no_bytes():
    nothing, _ = encode_records(np.zeros(0, np.uint8), np.zeros((0, 2)), np.zeros((0, 3), np.int64))
    assert nothing == b""


@pytest.mark.parametrize("at", [0, 9, 20, -1])
def test_a_flipped_bit_is_found(tmp_path, at):
    records, _ = encode_records(np.ones(1), np.ones((1, 2), np.float32), np.ones((1, 2), int))
    data = bytearray(records)
    data[at] ^= 1
    (tmp_path / "x.gz").write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(DataError, match="x.gz: (damaged|truncated)"):
        list(read_records(tmp_path / "x.gz"))


def test_a_truncated_file_is_found(tmp_path):
    data, _ = encode_records(np.ones(50), np.ones((50, 2), np.float32), np.ones((50, 2), int))
    (tmp_path / "x.gz").write_bytes(gzip.compress(data)[:-20])
    with pytest.raises(DataError, match="x.gz: truncated"):
        list(read_records(tmp_path / "x.gz"))
