"""Architectures, search spaces and inputs that the tests of the core share.

Sizes are small and chosen to meet every special case: with ``SMALL_OPTIONS`` a width of 4 is that
of an embedding, one of 8 that of the merged tokens, and at width 10 the pairs of a dot product
fit its output.
"""

import hypothesis.strategies as st
import numpy as np

from beam_preprocess.dataset.feature_schema import PADDING_ID
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.space import ALWAYS, ANY, NASREC_FULL, NASREC_SMALL, NEVER
from nasrec_tf.data.features import Features, ListField
from nasrec_tf.operators import NetworkOptions

FEATURES = Features(dense=5, table_rows=(7, 11, 4))
NO_DENSE = Features(dense=0, table_rows=(6, 9))
WITH_LISTS = Features(
    dense=2,
    table_rows=(9, 7, 11, 8),
    lists=(ListField(0, 3, "attention"), ListField(2, 4, "mean"), ListField(3, 2, "sum")),
)
SMALL_OPTIONS = NetworkOptions(embedding_dim=4, attention_heads=2, merged_tokens=2)

TINY = {
    "num_blocks": 3,
    "dense_widths": (4, 8, 10, 31),
    "sparse_widths": (3, 8),
    "operators": ANY,
}
FULL = NASREC_FULL.replace(name="tiny-full", **TINY)
SMALL = NASREC_SMALL.replace(name="tiny-small", **TINY)
EMBEDDED = FULL.replace(dense_embeddings=ANY)


@st.composite
def architectures(draw, space=FULL):
    """Any architecture of operators, widths and connections of the space."""

    def sources(number):
        return draw(st.sets(st.integers(0, number - 1), min_size=1).map(sorted))

    def operators(names, widths):
        return draw(st.dictionaries(st.sampled_from(names), st.sampled_from(widths), min_size=1))

    merges = st.booleans() if space.mergers else st.just(False)
    embeddings = {NEVER: st.just(False), ALWAYS: st.just(True), ANY: st.booleans()}
    return Architecture(
        tuple(
            Block(
                operators(space.dense_operators, space.dense_widths),
                operators(space.sparse_operators, space.sparse_widths),
                sources(number),
                sources(number),
                draw(st.integers(0, number - 1)),
                draw(st.integers(0, number - 1)),
                draw(merges),
                draw(merges),
            )
            for number in range(1, space.num_blocks + 1)
        ),
        draw(embeddings[space.dense_embeddings]),
    )


def random_architectures(space, count, seed):
    """Drawn architectures, the widest one first."""
    rng = np.random.default_rng(seed)
    return [space.widest, *(space.sample(rng) for _ in range(count - 1))]


def raw_inputs(features, rows, seed=0):
    """A batch of inputs as arrays; lists of drawn lengths, items among them that come twice."""
    rng = np.random.default_rng(seed)
    sparse = [
        rng.integers(0, size, (rows, width))
        for size, width in zip(features.table_rows, features.widths)
    ]
    dense = rng.normal(size=(rows, features.dense)).astype(np.float32)
    for each in features.lists:
        lengths = rng.integers(1, each.longest + 1, (rows, 1))
        sparse[each.field][np.arange(each.longest) >= lengths] = PADDING_ID
    return {"dense": dense, "sparse": np.concatenate(sparse, axis=1).astype(np.int64)}


def raw_labels(rows, seed=0):
    """Labels of a batch: (rows, 1)."""
    return np.random.default_rng(seed + 1).integers(0, 2, (rows, 1)).astype(np.float32)


def shake(model, seed=0):
    """Gives every weight random values, so that no offset is 0 and no scale 1."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        noise = rng.normal(size=tuple(variable.shape)).astype(np.float32)
        variable.assign(variable.numpy() * (1 + 0.1 * noise) + 0.05 * noise)
