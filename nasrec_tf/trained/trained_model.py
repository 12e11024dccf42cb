"""A trained model with all that it takes to ask it raw rows."""

import dataclasses
import functools
import pathlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from beam_preprocess.dataset.schema import Schema
from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import Description
from beam_preprocess.running.further_rows import EncodedRows, RowReplay, read_vocabularies
from nasrec_tf.common.errors import UserError, one_line
from nasrec_tf.data.features import Features
from nasrec_tf.operators import NetworkOptions
from nasrec_tf.training.evaluation import EVALUATION_BATCH


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What a model knows of the data that it was trained on.

    Args:
        schema: what the records hold, and how they came from raw values.
        directory: where the vocabularies lie, by their paths in the schema.
        description: of the raw log.
        side_tables: files that were joined, by name; none where they are not known.
        check_unchanged: raises a ``UserError`` once the directory is of other data than the model.
    """

    schema: Schema
    directory: pathlib.Path
    description: Description
    side_tables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    check_unchanged: Callable[[], None] = lambda: None


class TrainedModel:
    """What a run has found, or an export holds, ready for raw rows.

    Args:
        model: the Keras model that is served: calibrated, of logits (batch, 1).
        path: where it comes from.
        read_data: what is known of its data; read when raw rows are first asked for.

    Attributes:
        model: the Keras model, on ``{"dense", "sparse"}`` as records hold them.
        path: where it comes from.
    """

    def __init__(self, model: Any, path: pathlib.Path, read_data: Callable[[], TrainingData]):
        self.model = model
        self.path = path
        self._read_data = read_data

    def __repr__(self) -> str:
        return f"TrainedModel({str(self.path)!r}, {type(self.model).__name__})"

    @property
    def features(self) -> Features:
        """What the model reads: dense columns, and the rows of its embedding tables."""
        return self.model.features

    @property
    def architecture(self) -> Any:
        """The architecture; ``None`` of a hand-made model and of an ensemble."""
        return getattr(self.model, "architecture", None)

    @property
    def options(self) -> NetworkOptions | None:
        """What holds for the whole network; ``None`` of a hand-made model and of an ensemble."""
        return getattr(self.model, "options", None)

    @functools.cached_property
    def data(self) -> TrainingData:
        """What is known of the data that it was trained on.

        Raises:
            UserError: if it is not there any more, or damaged.
        """
        return self._read_data()

    @property
    def schema(self) -> Schema:
        """The features by name, with their transforms and encodings."""
        return self.data.schema

    @functools.cached_property
    def vocabularies(self) -> Mapping[str, pa.Array]:
        """The values of each sparse feature that has a row of its own, by id from 2 on."""
        try:
            return read_vocabularies(self.schema, self.data.directory)
        finally:  # Files that are being made again say what is wrong with them, and not why.
            self.data.check_unchanged()

    def replay(
        self,
        further: Sequence[str] = (),
        description: Description | None = None,
        weighted: bool = False,
    ) -> RowReplay:
        """What reads rows as those were read that the model was trained on.

        Args:
            further: raw columns that are wanted beside the features.
            description: of the log; as that of the training unless given.
            weighted: whether rows count as the log's column of weights says, if there is one.
        """
        known = description or self.data.description
        return RowReplay(known, self.schema, self.vocabularies, further, weighted)

    def predict_frame(self, frame: Any) -> np.ndarray:
        """The probability of a click for each row of a table of raw values.

        What training took as missing is missing here: nulls, NaN, the empty text, and the log's own
        words for it. A value that was not seen in training is out of vocabulary. Columns that are
        not features are left aside. Of a hundred rows and more, Python's warnings tell which column
        is unlike the training: unknown, missing or far from it in half of the rows, or known in
        another writing in 5 % of them.

        Args:
            frame: a pandas or Polars frame, a PyArrow table, or a mapping from column to values.

        Returns:
            float64 (rows,), as the exported model gives them to float32 rounding.

        Raises:
            UserError: if a column is missing or a row cannot be read; the message names it.

        Example:
            >>> model = nasrec_tf.load("runs/mine")                        # doctest: +SKIP
            >>> model.predict_frame({"age": [31, None], "city": ["Oslo", None]})  # doctest: +SKIP
            array([0.12, 0.08])
        """
        table = _as_table(frame)
        parts = []
        try:
            replay = self.replay()
            for rows in replay.of_table(table):
                if rows.rejects:
                    raise UserError(f"{rows.told(rows.rejects[0])}; mend the row or leave it out.")
                parts.append(probabilities(self.logits(rows)))
        except DataError as error:
            raise UserError(str(error)) from error
        for line in replay.unlike.told():
            warnings.warn(line, stacklevel=2)
        return np.concatenate(parts) if parts else np.zeros(0)

    def logits(self, rows: EncodedRows) -> np.ndarray:
        """Logits of rows that could be read, float32 (rows,).

        Args:
            rows: as ``replay`` gives them.
        """
        found = np.empty(len(rows.sparse), np.float32)
        for first in range(0, len(found), EVALUATION_BATCH):
            part = slice(first, first + EVALUATION_BATCH)
            inputs = {"dense": rows.dense[part], "sparse": rows.sparse[part]}
            found[part] = self.traced(inputs).numpy()[:, 0]
        return found

    @functools.cached_property
    def traced(self) -> Any:
        """The network as a function that is traced once for batches of any size."""
        import tensorflow as tf

        features = self.features
        spec = {
            "dense": tf.TensorSpec([None, features.dense], tf.float32),
            "sparse": tf.TensorSpec([None, features.id_columns], tf.int64),
        }
        return tf.function(
            lambda inputs: self.model(inputs, training=False),
            input_signature=[spec],
            autograph=False,
        )


def probabilities(logits: np.ndarray) -> np.ndarray:
    """float64 probabilities, without overflow whatever the logits.

    Args:
        logits: finite.

    Example:
        >>> probabilities(np.array([0.0, -1000.0], np.float32))
        array([0.5, 0. ])
    """
    return np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))


def _as_table(frame: Any) -> pa.Table:
    try:
        if isinstance(frame, pa.Table):
            return frame
        if isinstance(frame, Mapping) or hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, AttributeError, TypeError, ValueError) as error:
        reason = one_line(error) or type(error).__name__
        raise UserError(f"the frame cannot be read as a table: {reason}") from error
