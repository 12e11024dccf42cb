"""The command line: estimate, compare, explore, validate, describe, workload."""

import argparse
import dataclasses
import json
import os
import pathlib
import sys
from collections.abc import Sequence

from pim.checks import shown
from pim.cli import tables
from pim.cli.inputs import (
    add_hardware_arguments,
    add_network_arguments,
    read_hardware,
    read_workload,
)
from pim.cli.one_line_parser import OneLineParser
from pim.cost.estimate import estimate
from pim.errors import PimError
from pim.hardware.genes import BY_OPERATOR, HARDWARE_GENES
from pim.hardware.hardware_json import hardware_to_json
from pim.hardware.presets import DEFAULT
from pim.studies.design_comparison import Setup, compare
from pim.studies.explore import DesignSpace, explore
from pim.workload.workload_json import workload_text

EXIT_USAGE = 2

PLOT_ENDINGS = (".png", ".svg", ".pdf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code.

    Args:
        arguments: those behind the program's name; the process's own unless given.

    Returns:
        0, 2 for something that cannot be used, which is told in one line, or 130 if interrupted.
    """
    try:
        parsed = _parser().parse_args(arguments)
        _check_plot(getattr(parsed, "plot", None))
        parsed.run(parsed)
        sys.stdout.flush()
    except PimError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        # The reader of the output has gone, as with `| head`; write the rest nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        # All files say what they are: it is the output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _check_plot(path: str | None) -> None:
    if path == "":
        raise PimError("--plot must name a file; leave it out for no plot")
    if path is not None and pathlib.PurePath(path).suffix.lower() not in PLOT_ENDINGS:
        raise PimError(f"--plot {path}: its ending must tell the format: {', '.join(PLOT_ENDINGS)}")


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m pim", description="Networks on processing-in-memory hardware."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("estimate", _estimate, "latency, energy, power and area of a network on a design"),
        ("compare", _compare, "ratios to the handcrafted design and to RecNMP"),
        ("explore", _explore, "the Pareto set over hardware settings and bit widths"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        add_network_arguments(command)
        add_hardware_arguments(command, DEFAULT)
        command.add_argument("--plot", metavar="FILE", help="write a plot (.png, .svg, .pdf)")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=run)
        if name == "explore":
            _add_space_arguments(command)
    command = commands.add_parser("validate", help="compare with another estimator's output")
    command.add_argument("--against", required=True, choices=["mnsim2"])
    command.add_argument("--csv", required=True, metavar="FILE", help="MNSIM 2.0's results")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_validate)
    command = commands.add_parser("describe", help="print a design as JSON, to be edited")
    add_hardware_arguments(command, DEFAULT)
    command.set_defaults(run=_describe)
    command = commands.add_parser(
        "workload", help="print a network's operators as JSON, to be read where nothing else is"
    )
    add_network_arguments(command)
    command.set_defaults(run=_workload)
    return parser


def _add_space_arguments(command: argparse.ArgumentParser) -> None:
    defaults = DesignSpace()
    for field in dataclasses.fields(defaults):
        command.add_argument(
            f"--{field.name.replace('_', '-')}-values",
            metavar="N,N",
            help=f"default: {','.join(map(str, getattr(defaults, field.name)))}",
        )
    command.add_argument(
        "--lossy-adc",
        action="store_true",
        help="also take converters that lose bits; measure accuracy with the functional model",
    )


def _print(parsed: argparse.Namespace, value, text: str) -> None:
    print(json.dumps(value, indent=2) if parsed.json else text)


def _estimate(parsed: argparse.Namespace) -> None:
    workload = read_workload(parsed)
    report = estimate(workload, read_hardware(parsed))
    if parsed.plot:
        from pim.cli.plots import plot_breakdown

        plot_breakdown(report, parsed.plot)
    told = [tables.report_text(report), *tables.inputs_lines(workload)]
    _print(parsed, report.to_json(), "\n\n".join(told))


def _compare(parsed: argparse.Namespace) -> None:
    comparison = compare(Setup(read_workload(parsed), read_hardware(parsed)))
    if parsed.plot:
        from pim.cli.plots import plot_sensitivity

        plot_sensitivity(comparison, parsed.plot)
    _print(parsed, comparison.to_json(), tables.comparison_text(comparison))


def _explore(parsed: argparse.Namespace) -> None:
    _check_free(parsed)
    space = {}
    for field in dataclasses.fields(DesignSpace):
        text = getattr(parsed, f"{field.name}_values")
        if text is not None:
            space[field.name] = _whole_numbers(f"--{field.name.replace('_', '-')}-values", text)
    exploration = explore(
        read_workload(parsed),
        read_hardware(parsed),
        DesignSpace(**space),
        lossy_adc=parsed.lossy_adc,
    )
    if parsed.plot:
        from pim.cli.plots import plot_pareto

        plot_pareto(exploration, parsed.plot)
    front = [exploration.row(index) for index in exploration.front]
    value = {
        "candidates": len(exploration.report),
        "rejected": exploration.rejected,
        "front": front,
    }
    _print(parsed, value, tables.exploration_text(exploration))


def _check_free(parsed: argparse.Namespace) -> None:
    """Refuses what an exploration would not look at: it tries values of its own."""
    tried = {name: gene for gene, (name, *_) in HARDWARE_GENES.items()} | {"array.columns": "rows"}
    given = [text.partition("=")[0].strip() for text in parsed.set]
    asked = {f"--set {name}": tried[name] for name in given if name in tried}
    for name in BY_OPERATOR:
        if getattr(parsed, name) is not None:
            asked[f"--{name.replace('_', '-')}"] = name
    for option, gene in asked.items():
        raise PimError(
            f"{option} has no effect on explore, which tries values of its own: give "
            f"--{gene.replace('_', '-')}-values"
        )


def _whole_numbers(flag: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise PimError(f"{flag}: must look like 4,6,8. Received: {shown(text)}") from None


def _validate(parsed: argparse.Namespace) -> None:
    from pim.mnsim2.validate import validate

    validation = validate(parsed.csv)
    _print(parsed, dataclasses.asdict(validation), tables.validation_text(validation))


def _describe(parsed: argparse.Namespace) -> None:
    print(json.dumps(hardware_to_json(read_hardware(parsed)), indent=2))


def _workload(parsed: argparse.Namespace) -> None:
    print(workload_text(read_workload(parsed)), end="")
