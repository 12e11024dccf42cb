"""The command line that prints what an architecture costs."""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Sequence

from beam_preprocess.errors import DataError
from nasrec_tf.architecture.blocks import MAX_WIDTH
from nasrec_tf.architecture.complexity import Complexity, complexity
from nasrec_tf.architecture.presets import load_architecture, preset, presets
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import load_baseline, tells_baseline
from nasrec_tf.operators import BY_LAYER, DEFAULT_OPTIONS, NO_NORM, NetworkOptions
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.search.trainable import check_known

WIDTH_STEP = 8
"""Of embeddings: the heads of attention share one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    return exit_code(lambda: _print(_parser().parse_args(arguments)))


def _print(options: argparse.Namespace) -> int:
    try:
        cost = _cost(options)
    except (UserError, DataError):
        raise
    except ValueError as error:
        raise UserError(str(error)) from error
    if options.json:
        print(json.dumps(_summary(cost)))
    else:
        print(f"{_table(options.architecture, cost)}\n{_assumed(options)}")
    return 0


def _assumed(options: argparse.Namespace) -> str:
    """The inputs that these are the costs of, as a run may have others."""
    features = _features(options)
    told = f"of {features.dense} dense and {features.sparse} sparse features"
    if not tells_baseline(options.architecture):
        width = _network(options).embedding_dim
        told += f", embeddings {width} wide (--embedding-dim: that of a run's recipe)"
    one_row = set(features.table_rows) == {1}
    return f"{told}; each table counted as one row" if one_row else told


def _cost(options: argparse.Namespace) -> Complexity:
    name = options.architecture
    check_known(name)
    if not tells_baseline(name):
        architecture = load_architecture(options.architecture)
        return complexity(architecture, _features(options), _network(options))
    if options.layer_norm or options.embedding_dim is not None:
        raise UserError(
            f"{options.architecture}: is a baseline, whose options stand in a file of its own; "
            "leave --layer-norm and --embedding-dim out."
        )
    return load_baseline(options.architecture).complexity(_features(options))


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m nasrec_tf.flops",
        description="Prints the multiply-accumulates (what the paper calls FLOPs) and parameters "
        "of an architecture. Only parts that reach the logit count.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "architecture",
        help="a preset, an architecture file (JSON), a baseline such as deepfm or deepfm:bars, or "
        "a file (TOML or JSON) of a baseline's options",
    )
    parser.add_argument(
        "--dataset", metavar="DIR", help="inputs of a data set that beam_preprocess wrote"
    )
    parser.add_argument("--dense-features", metavar="N", help="dense columns")
    parser.add_argument("--sparse-features", metavar="N", help="sparse fields")
    parser.add_argument(
        "--layer-norm",
        action="store_true",
        help="with layer norm in the operators, as the supernet has it",
    )
    parser.add_argument(
        "--embedding-dim",
        metavar="N",
        help="width of an embedding, a multiple of 8; 16 as in the paper unless given",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line")
    return parser


def _network(options: argparse.Namespace) -> NetworkOptions:
    width = _count("--embedding-dim", options.embedding_dim, least=WIDTH_STEP)
    if width is not None and width % WIDTH_STEP:
        raise UserError(f"--embedding-dim must be a multiple of {WIDTH_STEP}. Received: {width}")
    return NetworkOptions(
        embedding_dim=DEFAULT_OPTIONS.embedding_dim if width is None else width,
        normalization=BY_LAYER if options.layer_norm else NO_NORM,
    )


def _count(option: str, text: str | None, least: int = 0) -> int | None:
    """A number of columns or units, as an option gives it, or none."""
    if text is None:
        return None
    is_number = text.isdecimal() and text.isascii() and len(text) <= 7
    if not is_number or not least <= int(text) <= MAX_WIDTH:
        raise UserError(
            f"{option} must be a whole number from {least} to {MAX_WIDTH}. Received: {text[:40]!r}"
        )
    return int(text)


def _features(options: argparse.Namespace) -> Features:
    """Inputs: a data set's, else a preset's own, else Criteo's; counts given go first."""
    if options.dataset is not None:
        from beam_preprocess.dataset.schema import Schema

        schema = Schema.load(options.dataset)
        features = Features.of_schema(schema)
    elif options.architecture in presets():
        features = preset(options.architecture).features
    else:
        features = preset("nasrec-criteo-small").features
    sparse = _count("--sparse-features", options.sparse_features, least=1)
    if sparse is not None and sparse != features.sparse:
        features = Features(features.dense, (1,) * sparse)
    dense = _count("--dense-features", options.dense_features)
    return features if dense is None else dataclasses.replace(features, dense=dense)


def _summary(cost: Complexity) -> dict:
    return {
        "mflops": cost.mflops,
        "linear_mflops": cost.linear_mflops,
        "parameters": cost.parameters,
        "parameters_with_dead_parts": cost.parameters_with_dead_parts,
        "embedding_parameters": cost.embedding_parameters,
    }


def _table(name: str, cost: Complexity) -> str:
    lines = [f"{pathlib.Path(name).name}", ""]
    lines.append(f"{'block':>5}  {'part':<16}{'multiply-accumulates':>22}{'parameters':>14}")
    for part in cost.parts:
        block = "head" if part.name == "head" else str(part.block)
        note = "" if part.live else "  (unused)"
        lines.append(
            f"{block:>5}  {part.name:<16}{part.multiply_accumulates:>22,}"
            f"{part.parameters:>14,}{note}"
        )
    lines.append("")
    lines.append(f"{cost.mflops:.4f} M multiply-accumulates per sample (FLOPs as the paper counts)")
    lines.append(f"{cost.linear_mflops:.4f} M of them in linear maps")
    lines.append(f"{cost.parameters:,} parameters besides embedding tables")
    lines.append(f"{cost.embedding_parameters:,} parameters in embedding tables")
    return "\n".join(lines)
