"""PROFIT's network: its products by brute force, how they are written, and what is refused."""

import functools
import itertools
import math

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from core_cases import FEATURES, NO_DENSE, raw_inputs, shake
from hypothesis import given, settings

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import baseline
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.baselines.profit import FactoredProducts, KeptProducts, factors_name
from nasrec_tf.networks.baselines.ranked_products import (
    CHUNK,
    heaviest_products,
    product_count,
    weights_of,
)


def sum_of_products(vectors, weight):
    """Over all sets of 2 or more of the vectors, (batch, embedding), in double precision."""
    count = vectors.shape[1]
    sets = [each for k in range(2, count + 1) for each in itertools.combinations(range(count), k)]
    vectors = vectors.astype(np.float64)
    return sum(weight(each) * np.prod(vectors[:, list(each)], axis=1) for each in sets)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), st.integers(1, 3), st.integers(0, 2**31))
def test_the_factored_layer_is_the_sum_over_all_products_of_different_fields(
    count, order, rank, seed
):
    rng, order = np.random.default_rng(seed), min(order, count)
    vectors = rng.normal(size=(3, count, 2)).astype(np.float32)
    piece = FactoredProducts(count, 2, order, rank, "glorot_uniform")
    betas = {spec.name: rng.normal(size=spec.shape).astype(np.float32) for spec in piece.weights()}

    def weight(fields):
        if len(fields) > order:
            return 0.0
        beta = betas[factors_name(len(fields))].astype(np.float64)
        return np.prod(beta[:, list(fields)], axis=1).sum()

    found = piece(tf.constant(vectors), weights={k: tf.constant(b) for k, b in betas.items()})
    wanted = sum_of_products(vectors, weight)
    size = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * size)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(2, 6), st.integers(0, 2**31))
def test_kept_products_are_their_sum(data, count, seed):
    sets = [each for k in range(2, count + 1) for each in itertools.combinations(range(count), k)]
    kept = data.draw(st.lists(st.sampled_from(sets), min_size=1, unique=True))
    vectors = np.random.default_rng(seed).normal(size=(3, count, 2)).astype(np.float32)
    found = KeptProducts(tuple(kept), 2)(tf.constant(vectors), weights={})
    np.testing.assert_allclose(
        found, sum_of_products(vectors, lambda each: float(each in kept)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("dense_fields", ["vectors", "token", "raw"])
def test_products_are_of_the_fields_that_they_name(dense_fields):
    named = {"vectors": "I2 C3", "token": "token C3", "raw": "C1 C3"}[dense_fields]
    options = {"hidden": (), "embedding_dim": 4, "dense_fields": dense_fields}
    net = BaselineNetwork(baseline("profit", products=(named,), **options), FEATURES)
    shake(net)
    inputs = raw_inputs(FEATURES, 6)
    weights = {name: value.numpy() for name, value in net.named_weights().items()}
    rows = weights["embedding/table"][net.tables["embedding"].rows(inputs["sparse"]).numpy()]
    dense = inputs["dense"]
    first = {
        "vectors": lambda: dense[:, 1:2] * weights["vectors/vectors"][1],
        "token": lambda: dense @ weights["vectors/token_kernel"] + weights["vectors/token_bias"],
        "raw": lambda: rows[:, 0],
    }[dense_fields]()
    flat = [dense] if dense_fields != "vectors" else []
    if dense_fields == "vectors":
        flat.append((dense[:, :, None] * weights["vectors/vectors"]).reshape(6, -1))
    read = np.concatenate([*flat, rows.reshape(6, -1), first * rows[:, 2]], axis=1)
    wanted = read @ weights["deep/output_kernel"] + weights["deep/output_bias"]
    np.testing.assert_allclose(net(inputs), wanted, rtol=1e-3, atol=1e-4)


def test_products_are_written_in_one_way():
    written = ("C10 C2 I1", "C2 C1", "C2 token")
    assert baseline("profit", products=written).products == ("token C2", "C1 C2", "I1 C2 C10")
    one, other = (baseline("profit", products=each) for each in (written, written[::-1]))
    assert one == other and one.order is None
    assert baseline("profit") == baseline("profit", order=3, rank=4)


def test_orders_above_the_number_of_vectors_have_no_products():
    model = baseline("profit", order=5, embedding_dim=4)
    assert list(model.pieces(NO_DENSE)["interaction"].weights()) == list(
        baseline("profit", order=3, embedding_dim=4).pieces(NO_DENSE)["interaction"].weights()
    )
    assert "interaction" not in model.pieces(Features(2, (9,)))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"order": 1}, ["'order'", "1"]),
        ({"order": 11}, ["'order'", "11"]),
        ({"rank": 0}, ["'rank'", "0"]),
        ({"products": ("C1 C2",), "rank": 2}, ["'rank'", "'products'", "2"]),
        ({"products": ("C1 C2",), "order": 2}, ["'order'", "'products'", "2"]),
        ({"products": ("C1",)}, ["'products'", "'C1'"]),
        ({"products": ("C1 C0",)}, ["'products'", "'C1 C0'"]),
        ({"products": ("C1\nC2 user",)}, ["'products'", "user"]),
        ({"products": ("C1 C1",)}, ["'products'", "different", "'C1 C1'"]),
        ({"products": ("C1 C2", "C2 C1")}, ["'products'", "'C1 C2'", "twice"]),
        ({"products": "C1 C2"}, ["'products'"]),
        ({"products": (("C1", "C2"),)}, ["'products'"]),
    ],
)
def test_what_cannot_be_used_is_one_line(options, told):
    with pytest.raises(UserError) as error:
        baseline("profit", **options)
    message = str(error.value)
    assert "\n" not in message and all(part in message for part in told), message


