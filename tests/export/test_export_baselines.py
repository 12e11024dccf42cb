"""Hand-made models are exported, and answer through a session as they do here."""

import json

import numpy as np
import pytest
import tensorflow as tf
from export_samples import mixed_data_set
from test_export_saved_model import mixed_rows

import nasrec_tf
from nasrec_tf.data.features import Features
from nasrec_tf.export.calibrated_head import fold_calibration
from nasrec_tf.export.contents import describe_export
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.saved_model import export_saved_model
from nasrec_tf.networks.baselines import BASELINES, baseline
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.training.calibration import Calibration

NARROW = {
    option: (8,)
    for option in ("hidden", "bottom", "top", "hidden_1", "hidden_2", "gate_hidden", "cin")
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    data_set = mixed_data_set()
    return data_set, data_set.write(tmp_path_factory.mktemp("data"))


def narrow_network(name, schema):
    kind = BASELINES[name]
    options = {key: value for key, value in NARROW.items() if key in kind.options()}
    options |= {"batch_norm": True} if "batch_norm" in kind.options() else {}
    network = BaselineNetwork(
        baseline(name, **options), Features(len(schema.dense), schema.sparse_rows)
    )
    rng = np.random.default_rng(3)
    for variable in network.variables:
        noise = rng.uniform(0.2, 1.0, tuple(variable.shape))
        variable.assign(variable.numpy() + 0.1 * noise)
    return network


def answers_of_a_session(path, requests):
    """Logits that a TensorFlow 1 session gives, which is how TF Serving runs a model."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
        signature = meta.signature_def["serving_default"]
        feed = {signature.inputs[name].name: array for name, array in requests.items()}
        return session.run(signature.outputs["logit"].name, feed)


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_session_gives_the_logits_of_the_network(name, data, tmp_path):
    data_set, directory = data
    schema = data_set.schema
    network = narrow_network(name, schema)
    fold_calibration(network, Calibration(0.5, -0.25))
    path = export_saved_model(network, schema, directory, tmp_path, name)
    rows = list(mixed_rows(np.random.default_rng(11)))
    _, dense, sparse = data_set.records(rows)
    logits = network({"dense": dense, "sparse": sparse}).numpy()[:, 0]
    names = {column.column: column.name for column in data_set.columns}
    requests = {names[key]: array for key, array in data_set.requests(rows).items()}
    found = answers_of_a_session(path, requests)
    assert np.ptp(logits) > 1e-3
    # Squares of large dense values cancel out in a factorization machine.
    atol = 1e-5 * max(1.0, np.abs(logits).max())
    np.testing.assert_allclose(found, logits, rtol=1e-5, atol=atol)
    # The network inside, again as a Keras model.
    loaded = nasrec_tf.load(path)
    assert (loaded.baseline, loaded.features) == (network.baseline, network.features)
    np.testing.assert_allclose(
        loaded({"dense": dense, "sparse": sparse})[:, 0], logits, rtol=1e-5, atol=atol
    )
    assert network.baseline.label in describe_export(path)


def test_an_export_of_a_model_that_is_not_known_is_told_in_one_line(data, tmp_path):
    data_set, directory = data
    network = narrow_network("lr", data_set.schema)
    path = export_saved_model(network, data_set.schema, directory, tmp_path, "lr")
    file = path / "assets" / "model.json"
    about = json.loads(file.read_text())
    assert about["format_version"] == 3
    about["baseline"]["model"]["model"] = "mine"
    file.write_text(json.dumps(about))
    with pytest.raises(ExportError, match="'mine'") as error:
        nasrec_tf.load(path)
    assert str(file) in str(error.value) and "\n" not in str(error.value)
