"""Training of the weight-sharing supernet (paper 4.1, 4.2 and 5.1)."""

import gc

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.learnt_choices import choice_trainer, keep_logits_of
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.results import Skipped, StageResult, SupernetResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.warm_start import continue_supernet
from nasrec_tf.search.workload import warmup_steps
from nasrec_tf.strategies.dnas import LogitSearch
from nasrec_tf.training.training_files import CHECKPOINT


def run_stage(run: Run) -> StageResult:
    """Trains the supernet; its weights stay in the stage's checkpoint.

    Args:
        run: the run.

    Raises:
        DivergedError: if the loss or a weight is not finite.
        UserError: if several devices are to go on with a training whose rows decay.
    """
    from nasrec_tf.training.checkpoint import latest_checkpoint
    from nasrec_tf.training.trainer import OneDevice

    if run.config.architecture is not None:
        return Skipped(skipped="an architecture was given")
    if run.config.trains_candidates:
        return Skipped(skipped="candidates are scored by trainings from scratch")
    if run.config.distribute != "none":
        return _run_distributed(run)
    plan = training_plan(run)
    if run.config.supernet_row_decay is None and _decay_of_chosen(run) != plan.recipe.row_decay:
        run.say("supernet: its rows do not decay, as on the several devices that it was begun on")
    model = build(run)
    if latest_checkpoint(run.directory.stage("supernet") / CHECKPOINT) is None:
        continue_supernet(run, model)  # Before there are accumulators, which take as much.
    plan.compile(model, run.records)
    strategy = search_strategy(run.config, run.settings, run.records.rows("train"))
    if not isinstance(strategy, LogitSearch):
        return _trained(run, plan, OneDevice(model))
    steps = plan.steps(run.records)
    trainer = choice_trainer(run, strategy, model, steps, warmup_steps(steps))
    result = _trained(run, plan, trainer)
    keep_logits_of(trainer, run.directory.stage("supernet"), steps)
    return result


def _run_distributed(run: Run) -> SupernetResult:
    """Trains on all devices or hosts; every host calls this."""
    from nasrec_tf.training import distribution
    from nasrec_tf.training.checkpoint import decays_rows

    directory = run.directory.stage("supernet")
    if run.config.supernet_row_decay is None and decays_rows(directory / CHECKPOINT):
        raise UserError(
            f"--distribute {run.config.distribute}: {directory} was begun on one device, where "
            "alone rows decay; go on without --distribute, or delete it to train it anew without "
            "the decay."
        )
    # Before anything else of TensorFlow runs: hosts have to meet first.
    strategy = distribution.strategy_of(run.config.distribute)
    plan = training_plan(run)

    def compiled():
        model = build(run)
        plan.compile(model, run.records)
        return model

    trainer = distribution.DistributedSupernet(strategy, compiled)
    run.say(f"supernet: {strategy.num_replicas_in_sync} replicas")
    if run.config.supernet_row_decay is None and (decay := _decay_of_chosen(run)):
        run.say(
            f"supernet: its rows do not decay on several devices; on one they would by {decay:g}, "
            "as the recipe says that the run has chosen"
        )
    return _trained(run, plan, trainer)


def _trained(run: Run, plan, trainer) -> SupernetResult:
    """Trains by the steps of a trainer; what the stage leaves."""
    from nasrec_tf.training.curves import kept_curve
    from nasrec_tf.training.divergence import require_finite_weights
    from nasrec_tf.training.loop import train_with
    from nasrec_tf.training.replicas import local_copy

    directory = run.directory.stage("supernet")
    with run.progress("supernet", plan.steps(run.records), "step") as bar:
        train_with(
            trainer,
            run.records,
            plan,
            directory,
            bar,
            checkpoint_seconds=run.config.checkpoint_seconds,
            stop=run.time.is_over,
        )
    require_finite_weights(trainer.model, plan.mend)
    points = kept_curve(directory)
    steps = int(local_copy(trainer.model.optimizer.iterations).numpy())
    if steps < plan.steps(run.records):
        run.say(
            f"supernet: --max-hours ended it after {steps:,} of {plan.steps(run.records):,} steps"
        )
    return SupernetResult(
        steps=steps,
        parameters=int(trainer.model.count_params()),
        final_loss=points[-1][1] if points else None,
    )


def training_plan(run: Run):
    """How the supernet is trained.

    Args:
        run: the run.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.recipe import Recipe
    from nasrec_tf.training.training_plan import TrainingPlan

    settings = run.settings
    recipe = Recipe(
        batch_size=settings.batch_size,
        epochs=settings.supernet_epochs,
        epoch_rows=run.config.supernet_rows,
        learning_rate=settings.supernet_learning_rate,
        row_decay=_row_decay(run),
    )
    return TrainingPlan(
        recipe,
        seed=derived_seed(run.config.seed, "supernet rows"),
        learning_rate_option="--supernet-learning-rate",
    )


def _row_decay(run: Run) -> float:
    """What was asked for; else that of a chosen recipe, which rows decay by on one device alone.

    A training that was begun on several devices ends without on one as well.
    """
    given = run.config.supernet_row_decay
    if given is not None:
        return given
    from nasrec_tf.training.checkpoint import decays_rows

    decay = _decay_of_chosen(run) if run.config.distribute == "none" else 0.0
    # A plan of a run asks as well, which makes no directory.
    checkpoint = run.directory.path / "supernet" / CHECKPOINT
    return 0.0 if decay and decays_rows(checkpoint) is False else decay


def _decay_of_chosen(run: Run) -> float:
    return run.recipe.row_decay if run.config.recipe == AUTO else 0.0


def build(run: Run):
    """The untrained supernet.

    Args:
        run: the run.

    Raises:
        UserError: if its weights would not fit into the memory of the machine.
    """
    # Networks hold reference cycles: without this, the one that was trained before would still be
    # in memory.
    gc.collect()
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.networks.supernet.model import Supernet
    from nasrec_tf.networks.supernet.path_logits import LogitsSampler
    from nasrec_tf.networks.supernet.samplers import path_sampler
    from nasrec_tf.training.devices import has_gpu

    config = run.config
    steps = training_plan(run).steps(run.records)
    model = Supernet(
        run.space,
        run.records.features.capped(config.max_table_rows or None),
        run.search_options,
        LogitsSampler(run.space)
        if config.learns_choices
        else path_sampler(config.path_sampler, run.space),
        warmup_steps=warmup_steps(steps) if config.warmup else 0,
        seed=derived_seed(config.seed, "supernet"),
    )
    # Bits are rounded by our sliced form alone, and replicas exchange slices; with logits the parts
    # of a batch have other rows at every step, for each of which a program would be compiled.
    sliced = model.quantizers or config.distribute != "none" or config.learns_choices
    if has_gpu() and not sliced:
        model.run_by_masks(config.gpu_precision)
    return model


def load(run: Run):
    """The trained supernet, to be scored with.

    Args:
        run: the run.

    Raises:
        RunError: if its checkpoint is missing or damaged.
        DivergedError: if its weights are not finite, so that no candidate could be scored.
    """
    from nasrec_tf.common.errors import RunError
    from nasrec_tf.training.checkpoint import restore_weights
    from nasrec_tf.training.divergence import require_finite_weights

    model = build(run)
    directory = run.directory.stage("supernet") / CHECKPOINT
    if not restore_weights(model, directory):
        raise RunError(
            f"{directory}: no checkpoint; delete {directory.parent} to train the supernet again."
        )
    require_finite_weights(model, training_plan(run).mend)
    return model
