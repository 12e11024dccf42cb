"""What can be found wrong before any work is done."""

import os
import pathlib

from beam_preprocess.common.quiet_tensorflow import load_tensorflow
from beam_preprocess.config import PAPER_FRACTIONS
from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets import dataset_names
from beam_preprocess.running.file_patterns import exists, would_read
from nasrec_tf.architecture.space import search_space
from nasrec_tf.common.errors import UserError
from nasrec_tf.operators import BY_BATCH
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.environment import VERSIONS_FILE
from nasrec_tf.search.named_data_set import named_data_set
from nasrec_tf.search.option_groups.codesign_options import DEFAULT_HARDWARE, LIMITS
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.options import flag
from nasrec_tf.search.run_directory import OWN_FILES
from nasrec_tf.search.scaling import PAPER_ROWS, PAPER_TOP_K, dense_widths, scale
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.search_size import SCORE_ROWS
from nasrec_tf.search.stages.export import check_target
from nasrec_tf.search.stages.records import check_batch_sizes
from nasrec_tf.search.trainable import Trainable, load_trainable
from nasrec_tf.strategies import check_settings
from nasrec_tf.strategies.choice_distribution import choice_shapes
from nasrec_tf.strategies.strategy import TRAINING
from nasrec_tf.training.devices import GPU, require_gpu
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipes import PAPER, fields_said, load_recipe


def check_options(config: SearchConfig) -> None:
    """Checks everything that options name: data, search space, architecture, export target.

    Args:
        config: the options.

    Raises:
        UserError: on the first thing that cannot be used.
    """
    for option in ("data", "validation_data", "test_data"):
        for name in getattr(config, option) or ():
            if "://" not in name and not exists(name):
                raise UserError(f"{name}: no such file or directory; check {flag(option)}.")
    finished = named_data_set(config)
    if config.data is not None and finished is None and config.dataset is None:
        _check_layout_is_known(config.data)
    if finished is None:
        _check_outside_of_log(config)
    search_space(config.space)
    if config.architecture is not None:
        _check_model(config, load_trainable(config.architecture))
    _check_recipe(config)
    if config.codesign:
        _check_hardware(config)
    rows = _known_rows(config, finished)
    _check_scale(config, rows)
    if rows is not None:
        check_batch_sizes(config, rows)
    if finished is not None:
        _check_row_order(config, finished)
    if config.mlflow is not None:
        from nasrec_tf.search.mlflow_log import check_mlflow

        check_mlflow(config.mlflow)
    if config.device == GPU:
        load_tensorflow()
        require_gpu()
    run = pathlib.Path(config.run_dir)
    if not (run / "export" / "version.json").exists():
        _check_files_of_run(config)
        check_target(config)


def _check_outside_of_log(config: SearchConfig) -> None:
    """What a run writes among the files of a log would be read as a part of it."""
    for option in ("data", "validation_data", "test_data"):
        for name in getattr(config, option) or ():
            for place in ("run_dir", "export_dir"):
                if would_read(name, getattr(config, place)):
                    raise UserError(
                        f"{flag(place)} {getattr(config, place)} lies in {name}, of which all "
                        "files are read; name a directory outside."
                    )


def _base_recipe(config: SearchConfig) -> Recipe:
    """What options change: while it is to be chosen, what the choice begins with."""
    return load_recipe(PAPER if config.recipe == AUTO else config.recipe)


def _check_recipe(config: SearchConfig) -> None:
    base, changes = _base_recipe(config), config.recipe_changes()
    recipe = base.replace(**changes)
    if recipe.optimizer != base.optimizer and "learning_rate" not in changes:
        raise UserError(
            f"--optimizer {recipe.optimizer} needs its own --retrain-learning-rates: "
            f"{base.learning_rate:g} is that of {base.optimizer}; 0.001 is usual for adam."
        )
    if config.codesign and recipe.normalization == BY_BATCH:
        raise UserError(
            "--normalization batch is not searched with --codesign; leave one of them out."
        )
    if config.refine and (config.codesign or config.architecture is not None):
        other = "--codesign" if config.codesign else "--architecture"
        raise UserError(f"--refine is for searches of networks alone; leave it or {other} out.")
    _check_final_models(config, recipe)


def _check_model(config: SearchConfig, model: Trainable) -> None:
    """Checks the model that is trained instead of searched for."""
    name = config.architecture
    if model.architecture is None:
        for option, default in (("codesign", False), ("ensemble", 1), ("prune", None)):
            if getattr(config, option) != default:
                raise UserError(
                    f"{name}: is a hand-made model, which {flag(option)} does not take; leave one "
                    "of them out."
                )
    elif config.prune is not None and model.architecture.is_pruned:
        raise UserError(
            f"{name}: is pruned already (kept_units); give the architecture with all units, or "
            "leave --prune out."
        )
    elif config.codesign and not model.is_quantized:
        raise UserError(
            f"{name}: gives its operators no bits, which --codesign needs; add "
            '"bits" to its blocks, or leave --architecture out to search for them.'
        )
    model.check(_base_recipe(config).replace(**config.recipe_changes()))
    for option, value in model.ignored(config.recipe_changes()).items():
        raise UserError(
            f"{flag(option)} {value}: {name} does not take it from there; give it among the "
            "model's own options, in a file of theirs."
        )


