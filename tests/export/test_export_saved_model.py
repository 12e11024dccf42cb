"""An export answers raw features with the trained network's probabilities, without this package."""

import dataclasses
import functools
import json
import pathlib
import shutil
import struct
import subprocess
import sysconfig

import export_samples as samples
import numpy as np
import pytest
import tensorflow as tf
from only_tensorflow import answers_without_this_package, as_lists

import nasrec_tf
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.export.calibrated_head import fold_calibration
from nasrec_tf.export.contents import describe_export
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.raw_inputs import NUMBER
from nasrec_tf.export.saved_model import export_saved_model
from nasrec_tf.networks.ensemble import Ensemble
from nasrec_tf.networks.regularization import Regularization
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.operators import DEFAULT_OPTIONS, NetworkOptions
from nasrec_tf.training.calibration import Calibration

HERE = pathlib.Path(__file__).parent
TOLERANCE = 1e-6
ROWS = 24
WIDE_AND_NORMALISED = NetworkOptions(embedding_dim=24, normalization="batch")


def mixed_rows(random):
    for k in range(ROWS):
        yield {
            "count": random.choice(["", "NA", "-1", "0", "3", "1250"]),
            "price": random.choice(["", "2.5", "-0.75", "19"]),
            "age": random.choice(["", "18", "77"]),
            "level": random.choice(["", "1", "2.5"]),
            "C1": random.choice([*samples.CATEGORIES, "unseen", ""]),
            "C2": f"value {k % 7}",
            "C3": random.choice(["", "68fd1e64", "-1f"]),
            "hour": random.choice(["", "14102107", "00010123"]),
            "never_common": random.choice(["", "anything"]),
            "C4": str(random.integers(2**62)),
        }


def avazu_like_rows(random):
    names = [c.column for c in samples.avazu_like_data_set().columns if c.column != "hour"]
    for _ in range(ROWS):
        row = {name: random.choice(["", "a", "b", "ё", "85f751fd"]) for name in names}
        yield {"hour": f"1410{random.integers(21, 29)}{random.integers(24):02d}", **row}


def modulo_rows(random):
    for _ in range(ROWS):
        yield {
            "I1": random.choice(["", "0", "17"]),
            "C1": f"{random.integers(2**32):x}",
            "C2": random.choice(["", "ff"]),
            "id": str(random.integers(2**62)) + "99",
            "user": str(random.integers(2**40)),
        }


def make_subnet(schema, cap=None, seed=5, options=DEFAULT_OPTIONS):
    """A tiny network whose weights are far enough from their start to tell the ids apart.

    Without dense features its dense source 0 holds the flattened embeddings.
    """
    features = Features(len(schema.dense), schema.sparse_rows).capped(cap)
    architecture = dataclasses.replace(
        samples.tiny_architecture(), dense_embeddings=not schema.dense
    )
    dropped = Regularization(embedding_dropout=0.5, block_dropout=0.5, head_dropout=0.5)
    subnet = Subnet(architecture, features, options, seed=seed, regularization=dropped)
    subnet.embedding.table.assign(
        tf.random.stateless_normal(subnet.embedding.table.shape, (1, 2 + seed - 5)) * 0.5
    )
    for number, statistic in enumerate(subnet.non_trainable_variables):
        statistic.assign(tf.random.stateless_uniform(statistic.shape, (3, number), 0.3, 3.0))
    return subnet


def make_ensemble(schema, cap=None):
    return Ensemble([make_subnet(schema, cap, seed) for seed in (5, 6)], counts=(1, 2))


