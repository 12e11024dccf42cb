"""An architecture with a ticket, as something that can be trained from scratch (paper 6.2)."""

import dataclasses
from typing import Any

from nasrec_tf.networks.pruning.prune_settings import PruneSettings
from nasrec_tf.search.trainable import SpaceModel, network_options, subnet_arguments


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedModel(SpaceModel):
    """An architecture whose network is trained with a ticket.

    Args:
        architecture: with all units.
        settings: how it is pruned.
        ticket: what is left; all of it unless given.
    """

    settings: PruneSettings = PruneSettings()
    ticket: Any = None

    def build(self, features, recipe, operator_balancing=True, seed=0):
        from nasrec_tf.networks.pruning.masked_subnet import MaskedSubnet
        from nasrec_tf.networks.pruning.tickets import pruned_matrices, whole_ticket

        options = network_options(recipe, operator_balancing)
        ticket = self.ticket
        if ticket is None:
            matrices = pruned_matrices(self.architecture, features, options, self.settings)
            ticket = whole_ticket(matrices, self.settings)
        return MaskedSubnet(
            self.architecture,
            features,
            options,
            seed,
            settings=self.settings,
            ticket=ticket,
            **subnet_arguments(recipe),
        )
