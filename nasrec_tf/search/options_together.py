"""Which options of a search go together, and which contradict each other."""

import dataclasses
import os
import pathlib
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.export.versions import check_name
from nasrec_tf.networks.pruning.prune_settings import UNITS
from nasrec_tf.search.options import CODESIGN, LOG_OPTIONS, STAGES, flag, shown
from nasrec_tf.strategies.dnas import LogitSearch
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.strategy import TRAINING

OF_THE_SUPERNET = (
    "supernet_epochs", "supernet_rows", "supernet_learning_rate", "supernet_row_decay",
    "supernet_embedding_dim", "path_sampler", "distribute", "warmup", "layer_norm",
    "fine_tune_steps", "fine_tune_learning_rate", "validation_sample", "gpu_precision",
    "rescore", "rescore_steps", "rescore_rows",
)  # fmt: skip
"""Options without effect where no supernet scores."""

OF_EVOLUTION = ("tournament", "mutation")
"""Options that no other strategy of one candidate after the other looks at."""


def check_together(config: Any) -> None:
    """Checks options that are valid one by one.

    Args:
        config: a ``SearchConfig``.

    Raises:
        UserError: if some contradict each other, or have no effect beside the others.
    """
    _check_data(config)
    config.learning_rates()
    _check_codesign(config)
    _check_strategy(config)
    _check_rescoring(config)
    _check_final_models(config)
    _check_places(config)
    _check_networks(config)
    _check_distribution(config)
    if not config.explain and config.yardsticks != type(config).yardsticks:
        raise UserError("--yardsticks goes with --explain; leave it out.")


def _check_data(config: Any) -> None:
    if config.data is None:
        for name in LOG_OPTIONS:
            if getattr(config, name) is not None:
                raise UserError(f"{flag(name)} goes with --data, which is missing.")
    if (config.validation_data is None) != (config.test_data is None):
        raise UserError("--validation-data and --test-data go together.")
    given = config.validation_data is not None
    if config.split is not None and given != (config.split == "given"):
        raise UserError(
            f"--split {config.split} goes "
            + ("without --validation-data and --test-data; leave it out, or them." if given
               else "with --validation-data and --test-data, which are missing.")
        )  # fmt: skip
    if 0 < config.max_table_rows < 3:
        raise UserError("--max-table-rows must be 0 (no cap) or at least 3.")


def _check_codesign(config: Any) -> None:
    if not config.codesign:
        for field in dataclasses.fields(config):
            of_codesign = field.metadata["group"] == CODESIGN
            if of_codesign and getattr(config, field.name) != field.default:
                raise UserError(f"{flag(field.name)} goes with --codesign, which is missing.")
        return
    config.bit_widths()
    if config.strategy != "evolution" and config.objective == "pareto":
        raise UserError("--objective pareto needs --strategy evolution.")


def without_effect(strategy: str, score_by: str) -> dict[str, tuple[str, ...]]:
    """Options that a search by a strategy does not look at or cannot have.

    Args:
        strategy: a name in ``STRATEGIES``.
        score_by: what scores its candidates.

    Returns:
        Their fields, by what they go with.

    Example:
        >>> without_effect("local", "supernet")["--strategy evolution"]
        ('tournament', 'mutation')
    """
    unused: dict[str, tuple[str, ...]] = {}
    if score_by == TRAINING:
        unused["--score-by supernet"] = OF_THE_SUPERNET
    else:
        unused["--score-by training"] = ("score_rows", "score_budget")
    if strategy not in ("evolution", "random"):
        unused["--strategy evolution"] = OF_EVOLUTION
    if issubclass(STRATEGIES[strategy], LogitSearch):
        unused["another --strategy"] = ("path_sampler", "distribute", "codesign")
    return unused


def _check_strategy(config: Any) -> None:
    """Options that contradict each other or have no effect are refused."""
    given = {
        field.name
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != field.default
    }
    for wanted, names in without_effect(config.strategy, config.score_by).items():
        for name in names:
            if name in given:
                raise UserError(f"{flag(name)} goes with {wanted}; leave it out.")
    alike = [name for name in ("generations", "candidates", "score_budget") if name in given]
    if len(alike) > 1:
        raise UserError(
            f"{flag(alike[0])} and {flag(alike[1])} both say how many candidates there are; "
            "leave one out."
        )
    scored_by = STRATEGIES[config.strategy].scored_by
    if config.score_by not in scored_by:
        raise UserError(
            f"--strategy {config.strategy} goes with --score-by {scored_by[0]}, not "
            f"{config.score_by} (docs/strategies.md)."
        )


