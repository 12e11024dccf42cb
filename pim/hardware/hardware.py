"""The hardware description: one tree of validated values, from a cell to the chip.

Units are written into the names: ns, pJ, nJ, mW, um2. Everything is per instance of the part.
``pim.hardware.presets`` holds the named designs with the source of every constant.
"""

import dataclasses
import functools

from pim import checks
from pim.errors import PimError
from pim.hardware import memories
from pim.hardware.converters import Adc, Dac, lossless_bits
from pim.hardware.encoding import Encoding
from pim.mnsim2.parts import settled_parts
from pim.mnsim2.quirks import Mnsim2Quirks


@dataclasses.dataclass(frozen=True)
class Device:
    """A resistive memory cell.

    Args:
        bits_per_cell: bits that one cell stores, as one of 2**bits equally spaced conductances.
        high_resistance_ohm: resistance of the lowest level.
        low_resistance_ohm: resistance of the highest level.
        variation: standard deviation of a cell's conductance, as a fraction of it.
        stuck_high_resistance: fraction of cells stuck at the lowest level.
        stuck_low_resistance: fraction of cells stuck at the highest level.
        area_um2: area of a cell with its access device.
        write_voltage_v: programming voltage.
        write_ns: length of a programming pulse; the cells of a row are written at once.
        write_pulses: pulses until a cell holds its level (write and verify).
    """

    bits_per_cell: int
    high_resistance_ohm: float
    low_resistance_ohm: float
    area_um2: float
    write_voltage_v: float
    write_ns: float
    write_pulses: int = 1
    variation: float = 0.0
    stuck_high_resistance: float = 0.0
    stuck_low_resistance: float = 0.0

    def __post_init__(self):
        checks.whole("device.bits_per_cell", self.bits_per_cell, 1, 8)
        for name in ("high_resistance_ohm", "low_resistance_ohm", "area_um2", "write_ns"):
            checks.positive(f"device.{name}", getattr(self, name))
        if self.high_resistance_ohm <= self.low_resistance_ohm:
            raise PimError(
                "device.high_resistance_ohm must be above device.low_resistance_ohm. "
                f"Received: {self.high_resistance_ohm!r} and {self.low_resistance_ohm!r}"
            )
        checks.real("device.write_voltage_v", self.write_voltage_v)
        checks.whole("device.write_pulses", self.write_pulses, 1, 1000)
        checks.real("device.variation", self.variation, 0, 1)
        for name in ("stuck_high_resistance", "stuck_low_resistance"):
            checks.real(f"device.{name}", getattr(self, name), 0, 1)
        if self.stuck_high_resistance + self.stuck_low_resistance > 1:
            raise PimError("device: stuck_high_resistance and stuck_low_resistance exceed 1")

    @property
    def levels(self) -> int:
        """Conductances that a cell can be set to."""
        return 2**self.bits_per_cell

    @property
    def write_pj(self) -> float:
        """Energy of programming one cell: V^2 / R for the pulses, at the lower resistance."""
        power_w = self.write_voltage_v**2 / self.low_resistance_ohm
        return power_w * self.row_write_ns * 1e3

    @property
    def row_write_ns(self) -> float:
        """Time of programming the cells of one row: all pulses."""
        return self.write_ns * self.write_pulses


@dataclasses.dataclass(frozen=True)
class Array:
    """A crossbar of cells with its word lines (rows) and bit lines (columns).

    Args:
        rows: word lines.
        columns: bit lines.
        read_ns: time of one analog read, until the column currents are sampled.
        cell_read_w: mean power of one cell during a read.
        wire_resistance_ohm: resistance of the wire between two neighbouring cells.
        driver_area_um2: area of one row's driver.
    """

    rows: int
    columns: int
    read_ns: float
    cell_read_w: float
    wire_resistance_ohm: float = 0.0
    driver_area_um2: float = 0.0

    def __post_init__(self):
        checks.whole("array.rows", self.rows, 1, 65536)
        checks.whole("array.columns", self.columns, 1, 65536)
        checks.positive("array.read_ns", self.read_ns)
        for name in ("cell_read_w", "wire_resistance_ohm", "driver_area_um2"):
            checks.real(f"array.{name}", getattr(self, name))


@dataclasses.dataclass(frozen=True)
class Periphery:
    """Small parts at an array.

    Args:
        sample_pj: energy of sampling and holding one column.
        sample_area_um2: area of one sample-and-hold.
        shift_add_pj: energy of shifting and adding one conversion's result.
        shift_add_area_um2: area of one shift-and-add unit (one per ADC).
    """

    sample_pj: float
    sample_area_um2: float
    shift_add_pj: float
    shift_add_area_um2: float

    def __post_init__(self):
        for field in dataclasses.fields(self):
            checks.real(f"periphery.{field.name}", getattr(self, field.name))


