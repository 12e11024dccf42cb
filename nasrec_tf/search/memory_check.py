"""Whether the networks of a run fit into memory, told before the first of them is trained."""

import functools

from nasrec_tf.architecture.memory import check_fits, readable_size, weights_bytes
from nasrec_tf.search.run import Run
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.training.recipe import Recipe


def memory_lines(run: Run) -> list[str]:
    """What the weights of the run's networks take in training, a line for each kind.

    Where the recipe is still to be chosen, the network is as wide as the choice begins with; it
    does not go on to tables that would not fit.

    Batches come on top. A finalist's network is not known yet: its tables are, and they are what
    can be large.

    Args:
        run: a run whose records stage has finished.

    Raises:
        UserError: if one of them cannot fit into the machine; the message names the option that
            mends it. Told now, so that no search is lost to its last stage.
    """
    lines = []
    if run.config.architecture is None and not run.config.trains_candidates:
        lines.append(_supernet(run))
    lines.append(_finalist(run))
    if run.config.ensemble > 1:
        lines.append(_ensemble(run))
    return lines


def _supernet(run: Run) -> str:
    from nasrec_tf.networks.supernet.stored_weights import supernet_memory_bytes

    features = run.features.capped(run.config.max_table_rows or None)
    options = run.search_options
    needed = supernet_memory_bytes(run.space, features, options, training=True)
    check_fits(
        needed,
        _tables(features, options),
        "cap the tables of the search with a smaller --max-table-rows",
        "take fewer --blocks, or a --space of smaller widths",
    )
    return f"memory: the supernet's weights take {readable_size(needed)} in training"


def _finalist(run: Run) -> str:
    if run.config.architecture is None:
        recipe = run.expected_recipe
        tables = _tables(run.features, run.recipe_options(recipe))
        tables += recipe.further_copies * tables // 2
        needed, what = tables, "the tables of a network that is trained from scratch"
    else:
        needed, tables = training_bytes(run, run.given_model, run.expected_recipe)
        what = "the network's weights"
    check_fits(
        needed,
        tables,
        "preprocess the log with a larger --min-count, or with --encoding hash and smaller tables",
        "give a smaller --architecture",
    )
    return f"memory: {what} take {readable_size(needed)} in training"


def training_bytes(run: Run, model: Trainable, recipe: Recipe) -> tuple[int, int]:
    """What the weights of a model take in training, and its tables alone.

    Args:
        run: the run.
        model: what is trained.
        recipe: how.
    """
    cost = model.complexity(run.features, recipe, run.config.operator_balancing)
    sizes = []
    for others in (cost.parameters, 0):
        size = functools.partial(
            weights_bytes, cost.embedding_parameters, others, model.is_quantized
        )
        sizes.append(size(training=True) + recipe.further_copies * size(training=False))
    return sizes[0], sizes[1]


def _ensemble(run: Run) -> str:
    """All members are in memory together when they are exported, to be looked up in alone."""
    options = run.recipe_options(run.expected_recipe)
    rows = sum(run.features.table_rows)
    needed = run.config.ensemble * weights_bytes(
        rows * options.embedding_dim, 0, False, training=False
    )
    check_fits(needed, needed, "average fewer networks with a smaller --ensemble", "")
    return f"memory: the tables of an ensemble take up to {readable_size(needed)}"


def _tables(features, options) -> int:
    return weights_bytes(sum(features.table_rows) * options.embedding_dim, 0, False, training=True)
