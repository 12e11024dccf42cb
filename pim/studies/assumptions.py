"""What the paper leaves unstated about the designs that it compares with."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pim.hardware.converters import MAX_BITS
from pim.hardware.encoding import PACKED, SPREAD
from pim.hardware.hardware import Hardware
from pim.hardware.memories import ReramTables
from pim.hardware.presets import hardware_preset
from pim.studies.baselines import NearMemoryDesign
from pim.workload.operators import Workload

HANDCRAFTED, UNIFORM, NEAR_MEMORY = "handcrafted", "uniform8", "recnmp"
BASELINES = (HANDCRAFTED, UNIFORM, NEAR_MEMORY)
"""The handcrafted design; the candidate's own design with 8 bits everywhere; near-memory DRAM."""


@dataclasses.dataclass(frozen=True)
class Setup:
    """Everything that a comparison depends on.

    Args:
        workload: the network, with the candidate's bit widths.
        hardware: the candidate's design.
        handcrafted: the uniform design.
        recnmp: the near-memory design.
    """

    workload: Workload
    hardware: Hardware
    handcrafted: Hardware = dataclasses.field(
        default_factory=lambda: hardware_preset("handcrafted")
    )
    recnmp: NearMemoryDesign = dataclasses.field(default_factory=NearMemoryDesign)


@dataclasses.dataclass(frozen=True)
class Assumption:
    """Something that the paper does not state.

    Args:
        name: what it is.
        baselines: baselines whose ratio it moves.
        low_label: one plausible case.
        low: settings of a ``Setup`` for it, by dotted name.
        high_label: another plausible case.
        high: settings for that.
    """

    name: str
    baselines: tuple[str, ...]
    low_label: str
    low: Mapping[str, Any]
    high_label: str
    high: Mapping[str, Any]


def assumptions(setup: Setup) -> tuple[Assumption, ...]:
    """What the paper leaves unstated, each with two plausible cases; sources as in ``presets``.

    Args:
        setup: what is compared; some cases are relative to its settings.
    """
    found = [
        *_of_handcrafted(setup.handcrafted),
        *_of_near_memory(),
        Assumption(
            "samples of one inference",
            BASELINES,
            "1",
            {"workload.batch": 1},
            "64",
            {"workload.batch": 64},
        ),
    ]
    if setup.hardware.mnsim2 is None:
        found.append(_shared_converter())
    if isinstance(setup.hardware.embedding, ReramTables):
        found.append(
            Assumption(
                "reading a bit of the candidate's tables",
                BASELINES,
                "0.1 pJ",
                {"hardware.embedding.read_pj_per_bit": 0.1},
                "10 pJ",
                {"hardware.embedding.read_pj_per_bit": 10.0},
            )
        )
    return tuple(found)


def _of_handcrafted(design: Hardware) -> list[Assumption]:
    hand, lossless = (HANDCRAFTED,), min(design.lossless_adc_bits, MAX_BITS)
    return [
        Assumption(
            "converter of the handcrafted design",
            hand,
            "ISAAC's 1.67 pJ",
            {"handcrafted.adc.pj_at_8_bits": 1.67, "handcrafted.adc.giga_samples": 1.28},
            "MNSIM 2.0's 15.6 pJ, 7.8 ns",
            {"handcrafted.adc.pj_at_8_bits": 15.625, "handcrafted.adc.giga_samples": 0.128},
        ),
        Assumption(
            "columns that share a converter there",
            hand,
            "2",
            {"handcrafted.adc.columns_per_adc": 2},
            "128",
            {"handcrafted.adc.columns_per_adc": 128},
        ),
        Assumption(
            "resolution of its converter",
            hand,
            "6 bits",
            {"handcrafted.adc.bits": 6},
            f"lossless, {lossless} bits",
            {"handcrafted.adc.bits": lossless},
        ),
        Assumption(
            "size of its arrays",
            hand,
            "64 x 64",
            {"handcrafted.array.rows": 64, "handcrafted.array.columns": 64},
            "256 x 256",
            {"handcrafted.array.rows": 256, "handcrafted.array.columns": 256},
        ),
        Assumption(
            "placement of its bit slices",
            hand,
            "side by side",
            {"handcrafted.encoding.slice_packing": PACKED},
            "an array each",
            {"handcrafted.encoding.slice_packing": SPREAD},
        ),
        Assumption(
            "time of a read there",
            hand,
            "3.16 ns (MNSIM 2.0)",
            {"handcrafted.array.read_ns": 3.16},
            "100 ns (ISAAC)",
            {"handcrafted.array.read_ns": 100.0},
        ),
    ]


def _of_near_memory() -> list[Assumption]:
    near = (NEAR_MEMORY,)
    return [
        Assumption(
            "arithmetic behind RecNMP: energy",
            near,
            "8-bit digital, 0.41 pJ",
            {"recnmp.multiply_accumulate_pj": 0.41},
            "18-core host at peak, 113 pJ",
            # 150 W over 18 cores x 2 x 16 lanes x 2.3 GHz; assumed.
            {"recnmp.multiply_accumulate_pj": 113.0},
        ),
        Assumption(
            "arithmetic behind RecNMP: speed",
            near,
            "host at 10 %, 130 GMAC/s",
            {"recnmp.multiply_accumulates_per_ns": 130.0},
            "host at peak, 1325 GMAC/s",
            {"recnmp.multiply_accumulates_per_ns": 1325.0},
        ),
        Assumption(
            "RecNMP's cache hits",
            near,
            "none",
            {"recnmp.tables.cache_hit_rate": 0.0},
            "80 %",
            {"recnmp.tables.cache_hit_rate": 0.8},
        ),
        Assumption(
            "RecNMP's elements",
            near,
            "8 bits",
            {"recnmp.element_bits": 8},
            "32 bits",
            {"recnmp.element_bits": 32},
        ),
        Assumption(
            "standby power of RecNMP's DRAM",
            near,
            "not charged",
            {"recnmp.tables.static_mw": 0.0},
            "413 mW a rank",
            {"recnmp.tables.static_mw": 413.0},
        ),
    ]


def _shared_converter() -> Assumption:
    """Both designs with the same converter technology, whichever it is."""
    cases = []
    for picojoule, giga_samples in ((1.67, 1.28), (15.625, 0.128)):
        cases.append(
            {
                f"{design}.adc.{name}": value
                for design in ("handcrafted", "hardware")
                for name, value in (
                    ("pj_at_8_bits", picojoule),
                    ("giga_samples", giga_samples),
                )
            }
        )
    return Assumption(
        "converters of both designs",
        (HANDCRAFTED, UNIFORM),
        "ISAAC's 1.67 pJ",
        cases[0],
        "MNSIM 2.0's 15.6 pJ, 7.8 ns",
        cases[1],
    )
