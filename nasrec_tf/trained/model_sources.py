"""Trained models from where a search leaves them: run directories and exports."""

import dataclasses
import pathlib
from collections.abc import Callable

from beam_preprocess.config import name_pairs
from beam_preprocess.dataset.file_format import SCHEMA_FILE, read_json
from beam_preprocess.dataset.origin import ORIGIN_FILE, Origin
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets import find_description
from beam_preprocess.datasets.layout_options import LayoutOptions
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn, TimeColumn
from beam_preprocess.reading.description import NUMBER, Description
from beam_preprocess.running.origin_check import recorded_description
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.export.contents import ASSETS, find_export
from nasrec_tf.export.log_layout import LAYOUT_FILE, read_log_layout
from nasrec_tf.search.results import RecordsResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import CONFIG_FILE, RunDirectory
from nasrec_tf.trained.trained_model import TrainedModel, TrainingData


def is_run(path: pathlib.Path) -> bool:
    """Whether a path is a run directory."""
    return (path / CONFIG_FILE).is_file()


def load_trained_model(path: pathlib.Path) -> TrainedModel:
    """What a run exports, or an export holds.

    Args:
        path: a run directory, ``saved_models/NAME`` or one of its versions.

    Raises:
        UserError: if it is neither, or damaged.
    """
    return load_run(path) if is_run(path) else load_saved_model(path)


def load_run(path: pathlib.Path) -> TrainedModel:
    """What a run exports, from the run directory itself.

    Args:
        path: the run directory.

    Raises:
        RunError: if its retrain stage has not finished, or a file of it is missing or damaged.
    """
    from nasrec_tf.search.served_network import served_network

    directory = RunDirectory(path)
    config = directory.stored_config()
    if config is None:
        raise RunError(f"{path}: has no configuration, so it is not a run directory.")
    if directory.result("retrain") is None:
        raise RunError(
            f"{path}: the run has not got to a trained model yet; repeat the command that began it."
        )
    records = _records_of(directory)

    def check_unchanged() -> None:
        if _records_of(directory) != records:
            raise RunError(
                f"{path}: its records have been made again since this model was loaded, which "
                "does not know them; load it again."
            )

    run = Run(config, directory, quiet=True)
    network = served_network(run).network
    return TrainedModel(network, path, lambda: _data_of_run(run, check_unchanged))


def _records_of(directory: RunDirectory) -> RecordsResult | None:
    """What the records stage has left, wherever they lie."""
    result = directory.result("records")
    return None if result is None else dataclasses.replace(result, dataset="")


def load_saved_model(path: pathlib.Path) -> TrainedModel:
    """The network of an export with what its assets tell of the data.

    Args:
        path: ``saved_models/NAME`` or one of its versions.

    Raises:
        UserError: if it is no export of this package, or it is damaged.
    """
    from nasrec_tf.export.network import load_exported_network

    directory = find_export(path)
    return TrainedModel(
        load_exported_network(directory), directory, lambda: _data_of_export(directory / ASSETS)
    )


def _data_of_run(run: Run, check_unchanged: Callable[[], None]) -> TrainingData:
    check_unchanged()
    try:
        schema = run.schema
        origin = Origin.load(run.dataset)
        if origin is not None:
            description = recorded_description(origin.description, str(run.dataset / ORIGIN_FILE))
        else:
            description = _described_by_options(run, schema)
        tables = name_pairs("--side-table", run.config.side_table or ())
    except DataError as error:
        raise UserError(str(error)) from error
    return TrainingData(schema, run.dataset, description, tables, check_unchanged)


def _described_by_options(run: Run, schema: Schema) -> Description:
    """Of a data set from before data sets told what they were made of."""
    config = run.config
    if config.data is None:
        return with_features_of(schema, find_description("criteo"))
    if config.dataset is None:
        return _unknown_layout(schema)
    return with_features_of(schema, LayoutOptions.of(config).describe(config.dataset))


def _data_of_export(assets: pathlib.Path) -> TrainingData:
    try:
        path = assets / SCHEMA_FILE
        # Assets lie side by side, whatever the directory that their data set had them in.
        schema = Schema.from_json(read_json(path), str(path))
        schema = dataclasses.replace(
            schema,
            sparse=tuple(
                dataclasses.replace(feature, vocabulary=pathlib.Path(feature.vocabulary).name)
                if feature.vocabulary
                else feature
                for feature in schema.sparse
            ),
        )
        body = read_log_layout(assets)
        if body is None:
            description = _unknown_layout(schema)
        else:
            description = recorded_description(body, str(assets / LAYOUT_FILE))
    except DataError as error:
        raise UserError(str(error)) from error
    return TrainingData(schema, assets, description)


def _unknown_layout(schema: Schema) -> Description:
    """A text with a header and commas, of a model that does not tell its log's layout."""
    base = Description(
        name=schema.name, label=schema.label, columns=None, header=True, delimiter=",", quoting=True
    )
    return with_features_of(schema, base)


def with_features_of(schema: Schema, layout: Description) -> Description:
    """A layout with the features of a schema, whatever it makes of its columns itself.

    How the log writes them is the layout's affair: the forms of its times, what stands between the
    items of its lists and what means missing there, where it says so.

    Args:
        schema: of the data set.
        layout: how the log is written.
    """
    between = {column.source: column.multi for column in layout.sparse or () if column.is_list}
    forms = schema.time_formats | {time.source: time.format for time in layout.times}
    joined = {name for table in layout.side_tables for name in table.columns}
    sources = {number.source for number in schema.dense}
    sources |= {feature.source for feature in schema.sparse}
    return dataclasses.replace(
        layout,
        dense=tuple(
            DenseColumn(
                feature.source,
                feature.name,
                feature.transform,
                feature.missing,
                feature.derive,
                feature.until,
            )
            for feature in schema.dense
        ),
        sparse=tuple(
            SparseColumn(
                feature.source,
                feature.name,
                feature.derive,
                radix=feature.radix or SparseColumn.radix,
                fold=feature.fold,
                multi=between.get(feature.source, feature.separator or True)
                if feature.is_list
                else None,
                longest=feature.longest,
                pooling=feature.pooling,
            )
            for feature in schema.sparse
        ),
        side_tables=layout.side_tables if joined & sources else (),
        missing_tokens=tuple(dict.fromkeys((*schema.missing_tokens, *layout.missing_tokens))),
        times=tuple(TimeColumn(name, forms[name]) for name in schema.time_formats),
        # The order of its rows tells a model nothing.
        time_column=None,
        time_format=NUMBER,
    )
