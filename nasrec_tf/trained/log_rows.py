"""What a model makes of the rows of a log or of a data set, block by block."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.config import name_pairs
from beam_preprocess.dataset.feature_schema import FIRST_VOCABULARY_ID, PADDING_ID
from beam_preprocess.dataset.manifest import is_data_set
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema
from beam_preprocess.datasets.generic import GENERIC_FORMATS, delimiter_of, positives
from beam_preprocess.datasets.layout_options import LayoutOptions
from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.lists import whole_texts
from beam_preprocess.running.further_rows import EncodedRows, RowReplay, read_vocabularies
from beam_preprocess.running.unlike_training import UnlikeTraining
from nasrec_tf.common.errors import UserError
from nasrec_tf.trained.model_sources import with_features_of
from nasrec_tf.trained.trained_model import TrainedModel
from nasrec_tf.training.evaluation import EVALUATION_BATCH

_OUT_OF_VOCABULARY = "(out of vocabulary)"


@dataclasses.dataclass(frozen=True)
class AskedLog:
    """What a model is asked about.

    Args:
        data: files, globs or directories of a raw log, or one data set of records.
        dataset: layout of the log; ``None`` for that of the training.
        label: column of the labels; ``None`` for that of the training.
        label_positive: its values that are clicks, with commas between; ``None`` for the rule of
            the training.
        label_above: its numbers above this are clicks; ``None`` likewise.
        delimiter: between values; ``None`` for that of the training.
        file_encoding: of a text; ``None`` for that of the training.
        decimal: what stands before the decimals of a number; ``None`` for that of the training.
        side_tables: NAME=PATH; none for those of the training.
        split: of a data set of records; ``None`` for its test split.
    """

    data: tuple[str, ...]
    dataset: str | None = None
    label: str | None = None
    label_positive: str | None = None
    label_above: float | None = None
    delimiter: str | None = None
    file_encoding: str | None = None
    decimal: str | None = None
    side_tables: tuple[str, ...] = ()
    split: str | None = None

    @property
    def records(self) -> pathlib.Path | None:
        """The data set, if that is what the data are.

        Raises:
            UserError: if one is named beside others.
        """
        for name in self.data:
            if is_data_set(name):
                if len(self.data) > 1:
                    raise UserError(f"--data: {name} is a data set of records; name it alone.")
                return pathlib.Path(name)
        return None

    def files(self, model: TrainedModel) -> tuple[str, ...]:
        """What is read of the log: files, globs and directories, side tables among them.

        Args:
            model: whose side tables these are, unless others are named.
        """
        if self.records is not None:
            return self.data
        return (*self.data, *_side_tables(model, self).values())


@dataclasses.dataclass(frozen=True)
class PredictedRows:
    """Some rows with their predictions.

    Args:
        readable: bool (rows,), which rows could be read; the arrays have these alone.
        labels: 0 or 1, (readable rows,); all 0 where labels are not read.
        logits: float32 (readable rows,).
        further: raw values of the columns that were asked for, Arrow binary.
        items: of those of them that are lists, list<binary>, null where there is none.
        rejects: where rows that could not be read stand, and why.
        weights: how much each row counts, (readable rows,); ``None`` where all count alike.
        unlike: what is unlike the training, in all rows of the log so far; ``None`` of records.
    """

    readable: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    further: dict[str, pa.Array]
    items: dict[str, pa.Array]
    rejects: tuple[str, ...]
    weights: np.ndarray | None = None
    unlike: UnlikeTraining | None = None


def predicted_rows(
    model: TrainedModel, log: AskedLog, further: Sequence[str]
) -> Iterator[PredictedRows]:
    """The rows of a log without its labels, in order.

    Args:
        model: the model.
        log: what it is asked about.
        further: columns that are wanted as well.

    Raises:
        UserError, DataError: if the log cannot be read as the model's; before the first row where
            that can be known.
    """
    if log.records is not None:
        return _of_records(model, log, further)
    derived = _derived(model, further)
    replay = model.replay([n for n in further if n not in derived], described(model, log))
    blocks = replay.unlabelled(log.data, _side_tables(model, log))
    return _predicted(model, replay, blocks, derived)


def judged_rows(
    model: TrainedModel, log: AskedLog, further: Sequence[str], weighted: bool = True
) -> Iterator[PredictedRows]:
    """The rows of a log with their labels, in order.

    Args:
        model: the model.
        log: what it is asked about.
        further: columns that are wanted as well.
        weighted: whether rows count as in training, where they had weights.

    Raises:
        UserError, DataError: as for ``predicted_rows``.
    """
    if log.records is not None:
        return _of_records(model, log, further, weighted)
    description = described(model, log)
    if description.label in further:
        raise UserError(
            f"column {description.label!r} is the label, and figures by it are none; name another "
            "with --by or --group."
        )
    if weighted and description.weight in further:
        raise UserError(
            f"column {description.weight!r} says how much rows count; --unweighted lets all count "
            "alike, and gives figures by it."
        )
    derived = _derived(model, further)
    replay = model.replay([n for n in further if n not in derived], description, weighted)
    try:
        blocks = replay.labelled(log.data, _side_tables(model, log))
        return _predicted(model, replay, blocks, derived)
    except DataError as error:
        if weighted and f"no column {description.weight!r}" in str(error):
            raise UserError(
                f"{error}. Training counted rows by it; --unweighted counts all alike."
            ) from None
        raise


def described(model: TrainedModel, log: AskedLog) -> Description:
    """How a log is written, with the features of the model.

    Args:
        model: the model.
        log: what it is asked about.

    Raises:
        DataError: if the layout is not known.
    """
    if log.split is not None:
        raise UserError("--split goes with a data set of records; the log is read as a whole.")
    trained = model.data.description
    own_rule = log.label_positive is None and log.label_above is None
    if log.dataset is None:
        changes: dict[str, Any] = {
            name: value
            for name, value in (
                ("label", log.label),
                ("delimiter", _delimiter(log.delimiter)),
                ("file_encoding", log.file_encoding),
                ("decimal", log.decimal),
            )
            if value is not None
        }
        if not own_rule:
            changes |= {
                "label_rule": "binary",
                "label_positive": positives(log.label_positive),
                "label_above": log.label_above,
            }
        return dataclasses.replace(trained, **changes)
    generic = log.dataset in GENERIC_FORMATS
    options = LayoutOptions(
        label=log.label or (trained.label if generic else None),
        label_positive=log.label_positive,
        label_above=log.label_above,
        delimiter=log.delimiter,
        file_encoding=log.file_encoding,
        decimal=log.decimal or (trained.decimal if generic else None),
    )
    layout = options.describe(log.dataset)
    if generic:
        layout = dataclasses.replace(layout, side_tables=trained.side_tables, weight=trained.weight)
        if own_rule:
            layout = dataclasses.replace(
                layout,
                label_rule=trained.label_rule,
                label_positive=trained.label_positive,
                label_above=trained.label_above,
            )
    return with_features_of(model.schema, layout)


def _delimiter(text: str | None) -> str | None:
    return None if text is None else delimiter_of(text)


def _side_tables(model: TrainedModel, log: AskedLog) -> dict[str, str]:
    return {**model.data.side_tables, **name_pairs("--side-table", log.side_tables)}


def _derived(model: TrainedModel, names: Sequence[str]) -> dict[str, tuple[int, pa.Array]]:
    """The names that are those of hours, weekdays and the like, which no log has as columns.

    Returns:
        The column of ids of each, and the text of every id.
    """
    schema = model.schema
    found = {}
    for place, feature in enumerate(schema.sparse):
        if feature.name in names and feature.derive is not None and feature.name != feature.source:
            found[feature.name] = sum(schema.sparse_widths[:place]), _values(model, place)
    return found


def _predicted(
    model: TrainedModel,
    replay: RowReplay,
    blocks: Iterator[EncodedRows],
    derived: Mapping[str, tuple[int, pa.Array]],
) -> Iterator[PredictedRows]:
    for rows in blocks:
        yield PredictedRows(
            readable=rows.readable,
            labels=rows.label,
            logits=model.logits(rows),
            further=rows.further
            | {
                name: texts.take(pa.array(rows.sparse[:, place]))
                for name, (place, texts) in derived.items()
            },
            items=rows.items,
            rejects=tuple(map(rows.told, rows.rejects)),
            weights=rows.weight,
            unlike=replay.unlike,
        )


def _of_records(
    model: TrainedModel, log: AskedLog, further: Sequence[str], weighted: bool = False
) -> Iterator[PredictedRows]:
    from nasrec_tf.data.records import Records

    directory, split = log.records, log.split or "test"
    for name in (
        *("dataset", "label", "label_positive", "label_above"),
        *("delimiter", "file_encoding", "decimal", "side_tables"),
    ):
        if getattr(log, name) not in (None, ()):
            raise UserError(
                f"--{name.replace('_', '-')}: {directory} is a data set of records already, which "
                "says it itself; leave it out."
            )
    if split not in SPLIT_NAMES:
        raise UserError(f"--split must be one of {', '.join(SPLIT_NAMES)}. Received: {split!r}")
    records = Records(directory)
    _check_same_features(model, records.schema, directory)
    places = [_place(records.schema, name, directory) for name in further]
    values = [_values(model, records.schema.sparse_names.index(name)) for name in further]

    def batches() -> Iterator[PredictedRows]:
        for inputs, labels, *weights in records.batches(split, EVALUATION_BATCH):
            ids = inputs["sparse"].numpy()
            found = {
                name: _texts_of(ids[:, place], known)
                for name, place, known in zip(further, places, values)
            }
            yield PredictedRows(
                readable=np.ones(len(ids), bool),
                labels=labels.numpy()[:, 0].astype(np.uint8),
                logits=model.traced(inputs).numpy()[:, 0],
                further={name: whole_texts(texts) for name, texts in found.items()},
                items={n: texts for n, texts in found.items() if pa.types.is_list(texts.type)},
                rejects=(),
                weights=weights[0].numpy() if weighted and weights else None,
            )

    return batches()


def _check_same_features(model: TrainedModel, schema: Schema, directory: Any) -> None:
    """Refuses records whose ids mean other values than those that the model was trained on."""
    own = model.schema
    kinds: tuple[tuple[Sequence[Any], Sequence[Any]], ...] = (
        (own.dense, schema.dense),
        (own.sparse, schema.sparse),
    )
    for mine, other in kinds:
        for one, another in zip(mine, other):
            names = (
                *("name", "transform", "encoding", "rows", "derive", "until", "longest"),
                *("mean", "std"),
            )
            if any(getattr(one, n, None) != getattr(another, n, None) for n in names):
                raise UserError(_other_features(directory, one.name))
        if len(mine) != len(other):
            raise UserError(_other_features(directory, "number of features"))
    vocabularies = read_vocabularies(schema, directory)
    for name, entries in model.vocabularies.items():
        if not entries.equals(vocabularies[name]):
            raise UserError(_other_features(directory, name))


def _other_features(directory: Any, what: str) -> str:
    return (
        f"{directory}: its records were not made as those of the model were ({what} differs), so "
        "that its ids mean other values; give the raw log."
    )


def _place(schema: Schema, name: str, directory: Any) -> slice:
    """Where records hold the ids of a column."""
    names = schema.sparse_names
    if name not in names:
        raise UserError(
            f"{directory}: records hold no column {name!r} by value{suggestion(name, names)}; name "
            f"one of {', '.join(names[:12])}, or give the raw log."
        )
    place = names.index(name)
    first = sum(schema.sparse_widths[:place])
    return slice(first, first + schema.sparse_widths[place])


def _texts_of(ids: np.ndarray, known: pa.Array) -> pa.Array:
    """The texts of a column's ids, lists where a row has several.

    Args:
        ids: (rows, width of the column).
        known: the text of every id.
    """
    if ids.shape[1] == 1:
        return known.take(pa.array(ids[:, 0]))
    is_item = ids != PADDING_ID
    offsets = np.concatenate([[0], is_item.sum(axis=1).cumsum()]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), known.take(pa.array(ids[is_item])))


def _values(model: TrainedModel, place: int) -> pa.Array:
    """The text of every id of a sparse feature."""
    feature = model.schema.sparse[place]
    if feature.name not in model.vocabularies:
        texts = (str(number) for number in range(1, feature.rows))
        return pa.array([b"", *(text.encode() for text in texts)], pa.binary())
    first = pa.array([b"", _OUT_OF_VOCABULARY.encode()], pa.binary())
    assert len(first) == FIRST_VOCABULARY_ID
    return pa.concat_arrays([first, model.vocabularies[feature.name].cast(pa.binary())])
