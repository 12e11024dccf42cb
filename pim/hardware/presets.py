"""Named hardware designs, with the source of every constant.

Marks: [isaac] Accelergy library plug-in, library/isaac/*.csv, and ISAAC (Shafiee et al., ISCA
2016); [puma] puma-simulator, include/constants.py; [mnsim] MNSIM 2.0 at ca39ccb, SimConfig.ini and
Hardware_Model; [crosssim] CrossSim, simulator/configs/readme.md; [aladdin] Accelergy library,
library/aladdin and raella, 40 nm; [recnmp] Ke et al., RecNMP, Table I; [cacti]
``pim.hardware.cacti``; [assumed] chosen here, and varied in the sensitivity analysis
of ``pim.studies.design_comparison`` where it matters.
"""

import functools

from pim.checks import suggestion
from pim.errors import PimError
from pim.hardware.converters import CLIP, Adc, Dac
from pim.hardware.encoding import (
    ANALOG,
    DIFFERENTIAL,
    OFFSET,
    PACKED,
    SIGN_MAGNITUDE,
    SPREAD,
    TWOS_COMPLEMENT,
    Encoding,
)
from pim.hardware.hardware import Array, Device, DigitalUnit, Hardware, Interconnect, Periphery
from pim.hardware.memories import DramTables, OnChipMemory, ReramTables
from pim.mnsim2 import constants as mnsim2
from pim.mnsim2.quirks import Mnsim2Quirks

DEFAULT = "isaac32"
"""The design that costs are estimated on unless another one is named."""

# 32 nm: 4 F^2 per cell, the densest crossbar memory.
_DENSE_CELL_UM2 = 4 * 0.032**2


def _digital_unit() -> DigitalUnit:
    return DigitalUnit(
        lanes=64,  # [assumed]
        clock_ghz=1.2,  # [isaac] clock of its digital parts
        multiply_pj=0.2,  # [aladdin] 8-bit multiply
        add_pj=0.21,  # [aladdin] 32-bit add
        function_pj=0.43,  # [isaac] sigmoid unit, 0.52 mW at 1.2 GHz
        lane_area_um2=500.0,  # [assumed]
    )


def reram_tables() -> ReramTables:
    """ReRAM used as memory: 4 F^2 cells at 32 nm, one bit each."""
    return ReramTables(
        cell_area_um2=_DENSE_CELL_UM2,
        array_efficiency=0.5,  # [assumed]
        access_ns=20.0,  # [assumed] bank of a Gbit-class memory; a 1 Mbit macro reads in 15 ns
        read_pj_per_bit=1.0,  # [assumed]
        bus_pj_per_bit=0.054,  # [isaac] eDRAM bus
        bus_bits=128,  # [assumed]
        banks=32,  # [assumed]
        write_pj_per_bit=9.0,  # [mnsim] 3 V for 10 ns into 10 kOhm
    )


def recnmp_tables(cache_hit_rate: float = 0.4) -> DramTables:
    """RecNMP's near-memory DRAM: DDR4-2400, 4 channels of one DIMM of 2 ranks [recnmp].

    Args:
        cache_hit_rate: share of look-ups that the 128 KB cache of a rank serves; 0.4 is about
            what the published traces give, 0 is no cache.
    """
    clock_ns = 0.833
    return DramTables(
        ranks=8,
        row_ns=36 * clock_ns,  # tRCD + tCL + half a burst, 16 + 16 + 4 clocks
        rank_interval_ns=6.5 * clock_ns,  # tFAW / 4
        activate_nj=2.1,
        read_pj_per_bit=14.0,
        io_pj_per_bit=22.0,
        link_gb_per_s=4 * 19.2,  # four channels of DDR4-2400
        cache_hit_rate=cache_hit_rate,
        cache_pj=50.0,
        cache_ns=clock_ns,
        burst_bits=512,
        unit_area_um2=4 * 0.54e6,  # one processing unit a DIMM, with cache, 40 nm
        static_mw=413.0,  # active standby of a rank by DRAMsim3's DDR4_8Gb_x8_2400.ini
    )


