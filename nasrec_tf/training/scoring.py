"""Scoring a candidate by the supernet's weights (paper 4.3 and 4.4)."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.data.held_rows import HeldRows
from nasrec_tf.data.records import Records
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.supernet.path import Path
from nasrec_tf.optimizers.row_gradients import clip_by_global_norm
from nasrec_tf.optimizers.schedules import WarmupCosine

CHUNK_ROWS = 1024
"""Rows whose head inputs are computed at once: attention over more falls out of the caches."""

GPU_CHUNK_ROWS = 16384
"""Likewise on a GPU, which fewer do not fill."""

CLIP_NORM, EPSILON = 5.0, 1e-2
"""Of the Adagrad that the paper trains with (5.1), as ``optimizers.adagrad`` has them."""


@dataclasses.dataclass(frozen=True)
class ScoringPlan:
    """How a candidate is scored.

    Args:
        batch_size: rows of a fine-tuning batch.
        fine_tune_steps: steps of the final layer's fine-tuning; 0 for none.
        learning_rate: peak learning rate of the fine-tuning.
        warmup_steps: steps of its warm-up; 50 in the authors' code.
        validation_rows: rows of the validation split that a score is taken over.
        chunk_rows: rows of the fine-tuning whose head inputs are computed at once.
        evaluation_batch: rows of a validation batch.
        seed: seed of the order of the fine-tuning rows.
    """

    batch_size: int = 512
    fine_tune_steps: int = 500
    learning_rate: float = 0.04
    warmup_steps: int = 50
    validation_rows: int = 100 * 8192
    chunk_rows: int = CHUNK_ROWS
    evaluation_batch: int = CHUNK_ROWS
    seed: int = 0


class Head(NamedTuple):
    """The final layer while it is tuned: weights and Adagrad's accumulators."""

    kernel: tf.Tensor
    bias: tf.Tensor
    kernel_sum: tf.Tensor
    bias_sum: tf.Tensor


