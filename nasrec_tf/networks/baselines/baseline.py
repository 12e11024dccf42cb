"""What every hand-made model states of itself: its options, its pieces and how they give a logit.

A baseline is a frozen dataclass of options that checks itself. It loads no framework: what it costs
is read off its options, and ``BaselineNetwork`` makes the Keras model of it.
"""

import dataclasses
import functools
import itertools
import json
import pathlib
import typing
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pydantic

from nasrec_tf.architecture.complexity import Complexity, Part, pooling_part
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.common.saved_state import first_fault
from nasrec_tf.common.strict_json import shown
from nasrec_tf.data.features import ATTENTION, MEAN, Features
from nasrec_tf.networks.baselines.pieces import FieldVectors, Piece, Tower, flattened
from nasrec_tf.operators.work import multiply_accumulates

FORMAT = "nasrec_tf.baseline"
VERSION = 1

MODEL = "model"
"""Name of the field of a file that says which baseline it is; the others are its options."""

EMBEDDING = "embedding"
"""The table of every field's vector."""

FIRST_ORDER = "first_order"
"""The table of every field's first-order weight, and the piece that sums them."""

Width = Annotated[int, pydantic.Field(ge=1, le=2**20)]
Count = Annotated[int, pydantic.Field(ge=1, le=1000)]
Share = Annotated[float, pydantic.Field(ge=0, lt=1, allow_inf_nan=False)]
Deviation = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Activation = Literal[
    "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "identity"
]
DenseFields = Literal["vectors", "raw", "token"]
Initializer = Literal["glorot_uniform", "glorot_normal"]


@dataclasses.dataclass(frozen=True)
class Table:
    """An embedding table over some of the sparse fields.

    Args:
        fields: numbers of the fields, from 0.
        width: of a row.
    """

    fields: tuple[int, ...]
    width: int

    def rows(self, features: Features) -> tuple[int, ...]:
        """Rows of each of its fields.

        Args:
            features: what the network reads.
        """
        return tuple(features.table_rows[field] for field in self.fields)

    def features(self, features: Features) -> Features:
        """Its own fields alone; those of a table of single numbers are not pooled by attention.

        Args:
            features: what the network reads.
        """
        lists = features.of_fields(self.fields)
        if self.width == 1:
            lists = tuple(
                dataclasses.replace(each, pooling=MEAN) if each.pooling == ATTENTION else each
                for each in lists
            )
        return Features(0, self.rows(features), lists)


