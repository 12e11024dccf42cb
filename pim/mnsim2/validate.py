"""Compares this package's MNSIM 2.0 formulas with MNSIM 2.0's own output, row by row."""

import csv
import dataclasses
import itertools
import math
import pathlib
from collections.abc import Iterable, Iterator

from pim.checks import shown
from pim.errors import PimError
from pim.mnsim2.layer_costs import LayerCost, estimate_layers
from pim.mnsim2.layer_mapping import Layer, buffer_sizes_kb
from pim.mnsim2.quirks import Mnsim2Quirks

_LATENCY = {
    "lat_buffer_ns": ("input_write", "input_read", "output_write", "output_read"),
    "lat_compute_ns": ("dac", "xbar", "adc"),
    "lat_dac_ns": ("dac",),
    "lat_xbar_ns": ("xbar",),
    "lat_adc_ns": ("adc",),
    "lat_digital_ns": (
        "input_register",
        "demultiplexer",
        "multiplexer",
        "shift_register",
        "adder",
        "output_register",
        "joint",
    ),
    "lat_intratile_ns": ("intratile",),
    # MNSIM counts the read of the output buffer here and among the buffers.
    "lat_intertile_ns": ("output_read", "merge", "transfer"),
}
_PARTS = ("xbar", "dac", "adc", "digital", "buf")

_SETTINGS = (
    "dac_choice",
    "adc_choice",
    "polarity",
    "sub_position",
    "group_num",
    "buf_tech",
    "buf_bits",
    "pe_x",
    "pe_y",
    "wbit",
    "abit",
    "xbar",
    "dac_num",
    "adc_num",
)


@dataclasses.dataclass(frozen=True)
class Validation:
    """How far the formulas are from a file of MNSIM's results.

    Args:
        rows: rows compared.
        values: figures compared.
        skipped: rows in which MNSIM itself reports an error.
        worst_relative_error: largest relative error of any figure.
        worst_column: its column.
        worst_row: its line in the file; 0 if no figure differs.
    """

    rows: int
    values: int
    skipped: int
    worst_relative_error: float
    worst_column: str
    worst_row: int


def validate(path: str | pathlib.Path) -> Validation:
    """Recomputes every row of a CSV of MNSIM 2.0 results.

    Every column that names a latency, an energy, a power or an area is compared, in total and by
    part, over the network and by layer, and so are the tiles, elements, buffers and hops.

    Args:
        path: the CSV; columns as in the project's reference file.

    Raises:
        PimError: if the file cannot be read; the message names file, row and column.
    """
    rows = values = skipped = 0
    worst = (0.0, "", 0)
    for line, row in _read(path):
        if (row.get("error") or "").strip():
            skipped += 1
            continue
        rows += 1
        for column, got, wanted in _compare(row, f"{path}, line {line}"):
            values += 1
            error = abs(got - wanted) / abs(wanted) if wanted else abs(got)
            if error > worst[0]:
                worst = (error, column, line)
    if not rows:
        raise PimError(f"{path}: no row to compare")
    return Validation(rows, values, skipped, *worst)


