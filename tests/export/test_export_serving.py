"""What lies beside an export: warm-up requests, models.config, descriptions and versions."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import export_samples as samples
import pytest
import tensorflow as tf
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_messages import message_class

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.export.contents import describe_export, find_export, load_description
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.raw_inputs import sample_rows
from nasrec_tf.export.saved_model import WARMUP_BATCH_SIZES, export_saved_model
from nasrec_tf.export.serving import serving_help, write_models_config
from nasrec_tf.export.versions import check_request, models, new_version, versions
from nasrec_tf.export.warmup import _field
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.operators import NetworkOptions

TensorProto = type(tf.make_tensor_proto(0))


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    root = tmp_path_factory.mktemp("serving")
    data_set = samples.mixed_data_set()
    schema = data_set.schema
    features = Features(len(schema.dense), schema.sparse_rows)
    subnet = Subnet(samples.tiny_architecture(), features, NetworkOptions())
    data = data_set.write(root / "data")
    metrics = {"log_loss": 0.4512345678, "test_rows": 1000}
    return export_saved_model(subnet, schema, data, root / "saved models", "demo", metrics=metrics)


def test_the_warm_up_asks_every_signature_at_every_batch_size(export):
    path = export / "assets.extra" / "tf_serving_warmup_requests"
    loaded = tf.saved_model.load(str(export))
    asked = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = message_class("PredictionLog").FromString(record)
        assert log.SerializeToString(deterministic=True) == record, "a field is not as declared"
        [(kind, part)] = log.ListFields()
        assert part.request.model_spec.name == "demo"
        signature = part.request.model_spec.signature_name
        if kind.name == "predict_log":
            feed = {
                entry.key: tf.constant(tf.make_ndarray(TensorProto.FromString(entry.value)))
                for entry in part.request.inputs
            }
        else:
            feed = {"inputs": tf.constant(list(part.request.input.example_list.examples))}
        answer = loaded.signatures[signature](**feed)
        rows = {int(value.shape[0]) for value in answer.values()}
        asked.append((kind.name, signature, *rows))
    kinds = [
        ("predict_log", "serving_default"),
        ("predict_log", "serving_examples"),
        ("classify_log", "classification"),
        ("regress_log", "regression"),
    ]
    assert asked == [(*kind, size) for size in WARMUP_BATCH_SIZES for kind in kinds]


def test_the_example_request_is_a_rest_row_that_the_model_answers(export):
    request = json.loads((export / "assets.extra" / "request.json").read_text(encoding="utf-8"))
    [row] = request["instances"]
    assert isinstance(row["count"], float)
    assert row["C1"] == samples.CATEGORIES[0]
    loaded = tf.saved_model.load(str(export))
    answer = loaded.signatures["serving_default"](**{k: tf.constant([v]) for k, v in row.items()})
    assert 0.0 < float(answer["probability"][0]) < 1.0


@settings(deadline=None)
@given(st.integers(1, 15), st.binary(max_size=40) | st.integers(100, 40000).map(bytes))
def test_fields_are_written_as_protobuf_writes_them(number, payload):
    message = message_class("InputsEntry").FromString(_field(2, payload))
    assert message.value == payload
    assert _field(number, payload)[0] >> 3 == number


def test_sample_rows_are_well_formed_for_the_records_stage():
    data_set = samples.mixed_data_set()
    rows = sample_rows(data_set.schema, data_set.vocabularies, 40)
    texts = [{name: str(value) for name, value in row.items()} for row in rows]
    kept, _, sparse = data_set.records(texts)
    assert len(kept) == 40
    assert set(sparse[:, 0]) == set(range(2, 8)), "every entry of the vocabulary, and no other"


def test_models_config_lists_every_model_with_a_version(export, tmp_path):
    for name in ("b-model/2", "a_model/1", "no_version/.exporting-1", "a_model/notes"):
        (tmp_path / name).mkdir(parents=True)
    text = write_models_config(tmp_path).read_text(encoding="utf-8")
    config = text_format.Parse(text, message_class("ModelServerConfig")())
    found = [(c.name, c.base_path, c.model_platform) for c in config.model_config_list.config]
    assert found == [
        ("a_model", "/models/a_model", "tensorflow"),
        ("b-model", "/models/b-model", "tensorflow"),
    ]
    assert (export.parent.parent / "models.config").is_file()


def test_what_a_killed_writer_of_models_config_left_goes_with_the_next_export(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from nasrec_tf.export.serving import write_models_config\n"
        "os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_models_config(sys.argv[1])\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    assert [path.name.startswith(".draft-") for path in tmp_path.iterdir()] == [True]
    write_models_config(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]


def test_a_models_config_of_somebodys_own_is_left_alone(tmp_path):
    (tmp_path / "model/1").mkdir(parents=True)
    own = tmp_path / "models.config"
    own.write_text("model_config_list { }\n")
    write_models_config(tmp_path)
    assert own.read_text() == "model_config_list { }\n"


def test_the_help_names_existing_files_and_can_be_pasted(export):
    text = serving_help(export.parent)
    assert f"-v '{export.parent.parent.resolve()}:/models'" in text
    request = text.partition("-d '@")[2].partition("'")[0]
    assert pathlib.Path(request).is_file()
    assert text.endswith("/v1/models/demo:predict")


def test_a_description_tells_what_the_export_is(export):
    assert find_export(export.parent) == export
    text = describe_export(export)
    assert text.startswith("demo, version 1 (")
    for words in ("2 blocks", "count, price, age", "log_loss     0.451235", "test_rows    1000"):
        assert words in text
    description = load_description(export)
    assert description.table_rows == samples.mixed_data_set().schema.sparse_rows
    assert description.options["embedding_dim"] == 16


def test_what_is_no_export_is_named(export, tmp_path):
    with pytest.raises(ExportError, match="not an export of this package"):
        describe_export(tmp_path)
    assets = tmp_path / "m" / "1" / "assets"
    assets.mkdir(parents=True)
    (assets / "model.json").write_text("{")
    with pytest.raises(ExportError, match=r"model\.json: cannot be read"):
        load_description(tmp_path / "m")
    (assets / "model.json").write_text('{"format": "nasrec_tf.export", "format_version": 1}')
    with pytest.raises(ExportError, match="damaged: .*; export the model again"):
        load_description(tmp_path / "m")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "..", "-x", "a:b"])
def test_a_name_that_is_no_directory_name_is_refused(tmp_path, name):
    with pytest.raises(ExportError, match="use letters, digits"):
        check_request(tmp_path, name, None)


def test_versions_count_from_one(tmp_path):
    with pytest.raises(ExportError, match="count from 1"):
        check_request(tmp_path, "m", 0)
    for expected in (1, 2, 3):
        with new_version(tmp_path, "m") as draft:
            (draft.directory / "file").touch()
        assert draft.version == expected
    assert versions(tmp_path / "m") == [1, 2, 3]
    assert models(tmp_path) == ["m"]


def test_an_export_that_fails_leaves_the_others_and_nothing_of_itself(tmp_path):
    with new_version(tmp_path, "m"):
        pass
    with pytest.raises(KeyboardInterrupt), new_version(tmp_path, "m") as draft:
        (draft.directory / "half").touch()
        raise KeyboardInterrupt
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["1"]


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="the export cannot be written: "):
        with new_version(tmp_path / "file", "m"):
            pass


WRITE_AND_BE_KILLED = """
import os, pathlib, signal, sys
from nasrec_tf.export.versions import new_version
with new_version(pathlib.Path(sys.argv[1]), "m") as draft:
    (draft.directory / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_export_left_is_no_version_and_goes_with_the_next(tmp_path):
    killed = subprocess.run([sys.executable, "-c", WRITE_AND_BE_KILLED, tmp_path])
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "m").iterdir())) == 1
    assert versions(tmp_path / "m") == []
    with new_version(tmp_path, "m") as draft:
        assert draft.version == 1
        assert list(draft.directory.iterdir()) == []
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["1"]


def test_what_needs_no_tensorflow_loads_none():
    code = (
        "import sys, nasrec_tf.export, nasrec_tf.export.contents, nasrec_tf.export.serving\n"
        "print([m for m in ('tensorflow', 'keras', 'apache_beam', 'pyarrow') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    output = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert output.strip() == "[]"


def test_errors_are_the_users_kind():
    assert issubclass(ExportError, UserError)
