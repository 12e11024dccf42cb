"""Constants of MNSIM 2.0: SimConfig.ini and the files of Hardware_Model."""

import dataclasses

DIGITAL_PERIOD_NS = 2.0
"""500 MHz (SimConfig.ini, Digital_Frequency)."""

CELL_READ_NS = 3.16
"""Read latency of a cell (ISSCC'19 NTHU, as SimConfig.ini says)."""

CELL_AREA_UM2 = 1.44
ROW_DRIVER_UM2 = 1150.0
"""Crossbar.py, Area_Calculation = 0: cells, and this much for each row."""

HIGH_RESISTANCE_OHM, LOW_RESISTANCE_OHM = 1e6, 1e4
READ_VOLTAGE_V = 0.15

CELL_READ_W = 0.1 * READ_VOLTAGE_V**2 * (0.67 / HIGH_RESISTANCE_OHM + 0.33 / LOW_RESISTANCE_OHM)
"""Device.py: a tenth of the inputs are one, a third of the cells are at low resistance."""

DECODER_NS, MULTIPLEXER_NS = 0.27933, 0.032744
"""PE_latency.py: one 1-to-8 stage (NVSim)."""

INTRA_TILE_GBPS, INTER_TILE_GBPS = 1024.0, 20.0
"""SimConfig.ini: bits per ns within and between tiles."""

_SHRINK = (45 / 65) ** 2
ADDER_W, ADDER_UM2 = 2.5e-9 * 8, 10 * 14 * 45**2 / 1e6 * 8
SHIFT_REGISTER_W, SHIFT_REGISTER_UM2 = 8.1e-7, 1.42
REGISTER_W, REGISTER_UM2 = 18.8e-9 * _SHRINK, 1.4256 * _SHRINK
JOINT_MODULE_W, JOINT_MODULE_UM2 = 2.64e-4 * _SHRINK, 353.76 * _SHRINK
"""Adder.py, ShiftReg.py, Reg.py and JointModule.py at their default nodes and 8 bits."""

POOLING_UM2 = 91917.1562
"""Pooling.py: a pooling unit stands in every tile, also of fully connected layers."""

_TRANSISTOR_UM2, _TRANSISTOR_W = 10 * 130**2 / 1e6, 1.2e-8
_MULTIPLEXER_TRANSISTORS = ((2, 8), (4, 24), (8, 72), (16, 216), (32, 648))


@dataclasses.dataclass(frozen=True)
class Converter:
    """A converter of DAC.py or ADC.py.

    Args:
        bits: resolution.
        ns: time of one conversion.
        power_w: power.
        area_um2: area.
    """

    bits: int
    ns: float
    power_w: float
    area_um2: float


def _dac(bits: int, area_um2: float, power_w: float) -> Converter:
    return Converter(bits, bits + 2.0, power_w, area_um2)


DACS = {
    1: _dac(1, 0.166, 3.9e-6),
    2: _dac(2, 0.332, 7.8e-6),
    3: _dac(3, 0.664, 1.56e-5),
    4: _dac(4, 1.328, 3.12e-5),
    5: _dac(6, 5.312, 1.248e-4),
    # A slip of MNSIM's: a thousand times what doubling with every bit gives.
    6: _dac(8, 21.248, 0.4992),
    7: _dac(1, 0.166, 3.9e-6),
}


def _adc(bits: int, giga_samples: float, power_mw: float, area_um2: float) -> Converter:
    return Converter(bits, (bits + 2) / giga_samples, power_mw * 1e-3, area_um2)


ADCS = {
    1: _adc(10, 1.5, 6.92, 1600),
    2: _adc(8, 1.28, 2.0, 1200),
    3: _adc(8, 1.1, 4.0, 1650),
    4: _adc(6, 1.0, 1.26, 580),
    5: _adc(8, 1.1, 4.0, 1650),
    6: _adc(6, 1.0, 1.26, 1650),
    7: _adc(4, 1.0, 0.7, 500),
    8: Converter(1, 1.0, 0.001629e-3, 1.0),
    9: Converter(8, 2**8 / 6, 0.0584e-3, 15899.0),
}


def crossbar_read_ns(rows: int, columns: int) -> float:
    """Time of one read (Crossbar.py): the cell's, and far less for the crossbar's size in KB.

    Args:
        rows: of the crossbar.
        columns: of the crossbar.
    """
    size_kb = rows * columns / 8192
    return CELL_READ_NS + 1e-3 * (2e-4 * size_kb**2 + 5e-6 * size_kb + 4e-14)


def multiplexer(ways: int) -> tuple[float, float]:
    """Area (um2) and power (W) of a multiplexer or demultiplexer.

    Args:
        ways: inputs or outputs that it chooses among.
    """
    transistors = next((count for most, count in _MULTIPLEXER_TRANSISTORS if ways <= most), 1944)
    return transistors * _TRANSISTOR_UM2, transistors * _TRANSISTOR_W


def stages(ways: int) -> int:
    """Delay of a multiplexer in stages as PE_latency.py counts them: 2, 3 from 8, 4 from 64 …

    Args:
        ways: inputs or outputs that a multiplexer chooses among.
    """
    count = 1
    while ways > 0:
        ways //= 8
        count += 1
    return count
