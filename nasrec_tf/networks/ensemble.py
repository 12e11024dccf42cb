"""Several trained networks as one: the mean of their logits."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf.common.value_checks import is_whole
from nasrec_tf.data.features import Features
from nasrec_tf.networks.network_inputs import check_inputs
from nasrec_tf.networks.portable_export import PortableExport
from nasrec_tf.networks.subnet import Subnet


@keras.saving.register_keras_serializable("nasrec_tf")
class Ensemble(PortableExport):
    """The mean of the logits of subnets that read the same features.

    It is made of trained networks, and is a Keras model like any other: save it as a ``.keras``
    file, or call it as a layer of a larger model.

    Args:
        members: the networks.
        counts: how often each counts in the mean; once unless given.

    Input shape: as of the members. Output shape: (batch, 1), logits.

    Raises:
        ValueError: if there is no member, counts are not whole numbers from 1 or not as many, or
            the members read other features than the first.

    Example:
        >>> import numpy as np
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> space = NASREC_SMALL.replace(num_blocks=1, dense_widths=(8,), sparse_widths=(4,))
        >>> members = [Subnet(space.widest, Features(3, (5, 9)), seed=seed) for seed in (0, 1)]
        >>> batch = {"dense": np.ones((4, 3), "float32"), "sparse": np.ones((4, 2), "int64")}
        >>> one, other = (member(batch).numpy() for member in members)
        >>> bool(np.allclose(Ensemble(members, counts=(3, 1))(batch), (3 * one + other) / 4))
        True
    """

    def __init__(
        self,
        members: Sequence[Subnet],
        counts: Sequence[int] | None = None,
        name: str = "ensemble",
        **kwargs: Any,
    ):
        counts = (1,) * len(members) if counts is None else tuple(counts)
        if not members or len(counts) != len(members):
            raise ValueError(
                "`members` must hold at least one network, and `counts` a number for each. "
                f"Received: {len(members)} and {len(counts)}"
            )
        if not all(is_whole(count, 1) for count in counts):
            raise ValueError(f"`counts` must be whole numbers from 1. Received: {counts}")
        for number, member in enumerate(members):
            if member.features != members[0].features:
                raise ValueError(f"member {number} reads other features than the first one")
        super().__init__(name=name, **kwargs)
        self.members = list(members)
        self.counts = counts
        self.built = True

    @property
    def features(self) -> Features:
        """What the network reads."""
        return self.members[0].features

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """The mean of the members' logits, (batch, 1).

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
            training: as for the members.

        Raises:
            ValueError: if an input is missing or of another width; the message names it.
        """
        check_inputs(self.features, inputs)
        total = sum(self.counts)
        return tf.add_n(
            [
                member(inputs, training=training) * (count / total)
                for member, count in zip(self.members, self.counts)
            ]
        )

    def train_step(self, data: Any) -> Any:
        """Refused: members are trained one by one.

        Raises:
            ValueError: always.
        """
        # Their own steps keep the rows of their tables up to date, which this one would not.
        raise ValueError("An ensemble is made of trained networks: train its members.")

    def get_config(self) -> dict[str, Any]:
        """Members and counts as plain values, for ``from_config``."""
        return {
            "members": [keras.saving.serialize_keras_object(member) for member in self.members],
            "counts": list(self.counts),
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Ensemble":
        """The network that ``get_config`` told, with newly drawn weights.

        Args:
            config: its result, also after a round through JSON.
            custom_objects: not looked at.
        """
        members = [keras.saving.deserialize_keras_object(member) for member in config["members"]]
        return cls(**config | {"members": members})


def subnets_of(network: Subnet | Ensemble) -> tuple[Subnet, ...]:
    """The members of an ensemble, or a subnet by itself.

    Args:
        network: the one or the other.
    """
    return tuple(network.members) if isinstance(network, Ensemble) else (network,)
