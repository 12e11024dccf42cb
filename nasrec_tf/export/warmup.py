"""Requests that TF Serving runs on a model before it answers others with it.

TF Serving reads them from ``assets.extra/tf_serving_warmup_requests``, a TFRecord file of
``tensorflow.serving.PredictionLog``. These messages are a few nested fields, so they are put
together here: the package that defines them (tensorflow-serving-api) does not install beside every
TensorFlow. Field numbers from tensorflow/serving, ``apis/*.proto``.
"""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from nasrec_tf.export.raw_inputs import LIST, NUMBER, RawInput
from nasrec_tf.export.signatures import (
    CLASSIFICATION,
    REGRESSION,
    SERVING_DEFAULT,
    SERVING_EXAMPLES,
)

WARMUP_FILE = "tf_serving_warmup_requests"

_CLASSIFY_LOG, _REGRESS_LOG, _PREDICT_LOG = 2, 3, 6  # PredictionLog
_LOG_REQUEST = 1  # ClassifyLog, RegressLog, PredictLog
_REQUEST_MODEL, _REQUEST_INPUT = 1, 2  # ClassificationRequest, RegressionRequest, PredictRequest
_MODEL_NAME, _MODEL_SIGNATURE = 1, 3  # ModelSpec
_INPUT_EXAMPLE_LIST, _LIST_EXAMPLE = 1, 1  # Input, ExampleList
_MAP_KEY, _MAP_VALUE = 1, 2

Row = Mapping[str, Any]
"""Raw values by column: numbers, texts, and lists of texts."""


def write_warmup_requests(
    directory: pathlib.Path,
    name: str,
    inputs: Sequence[RawInput],
    rows: Sequence[Row],
    batch_sizes: Sequence[int],
) -> pathlib.Path:
    """Writes requests for every signature at every batch size.

    Args:
        directory: the ``assets.extra`` of an export.
        name: of the model.
        inputs: raw columns of the model.
        rows: raw values by column, at least one row; repeated where a batch needs more.
        batch_sizes: rows per request.
    """
    path = directory / WARMUP_FILE
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in batch_sizes:
            batch = [rows[index % len(rows)] for index in range(size)]
            for log in _requests(name, inputs, batch):
                writer.write(log)
    return path


def filled_up(lists: Sequence[Sequence[str]]) -> list[list[str]]:
    """Lists of items as a request holds them: of one length, empty items behind the last.

    Args:
        lists: of each row.

    Example:
        >>> filled_up([["a", "b"], []])
        [['a', 'b'], ['', '']]
    """
    longest = max(map(len, lists), default=0)
    return [[*items, *[""] * (longest - len(items))] for items in lists]


def serialized_example(inputs: Sequence[RawInput], row: Row) -> bytes:
    """A raw row as a serialized ``tf.train.Example`` with the columns as keys.

    Args:
        inputs: the columns.
        row: a value for each of them, by column.
    """
    example = tf.train.Example()
    for column in inputs:
        feature = example.features.feature[column.column]
        if column.kind == NUMBER:
            feature.float_list.value.append(row[column.column])
        elif column.kind == LIST:
            feature.bytes_list.value.extend(item.encode("utf-8") for item in row[column.column])
        else:
            feature.bytes_list.value.append(str(row[column.column]).encode("utf-8"))
    return example.SerializeToString(deterministic=True)


def _requests(name: str, inputs: Sequence[RawInput], batch: Sequence[Row]) -> Iterator[bytes]:
    columns = {
        column.name: np.array(
            filled_up([row[column.column] for row in batch])
            if column.kind == LIST
            else [row[column.column] for row in batch],
            np.float32 if column.kind == NUMBER else object,
        )
        for column in inputs
    }
    examples = [serialized_example(inputs, row) for row in batch]
    yield _log(_PREDICT_LOG, name, SERVING_DEFAULT, _tensors(columns))
    packed = {"examples": np.array(examples, object)}
    yield _log(_PREDICT_LOG, name, SERVING_EXAMPLES, _tensors(packed))
    example_list = b"".join(_field(_LIST_EXAMPLE, example) for example in examples)
    example_input = _field(_REQUEST_INPUT, _field(_INPUT_EXAMPLE_LIST, example_list))
    yield _log(_CLASSIFY_LOG, name, CLASSIFICATION, example_input)
    yield _log(_REGRESS_LOG, name, REGRESSION, example_input)


def _log(kind: int, name: str, signature: str, inputs: bytes) -> bytes:
    model = _field(_MODEL_NAME, name.encode()) + _field(_MODEL_SIGNATURE, signature.encode())
    return _field(kind, _field(_LOG_REQUEST, _field(_REQUEST_MODEL, model) + inputs))


def _tensors(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The map ``inputs`` of a PredictRequest."""
    entries = []
    for key, array in arrays.items():
        tensor = tf.make_tensor_proto(array).SerializeToString(deterministic=True)
        entry = _field(_MAP_KEY, key.encode()) + _field(_MAP_VALUE, tensor)
        entries.append(_field(_REQUEST_INPUT, entry))
    return b"".join(entries)


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field of a number below 16."""
    length = bytearray()
    rest = len(payload)
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    length.append(rest)
    return bytes([number << 3 | 2]) + bytes(length) + payload
