"""Multi-valued features in an export: the ids of training, from lists as a client sends them."""

import functools
import pathlib
import tempfile

import export_samples as samples
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from beam_preprocess.dataset.feature_schema import PADDING_ID
from nasrec_tf.data.features import Features
from nasrec_tf.export.contents import describe_export
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.network import load_exported_network
from nasrec_tf.export.preprocessing import Preprocessing
from nasrec_tf.export.raw_inputs import LIST
from nasrec_tf.export.saved_model import export_saved_model
from nasrec_tf.export.vocabularies import vocabulary_files
from nasrec_tf.networks.subnet import Subnet

items = st.sampled_from([*samples.GENRES, "unseen", "", "NA", "-1", "a", "b"])
numbers = st.integers(0, 2**40).map(str) | st.sampled_from(["", "NA", "7"])


def text_of(item):
    return st.lists(item, max_size=6).map(samples.SEPARATOR.join)


rows = st.lists(
    st.fixed_dictionaries(
        {"genres": text_of(items), "tags": text_of(items), "ids": text_of(numbers), "shop": items}
    ),
    min_size=1,
    max_size=6,
)


@functools.cache
def graph():
    """The preprocessing as a traced graph."""
    data_set = samples.data_set_of_lists()
    directory = data_set.write(pathlib.Path(tempfile.mkdtemp()))
    ranks = {c.column: [None, None] if c.kind == LIST else [None] for c in data_set.columns}
    specs = {column: tf.TensorSpec(shape, tf.string) for column, shape in ranks.items()}
    module = Preprocessing(data_set.schema, vocabulary_files(data_set.schema, directory))
    return tf.function(module, input_signature=[specs])


@settings(max_examples=15, deadline=None)
@given(rows)
def test_lists_become_the_ids_that_the_records_stage_gives_them(found):
    data_set = samples.data_set_of_lists()
    kept, _, expected = data_set.records(found, numeric_ids=False)
    assert len(kept) == len(found)
    requests = data_set.requests(found)
    served = graph()({name: tf.constant(values) for name, values in requests.items()})
    np.testing.assert_array_equal(served["sparse"], expected)
    # A client that has the text of the log sends it as one item.
    texts = {
        c.column: np.array([[row[c.column].encode()] for row in found], object)
        if c.kind == LIST
        else requests[c.column]
        for c in data_set.columns
    }
    served = graph()({name: tf.constant(values) for name, values in texts.items()})
    np.testing.assert_array_equal(served["sparse"], expected)


def test_no_items_at_all_are_a_missing_value():
    request = {name: tf.zeros([2, 0], tf.string) for name in ("genres", "tags", "ids")}
    served = graph()(request | {"shop": tf.constant(["", "a"])})["sparse"].numpy()
    padding = [PADDING_ID] * 2
    assert served[0].tolist() == [0, *padding, 0, 0, *padding, PADDING_ID, 0, PADDING_ID, 0, -1]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small network, its export, and the directory of that."""
    data_set, home = samples.data_set_of_lists(), tmp_path_factory.mktemp("lists")
    features = Features.of_schema(data_set.schema)
    subnet = Subnet(samples.tiny_architecture(), features, seed=5)
    for number, variable in enumerate(subnet.trainable_variables):
        noise = tf.random.stateless_normal(variable.shape, (1, number), 0.0, 0.3)
        variable.assign(variable + noise)
    directory = export_saved_model(
        subnet, data_set.schema, data_set.write(home), home / "models", "lists"
    )
    return data_set, subnet, directory


ROWS = (
    {"genres": "war|drama|unseen|é", "tags": "x|y", "ids": "7|12|5", "shop": "a"},
    {"genres": "", "tags": "NA||x", "ids": "", "shop": "NA"},
    {"genres": "film noir", "tags": "x|x|x", "ids": "-1", "shop": "b"},
)


def test_a_saved_model_answers_lists_as_the_network_answers_their_ids(exported):
    data_set, subnet, directory = exported
    _, _, ids = data_set.records(ROWS)
    expected = tf.sigmoid(subnet({"dense": np.zeros((3, 0)), "sparse": ids}))[:, 0]
    served = tf.saved_model.load(str(directory))
    requests = {c.name: data_set.requests(ROWS)[c.column] for c in data_set.columns}
    tensors = {name: tf.constant(values) for name, values in requests.items()}
    answers = served.signatures["serving_default"](**tensors)["probability"]
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    assert len(set(np.round(expected.numpy(), 5))) == 3


def test_examples_hold_lists_of_any_length_or_none(exported):
    data_set, subnet, directory = exported
    _, _, ids = data_set.records(ROWS)
    expected = tf.sigmoid(subnet({"dense": np.zeros((3, 0)), "sparse": ids}))[:, 0]
    examples = []
    for row in ROWS:
        example = tf.train.Example()
        for name, text in row.items():
            values = text.split("|") if name != "shop" else [text]
            if text:  # What is missing is left out.
                feature = example.features.feature[name].bytes_list
                feature.value.extend(value.encode() for value in values)
        examples.append(example.SerializeToString())
    served = tf.saved_model.load(str(directory))
    answers = served.signatures["serving_examples"](examples=tf.constant(examples))
    np.testing.assert_allclose(answers["probability"], expected, atol=1e-6)


def test_an_export_of_lists_is_described_and_loaded_again(exported):
    data_set, subnet, directory = exported
    assert "lists        genres, tags, ids" in describe_export(directory)
    again = load_exported_network(directory)
    assert again.features == subnet.features
    _, _, ids = data_set.records(ROWS)
    batch = {"dense": np.zeros((3, 0), np.float32), "sparse": ids}
    np.testing.assert_allclose(again(batch), subnet(batch), atol=1e-6)


def test_a_network_of_other_lists_is_refused(tmp_path):
    data_set = samples.data_set_of_lists()
    single = Features(0, data_set.schema.sparse_rows)
    subnet = Subnet(samples.tiny_architecture(), single)
    with pytest.raises(ExportError, match=r"lists of up to \(1, 1, 1, 1, 1\) items does not fit"):
        export_saved_model(subnet, data_set.schema, tmp_path, tmp_path / "models", "x")
