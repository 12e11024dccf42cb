"""Integers and scales of a trained quantized network, for hardware that computes with them."""

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.layers.quantized_maps import (
    KERNEL,
    SMALLEST_SCALE,
    InputRange,
    MapQuantizers,
    kernel_scale,
)
from nasrec_tf.networks.subnet import Subnet
from pim import QuantizedLinear


def quantized_weights(subnet: Subnet) -> dict[str, QuantizedLinear]:
    """Every linear map of a quantized network in integers and scales.

    ``weights * weight_scale`` equals the fake-quantized weights exactly, in float32. Inputs are
    symmetric: integers from -(2^(bits-1) - 1) to 2^(bits-1) - 1. A map whose inputs were 0 in all
    of training, or that no training met, computes its bias alone: its inputs get a scale so small
    that nothing else is left of them.

    Args:
        subnet: a network of an architecture with bit widths, trained.

    Returns:
        Maps by name, such as ``block_2_dot_product/tokens``, as ``pim`` names its operators.

    Raises:
        UserError: if the network is not quantized, or was never trained.

    Example:
        >>> from nasrec_tf.architecture.space import CODESIGN
        >>> from nasrec_tf.data.features import Features
        >>> space = CODESIGN.replace(num_blocks=1, dense_widths=(8,), sparse_widths=(4,))
        >>> subnet = Subnet(space.widest, Features(dense=3, table_rows=(5, 9)))
        >>> batch = {"dense": np.ones((4, 3), "float32"), "sparse": np.ones((4, 2), "int64")}
        >>> _ = subnet(batch, training=True)  # ranges follow what they see
        >>> maps = quantized_weights(subnet)
        >>> maps["block_1_fc/dense"].weights.shape, int(abs(maps["block_1_fc/dense"].weights).max())
        ((3, 8), 127)
    """
    if not subnet.quantizers:
        raise UserError("The network has no quantized weights: its architecture gives no bits.")
    reaches = [_reach(r) for q in subnet.quantizers.values() for r in q.ranges.values()]
    if not any(reaches):
        raise UserError("No map's inputs have a range; train the network first.")
    maps = {}
    for part, quantizers in subnet.quantizers.items():
        values, specs = subnet.parts[part].values(), subnet.parts[part].specs
        for spec in specs:
            # The map of a projection that is left out has no weights.
            if spec.name.endswith(KERNEL) and spec.name in subnet.parts[part].variables_by_name:
                name = spec.name.removesuffix(KERNEL)
                bias = values.get(f"{name}_bias")
                maps[f"{part}/{name}"] = _quantized_linear(
                    f"{part}/{name}", values[spec.name], bias, spec, quantizers, subnet.bits[part]
                )
    return maps


def _quantized_linear(full_name, kernel, bias, spec, quantizers: MapQuantizers, bits):
    fake = quantizers.kernel(kernel, spec, bits.weights).numpy()
    scale = _scale(kernel, spec, bits.weights, quantizers.per_channel)
    reach = _reach(quantizers.ranges[full_name.split("/")[1]])
    return QuantizedLinear(
        weights=np.rint(fake / scale).astype(np.int64),
        weight_scale=scale.astype(np.float64),
        input_scale=reach / (2 ** (bits.activations - 1) - 1) or SMALLEST_SCALE,
        weight_bits=bits.weights,
        activation_bits=bits.activations,
        signed_inputs=True,
        bias=None if bias is None else bias.numpy(),
    )


def _reach(input_range: InputRange) -> float:
    """The largest absolute value that the inputs of a map may have."""
    return float(input_range.variables_by_name["high"].numpy())


def _scale(kernel, spec, bits: int, per_channel: bool) -> np.ndarray:
    """The scale of every output; 1 for one that only meets padding and so has no weights."""
    active = kernel
    rows, columns = (getattr(axis, "active", None) for axis in spec.axes)
    active = kernel[: kernel.shape[0] if rows is None else rows, :columns]
    scale = kernel_scale(active, bits, per_channel).numpy()
    if not per_channel:
        return scale
    return np.pad(scale, (0, kernel.shape[1] - len(scale)), constant_values=1.0)


def quantized_table(subnet: Subnet, bits: int = 8) -> np.ndarray:
    """All rows of the embedding tables rounded to ``bits`` bits, one symmetric scale per table.

    Args:
        subnet: the network.
        bits: of an element, sign included.

    Returns:
        (rows of all tables, embedding_dim) float32.
    """
    top = 2 ** (bits - 1) - 1
    table = subnet.embedding.table.numpy().copy()
    start = 0
    for rows in subnet.embedding.table_rows:
        part = table[start : start + rows]
        scale = np.abs(part).max() / top
        if scale > 0:
            part[:] = np.rint(part / scale) * scale
        start += rows
    return table