@dataclasses.dataclass(frozen=True)
class FieldValues:
    """What a baseline makes its logit of.

    Args:
        dense: (batch, dense columns), with no column where there are none.
        embedded: by table, (batch, its fields, its width).
    """

    dense: Any
    embedded: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """A hand-made model: one subclass in one file, registered in ``BASELINES``.

    Args:
        initializer: of the kernels of linear maps; biases start at 0.
        embedding_deviation: standard deviation of the embedding tables' initial values; Glorot's
            for each table unless given.

    Attributes:
        name: in commands and files.
        label: for people.
        presets: options by source, for ``name:source``.
        is_shallow: whether it has no hidden layers, so that its weights are those of values.

    Raises:
        UserError: if an option is not of its kind or out of range; the message names it.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    is_shallow: ClassVar[bool] = False

    initializer: Initializer = "glorot_uniform"
    embedding_deviation: Deviation | None = None

    def __post_init__(self):
        for option, adapter in _adapters(type(self)).items():
            value = getattr(self, option)
            value = tuple(value) if isinstance(value, list) else value
            try:
                value = adapter.validate_python(value, strict=True)
            except pydantic.ValidationError as error:
                raise UserError(f"{self.name}: option {option!r}: {first_fault(error)}") from None
            object.__setattr__(self, option, value)

    # What a model says of itself.

    def tables(self, features: Features) -> dict[str, Table]:
        """The embedding tables that it looks up, by name.

        Args:
            features: what the network reads.
        """
        raise NotImplementedError

    def pieces(self, features: Features) -> dict[str, Piece]:
        """The parts with weights, by name.

        Args:
            features: what the network reads.

        Raises:
            UserError: if the options do not fit them.
        """
        raise NotImplementedError

    def logit(self, values: FieldValues, run: Mapping[str, Any]) -> Any:
        """The logit, (batch, 1).

        Args:
            values: a batch.
            run: each piece by name, to be called with its inputs.
        """
        raise NotImplementedError

    # What follows from that.

    def complexity(self, features: Features) -> Complexity:
        """What it costs, counted as architectures are.

        Batch normalisation counts nothing: outside of training it is folded into the map before.

        Args:
            features: what the network reads.

        Example:
            >>> from nasrec_tf.networks.baselines import baseline
            >>> criteo = Features(13, (1,) * 26)
            >>> round(baseline("deepfm:autoctr").complexity(criteo).mflops, 2)
            11.37
        """
        pieces = self.pieces(features)
        tables = self.tables(features).values()
        pooling = (pooling_part(table.features(features), table.width) for table in tables)
        parts = (
            *itertools.chain.from_iterable(pooling),
            *(_part(number, name, piece) for number, (name, piece) in enumerate(pieces.items(), 1)),
        )
        return Complexity(parts, sum(sum(table.rows(features)) * table.width for table in tables))

    def replace(self, **options: Any) -> "Baseline":
        """The same model with other options.

        Args:
            **options: by name.

        Raises:
            UserError: if there is no such option, or its value cannot be used.
        """
        self._check_names(options)
        return dataclasses.replace(self, **options)

    @classmethod
    def made(cls, options: Mapping[str, Any]) -> "Baseline":
        """The model with options by name, as files have them.

        Args:
            options: in place of its defaults.

        Raises:
            UserError: if there is no such option, or its value cannot be used.
        """
        cls._check_names(options)
        return cls(**options)

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """The names of its options."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def _check_names(cls, options: Mapping[str, Any]) -> None:
        for option in options:
            if option not in cls.options():
                raise UserError(
                    f"{cls.name} has no option {shown(option)}; it has {', '.join(cls.options())}."
                )

    def to_json(self) -> dict[str, Any]:
        """Model and options as plain JSON values, for ``baseline_from_json``."""
        options = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(self).items()
            if value is not None  # TOML has no word for it.
        }
        return {"format": FORMAT, "version": VERSION, MODEL: self.name, **options}

    def save(self, path: str | pathlib.Path) -> None:
        """Writes the JSON form to a file that is there whole or not at all.

        Args:
            path: the file.

        Raises:
            UserError: if it cannot be written; the message names it.
        """
        with atomic_file(path) as file:
            file.write(json.dumps(self.to_json(), indent=1) + "\n")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorBaseline(Baseline):
    """A model of which every sparse field has a vector, and dense fields as is chosen.

    Args:
        embedding_dim: width of a field's vector.
        dense_fields: how dense fields enter. ``"vectors"``: the value times a trained vector of
            its own, beside those of the sparse fields (FuxiCTR). ``"raw"``: as numbers into deep
            parts alone (DeepCTR). ``"token"``: as numbers into deep parts, and all of them mapped
            to one vector beside those of the sparse fields (AutoCTR).
    """

    embedding_dim: Width = 16
    dense_fields: DenseFields = "vectors"

    def tables(self, features):
        return {EMBEDDING: every_field(features, self.embedding_dim)}

    def vector_count(self, features: Features) -> int:
        """Vectors of a sample.

        Args:
            features: what the network reads.
        """
        dense = {"vectors": features.dense, "raw": 0, "token": min(features.dense, 1)}
        return features.sparse + dense[self.dense_fields]

    def flat_width(self, features: Features) -> int:
        """Numbers that a deep part reads of a sample.

        Args:
            features: what the network reads.
        """
        if self.dense_fields == "vectors":
            return self.vector_count(features) * self.embedding_dim
        return features.dense + features.sparse * self.embedding_dim

    def vector_piece(self, features: Features) -> FieldVectors:
        """The piece that makes the vectors of a sample.

        Args:
            features: what the network reads.
        """
        return FieldVectors(features.dense, self.embedding_dim, self.dense_fields)

    def flat(self, dense: Any, vectors: Any) -> Any:
        """What a deep part reads: (batch, numbers).

        Args:
            dense: (batch, dense).
            vectors: (batch, vectors, embedding).
        """
        if self.dense_fields == "token" and dense.shape[1]:
            vectors = vectors[:, 1:]
        flat = flattened(vectors)
        return flat if self.dense_fields == "vectors" else tf.concat([dense, flat], axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepBaseline(VectorBaseline):
    """A model with a deep part: an MLP over everything that a sample has.

    Args:
        hidden: widths of its hidden layers.
        activation: of hidden layers.
        dropout: share of a hidden layer's outputs that training drops.
        batch_norm: normalise each hidden layer over the batch, before its activation.
    """

    hidden: tuple[Width, ...] = (400, 400, 400)
    activation: Activation = "relu"
    dropout: Share = 0.0
    batch_norm: bool = False

    def tower(self, inputs: int, hidden: tuple[int, ...], output: int | None = 1, **more) -> Tower:
        """An MLP under the model's options.

        Args:
            inputs: width of what it reads.
            hidden: widths of its hidden layers.
            output: width of its last, linear layer; ``None`` for none.
            **more: of ``Tower``, in place of the model's own.
        """
        own = {
            "activation": self.activation,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "initializer": self.initializer,
        }
        return Tower(inputs=inputs, hidden=hidden, output=output, **own | more)


def every_field(features: Features, width: int) -> Table:
    """A table over all sparse fields.

    Args:
        features: what the network reads.
        width: of a row.
    """
    return Table(tuple(range(features.sparse)), width)


@functools.cache
def _adapters(kind: type[Baseline]) -> dict[str, pydantic.TypeAdapter]:
    """What checks each option of a model."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {option: pydantic.TypeAdapter(hints[option]) for option in kind.options()}


def _part(number: int, name: str, piece: Piece) -> Part:
    return Part.of(number, name, True, multiply_accumulates(piece.work()), piece.weights())