class Case:
    """A network, its export, raw rows, and the probabilities that the records stage leads to."""

    def __init__(
        self, root, name, data_set, rows, *, cap=None, numeric_ids=False, make=make_subnet
    ):
        self.data_set = data_set
        self.rows = list(rows(np.random.default_rng(11)))
        self.subnet = make(data_set.schema, cap)
        kept, dense, sparse = data_set.records(self.rows, numeric_ids=numeric_ids)
        assert len(kept) == ROWS
        self.data = data_set.write(root / f"data-{name}")
        self.path = export_saved_model(
            self.subnet,
            data_set.schema,
            self.data,
            root / "saved_models",
            name,
            metrics={"log_loss": 0.5},
        )
        logits = self.subnet({"dense": dense, "sparse": sparse}, training=False)
        self.logits = np.asarray(logits)[:, 0]
        self.probabilities = 1.0 / (1.0 + np.exp(-self.logits.astype(np.float64)))
        assert np.ptp(self.probabilities) > 0.05, "the network must tell the rows apart"

    def raw_request(self):
        names = {column.column: column.name for column in self.data_set.columns}
        return {names[key]: array for key, array in self.data_set.requests(self.rows).items()}

    def examples(self):
        """Serialized examples; a missing value is left out, or in every other row a null."""
        arrays = self.data_set.requests(self.rows)
        serialized = []
        for k in range(ROWS):
            example = tf.train.Example()
            for column in self.data_set.columns:
                value = arrays[column.column][k]
                if k % 2:  # An empty list: what a null becomes in converters of JSON.
                    feature = example.features.feature[column.column]
                    kind = feature.float_list if column.kind == NUMBER else feature.bytes_list
                    kind.SetInParent()
                if column.kind == NUMBER and not np.isnan(value):
                    example.features.feature[column.column].float_list.value.append(value)
                elif column.kind != NUMBER and value:
                    example.features.feature[column.column].bytes_list.value.append(value)
            serialized.append(example.SerializeToString())
        return serialized

    def requests(self):
        """JSON values by signature; bytes are told as Latin-1 text."""
        examples = [example.decode("latin-1") for example in self.examples()]
        return {
            "serving_default": as_lists(self.raw_request()),
            "serving_examples": {"examples": examples},
            "classification": {"inputs": examples},
            "regression": {"inputs": examples},
        }


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("export")
    return {
        "mixed": Case(root, "mixed", samples.mixed_data_set(), mixed_rows),
        "avazu": Case(root, "avazu-like", samples.avazu_like_data_set(), avazu_like_rows),
        # This one of other embeddings, and with statistics that are no trained weights.
        "capped": Case(
            root,
            "capped",
            samples.modulo_data_set(),
            modulo_rows,
            cap=50,
            numeric_ids=True,
            make=functools.partial(make_subnet, options=WIDE_AND_NORMALISED),
        ),
        "ensemble": Case(
            root, "ensemble", samples.mixed_data_set(), mixed_rows, make=make_ensemble
        ),
    }


@pytest.fixture(scope="module")
def answers(cases, tmp_path_factory):
    """What a process with only TensorFlow answers, by case."""
    requests = {str(case.path): case.requests() for case in cases.values()}
    found = answers_without_this_package(tmp_path_factory.mktemp("client"), requests)
    return {name: found[str(case.path)] for name, case in cases.items()}


each_case = pytest.mark.parametrize("name", ["mixed", "avazu", "capped", "ensemble"])
each_loader = pytest.mark.parametrize("loader", ["loaded", "session"])


@each_case
@each_loader
@pytest.mark.parametrize("signature", ["serving_default", "serving_examples"])
def test_a_process_with_only_tensorflow_gives_the_same_probabilities(
    cases, answers, name, loader, signature
):
    answer = answers[name][loader][signature]
    assert sorted(answer) == ["logit", "probability"]
    assert answer["probability"] == pytest.approx(cases[name].probabilities, abs=TOLERANCE)
    assert answer["logit"] == pytest.approx(cases[name].logits, abs=1e-5)


@each_case
@each_loader
def test_classification_and_regression_give_the_probability_of_a_click(
    cases, answers, name, loader
):
    expected = cases[name].probabilities
    answer = answers[name][loader]
    assert answer["regression"]["outputs"] == pytest.approx(expected, abs=TOLERANCE)
    assert answer["classification"]["classes"] == ["0", "1"] * ROWS
    scores = np.stack([1 - expected, expected], axis=1).ravel()
    assert answer["classification"]["scores"] == pytest.approx(scores, abs=TOLERANCE)


