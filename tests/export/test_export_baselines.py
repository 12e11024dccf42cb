"""Hand-made models are exported, and answer without this package as they do here."""

import json

import numpy as np
import pytest
from export_samples import mixed_data_set
from only_tensorflow import answers_without_this_package, as_lists
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
    option: (8,) for option in ("hidden", "bottom", "top", "hidden_1", "hidden_2", "gate_hidden")
}
NARROW["cin"] = (8, 6)  # Which is computed in one way for many rows, and in another for few.


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


class Exported:
    """A network with a calibration, its export, and its logits of raw rows."""

    def __init__(self, name, data_set, directory, root):
        self.network = narrow_network(name, data_set.schema)
        fold_calibration(self.network, Calibration(0.5, -0.25))
        self.path = export_saved_model(self.network, data_set.schema, directory, root, name)
        rows = list(mixed_rows(np.random.default_rng(11)))
        _, dense, sparse = data_set.records(rows)
        self.inputs = {"dense": dense, "sparse": sparse}
        self.logits = self.network(self.inputs).numpy()[:, 0]
        names = {column.column: column.name for column in data_set.columns}
        self.request = {names[key]: each for key, each in data_set.requests(rows).items()}

    def assert_close(self, logits):
        # Squares of large dense values cancel out in a factorization machine.
        atol = 1e-5 * max(1.0, np.abs(self.logits).max())
        np.testing.assert_allclose(logits, self.logits, rtol=1e-5, atol=atol)


@pytest.fixture(scope="module")
def exports(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("exports")
    return {name: Exported(name, *data, root) for name in BASELINES}


@pytest.fixture(scope="module")
def answers(exports, tmp_path_factory):
    """What a process with only TensorFlow is answered by each, by model."""
    requests = {
        str(each.path): {"serving_default": as_lists(each.request)} for each in exports.values()
    }
    found = answers_without_this_package(tmp_path_factory.mktemp("client"), requests)
    return {name: found[str(each.path)] for name, each in exports.items()}


@pytest.mark.parametrize("loader", ["loaded", "session"])
@pytest.mark.parametrize("name", list(BASELINES))
def test_a_process_with_only_tensorflow_gives_the_logits_of_the_network(
    name, loader, exports, answers
):
    assert np.ptp(exports[name].logits) > 1e-3
    answer = answers[name][loader]["serving_default"]
    exports[name].assert_close(answer["logit"])
    # Sums of squares reach logits at which 32 bits have no probability but 0 and 1.
    expected = 1 / (1 + np.exp(-exports[name].logits.astype(np.float64)))
    np.testing.assert_allclose(answer["probability"], expected, atol=1e-5)


@pytest.mark.parametrize("name", list(BASELINES))
def test_the_network_inside_is_again_a_keras_model(name, exports):
    exported = exports[name]
    loaded, network = nasrec_tf.load(exported.path).model, exported.network
    assert (loaded.baseline, loaded.features) == (network.baseline, network.features)
    exported.assert_close(loaded(exported.inputs)[:, 0])
    assert network.baseline.label in describe_export(exported.path)


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
