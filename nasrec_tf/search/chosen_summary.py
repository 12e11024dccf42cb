"""What screen and report tell of the models that were chosen beside the winner's own figures."""

import statistics

from nasrec_tf.operators import NO_NORM
from nasrec_tf.report import EnsembleSummary, QualitySummary, SpreadSummary
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.seed_directory import seed_of
from nasrec_tf.search.winner_quality import served_calibration
from nasrec_tf.training.recipe import Recipe

NO_BETTER = "no average is better on validation than the best network alone"


def spreads(result: RetrainResult) -> list[SpreadSummary]:
    """Log loss and AUC on test over the seeds of the winner; none where it has one.

    Args:
        result: of the retrain stage.
    """
    if len(result.seeds) < 2:
        return []
    found = {
        "test log loss": [seed.test.log_loss for seed in result.seeds],
        "test AUC": [seed.test.auc for seed in result.seeds if seed.test.auc is not None],
    }
    return [
        SpreadSummary(
            name, statistics.mean(values), statistics.stdev(values), min(values), max(values)
        )
        for name, values in found.items()
        if len(values) > 1
    ]


def ensemble_summary(result: RetrainResult) -> EnsembleSummary | None:
    """The ensemble beside the best network alone; ``None`` if there is none.

    Args:
        result: of the retrain stage.
    """
    found = result.ensemble
    if found is None:
        return None
    return EnsembleSummary(
        members=[
            (
                told_training(
                    member.rank, member.learning_rate, member.recipe, seed_of(member.directory)
                ),
                member.count,
            )
            for member in found.members
        ],
        validation_log_loss=found.validation.log_loss,
        single_validation_log_loss=result.validation.log_loss,
        test=found.test,
        difference=found.difference,
        mflops=found.mflops,
        parameters=found.parameters,
        embedding_parameters=found.embedding_parameters,
    )


def told_training(rank: int, learning_rate: float, recipe: Recipe | None, seed: int = 1) -> str:
    """Which training is meant, of those that a run makes of its candidates.

    Args:
        rank: of the candidate.
        learning_rate: peak learning rate.
        recipe: how it was trained, where that is known.
        seed: which one of the candidate's seeds, told from the second on.

    Example:
        >>> told_training(2, 0.06, Recipe(row_decay=0.003, normalization="batch"))
        'candidate 2 (rate 0.06, row decay 0.003, batch norm)'
        >>> told_training(2, 0.06, None, seed=3)
        'candidate 2 (rate 0.06, seed 3)'
    """
    told = [f"rate {learning_rate:g}"]
    if recipe is not None and recipe.row_decay:
        told.append(f"row decay {recipe.row_decay:g}")
    if recipe is not None and recipe.normalization != NO_NORM:
        told.append(f"{recipe.normalization} norm")
    if seed > 1:
        told.append(f"seed {seed}")
    return f"candidate {rank} ({', '.join(told)})"


def told_choice(config: SearchConfig, result: RetrainResult) -> str:
    """How the exported model was chosen, in a sentence or two.

    Args:
        config: the options.
        result: of the retrain stage.
    """
    by = "validation log loss"
    if config.finalist_seeds > 1:
        by += (
            f": the network whose mean is the best over {config.finalist_seeds} seeds, and the "
            "best of its trainings"
        )
    chosen = f"Chosen by {by}; the test split was looked at once, at the end."
    if config.ensemble > 1 and result.ensemble is None:
        chosen += f" There is no ensemble: {NO_BETTER}."
    fit = result.final_fit
    if fit is None:
        return chosen
    it = "it" if result.ensemble is None else "each of its networks"
    return (
        f"{chosen} Before that {it} was trained once more, on all {fit.rows:,} rows of train and "
        f"validation for {fit.epochs:g} epochs ({fit.steps:,} steps), as many epochs as validation "
        "chose for it. The test figures are those of this fit; validation log loss and "
        "calibration are those of the training before."
    )


def chosen_lines(config: SearchConfig, result: RetrainResult) -> list[str]:
    """The lines of the last screen on final fit, seeds, ensemble and calibration.

    Args:
        config: the options.
        result: of the retrain stage.
    """
    lines = []
    fit = result.final_fit
    if fit is not None:
        lines.append(
            f"         of a final fit on {fit.rows:,} rows of train and validation, {fit.steps:,} "
            "steps, as many epochs as validation chose"
        )
    for spread in spreads(result):
        lines.append(
            f"seeds    {spread.name} over {len(result.seeds)} seeds {spread.mean:.4f} ± "
            f"{spread.deviation:.4f} ({spread.least:.4f} to {spread.most:.4f})"
        )
    if config.ensemble > 1 and result.ensemble is None:
        lines.append(f"ensemble none: {NO_BETTER}")
    return lines + _ensemble_lines(result) + _calibration_lines(config, result)


def _ensemble_lines(result: RetrainResult) -> list[str]:
    found = ensemble_summary(result)
    if found is None:
        return []
    names = ", ".join(f"{count} × {name}" for name, count in found.members)
    difference = found.difference
    auc = ""
    if difference.auc is not None:
        auc = f", AUC {_signed(difference.auc, difference.auc_interval)}"
    return [
        f"ensemble {quality_line(found.test)}",
        f"         the mean of {names}",
        "         less the best network alone: test log loss "
        f"{_signed(difference.log_loss, difference.log_loss_interval)}{auc}; validation log loss "
        f"{found.validation_log_loss:.4f} beside {found.single_validation_log_loss:.4f}",
        f"         it takes {found.mflops:.4f} M multiply-accumulates, {found.parameters:,} "
        f"parameters and {found.embedding_parameters:,} in embedding tables",
    ]


def _signed(value: float, interval: tuple[float, float] | None) -> str:
    text = f"{value:+.4f}"
    return text if interval is None else f"{text} ({interval[0]:+.4f} to {interval[1]:+.4f})"


def _calibration_lines(config: SearchConfig, result: RetrainResult) -> list[str]:
    fitted = result.served_calibration
    _, told = served_calibration(config, result)
    if fitted is None:
        return [f"served   {told}"]
    if fitted.refused is not None:
        return [f"served   {told}", f"         calibration error on test {fitted.test.error:.4f}"]
    figures = [
        f"log loss {split.log_loss:.4f} to {split.calibrated_log_loss:.4f}, calibration error "
        f"{split.error:.4f} to {split.calibrated_error:.4f}"
        for split in (fitted.validation, fitted.test)
    ]
    return [
        f"served   {told}",
        f"         calibration makes of validation {figures[0]};",
        f"         of test {figures[1]}",
    ]


def quality_line(test: QualitySummary) -> str:
    """Test log loss and AUC with their intervals, in a line.

    Args:
        test: quality on the test split.
    """
    text = f"test log loss {test.log_loss:.4f}"
    if test.log_loss_interval:
        text += " ({:.4f} to {:.4f})".format(*test.log_loss_interval)
    if test.auc is not None:
        text += f", AUC {test.auc:.4f}"
    if test.auc_interval:
        text += " ({:.4f} to {:.4f})".format(*test.auc_interval)
    if test.grouped_auc is not None:
        text += f", by group {test.grouped_auc:.4f}"
        if test.groups is not None:
            text += f" ({test.groups:,} with both labels)"
    return f"{text} on {test.samples:,} rows"