class SupernetScorer:
    """Log loss of an architecture with the supernet's weights and a fine-tuned final layer.

    All but the final layer is frozen: what it reads is computed once per batch and candidate, and
    the tuning itself is logistic regression on it. The supernet's weights are left as they are.
    The same architecture always gets the same score.

    Args:
        supernet: the trained supernet.
        records: the data set; tuned on its training split, scored on its validation split.
        plan: how to score.
        judged: rows that scores are taken over, each as much as it counts, in the place of the
            plan's validation rows.
    """

    def __init__(
        self,
        supernet: Supernet,
        records: Records,
        plan: ScoringPlan,
        judged: HeldRows | None = None,
    ):
        self.supernet = supernet
        self.records = records
        self.plan = plan
        self.judged = judged
        steps = max(1, plan.fine_tune_steps)
        warmup = min(plan.warmup_steps, steps // 10)
        self._schedule = WarmupCosine(plan.learning_rate, steps, warmup)
        # The supernet below the final layer is the one large graph; it is traced once.
        path_spec = supernet.encode(supernet.space.widest)
        path_spec = Path(*(tf.TensorSpec(part.shape, part.dtype) for part in path_spec))
        self._head_inputs = tf.function(
            supernet.head_inputs,
            input_signature=[records.input_spec, path_spec],
            autograph=False,
        )
        self._first_head = tf.function(
            self._head_of_path, input_signature=[path_spec], autograph=False
        )
        options = {"reduce_retracing": True, "autograph": False}
        self._tune = tf.function(self._tune_chunk, **options)
        self._loss = tf.function(self._summed_loss, **options)
        self._row_losses = tf.function(self._losses, **options)

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Scores an architecture.

        Args:
            architecture: of the supernet's space.

        Returns:
            ``log_loss`` on the validation rows, not finite if the candidate diverges.

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        path = self.supernet.encode(architecture)
        head = self._tuned_head(path)
        total, rows = 0.0, 0.0
        for inputs, labels, *weights in self._judged_batches():
            features = self._features(inputs, path)
            total += float(self._loss(features, labels, head, *weights))
            rows += float(tf.reduce_sum(weights[0])) if weights else labels.shape[0]
        return {"log_loss": total / rows}

    def row_losses(self, architecture: Architecture, shares: Iterable[float] = (1,)) -> np.ndarray:
        """Log loss of each row that the score is taken over, in nats, however much it counts.

        Args:
            architecture: of the supernet's space.
            shares: of the tuning, in rising order, after which the losses are wanted.

        Returns:
            (shares, rows), float32; after the last share, 1, the losses are those of the score.
        """
        return self.losses_by_heads(architecture, self.tuned_heads(architecture, shares))

    def tuned_heads(self, architecture: Architecture, shares: Iterable[float] = (1,)) -> list[Head]:
        """The final layer after shares of the tuning, in rising order; 0 for that of the supernet.

        Args:
            architecture: of the supernet's space.
            shares: of the steps; each head is that of the first chunk which comes so far.
        """
        heads: list[Head] = []
        wanted = [share * self.plan.fine_tune_steps for share in shares]
        for step, head in self._tuned_heads(self.supernet.encode(architecture)):
            heads += [head] * sum(steps <= step for steps in wanted[len(heads) :])
        return heads + [head] * (len(wanted) - len(heads))  # Of an epoch without a whole batch.

    def losses_by_heads(self, architecture: Architecture, heads: Sequence[Head]) -> np.ndarray:
        """Log loss of each row that the score is taken over, by each of some final layers.

        Args:
            architecture: of the supernet's space.
            heads: its final layers, tuned by this scorer or by one with another plan.

        Returns:
            (heads, rows), float32.
        """
        path = self.supernet.encode(architecture)
        found = []
        for inputs, labels, *_ in self._judged_batches():
            features = self._features(inputs, path)
            found.append(np.stack([self._row_losses(features, labels, head) for head in heads]))
        return np.concatenate(found, axis=1)[:, :, 0]

    def _judged_batches(self) -> Any:
        if self.judged is not None:
            return self.judged.batches(self.plan.evaluation_batch)
        plan = self.plan
        return self.records.batches("validation", plan.evaluation_batch, plan.validation_rows)

    def _features(self, inputs, path):
        """What the final layer reads; all batches make one program where programs are compiled."""
        if not self.supernet.runs_by_masks:
            return self._head_inputs(inputs, path)
        rows = inputs["sparse"].shape[0]
        size = max(rows, self._tuning_rows, self.plan.evaluation_batch)
        return self._head_inputs(_filled_up(inputs, size - rows), path)[:rows]

    def _tuned_head(self, path: Path) -> Head:
        return list(self._tuned_heads(path))[-1][1]

    def _tuned_heads(self, path: Path) -> Iterator[tuple[int, Head]]:
        """The final layer before its tuning and after each chunk, with the steps that it took."""
        head = self._first_head(path)
        batch = self.plan.batch_size
        step = 0
        yield step, head
        for inputs, labels, *weights in self._tuning_chunks():
            steps = min(labels.shape[0] // batch, self.plan.fine_tune_steps - step)
            if steps < 1:
                break
            features = self._features(inputs, path)
            # Weights of 1 leave every number as it is.
            weight = weights[0][:, None] if weights else tf.ones_like(labels)
            first, count = tf.constant(step), tf.constant(steps)
            head = self._tune(features, labels, weight, head, first, count)
            step += steps
            yield step, head

    @property
    def _tuning_rows(self) -> int:
        """Rows of a chunk of whole batches, where the split has as many."""
        return max(1, self.plan.chunk_rows // self.plan.batch_size) * self.plan.batch_size

    def _tuning_chunks(self):
        """Chunks of whole batches, epoch after epoch."""
        plan = self.plan
        rows = min(
            self._tuning_rows, plan.batch_size * self.records.steps_per_epoch(plan.batch_size)
        )
        left = plan.fine_tune_steps
        epoch = 0
        while left > 0:
            for chunk in self.records.training_batches(rows, epoch, plan.seed):
                if left <= 0:
                    return
                yield chunk
                left -= rows // plan.batch_size
            epoch += 1

    def _head_of_path(self, path):
        head = self.supernet.head_slice(path)
        kernel, bias = head["head_kernel"], head["head_bias"]
        return Head(kernel, bias, tf.zeros_like(kernel), tf.zeros_like(bias))

    def _tune_chunk(self, features, labels, weights, head, first_step, steps):
        """Steps ``first_step`` and on over the chunk's batches."""
        batch = self.plan.batch_size

        def step(index, head):
            rows = slice(index * batch, (index + 1) * batch)
            return index + 1, self._head_step(
                features[rows], labels[rows], weights[rows], head, first_step + index
            )

        _, head = tf.while_loop(
            lambda index, _: index < steps,
            step,
            (tf.constant(0), head),
            shape_invariants=(tf.TensorShape([]), Head(*(part.shape for part in head))),
        )
        return head

    def _head_step(self, features, labels, weights, head, step):
        """One step of the training recipe's Adagrad on the mean log loss."""
        logits = self.supernet.tunable_logits(features, head.kernel, head.bias)
        error = (tf.sigmoid(logits) - labels) * weights / self.plan.batch_size
        kernel_gradient = tf.matmul(features, error, transpose_a=True)
        gradients = clip_by_global_norm([kernel_gradient, tf.reduce_sum(error, axis=0)], CLIP_NORM)
        rate = self._schedule(step)
        kernel_sum = head.kernel_sum + tf.square(gradients[0])
        bias_sum = head.bias_sum + tf.square(gradients[1])
        return Head(
            head.kernel - rate * gradients[0] / (tf.sqrt(kernel_sum) + EPSILON),
            head.bias - rate * gradients[1] / (tf.sqrt(bias_sum) + EPSILON),
            kernel_sum,
            bias_sum,
        )

    def _summed_loss(self, features, labels, head, weights=None):
        """Log loss of a batch, summed over its rows, each as much as it counts."""
        losses = self._losses(features, labels, head)
        return tf.reduce_sum(losses if weights is None else losses * weights[:, None])

    def _losses(self, features, labels, head):
        """Log loss of each row of a batch, (batch, 1)."""
        logits = self.supernet.tunable_logits(features, head.kernel, head.bias)
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)


def _filled_up(inputs, rows):
    """The inputs of a batch, and as many further rows of zeros."""
    return {name: tf.pad(value, [[0, rows], [0, 0]]) for name, value in inputs.items()}
