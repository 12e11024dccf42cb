"""Hand-made models; the registry is where a new one is added."""

import pathlib
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.config_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.own_modules import OR_ONES_OWN
from nasrec_tf.common.strict_json import names_a_file, shown
from nasrec_tf.networks.baselines.autoint import AutoInt
from nasrec_tf.networks.baselines.baseline import FORMAT, MODEL, VERSION, Baseline
from nasrec_tf.networks.baselines.block_graph import BlockGraph
from nasrec_tf.networks.baselines.dcn_v2 import DCNV2
from nasrec_tf.networks.baselines.deepfm import DeepFM
from nasrec_tf.networks.baselines.dlrm import DLRM
from nasrec_tf.networks.baselines.factorization_machine import FactorizationMachine
from nasrec_tf.networks.baselines.finalmlp import FinalMLP
from nasrec_tf.networks.baselines.logistic_regression import LogisticRegression
from nasrec_tf.networks.baselines.profit import Profit
from nasrec_tf.networks.baselines.wide_and_deep import WideAndDeep
from nasrec_tf.networks.baselines.xdeepfm import XDeepFM

BASELINES: dict[str, type[Baseline]] = {}
"""Every known baseline by name."""


def register(kind: type[Baseline]) -> type[Baseline]:
    """Makes a baseline known by its name; can stand above a class as a decorator.

    Args:
        kind: the baseline.

    Raises:
        ValueError: if another one has its name.
    """
    if kind.name in BASELINES:
        raise ValueError(f"A baseline named {kind.name!r} is registered already.")
    BASELINES[kind.name] = kind
    return kind


for _kind in (
    LogisticRegression,
    FactorizationMachine,
    WideAndDeep,
    DLRM,
    DeepFM,
    XDeepFM,
    AutoInt,
    DCNV2,
    FinalMLP,
    BlockGraph,
    Profit,
):
    register(_kind)


def is_baseline(name: str) -> bool:
    """Whether a name is that of a baseline, with or without a source of its options.

    Args:
        name: such as ``"deepfm"`` or ``"deepfm:bars"``.
    """
    return name.partition(":")[0] in BASELINES


def tells_baseline(name_or_path: str) -> bool:
    """Whether a name or a file is that of a baseline, and not of an architecture.

    Args:
        name_or_path: what ``load_baseline`` or ``load_architecture`` is going to take.
    """
    if is_baseline(name_or_path) or not names_a_file(name_or_path):
        return is_baseline(name_or_path)
    if name_or_path.endswith(".toml"):
        return True  # Architectures are JSON.
    try:
        return MODEL in read_table(name_or_path)
    except UserError:
        return False


def baseline(name: str, /, **options: Any) -> Baseline:
    """A hand-made model by name.

    Args:
        name: such as ``"deepfm"``, or with the source of its options, ``"deepfm:bars"``.
        **options: in place of its defaults or of its source's.

    Raises:
        UserError: if there is no such model, source or option, or a value cannot be used; the
            message lists what there is.

    Example:
        >>> baseline("deepfm:bars", dropout=0.0).hidden
        (400, 400, 400)
        >>> baseline("deepfm:kaggle")
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: deepfm has no options of 'kaggle'; there are those of \
official, bars, autoctr.
    """
    model, colon, source = name.partition(":")
    if model not in BASELINES:
        raise UserError(
            f"No baseline {shown(model)}; there are {', '.join(BASELINES)}; {OR_ONES_OWN}."
        )
    kind = BASELINES[model]
    if colon and source not in kind.presets:
        raise UserError(
            f"{model} has no options of {shown(source)}; there are those of "
            f"{', '.join(kind.presets) or 'no source'}."
        )
    # The source's as a whole: they may only fit together.
    return kind.made(dict(kind.presets[source]) | options if colon else options)


def baseline_from_json(value: Any) -> Baseline:
    """Reads what ``Baseline.to_json`` told, or a table that a person wrote.

    Args:
        value: a mapping of ``"model"``, as ``baseline`` takes it, and options.

    Raises:
        UserError: if it is of another form, or cannot be used.

    Example:
        >>> baseline_from_json({"model": "dlrm", "interaction": "cat"}).interaction
        'cat'
    """
    if not isinstance(value, Mapping) or not isinstance(value.get(MODEL), str):
        raise UserError(f'Not a baseline: no "{MODEL}" with the name of one in it.')
    options = {**value}
    found = options.pop("format", FORMAT), options.pop("version", VERSION)
    if found != (FORMAT, VERSION):
        raise UserError(
            f"Not a baseline that this program reads ({FORMAT}, version {VERSION}): {shown(found)}."
        )
    return baseline(options.pop(MODEL), **options)


def load_baseline(name_or_path: str | pathlib.Path) -> Baseline:
    """A baseline by name, or from a TOML or JSON file of ``model`` and options.

    Args:
        name_or_path: such as ``"deepfm:bars"`` or ``"mine.toml"``.

    Raises:
        UserError: if there is neither such a model nor such a file, or it cannot be used; the
            message names it.
    """
    text = str(name_or_path)
    if is_baseline(text) or not names_a_file(text):
        return baseline(text)
    try:
        return baseline_from_json(read_table(text))
    except UserError as error:
        message = str(error)
        raise UserError(message if text in message else f"{text}: {message}") from error


__all__ = [
    "BASELINES",
    "Baseline",
    "baseline",
    "baseline_from_json",
    "is_baseline",
    "load_baseline",
    "register",
    "tells_baseline",
]
