"""Settings that ``--max-hours`` chooses: what a cut costs, where cutting ends, what stays."""

from nasrec_tf.architecture.space import SPACES
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.scaling import PAPER_BATCH, PAPER_TOP_K, PAPER_TRIALS

WEIGHTS = {
    "rescore": 0.5,
    "rescore_rows": 1.0,
    "validation_rows": 1.0,
    "candidates": 1.0,
    "refine": 2.0,
    "top_k": 2.0,
    "recipe_share": 3.0,
    "supernet_epochs": 2.0,
    "supernet_rows": 2.0,
    "retrain_epochs": 4.0,
    "epoch_rows": 4.0,
    "max_rows": 6.0,
    "blocks": 8.0,
}
"""What halving a setting costs in quality, beside the others; each further time it is twice as
much. On small logs the ranking of a supernet tells little and the recipe most (docs/recipes.md).
Of ``blocks`` it is what the space of a smaller log costs, fewer blocks and narrower ones."""

SHORT_SCORES = {"fine_tune_steps": 62, "validation_rows": 20_480}
"""What all candidates are scored by where the best of them are scored again. It was measured what
so many steps and rows lose, on a log of 8.4 million rows (docs/scaling.md, "The best scored
again")."""

SCORED_AGAIN = 3
"""Times the finalists: as many candidates are scored again as it was measured with."""

LONG_SCORES = {"fine_tune_steps": 496, "validation_rows": 163_840}
"""Scores of at least so many steps and rows are made short: those that they were measured beside.
On Frappe, whose scores are shorter, the same cut loses much."""

LEAST_PASS = 1_000 * PAPER_BATCH
"""Rows of the shortest pass that is chosen: a log of fewer has smaller batches."""

LEAST = {
    "rescore_rows": LONG_SCORES["validation_rows"],
    "validation_rows": 2_000,
    "candidates": 24,
    "refine": 0,
    "top_k": 2,
    "recipe_share": 0.0,
    "supernet_epochs": 1,
    "supernet_rows": LEAST_PASS,
    "retrain_epochs": 1,
    "epoch_rows": LEAST_PASS,
    "max_rows": 10_000,
}
"""Where cutting ends."""

PASSES = {"supernet_rows": "supernet_epochs", "epoch_rows": "retrain_epochs"}
"""Of what trains, the rows of a pass and how many there are. The last pass alone is shortened:
fresh rows teach more than those that have been seen. Where the passes are given, they are whole."""

FILLED_UP = ("max_rows", "epoch_rows", "supernet_rows")
"""Where time is left over that is too short for twice as many of them, there are more rows of these
in turn."""

MOST = {"refine": 4 * 16, "top_k": PAPER_TOP_K, "candidates": PAPER_TRIALS}
"""Where time is left over, these are doubled in turn, up to so many."""

SMALLER_SPACE = ("blocks", "max_width")
"""Options that say how large networks are; chosen together."""


def is_left_open(config: SearchConfig, name: str) -> bool:
    """Whether the user has said nothing of an option.

    Args:
        config: the options.
        name: of the option's field.

    Example:
        >>> is_left_open(SearchConfig(), "supernet_rows"), is_left_open(SearchConfig(), "top_k")
        (True, True)
    """
    return bool(getattr(config, name) == getattr(SearchConfig, name))


def has_smaller_space(config: SearchConfig) -> bool:
    """Whether a search may have its space as a smaller log would.

    Args:
        config: the options.

    Example:
        >>> has_smaller_space(SearchConfig()), has_smaller_space(SearchConfig(blocks=7))
        (True, False)
    """
    return _is_sized_by_data(config) and all(is_left_open(config, name) for name in SMALLER_SPACE)


def _is_sized_by_data(config: SearchConfig) -> bool:
    """Whether nothing but the size of the data says how large networks are."""
    given = config.architecture is not None or config.warm_start is not None
    return config.space in SPACES and not (given or config.codesign)


def without_use(config: SearchConfig) -> set[str]:
    """Settings that are not chosen beside what the user has said.

    Args:
        config: the options.

    Example:
        >>> without_use(SearchConfig(generations=3))
        {'candidates'}
    """
    unused = {rows for rows, passes in PASSES.items() if not is_left_open(config, passes)}
    if config.architecture is not None:
        unused |= {"validation_rows", "candidates", "refine", "top_k"}
        unused |= {"supernet_epochs", "supernet_rows"}
    if config.architecture is not None or config.codesign or config.trains_candidates:
        unused |= {"rescore", "rescore_rows", "fine_tune_steps"}
    if config.generations is not None or config.score_budget is not None:
        unused.add("candidates")
    if config.trains_candidates:
        unused |= {"supernet_epochs", "supernet_rows"}
    if config.recipe != AUTO or config.warm_start is not None:
        unused.add("recipe_share")
    if not _is_sized_by_data(config):
        unused.update(SMALLER_SPACE)
    return unused
