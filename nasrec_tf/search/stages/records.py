"""Raw click log to records, by Beam."""

import dataclasses
import pathlib
import shutil

from beam_preprocess.config import MAX_ROW_BYTES, PreprocessConfig, name_pairs, shares
from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.dataset.findings import Findings
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets import dataset_names, find_description
from beam_preprocess.datasets.layout_options import LayoutOptions
from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import Description
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.generated_log import write_demo
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.named_data_set import is_replaced, manifest_digest, named_data_set
from nasrec_tf.search.options import LOG_OPTIONS, flag
from nasrec_tf.search.results import RecordsResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.warm_start import check_columns

DATASET = "dataset"
DEMO_LAYOUT = "criteo"
"""The generated log has the layout of Criteo's."""

RAW_LOG_OPTIONS = (
    *LOG_OPTIONS,
    *("split", "fractions", "max_rows", "min_count", "max_vocabulary", "encoding", "table_rows"),
    *("max_reject_share", "max_row_bytes", "shards", "compression_level"),
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
    finished = named_data_set(config)
    if finished is not None:
        schema = _verified(config, finished)
        check_columns(run, schema, str(finished))
        result = _result(schema, finished.resolve())
        return dataclasses.replace(result, manifest_sha256=manifest_digest(finished))
    facts = None
    if config.data is None:
        raw = directory / "demo.txt"
        facts = write_demo(raw, config.demo_rows, config.seed)
        _preprocess(run, directory / DATASET, (str(raw),))
    else:
        _preprocess(run, directory / DATASET, config.data)
    schema = Schema.load(directory / DATASET)
    check_columns(run, schema, str(directory / DATASET))
    result = _result(schema, pathlib.Path("records") / DATASET)
    check_batch_sizes(config, result.rows["train"])
    return dataclasses.replace(result, demo=facts)


def check_batch_sizes(config: SearchConfig, rows: int) -> None:
    """Refuses batches that the training split does not fill.

    Args:
        config: the options.
        rows: of the training split.

    Raises:
        UserError: if there are such.
    """
    for name in ("batch_size", "retrain_batch_size"):
        size = getattr(config, name)
        if size is not None and size > rows:
            raise UserError(
                f"{flag(name)} {size} must not exceed the training rows, which are {rows}."
            )


def check_sources(run: Run) -> None:
    """Compares the data that a run goes on from with what its records were made of.

    Args:
        run: a run whose records stage has finished.

    Raises:
        UserError: if files or their description have changed since.
    """
    from beam_preprocess.running.origin_check import check_unchanged

    config = run.config
    if config.data is None:
        return
    finished = named_data_set(config)
    if finished is not None:
        if is_replaced(finished, run.directory.finished("records", RecordsResult)):
            raise UserError(
                f"{finished}: is another data set than the one that this run was begun with; use "
                "another --run-dir for it, or put back what there was."
            )
        return
    try:
        check_unchanged(run.dataset, configuration_of(run, run.dataset, config.data))
    except DataError as error:
        raise UserError(
            f"{error}; use another --run-dir for what there is now, or put back what there was."
        ) from error


def _verified(config: SearchConfig, directory: pathlib.Path) -> Schema:
    from beam_preprocess.dataset.manifest import verify

    _refuse(config, RAW_LOG_OPTIONS, f"{directory} is a data set already, and no raw log")
    verify(directory)
    return Schema.load(directory)


def check_usable(schema: Schema, path: pathlib.Path) -> None:
    """Finds out whether networks can be trained on a data set.

    Args:
        schema: of the data set.
        path: its directory, for the message.

    Raises:
        UserError: if a split is empty, all training rows have one label, or nothing is to be
            embedded.
    """
    for name in ("train", "validation", "test"):
        if name not in schema.splits or not schema.splits[name].rows:
            raise UserError(f"{path}: split {name!r} is empty; give more rows or other splits.")
    if not schema.sparse:
        raise UserError(
            f"{path}: has dense features alone, and networks need at least one sparse column to "
            "embed; preprocess the log with one."
        )
    rate = schema.splits["train"].label_rate
    if rate in (0.0, 1.0):
        told = [each.text for each in Findings.load(path).warnings if each.kind == "no such label"]
        mend = told[0] if told else f"see to column {schema.label!r}, or give other splits"
        raise UserError(
            f"{path}: all rows of split 'train' have label {rate:.0f}, so there is nothing to "
            f"learn; {mend}."
        )


def _result(schema: Schema, path: pathlib.Path) -> RecordsResult:
    check_usable(schema, path)
    return RecordsResult(
        dataset=str(path),
        name=schema.name,
        rows={name: split.rows for name, split in schema.splits.items()},
        label_rates={name: split.label_rate for name, split in schema.splits.items()},
        dense_columns=len(schema.dense),
    )


def _preprocess(run: Run, output: pathlib.Path, inputs: tuple[str, ...]) -> None:
    from beam_preprocess.api import preprocess
    from beam_preprocess.running.progress_bar import ProgressBar

    configuration = configuration_of(run, output, inputs)
    if _finished_before(output, configuration):
        return
    check_columns(run, check_sparse(configuration), inputs[0])
    with ProgressBar(quiet=run.quiet) as bar:
        preprocess(configuration, bar)


def _finished_before(output: pathlib.Path, configuration: PreprocessConfig) -> bool:
    """Whether the data set was finished just before an earlier stop; one of other data goes."""
    from beam_preprocess.running.origin_check import check_unchanged

    if not (output / MANIFEST_FILE).is_file():
        return False
    try:
        check_unchanged(output, configuration)
    except DataError:
        shutil.rmtree(output)
        return False
    return True


def check_sparse(configuration: PreprocessConfig) -> Description:
    """Networks embed sparse columns: what has none is told before the log is read.

    Args:
        configuration: of the log.

    Returns:
        What the log's columns are, by its files.

    Raises:
        UserError: if it has none.
    """
    from beam_preprocess.running.input_files import find_inputs

    resolved, _ = find_inputs(dataclasses.replace(configuration, max_rows=None))
    description = resolved.description
    if not description.sparse:
        columns = ", ".join(column.source for column in description.dense[:5])
        raise UserError(
            f"{configuration.inputs[0] if configuration.inputs else description.name}: all "
            f"features are dense ({columns}), and networks need at least one sparse column to "
            "embed; leave one out of --dense (numbers of few values, such as a month, do well)."
        )
    return description


def configuration_of(run: Run, output: pathlib.Path, inputs: tuple[str, ...]) -> PreprocessConfig:
    """What Beam is told.

    Args:
        run: the run.
        output: the directory of the data set.
        inputs: files of the log, unless splits are given.
    """
    config = run.config
    given = config.validation_data is not None
    splits = {
        "train": inputs,
        "validation": config.validation_data or (),
        "test": config.test_data or (),
    }
    side_tables = name_pairs("--side-table", config.side_table or ())
    return PreprocessConfig(
        description=_description(config).with_side_tables(tuple(side_tables)),
        output=str(output),
        inputs=() if given else inputs,
        split_inputs=splits if given else {},
        split=config.split or ("given" if given else "stratified"),
        fractions=shares(config.fractions),
        seed=config.seed,
        encoding=config.encoding,
        min_count=config.min_count,
        max_vocabulary=config.max_vocabulary,
        table_rows=config.table_rows,
        max_rows=config.max_rows,
        shards=config.shards,
        max_reject_share=config.max_reject_share,
        max_row_bytes=config.max_row_bytes or MAX_ROW_BYTES,
        side_tables=side_tables,
        row_order=config.row_order,
        workers=config.workers,
        compression_level=config.compression_level or 1,
        output_option=run.directory.option,
    )


def _description(config: SearchConfig) -> Description:
    if config.data is None:
        return find_description(DEMO_LAYOUT)
    if config.dataset is None:
        known = ", ".join(dataset_names())
        raise UserError(
            f"--data is a raw log, so --dataset must name its layout: {known}, or the path of a "
            ".toml description."
        )
    return LayoutOptions.of(config).describe(config.dataset)


def _refuse(config: SearchConfig, names: tuple[str, ...], reason: str) -> None:
    """Refuses options that would be without effect."""
    for name in names:
        if getattr(config, name) != getattr(SearchConfig, name):
            raise UserError(f"{flag(name)}: {reason}; leave it out.")
