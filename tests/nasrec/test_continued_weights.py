"""A network that goes on from one of other data: known rows and kernels are taken, others drawn."""

import dataclasses
import pathlib
import tempfile
from unittest import mock

import numpy as np
import pytest
from core_cases import FEATURES, SMALL, SMALL_OPTIONS, raw_inputs, shake
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.dataset.feature_schema import DenseFeature, SparseFeature
from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.dataset.schema import Schema, Split
from nasrec_tf.common.errors import RunError
from nasrec_tf.data.features import Features
from nasrec_tf.data.matched_ids import MatchedIds, column_difference, vocabulary
from nasrec_tf.networks import weights
from nasrec_tf.networks.baselines import load_baseline
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.continued_weights import KnownRows, TableRows, continue_network
from nasrec_tf.networks.layers.feature_embedding import FeatureEmbedding
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.weights import save_weights

WORDS = st.lists(
    st.binary(max_size=70).filter(lambda word: b"\n" not in word), max_size=12, unique=True
)


def id_of(word, words):
    """As a data set encodes it."""
    return words.index(word) + 2 if word in words else None


def row_of(index, rows):
    """As a table with fewer rows than ids folds them."""
    return index if index < rows else 2 + (index - 2) % max(rows - 2, 1)


def earlier_ids(before, now):
    def ids(field, count):
        found = [0, 1, *(id_of(word, before[field]) or -1 for word in now[field])]
        return np.array(found[:count], np.int64)

    return ids


@settings(max_examples=10, deadline=None)
@given(
    before=st.lists(WORDS, min_size=2, max_size=2),
    now=st.lists(WORDS, min_size=2, max_size=2),
    caps=st.tuples(st.integers(3, 20), st.integers(3, 20)),
    pieces=st.lists(st.integers(1, 5), min_size=1),
)
def test_rows_of_known_values_are_taken_and_others_stay(before, now, caps, pieces):
    """Vocabularies that have grown, shrunk or changed their order; tables with and without cap."""
    sizes = [[min(len(words) + 2, cap) for words in two] for two, cap in zip((before, now), caps)]
    layer = FeatureEmbedding(sizes[1], 4, seed=1)
    drawn, old = layer.table.numpy().copy(), np.arange(4.0 * sum(sizes[0])).reshape(-1, 4)
    old = old.astype(np.float32) + 1000
    taken = KnownRows(TableRows(layer, (0, 1), sizes[0], earlier_ids(before, now)))
    first = 0
    while first < len(old):
        size = pieces[first % len(pieces)]
        taken.take(first, old[first : first + size])
        first += size
    known = 0
    for field in (0, 1):
        starts = [field * size[0] for size in sizes]
        for row in range(sizes[1][field]):
            index = row if row < 2 else id_of(now[field][row - 2], before[field])
            found = layer.table.numpy()[starts[1] + row]
            if index is None:
                np.testing.assert_array_equal(found, drawn[starts[1] + row])
            else:
                known += 1
                expected = old[starts[0] + row_of(index, sizes[0][field])]
                np.testing.assert_array_equal(found, expected)
    assert taken.known == known


def data_set(directory, words, encoding="vocabulary", rows=9):
    """A directory of which ids are read alone."""
    sparse, radix = [], "hex" if encoding == "modulo" else None
    for field, each in enumerate(words):
        name = f"vocabularies/{field}.txt" if encoding == "vocabulary" else None
        size = len(each) + 2 if name else rows
        sparse.append(SparseFeature(f"s{field}", f"s{field}", encoding, size, name, radix=radix))
    (directory / "vocabularies").mkdir()
    for field, each in enumerate(words):
        content = b"".join(word + b"\n" for word in each)
        (directory / f"vocabularies/{field}.txt").write_bytes(content)
    (directory / MANIFEST_FILE).write_text("{}")
    split = Split(1, 0, ("a",))
    schema = Schema(
        name="test",
        label="click",
        dense=(DenseFeature("d", "d", "log1p"),),
        sparse=tuple(sparse),
        splits={name: split for name in ("train", "validation", "test")},
    )
    schema.save(directory)
    return schema


@settings(max_examples=6, deadline=None)
@given(before=WORDS, now=WORDS)
def test_ids_are_matched_by_value(before, now):
    with (
        tempfile.TemporaryDirectory() as place,
        mock.patch("nasrec_tf.data.matched_ids.verify_file"),
    ):
        directories = [pathlib.Path(place) / name for name in ("before", "now")]
        for directory, words in zip(directories, (before, now)):
            directory.mkdir()
            data_set(directory, [words])
        found = MatchedIds(*directories)(0, len(now) + 2)
        expected = earlier_ids([before], [now])(0, len(now) + 2)
        np.testing.assert_array_equal(found, expected)
        schema = MatchedIds(*directories).schemas[1]
        assert vocabulary(directories[1], schema.sparse[0]).to_pylist() == now


