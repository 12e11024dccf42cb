"""Graphs of blocks: their equations by hand, how they are written, and what they refuse."""

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
from nasrec_tf.networks.baselines.block_graph import KINDS, MLP


@st.composite
def graphs(draw, most=4):
    """Blocks of any graph, as they are written."""
    written = []
    for number in range(1, draw(st.integers(1, most)) + 1):
        kind = draw(st.sampled_from(KINDS))
        there = ["dense", "sparse", *map(str, range(1, number))]
        read = draw(st.lists(st.sampled_from(there), min_size=1, unique=True))
        width = f" {draw(st.integers(1, 9))}" if kind == MLP else ""
        written.append(f"{kind}{width}: {' '.join(read)}")
    return tuple(written)


def logits_by_hand(net, inputs):
    """The equations, block by block, in double precision."""
    weights = {name: value.numpy() for name, value in net.named_weights().items()}
    rows = net.tables["embedding"].rows(inputs["sparse"]).numpy()
    vectors = weights["embedding/table"].astype(np.float64)[rows]
    raw = inputs.get("dense")
    raw = np.zeros((len(rows), 0)) if raw is None else raw.astype(np.float64)
    outputs, read = [], set()

    def affine(x, name):
        return x @ weights[f"{name}_kernel"] + weights[f"{name}_bias"]

    for number, text in enumerate(net.baseline.blocks, start=1):
        head, sources = text.split(":")
        sources = sources.split()
        read |= set(sources)
        parts = [raw] if "dense" in sources else []
        parts += [outputs[int(source) - 1] for source in sources if source.isdigit()]
        dense = np.concatenate([np.zeros((len(rows), 0)), *parts], axis=1)
        own = vectors if "sparse" in sources else vectors[:, :0]
        flat = np.concatenate([dense, own.reshape(len(rows), -1)], axis=1)
        if head.startswith("mlp"):
            outputs.append(np.maximum(affine(flat, f"block_{number}/hidden_1"), 0))
            continue
        if head == "fm":
            first = affine(flat, f"block_{number}/linear")
            pairs = sum(
                (own[:, i] * own[:, j]).sum(axis=1) for i in range(own.shape[1]) for j in range(i)
            )
            outputs.append(first + np.reshape(pairs, (-1, 1)))
            continue
        if dense.shape[1]:
            token = affine(dense, f"block_{number}/token")
            own = np.concatenate([token[:, None], own], axis=1)
        gram = own @ own.transpose(0, 2, 1)
        below = [gram[:, i, j] for i in range(own.shape[1]) for j in range(i)]
        outputs.append(np.stack([*below, *(gram[:, i, i] for i in range(own.shape[1]))], axis=1))
    unread = [] if "dense" in read else [raw]
    unread += [output for n, output in enumerate(outputs, start=1) if str(n) not in read]
    unread += [] if "sparse" in read else [vectors.reshape(len(rows), -1)]
    return affine(np.concatenate(unread, axis=1), "output/output")


@settings(max_examples=8, deadline=None)
@given(graphs(), st.sampled_from([FEATURES, NO_DENSE]), st.integers(0, 2**31))
def test_a_graph_is_its_equations(blocks, features, seed):
    model = baseline("block_graph", blocks=blocks, embedding_dim=3)
    if features is NO_DENSE and any(text.endswith(": dense") for text in blocks):
        with pytest.raises(UserError, match="would read nothing"):
            model.pieces(features)
        return
    net = BaselineNetwork(model, features, seed=seed)
    shake(net)
    inputs = raw_inputs(features, 5, seed=seed)
    wanted = logits_by_hand(net, inputs)
    size = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(net(inputs), wanted, rtol=1e-3, atol=1e-3 * size)


@settings(max_examples=50, deadline=None)
@given(graphs(most=6))
def test_a_graph_is_written_in_one_way(blocks):
    model = baseline("block_graph", blocks=blocks)
    turned = []
    for text in blocks:
        head, sources = text.split(":")
        turned.append(f"{head} :  {'  '.join(reversed(sources.split()))} ")
    assert baseline("block_graph", blocks=tuple(turned)) == model
    assert baseline("block_graph", blocks=model.blocks) == model
    assert tuple(map(str, model.graph)) == model.blocks


def test_the_products_of_a_single_vector_are_its_square():
    model = baseline("block_graph", blocks=("dot: sparse",), embedding_dim=4)
    net = BaselineNetwork(model, Features(0, (7,)))
    shake(net)
    inputs = {"sparse": np.arange(3)[:, None]}
    np.testing.assert_allclose(net(inputs), logits_by_hand(net, inputs), rtol=1e-4, atol=1e-5)


def test_what_no_block_reads_reaches_the_logit():
    model = baseline("block_graph", blocks=("fm: sparse", "mlp 4: sparse"), embedding_dim=3)
    net = BaselineNetwork(model, FEATURES)
    assert net.named_weights()["output/output_kernel"].shape == (FEATURES.dense + 1 + 4, 1)
    with tf.GradientTape() as tape:
        logits = net(raw_inputs(FEATURES, 4))
    assert all(g is not None for g in tape.gradient(logits, [v.value for v in net.variables]))


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        (("mlp: dense",), ["block 1", "'mlp: dense'", "mlp 64"]),
        (("mlp 0: dense",), ["block 1"]),
        (("fm 3: sparse",), ["block 1"]),
        (("fm sparse",), ["block 1"]),
        (("fm:",), ["block 1"]),
        (("fm: sparse", "dot: sparse 2"), ["block 2", "dense, sparse, 1", "'2'"]),
        (("fm: sparse", "dot: 0"), ["block 2", "'0'"]),
        (("fm: sparse", "dot: 01"), ["block 2", "'01'"]),
        (("fm: sparse sparse",), ["block 1", "twice"]),
        (("fm: sparse\n",), ["block 1"]),
        ((), ["'blocks'"]),
        (("fm: sparse",) * 65, ["'blocks'"]),
        ("fm: sparse", ["'blocks'"]),
    ],
)
def test_what_is_no_graph_is_told_in_one_line(blocks, told):
    with pytest.raises(UserError) as error:
        baseline("block_graph", blocks=blocks)
    message = str(error.value)
    assert "\n" not in message and all(part in message for part in told), message
