"""The configuration that subnet and supernet have in common."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from nasrec_tf.data.features import Features
from nasrec_tf.operators import NetworkOptions


def network_config(network: keras.Model) -> dict[str, Any]:
    """What the configurations of subnet and supernet have in common, as plain values.

    Args:
        network: a subnet or supernet.
    """
    return {
        "features": network.features.to_json(),
        "options": dataclasses.asdict(network.options),
        # A network made anew is to be trained, also where this one's weights were read.
        "seed": network.seed or 0,
        "name": network.name,
        "trainable": network.trainable,
        "dtype": keras.dtype_policies.serialize(network.dtype_policy),
    }


def network_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that ``network_config`` told, and the others as they are.

    Args:
        config: its result, also after a round through JSON.
    """
    return {
        **config,
        "features": Features(**config["features"]),
        "options": NetworkOptions.from_json(config["options"]),
    }