def _check_rescoring(config: Any) -> None:
    longer = ("rescore_steps", "rescore_rows")
    if config.rescore is None:
        for name in longer:
            if getattr(config, name) is not None:
                raise UserError(f"{flag(name)} goes with --rescore, which is missing.")
        return
    if config.codesign:
        raise UserError("--rescore goes without --codesign; leave one of them out.")
    shorter = ("fine_tune_steps", "validation_rows", "validation_sample")
    if all(getattr(config, name) is None for name in (*longer, *shorter)):
        raise UserError(
            "--rescore would score candidates again as they were scored before: give shorter "
            f"scores to the search ({', '.join(map(flag, shorter))})."
        )
    for name, of_search in zip(longer, shorter):
        again, before = getattr(config, name), getattr(config, of_search)
        if None not in (again, before) and again < before:
            raise UserError(
                f"{flag(name)} {again} is less than {flag(of_search)} {before}: what is scored "
                "again is scored for longer; raise it."
            )


def _check_final_models(config: Any) -> None:
    fits_all = config.final_fit != "train"
    if fits_all and config.winner_seeds > 1:
        raise UserError(
            f"--final-fit {config.final_fit} leaves no validation split to choose a seed by; "
            "leave --winner-seeds out."
        )
    _check_pruning(config, fits_all)
    if config.codesign and (fits_all or config.ensemble > 1):
        option = "final_fit" if fits_all else "ensemble"
        raise UserError(f"{flag(option)} cannot be measured on the crossbars of --codesign.")


def _check_pruning(config: Any, fits_all: bool) -> None:
    if config.prune is None:
        for name in ("prune_iterations", "prune_options"):
            if getattr(config, name) != getattr(type(config), name):
                raise UserError(f"{flag(name)} goes with --prune, which is missing.")
        return
    for name, is_given in (("final_fit", fits_all), ("ensemble", config.ensemble > 1)):
        if is_given:
            raise UserError(
                f"{flag(name)} does not go with --prune, which exports the one network that is "
                "left; leave one of them out."
            )
    settings = config.prune_settings()
    if settings.what == UNITS and config.recipe_changes().get("normalization") == "layer":
        given = "--final-layer-norm" if config.final_layer_norm else "--normalization layer"
        raise UserError(
            "--prune-options what=units goes without layer norm, which counts units in; leave "
            f"{given} out."
        )


def _check_places(config: Any) -> None:
    """Neither of run and exports may lie where the other writes."""
    check_name(config.name)
    run, exports = (pathlib.Path(os.path.realpath(d)) for d in (config.run_dir, config.export_dir))
    if run == exports:
        raise UserError(
            f"--run-dir and --export-dir must differ. Received: {shown(config.run_dir)} for both"
        )
    for stage in STAGES:
        if exports.is_relative_to(run / stage):
            raise UserError(
                f"--export-dir must lie outside of what the stages write. Received: "
                f"{shown(config.export_dir)} in {shown(str(run / stage))}"
            )
    if run.is_relative_to(exports / config.name):
        raise UserError(
            f"--run-dir must lie outside of the exported model. Received: "
            f"{shown(config.run_dir)} in {shown(str(exports / config.name))}"
        )


def _check_networks(config: Any) -> None:
    if config.final_layer_norm and config.normalization not in (None, "layer"):
        raise UserError(
            f"--final-layer-norm and --normalization {config.normalization} contradict each "
            "other; leave one out."
        )
    if config.dense_embeddings is not None and config.architecture is not None:
        raise UserError("--dense-embeddings goes without --architecture, which says it itself.")


def _check_distribution(config: Any) -> None:
    if config.distribute == "none":
        return
    if config.supernet_row_decay:
        raise UserError(
            "--supernet-row-decay goes with --distribute none: rows decay on one device alone."
        )
    if config.codesign:
        raise UserError("--distribute cannot train the quantized supernet of --codesign.")