@pytest.mark.parametrize(
    ("product", "dense_fields", "told"),
    [
        ("C1 C9", "raw", ["C9", "C1 to C3"]),
        ("I1 C1", "raw", ["I1", "C1 to C3"]),
        ("token C1", "vectors", ["token", "I1 to C3"]),
    ],
)
def test_products_of_fields_without_vectors_are_refused(product, dense_fields, told):
    model = baseline("profit", products=(product,), dense_fields=dense_fields)
    with pytest.raises(UserError) as error:
        model.pieces(FEATURES)
    assert all(part in str(error.value) for part in told), str(error.value)


# What a search keeps.


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(2, 4), st.integers(1, 80), st.integers(0, 2**31))
def test_the_heaviest_products_are_those_of_the_whole_tensor(count, order, keep, seed):
    order = min(order, count)
    beta = np.random.default_rng(seed).normal(size=(3, count))
    tensor = sum(functools.reduce(np.multiply.outer, [row] * order) for row in beta)
    places = list(itertools.combinations(range(count), order))
    wanted = sorted(places, key=lambda each: -abs(tensor[each]))[:keep]
    found = heaviest_products(beta, order, keep)
    assert [each for each, _ in found] == wanted
    np.testing.assert_allclose([weight for _, weight in found], [tensor[each] for each in wanted])


def test_products_are_gone_through_in_pieces_and_the_first_of_equal_ones_wins():
    count = 80
    assert product_count(count, 3) > CHUNK
    beta = np.full((1, count), 1.0)
    assert [each for each, _ in heaviest_products(beta, 3, 2)] == [(0, 1, 2), (0, 1, 3)]
    beta[0, -3:] = 2.0
    assert heaviest_products(beta, 3, 1) == [((77, 78, 79), 8.0)]
    assert weights_of(beta, np.array([[0, 78, 79]])) == [4.0]


def test_more_products_than_can_be_gone_through_are_refused():
    with pytest.raises(UserError, match=rf"{math.comb(1000, 3):,} products of order 3") as error:
        heaviest_products(np.zeros((1, 1000)), 3, 10)
    assert "\n" not in str(error.value)
