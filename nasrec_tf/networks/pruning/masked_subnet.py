"""A stand-alone network whose matrices are masked while it trains, and what is left of it then."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.memory import NUMBER_BYTES, check_fits, memory_bytes
from nasrec_tf.architecture.shapes import network_shapes
from nasrec_tf.data.features import Features
from nasrec_tf.networks.pruning.mask_generator import MaskGenerator, generator_weights
from nasrec_tf.networks.pruning.prune_settings import MAGNITUDE, MASK, UNITS, PruneSettings
from nasrec_tf.networks.pruning.tickets import (
    KERNEL,
    PrunedMatrix,
    Ticket,
    kept_parts,
    pruned_architecture,
    pruned_matrices,
    weight_masks,
)
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.operators import DEFAULT_OPTIONS, NetworkOptions


class MaskedSubnet(Subnet):
    """The network of an architecture with a ticket, and masks if these are learnt.

    A weight enters the arithmetic times its ticket, 0 or 1, and a pruned matrix also times the
    mask that its MLP makes of it (Eq. 6). With a ticket of ones and without learnt masks it is the
    network itself, to the bit. Embedding tables and the final layer are not pruned; the final
    layer's rows that read units that are left out are.

    Args:
        architecture: the architecture, with all units.
        features: what the network reads.
        options: what holds for the whole network.
        seed: as of ``Subnet``.
        settings: how it is pruned.
        ticket: what is left.
        **kwargs: as of ``Subnet``.

    Raises:
        UserError: if there is no matrix to prune, or the network would not fit into memory.
    """

    def __init__(
        self,
        architecture: Architecture,
        features: Features,
        options: NetworkOptions = DEFAULT_OPTIONS,
        seed: int | None = 0,
        *,
        settings: PruneSettings,
        ticket: Ticket,
        **kwargs: Any,
    ):
        self.matrices = pruned_matrices(architecture, features, options, settings)
        learnt = settings.score == MASK
        if learnt:
            count = sum(generator_weights(each.shape, settings) for each in self.matrices)
            check_fits(
                memory_bytes(architecture, features, options) + NUMBER_BYTES * count,
                NUMBER_BYTES * sum(features.table_rows) * options.embedding_dim,
                "prepare the data with a higher --min-count",
                "give the masks' MLPs fewer units (--prune-options hidden=0.5)",
            )
        super().__init__(architecture, features, options, seed, **kwargs)
        self.settings = settings
        self.ticket = ticket
        self.masks: dict[str, dict[str, keras.Variable]] = {}
        for part, masks in weight_masks(architecture, features, options, settings, ticket).items():
            if part in self.parts:
                self.masks[part] = {
                    name: self.add_weight(
                        name=f"{part}_{name}_ticket",
                        shape=mask.shape,
                        initializer=lambda shape, dtype, mask=mask: tf.constant(mask, dtype),
                        trainable=False,
                    )
                    for name, mask in masks.items()
                }
        self.generators = {
            each.path: MaskGenerator(
                each.shape, settings, seed, name=f"{each.path.replace('/', '_')}_mask"
            )
            for each in (self.matrices if learnt else ())
        }

    def named_weights(self) -> dict[str, keras.Variable]:
        """As of ``Subnet``, with the weights of the masks' MLPs."""
        return super().named_weights() | {
            f"{path}_mask_{name}": variable
            for path, generator in self.generators.items()
            for name, variable in generator.variables_by_name.items()
        }

    def _part_values(self, name, training):
        values = dict(super()._part_values(name, training))
        learnt = {
            f"{path.split('/')[1]}{KERNEL}": generator
            for path, generator in self.generators.items()
            if path.split("/")[0] == name
        }
        for weight, generator in learnt.items():
            values[weight] = values[weight] * generator(values[weight])
        for weight, mask in self.masks.get(name, {}).items():
            if weight in values:
                values[weight] = values[weight] * mask.value
        return values

    def scores(self, seed: int) -> dict[str, np.ndarray]:
        """By which elements or units go next, the lowest first; a unit's is its weights' mean.

        Args:
            seed: of scores by lot.

        Returns:
            By matrix, of the shape of its ticket.
        """
        rng = np.random.default_rng(seed)
        found = {}
        for each in self.matrices:
            part, name = each.path.split("/")
            kernel = self.parts[part].variables_by_name[f"{name}{KERNEL}"]
            if self.settings.score == MASK:
                scores = self.generators[each.path](kernel.value).numpy()
            elif self.settings.score == MAGNITUDE:
                scores = np.abs(kernel.numpy())
            else:
                scores = rng.random(each.shape)
            is_of_units = self.settings.what == UNITS
            found[each.path] = scores[self._rows_left(each)].mean(axis=0) if is_of_units else scores
        return found

    def _rows_left(self, matrix: PrunedMatrix) -> np.ndarray:
        """Which rows of a matrix are left; those that read units that went are as they began."""
        part, name = matrix.path.split("/")
        mask = self.masks.get(part, {}).get(f"{name}{KERNEL}")
        return np.ones(matrix.shape[0], bool) if mask is None else mask.numpy().any(axis=1)


def left_architecture(network: MaskedSubnet) -> Architecture:
    """The architecture of what is left of a masked network: without the units that went.

    Args:
        network: the network.
    """
    if network.settings.what != UNITS:
        return network.architecture
    return pruned_architecture(network.architecture, network.matrices, network.ticket)


def folded(network: MaskedSubnet) -> Subnet:
    """The plain network that a masked one is: masks folded into its weights, units left out.

    Args:
        network: the trained network.

    Returns:
        A network that computes the same. Of a ticket of elements it has the same sizes, with
        zeros; of units it is smaller.

    Raises:
        UserError: if its weights would not fit into the memory of the machine.
    """
    architecture = left_architecture(network)
    plain = Subnet(
        architecture,
        network.features,
        network.options,
        seed=None,
        table=network.embedding.table.value,
        regularization=network.regularization,
        initial_deviation=network.initial_deviation,
    )
    shapes = network_shapes(
        architecture, network.features.dense, network.features.sparse, network.options
    )
    kept = kept_parts(shapes) if architecture.is_pruned else {}
    for name, part in plain.parts.items():
        # As they are before they are quantized, which the plain network does itself.
        values = network._part_values(name, training=False)
        for weight, variable in part.variables_by_name.items():
            value = np.asarray(values[weight])
            variable.assign(kept[name].cut(weight, value) if name in kept else value)
    for name, quantizers in plain.quantizers.items():
        quantizers.take_ranges(network.quantizers[name])
    return plain
