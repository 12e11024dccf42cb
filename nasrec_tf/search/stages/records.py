"""Raw click log to records, by Beam."""

import dataclasses
import pathlib

from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.common.errors import UserError
from nasrec_tf.demo import write_demo
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import flag
from nasrec_tf.search.results import RecordsResult
from nasrec_tf.search.run import Run

DATASET = "dataset"
DEMO_LAYOUT = "criteo"
"""The generated log has the layout of Criteo's."""

COLUMN_OPTIONS = ("label", "dense", "sparse", "ignore", "delimiter")
"""Options that describe columns, for layouts without a description of their own."""

RAW_LOG_OPTIONS = (
    *("dataset", *COLUMN_OPTIONS, "validation_data", "test_data", "min_count"),
    *("encoding", "max_reject_share"),
)
"""Options that say how to read a raw log."""


def run_stage(run: Run) -> RecordsResult:
    """Leaves a data set directory; one that Beam has written already is used where it is.

    Args:
        run: the run.

    Raises:
        UserError: if the data cannot be used, a split is empty, or an option would be without
            effect.
    """
    config = run.config
    if config.data is not None:
        _refuse(config, ("demo_rows",), "goes without --data")
    directory = run.directory.stage("records")
    if config.data is not None and (pathlib.Path(config.data) / MANIFEST_FILE).is_file():
        return _result(_verified(config), pathlib.Path(config.data).resolve())
    facts = None
    if config.data is None:
        raw = directory / "demo.txt"
        facts = write_demo(raw, config.demo_rows, config.seed)
        _preprocess(run, directory / DATASET, [str(raw)])
    else:
        _preprocess(run, directory / DATASET, [config.data])
    result = _result(Schema.load(directory / DATASET), pathlib.Path("records") / DATASET)
    return dataclasses.replace(result, demo=facts)


def _verified(config) -> Schema:
    from beam_preprocess.dataset.manifest import verify

    _refuse(config, RAW_LOG_OPTIONS, f"{config.data} is a data set already, and no raw log")
    verify(config.data)
    return Schema.load(config.data)


def _result(schema: Schema, path: pathlib.Path) -> RecordsResult:
    for name in ("train", "validation", "test"):
        if name not in schema.splits or not schema.splits[name].rows:
            raise UserError(f"{path}: split {name!r} is empty; give more rows or other splits.")
    rate = schema.splits["train"].label_rate
    if rate in (0.0, 1.0):
        raise UserError(
            f"{path}: all rows of split 'train' have label {rate:.0f}, "
            f"so there is nothing to learn; see to column {schema.label!r}, or give other splits."
        )
    return RecordsResult(
        dataset=str(path),
        name=schema.name,
        rows={name: split.rows for name, split in schema.splits.items()},
        label_rates={name: split.label_rate for name, split in schema.splits.items()},
        dense_columns=len(schema.dense),
    )


def _preprocess(run: Run, output: pathlib.Path, inputs: list[str]) -> None:
    from beam_preprocess.api import preprocess
    from beam_preprocess.running.progress_bar import ProgressBar

    if (output / MANIFEST_FILE).is_file():
        return  # Finished just before an earlier stop.
    with ProgressBar(quiet=run.quiet) as bar:
        preprocess(_configuration(run, output, inputs), bar)


def _configuration(run: Run, output: pathlib.Path, inputs: list[str]):
    from beam_preprocess.config import PreprocessConfig

    config = run.config
    given = config.validation_data is not None
    splits = {
        "train": tuple(inputs),
        "validation": (config.validation_data,),
        "test": (config.test_data,),
    }
    return PreprocessConfig(
        description=_description(config),
        output=str(output),
        inputs=() if given else tuple(inputs),
        split_inputs=splits if given else {},
        split="given" if given else "stratified",
        seed=config.seed,
        encoding=config.encoding,
        min_count=config.min_count,
        max_reject_share=config.max_reject_share,
        row_order=config.row_order,
        workers=config.workers,
    )


def _description(config: SearchConfig):
    from beam_preprocess.datasets import dataset_names, find_description
    from beam_preprocess.datasets.generic import (
        GENERIC_FORMATS,
        column_names,
        delimiter_of,
        generic,
    )

    if config.data is None:
        return find_description(DEMO_LAYOUT)
    if config.dataset is None:
        known = ", ".join((*dataset_names(), *GENERIC_FORMATS))
        raise UserError(
            f"--data is a raw log, so --dataset must name its layout: {known}, or the path of a "
            ".toml description."
        )
    if config.dataset not in GENERIC_FORMATS:
        _refuse(config, COLUMN_OPTIONS, f"--dataset {config.dataset} says it itself")
        return find_description(config.dataset)
    dense, sparse, ignore = (
        column_names(getattr(config, name), flag(name)) for name in ("dense", "sparse", "ignore")
    )
    return generic(
        config.label,
        dense,
        sparse,
        delimiter=delimiter_of(config.delimiter),
        ignore=ignore,
        file_format=GENERIC_FORMATS[config.dataset],
    )


def _refuse(config: SearchConfig, names: tuple[str, ...], reason: str) -> None:
    """Refuses options that would be without effect."""
    for name in names:
        if getattr(config, name) != getattr(SearchConfig, name):
            raise UserError(f"{flag(name)}: {reason}; leave it out.")
