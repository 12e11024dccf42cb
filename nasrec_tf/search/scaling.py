"""The paper's settings, scaled to the size of a data set.

The paper's protocol (5.1) was made for tens of millions of rows: one epoch of some 70,000 steps.
On a smaller data set the same settings would hardly train a supernet at all, and evaluating 2,048
candidates would take far longer than training one. What an option leaves open therefore follows
from the number of training rows; from ``PAPER_ROWS`` on it is what the paper uses.
"""

import dataclasses
from typing import Any

from nasrec_tf.architecture.space import SPACES, SearchSpace, search_space
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.search_size import asked_candidates
from nasrec_tf.search.warm_start_note import read_warm_start
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipes import load_recipe

PAPER_ROWS = 5_000_000
"""Training rows from which on the paper's settings hold unchanged: 10,000 steps of 512."""

LEAST_STEPS = 6000
"""Steps that small data sets get by passing over them several times (docs/recipes.md)."""

FEW_ROWS = 1_000_000
"""Training rows below which spaces are smaller, and more networks are trained from scratch."""

NARROW = 256
"""Widest dense operator there (docs/recipes.md)."""

MOST_REFINEMENTS = 16
"""Further networks trained from scratch there: one for every 10,000 rows, up to so many."""

EVOLVED = frozenset({"population", "tournament", "children", "generations"})
"""Settings that evolution reads, and others where nobody says how many candidates there are."""

SEARCHED = EVOLVED | {
    *("blocks", "max_width", "supernet_epochs", "supernet_learning_rate", "fine_tune_steps"),
    *("validation_rows", "rescore_steps", "rescore_rows", "top_k", "refine", "halving"),
}
"""Settings that a run with an architecture of its own does not read."""

