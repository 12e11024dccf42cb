"""What the command line takes: an architecture with its inputs, bit widths, and a design."""

import argparse
import dataclasses
import json
import pathlib
from typing import Any

from pim.errors import PimError
from pim.hardware.hardware import Hardware
from pim.hardware.hardware_json import changed, load_hardware
from pim.hardware.presets import recnmp_tables, reram_tables
from pim.workload.operators import Workload
from pim.workload.workload import Precision, workload_from_architecture

DEFAULT_DATASET = "criteo"
DEFAULT_ROWS_PER_TABLE = 100_000


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that describe the network."""
    parser.add_argument(
        "architecture",
        help="an architecture's JSON file, with Criteo's inputs unless told otherwise, or the "
        "name of a published one",
    )
    parser.add_argument("--batch", type=int, default=1, help="samples of one inference")
    parser.add_argument(
        "--dense-features", type=int, help="dense columns (default: the published inputs)"
    )
    parser.add_argument(
        "--sparse-features", type=int, help="embedding tables (default: the published inputs)"
    )
    parser.add_argument(
        "--rows-per-table",
        type=int,
        help=f"rows of every table (default with --sparse-features: {DEFAULT_ROWS_PER_TABLE})",
    )
    parser.add_argument(
        "--weight-bits",
        help="bits, and exceptions: 8,block_2=4,block_3_fc=6 (default: what the architecture "
        "says, else 8)",
    )
    parser.add_argument("--activation-bits", help="the same for inputs")
    parser.add_argument(
        "--embedding-bits", type=int, default=8, help="bits of an element of an embedding"
    )


def add_hardware_arguments(parser: argparse.ArgumentParser, default: str) -> None:
    """Arguments that describe the design."""
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

    Raises:
        PimError: if an argument or a file is not valid; the message names it.
    """
    name = arguments.architecture
    architecture, dense, rows = _architecture(name)
    if arguments.dense_features is not None:
        dense = arguments.dense_features
    if arguments.sparse_features is not None:
        if arguments.sparse_features < 1:
            raise PimError(
                f"--sparse-features must be at least 1. Received: {arguments.sparse_features}"
            )
        rows = [DEFAULT_ROWS_PER_TABLE] * arguments.sparse_features
    if arguments.rows_per_table is not None:
        rows = [arguments.rows_per_table] * len(rows)
    precision = None
    if arguments.weight_bits is not None or arguments.activation_bits is not None:
        weight_bits, weight_bits_of = _bits("--weight-bits", arguments.weight_bits or "8")
        bits, bits_of = _bits("--activation-bits", arguments.activation_bits or "8")
        precision = Precision(weight_bits, bits, weight_bits_of, bits_of)
    try:
        return workload_from_architecture(
            architecture,
            dense,
            rows,
            batch=arguments.batch,
            precision=precision,
            embedding_bits=arguments.embedding_bits,
            name=pathlib.Path(name).stem,
        )
    except PimError as error:
        raise PimError(f"{name}: {error}") from error


def _architecture(name: str) -> tuple[Any, int, list[int]]:
    """The JSON form, dense columns and table sizes; Criteo's for a file."""
    # Only here: everything else of pim works without nasrec_tf.
    from nasrec_tf.architecture.presets import presets

    if name in presets():
        preset = presets()[name]
        features = preset.features
        return preset.architecture.to_json(), features.dense, list(features.table_rows)
    path = pathlib.Path(name)
    if not path.exists():
        raise PimError(f"no architecture {name!r}: give a file, or one of {', '.join(presets())}")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PimError(f"{path}: cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise PimError(f"{path}: not JSON: {error.msg} at {place}") from error
    features = presets()[f"nasrec-{DEFAULT_DATASET}-small"].features
    return value, features.dense, list(features.table_rows)


def _bits(flag: str, text: str) -> tuple[int, dict[str, int]]:
    """``8,block_2=4`` as a default and exceptions."""
    default, exceptions = 8, {}
    for part in text.split(","):
        name, equals, value = part.rpartition("=")
        try:
            width = int(value)
        except ValueError:
            raise PimError(f"{flag}: must look like 8 or 8,block_2=4. Received: {text!r}") from None
        if equals:
            exceptions[name.strip()] = width
        else:
            default = width
    return default, exceptions


def read_hardware(arguments: argparse.Namespace) -> Hardware:
    """The design that the arguments describe.

    Raises:
        PimError: if there is no such design, or a setting is not valid.
    """
    hardware = load_hardware(arguments.hardware)
    if arguments.tables is not None:
        tables = {"reram": reram_tables, "dram": recnmp_tables}[arguments.tables]()
        hardware = dataclasses.replace(hardware, embedding=tables)
    settings = {}
    for text in arguments.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise PimError(f"--set must look like adc.bits=6. Received: {text!r}")
        try:
            settings[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            settings[name.strip()] = value.strip()
    return changed(hardware, settings)
