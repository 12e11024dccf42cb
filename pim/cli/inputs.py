"""What the command line takes: a network with its inputs, bit widths, and a design."""

import argparse
import dataclasses
import json

from pim.checks import shown, whole
from pim.errors import PimError
from pim.hardware.hardware import Hardware
from pim.hardware.hardware_json import changed, load_hardware
from pim.hardware.presets import recnmp_tables, reram_tables
from pim.mnsim2.parts import OWN_FIGURES
from pim.workload.operators import Workload
from pim.workload.precision import BitChanges
from pim.workload.sources import Request, find_workload

_COUNTS = {
    "batch": (1, 2**40),
    "dense_features": (0, 2**16),
    "sparse_features": (1, 2**16),
    "rows_per_table": (1, 2**40),
}
"""Numbers that are given on the command line, with the least and the most that each may be."""


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that describe the network.

    Args:
        parser: what they are added to.
    """
    parser.add_argument(
        "architecture",
        help="an architecture's JSON file, with Criteo's inputs unless told otherwise, the name "
        "of a published one, or a workload's JSON file",
    )
    parser.add_argument(
        "--batch", type=int, help="samples of one inference (default: 1, or as the workload says)"
    )
    parser.add_argument(
        "--dense-features", type=int, help="dense columns (default: the published inputs)"
    )
    parser.add_argument(
        "--sparse-features", type=int, help="embedding tables (default: the published inputs)"
    )
    parser.add_argument(
        "--rows-per-table",
        type=int,
        help="rows of every table (default with --sparse-features: 100000)",
    )
    parser.add_argument(
        "--weight-bits",
        help="bits, and exceptions: 8,block_2=4,block_3_fc=6 (default: what the architecture "
        "says, else 8)",
    )
    parser.add_argument("--activation-bits", help="the same for inputs")
    parser.add_argument(
        "--embedding-bits", type=int, help="bits of an element of an embedding (default: 8)"
    )


def add_hardware_arguments(parser: argparse.ArgumentParser, default: str) -> None:
    """Arguments that describe the design.

    Args:
        parser: what they are added to.
        default: the design if none is given.
    """
    parser.add_argument("--hardware", default=default, help="a preset, or a JSON file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change one setting of the design, such as adc.bits=6; may be repeated",
    )
    parser.add_argument(
        "--tables",
        choices=["reram", "dram"],
        help="keep embedding tables in ReRAM, or in DRAM near memory (default: as the design says)",
    )


def read_workload(arguments: argparse.Namespace) -> Workload:
    """The workload that the arguments describe.

    Args:
        arguments: those of ``add_network_arguments``.

    Raises:
        PimError: if an argument or a file is not valid; the message names it.
    """
    for flag, (least, most) in _COUNTS.items():
        value = getattr(arguments, flag)
        if value is not None:
            whole(f"--{flag.replace('_', '-')}", value, least, most)
    bits = BitChanges(
        _bits("--weight-bits", arguments.weight_bits),
        _bits("--activation-bits", arguments.activation_bits),
    )
    counts = {flag: getattr(arguments, flag) for flag in (*_COUNTS, "embedding_bits")}
    return find_workload(arguments.architecture, Request(**counts), bits)


def _bits(flag: str, text: str | None) -> dict[str, int]:
    """``8,block_2=4`` as widths by name; that of all others has none."""
    widths: dict[str, int] = {}
    for part in () if text is None else text.split(","):
        name, equals, value = part.rpartition("=")
        name = name.strip()
        try:
            width = int(value)
        except ValueError:
            raise PimError(
                f"{flag}: must look like 8 or 8,block_2=4. Received: {shown(text)}"
            ) from None
        if equals and not name:
            raise PimError(f"{flag}: {shown(part)} names no operator before the sign =")
        if name in widths:
            raise PimError(f"{flag}: gives {name or 'the bits of all'} twice; once is enough")
        widths[name] = width
    return widths


def read_hardware(arguments: argparse.Namespace) -> Hardware:
    """The design that the arguments describe.

    Args:
        arguments: those of ``add_hardware_arguments``.

    Raises:
        PimError: if there is no such design, or a setting is not valid.
    """
    hardware = load_hardware(arguments.hardware)
    if arguments.tables is not None:
        tables = reram_tables() if arguments.tables == "reram" else recnmp_tables()
        hardware = dataclasses.replace(hardware, embedding=tables)
    settings = {}
    for text in arguments.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise PimError(f"--set must look like adc.bits=6. Received: {shown(text)}")
        if name.strip() in settings:
            raise PimError(f"--set gives {name.strip()} twice; once is enough")
        try:
            settings[name.strip()] = json.loads(value)
        except (ValueError, RecursionError):
            settings[name.strip()] = value.strip()
    design = changed(hardware, settings)
    if design.mnsim2 is not None:
        for name in settings:
            _check_read_by_mnsim2(name)
    return design


def _check_read_by_mnsim2(name: str) -> None:
    """Refuses a setting that MNSIM 2.0's formulas do not look at."""
    if any(f"{name}.".startswith(f"{own}.") for own in OWN_FIGURES):
        raise PimError(
            f"--set {name} has no effect: MNSIM 2.0's formulas have figures of their own in its "
            "place; change the settings under mnsim2, or take another --hardware"
        )
