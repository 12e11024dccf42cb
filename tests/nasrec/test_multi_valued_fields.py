"""Multi-valued fields: lists pooled to one token, in every network, form and step."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from core_cases import (
    FEATURES,
    SMALL,
    SMALL_OPTIONS,
    WITH_LISTS,
    random_architectures,
    raw_inputs,
    raw_labels,
    shake,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.dataset.feature_schema import PADDING_ID
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.architecture.space import ANY, NASREC_SMALL
from nasrec_tf.data.features import Features, ListField
from nasrec_tf.networks.baselines import baseline
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.layers.feature_embedding import POOLING, QUERIES, FeatureEmbedding
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.weights import load_network, save_weights
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.adam import Adam
from nasrec_tf.training.compiled_step import CompiledStep

SPACE = SMALL.replace(num_blocks=1, dense_embeddings=ANY)
ONE_BLOCK = NASREC_SMALL.replace(
    num_blocks=1, dense_widths=(4,), sparse_widths=(3,), dense_operators=("fc",)
).widest
LOSS = keras.losses.BinaryCrossentropy(from_logits=True)
POOLINGS = ("mean", "sum", "attention")


def pooled_by_hand(table, ids, pooling, query):
    """One embedding of a list, item by item in double precision."""
    rows = np.array([table[item] for item in ids if item != PADDING_ID], float)
    if pooling == "sum":
        return rows.sum(axis=0)
    weights = np.ones(len(rows))
    if pooling == "attention":
        scores = rows @ query
        weights = np.exp(scores - scores.max())
    return weights @ rows / weights.sum()


@st.composite
def lists(draw):
    """Rows of a table, and some lists of them, filled up: (table rows, ids)."""
    rows, longest = draw(st.integers(3, 9)), draw(st.integers(1, 5))
    items = st.lists(st.integers(0, rows - 1), min_size=1, max_size=longest)
    found = draw(st.lists(items, min_size=1, max_size=4))
    return rows, np.array([each + [PADDING_ID] * (longest - len(each)) for each in found])


def layer_of(rows, longest, pooling, seed=0):
    """A layer of one multi-valued field, its table drawn, and a query."""
    layer = FeatureEmbedding((rows,), 4, None, lists=(ListField(0, longest, pooling),))
    random = np.random.default_rng(seed)
    layer.table.assign(random.normal(size=(rows, 4)).astype(np.float32))
    return layer, random.normal(size=(1, 4)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(lists(), st.sampled_from(POOLINGS), st.integers(0, 99))
def test_pooled_embeddings_are_those_by_hand(found, pooling, seed):
    rows, ids = found
    layer, query = layer_of(rows, ids.shape[1], pooling, seed)
    pooled = layer(ids, queries=query).numpy()[:, :, 0]
    table = layer.table.numpy()
    expected = [pooled_by_hand(table, each, pooling, query[0].astype(float)) for each in ids]
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(lists(), st.sampled_from(POOLINGS), st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(found, pooling, random):
    rows, ids = found
    layer, query = layer_of(rows, ids.shape[1], pooling)
    turned = ids.copy()
    for row in turned:
        items = row[row >= 0].tolist()
        random.shuffle(items)
        row[: len(items)] = items
    np.testing.assert_allclose(
        layer(turned, queries=query), layer(ids, queries=query), rtol=1e-4, atol=1e-5
    )


@settings(max_examples=15, deadline=None)
@given(lists(), st.sampled_from(POOLINGS))
def test_gradients_are_those_of_products_with_counts(found, pooling):
    """Of a dense formula, in which nothing is gathered and there is no padding."""
    rows, ids = found
    layer, query = layer_of(rows, ids.shape[1], pooling)
    counts = np.stack([np.bincount(row[row >= 0], minlength=rows) for row in ids])
    counts = counts.astype(np.float32)
    upstream = np.random.default_rng(1).normal(size=(len(ids), 4)).astype(np.float32)
    queries = tf.Variable(query)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(ids, queries=queries)[:, :, 0] * upstream)
    of_table, of_query = tape.gradient(loss, [layer.table.value, queries])
    table, vector = tf.Variable(layer.table.numpy()), tf.Variable(query)
    with tf.GradientTape() as tape:
        weights = tf.constant(counts)
        if pooling == "attention":
            scores = tf.linalg.matmul(table, vector, transpose_b=True)[:, 0]
            weights *= tf.exp(scores - tf.reduce_max(scores))
        if pooling != "sum":
            weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
        loss = tf.reduce_sum((weights @ table) * upstream)
    expected = tape.gradient(loss, [table, vector], unconnected_gradients="zero")
    np.testing.assert_allclose(tf.convert_to_tensor(of_table), expected[0], rtol=1e-3, atol=1e-4)
    if pooling == "attention":
        np.testing.assert_allclose(of_query, expected[1], rtol=1e-3, atol=1e-4)


def test_an_empty_list_is_a_missing_value():
    layer, query = layer_of(5, 3, "mean")
    empty, missing = np.full((1, 3), PADDING_ID), np.array([[0, PADDING_ID, PADDING_ID]])
    np.testing.assert_array_equal(layer(empty), layer(missing))


@pytest.mark.parametrize(
    ("pooling", "optimizer"),
    [
        ("mean", Adam),
        pytest.param("sum", Adagrad, marks=pytest.mark.slow),
        pytest.param("attention", Adam, marks=pytest.mark.slow),
    ],
)
def test_a_list_of_one_value_trains_as_a_single_value(pooling, optimizer):
    """Also where there is room for more: padding names no row, which Adam would move."""
    multi = Features(5, FEATURES.table_rows, (ListField(1, 3, pooling),))
    inputs, labels = raw_inputs(FEATURES, 24), raw_labels(24)
    ids = inputs["sparse"]
    fill = np.full((24, 2), PADDING_ID)
    listed = {**inputs, "sparse": np.concatenate([ids[:, :2], fill, ids[:, 2:]], axis=1)}
    trained = []
    for features, batch in ((FEATURES, inputs), (multi, listed)):
        model = Subnet(ONE_BLOCK, features, SMALL_OPTIONS, seed=4)
        model.compile(optimizer(0.05, row_decay=1e-3), loss=LOSS)
        model.fit(batch, labels, batch_size=6, shuffle=False, verbose=0)
        trained.append({name: each.numpy() for name, each in model.named_weights().items()})
    single, several = trained
    queries = several.pop(f"{POOLING}/{QUERIES}", np.zeros(1))
    assert not queries.any() and single.keys() == several.keys()
    for name, value in single.items():
        # The queries' zeros may change the order in which a norm is summed.
        exactly = 0 if pooling != "attention" else 1e-6
        np.testing.assert_allclose(several[name], value, rtol=exactly, atol=exactly, err_msg=name)


def compiled(model, **options):
    shake(model)
    model.compile(Adagrad(0.05, clip_norm=0.5, row_decay=1e-3, **options), loss=LOSS)
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def trained():
    """A supernet of lists, some steps on paths behind it."""
    supernet = compiled(Supernet(SPACE, WITH_LISTS, SMALL_OPTIONS, seed=3))
    supernet.fit(raw_inputs(WITH_LISTS, 48), raw_labels(48), batch_size=8, verbose=0)
    return supernet


def test_training_moves_the_queries_and_the_named_rows_alone():
    supernet = compiled(Supernet(SPACE, WITH_LISTS, SMALL_OPTIONS, seed=3))
    before = {weight.path: weight.numpy() for weight in supernet.trainable_variables}
    inputs = raw_inputs(WITH_LISTS, 6, seed=2)
    path = supernet.encode(SPACE.widest)
    supernet.train_on_path(path, inputs, raw_labels(6))
    moved = np.flatnonzero(
        (supernet.embedding.table.numpy() != before[supernet.embedding.table.path]).any(axis=1)
    )
    starts = np.repeat(np.cumsum((0, *WITH_LISTS.table_rows[:-1])), WITH_LISTS.widths)
    named = (inputs["sparse"] + starts)[inputs["sparse"] >= 0]
    assert set(moved) == set(named.tolist())
    [queries] = supernet.parts[POOLING].trainable_variables
    assert (queries.numpy() != before[queries.path]).all()


def test_a_path_and_its_network_give_the_same(trained):
    inputs = raw_inputs(WITH_LISTS, 6, seed=9)
    for architecture in random_architectures(SPACE, 4, seed=5):
        alone = trained.extract(architecture)
        np.testing.assert_array_equal(
            alone.named_weights()[f"{POOLING}/{QUERIES}"], trained.parts[POOLING].whole()[QUERIES]
        )
        np.testing.assert_allclose(
            alone(inputs), trained.logits(inputs, architecture), rtol=1e-5, atol=1e-6
        )


@pytest.mark.slow
def test_steps_by_masks_are_those_by_slices():
    pair = [compiled(Supernet(SPACE, WITH_LISTS, SMALL_OPTIONS, seed=3)) for _ in range(2)]
    pair[1].run_by_masks()
    for seed, architecture in enumerate(random_architectures(SPACE, 3, seed=2)):
        inputs, labels = raw_inputs(WITH_LISTS, 6, seed), tf.constant(raw_labels(6, seed))
        inputs = {name: tf.constant(value) for name, value in inputs.items()}
        path = pair[0].encode(architecture)
        losses = [each.train_on_path(path, inputs, labels)[1].numpy() for each in pair]
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    for active, masked in zip(*(each.trainable_variables for each in pair)):
        np.testing.assert_allclose(masked, active, rtol=2e-3, atol=5e-5, err_msg=active.path)


@pytest.mark.slow
def test_compiled_steps_are_the_networks_own():
    plain, by_xla = (
        compiled(Subnet(ONE_BLOCK, WITH_LISTS, SMALL_OPTIONS, seed=2)) for _ in range(2)
    )
    step = CompiledStep(by_xla)
    for seed in range(3):
        inputs, labels = raw_inputs(WITH_LISTS, 6, seed), tf.constant(raw_labels(6, seed))
        data = ({name: tf.constant(value) for name, value in inputs.items()}, labels)
        plain.reset_metrics()
        np.testing.assert_allclose(step(data)["loss"], plain.train_step(data)["loss"], rtol=1e-4)
    for found, expected in zip(by_xla.variables, plain.variables):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5, err_msg=expected.path)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_linear_terms_are_sums_or_means_of_the_items_weights(pooling):
    features = Features(0, (4, 9), (ListField(1, 3, pooling),))
    model = BaselineNetwork(baseline("lr"), features)
    shake(model)
    table = model.tables["first_order"].table.numpy()[:, 0].astype(float)
    bias = model.named_weights()["first_order/dense_bias"].numpy()[0]
    ids = np.array([[2, 5, 5, 1], [0, 7, PADDING_ID, PADDING_ID]])
    of_items = [table[4 + np.array(items)] for items in ([5, 5, 1], [7])]
    pooled = [each.sum() if pooling == "sum" else each.mean() for each in of_items]
    expected = table[ids[:, 0]] + pooled + bias
    np.testing.assert_allclose(model({"sparse": ids})[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["deepfm", pytest.param("dlrm", marks=pytest.mark.slow)])
def test_hand_made_models_read_one_vector_of_each_list(name, tmp_path):
    """A list of one value is a single value for them too; files hold the queries."""
    single = Features(5, FEATURES.table_rows)
    multi = dataclasses.replace(single, lists=(ListField(0, 2, "attention"),))
    inputs = raw_inputs(single, 6)
    fill = np.full((6, 1), PADDING_ID)
    ids = np.concatenate([inputs["sparse"][:, :1], fill, inputs["sparse"][:, 1:]], axis=1)
    small = baseline(name, **({"hidden": (8,)} if name == "deepfm" else {}))
    plain, listed = (BaselineNetwork(small, features, seed=1) for features in (single, multi))
    np.testing.assert_array_equal(listed({**inputs, "sparse": ids}), plain(inputs))
    shake(listed)
    listed.compile(Adagrad(0.05, row_decay=1e-3), loss=LOSS)
    batch = raw_inputs(multi, 6)
    listed.fit(batch, raw_labels(6), verbose=0)
    save_weights(listed, tmp_path / "net.npz")
    again = load_network(tmp_path / "net.npz")
    assert again.features == multi
    np.testing.assert_array_equal(again(batch), listed(batch))
    assert "embedding_pooling/queries" in again.named_weights()


def test_networks_of_lists_come_back_from_files_and_configurations(trained, tmp_path):
    alone = trained.extract(SPACE.widest)
    inputs = raw_inputs(WITH_LISTS, 5)
    save_weights(alone, tmp_path / "net.npz")
    again = load_network(tmp_path / "net.npz")
    assert again.features == WITH_LISTS
    np.testing.assert_array_equal(again(inputs), alone(inputs))
    alone.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(
        keras.saving.load_model(tmp_path / "net.keras")(inputs), alone(inputs)
    )
    other = Supernet.from_config(trained.get_config())
    assert [each.path for each in other.variables] == [each.path for each in trained.variables]
    assert "lists" not in Subnet(SPACE.widest, FEATURES, SMALL_OPTIONS).get_config()["features"]


def test_attention_is_counted_and_no_other_pooling():
    single = Features(WITH_LISTS.dense, WITH_LISTS.table_rows)
    architecture = SPACE.widest
    plain = complexity(architecture, single, SMALL_OPTIONS)
    listed = complexity(architecture, WITH_LISTS, SMALL_OPTIONS)
    # Each of 3 items times the query of 4 numbers, and times its weight.
    assert listed.multiply_accumulates - plain.multiply_accumulates == 2 * 3 * 4
    assert listed.parameters - plain.parameters == 4
    model = Subnet(architecture, WITH_LISTS, SMALL_OPTIONS)
    own = [each for each in model.trainable_variables if each is not model.embedding.table]
    assert listed.parameters == sum(int(np.prod(each.shape)) for each in own)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ((ListField(2, 3),), "different ones of 2 sparse fields"),
        ((ListField(1, 3), ListField(0, 3)), "by rising number"),
        ((ListField(1, 3), ListField(1, 2)), "different ones"),
    ],
)
def test_lists_that_do_not_fit_the_fields_are_refused(lists, message):
    with pytest.raises(ValueError, match=message):
        Features(0, (4, 9), lists)
    with pytest.raises(ValueError, match="`pooling` must be one of mean, sum, attention"):
        ListField(0, 2, "max")
    with pytest.raises(ValueError, match=r"'sparse' of shape \(batch, 4\)"):
        model = BaselineNetwork(baseline("lr"), Features(0, (4, 9), (ListField(1, 3),)))
        model({"sparse": np.ones((2, 2), int)})
