"""The search of models and of the crossbar hardware that runs them."""

import dataclasses

from nasrec_tf.search.options import CODESIGN, OF_LIMITS, option

DEFAULT_BITS = "4,8"
"""Bit widths of the paper's co-design search (5.1)."""

DEFAULT_HARDWARE = "handcrafted"
"""MNSIM 2.0's ReRAM parameters, as in the paper (5.1)."""

LIMITS = ("max_mflops", "max_latency_us", "max_energy_nj", "max_area_mm2")
"""Options that limit what a candidate may cost."""


@dataclasses.dataclass(frozen=True)
class CodesignOptions:
    """The search of models and of the crossbar hardware that runs them."""

    codesign: bool = option(
        False,
        CODESIGN,
        "search quantized models and the crossbar hardware that runs them together",
        of_choice=True,
    )
    hardware: str | None = option(
        None, CODESIGN, "the design that the search varies: a preset of pim (isaac32, handcrafted) "
        "or a JSON file (default: handcrafted, of MNSIM 2.0's ReRAM parameters)", path=True,
        content=True,
    )  # fmt: skip
    bits: str | None = option(
        None,
        CODESIGN,
        "bit widths of operators to choose among (default: the search space's own, or 4,8)",
    )
    separate_bits: bool = option(
        False, CODESIGN, "choose the bits of an operator's weights and of its inputs separately"
    )
    objective: str | None = option(
        None, CODESIGN, "log loss, latency and energy together (pareto, default), or the log loss "
        "alone within the limits below", choices=("pareto", "log-loss"),
    )  # fmt: skip
    max_latency_us: float | None = option(
        None, CODESIGN, "longest time of an inference", **OF_LIMITS
    )
    max_energy_nj: float | None = option(
        None, CODESIGN, "largest energy of an inference", **OF_LIMITS
    )
    max_area_mm2: float | None = option(
        None, CODESIGN, "largest area, embedding tables included", **OF_LIMITS
    )
    lossy_converters: bool = option(
        False, CODESIGN, "allow analog-to-digital converters that lose bits"
    )
    hardware_rows: int = option(
        1000, CODESIGN, "test rows that are computed as the arrays compute them", least=1,
        reader="hardware",
    )  # fmt: skip
