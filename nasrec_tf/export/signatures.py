"""The signatures that a network is served with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf.export.preprocessing import Preprocessing
from nasrec_tf.export.raw_inputs import LIST, NUMBER, RawInput

SERVING_DEFAULT = "serving_default"
SERVING_EXAMPLES = "serving_examples"
CLASSIFICATION = "classification"
REGRESSION = "regression"

# What TF Serving's Classify and Regress calls look for (tensorflow/core SavedModel constants).
METHOD_NAMES = {
    CLASSIFICATION: "tensorflow/serving/classify",
    REGRESSION: "tensorflow/serving/regress",
}

CLASSES = ("0", "1")


class ServingModule(tf.Module):
    """What is saved: the network's variables, the preprocessing, and nothing of Keras.

    The variables are tracked as TensorFlow's own: a SavedModel that tracks Keras 3's wrappers loads
    in Python, but not in a session, which is how TF Serving loads it.

    Args:
        network: takes ``{"dense", "sparse"}`` and returns logits (batch, 1).
        preprocessing: raw columns to what the network takes.
        inputs: the raw columns.
    """

    def __init__(
        self, network: keras.Model, preprocessing: Preprocessing, inputs: Sequence[RawInput]
    ):
        super().__init__(name="serving")
        self.network_variables = [variable.value for variable in network.variables]
        self.preprocessing = preprocessing
        self._inputs = tuple(inputs)
        # Out of the tracking's sight; the functions below hold on to what they need of it.
        self._network = lambda tensors: network(tensors, training=False)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """One traced function for each signature; the others call that of raw columns."""
        raw = {
            column.name: tf.TensorSpec(
                [None, None] if column.kind == LIST else [None], _dtype(column), column.name
            )
            for column in self._inputs
        }
        examples = tf.TensorSpec([None], tf.string, "examples")
        inputs = tf.TensorSpec([None], tf.string, "inputs")
        predict = _traced(self._predict, raw)
        from_examples = _traced(lambda serialized: predict(self._parsed(serialized)), examples)

        def classify(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            click = from_examples(serialized)["probability"]
            classes = tf.broadcast_to(tf.constant(CLASSES), [tf.shape(click)[0], len(CLASSES)])
            return {"classes": classes, "scores": tf.stack([1.0 - click, click], axis=1)}

        def regress(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"outputs": from_examples(serialized)["probability"]}

        return {
            SERVING_DEFAULT: predict,
            SERVING_EXAMPLES: from_examples,
            CLASSIFICATION: _traced(classify, inputs),
            REGRESSION: _traced(regress, inputs),
        }

    def _predict(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        columns = {column.column: raw[column.name] for column in self._inputs}
        logit = tf.cast(self._network(self.preprocessing(columns))[:, 0], tf.float32)
        return {"probability": tf.sigmoid(logit), "logit": logit}

    def _parsed(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """The raw columns of serialized examples, by the names of inputs."""
        # A list without values is a null: missing, as a key that is left out.
        parsed = tf.io.parse_example(
            examples,
            {
                column.column: tf.io.FixedLenSequenceFeature(
                    [], _dtype(column), allow_missing=True, default_value=_missing(column)
                )
                for column in self._inputs
            },
        )
        return {
            column.name: parsed[column.column]
            if column.kind == LIST
            else _first(parsed[column.column], column)
            for column in self._inputs
        }


def _traced(function: Callable, spec: Any) -> tf.types.experimental.ConcreteFunction:
    """The graph of a function; as no control flow depends on a tensor, Python runs it as it is."""
    return tf.function(function, autograph=False).get_concrete_function(spec)


def _dtype(column: RawInput) -> tf.DType:
    return tf.float32 if column.kind == NUMBER else tf.string


def _missing(column: RawInput) -> float | str:
    return float("nan") if column.kind == NUMBER else ""


def _first(values: tf.Tensor, column: RawInput) -> tf.Tensor:
    """The first of each row's values (rows, most values), which are padded with missing ones."""
    missing = tf.fill([tf.shape(values)[0], 1], tf.constant(_missing(column), values.dtype))
    return tf.concat([values, missing], axis=1)[:, 0]
