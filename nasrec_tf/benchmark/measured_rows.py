"""What a table holds: one row for each training, and what is known of each data set."""

import dataclasses
import functools
import json
import math
from typing import Annotated, Any

import pydantic

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.space import SearchSpace
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.data.features import Features
from nasrec_tf.search.results import Count, Finite, SavedRecipe

PROTOCOL_VERSION = 1
"""Raised whenever a change of the code makes the same training come out differently."""

NOT_STATED = "not stated"
"""The licence of data of which nobody has told any."""

Positive = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
Digest = Annotated[str, pydantic.Field(pattern="^[0-9a-f]{16}$")]
Key = tuple[str, str, int]
"""Protocol, identity of the architecture, and seed: what a row is the only one of."""


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """What a network was worth at an evaluation.

    Args:
        step: training steps before it.
        validation_log_loss: in nats; ``None`` where it was not finite, like all of them.
        validation_auc: area under the curve.
        test_log_loss: on the test split, by which nothing is chosen.
        test_auc: likewise.
    """

    __pydantic_config__ = SAVED

    step: Count
    validation_log_loss: Finite | None
    validation_auc: Finite | None
    test_log_loss: Finite | None
    test_auc: Finite | None


@dataclasses.dataclass(frozen=True)
class MeasuredRow:
    """An architecture trained from scratch with a seed.

    Args:
        protocol: of the card that says on which records, and how.
        architecture: what was trained, as one line of JSON.
        identity: of its function.
        seed: of initial weights and order of rows, from 1.
        curve: what it was worth at each evaluation; ends early where the training diverged.
        mflops: millions of multiply-accumulates per sample.
        parameters: weights without embedding tables.
        embedding_parameters: weights of the embedding tables.
        seconds: wall time of the training, evaluations left out.
        cpu_seconds: the same in time of all cores, which is less of a matter of what else runs.
        made_with: digest of the environment that it was computed with.
        stream: seed of the stream that the architecture is of; ``None`` of any other.
        number: its place in the stream, from 0.

    Example:
        >>> point = CurvePoint(10, 0.5, 0.7, 0.51, 0.69)
        >>> row = MeasuredRow("0" * 16, "{}", "a", 1, (point,), 0.1, 10, 20, 1.0, 1.0, "0" * 16)
        >>> row.best == point, row.log_loss
        (True, 0.5)
    """

    __pydantic_config__ = SAVED

    protocol: Digest
    architecture: str
    identity: str
    seed: Annotated[int, pydantic.Field(ge=1)]
    curve: tuple[CurvePoint, ...]
    mflops: Positive
    parameters: Count
    embedding_parameters: Count
    seconds: Positive
    cpu_seconds: Positive
    made_with: Digest
    stream: Count | None = None
    number: Count | None = None

    @property
    def key(self) -> Key:
        """What it is the only row of."""
        return self.protocol, self.identity, self.seed

    @functools.cached_property
    def best(self) -> CurvePoint | None:
        """The evaluation of the lowest validation log loss; ``None`` if none was finite."""
        known = [point for point in self.curve if point.validation_log_loss is not None]
        return min(known, key=lambda point: (point.validation_log_loss, point.step), default=None)

    @property
    def log_loss(self) -> float:
        """The lowest validation log loss; infinity where there is none."""
        return math.inf if self.best is None else self.best.validation_log_loss

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return dataclasses.asdict(self)

    @property
    def text(self) -> str:
        """As one line of JSON, the same for equal rows: of two rows of a key the first stays."""
        return json.dumps(self.to_json(), sort_keys=True)


@dataclasses.dataclass(frozen=True)
class DataSetCard:
    """What a table's rows were trained on, and how.

    Args:
        name: what the table calls the data set.
        source: what it is, for people.
        licence: of the data.
        digest: of its records.
        rows: by split.
        label_rates: share of rows with label 1, by split.
        dense: dense columns.
        table_rows: rows of the embedding table of each sparse field.
        constant_log_loss: on the test split, of the training click rate for every row.
        best_log_loss: what no model can go below, where the data was generated.
        recipe: how every architecture was trained.
        space: where architectures are drawn from, in its JSON form.
        operator_balancing: as in ``NetworkOptions``.
        version: of the protocol.
        weighted: whether the figures count rows by their weights, as they do where the records
            have any; earlier versions counted all alike.
    """

    __pydantic_config__ = SAVED

    name: Annotated[str, pydantic.Field(min_length=1)]
    source: str
    licence: str
    digest: str
    rows: dict[str, Count]
    label_rates: dict[str, Finite]
    dense: Count
    table_rows: tuple[Annotated[int, pydantic.Field(ge=1)], ...]
    constant_log_loss: Finite | None
    best_log_loss: Finite | None
    recipe: SavedRecipe
    space: Annotated[SearchSpace, pydantic.PlainValidator(SearchSpace.from_json)]
    operator_balancing: bool = True
    version: int = PROTOCOL_VERSION
    weighted: bool = False

    @functools.cached_property
    def protocol(self) -> str:
        """A digest of all that a training's figures follow from besides architecture and seed."""
        said = {
            "records": self.digest,
            "recipe": self.recipe.to_json(),
            "space": self.space.to_json(),
            "operator_balancing": self.operator_balancing,
            "version": self.version,
        }
        return json_digest(said | self._weighting)

    @property
    def _weighting(self) -> dict[str, bool]:
        """What is said of weights: nothing where there are none, as before there was the field."""
        return {"weighted": True} if self.weighted else {}

    @property
    def features(self) -> Features:
        """What networks read."""
        return Features(self.dense, self.table_rows)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["weighted"]
        return (
            values
            | self._weighting
            | {
                "recipe": self.recipe.to_json(),
                "space": self.space.to_json(),
                "table_rows": list(self.table_rows),
            }
        )


@functools.lru_cache(maxsize=100_000)
def architecture_of(text: str) -> Architecture:
    """The architecture of a row's text.

    Args:
        text: ``MeasuredRow.architecture``.

    Raises:
        ArchitectureError: if it is none.
    """
    return Architecture.loads(text)