def _isaac32() -> Hardware:
    return Hardware(
        name="isaac32",
        device=Device(
            bits_per_cell=2,  # [isaac]
            high_resistance_ohm=2e6,  # [crosssim]
            low_resistance_ohm=2e3,  # [crosssim]
            area_um2=25.0 / 128**2,  # [isaac] 25 um2 for an array of 128 x 128
            write_voltage_v=3.0,  # [mnsim]
            write_ns=10.0,  # [mnsim]
        ),
        array=Array(
            rows=128,  # [isaac]
            columns=128,  # [isaac]
            read_ns=100.0,  # [isaac]
            cell_read_w=0.3e-3 / 128**2,  # [isaac] 0.3 mW an array
        ),
        encoding=Encoding(  # [isaac]
            weights=OFFSET, slice_packing=PACKED, inputs=TWOS_COMPLEMENT, flip=True
        ),
        dac=Dac(bits=1, power_w=3.9e-6, area_um2=0.166),  # [isaac]
        adc=Adc(
            bits=8,  # [isaac]
            pj_at_8_bits=1.67,  # [isaac]
            area_um2_at_8_bits=1200.0,  # [isaac]
            giga_samples=1.28,  # [isaac] 128 columns in 100 ns
            columns_per_adc=128,  # [isaac] one ADC an array
            range_policy=CLIP,
        ),
        periphery=Periphery(
            sample_pj=10e-6 / 1024 * 100e3,  # [isaac] 10 uW for 1024 samples of 100 ns
            sample_area_um2=40.0 / 1024,  # [isaac]
            shift_add_pj=0.021,  # [isaac]
            shift_add_area_um2=60.0,  # [isaac]
        ),
        input_register=OnChipMemory("itrs-lop", 2, 128, area_um2=2100.0),  # [cacti], area [isaac]
        tile_buffer=OnChipMemory(  # [isaac] 64 KB of eDRAM
            "lp-dram", 64, 256, access_pj=20.45, area_um2=83000.0
        ),
        interconnect=Interconnect(
            bus_pj_per_bit=0.054,  # [isaac]
            bus_bits=384,  # [isaac]
            bus_area_um2=90000.0,  # [isaac]
            flit_bits=256,  # [isaac] as the energy is given
            router_pj=20.74,  # [isaac] per 256 bits
            router_area_um2=0.15e6,  # [isaac]
            tiles_per_router=4,  # [isaac]
            hops=3,  # [assumed]
            hop_ns=2.0,  # [assumed]
            clock_ghz=1.2,  # [isaac]
        ),
        digital=_digital_unit(),
        embedding=reram_tables(),
        arrays_per_unit=8,  # [isaac]
        units_per_tile=12,  # [isaac]
        max_tiles=168,  # [isaac] one chip
    )


def _handcrafted() -> Hardware:
    """The uniform design that a designer would take from MNSIM 2.0's parts: 8 bits everywhere."""
    return Hardware(
        name="handcrafted",
        device=_mnsim2_device(),
        array=_mnsim2_array(128, 128),
        encoding=Encoding(  # [mnsim] polarity 2, subtraction before the ADC
            weights=DIFFERENTIAL, subtraction=ANALOG, slice_packing=SPREAD, inputs=SIGN_MAGNITUDE
        ),
        dac=Dac(bits=1, power_w=mnsim2.DACS[1].power_w, area_um2=mnsim2.DACS[1].area_um2),
        adc=Adc(
            bits=8,
            # [isaac]; [mnsim] takes the same converter's samples for bits, 15.6 pJ and 7.8 ns.
            pj_at_8_bits=1.67,
            area_um2_at_8_bits=1200.0,
            giga_samples=1.28,
            columns_per_adc=8,  # [assumed]
        ),
        periphery=Periphery(
            sample_pj=10e-6 / 1024 * 100e3,  # [isaac]
            sample_area_um2=40.0 / 1024,  # [isaac]
            shift_add_pj=0.021,  # [isaac]
            shift_add_area_um2=60.0,  # [isaac]
        ),
        input_register=OnChipMemory("itrs-lop", 2, 64),  # [cacti]
        tile_buffer=OnChipMemory("itrs-lop", 64, 256),  # [cacti]
        interconnect=Interconnect(
            bus_pj_per_bit=0.054,  # [isaac]
            bus_bits=256,  # [assumed]
            bus_area_um2=90000.0,  # [isaac]
            flit_bits=256,  # [isaac]
            router_pj=20.74,  # [isaac]
            router_area_um2=0.15e6,  # [isaac]
            tiles_per_router=4,  # [isaac]
            hops=3,  # [assumed]
            hop_ns=2.0,  # [assumed]
            clock_ghz=0.5,  # [mnsim] digital frequency
        ),
        digital=_digital_unit(),
        embedding=reram_tables(),
        arrays_per_unit=8,  # [isaac]
        units_per_tile=12,  # [isaac]
    )