def recipe_without_effect(config: SearchConfig) -> list[str]:
    """Fields that a recipe's file names and the model that is given would be trained without.

    They are told and not refused, since a recipe serves many models.

    Args:
        config: the options.

    Returns:
        Names of fields of ``Recipe``, without those that an option says; none of a search.
    """
    if config.architecture is None or config.recipe == AUTO:
        return []
    model, options = load_trainable(config.architecture), config.recipe_changes()
    return [name for name in model.ignored(fields_said(config.recipe)) if name not in options]


def _check_final_models(config: SearchConfig, recipe: Recipe) -> None:
    if config.final_fit != "train":
        recipe.check_unwatched(f"--final-fit {config.final_fit}")
    if config.score_by == TRAINING and config.architecture is None:
        recipe.check_unwatched(f"--score-by {TRAINING}")
    rates = len(config.learning_rates() or (1,))
    candidates = 1 if config.architecture is not None else config.top_k or PAPER_TOP_K
    networks = candidates * rates + (config.refine or 0)
    most = networks * config.finalist_seeds + max(0, config.winner_seeds - config.finalist_seeds)
    if config.ensemble > most:
        raise UserError(
            f"--ensemble {config.ensemble} is more than the networks that are retrained, at most "
            f"{most}; raise --top-k, or lower it."
        )


def _check_files_of_run(config: SearchConfig) -> None:
    run, exports = (pathlib.Path(os.path.realpath(d)) for d in (config.run_dir, config.export_dir))
    for name in (*OWN_FILES, VERSIONS_FILE):
        if exports.is_relative_to(run / name):
            raise UserError(f"{run / name}: the run writes a file there; use another --export-dir.")


def _check_scale(config: SearchConfig, known_rows: int | None) -> None:
    """Checks all numbers together, for the smallest and for the largest data sets.

    What is left open follows from the training rows, which a raw log does not tell before it is
    read.
    """
    sizes: tuple[int, ...] = (1, PAPER_ROWS)
    if known_rows is not None:
        sizes = (known_rows,)
    elif config.score_budget and not config.score_rows:
        # It pays for as many candidates as there are trainings of a split, or of SCORE_ROWS.
        sizes = (PAPER_ROWS,) if config.score_budget >= SCORE_ROWS else ()
    for rows in sizes:
        settings = scale(config, rows)
        dense_widths(search_space(config.space), settings.max_width)
        check_settings(
            population=settings.population,
            tournament=settings.tournament,
            children=settings.children,
            generations=settings.generations,
            limits={name: getattr(config, name) for name in LIMITS},
            named=flag,
        )
        if config.architecture is None:
            _check_choices(config)
            # The larger a log, the more candidates: of what only a large one has enough for, a
            # small one is told once its rows are known, before anything is trained.
            if rows == max(sizes):
                search_strategy(config, settings, rows)


def _check_choices(config: SearchConfig) -> None:
    """Checks that logits can be learnt of the choices of the space, where they are to be."""
    if config.learns_choices:
        space = search_space(config.space)
        given = {"operators": config.operators, "max_sources": config.max_sources}
        choice_shapes(space.replace(**{name: v for name, v in given.items() if v is not None}))


def _known_rows(config: SearchConfig, finished: pathlib.Path | None) -> int | None:
    """The training rows, where they are known before anything is read."""
    if config.data is None:
        return round(config.demo_rows * PAPER_FRACTIONS[0])
    return None if finished is None else Schema.load(finished).splits["train"].rows


def _check_row_order(config: SearchConfig, data: pathlib.Path) -> None:
    """Checks that a data set has the order of the log, where that is wanted."""
    if config.row_order == "log" and Schema.load(data).row_order != "log":
        raise UserError(
            f"--row-order log: the rows of {data} were dealt out by a hash; preprocess the log "
            "again with --row-order log, or leave the option out."
        )


def _check_hardware(config: SearchConfig) -> None:
    from nasrec_tf.codesign.usable_hardware import check_usable
    from nasrec_tf.strategies.hardware_space import CODESIGN_SPACE
    from pim import PimError, load_hardware

    try:
        hardware = load_hardware(config.hardware or DEFAULT_HARDWARE)
    except PimError as error:
        raise UserError(f"--hardware: {error}") from error
    if hardware.mnsim2 is not None:
        raise UserError(
            f"--hardware {config.hardware}: MNSIM 2.0's own formulas fix what the search would "
            "vary; use isaac32, handcrafted or a JSON file."
        )
    searched = CODESIGN_SPACE.choices if config.architecture is None else {}
    try:
        check_usable(hardware, searched)
    except PimError as error:
        raise UserError(f"--hardware {config.hardware or DEFAULT_HARDWARE}: {error}") from error


def _check_layout_is_known(names: tuple[str, ...]) -> None:
    for name in names:
        if os.path.isdir(name) and not os.path.isfile(os.path.join(name, MANIFEST_FILE)):
            raise UserError(
                f"{name}: is a directory without {MANIFEST_FILE}, so it is no data set; say how "
                "its raw files are laid out with --dataset, or name a directory that "
                "beam_preprocess finished."
            )
    known = ", ".join(dataset_names())
    raise UserError(
        f"{names[0]}: is a raw log, so --dataset must name its layout: {known}, or the path of a "
        ".toml description (python -m beam_preprocess describe FILE -o FILE.toml guesses one)."
    )
