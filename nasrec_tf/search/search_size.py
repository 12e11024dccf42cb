"""How many candidates a search is asked for, and what each is trained on."""

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig

SCORE_ROWS = 100_000
"""Rows that AutoCTR's search draws from a log for all its trainings
(``facebookresearch/AutoCTR``)."""

PILOTS = 4
"""Architectures, drawn from the space, by which the rows of ``--validation-sample`` are chosen;
eight or sixteen tell little more (docs/scaling.md)."""


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


def drawn_validation_rows(config: SearchConfig, *limits: int) -> int | None:
    """Validation rows that are drawn to score by; ``None`` if all of them are taken.

    Args:
        config: the options.
        *limits: validation rows that there are, at most.

    Example:
        >>> drawn_validation_rows(SearchConfig(validation_sample=5_000), 20_000, 60_000)
        5000
        >>> drawn_validation_rows(SearchConfig(validation_sample=5_000), 20_000, 4_000) is None
        True
    """
    sample = config.validation_sample
    return sample if sample is not None and sample < min(limits) else None


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
