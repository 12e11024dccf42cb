"""What a search is told: one field per option, on the command line and in TOML alike."""

import dataclasses
import pathlib
from typing import Any

import tomli_w

from beam_preprocess.common.suggestions import suggestion
from nasrec_tf.common.config_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.pruning.prune_settings import MASK, PruneSettings
from nasrec_tf.search.option_groups.codesign_options import DEFAULT_BITS, CodesignOptions
from nasrec_tf.search.option_groups.data_options import DataOptions
from nasrec_tf.search.option_groups.evolution_options import EvolutionOptions
from nasrec_tf.search.option_groups.recipe_options import AUTO, RecipeOptions
from nasrec_tf.search.option_groups.retrain_options import RetrainOptions
from nasrec_tf.search.option_groups.run_options import RunOptions
from nasrec_tf.search.option_groups.space_options import SpaceOptions
from nasrec_tf.search.option_groups.supernet_options import SupernetOptions
from nasrec_tf.search.options import (
    RECIPE,
    STAGES,
    as_several,
    check_option,
    first_reader,
    is_several,
    plain,
    shown,
)
from nasrec_tf.search.options_together import check_together
from nasrec_tf.strategies.dnas import LogitSearch
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.strategy import TRAINING
from nasrec_tf.training.recipe import LEAST_RATE, MOST_RATE


