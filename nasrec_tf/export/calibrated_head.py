"""Calibration as part of a network's weights: no operation more where it is served."""

import numpy as np

from nasrec_tf.export.errors import ExportError
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.ensemble import Ensemble, subnets_of
from nasrec_tf.networks.part_names import HEAD
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.training.calibration import Calibration


def fold_calibration(
    network: Subnet | Ensemble | BaselineNetwork, calibration: Calibration
) -> None:
    """Changes the weights of the final layer so that the network gives calibrated logits.

    Args:
        network: the network, the ensemble or the hand-made model, changed in place. A hand-made
            model keeps scale and offset beside its weights.
        calibration: what its logits are to go through.

    Raises:
        ExportError: if a weight would not be finite in float32, or the logits of a quantized
            network are to be scaled: its kernel would be rounded to other integers.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> from nasrec_tf.data.features import Features
        >>> space = NASREC_SMALL.replace(num_blocks=1, dense_widths=(8,), sparse_widths=(4,))
        >>> subnet = Subnet(space.widest, Features(dense=3, table_rows=(5, 9)))
        >>> batch = {"dense": np.ones((4, 3), "float32"), "sparse": np.ones((4, 2), "int64")}
        >>> before = subnet(batch).numpy()
        >>> fold_calibration(subnet, Calibration(0.5, -2.0))
        >>> bool(np.allclose(subnet(batch), 0.5 * before - 2.0))
        True
    """
    if isinstance(network, BaselineNetwork):
        network.scale *= calibration.scale
        network.offset = float(calibration.applied(np.asarray(network.offset)))
        return
    # The mean of logits that all go through the same line goes through it as well.
    for subnet in subnets_of(network):
        _fold(subnet, calibration)


def _fold(subnet: Subnet, calibration: Calibration) -> None:
    if calibration.scale != 1 and subnet.quantizers:
        raise ExportError("the logits of a quantized network cannot be scaled by its weights")
    weights = subnet.parts[HEAD].variables_by_name
    kernel, bias = weights[f"{HEAD}_kernel"], weights[f"{HEAD}_bias"]
    with np.errstate(over="ignore"):  # Refused below.
        scaled = (kernel.numpy() * calibration.scale).astype(np.float32)
        shifted = calibration.applied(bias.numpy()).astype(np.float32)
    if not (np.isfinite(scaled).all() and np.isfinite(shifted).all()):
        raise ExportError(
            f"the final layer times {calibration.scale:g} plus {calibration.offset:g} is not "
            "finite; repeat the command with --no-calibrate"
        )
    kernel.assign(scaled)
    bias.assign(shifted)