PAPER_BATCH = 512
PAPER_TRIALS = 128 + 240 * 8
PAPER_FINE_TUNE_STEPS = 500
PAPER_VALIDATION_ROWS = 100 * 8192
PAPER_TOP_K = 15
PAPER_LEARNING_RATE = 0.12


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that the size of the data set decides, unless it was given.

    The fields are those of ``SearchConfig``.
    """

    blocks: int
    max_width: int
    batch_size: int
    supernet_epochs: int
    supernet_learning_rate: float
    population: int
    tournament: int
    children: int
    generations: int
    fine_tune_steps: int
    validation_rows: int
    rescore_steps: int
    rescore_rows: int
    top_k: int
    retrain_epochs: int
    refine: int
    halving: bool


def scale(config: SearchConfig, training_rows: int) -> Settings:
    """Settings for a data set, with what the configuration says taken over.

    What is left open fits what was given: a population holds a given tournament.

    Args:
        config: the options.
        training_rows: rows of the training split.

    Example:
        >>> found = scale(SearchConfig(tournament=100), training_rows=40_000)
        >>> found.tournament, found.population, found.batch_size
        (100, 200, 128)
        >>> scale(SearchConfig(), training_rows=45_840_617).batch_size
        512
    """
    batch = config.batch_size or _batch_size(training_rows)
    steps = max(1, training_rows // batch)
    trials = asked_candidates(config, training_rows)
    trials = trials or min(PAPER_TRIALS, max(48, training_rows // 1000))
    epochs = config.supernet_epochs or min(8, max(1, -(-LEAST_STEPS // steps)))
    pass_steps = (
        min(steps, max(1, config.supernet_rows // batch)) if config.supernet_rows else steps
    )
    given = {field.name: getattr(config, field.name) for field in dataclasses.fields(Settings)}
    population = given["population"] or _population(trials, given["tournament"])
    children = given["children"] or (8 if trials >= 256 else 4)
    # Scoring looks at a fifth of an epoch in all: it must cost little beside training.
    tuned = min(PAPER_FINE_TUNE_STEPS, max(1, steps // 10))
    judged = min(PAPER_VALIDATION_ROWS, max(5000, training_rows // 10))
    chosen: dict[str, Any] = {
        "blocks": _blocks(config, training_rows),
        "max_width": _max_width(config, training_rows),
        "batch_size": batch,
        "supernet_epochs": epochs,
        "supernet_learning_rate": _learning_rate(pass_steps * epochs),
        "population": population,
        "tournament": max(1, population // 2),
        "children": children,
        "generations": max(1, (trials - population) // children),
        "fine_tune_steps": tuned,
        "validation_rows": judged,
        "rescore_steps": max(tuned, given["fine_tune_steps"] or 0),
        "rescore_rows": max(judged, given["validation_rows"] or 0),
        "top_k": min(PAPER_TOP_K, max(3, trials // 40)),
        "retrain_epochs": min(5, max(1, -(-LEAST_STEPS // steps))),
        "refine": _refinements(config, training_rows),
        "halving": False,
    }
    chosen |= {name: value for name, value in given.items() if value is not None}
    return Settings(**chosen)


def unread_settings(config: SearchConfig) -> set[str]:
    """Names of the settings that follow from the data but that a run does not read.

    Args:
        config: the options.

    Raises:
        RecipeError, UserError: if a recipe file cannot be used.

    Example:
        >>> sorted(unread_settings(SearchConfig(strategy="random", candidates=100)))
        ['children', 'generations', 'population', 'rescore_rows', 'rescore_steps', 'tournament']
        >>> scored_twice = SearchConfig(rescore=9, fine_tune_steps=5)
        >>> sorted(unread_settings(dataclasses.replace(scored_twice, recipe="bars")))
        ['retrain_epochs']
    """
    unread: set[str] = set()
    if config.architecture is not None:
        unread |= SEARCHED
    elif config.strategy != "evolution" and (config.candidates or config.score_budget):
        unread |= EVOLVED
    if config.rescore is None:
        unread |= {"rescore_steps", "rescore_rows"}
    if config.architecture is None and config.trains_candidates:
        unread |= {"supernet_epochs", "supernet_learning_rate", "fine_tune_steps"}
    recipe = _known_recipe(config)
    if config.retrain_epochs is None and recipe is not None and recipe.epochs is not None:
        unread.add("retrain_epochs")
    return unread


def _known_recipe(config: SearchConfig) -> Recipe | None:
    """The recipe as far as it is not chosen by the run itself."""
    if config.recipe != AUTO:
        return load_recipe(config.recipe)
    earlier = read_warm_start(config)
    return None if earlier is None else earlier.recipe


def _refinements(config: SearchConfig, rows: int) -> int:
    """Some where a training takes seconds and a supernet ranks poorly (docs/recipes.md)."""
    if rows >= FEW_ROWS or config.architecture is not None or config.codesign:
        return 0
    return min(MOST_REFINEMENTS, rows // 10_000)


def _population(trials: int, tournament: int | None) -> int:
    """A quarter of the trials, and as in the paper twice a tournament that would not fit."""
    population = min(128, max(16, trials // 4))
    return population if tournament is None or tournament <= population else 2 * tournament


def smaller_space(config: SearchConfig) -> dict[str, Any]:
    """What a search has of its space right below a million rows, by option.

    Args:
        config: the options; what they give stays.

    Example:
        >>> smaller_space(SearchConfig())
        {'blocks': 5, 'max_width': 256}
        >>> smaller_space(SearchConfig(space="nasrec-ranking", blocks=7))
        {'blocks': 7, 'max_width': 256}
    """
    found = scale(config, FEW_ROWS - 1)
    return {"blocks": found.blocks, "max_width": found.max_width}


def _blocks(config: SearchConfig, rows: int) -> int:
    """A space of one's own as it is; of the paper's, fewer blocks for what they cannot learn."""
    whole = search_space(config.space).num_blocks
    if config.space not in SPACES or rows >= FEW_ROWS:
        return whole
    return min(whole, 5 if rows >= 100_000 else 4)


def _max_width(config: SearchConfig, rows: int) -> int:
    """As ``_blocks``: wide operators learn nothing more from few rows, and cost most of the time.

    Co-design weighs widths against hardware: it has them all.
    """
    whole = max(search_space(config.space).dense_widths)
    if config.space not in SPACES or rows >= FEW_ROWS or config.codesign:
        return whole
    return min(whole, NARROW)


def dense_widths(space: SearchSpace, most: int) -> tuple[int, ...]:
    """Widths of dense operators that are searched.

    Args:
        space: whose widths they are.
        most: the widest that is allowed.

    Raises:
        UserError: if that leaves none.

    Example:
        >>> dense_widths(search_space("nasrec-ranking"), 100)
        (32, 64)
    """
    widths = tuple(width for width in space.dense_widths if width <= most)
    if not widths:
        raise UserError(
            f"--max-width {most} leaves no width of {space.name!r}: raise it to "
            f"{min(space.dense_widths)} or more."
        )
    return widths


def _batch_size(rows: int) -> int:
    """The paper's, halved until an epoch has some 1,000 steps, but not below 128."""
    batch = PAPER_BATCH
    while batch > 128 and rows < 1000 * batch:
        batch //= 2
    return batch


def _learning_rate(steps: int) -> float:
    """The paper's for its 10,000 steps and more, lower for shorter trainings.

    Adagrad's first steps move every weight by nearly the learning rate whatever its gradient, and
    a short training has no time to recover from that.
    """
    return PAPER_LEARNING_RATE * min(1.0, max(0.2, steps / 10_000))


def explain(config: SearchConfig, settings: Settings, training_rows: int) -> list[str]:
    """One line for each setting that is not the paper's because the data set is small.

    Args:
        config: the options; what they give is not told.
        settings: of ``scale``.
        training_rows: rows of the training split.

    Returns:
        The lines, after one that says how many rows there are; none if all is the paper's. What
        the run does not read is not told: settings of another strategy, or of a search where there
        is none, and passes where the recipe has its own.
    """
    unread = unread_settings(config)
    paper = scale(SearchConfig(), PAPER_ROWS * 10)
    lines = []
    for field in dataclasses.fields(Settings):
        value, usual = getattr(settings, field.name), getattr(paper, field.name)
        if field.name in unread:
            continue
        if getattr(config, field.name) is None and value != usual:
            lines.append(f"{field.name} {value:g} (the paper: {usual:g})")
    if lines:
        lines.insert(0, f"scaled to {training_rows:,} training rows:")
    return lines
