"""Whether dense source 0 of a run's search space holds the flattened embeddings."""

from nasrec_tf.architecture.space import ANY, NEVER, SPACES, SearchSpace
from nasrec_tf.search.config import SearchConfig


def dense_embeddings_rule(
    config: SearchConfig, space: SearchSpace, dense_columns: int | None
) -> str:
    """What was asked for; else ``"any"`` in the paper's spaces where source 0 would be empty.

    Not ``"always"``, since some of the networks that were measured (``docs/search_space.md``) are
    better without. A space of one's own stays as its file says.

    Args:
        config: the options.
        space: what ``--space`` names.
        dense_columns: of the data set; ``None`` in a run of a version before the rule, which goes
            on with the space that it was begun with.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_FULL
        >>> [dense_embeddings_rule(SearchConfig(), NASREC_FULL, dense) for dense in (13, 0, None)]
        ['never', 'any', 'never']
    """
    if config.dense_embeddings is not None:
        return config.dense_embeddings
    if dense_columns == 0 and config.space in SPACES:
        return ANY
    return space.dense_embeddings


def explain_rule(config: SearchConfig, rule: str, dense_columns: int | None) -> list[str]:
    """A line where the data alone decided.

    Args:
        config: the options.
        rule: of ``dense_embeddings_rule``.
        dense_columns: of the data set.
    """
    if config.dense_embeddings is not None or dense_columns != 0 or config.space not in SPACES:
        return []
    paper = f"the paper: {NEVER}; --dense-embeddings {NEVER}"
    return [f"no dense features: dense_embeddings {rule} ({paper})"]
