"""Measures what the stages of a run take on this machine, each by the units that it is made of."""

import dataclasses
import pathlib
import resource
from collections.abc import Callable, Collection

from nasrec_tf.operators import BY_LAYER
from nasrec_tf.search.planning.meter import Clock, Meter
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.proposals import proposal_seconds
from nasrec_tf.search.planning.unit_costs import TrainingCost, UnitCosts
from nasrec_tf.search.references import OF_MANY_KINDS, PLAIN
from nasrec_tf.search.trainable import SpaceModel, Trainable
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_questions import questions


def measured(
    pilot: Pilot,
    directory: pathlib.Path,
    stages: Collection[str],
    started: float,
    clock: Clock,
    is_late: Callable[[], bool],
) -> UnitCosts:
    """Measures all that stages of a run do: what every run needs first, then the supernet.

    Args:
        pilot: the run.
        directory: an empty one for checkpoints and exports.
        stages: those that are left.
        started: seconds until TensorFlow could be used.
        clock: tells the time.
        is_late: whether no more time is to be spent. What is left then is taken to cost what the
            network does that was measured first.
    """
    config, recipe = pilot.config, pilot.recipe
    meter = Meter(pilot, directory, clock)
    drawn = meter.architectures() if config.architecture is None else []
    models: list[Trainable] = [SpaceModel(one) for one in drawn] or [pilot.given_model]
    first = meter.training(models[0], recipe)
    costs = UnitCosts(
        started=started,
        load_row=meter.load_row(),
        found=(first,),
        plain=None,
        mixed=None,
        wide=None,
        wide_dim=widest_embeddings(pilot),
        judged_row=meter.judged_row() if "retrain" in stages else 0.0,
        export=meter.export(models[0], recipe),
        supernet=None,
        scoring=(),
        written_byte=0.0,
        process_bytes=0,
    )
    scored = {"evolution", "rescore"}
    if drawn and not config.trains_candidates and {"supernet", *scored} & set(stages):
        supernet, model = meter.supernet()
        scoring = meter.scoring(model, drawn, is_late) if scored & set(stages) else []
        costs = dataclasses.replace(costs, supernet=supernet, scoring=tuple(scoring))
        del model

    if drawn and "evolution" in stages and not is_late():
        costs = dataclasses.replace(costs, proposal=proposal_seconds(pilot, clock))

    def training(model: Trainable, recipe: Recipe) -> TrainingCost:
        return first if is_late() else meter.training(model, recipe)

    plain, mixed, wide = _of_choice(pilot, stages, models[0], training)
    costs = dataclasses.replace(costs, plain=plain, mixed=mixed, wide=wide)
    if {"evolution", "retrain"} & set(stages):
        others = [meter.training(model, recipe) for model in models[1:] if not is_late()]
        costs = dataclasses.replace(costs, found=(first, *others))
    architecture = models[0].architecture
    if "prune" in stages and architecture is not None:
        pruned = first if is_late() else meter.masked(architecture, recipe)
        costs = dataclasses.replace(costs, pruned=pruned)
    if "explain" in stages:
        costs = dataclasses.replace(
            costs,
            yardsticks=meter.yardsticks(models[0], recipe),
            parts=meter.parts(models[0], recipe),
        )
    return dataclasses.replace(
        costs,
        written_byte=meter.written_byte,
        process_bytes=peak_memory_bytes() - meter.largest_bytes,
    )


def _of_choice(
    pilot: Pilot,
    stages: Collection[str],
    found: Trainable,
    training: Callable[[Trainable, Recipe], TrainingCost],
) -> tuple[TrainingCost | None, ...]:
    """Trainings of the choice of a recipe: of the plain network, the mixed one, and wide ones."""
    recipe, searches = pilot.recipe, pilot.config.architecture is None
    tries_recipes = "recipe" in stages and pilot.warm_start is None
    plain = mixed = wide = None
    if searches and (tries_recipes or "retrain" in stages and pilot.settings.refine):
        plain = training(SpaceModel(PLAIN), recipe)
    if tries_recipes and (widest := widest_embeddings(pilot)) > recipe.embedding_dim:
        model = SpaceModel(PLAIN) if plain else found
        wide = training(model, recipe.replace(embedding_dim=widest))
    if tries_recipes and plain is not None:
        by_layer = recipe.replace(normalization=BY_LAYER)
        mixed = training(SpaceModel(OF_MANY_KINDS), by_layer)
    return plain, mixed, wide


def widest_embeddings(pilot: Pilot) -> int:
    """The widest embeddings that the choice of a recipe may try.

    Args:
        pilot: the run.
    """
    asked = questions(pilot.recipe, pilot.rows["train"], pilot.config.recipe_changes())
    widths = [question.values for question in asked if question.field == "embedding_dim"]
    return max((pilot.recipe.embedding_dim, *(width for each in widths for width in each)))


def peak_memory_bytes() -> int:
    """The largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
