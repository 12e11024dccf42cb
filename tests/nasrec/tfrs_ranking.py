"""A DLRM of ours beside TensorFlow Recommenders' own ``Ranking`` with the same weights.

Runs in a process of its own, because TensorFlow Recommenders needs Keras 2 and says so when it is
imported; prints one JSON line.
"""

import json
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from baseline_cases import small
from core_cases import FEATURES, raw_inputs, shake

from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork

ROWS = 12


class Tables(tf.keras.layers.Layer):
    """The embeddings of each field, by its name."""

    def __init__(self, tables):
        super().__init__()
        self.tables = {name: tf.Variable(table) for name, table in tables.items()}

    def call(self, ids):
        return {name: tf.gather(table, ids[name]) for name, table in self.tables.items()}


def stack(weights, names, inputs, last):
    """Dense layers of Keras 2 with our weights."""
    layers = [
        tf.keras.layers.Dense(
            weights[f"{name}_kernel"].shape[1], last if name == names[-1] else "relu"
        )
        for name in names
    ]
    model = tf.keras.Sequential([tf.keras.Input((inputs,)), *layers])
    model.set_weights([weights[f"{name}_{kind}"] for name in names for kind in ("kernel", "bias")])
    return model


def top_rows(fields, width):
    """Our row of each of theirs: the dense vector's first in both, whose token is theirs last."""
    place = [*range(1, fields + 1), 0]
    rows = list(range(width))
    for i in range(fields + 1):
        for j in range(i):
            high, low = sorted((place[i], place[j]), reverse=True)
            rows.append(width + high * (high - 1) // 2 + low)
    return rows


def main():
    model = small("dlrm")
    network = BaselineNetwork(model, FEATURES, seed=5)
    shake(network)
    weights = {name: value.numpy() for name, value in network.named_weights().items()}
    inputs = raw_inputs(FEATURES, ROWS)
    names = [f"field_{number:02d}" for number in range(FEATURES.sparse)]
    split = np.split(weights["embedding/table"], np.cumsum(FEATURES.table_rows)[:-1])
    first = "top/hidden_1_kernel"
    weights[first] = weights[first][top_rows(FEATURES.sparse, model.embedding_dim)]
    ranking = tfrs.experimental.models.Ranking(
        embedding_layer=Tables(dict(zip(names, split))),
        bottom_stack=stack(weights, ["bottom/hidden_1", "bottom/output"], FEATURES.dense, "relu"),
        top_stack=stack(
            weights, ["top/hidden_1", "top/hidden_2", "top/output"], len(weights[first]), None
        ),
    )
    found = ranking(
        {
            "dense_features": inputs["dense"],
            "sparse_features": dict(zip(names, inputs["sparse"].T)),
        }
    )
    vectors = np.random.default_rng(0).normal(size=(ROWS, 5, 4)).astype(np.float32)
    products = tfrs.layers.feature_interaction.DotInteraction()(tf.unstack(vectors, axis=1))
    ours = model.pieces(FEATURES)["products"](tf.constant(vectors), weights={})
    logits = network(inputs).numpy()[:, 0]
    print(
        json.dumps(
            {
                "keras": tf.keras.__name__.split(".")[0],
                "logits": float(np.abs(found - logits).max()),
                "products": float(np.abs(products - ours).max()),
                "spread": float(np.ptp(logits)),
            }
        )
    )


if __name__ == "__main__":
    main()
