"""How good a quantized network is on analog arrays: measured by the functional model."""

from collections.abc import Callable, Mapping

import numpy as np

from nasrec_tf.data.records import Records
from nasrec_tf.networks.quantization import quantized_table, quantized_weights
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.training.evaluation import Quality, quality
from pim import Hardware, changed, to_analog

ROWS_AT_ONCE = 128
"""Rows whose bit-serial partial sums are in memory at the same time."""

IDEAL = {
    "device.variation": 0.0,
    "device.stuck_high_resistance": 0.0,
    "device.stuck_low_resistance": 0.0,
}
CELLS: Mapping[str, Mapping[str, float]] = {
    "ideal": IDEAL,
    "variation": IDEAL | {"device.variation": 0.05},
    "stuck": IDEAL | {"device.stuck_high_resistance": 0.001, "device.stuck_low_resistance": 0.001},
}
"""Cells that are perfect; of 5 % variation; of which 0.1 % are stuck at either end."""


def crossbar_quality(
    subnet: Subnet,
    records: Records,
    hardware: Hardware,
    cells: str,
    rows: int,
    seed: int,
    advance: Callable[[int], object] = lambda rows: None,
) -> Quality:
    """Log loss and AUC on the first rows of the test split, every linear map on arrays.

    Embedding tables are read at 8 bits, products of activations and normalisation are digital.

    Args:
        subnet: a trained quantized network.
        records: the data set.
        hardware: the design.
        cells: of ``CELLS``.
        rows: how many test rows; all if there are fewer.
        seed: seed of variation and stuck cells.
        advance: called with the number of rows after each batch.

    Returns:
        Log loss and AUC on these rows.

    Raises:
        UserError: if the network is not quantized, or was never trained.
        PimError: if the hardware cannot hold one of its maps.
    """
    rng = np.random.default_rng(seed)
    maps = to_analog(quantized_weights(subnet), changed(hardware, dict(CELLS[cells])), rng)
    table = quantized_table(subnet)
    labels, logits = [], []
    for inputs, batch_labels, *_ in records.batches("test", ROWS_AT_ONCE, rows):
        labels.append(batch_labels.numpy()[:, 0])
        logits.append(subnet.logits_with_maps(inputs, maps, table)[:, 0])
        advance(len(labels[-1]))
    weights = records.weights("test", rows)
    return quality(np.concatenate(labels), np.concatenate(logits), weights)
