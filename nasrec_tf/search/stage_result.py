"""What the results of all stages have in common, and the types of their fields."""

import dataclasses
from typing import Annotated

import pydantic

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.training.recipe import Recipe

SavedArchitecture = Annotated[Architecture, pydantic.PlainValidator(Architecture.from_json)]
"""An architecture of a search space in its JSON form."""

SavedRecipe = Annotated[Recipe, pydantic.PlainValidator(Recipe.from_json)]
"""A recipe in its JSON form."""

Finite = Annotated[float, pydantic.Field(allow_inf_nan=False)]
Count = Annotated[int, pydantic.Field(ge=0)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageResult:
    """What every stage leaves.

    Args:
        seconds: wall time over all calls that went on with the stage, to within two of a kill.
        made_with: digest of the options that it follows from, by which a result of another run is
            known; ``None`` in runs that were finished before there was one.
    """

    seconds: Annotated[Finite, pydantic.Field(ge=0)] = 0.0
    made_with: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Skipped(StageResult):
    """Of a stage that this run does without.

    Args:
        skipped: why.
    """

    __pydantic_config__ = SAVED

    skipped: str
