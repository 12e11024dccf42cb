"""Options that nothing of a run reads beside its others: they are refused, or told.

Whoever writes such an option on a command line expects something of it, and is told at once. What
stands in a file of options may serve other commands as well, and a run that was begun goes on with
what it was begun with: there it is told alone.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from beam_preprocess.unused_options import unused_options
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.named_data_set import named_data_set
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.options import CODESIGN, EVOLUTION, SPACE, SUPERNET, flag
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.regularized_evolution import RegularizedEvolution
from nasrec_tf.training.recipes import load_recipe


class UnreadRule(NamedTuple):
    """When nothing reads some options.

    Args:
        names: their fields.
        is_unread: whether nothing reads them, by all options.
        why: what they go with, as messages have it.
        is_refused: whether they are refused where they are typed, and not told alone.
    """

    names: tuple[str, ...]
    is_unread: Callable[[SearchConfig], bool]
    why: str
    is_refused: bool = True


def _is_no_evolution(config: SearchConfig) -> bool:
    """Whether the strategy is one of ours that has settings of its own in place of evolution's."""
    strategy = STRATEGIES[config.strategy]
    is_ours = strategy.__module__.startswith("nasrec_tf.")  # Others may read all of the plan.
    return is_ours and not issubclass(strategy, RegularizedEvolution)


def _is_control(config: SearchConfig) -> bool:
    """Whether the search is what evolution is measured against, by a command of one word more."""
    return config.strategy == "random"


def _is_size_open(config: SearchConfig) -> bool:
    """Whether population and children do not say, with the generations, how many there are."""
    return config.generations is None


def _has_no_supernet(config: SearchConfig) -> bool:
    return config.architecture is not None or config.trains_candidates


def _has_own_batch(config: SearchConfig) -> bool:
    if config.retrain_batch_size is not None:
        return True
    return config.recipe != AUTO and load_recipe(config.recipe).batch_size is not None


EVOLUTION_ALONE = "goes with --strategy evolution"

RULES = (
    UnreadRule(
        ("population", "children"),
        lambda config: (
            _is_no_evolution(config) and not _is_control(config) and _is_size_open(config)
        ),
        f"{EVOLUTION_ALONE} (--candidates says how many others have)",
    ),
    UnreadRule(
        ("population", "children"),
        lambda config: _is_control(config) and _is_size_open(config),
        EVOLUTION_ALONE,
        is_refused=False,
    ),
    UnreadRule(("tournament", "mutation"), _is_control, EVOLUTION_ALONE, is_refused=False),
    UnreadRule(
        ("fine_tune_learning_rate",),
        lambda config: (
            config.fine_tune_steps == 0 and (config.rescore is None or config.rescore_steps == 0)
        ),
        "goes with more --fine-tune-steps than 0",
    ),
    UnreadRule(
        ("validation_sample",),
        lambda config: (config.validation_sample or 0) >= (config.validation_rows or float("inf")),
        "goes with more --validation-rows than it draws of them",
    ),
    UnreadRule(
        ("gpu_precision",),
        lambda config: config.codesign or config.learns_choices or config.distribute != "none",
        "goes without --codesign, --distribute and strategies that learn logits",
    ),
    UnreadRule(
        ("batch_size",),
        lambda config: _has_no_supernet(config) and _has_own_batch(config),
        "goes with a supernet, or a recipe that says nothing of batches; networks trained from "
        "scratch have --retrain-batch-size",
    ),
    UnreadRule(("recipe_share",), lambda config: config.recipe != AUTO, "goes with --recipe auto"),
    UnreadRule(
        ("recipe_share",),
        lambda config: config.warm_start is not None,
        "goes without --from, whose run has chosen the recipe",
    ),
)
"""The one place that says what is not read; what contradicts other options, or had no effect when
runs were first written down, is refused by ``options_together``."""

OF_SEARCHES = (SPACE, SUPERNET, EVOLUTION, CODESIGN)
"""Groups of options that searches read."""

OF_ONE_MODEL = frozenset({
    *("architecture", "batch_size", "operator_balancing", "codesign", "hardware", "hardware_rows"),
})  # fmt: skip
"""Options of these that the training and the hardware of one model read as well."""


def check_read(config: SearchConfig, named: Collection[str]) -> None:
    """Refuses options that were named and that nothing of the run reads.

    Those of a run that was begun with them are let pass.

    Args:
        config: the options.
        named: fields that the call itself gives, not a file of options.

    Raises:
        UserError: if there is one; the message names it and the mend.
        RunError: if the options that the run was begun with are damaged.
    """
    for name, why, is_refused in _given(config):
        if name not in named or not is_refused:
            continue
        stored = RunDirectory(config.run_dir).stored_config()
        if stored is None or getattr(stored, name) != getattr(config, name):
            raise UserError(f"{flag(name)} {why}; leave it out.")


def unread_options(config: SearchConfig) -> list[tuple[str, str]]:
    """Options that were given, and that nothing of the run reads.

    Args:
        config: the options.

    Returns:
        The field of each, and what it goes with; none of what ``without_effect_on_one_model`` has.

    Example:
        >>> unread_options(SearchConfig(strategy="local", population=7))
        [('population', 'goes with --strategy evolution (--candidates says how many others have)')]
        >>> unread_options(SearchConfig(strategy="local", population=7, generations=9))
        []
    """
    return [(name, why) for name, why, _ in _given(config)]


def without_effect_on_one_model(config: SearchConfig) -> list[str]:
    """The options that were given and say nothing where one model is trained in place of a search.

    They are told and not refused, since a file of options may serve searches as well.

    Args:
        config: the options.

    Returns:
        Names of fields; none of a search.
    """
    if config.architecture is None:
        return []
    return [
        field.name
        for field in dataclasses.fields(config)
        if (field.metadata["group"] in OF_SEARCHES or field.name in ("top_k", "halving"))
        and field.name not in OF_ONE_MODEL
        and getattr(config, field.name) != field.default
        and not (field.name == "halving" and len(config.learning_rates() or ()) > 1)
    ]


def _given(config: SearchConfig) -> Iterator[tuple[str, str, bool]]:
    """Of the options that nothing reads those that were given: why, and whether that is refused."""
    told_together = without_effect_on_one_model(config)
    for name, why, is_refused in _unread(config):
        if getattr(config, name) != getattr(SearchConfig, name) and name not in told_together:
            yield name, why, is_refused


def _unread(config: SearchConfig) -> Iterator[tuple[str, str, bool]]:
    for rule in RULES:
        if rule.is_unread(config):
            for name in rule.names:
                yield name, rule.why, rule.is_refused
    if named_data_set(config) is None:  # Of one that is read already nothing is said of a log.
        for name, why in unused_options(config):
            yield name, why, True
