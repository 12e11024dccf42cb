"""Memories: registers and buffers on the chip, and where the embedding tables live."""

import dataclasses
import functools

from pim import checks
from pim.hardware import cacti


@dataclasses.dataclass(frozen=True)
class OnChipMemory:
    """A register file, SRAM or embedded DRAM buffer, costed by CACTI 7 at 32 nm.

    Args:
        kind: ``itrs-hp``, ``itrs-lop`` or ``lp-dram`` (see ``pim.hardware.cacti``).
        size_kb: capacity in KB.
        port_bits: bits of one access.
        access_pj: energy of an access, instead of CACTI's for a read and a write.
        area_um2: area, instead of CACTI's.
    """

    kind: str
    size_kb: float
    port_bits: int
    access_pj: float | None = None
    area_um2: float | None = None

    def __post_init__(self):
        checks.one_of("memory kind", self.kind, cacti.KINDS)
        checks.whole("memory port_bits", self.port_bits, 1, 65536)
        checks.positive("memory size_kb", self.size_kb)
        cacti.memory(self.kind, self.size_kb, self.port_bits)
        if self.access_pj is not None:
            checks.real("memory access_pj", self.access_pj)
        if self.area_um2 is not None:
            checks.real("memory area_um2", self.area_um2)

    @functools.cached_property
    def figures(self) -> cacti.MemoryFigures:
        """What it costs, with the given figures in place of CACTI's."""
        figures = cacti.memory(self.kind, self.size_kb, self.port_bits)
        if self.access_pj is not None:
            figures = dataclasses.replace(figures, read_pj=self.access_pj, write_pj=self.access_pj)
        if self.area_um2 is not None:
            figures = dataclasses.replace(figures, area_um2=self.area_um2)
        return figures


@dataclasses.dataclass(frozen=True)
class ReramTables:
    """Embedding tables in ReRAM used as memory: rows are read, not multiplied.

    Args:
        cell_area_um2: area of a cell, which holds one bit.
        array_efficiency: share of the memory's area that is cells.
        access_ns: time from address to data within a bank.
        read_pj_per_bit: energy of sensing one bit, cell and amplifier.
        bus_pj_per_bit: energy of carrying one bit to the compute tiles.
        bus_bits: bits that a bank's port delivers at once.
        banks: banks that work at the same time; tables are spread over them.
        write_pj_per_bit: energy of programming one bit.
    """

    cell_area_um2: float
    array_efficiency: float
    access_ns: float
    read_pj_per_bit: float
    bus_pj_per_bit: float
    bus_bits: int
    banks: int
    write_pj_per_bit: float

    def __post_init__(self):
        checks.positive("embedding.cell_area_um2", self.cell_area_um2)
        checks.real("embedding.array_efficiency", self.array_efficiency, 1e-3, 1)
        checks.positive("embedding.access_ns", self.access_ns)
        for name in ("read_pj_per_bit", "bus_pj_per_bit", "write_pj_per_bit"):
            checks.real(f"embedding.{name}", getattr(self, name))
        checks.whole("embedding.bus_bits", self.bus_bits, 1, 65536)
        checks.whole("embedding.banks", self.banks, 1, 65536)


@dataclasses.dataclass(frozen=True)
class DramTables:
    """Embedding tables in DRAM, with a cache of hot rows beside it.

    Args:
        ranks: ranks that work at the same time; tables are spread over them.
        row_ns: time of one closed-row read, from activation to the last beat.
        rank_interval_ns: time between two reads of one rank when they follow each other.
        activate_nj: energy of activating and closing a row.
        read_pj_per_bit: energy of reading a bit out of the row.
        io_pj_per_bit: energy of a bit on the off-chip link.
        link_gb_per_s: speed of the off-chip link, in 10^9 bytes a second.
        cache_hit_rate: share of look-ups that the cache of hot rows serves.
        cache_pj: energy of one hit.
        cache_ns: time of one hit.
        burst_bits: bits of the smallest read.
        unit_area_um2: area of the logic beside the DRAM.
        static_mw: standby power of one rank, charged as leakage.
    """

    ranks: int
    row_ns: float
    rank_interval_ns: float
    activate_nj: float
    read_pj_per_bit: float
    io_pj_per_bit: float
    link_gb_per_s: float
    cache_hit_rate: float
    cache_pj: float
    cache_ns: float
    burst_bits: int
    unit_area_um2: float
    static_mw: float

    def __post_init__(self):
        checks.whole("embedding.ranks", self.ranks, 1, 4096)
        checks.whole("embedding.burst_bits", self.burst_bits, 1, 65536)
        checks.real("embedding.cache_hit_rate", self.cache_hit_rate, 0, 1)
        checks.positive("embedding.link_gb_per_s", self.link_gb_per_s)
        for name in ("row_ns", "rank_interval_ns", "activate_nj", "read_pj_per_bit"):
            checks.real(f"embedding.{name}", getattr(self, name))
        for name in ("io_pj_per_bit", "cache_pj", "cache_ns", "unit_area_um2", "static_mw"):
            checks.real(f"embedding.{name}", getattr(self, name))
