"""Networks on analog arrays, whatever they are made of."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pim.errors import PimError
from pim.functional.analog_keras import analog_keras_model
from pim.functional.quantized import AnalogLinear, QuantizedLinear
from pim.hardware.hardware import Hardware


def to_analog(model: Any, hardware: Hardware, rng: np.random.Generator, **options: Any) -> Any:
    """A network whose linear maps run on the hardware's analog arrays.

    Example:
        >>> import numpy as np
        >>> from pim import QuantizedLinear, hardware_preset
        >>> linear = QuantizedLinear(np.array([[3], [-2]]), 0.5, 0.25)
        >>> maps = to_analog({"fc": linear}, hardware_preset("isaac32"), np.random.default_rng(0))
        >>> maps["fc"](np.array([[1.0, 0.5]]))
        array([[1.]])

    Args:
        model: a ``QuantizedLinear``; a mapping from names to these, such as a quantized subnet's
            linear maps; or a Keras model (see ``pim.functional.analog_keras.analog_keras_model``).
        hardware: the design, with its variation, stuck cells, wires and ADC.
        rng: source of variation and stuck cells; maps draw from it in order.
        options: for a Keras model only: ``calibration`` and bit widths.

    Returns:
        An ``AnalogLinear``, a dictionary of these by name, or a Keras model.

    Raises:
        PimError: if the hardware cannot hold a map, or there are options for what is no Keras
            model; for a Keras model also as ``analog_keras_model`` says.
    """
    if options and isinstance(model, QuantizedLinear | Mapping):
        raise PimError(f"only a Keras model takes {', '.join(options)}")
    if isinstance(model, QuantizedLinear):
        return AnalogLinear(model, hardware, rng)
    if isinstance(model, Mapping):
        return {name: AnalogLinear(linear, hardware, rng) for name, linear in model.items()}
    return analog_keras_model(model, hardware, rng, **options)
