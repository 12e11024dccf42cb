"""What a comparison is told."""

import dataclasses
import math
import pathlib

from beam_preprocess.common.comma_list import comma_list
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.options import shown
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.strategy import TRAINING
from nasrec_tf.training.recipe import LEAST_RATE, MOST_RATE

AUTO = "auto"
"""In place of a recipe: one that is chosen for each model, within the same budget."""

ALL = "all"
"""In place of models: every hand-made one there is."""

MOST_SEEDS = 1000


@dataclasses.dataclass(frozen=True)
class SearchMethod:
    """A strategy and what scores its candidates, as ``--strategies`` names them.

    Args:
        name: a name in ``STRATEGIES``.
        score_by: what scores its candidates.
    """

    name: str
    score_by: str

    @property
    def word(self) -> str:
        """What its directories begin with.

        Example:
            >>> SearchMethod("random", "training").word, SearchMethod("dnas", "supernet").word
            ('random-training', 'dnas')
        """
        return f"{self.name}-{TRAINING}" if self.score_by == TRAINING else self.name

    @classmethod
    def parsed(cls, text: str) -> "SearchMethod":
        """A method as command lines name it.

        Args:
            text: a strategy, scored by the supernet where it may be; or ``STRATEGY:training``.

        Raises:
            UserError: if there is no such strategy, or its candidates are not scored so.

        Example:
            >>> SearchMethod.parsed("random"), SearchMethod.parsed("autoctr").score_by
            (SearchMethod(name='random', score_by='supernet'), 'training')
        """
        name, colon, scorer = text.partition(":")
        if name not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise UserError(f"--strategies: no strategy {shown(name)}; there are {known}.")
        scorers = STRATEGIES[name].scored_by
        if colon and scorer not in scorers:
            raise UserError(
                f"--strategies: {name} is scored by {' or '.join(scorers)}. Received: {shown(text)}"
            )
        return cls(name, scorer if colon else scorers[0])


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """Options of a comparison; see ``python -m nasrec_tf.compare --help``.

    Args:
        run_dir: directory of a finished run.
        models: names or files of hand-made models and architectures, separated by commas; ``all``,
            or ``all:SOURCE`` for those that have options of that source.
        runs: directories of further finished runs of the same data, such as of other strategies,
            separated by commas: what each of them found takes part by its directory's name.
        strategies: ways of searching, separated by commas, by which searches like that of the run
            are made: what each of them found takes part.
        strategy_seeds: searches of each way; seeds count up from that of the run.
        group: sparse feature by whose values AUC within groups is told, such as a user.
        seeds: trainings of each model.
        recipe: ``auto``, a recipe by name, or a TOML or JSON file.
        learning_rates: tried for each model, separated by commas; of them validation chooses.
        tuning_passes: passes over the training split that the choice of a recipe may take for each
            model; by the size of the data unless given.
        out: where the comparison lies; ``RUN/compare/RECIPE`` unless given.
        checkpoint_seconds: time between checkpoints.
        imports: modules of the user's own that have been imported, for the command that is shown.

    Raises:
        UserError: if a value cannot be used; the message names the option.

    Example:
        >>> CompareConfig("runs/search", recipe="bars").directory.as_posix()
        'runs/search/compare/bars'
        >>> CompareConfig("runs/search", seeds=0)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --seeds must be from 1 to 1000. Received: 0
    """

    run_dir: str
    models: str = ALL
    runs: str | None = None
    strategies: str | None = None
    strategy_seeds: int | None = None
    group: str | None = None
    seeds: int = 3
    recipe: str = AUTO
    learning_rates: str | None = None
    tuning_passes: float | None = None
    out: str | None = None
    checkpoint_seconds: float = 60.0
    imports: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("seeds", "strategy_seeds"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= MOST_SEEDS:
                raise UserError(
                    f"--{name.replace('_', '-')} must be from 1 to {MOST_SEEDS}. Received: {value}"
                )
        for name in ("run_dir", "models", "runs", "strategies", "group", "recipe", "out"):
            if getattr(self, name) == "":
                raise UserError(f"--{name.replace('_', '-')} must not be empty.")
        for name in ("tuning_passes", "checkpoint_seconds"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UserError(
                    f"--{name.replace('_', '-')} must be a positive number. Received: {value}"
                )
        self.rates()
        self.methods()
        if self.strategy_seeds is not None and self.strategies is None:
            raise UserError("--strategy-seeds goes with --strategies, which is missing.")
        if self.tuning_passes is not None and self.recipe != AUTO:
            raise UserError("--tuning-passes goes with --recipe auto, which chooses recipes.")
        if self.learning_rates is not None and self.recipe == AUTO:
            raise UserError(
                "--learning-rates goes with a recipe that is given; --recipe auto tries its own."
            )

    @property
    def directory(self) -> pathlib.Path:
        """Where the comparison lies."""
        if self.out is not None:
            return pathlib.Path(self.out)
        return pathlib.Path(self.run_dir) / "compare" / pathlib.Path(self.recipe).stem

    def other_runs(self) -> tuple[str, ...]:
        """The directories of the further runs.

        Raises:
            UserError: if a name is empty.
        """
        runs = () if self.runs is None else comma_list(self.runs, "--runs", blanks=True)
        if not all(runs):
            raise UserError(
                f"--runs has an empty name between commas. Received: {shown(self.runs)}"
            )
        return runs

    def methods(self) -> tuple[SearchMethod, ...]:
        """The ways of searching that searches are made by.

        Raises:
            UserError: if one is not known, or named twice.
        """
        if self.strategies is None:
            return ()
        methods = [SearchMethod.parsed(one.strip()) for one in self.strategies.split(",")]
        twice = next((one for one in methods if methods.count(one) > 1), None)
        if twice is not None:
            raise UserError(
                f"--strategies names {twice.word} twice; --strategy-seeds says how often each "
                "searches."
            )
        return tuple(methods)

    def rates(self) -> tuple[float, ...]:
        """The learning rates to choose among; none where that of the recipe is taken.

        Raises:
            UserError: if they are no different positive numbers.
        """
        if self.learning_rates is None:
            return ()
        try:
            rates = tuple(float(part) for part in self.learning_rates.split(","))
        except ValueError:
            rates = ()
        # Directories of trainings are named by the rate to six digits.
        names = {f"{rate:g}" for rate in rates}
        if not all(LEAST_RATE <= rate <= MOST_RATE for rate in rates) or len(names) < len(rates):
            rates = ()
        if not rates:
            raise UserError(
                "--learning-rates must be different positive numbers separated by commas, such as "
                f"0.04,0.12. Received: {shown(self.learning_rates)}"
            )
        return rates