@pytest.mark.parametrize("encoding", ["hash", "modulo"])
def test_buckets_are_their_own(tmp_path, encoding):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        data_set(tmp_path / name, [[b"x"]], encoding)
    found = MatchedIds(tmp_path / "a", tmp_path / "b")(0, 9)
    np.testing.assert_array_equal(found, np.arange(9))


def test_other_columns_are_named(tmp_path):
    schemas = {}
    for name, arguments in {
        "one": ([[b"x"]],),
        "two": ([[b"x"], [b"y"]],),
        "hash": ([[b"x"]], "hash"),
        "wide": ([[b"x"]], "hash", 20),
    }.items():
        (tmp_path / name).mkdir()
        schemas[name] = data_set(tmp_path / name, *arguments)
    told = {
        ("one", "two"): "sparse column 's1' is there, but is missing",
        ("two", "one"): "sparse column 's1' is missing, but is there",
        ("one", "hash"): "column 's0' has encoding 'hash', but 'vocabulary'",
        ("hash", "wide"): "column 's0' has 20 rows by hash, but 9",
        ("one", "one"): None,
    }
    for (before, now), expected in told.items():
        assert column_difference(schemas[before], schemas[now]) == expected


def test_how_lists_are_written_is_no_other_column_and_whether_there_are_is(tmp_path):
    data_set(tmp_path, [[b"x"]])
    schema = Schema.load(tmp_path)
    (single,) = schema.sparse
    listed = {
        between: dataclasses.replace(
            schema,
            sparse=(dataclasses.replace(single, longest=3, separator=between, pooling=pooling),),
        )
        for between, pooling in (("|", "mean"), (None, "mean"), (",", "sum"))
    }
    assert column_difference(listed["|"], listed[None]) is None
    assert "has pooling 'sum', but 'mean'" in column_difference(listed["|"], listed[","])
    assert "is multi-valued, but of single values" in column_difference(schema, listed["|"])


SPACE = SMALL.replace(num_blocks=1, dense_operators=("fc",), dense_widths=(4,), sparse_widths=(3,))


def networks(kind, table_rows):
    for rows in table_rows:
        features = Features(FEATURES.dense, rows)
        if kind == "subnet":
            yield Subnet(SPACE.widest, features, SMALL_OPTIONS, seed=len(rows) + rows[0])
        else:
            yield BaselineNetwork(load_baseline(kind), features, seed=rows[0])


@pytest.mark.parametrize("kind", ["subnet", "dcnv2", "wide_deep"])
def test_the_same_value_gets_the_same_logit(kind, tmp_path, monkeypatch):
    """Rows in reverse order, which a network cannot notice; read in small pieces."""
    monkeypatch.setattr(weights, "PIECE", 7)
    rows = FEATURES.table_rows
    before, now = networks(kind, (rows, tuple(count + 3 for count in rows)))
    for variable in before.named_weights().values():
        variable.assign_add(np.random.default_rng(0).normal(size=variable.shape))
    save_weights(before, tmp_path / "net.npz")

    def ids(field, count):
        reverse = np.arange(rows[field] - 1, 1, -1)
        return np.concatenate([[0, 1], [-1] * 3, reverse])[:count]

    told = continue_network(now, tmp_path / "net.npz", rows, ids)
    assert told.endswith("rows of its tables")
    inputs = raw_inputs(FEATURES, 8)
    sparse = inputs["sparse"]
    # A value of id 2 has the last id now, and so on.
    renamed = np.where(sparse < 2, sparse, np.array(rows) + 4 - sparse)
    expected = before(inputs).numpy()
    found = now({"dense": inputs["dense"], "sparse": renamed}).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_another_network_is_refused_in_a_line(tmp_path):
    (other,) = networks("dcnv2", (FEATURES.table_rows,))
    (network,) = networks("subnet", (FEATURES.table_rows,))
    shake(network)
    save_weights(other, tmp_path / "net.npz")
    with pytest.raises(RunError, match="cannot be read as this network's weights"):
        continue_network(
            network,
            tmp_path / "net.npz",
            FEATURES.table_rows,
            lambda field, count: np.arange(count),
        )
