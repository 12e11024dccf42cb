"""What can be trained from scratch: an architecture of the search space, or a hand-made model.

Everything after the search goes by this one protocol: trainings, costs, files, report and export.
"""

import abc
import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from beam_preprocess.common.suggestions import suggestion
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.complexity import Complexity, complexity
from nasrec_tf.architecture.presets import load_architecture, presets
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.common.own_modules import OR_ONES_OWN
from nasrec_tf.common.strict_json import names_a_file, shown
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import (
    BASELINES,
    Baseline,
    baseline_from_json,
    is_baseline,
    load_baseline,
    tells_baseline,
)
from nasrec_tf.networks.baselines.baseline import MODEL
from nasrec_tf.operators import BY_BATCH, NetworkOptions
from nasrec_tf.training.recipe import RECIPE_FIELDS, Recipe

OPTIONS = {
    "embedding_dim": "embedding_dim",
    "normalization": "batch_norm",
    "initial_deviation": "embedding_deviation",
}
"""Options of hand-made models by the field of a recipe that says the same."""

NOT_OF_BASELINES = ("embedding_dropout", "block_dropout", "head_dropout")
"""Fields of a recipe that hand-made models have options of their own for."""


class Trainable(abc.ABC):
    """A model that can be trained from scratch, and that is equal to another by what it is.

    Attributes:
        architecture: what there is to draw, and to run on crossbars; ``None`` of a hand-made model.
    """

    architecture: Architecture | None

    @property
    @abc.abstractmethod
    def identity(self) -> str:
        """Equal names mean equal models."""

    @property
    @abc.abstractmethod
    def told(self) -> str:
        """What it is, for people, in a few words."""

    @property
    def is_quantized(self) -> bool:
        """Whether its linear maps have quantized weights and inputs."""
        return False

    @property
    def is_shallow(self) -> bool:
        """Whether it has no hidden layers, so that its recipe is chosen in another way."""
        return False

    @abc.abstractmethod
    def complexity(
        self, features: Features, recipe: Recipe, operator_balancing: bool = True
    ) -> Complexity:
        """What the network costs that is trained with a recipe.

        Args:
            features: what it reads.
            recipe: how it is trained.
            operator_balancing: as in ``NetworkOptions``.
        """

    @abc.abstractmethod
    def build(
        self,
        features: Features,
        recipe: Recipe,
        operator_balancing: bool = True,
        seed: int | None = 0,
    ) -> Any:
        """The untrained network.

        Args:
            features: what it reads.
            recipe: how it is going to be trained.
            operator_balancing: as in ``NetworkOptions``.
            seed: of its initial weights; ``None`` for zeros.

        Raises:
            UserError: if its weights would not fit into the memory of the machine.
        """

    @abc.abstractmethod
    def check(self, recipe: Recipe) -> None:
        """Finds out whether it can be trained with a recipe.

        Args:
            recipe: how.

        Raises:
            UserError: if not; the message names the field.
        """

    @abc.abstractmethod
    def differs_by(self, field: str, value: Any) -> bool:
        """Whether a value of a recipe's field is one that it can be trained with, and not its own.

        Args:
            field: of ``Recipe``.
            value: other than the paper's.
        """

    def ignored(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What options say of the recipe and the model would be trained without.

        Args:
            changes: values by field of ``Recipe``, those of the paper's recipe included.
        """
        return {}

    @abc.abstractmethod
    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, for ``trainable_from_json``."""

    def dumps(self) -> str:
        """The JSON form as a line of text."""
        return json.dumps(self.to_json())


@dataclasses.dataclass(frozen=True)
class SpaceModel(Trainable):
    """An architecture of the search space as a stand-alone network.

    Args:
        architecture: the architecture.

    Example:
        >>> found = SpaceModel(presets()["nasrec-criteo-small"].architecture)
        >>> found.told
        '6 live blocks of 7'
    """

    architecture: Architecture

    @property
    def identity(self):
        return self.architecture.identity

    @property
    def told(self):
        live = self.architecture.liveness.blocks
        return f"{sum(block.anything for block in live)} live blocks of {len(live)}"

    @property
    def is_quantized(self):
        return self.architecture.is_quantized

    def complexity(self, features, recipe, operator_balancing=True):
        options = network_options(recipe, operator_balancing)
        return complexity(self.architecture, features, options)

    def build(self, features, recipe, operator_balancing=True, seed=0):
        from nasrec_tf.networks.subnet import Subnet

        options = network_options(recipe, operator_balancing)
        return Subnet(self.architecture, features, options, seed, **subnet_arguments(recipe))

    def check(self, recipe):
        if self.is_quantized and recipe.normalization == BY_BATCH:
            raise UserError(
                "A quantized architecture has no batch norm; leave normalization out of the recipe."
            )

    def differs_by(self, field, value):
        return not (self.is_quantized and field == "normalization")

    def to_json(self):
        return self.architecture.to_json()

    def dumps(self):
        return self.architecture.dumps().replace("\n", "")


@dataclasses.dataclass(frozen=True)
class HandMade(Trainable):
    """A hand-made model.

    What a recipe says otherwise than the paper's of embedding width, batch norm and the deviation
    of new embeddings takes the place of the model's own option, where it has one.

    Args:
        baseline: the model and its options.

    Example:
        >>> model = HandMade(load_baseline("deepfm:bars"))
        >>> model.baseline.embedding_dim, model.trained_by(Recipe(embedding_dim=32)).embedding_dim
        (10, 32)
    """

    baseline: Baseline
    architecture = None

    @property
    def identity(self):
        return f"{self.baseline.name}-{json_digest(self.to_json())}"

    @property
    def told(self):
        return self.baseline.label

    @property
    def is_shallow(self):
        return self.baseline.is_shallow

    def trained_by(self, recipe: Recipe) -> Baseline:
        """The model with what a recipe says of it.

        Args:
            recipe: the recipe.

        Raises:
            UserError: if an option cannot have such a value.
        """
        said = recipe.to_json()
        options = dict(_option(field, said[field]) for field in OPTIONS if field in said)
        known = self.baseline.options()
        return self.baseline.replace(
            **{name: value for name, value in options.items() if name in known}
        )

    def complexity(self, features, recipe, operator_balancing=True):
        return self.trained_by(recipe).complexity(features)

    def build(self, features, recipe, operator_balancing=True, seed=0):
        from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork

        return BaselineNetwork(self.trained_by(recipe), features, seed)

    def check(self, recipe):
        said = recipe.to_json()
        for field in NOT_OF_BASELINES:
            if field in said:
                raise UserError(
                    f"{self.baseline.name}: {field} is of architectures; hand-made models have "
                    "dropout among their own options, to be given in a file of theirs."
                )
        if recipe.normalization not in (RECIPE_FIELDS["normalization"].default, BY_BATCH):
            raise UserError(
                f"{self.baseline.name}: normalization {recipe.normalization} is of architectures; "
                f"hand-made models take {BY_BATCH} alone."
            )
        self.trained_by(recipe)

    def differs_by(self, field, value):
        if field == "embedding_dim":
            return getattr(self.baseline, field, value) != value
        if field == "normalization":
            return value == BY_BATCH and not getattr(self.baseline, "batch_norm", True)
        return True

    def ignored(self, changes):
        found = {}
        for field in OPTIONS:
            if field in changes:
                option, value = _option(field, changes[field])
                trained = self.trained_by(Recipe().replace(**{field: changes[field]}))
                if getattr(trained, option, None) != value:
                    found[field] = changes[field]
        return found

    def to_json(self):
        return self.baseline.to_json()


def _option(field: str, value: Any) -> tuple[str, Any]:
    """The option of a hand-made model that a recipe's field stands for, and its value."""
    return OPTIONS[field], value == BY_BATCH if field == "normalization" else value


def network_options(recipe: Recipe, operator_balancing: bool = True) -> NetworkOptions:
    """What holds for an architecture's network that is trained from scratch with a recipe.

    Args:
        recipe: the recipe.
        operator_balancing: as in ``NetworkOptions``.
    """
    return NetworkOptions(
        embedding_dim=recipe.embedding_dim,
        normalization=recipe.normalization,
        operator_balancing=operator_balancing,
    )


def subnet_arguments(recipe: Recipe) -> dict[str, Any]:
    """What a recipe says of an architecture's network beside ``network_options``.

    Args:
        recipe: the recipe.
    """
    from nasrec_tf.networks.regularization import Regularization

    dropped = recipe.embedding_dropout, recipe.block_dropout, recipe.head_dropout
    return {
        "regularization": Regularization(*dropped),
        "initial_deviation": recipe.initial_deviation,
    }


def trainable_from_json(value: Any) -> Trainable:
    """Reads what ``Trainable.to_json`` told.

    Args:
        value: its result, also after a round through JSON.

    Raises:
        UserError: if it is not of that form.

    Example:
        >>> trainable_from_json({"model": "dlrm", "interaction": "cat"}).told
        'DLRM'
    """
    if isinstance(value, Mapping) and MODEL in value:
        return HandMade(baseline_from_json(value))
    return SpaceModel(Architecture.from_json(value))


SavedTrainable = Annotated[Trainable, pydantic.PlainValidator(trainable_from_json)]
"""A model in its JSON form."""


def check_known(name_or_path: str) -> None:
    """Refuses what names neither a model nor a file.

    Args:
        name_or_path: what ``load_trainable`` is going to take.

    Raises:
        UserError: if so; the message lists what there is.
    """
    known = name_or_path in presets() or is_baseline(name_or_path)
    if not known and not names_a_file(name_or_path):
        raise UserError(
            f"No architecture or baseline {shown(name_or_path)}"
            f"{suggestion(name_or_path, (*presets(), *BASELINES))}: give a file, or one of "
            f"{', '.join((*presets(), *BASELINES))}; {OR_ONES_OWN}."
        )


def load_trainable(name_or_path: str) -> Trainable:
    """A published architecture or a hand-made model by name, or either from a file.

    Args:
        name_or_path: such as ``"nasrec-criteo-small"``, ``"deepfm:bars"``, or a file of an
            architecture (JSON) or of a hand-made model's options (JSON or TOML).

    Raises:
        UserError: if there is neither such a model nor such a file, or it cannot be used; the
            message names it.

    Example:
        >>> load_trainable("deepfm").told
        'DeepFM'
    """
    check_known(name_or_path)
    if tells_baseline(name_or_path):
        return HandMade(load_baseline(name_or_path))
    return SpaceModel(load_architecture(name_or_path))