def _read(path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = {"dims", "latency_ns", *_SETTINGS} - set(reader.fieldnames or ())
            if missing:
                raise PimError(f"{path}: column {min(missing)!r} is missing")
            for row in reader:
                yield reader.line_num, row
    except PimError:
        raise
    except OSError as error:
        raise PimError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise PimError(f"{path}: cannot be read: {error}") from error


def _number(row, column, where) -> float:
    try:
        number = float(row[column])
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise PimError(
            f"{where}, column {column!r}: must be a number. Received: {shown(row[column])}"
        )
    return number


def _numbers(row, column, where, separator=";") -> list[float]:
    return [_number({column: part}, column, where) for part in (row[column] or "").split(separator)]


def _whole(value: float, column, where) -> int:
    if value != int(value):
        raise PimError(
            f"{where}, column {column!r}: must be a whole number. Received: {shown(value)}"
        )
    return int(value)


def _estimate(row, where) -> tuple[list[Layer], list[LayerCost]]:
    setting = {column: _whole(_number(row, column, where), column, where) for column in _SETTINGS}
    sizes = [_whole(size, "dims", where) for size in _numbers(row, "dims", where, "-")]
    if len(sizes) < 2:
        raise PimError(f"{where}, column 'dims': needs two sizes at least, as in 13-512-16")
    single = 0.0
    if row.get("fix_single_layer"):
        single = _number(row, "fix_single_layer", where)
    try:
        layers = [
            Layer(inputs, outputs, setting["wbit"], setting["abit"])
            for inputs, outputs in itertools.pairwise(sizes)
        ]
        quirks = _quirks(setting, place_single_layer=len(layers) > 1 or single != 0)
        return layers, estimate_layers(layers, setting["xbar"], setting["xbar"], quirks)
    except PimError as error:
        raise PimError(f"{where}: {error}") from error


def _quirks(setting: dict[str, int], place_single_layer: bool) -> Mnsim2Quirks:
    return Mnsim2Quirks(
        adc_choice=setting["adc_choice"],
        dac_choice=setting["dac_choice"],
        dacs=setting["dac_num"],
        adcs=setting["adc_num"],
        groups=setting["group_num"],
        polarity=setting["polarity"],
        sub_position=setting["sub_position"],
        elements_x=setting["pe_x"],
        elements_y=setting["pe_y"],
        buffer_technology_nm=setting["buf_tech"],
        buffer_bus_bits=setting["buf_bits"],
        place_single_layer=place_single_layer,
    )


def _compare(row, where) -> Iterable[tuple[str, float, float]]:
    layers, costs = _estimate(row, where)
    for column, got in _figures(layers, costs).items():
        if row.get(column) not in (None, ""):
            yield column, got, _number(row, column, where)
    for column, expected in _layer_figures(costs).items():
        if row.get(column) not in (None, ""):
            wanted = _numbers(row, column, where)
            if len(wanted) != len(expected):
                raise PimError(
                    f"{where}, column {column!r}: {len(wanted)} layers, {len(expected)} in 'dims'"
                )
            yield from ((column, got, value) for got, value in zip(expected, wanted))


def _figures(layers, costs: list[LayerCost]) -> dict[str, float]:
    def total(figure, *parts):
        return sum(getattr(cost, figure)[part] for cost in costs for part in parts)

    result = {"latency_ns": total("latency_ns", "total")}
    for column, parts in _LATENCY.items():
        result[column] = total("latency_ns", *parts)
    for figure, total_column, pattern, scale in (
        ("energy_nj", "energy_nJ", "e_{}_nJ", 1),
        ("power_w", "power_W", "p_{}_W", 1),
        ("area_um2", "area_mm2", "a_{}_mm2", 1e-6),
    ):
        parts = _PARTS if figure != "area_um2" else (*_PARTS, "pool")
        result[total_column] = total(figure, *parts) * scale
        for part in parts:
            result[pattern.format(part)] = total(figure, part) * scale
    result["n_pe"] = sum(cost.mapping.elements for cost in costs)
    result["n_tile"] = sum(cost.mapping.tiles for cost in costs)
    sizes = buffer_sizes_kb(layers, [cost.mapping for cost in costs])
    result["inbuf_KB"], result["outbuf_KB"] = sizes
    return result


def _layer_figures(costs: list[LayerCost]) -> dict[str, list[float]]:
    return {
        "layer_latency_ns": [cost.latency_ns["total"] for cost in costs],
        "layer_energy_nJ": [sum(cost.energy_nj.values()) for cost in costs],
        "layer_tiles": [cost.mapping.tiles for cost in costs],
        "layer_pes": [cost.mapping.elements for cost in costs],
    }
