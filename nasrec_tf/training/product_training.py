"""Training of PROFIT's relaxed network by turns with what its products of one order weigh.

After PROFIT (Gao et al. 2021). What is taken over and what is ours: docs/strategies.md.
"""

from typing import Any

import tensorflow as tf

from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.baselines.profit import INTERACTION, factors_name
from nasrec_tf.optimizers.adam import Adam
from nasrec_tf.training.row_parts import log_loss_of_rows, of_rows, rows_of_choices
from nasrec_tf.training.trainer import OneDevice


def hold_factors(network: BaselineNetwork) -> None:
    """Leaves the factors of all products out of what the network itself trains.

    Args:
        network: of a ``Profit`` without ``products``, before it is compiled.
    """
    network.parts[INTERACTION].trainable = False


class ProductTrainer(OneDevice):
    """Steps of a network's weights on 4 of 5 rows, and of one order's factors on the others.

    First-order: the factors go down the gradient of the log loss with the weights as they are, by
    Adam, at every step after one of the weights. Those of other orders stay as they are. Neither
    part of the rows is ever seen by the other (``row_parts``).

    Args:
        model: the compiled network, whose factors ``hold_factors`` has left out.
        order: whose factors are trained.
        rate: their learning rate.
    """

    def __init__(self, model: BaselineNetwork, order: int, rate: float):
        super().__init__(model, self._train)
        self._factors = model.parts[INTERACTION].variables_by_name[factors_name(order)]
        self._optimizer = Adam(rate)
        self._optimizer.build([self._factors])

    @property
    def variables(self) -> list:
        """What has to be in a checkpoint beside the model: the state of Adam."""
        return [variable.value for variable in self._optimizer.variables]

    def _train(self, batch: Any) -> dict[str, Any]:
        """One step of the weights, and one of the factors."""
        inputs, labels, *weights = batch
        of_factors = rows_of_choices(inputs)
        told = self.model.train_step(of_rows(~of_factors, inputs, labels, *weights))
        self._learn(*of_rows(of_factors, inputs, labels, *weights))
        return told

    def _learn(self, inputs, labels, weights=None):
        factors = self._factors.value
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(factors)
            # As in use: nothing is dropped, and these rows move no statistics of a batch norm.
            loss = log_loss_of_rows(self.model(inputs, training=False), labels, weights)
        self._optimizer.apply([tape.gradient(loss, factors)], [self._factors])
