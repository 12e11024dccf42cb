"""The network inside an export, as a Keras model again."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from beam_preprocess.dataset.file_format import SCHEMA_FILE, read_json
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.errors import DataError
from nasrec_tf.data.features import Features
from nasrec_tf.export import contents as described
from nasrec_tf.export.errors import ExportError
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.ensemble import Ensemble
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.operators import NetworkOptions

VARIABLE = "network_variables/{}/.ATTRIBUTES/VARIABLE_VALUE"
"""Where a SavedModel's variables hold those of the network, by their order in the network."""


def load_exported_network(path: str | pathlib.Path) -> Subnet | Ensemble | BaselineNetwork:
    """The stand-alone network that was exported, with the weights that it serves with.

    Args:
        path: a version directory, or a model's directory (its newest version is meant).

    Returns:
        The network, the ensemble, or the hand-made model; it takes what the export's preprocessing
        yields, not raw columns.

    Raises:
        ExportError: if it is no export of this package, or it is damaged; the message names the
            file.
        UserError: if the network would not fit into the memory of the machine.
    """
    directory = described.find_export(path)
    about = described.load_description(directory)
    assets = directory / described.ASSETS
    architectures = [
        described.load_architecture(assets / file) for file in about.architecture_files
    ]
    every_options = [member.options for member in about.members] or [about.options]
    try:
        schema = Schema.from_json(read_json(assets / SCHEMA_FILE), str(assets / SCHEMA_FILE))
        features = Features.of_schema(schema, about.table_rows)
        options = [NetworkOptions.from_json(each) for each in every_options]
    except (DataError, TypeError, ValueError) as error:
        raise ExportError(f"{directory}: damaged ({error}); export the model again") from error
    if about.baseline is not None:
        network = _baseline(about, directory, features)
    else:
        subnets = [
            Subnet(architecture, features, each, seed=None)
            for architecture, each in zip(architectures, options)
        ]
        counts = [member.count for member in about.members]
        network = Ensemble(subnets, counts) if counts else subnets[0]
    _read_variables(network, directory / "variables" / "variables")
    return network


def _baseline(
    about: described.ExportDescription, directory: pathlib.Path, features: Features
) -> BaselineNetwork:
    """The hand-made model, to read its weights into."""
    model = described.load_exported_baseline(about, directory)
    scale, offset = about.baseline.scale, about.baseline.offset
    return BaselineNetwork(model, features, seed=None, scale=scale, offset=offset)


def _read_variables(network: keras.Model, prefix: pathlib.Path) -> None:
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for index, variable in enumerate(network.variables):
            value = np.asarray(reader.get_tensor(VARIABLE.format(index)))
            if value.shape != tuple(variable.shape):
                raise ValueError(f"variable {index} is {value.shape}, not {tuple(variable.shape)}")
            variable.assign(value)
    except (tf.errors.OpError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # Kinds that TensorFlow's reader of checkpoints translates damage to.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ExportError(f"{prefix}: damaged ({reason}); export the model again") from error
