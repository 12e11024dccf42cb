"""How many candidates a search is asked for, and what each is trained on."""

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig

SCORE_ROWS = 100_000
"""Rows that AutoCTR's search draws from a log for all its trainings
(``facebookresearch/AutoCTR``)."""


def score_rows(config: SearchConfig, training_rows: int) -> int:
    """Rows that each candidate is trained on with ``--score-by training``.

    Args:
        config: the options.
        training_rows: rows of the training split.

    Example:
        >>> score_rows(SearchConfig(score_by="training"), 40_000)
        40000
    """
    return config.score_rows or min(SCORE_ROWS, training_rows)


def asked_candidates(config: SearchConfig, training_rows: int) -> int | None:
    """Candidates that the options ask for; ``None`` where they leave it open.

    Args:
        config: the options.
        training_rows: rows of the training split.

    Raises:
        UserError: if a budget is not enough for one.

    Example:
        >>> asked_candidates(SearchConfig(score_by="training", score_budget=10**7), 5 * 10**6)
        100
    """
    if config.score_budget is None:
        return config.candidates
    rows = score_rows(config, training_rows)
    if config.score_budget < rows:
        raise UserError(
            f"--score-budget {config.score_budget} is not enough for one candidate, which is "
            f"trained on {rows} rows; raise it, or lower --score-rows."
        )
    return config.score_budget // rows
