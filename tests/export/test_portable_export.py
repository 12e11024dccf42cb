"""``model.export`` of Keras models made here, loaded where there is only TensorFlow."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import nasrec_tf
from nasrec_tf.networks.ensemble import Ensemble

SPACE = nasrec_tf.NASREC_FULL.replace(num_blocks=2, dense_widths=(8,), sparse_widths=(4,))
FEATURES = nasrec_tf.Features(dense=3, table_rows=(50, 9, 12))

# Kernels and Keras are then not installed; a session loads as TF Serving does.
CLIENT = """
import json, sys
sys.modules.update(dict.fromkeys(("nasrec_tf", "beam_preprocess", "pim", "keras", "tf_keras")))
import numpy as np
import tensorflow as tf
answers = {}
for path in sys.argv[2:]:
    inputs = dict(np.load(sys.argv[1]))
    loaded = tf.saved_model.load(path)
    served = loaded.signatures["serving_default"](**{k: tf.constant(v) for k, v in inputs.items()})
    served = next(iter(served.values())).numpy().ravel().tolist()
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        definition = tf.compat.v1.saved_model.loader.load(session, ["serve"], path).signature_def
        definition = definition["serving_default"]
        feed = {definition.inputs[name].name: value for name, value in inputs.items()}
        (output,) = definition.outputs.values()
        answers[path] = [served, session.run(output.name, feed).ravel().tolist()]
json.dump(answers, open("answers.json", "w"))
"""


def spread(network):
    """Weights that are far enough from their start to tell rows apart."""
    random = np.random.default_rng(3)
    for variable in network.trainable_variables:
        variable.assign(random.normal(size=variable.shape, scale=0.3))
    return network


def subnet(seed):
    architecture = SPACE.sample(np.random.default_rng(seed))
    return spread(nasrec_tf.Subnet(architecture, FEATURES, seed=seed))


def larger_model():
    inputs = {
        "dense": keras.Input((FEATURES.dense,), name="dense"),
        "sparse": keras.Input((FEATURES.sparse,), name="sparse", dtype="int64"),
    }
    return keras.Model(inputs, keras.activations.sigmoid(subnet(4)(inputs)))


def test_exports_load_where_there_is_only_tensorflow(tmp_path):
    models = {
        "widest": spread(nasrec_tf.Subnet(SPACE.widest, FEATURES)),
        "ensemble": Ensemble([subnet(1), subnet(2)], (2, 1)),
        "deepfm": spread(nasrec_tf.BaselineNetwork(nasrec_tf.baseline("deepfm"), FEATURES)),
        "larger": larger_model(),
    }
    random = np.random.default_rng(0)
    inputs = {
        "dense": random.normal(size=(5, FEATURES.dense)).astype("float32"),
        "sparse": random.integers(0, FEATURES.table_rows, (5, FEATURES.sparse)),
    }
    expected = {}
    for name, model in models.items():
        expected[name] = np.asarray(model(inputs, training=False)).ravel()
        if name == "larger":
            with nasrec_tf.portable():
                model.export(tmp_path / name, verbose=False)
        else:
            model.export(tmp_path / name, verbose=False)
    np.savez(tmp_path / "inputs.npz", **inputs)
    command = [sys.executable, "-I", "-c", CLIENT, "inputs.npz", *models]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    answers = json.loads((tmp_path / "answers.json").read_text())
    for name, found in answers.items():
        assert np.ptp(expected[name]) > 1e-3
        for each in found:
            assert each == pytest.approx(expected[name].tolist(), rel=1e-4, abs=1e-4)
