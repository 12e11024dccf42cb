"""A trained network to a SavedModel directory that TF Serving can load."""

import dataclasses
import importlib.metadata
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from beam_preprocess.dataset.schema import Schema
from nasrec_tf import __version__, native
from nasrec_tf.common.device_faults import device_fault
from nasrec_tf.export import contents as described
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.log_layout import decimal_of, write_log_layout
from nasrec_tf.export.preprocessing import Preprocessing
from nasrec_tf.export.raw_inputs import RawInput, raw_inputs, sample_rows
from nasrec_tf.export.serving import write_models_config
from nasrec_tf.export.signatures import METHOD_NAMES, ServingModule
from nasrec_tf.export.versions import Draft, new_version
from nasrec_tf.export.vocabularies import first_entries, vocabulary_files
from nasrec_tf.export.warmup import Row, write_warmup_requests
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.ensemble import Ensemble, subnets_of
from nasrec_tf.networks.subnet import Subnet

WARMUP_BATCH_SIZES = (1, 8, 64)

Exported = Subnet | Ensemble | BaselineNetwork


def export_saved_model(
    network: Exported,
    schema: Schema,
    data_directory: str | pathlib.Path,
    export_directory: str | pathlib.Path,
    name: str,
    *,
    version: int | None = None,
    metrics: Mapping[str, Any] | None = None,
    origin: str | None = None,
) -> pathlib.Path:
    """Writes ``export_directory/name/version``, whole or not at all, and ``models.config``.

    Args:
        network: the trained network, an ensemble of some, or a hand-made model. Its tables may be
            smaller than the schema's (capped).
        schema: of the data set that it was trained on.
        data_directory: that data set's directory, for the vocabularies.
        export_directory: where all models lie, such as ``saved_models``.
        name: of the model.
        version: its number; one more than the highest that is there unless given.
        metrics: what is known of the network, such as ``{"log_loss": 0.45}``; plain JSON values.
        origin: a token by which the caller knows this version again.

    Returns:
        The version directory.

    Raises:
        ExportError: if the version exists, the network does not fit the schema, a vocabulary is
            damaged, or the directory cannot be written.
    """
    _check_fit(network, schema)
    files = vocabulary_files(schema, pathlib.Path(data_directory))
    export_directory = pathlib.Path(export_directory)
    inputs = raw_inputs(schema)
    samples = {
        feature: first_entries(path, max(WARMUP_BATCH_SIZES)) for feature, path in files.items()
    }
    rows = sample_rows(schema, samples, max(WARMUP_BATCH_SIZES))
    with new_version(export_directory, name, version) as draft:
        preprocessing = Preprocessing(schema, files, decimal_of(pathlib.Path(data_directory)))
        module = ServingModule(network, preprocessing, inputs)
        try:
            # TF Serving knows TensorFlow's own operations only.
            with native.portable():
                signatures = module.signatures()
                _save(module, signatures, draft.directory)
            _write_extra_assets(draft, name, inputs, rows)
        except tf.errors.OpError as error:
            reason = device_fault(error) or error.message.splitlines()[0]
            raise ExportError(
                f"{export_directory / name}: the export cannot be written: {reason}"
            ) from error
        about = dataclasses.replace(
            _describe(network, schema, name, draft.version, signatures, metrics or {}),
            origin=origin,
        )
        _write_assets(draft.directory / described.ASSETS, network, schema, about)
        write_log_layout(draft.directory / described.ASSETS, pathlib.Path(data_directory))
    write_models_config(export_directory)
    return export_directory / name / str(draft.version)


def _check_fit(network: Exported, schema: Schema) -> None:
    received = network.features.dense, network.features.sparse
    if received != (len(schema.dense), len(schema.sparse)):
        raise ExportError(
            f"a network of {received[0]} dense and {received[1]} sparse features does not fit data "
            f"set {schema.name!r}, which has {len(schema.dense)} and {len(schema.sparse)}"
        )
    if network.features.widths != schema.sparse_widths:
        raise ExportError(
            f"a network of lists of up to {network.features.widths} items does not fit data set "
            f"{schema.name!r}, which has {schema.sparse_widths}"
        )


def _save(module: tf.Module, signatures: Mapping[str, Any], directory: pathlib.Path) -> None:
    tf.saved_model.save(module, str(directory), signatures=signatures)
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(directory))
    for signature, method in METHOD_NAMES.items():
        updater.replace_method_name(signature, method)
    updater.save()
    # It holds a checksum of the file as it was before the method names; readers do without it.
    (directory / "fingerprint.pb").unlink(missing_ok=True)


def _describe(
    network: Exported,
    schema: Schema,
    name: str,
    version: int,
    signatures: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> described.ExportDescription:
    packages = {package: importlib.metadata.version(package) for package in ("tensorflow", "keras")}
    return described.ExportDescription(
        name=name,
        version=version,
        data_set=schema.name,
        inputs=raw_inputs(schema),
        signatures=tuple(signatures),
        table_rows=network.features.table_rows,
        options=_options(network),
        metrics=dict(metrics),
        software={"nasrec_tf": __version__, **packages},
        members=_members(network),
        baseline=_baseline(network),
    )


def _options(network: Exported) -> dict[str, Any]:
    if isinstance(network, BaselineNetwork):
        return {}
    return dataclasses.asdict(subnets_of(network)[0].options)


def _baseline(network: Exported) -> described.ExportedBaseline | None:
    if not isinstance(network, BaselineNetwork):
        return None
    return described.ExportedBaseline(network.baseline.to_json(), network.scale, network.offset)


def _members(network: Exported) -> tuple[described.ExportedMember, ...]:
    if not isinstance(network, Ensemble):
        return ()
    return tuple(
        described.ExportedMember(
            f"architecture-{number}.json", count, dataclasses.asdict(member.options)
        )
        for number, (member, count) in enumerate(zip(network.members, network.counts), start=1)
    )


def _write_assets(
    directory: pathlib.Path,
    network: Exported,
    schema: Schema,
    about: described.ExportDescription,
) -> None:
    directory.mkdir(exist_ok=True)
    if not isinstance(network, BaselineNetwork):
        for file, subnet in zip(about.architecture_files, subnets_of(network)):
            subnet.architecture.save(directory / file)
    schema.save(directory)
    (directory / described.MODEL_FILE).write_text(about.dumps(), encoding="utf-8")


def _write_extra_assets(
    draft: Draft, name: str, inputs: Sequence[RawInput], rows: Sequence[Row]
) -> None:
    directory = draft.directory / described.EXTRA_ASSETS
    directory.mkdir()
    write_warmup_requests(directory, name, inputs, rows, WARMUP_BATCH_SIZES)
    instance = {column.name: rows[0][column.column] for column in inputs}
    request = json.dumps({"instances": [instance]}, ensure_ascii=False) + "\n"
    (directory / described.REQUEST_FILE).write_text(request, encoding="utf-8")
