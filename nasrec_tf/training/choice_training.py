"""Training of a supernet by turns with the logits that its paths are drawn by.

After DNAS (Krishna et al. 2021), with a hard path at every step: what a path computes is what the
network of its architecture computes, as everywhere else here. See docs/strategies.md for what is
taken over and what is not.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.supernet.path import Path, decode
from nasrec_tf.networks.supernet.path_logits import LogitsSampler
from nasrec_tf.training.row_parts import log_loss_of_rows, of_rows, rows_of_choices
from nasrec_tf.training.trainer import OneDevice


@dataclasses.dataclass(frozen=True)
class ChoicePlan:
    """How the logits are learnt.

    Args:
        first_step: training step of the supernet from which on they are; before, all are 0.
        steps: training steps of the supernet.
        paths: paths that are compared at a step, at least 2.
        rate: learning rate.
        temperature: what the logits are divided by at the last step; falls from 1 to there
            exponentially.
        cost_weight: weight of the logarithm of a path's cost beside its log loss.
        in_turn: learn the logits of the first block for the first of as many equal shares of the
            steps as there are blocks, then leave them and learn those of the second.
    """

    first_step: int
    steps: int
    paths: int = 4
    rate: float = 0.05
    temperature: float = 0.5
    cost_weight: float = 0.0
    in_turn: bool = False


class ChoiceTrainer(OneDevice):
    """Steps of a supernet's weights on 4 of 5 rows, and of its logits on the others.

    Which part a row belongs to follows from what it holds, so that no row of the training split is
    ever in both, whatever the epoch. The step of the logits: some paths are drawn, and the log loss
    r of each on the same rows is taken, with the weights as they are. The logits go down the
    gradient estimate (Williams 1992; Kool et al. 2019, each path's baseline the mean of the others)

        1 / (K - 1) sum_k (r_k - mean r) / deviation of r · d log p_k / d logits

    of which the deviation makes one learning rate fit every log.

    Args:
        model: the compiled supernet, whose paths ``sampler`` draws.
        sampler: with the logits.
        plan: how they are learnt.
        cost: of an architecture, positive; asked for only where the plan weighs it.
    """

    def __init__(
        self,
        model: Supernet,
        sampler: LogitsSampler,
        plan: ChoicePlan,
        cost: Callable[[Architecture], float],
    ):
        super().__init__(model, self._train)
        self.sampler = sampler
        self._plan = plan
        self._cost = cost

    @property
    def variables(self) -> list:
        """What has to be in a checkpoint beside the model."""
        return list(self.sampler.logits.values())

    def set_temperature(self, step: int | tf.Tensor) -> None:
        """Sets what the logits are divided by at a training step.

        Args:
            step: from 0.
        """
        self.sampler.temperature.assign(self._plan.temperature ** self._done(step))

    def _done(self, step: int | tf.Tensor) -> tf.Tensor:
        """The share of the logits' steps that lies behind a step."""
        plan = self._plan
        done = (step - plan.first_step) / max(1, plan.steps - plan.first_step)
        return tf.clip_by_value(tf.cast(done, tf.float32), 0.0, 1.0)

    def _train(self, batch):
        """One step of the weights, and one of the logits once it is their turn."""
        inputs, labels, *weights = batch
        step = self.model.optimizer.iterations.value
        self.set_temperature(step)
        of_logits = rows_of_choices(inputs)
        told = self.model.train_step(of_rows(~of_logits, inputs, labels, *weights))
        tf.cond(
            step > self._plan.first_step,
            lambda: self._learn(*of_rows(of_logits, inputs, labels, *weights)),
            lambda: tf.constant(0.0),
        )
        return told

    def _learn(self, inputs, labels, *weights):
        """One step of the logits; the mean of what the paths are compared by."""
        logits = list(self.sampler.logits.values())
        zeros = [tf.zeros_like(variable) for variable in logits]

        def compare(index, found, gradients, weighted):
            path = self.sampler(self.model.generator)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(logits)
                likely = self.sampler.log_probability(path)
            slopes = tape.gradient(likely, logits)
            worth = self._worth(path, inputs, labels, *weights)
            return (
                index + 1,
                found.write(index, worth),
                [total + slope for total, slope in zip(gradients, slopes)],
                [total + worth * slope for total, slope in zip(weighted, slopes)],
            )

        start = tf.TensorArray(tf.float32, self._plan.paths, element_shape=[])
        _, found, gradients, weighted = tf.while_loop(
            lambda index, *_: index < self._plan.paths,
            compare,
            (tf.constant(0), start, zeros, zeros),
            parallel_iterations=1,
        )
        worths = found.stack()
        mean, deviation = tf.reduce_mean(worths), tf.math.reduce_std(worths)
        # Equal paths say nothing, nor does one whose loss is not finite.
        usable = tf.math.is_finite(deviation) & (deviation > 0)
        scale = self._plan.rate / (self._plan.paths - 1)
        for variable, slope, product in zip(logits, gradients, weighted):
            change = scale * (product - mean * slope) / deviation
            learns = usable & self._is_their_turn(variable)
            variable.assign_sub(tf.where(learns, change, 0.0))
        return mean

    def _is_their_turn(self, logits: tf.Variable) -> tf.Tensor:
        """Whether each block's logits are learnt at this step; of a shape to go with theirs.

        Those that are of no block go with the first.
        """
        places = [logits.shape[0]] + [1] * (logits.shape.rank - 1)
        if not self._plan.in_turn:
            return tf.ones(places, tf.bool)
        count = self.model.space.num_blocks
        done = self._done(self.model.optimizer.iterations.value - 1)
        turn = tf.minimum(tf.cast(done * count, tf.int32), count - 1)
        return tf.reshape(tf.range(logits.shape[0]) == turn, places)

    def _worth(self, path, inputs, labels, weights=None):
        """What a path is compared by: its log loss, and its cost."""
        given = self.model(inputs, path=path, training=False)
        worth = log_loss_of_rows(given, labels, weights)
        if not self._plan.cost_weight:
            return worth
        [cost] = tf.numpy_function(self._log_cost, list(path), [tf.float32])
        return worth + self._plan.cost_weight * tf.reshape(cost, [])

    def _log_cost(self, *path):
        architecture = decode(Path(*path), self.model.space)
        return np.log(np.float32(self._cost(architecture)))
