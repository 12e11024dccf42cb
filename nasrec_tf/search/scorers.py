"""What scores the candidates of a run, and what its scores depend on.

Either is a choice of its own beside the strategy: any of them takes the log losses of the one or
of the other.
"""

import dataclasses
import gc
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.run import Run
from nasrec_tf.search.scoring_settings import supernet_settings, training_settings
from nasrec_tf.search.search_size import PILOTS, drawn_validation_rows, score_rows
from nasrec_tf.search.trainable import SpaceModel, Trainable


class Scores(NamedTuple):
    """A way of scoring.

    Args:
        scorer: gives the metrics of an architecture, ``log_loss`` among them.
        settings: what scores depend on besides the architecture, as ``ArchitectureOracle`` takes
            it.
    """

    scorer: Callable[[Architecture], Mapping[str, float]]
    settings: dict[str, Any]


def supernet_scores(run: Run, supernet: Any) -> Scores:
    """Scores by the supernet's weights and a tuned final layer (paper 4.3).

    Args:
        run: the run.
        supernet: the trained supernet.
    """
    from nasrec_tf.training.scoring import SupernetScorer

    plan = scoring_plan(run)
    scorer = SupernetScorer(supernet, run.records, plan)
    settings = supernet_settings(run, plan, supernet)
    sample = drawn_validation_rows(run.config, plan.validation_rows, run.records.rows("validation"))
    if sample is None:
        return Scores(scorer, settings)
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.telling_rows import digest_of_rows, telling_rows

    seed = derived_seed(run.config.seed, "validation sample")
    rows = telling_rows(scorer, sample, PILOTS, seed)
    # Not where the rows are all there are: such scores are those without the option.
    settings |= {
        "--validation-sample": sample,
        "drawn validation rows (digest)": digest_of_rows(rows),
    }
    scorer.judged = rows  # Another scorer would trace the supernet again.
    return Scores(scorer, settings)


def longer_scores(run: Run, supernet: Any) -> Scores:
    """Scores of candidates that are scored again, over all rows that they are taken over.

    Args:
        run: the run.
        supernet: the trained supernet.
    """
    from nasrec_tf.training.scoring import SupernetScorer

    plan = rescoring_plan(run)
    scorer = SupernetScorer(supernet, run.records, plan)
    return Scores(scorer, supernet_settings(run, plan, supernet))


def rescoring_plan(run: Run):
    """How the best candidates are scored again, a ``ScoringPlan``.

    Args:
        run: the run.
    """
    return dataclasses.replace(
        scoring_plan(run),
        fine_tune_steps=run.settings.rescore_steps,
        validation_rows=run.settings.rescore_rows,
    )


def scoring_plan(run: Run):
    """How a supernet scores a candidate, a ``ScoringPlan``.

    Args:
        run: the run.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.devices import has_gpu
    from nasrec_tf.training.scoring import CHUNK_ROWS, GPU_CHUNK_ROWS, ScoringPlan

    chunk = GPU_CHUNK_ROWS if has_gpu() else CHUNK_ROWS
    return ScoringPlan(
        batch_size=run.settings.batch_size,
        fine_tune_steps=run.settings.fine_tune_steps,
        learning_rate=run.config.fine_tune_learning_rate,
        validation_rows=run.settings.validation_rows,
        chunk_rows=chunk,
        evaluation_batch=chunk,
        seed=derived_seed(run.config.seed, "fine-tuning rows"),
    )


def training_scores(run: Run) -> Scores:
    """Scores by a short training from scratch, with the recipe of the final networks.

    Tables are capped as the supernet's are.

    Args:
        run: the run.

    Raises:
        UserError: if the rows are not even one batch.
    """
    rows = score_rows(run.config, run.records.rows("train"))
    return short_training_scores(run, SpaceModel, rows, run.config.seed)


def short_training_scores(
    run: Run, trainable: Callable[[Any], Trainable], rows: int, seed: int
) -> Scores:
    """As ``training_scores``, of candidates of any kind.

    Args:
        run: the run.
        trainable: makes what is trained of a candidate.
        rows: of the training split that each is trained on.
        seed: of initial weights and rows, where the recipe has none.

    Raises:
        UserError: if the rows are not even one batch.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.short_training import ShortTrainingPlan, TrainingScorer

    config, recipe = run.config, run.recipe
    seed = recipe.seed_or(seed)
    plan = ShortTrainingPlan(
        recipe,
        seed=derived_seed(seed, "score rows"),
        learning_rate_option="--retrain-learning-rates",
        rows=rows,
        validation_rows=run.settings.validation_rows,
    )
    features = run.records.features.capped(config.max_table_rows or None)
    weights_seed = derived_seed(seed, "score")

    def build(candidate):
        # Networks hold reference cycles: the tables of the one before would still be in memory.
        gc.collect()
        model = trainable(candidate)
        return model.build(features, recipe, config.operator_balancing, weights_seed)

    return Scores(TrainingScorer(build, run.records, plan), training_settings(run, plan))