@dataclasses.dataclass(frozen=True)
class Interconnect:
    """What carries bits within and between tiles.

    Args:
        bus_pj_per_bit: energy of a bit on a tile's bus.
        bus_bits: bits that a tile's bus carries at once.
        bus_area_um2: area of a tile's bus.
        flit_bits: bits that a router passes on at once.
        router_pj: energy of one flit in one router.
        router_area_um2: area of a router.
        tiles_per_router: tiles that share a router.
        hops: mean routers between two operators.
        hop_ns: time of one flit in one router.
        clock_ghz: clock of bus and routers.
        router_leakage_mw: leakage of a router.
    """

    bus_pj_per_bit: float
    bus_bits: int
    bus_area_um2: float
    flit_bits: int
    router_pj: float
    router_area_um2: float
    tiles_per_router: int
    hops: int
    hop_ns: float
    clock_ghz: float
    router_leakage_mw: float = 0.0

    def __post_init__(self):
        for name in ("bus_bits", "flit_bits", "tiles_per_router"):
            checks.whole(f"interconnect.{name}", getattr(self, name), 1, 65536)
        checks.whole("interconnect.hops", self.hops, 0, 1000)
        checks.positive("interconnect.clock_ghz", self.clock_ghz)
        for name in ("bus_pj_per_bit", "bus_area_um2", "router_pj", "router_area_um2", "hop_ns"):
            checks.real(f"interconnect.{name}", getattr(self, name))
        checks.real("interconnect.router_leakage_mw", self.router_leakage_mw)


@dataclasses.dataclass(frozen=True)
class DigitalUnit:
    """The arithmetic that crossbars cannot do; every digital operator owns one unit.

    Args:
        lanes: multiply-accumulates that a unit does per clock.
        clock_ghz: clock.
        multiply_pj: energy of a multiplication.
        add_pj: energy of an addition.
        function_pj: energy of one sigmoid, exponential or comparison.
        lane_area_um2: area of one lane.
        lane_leakage_mw: leakage of one lane.
    """

    lanes: int
    clock_ghz: float
    multiply_pj: float
    add_pj: float
    function_pj: float
    lane_area_um2: float
    lane_leakage_mw: float = 0.0

    def __post_init__(self):
        checks.whole("digital.lanes", self.lanes, 1, 1 << 20)
        checks.positive("digital.clock_ghz", self.clock_ghz)
        for name in ("multiply_pj", "add_pj", "function_pj", "lane_area_um2", "lane_leakage_mw"):
            checks.real(f"digital.{name}", getattr(self, name))


@dataclasses.dataclass(frozen=True)
class Hardware:
    """A processing-in-memory design.

    Args:
        name: what reports call it.
        device: the memory cell.
        array: the crossbar.
        encoding: how integers become cells and pulses.
        dac: the converter that drives a row.
        adc: the converter that columns share.
        periphery: sample-and-hold and shift-and-add.
        input_register: the memory beside a unit's arrays that holds their inputs.
        tile_buffer: the memory of a tile.
        interconnect: bus and routers.
        digital: the digital unit, or None where there is none.
        embedding: the memory of the embedding tables, or None where there is none.
        arrays_per_unit: arrays that share an input register; operators own whole units.
        units_per_tile: units that share a tile's buffer and bus.
        duplication: copies of an operator's arrays that work on different positions or samples,
            at most as many as there are of these.
        max_tiles: tiles on the chip; an error tells when an architecture needs more.
        mnsim2: if given, crossbars are costed by MNSIM 2.0's own formulas, quirks included, and
            its choices decide converters, encoding, bits per cell and duplication.
    """

    name: str
    device: Device
    array: Array
    encoding: Encoding
    dac: Dac
    adc: Adc
    periphery: Periphery
    input_register: memories.OnChipMemory
    tile_buffer: memories.OnChipMemory
    interconnect: Interconnect
    digital: DigitalUnit | None = None
    embedding: memories.ReramTables | memories.DramTables | None = None
    arrays_per_unit: int = 8
    units_per_tile: int = 12
    duplication: int = 1
    max_tiles: int = 65536
    mnsim2: Mnsim2Quirks | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise PimError(
                f"name must be a text that is not empty. Received: {checks.shown(self.name)}"
            )
        checks.whole("arrays_per_unit", self.arrays_per_unit, 1, 65536)
        checks.whole("units_per_tile", self.units_per_tile, 1, 65536)
        checks.whole("duplication", self.duplication, 1, 1 << 20)
        checks.whole("max_tiles", self.max_tiles, 1, 1 << 30)
        if self.mnsim2 is not None:
            for name, part in settled_parts(self).items():
                object.__setattr__(self, name, part)

    @functools.cached_property
    def lossless_adc_bits(self) -> int:
        """Bits with which no conversion can lose anything; see ``pim.hardware.converters``."""
        return lossless_bits(
            self.array.rows, self.dac.bits, self.device.bits_per_cell, self.encoding
        )
