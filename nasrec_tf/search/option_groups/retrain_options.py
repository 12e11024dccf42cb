"""What is trained from scratch, and what becomes of the winner."""

import dataclasses

from nasrec_tf.networks.pruning.prune_settings import MOST_ITERATIONS, PRUNE_SCORES
from nasrec_tf.search.options import RETRAIN, option

YARDSTICKS = ("auto", "all", "none")


@dataclasses.dataclass(frozen=True)
class RetrainOptions:
    """What is trained from scratch, and what becomes of the winner."""

    top_k: int | None = option(
        None, RETRAIN, "candidates to train from scratch (15)", least=1, reader="evolution"
    )
    refine: int | None = option(
        None, RETRAIN, "further networks to train from scratch: plain ones, then changes of the "
        "best so far (by the size of the data; 0 from a million rows on)", least=0, before=0,
    )  # fmt: skip
    halving: bool | None = option(
        None, RETRAIN, "compare the networks trained from scratch while they train, and give up "
        "those that are behind: the weaker half after an eighth, a quarter and half of the steps, "
        "later ones where they are clearly worse than the best was", before=False,
        unless_given="off",
    )  # fmt: skip
    finalist_seeds: int = option(
        1, RETRAIN, "train the best of the networks that are trained from scratch with so many "
        "seeds, and choose by the mean of a network's trainings", least=1, most=1000,
    )  # fmt: skip
    final_layer_norm: bool = option(
        False,
        RETRAIN,
        "layer norm in the retrained models as well",
        reader="evolution",
        of_choice=True,
    )
    ensemble: int = option(
        1, RETRAIN, "average the logits of up to so many of the retrained networks, chosen one "
        "after the other by validation log loss; one may be chosen again", least=1, most=1000,
    )  # fmt: skip
    winner_seeds: int = option(
        1, RETRAIN, "train the winner with so many seeds, for a spread over seeds beside the "
        "interval over rows", least=1, most=1000,
    )  # fmt: skip
    final_fit: str = option(
        "train", RETRAIN, "rows that the exported model is trained on: train, or train+validation "
        "for as many epochs as validation chose before, as the authors do",
        choices=("train", "train+validation"),
    )  # fmt: skip
    prune: str | None = option(
        None, RETRAIN, "prune the winner by lottery tickets, and export what is left: by masks "
        "that are learnt (mask), by size (magnitude) or by lot (random); see docs/pruning.md",
        choices=PRUNE_SCORES, reader="prune",
    )  # fmt: skip
    prune_iterations: int = option(
        5, RETRAIN, "how often a fifth of what is left goes, each time followed by a training from "
        "scratch", least=1, most=MOST_ITERATIONS, reader="prune",
    )  # fmt: skip
    prune_options: str | None = option(
        None, RETRAIN, "how the winner is pruned, such as what=units,share=0.1 (docs/pruning.md)",
        reader="prune",
    )  # fmt: skip
    calibrate: bool = option(
        True, RETRAIN, "export the model with its logits scaled and shifted as fits the validation "
        "split, where that lowers the log loss of rows not fitted on", reader="export",
    )  # fmt: skip
    negative_sampling_rate: float = option(
        1.0, RETRAIN, "share of the rows without a click that a down-sampled log has kept; the "
        "exported model predicts the click rate of the whole log", most=1.0, reader="export",
    )  # fmt: skip
    export_dir: str = option(
        "saved_models", RETRAIN, "where SavedModels go", path=True, reader="export"
    )
    name: str = option("nasrec", RETRAIN, "name of the exported model", reader="export")
    export_version: int | None = option(
        None, RETRAIN, "version of the export (default: one more than the last)", least=1,
        reader="export",
    )  # fmt: skip
    explain: bool = option(
        True, RETRAIN, "tell in the end whether the found model is worth it, beside simple ones, "
        "and why it is as good as it is (docs/report.md)", reader="explain",
    )  # fmt: skip
    yardsticks: str = option(
        "auto", RETRAIN, "simple models that are trained as the winner was and stand beside it in "
        "the report: logistic regression, DLRM and a preset, as far as that takes a small share of "
        "the run (auto), all of them, or none", choices=YARDSTICKS, reader="explain",
    )  # fmt: skip
