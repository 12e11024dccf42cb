"""What a trained network is without one of its parts: an operator, a merger, or a whole block.

The part's output is set to 0 and nothing is trained again. So the log loss rises by what the other
weights have come to expect of the part; a network that had been trained without it might do better.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from nasrec_tf.networks.part_names import HEAD, part_name
from nasrec_tf.networks.subnet import Subnet


@dataclasses.dataclass(frozen=True)
class Ablation:
    """Parts that are left out together.

    Args:
        block: number of their block, from 1.
        part: name of the operator or merger; ``None`` for the whole block.
        parts: names of the parts in the network.
    """

    block: int
    part: str | None
    parts: tuple[str, ...]


def ablations(network: Subnet) -> list[Ablation]:
    """Every live block, and every part of those that have several.

    Args:
        network: the network.

    Example:
        >>> from nasrec_tf.architecture.architecture import Architecture
        >>> from nasrec_tf.architecture.blocks import Block
        >>> from nasrec_tf.data.features import Features
        >>> block = Block({"fc": 8}, {"efc": 4}, (0,), (0,))
        >>> network = Subnet(Architecture((block,)), Features(3, (5, 9)))
        >>> [(found.block, found.part) for found in ablations(network)]
        [(1, None), (1, 'fc'), (1, 'efc')]
    """
    found = []
    for number in range(1, len(network.architecture) + 1):
        prefix = part_name(number, "")
        names = tuple(name for name in network.parts if name != HEAD and name.startswith(prefix))
        if names:
            found.append(Ablation(number, None, names))
        if len(names) > 1:
            found += [Ablation(number, name.removeprefix(prefix), (name,)) for name in names]
    return found


class AblatedLogits:
    """Logits of a network without some parts; its graph is traced once for all of them.

    Args:
        network: the trained network.
        input_spec: shapes of a batch's inputs.
    """

    def __init__(self, network: Subnet, input_spec: Any):
        # The first of a block is all of it.
        self._names = [name for one in ablations(network) if one.part is None for name in one.parts]
        spec = tf.TensorSpec([len(self._names)], tf.float32)

        def logits(inputs, scales):
            by_name = {name: scales[index] for index, name in enumerate(self._names)}
            return network.logits_with_scales(inputs, by_name)

        self._logits = tf.function(logits, input_signature=[input_spec, spec], autograph=False)

    def __call__(self, inputs: Any, without: Sequence[str] = ()) -> np.ndarray:
        """Logits of a batch, (batch,).

        Args:
            inputs: ``"dense"`` and ``"sparse"``.
            without: names of the parts that are left out.
        """
        scales = [0.0 if name in without else 1.0 for name in self._names]
        return self._logits(inputs, tf.constant(scales)).numpy()[:, 0]