@dataclasses.dataclass(frozen=True)
class SearchConfig(
    RunOptions,
    RetrainOptions,
    RecipeOptions,
    CodesignOptions,
    EvolutionOptions,
    SupernetOptions,
    SpaceOptions,
    DataOptions,
):
    """Options of a search; see ``python -m nasrec_tf.search --help``.

    Every field is the option of its name; its help text, bounds and units are in its metadata.

    Raises:
        UserError: if a value cannot be used; the message names the option.

    Example:
        >>> SearchConfig(blocks=3).blocks
        3
        >>> SearchConfig(blocks=0)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --blocks must be at least 1. Received: 0
    """

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if is_several(field):  # One of them may be given as it is, and TOML has lists.
                object.__setattr__(self, field.name, as_several(getattr(self, field.name)))
            check_option(field, getattr(self, field.name))
        check_together(self)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of this run, in order.

        Example:
            >>> SearchConfig(codesign=True).stages
            ('records', 'recipe', 'supernet', 'evolution', 'retrain', 'hardware', 'export', \
'explain')
        """
        left_out = {
            "hardware": not self.codesign,
            "recipe": self.recipe != AUTO,
            "rescore": self.rescore is None,
            "prune": self.prune is None,
            "explain": not self.explain,
        }
        return tuple(name for name in STAGES if not left_out.get(name))

    def first_reader(self, field: dataclasses.Field) -> str:
        """The first stage of this run that reads an option; until it has begun, that may change.

        Args:
            field: one of the options.
        """
        reader = self.first_reader_but_the_choice(field)
        if field.metadata.get("of_choice") and "recipe" in self.stages:
            return min(reader, "recipe", key=STAGES.index)
        return reader

    def first_reader_but_the_choice(self, field: dataclasses.Field) -> str:
        """The first reader, the choice of a recipe being passed over but for the recipe's options.

        Args:
            field: one of the options.
        """
        reader = first_reader(field)
        if self.learns_choices and field.name in ("strategy", "strategy_options"):
            return "supernet"
        if field.name == "warm_start" and "recipe" not in self.stages:
            return "supernet"
        if field.metadata["group"] != RECIPE:
            return reader
        if "recipe" in self.stages:
            return min(reader, "recipe", key=STAGES.index)
        return min(reader, "evolution", key=STAGES.index) if self.trains_candidates else reader

    @property
    def learns_choices(self) -> bool:
        """Whether the supernet's training learns what the search draws by."""
        return issubclass(STRATEGIES[self.strategy], LogitSearch)

    @property
    def trains_candidates(self) -> bool:
        """Whether the search scores candidates by trainings from scratch, without a supernet."""
        return self.score_by == TRAINING

    def recipe_changes(self) -> dict[str, Any]:
        """What options say of the recipe, by its fields.

        Example:
            >>> SearchConfig(retrain_epochs=2, row_decay=0.003).recipe_changes()
            {'epochs': 2, 'row_decay': 0.003}
        """
        changes = {
            field.metadata["part"]: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if "part" in field.metadata and getattr(self, field.name) is not None
        }
        rates = self.learning_rates()
        if rates is not None:
            changes["learning_rate"] = rates[0]
        if self.final_layer_norm:
            changes.setdefault("normalization", "layer")
        return changes

    def prune_settings(self) -> PruneSettings:
        """How the winner is pruned, where it is.

        Raises:
            UserError: if it cannot be.
        """
        return PruneSettings.of_options(
            self.prune or MASK, self.prune_iterations, self.prune_options, "--prune-options"
        )

    def bit_widths(self) -> tuple[int, ...]:
        """The bit widths that operators may have; none in floating point.

        Raises:
            UserError: if they are not different whole numbers from 2 to 8.
        """
        if not self.codesign:
            return ()
        try:
            widths = sorted(int(part) for part in (self.bits or DEFAULT_BITS).split(","))
        except ValueError:
            widths = []
        if not widths or widths[0] < 2 or widths[-1] > 8 or len(set(widths)) < len(widths):
            raise UserError(
                "--bits must be different whole numbers from 2 to 8 separated by commas, such as "
                f"4,8. Received: {shown(self.bits)}"
            )
        return tuple(widths)

    def learning_rates(self) -> tuple[float, ...] | None:
        """The learning rates to retrain with, if they were given.

        Raises:
            UserError: if they are no positive numbers separated by commas.
        """
        if self.retrain_learning_rates is None:
            return None
        try:
            rates = tuple(float(part) for part in self.retrain_learning_rates.split(","))
        except ValueError:
            rates = ()
        if not rates or not all(LEAST_RATE <= rate <= MOST_RATE for rate in rates):
            raise UserError(
                "--retrain-learning-rates must be positive numbers separated by commas, such as "
                f"0.05,0.1. Received: {shown(self.retrain_learning_rates)}"
            )
        # Directories of trainings are named by the rate to six digits.
        names = [f"{rate:g}" for rate in rates]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UserError(f"--retrain-learning-rates gives {twice[0]} twice; once is enough.")
        return rates

    def to_toml(self) -> str:
        """The options as a TOML file that gives them again; ``None`` is left out.

        Example:
            >>> print(SearchConfig(seed=3).to_toml())  # doctest: +ELLIPSIS
            # Options of this run: python -m nasrec_tf.search --config THIS_FILE
            encoding = "vocabulary"
            ...
            seed = 3
            ...
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        given = {name: plain(value) for name, value in values.items() if value is not None}
        return "# Options of this run: python -m nasrec_tf.search --config THIS_FILE\n" + (
            tomli_w.dumps(given)
        )


def load_options(path: str | pathlib.Path) -> dict[str, Any]:
    """Options from a TOML file.

    Args:
        path: the file; names are those of the options, with ``-`` or ``_``.

    Returns:
        Values by field of ``SearchConfig``, which checks them.

    Raises:
        UserError: if it cannot be read, names an unknown option, or one twice.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.toml"
        >>> _ = path.write_text("max-mflops = 2.5")
        >>> load_options(path)
        {'max_mflops': 2.5}
    """
    options: dict[str, Any] = {}
    known = {field.name for field in dataclasses.fields(SearchConfig)}
    for name, value in read_table(path).items():
        field = name.replace("-", "_")
        if field not in known:
            raise UserError(
                f"{path}: unknown option {shown(name)}{suggestion(field, known)}; the options are "
                "those of --help."
            )
        if field in options:
            raise UserError(f"{path}: gives {shown(field)} twice; give it once.")
        options[field] = value
    return options