def _mnsim2() -> Hardware:
    """MNSIM 2.0 with its quirks; digital units and tables, which it lacks, as in handcrafted."""
    adc = mnsim2.ADCS[6]
    free = Interconnect(0.0, 64, 0.0, 64, 0.0, 0.0, 1, 0, 0.0, 0.5)
    return Hardware(
        name="mnsim2",
        device=_mnsim2_device(),
        array=_mnsim2_array(256, 256),
        encoding=Encoding(
            weights=DIFFERENTIAL, subtraction=ANALOG, slice_packing=SPREAD, inputs=SIGN_MAGNITUDE
        ),
        dac=Dac(bits=1, power_w=mnsim2.DACS[1].power_w, area_um2=mnsim2.DACS[1].area_um2),
        adc=Adc(adc.bits, adc.power_w * adc.ns * 1e3, adc.area_um2, 1 / adc.ns, 2),
        periphery=Periphery(0.0, 0.0, 0.0, 0.0),
        input_register=OnChipMemory("itrs-lop", 2, 64),
        tile_buffer=OnChipMemory("itrs-lop", 64, 64),
        interconnect=free,
        digital=_digital_unit(),
        embedding=reram_tables(),
        arrays_per_unit=2,
        units_per_tile=4,
        mnsim2=Mnsim2Quirks(),
    )


def _mnsim2_device() -> Device:
    return Device(
        bits_per_cell=1,
        high_resistance_ohm=mnsim2.HIGH_RESISTANCE_OHM,
        low_resistance_ohm=mnsim2.LOW_RESISTANCE_OHM,
        area_um2=mnsim2.CELL_AREA_UM2,
        write_voltage_v=3.0,
        write_ns=10.0,
    )


def _mnsim2_array(rows: int, columns: int) -> Array:
    return Array(
        rows=rows,
        columns=columns,
        read_ns=mnsim2.CELL_READ_NS,
        cell_read_w=mnsim2.CELL_READ_W,
        driver_area_um2=mnsim2.ROW_DRIVER_UM2,
    )


_BUILDERS = {"isaac32": _isaac32, "handcrafted": _handcrafted, "mnsim2": _mnsim2}

PRESETS = tuple(_BUILDERS)


@functools.cache
def hardware_preset(name: str) -> Hardware:
    """The design of that name; the top of this module says where each constant is from.

    Example:
        >>> isaac = hardware_preset("isaac32")
        >>> isaac.array.rows, isaac.device.bits_per_cell, isaac.adc.bits
        (128, 2, 8)

    Args:
        name: of ``PRESETS``: ISAAC's tile at 32 nm (``isaac32``), the uniform 8-bit design that
            the paper compares with (``handcrafted``), MNSIM 2.0 with its quirks (``mnsim2``).

    Raises:
        PimError: if there is none.
    """
    if name not in _BUILDERS:
        raise PimError(
            f"no hardware preset {name!r}{suggestion(name, PRESETS)}; there are "
            f"{', '.join(PRESETS)}"
        )
    return _BUILDERS[name]()