@each_case
def test_the_signatures_follow_the_conventions_of_tf_serving(cases, answers, name):
    signatures = answers[name]["signatures"]
    methods = {key: value["method"] for key, value in signatures.items() if key[0] != "_"}
    assert methods == {
        "serving_default": "tensorflow/serving/predict",
        "serving_examples": "tensorflow/serving/predict",
        "classification": "tensorflow/serving/classify",
        "regression": "tensorflow/serving/regress",
    }
    columns = {column.name for column in cases[name].data_set.columns}
    assert set(signatures["serving_default"]["inputs"]) == columns
    # One scalar a row and input, so that a REST row is {"I1": 1.0, ...} and not {"I1": [1.0], ...}.
    assert set(map(tuple, signatures["serving_default"]["shapes"].values())) == {(-1,)}
    assert signatures["regression"]["shapes"]["outputs"] == [-1]
    assert signatures["classification"]["shapes"]["scores"] == [-1, 2]


@pytest.fixture(scope="module")
def session_client(tmp_path_factory):
    """The compiled C program, or a skip where it cannot be compiled."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    library = pathlib.Path(tf.sysconfig.get_lib())
    libraries = [library / "libtensorflow_cc.so.2", library / "libtensorflow_framework.so.2"]
    if compiler is None:
        pytest.skip("no C compiler (gcc or cc) on this machine")
    if not all(path.is_file() for path in libraries):
        pytest.skip("this TensorFlow package brings no libtensorflow_cc.so.2")
    program = tmp_path_factory.mktemp("c") / f"session_client{sysconfig.get_config_var('EXE')}"
    options = [f"-I{tf.sysconfig.get_include()}", f"-Wl,-rpath,{library}"]
    options += ["-Wl,--allow-shlib-undefined", "-Wall", "-Werror", "-o", str(program)]
    subprocess.run([compiler, HERE / "session_client.c", *options, *libraries], check=True)
    return program


@pytest.mark.parametrize("name", ["mixed", "capped"])
def test_a_c_program_gives_the_same_probabilities(cases, answers, session_client, tmp_path, name):
    case = cases[name]
    framed = b"".join(struct.pack("=I", len(e)) + e for e in case.examples())
    (tmp_path / "examples").write_bytes(framed)
    signature = answers[name]["signatures"]["serving_examples"]
    tensors = [signature["inputs"]["examples"], signature["outputs"]["probability"]]
    command = [session_client, case.path, *tensors, tmp_path / "examples"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120)
    printed = [float(line) for line in output.stdout.split()]
    assert printed == pytest.approx(case.probabilities, abs=TOLERANCE)


def test_the_assets_tell_what_was_exported(cases):
    case = cases["mixed"]
    assets = case.path / "assets"
    assert Architecture.load(assets / "architecture.json") == samples.tiny_architecture()
    schema = Schema.from_json(json.loads((assets / "schema.json").read_text(encoding="utf-8")))
    assert schema == case.data_set.schema
    about = json.loads((assets / "model.json").read_text(encoding="utf-8"))
    assert about["metrics"] == {"log_loss": 0.5}
    assert about["name"] == "mixed"
    assert about["version"] == 1


def test_a_capped_network_folds_the_ids_of_the_served_rows_too(cases):
    schema_rows = cases["capped"].data_set.schema.sparse_rows
    assert max(cases["capped"].subnet.features.table_rows) == 50 < max(schema_rows)


def test_a_network_that_does_not_fit_the_data_set_is_refused(cases, tmp_path):
    with pytest.raises(
        ExportError, match="5 dense and 8 sparse .* 'avazu-like', which has 0 and 7"
    ):
        export_saved_model(
            cases["mixed"].subnet,
            cases["avazu"].data_set.schema,
            cases["avazu"].data,
            tmp_path / "saved_models",
            "wrong",
        )
    assert not (tmp_path / "saved_models").exists()


def test_exporting_again_counts_up_and_an_existing_version_is_refused(cases, tmp_path):
    case = cases["avazu"]
    root = tmp_path / "saved_models"
    killed = root / "again" / ".exporting-1"
    (killed / "variables").mkdir(parents=True)

    def export(**options):
        arguments = case.subnet, case.data_set.schema, case.data, root, "again"
        return export_saved_model(*arguments, **options)

    assert export() == root / "again" / "1"
    with pytest.raises(ExportError, match="again/1: exists; name another version"):
        export(version=1)
    assert export(version=7) == root / "again" / "7"
    assert sorted(path.name for path in (root / "again").iterdir()) == ["1", "7"]


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(cases, tmp_path, monkeypatch):
    def no_space(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", no_space)
    case = cases["avazu"]
    with pytest.raises(ExportError, match="cannot be written: No space left on device"):
        export_saved_model(
            case.subnet, case.data_set.schema, case.data, tmp_path / "saved_models", "full"
        )
    assert list((tmp_path / "saved_models").iterdir()) == []


# The network inside.


@pytest.fixture
def case(cases):
    return cases["mixed"]


@pytest.mark.parametrize("name", ["mixed", "capped"])
def test_load_gives_the_exported_network_again(cases, name):
    case = cases[name]
    loaded = nasrec_tf.load(case.path).model
    assert loaded.architecture.blocks == case.subnet.architecture.blocks
    assert (loaded.features, loaded.options) == (case.subnet.features, case.subnet.options)
    assert len(loaded.variables) == len(case.subnet.variables)
    for one, other in zip(case.subnet.variables, loaded.variables):
        np.testing.assert_array_equal(one, other)


def test_load_gives_the_exported_ensemble_again(cases):
    case = cases["ensemble"]
    loaded = nasrec_tf.load(case.path).model
    assert loaded.counts == (1, 2)
    for one, other in zip(case.subnet.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_description_of_an_ensemble_is_of_a_version_of_its_own(cases):
    path = cases["ensemble"].path
    about = json.loads((path / "assets" / "model.json").read_text(encoding="utf-8"))
    assert about["format_version"] == 2
    assert [(m["architecture"], m["count"]) for m in about["members"]] == [
        ("architecture-1.json", 1), ("architecture-2.json", 2),
    ]  # fmt: skip
    assert "the mean of 2 networks of 2 to 2 blocks" in describe_export(path)
    about = json.loads((cases["mixed"].path / "assets" / "model.json").read_text(encoding="utf-8"))
    assert about["format_version"] == 1 and "members" not in about


def test_calibration_of_an_ensemble_is_that_of_its_mean(cases):
    network = nasrec_tf.load(cases["ensemble"].path).model
    features = network.features
    batch = {
        "dense": np.ones((4, features.dense), np.float32),
        "sparse": np.ones((4, features.sparse), np.int64),
    }
    before = network(batch).numpy()
    fold_calibration(network, Calibration(0.5, -1.0))
    np.testing.assert_allclose(network(batch), 0.5 * before - 1.0, rtol=1e-5, atol=1e-6)


def retell_options(export, **changes):
    """Gives an export's description other options; ``None`` leaves one out."""
    file = export / "assets" / "model.json"
    about = json.loads(file.read_text(encoding="utf-8"))
    about["options"] = {k: v for k, v in (about["options"] | changes).items() if v is not None}
    file.write_text(json.dumps(about), encoding="utf-8")


def test_an_export_from_before_there_was_batch_norm_is_loaded(case, tmp_path):
    shutil.copytree(case.path, tmp_path / "export")
    retell_options(tmp_path / "export", normalization=None, layer_norm=True)
    assert nasrec_tf.load(tmp_path / "export").options == case.subnet.options


@pytest.mark.parametrize(
    "damage",
    [
        lambda export: (export / "variables" / "variables.index").unlink(),
        lambda export: (export / "variables" / "variables.data-00000-of-00001").write_bytes(b""),
        lambda export: (export / "assets" / "schema.json").write_text("{}"),
        lambda export: (export / "assets" / "architecture.json").write_text("[]"),
        lambda export: (export / "assets" / "model.json").write_text("cut"),
        lambda export: retell_options(export, normalization="of another version"),
        lambda export: retell_options(export, another=1),
    ],
    ids=["no index", "no weights", "schema", "architecture", "description", "value", "option"],
)
def test_a_damaged_export_is_one_line_that_names_the_file(case, tmp_path, damage):
    shutil.copytree(case.path, tmp_path / "export")
    damage(tmp_path / "export")
    with pytest.raises(UserError) as error:
        nasrec_tf.load(tmp_path / "export")
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
