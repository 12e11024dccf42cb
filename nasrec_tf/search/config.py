"""What a search is told: one field per option, on the command line and in TOML alike."""

import dataclasses
import pathlib
from typing import Any

import tomli_w

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.config import (
    HASH_TABLE_ROWS,
    MAX_ROW_BYTES,
    MOST_TABLE_ROWS,
    SPLIT_METHODS,
)
from beam_preprocess.dataset.feature_schema import DENSE_TRANSFORMS, MOST_ITEMS, POOLINGS
from beam_preprocess.datasets.layout_options import USUAL_SEPARATOR
from beam_preprocess.reading.column_kinds import DEFAULT_LONGEST
from beam_preprocess.reading.description import DECIMALS
from nasrec_tf.architecture.blocks import MAX_WIDTH
from nasrec_tf.common.config_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.pruning.prune_settings import (
    MASK,
    MOST_ITERATIONS,
    PRUNE_SCORES,
    PruneSettings,
)
from nasrec_tf.search.options import (
    CODESIGN,
    DATA,
    EVOLUTION,
    LARGEST,
    MOST_STEPS,
    RECIPE,
    RETRAIN,
    RUN,
    SPACE,
    STAGES,
    SUPERNET,
    as_several,
    check_option,
    first_reader,
    is_several,
    option,
    plain,
    recipe_option,
    shown,
)
from nasrec_tf.search.options_together import check_together
from nasrec_tf.strategies.dnas import LogitSearch
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.search_settings import MAX_TRIALS
from nasrec_tf.strategies.strategy import SUPERNET as SUPERNET_SCORES
from nasrec_tf.strategies.strategy import TRAINING
from nasrec_tf.training.devices import DEVICES
from nasrec_tf.training.recipe import LEAST_RATE, MOST_EPOCHS, MOST_RATE
from nasrec_tf.training.recipes import PAPER

YARDSTICKS = ("auto", "all", "none")

SCORERS = (SUPERNET_SCORES, TRAINING)

AUTO = "auto"
"""In place of a recipe: one that is chosen on the data."""

DEFAULT_BITS = "4,8"
"""Bit widths of the paper's co-design search (5.1)."""

DEFAULT_HARDWARE = "handcrafted"
"""MNSIM 2.0's ReRAM parameters, as in the paper (5.1)."""

OF_LIMITS = {"reader": "evolution", "read_before": "supernet"}
"""The supernet is trained without them, as stages' digests have only known since ``--extend``."""

LIMITS = ("max_mflops", "max_latency_us", "max_energy_nj", "max_area_mm2")
"""Options that limit what a candidate may cost."""


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """Options of a search; see ``python -m nasrec_tf.search --help``.

    Every field is the option of its name; its help text, bounds and units are in its metadata.

    Raises:
        UserError: if a value cannot be used; the message names the option.

    Example:
        >>> SearchConfig(blocks=3).blocks
        3
        >>> SearchConfig(blocks=0)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --blocks must be at least 1. Received: 0
    """

    data: tuple[str, ...] | None = option(
        None, DATA, "raw log (files, globs or directories of them), or a directory that "
        "beam_preprocess wrote; without it a generated log with known best log loss", path=True
    )  # fmt: skip
    dataset: str | None = option(
        None, DATA, "layout of the raw log: criteo, criteo-terabyte, avazu, avazu-authors, "
        "kdd, csv, parquet, or the path of a .toml description", path=True
    )  # fmt: skip
    validation_data: tuple[str, ...] | None = option(
        None, DATA, "raw validation split, if splits are given", path=True
    )
    test_data: tuple[str, ...] | None = option(
        None, DATA, "raw test split, if splits are given", path=True
    )
    label: str | None = option(None, DATA, "label column (--dataset csv or parquet)")
    label_positive: str | None = option(
        None, DATA, "its values that are clicks, comma separated (likewise; default: 1, not 0)"
    )
    label_above: float | None = option(
        None, DATA, "its numbers above this are clicks (likewise)", least=-LARGEST
    )
    weight: str | None = option(
        None, DATA, "column that says how much a row counts (likewise; default: all alike)"
    )
    group: str | None = option(
        None, DATA, "column, such as a user's id, for AUC by group (likewise)"
    )
    dense: str | None = option(None, DATA, "dense columns, comma separated (likewise)")
    sparse: str | None = option(None, DATA, "sparse columns (likewise; default: all others)")
    ignore: str | None = option(None, DATA, "columns to leave out (likewise)")
    multi: str | None = option(
        None, DATA, "multi-valued sparse columns, such as genres: a list a row (likewise)"
    )
    multi_separator: str | None = option(
        None, DATA, f"between their items (likewise; default {USUAL_SEPARATOR!r}, none for lists "
        "of Parquet; json for lists of JSON)"
    )  # fmt: skip
    multi_longest: int | None = option(
        None, DATA, "items of a list that are kept, the first ones (likewise; default "
        f"{DEFAULT_LONGEST})", least=1, most=MOST_ITEMS
    )  # fmt: skip
    pooling: str | None = option(
        None, DATA, f"of a list's embeddings to one (likewise; default {POOLINGS[0]})",
        choices=POOLINGS,
    )  # fmt: skip
    dense_transform: str | None = option(
        None, DATA, "of all dense columns (likewise; default log1p)", choices=DENSE_TRANSFORMS
    )
    time_column: str | None = option(None, DATA, "for --split chronological (likewise)")
    time_format: str | None = option(
        None, DATA, "of the time column: iso8601, %d/%m/%Y, ... (likewise; default number)"
    )
    missing_tokens: str | None = option(
        None, DATA, "values that mean missing, comma separated (likewise)"
    )
    delimiter: str | None = option(
        None, DATA, "of --dataset csv; 'tab' for a tab, several characters such as '::' "
        "(default ',')"
    )  # fmt: skip
    quoting: bool | None = option(None, DATA, 'of --dataset csv: " quotes values')
    escape: str | None = option(
        None, DATA, "of --dataset csv: takes the next character as it is, such as a backslash"
    )
    skip_blanks: bool | None = option(
        None, DATA, "of --dataset csv: blanks before a value are no part of it"
    )
    file_encoding: str | None = option(
        None, DATA, "of --dataset csv, such as latin-1 (default utf-8)"
    )
    decimal: str | None = option(
        None, DATA, "of --dataset csv: what stands before the decimals of a number (default .)",
        choices=DECIMALS,
    )  # fmt: skip
    side_table: tuple[str, ...] | None = option(
        None, DATA, "a table to join, as NAME=PATH (kdd: user, query, keyword, title, description)"
    )
    split: str | None = option(
        None, DATA, "how rows are dealt out (default: stratified, or given with "
        "--validation-data)", choices=SPLIT_METHODS,
    )  # fmt: skip
    fractions: str | None = option(
        None, DATA, "shares of train, validation and test (default 0.8,0.1,0.1)"
    )
    max_rows: int | None = option(
        None, DATA, "read the first so many rows only", least=1, alias="--sample"
    )
    encoding: str = option(
        "vocabulary", DATA, "row ids by vocabulary, hash or modulo",
        choices=("vocabulary", "hash", "modulo"),
    )  # fmt: skip
    min_count: int | None = option(None, DATA, "training rows a value needs to get a row", least=1)
    max_vocabulary: int | None = option(None, DATA, "most entries per feature", least=1)
    table_rows: int | None = option(
        None, DATA, "table rows for hash and modulo where the data set does not say (hash: "
        f"{HASH_TABLE_ROWS:,})", least=3, most=MOST_TABLE_ROWS,
    )  # fmt: skip
    max_reject_share: float = option(
        0.01, DATA, "largest share of malformed rows, from 0 to 1", least=0.0, most=1.0
    )
    max_row_bytes: int | None = option(
        None, DATA, f"longer rows are rejected (default {MAX_ROW_BYTES})", least=1, most=2**30
    )
    shards: int | None = option(None, DATA, "shards per split (default: by size)", least=1)
    compression_level: int | None = option(
        None, DATA, "of the records' gzip, from 1 to 9 (default 1)", least=1, most=9
    )
    row_order: str = option(
        "hashed", DATA, "deal the rows out to the shards by a hash and shuffle them anew for every "
        "epoch (hashed), or keep the log's order and train in it, as the authors' code does (log)",
        choices=("hashed", "log"),
    )  # fmt: skip
    demo_rows: int = option(30_000, DATA, "rows of the generated log", least=1000, most=2**40)

    space: str = option(
        "nasrec-full",
        SPACE,
        "nasrec-small, nasrec-full, nasrec-ranking, nasrec-codesign, or a TOML or JSON file",
        path=True,
    )
    blocks: int | None = option(
        None,
        SPACE,
        "choice blocks (7; down to 4 for fewer than a million training rows)",
        least=1,
        most=1000,
    )
    max_width: int | None = option(
        None, SPACE, "widest dense operator (the space's; 256 for fewer than a million training "
        "rows)", least=1, before=MAX_WIDTH,
    )  # fmt: skip
    operators: str | None = option(
        None, SPACE, "a single operator per branch (default), or any subset",
        choices=("single", "any"),
    )  # fmt: skip
    max_sources: int | None = option(
        None, SPACE, "cap on the sources of a branch (default: none; the authors' code: 4)", least=1
    )
    dense_embeddings: str | None = option(
        None, SPACE, "flattened embeddings beside the dense features in dense source 0: never (the "
        "paper), always, or any: architectures choose (the space's own; any where there are no "
        "dense features)", choices=("never", "always", "any"),
    )  # fmt: skip
    max_mflops: float | None = option(
        None,
        SPACE,
        "only consider architectures of at most so many million multiply-accumulates",
        **OF_LIMITS,
    )

    architecture: str | None = option(
        None,
        SPACE,
        "train and export this one instead of searching: a preset, a JSON file, or a hand-made "
        "model such as deepfm or deepfm:bars, or a file of its options (docs/baselines.md)",
        path=True,
    )

    batch_size: int | None = option(
        None, SUPERNET, "rows of a batch (512; down to 128 for fewer than 512,000 training rows)",
        least=1, most=2**24,
    )  # fmt: skip
    supernet_epochs: int | None = option(
        None, SUPERNET, "passes over the training split (1; up to 8 if it is small)", least=1,
        most=MOST_EPOCHS,
    )  # fmt: skip
    supernet_rows: int = option(
        0, SUPERNET, "rows after which a pass of the supernet ends; 0 for all of the training "
        "split", least=0, most=2**62,
    )  # fmt: skip
    supernet_learning_rate: float | None = option(
        None, SUPERNET, "peak learning rate (0.12; lower for short trainings)",
        least=LEAST_RATE, most=MOST_RATE,
    )  # fmt: skip
    supernet_row_decay: float | None = option(
        None, SUPERNET, "decay of all rows of the supernet's tables at every step, as --row-decay "
        "(that of a recipe that the run has chosen, else none)", least=0.0, most=10.0, before=0.0,
    )  # fmt: skip
    supernet_embedding_dim: int = option(
        16, SUPERNET, "width of the supernet's embeddings, a multiple of 8", least=8, most=512,
        step=8,
    )  # fmt: skip
    path_sampler: str = option(
        "single-operator-any-connection", SUPERNET, "path sampling strategy",
        choices=(
            "single-operator-any-connection",
            "any-operator-any-connection",
            "single-operator-single-connection",
        ),
    )  # fmt: skip
    distribute: str = option(
        "none", SUPERNET, "train on all devices of this host (mirrored), or of all hosts that "
        "TF_CONFIG names (multi-worker); see docs/scaling.md",
        choices=("none", "mirrored", "multi-worker"),
    )  # fmt: skip
    gpu_precision: str = option(
        "float32", SUPERNET, "what the factors of the supernet's matrix products are rounded to on "
        "a GPU, where sums are in float32: float32 (on recent GPUs TF32), or bfloat16",
        choices=("float32", "bfloat16"),
    )  # fmt: skip
    warmup: bool = option(True, SUPERNET, "train the full supernet now and then at first")
    layer_norm: bool = option(True, SUPERNET, "layer norm in the supernet's operators")
    operator_balancing: bool = option(True, SUPERNET, "project the tokens of dot products first")
    max_table_rows: int = option(
        500_000, SUPERNET, "cap on embedding tables during the search; 0 for none", least=0
    )

    strategy: str = option(
        "evolution", EVOLUTION, "what proposes candidates: regularized evolution, random search, "
        "hill climbing (local), a model's predictions (predicted), AutoCTR's search, its hybrid "
        "with the supernet's scores, or logits learnt with the supernet (docs/strategies.md)",
        choices=STRATEGIES,
    )  # fmt: skip
    strategy_options: str | None = option(
        None, EVOLUTION, "settings of the strategy's own, such as start=32,pool=200 "
        "(docs/strategies.md)",
    )  # fmt: skip
    candidates: int | None = option(
        None, EVOLUTION, "candidates of the search, in place of --generations (those of evolution: "
        "population + children x generations)", least=1, most=MAX_TRIALS,
    )  # fmt: skip
    score_by: str = option(
        SUPERNET_SCORES, EVOLUTION, "what scores a candidate: the supernet's weights, or a short "
        "training from scratch", choices=SCORERS, reader="supernet",
    )  # fmt: skip
    score_rows: int | None = option(
        None, EVOLUTION, "rows that each candidate is trained on with --score-by training (100,000,"
        " or the training split if it is smaller; more than that pass over it again)", least=1,
    )  # fmt: skip
    score_budget: int | None = option(
        None, EVOLUTION, "rows that the whole search may train on with --score-by training, in "
        "place of --candidates", least=1,
    )  # fmt: skip
    population: int | None = option(None, EVOLUTION, "architectures alive (128)", least=1)
    tournament: int | None = option(None, EVOLUTION, "of them compete to be parent (64)", least=1)
    children: int | None = option(None, EVOLUTION, "children of each generation (8)", least=1)
    generations: int | None = option(None, EVOLUTION, "generations (240)", least=1)
    mutation: str = option(
        "block", EVOLUTION, "mutate a whole block (the paper) or single fields, fewer and fewer "
        "(the authors' code)", choices=("block", "annealed"),
    )  # fmt: skip
    fine_tune_steps: int | None = option(
        None, EVOLUTION, "steps that tune a candidate's last layer (500); 0 for none", least=0,
        most=MOST_STEPS,
    )  # fmt: skip
    fine_tune_learning_rate: float = option(
        0.04, EVOLUTION, "peak learning rate of these steps", least=LEAST_RATE, most=MOST_RATE
    )
    validation_rows: int | None = option(
        None, EVOLUTION, "rows that a score is taken over (819,200)", least=1
    )
    validation_sample: int | None = option(
        None, EVOLUTION, "take it over so many of these rows, drawn by how much they tell "
        "candidates apart (default: over all of them; see docs/scaling.md)", least=1,
    )  # fmt: skip

    codesign: bool = option(
        False, CODESIGN, "search quantized models and the crossbar hardware that runs them together"
    )
    hardware: str | None = option(
        None, CODESIGN, "the design that the search varies: a preset of pim (isaac32, handcrafted) "
        "or a JSON file (default: handcrafted, of MNSIM 2.0's ReRAM parameters)", path=True
    )  # fmt: skip
    bits: str | None = option(
        None,
        CODESIGN,
        "bit widths of operators to choose among (default: the search space's own, or 4,8)",
    )
    separate_bits: bool = option(
        False, CODESIGN, "choose the bits of an operator's weights and of its inputs separately"
    )
    objective: str | None = option(
        None, CODESIGN, "log loss, latency and energy together (pareto, default), or the log loss "
        "alone within the limits below", choices=("pareto", "log-loss"),
    )  # fmt: skip
    max_latency_us: float | None = option(
        None, CODESIGN, "longest time of an inference", **OF_LIMITS
    )
    max_energy_nj: float | None = option(
        None, CODESIGN, "largest energy of an inference", **OF_LIMITS
    )
    max_area_mm2: float | None = option(
        None, CODESIGN, "largest area, embedding tables included", **OF_LIMITS
    )
    lossy_converters: bool = option(
        False, CODESIGN, "allow analog-to-digital converters that lose bits"
    )
    hardware_rows: int = option(
        1000, CODESIGN, "test rows that are computed as the arrays compute them", least=1,
        reader="hardware",
    )  # fmt: skip

    recipe: str = option(
        AUTO, RECIPE, "how the final networks are trained: auto (a short list is tried first; see "
        "docs/recipes.md), a recipe by name, or a TOML or JSON file", path=True, before=PAPER,
        reader="supernet",
    )  # fmt: skip
    recipe_share: float | None = option(
        None, RECIPE, "of --recipe auto: largest share of the rows that the run trains on and "
        "scores with that the choice may take (0.3, more on small data; see docs/recipes.md)",
        least=0.0, most=0.9,
    )  # fmt: skip
    optimizer: str | None = recipe_option("optimizer")
    retrain_learning_rates: str | None = option(
        None, RECIPE, "peak learning rates to try for each candidate, comma separated (0.12)",
        part="learning_rate",
    )  # fmt: skip
    table_learning_rate: float | None = recipe_option("table_learning_rate")
    schedule: str | None = recipe_option("schedule")
    warmup_share: float | None = recipe_option("warmup_share")
    retrain_batch_size: int | None = recipe_option(
        "batch_size", "rows of a batch (that of --batch-size)"
    )
    retrain_epochs: int | None = recipe_option(
        "epochs", "most passes over the training split (1; up to 5 if it is small)"
    )
    epoch_rows: int | None = recipe_option("epoch_rows")
    evaluations_per_epoch: int | None = recipe_option("evaluations_per_epoch")
    patience: int | None = recipe_option("patience")
    monitor: str | None = recipe_option("monitor")
    row_decay: float | None = recipe_option("row_decay", before=0.0)
    table_l2: float | None = recipe_option("table_l2")
    weight_decay: float | None = recipe_option("weight_decay")
    embedding_dropout: float | None = recipe_option("embedding_dropout")
    block_dropout: float | None = recipe_option("block_dropout")
    head_dropout: float | None = recipe_option("head_dropout")
    normalization: str | None = recipe_option("normalization", reader="evolution")
    embedding_dim: int | None = recipe_option("embedding_dim", reader="evolution")
    initial_deviation: float | None = recipe_option("initial_deviation")
    clip_norm: float | None = recipe_option("clip_norm")
    label_smoothing: float | None = recipe_option("label_smoothing")
    weight_average: float | None = recipe_option("weight_average")
    retrain_seed: int | None = recipe_option("seed")

    top_k: int | None = option(
        None, RETRAIN, "candidates to train from scratch (15)", least=1, reader="evolution"
    )
    refine: int | None = option(
        None, RETRAIN, "further networks to train from scratch: a plain one, then changes of the "
        "best so far (by the size of the data; 0 from a million rows on)", least=0, before=0,
    )  # fmt: skip
    halving: bool | None = option(
        None, RETRAIN, "compare the networks trained from scratch while they train, and give up "
        "those that are behind: the weaker half after an eighth, a quarter and half of the steps, "
        "later ones where they are clearly worse than the best was", before=False,
    )  # fmt: skip
    final_layer_norm: bool = option(
        False, RETRAIN, "layer norm in the retrained models as well", reader="evolution"
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

    run_dir: str = option(
        "runs/search", RUN, "directory of this run; repeat it to resume", path=True
    )
    warm_start: str | None = option(
        None, RUN, "directory of a finished run on other rows of the same columns, to start from: "
        "tables keep the rows of the ids that they know, the supernet and the winner go on, and "
        "the recipe is the one chosen there", path=True, reader="recipe", alias="--from",
    )  # fmt: skip
    seed: int = option(0, RUN, "seed of everything", least=0)
    device: str = option(
        "auto", RUN, "where networks are computed: on a GPU if TensorFlow finds one (auto), cpu or "
        "gpu", choices=DEVICES, reader="recipe",
    )  # fmt: skip
    workers: int = option(1, RUN, "worker processes of the records stage", least=1, most=4096)
    checkpoint_seconds: float = option(60.0, RUN, "time between checkpoints")
    max_hours: float | None = option(
        None,
        RUN,
        "longest time of all calls of the run together: settings that are left open are "
        "chosen to fit, and stages are cut, so that it ends in time with an export",
    )
    tensorboard: bool = option(
        False, RUN, "write curves (loss, validation, AUC, learning rate) and candidates (HParams) "
        "for TensorBoard into RUN_DIR/tensorboard",
    )  # fmt: skip
    mlflow: str | None = option(
        None, RUN, "log the finished run to MLflow at this tracking URI, such as "
        "http://localhost:5000: options, figures, trainings, report and export (needs "
        "mlflow-skinny)",
    )  # fmt: skip

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if is_several(field):  # One of them may be given as it is, and TOML has lists.
                object.__setattr__(self, field.name, as_several(getattr(self, field.name)))
            check_option(field, getattr(self, field.name))
        check_together(self)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of this run, in order.

        Example:
            >>> SearchConfig(codesign=True).stages
            ('records', 'recipe', 'supernet', 'evolution', 'retrain', 'hardware', 'export', \
'explain')
        """
        left_out = {
            "hardware": not self.codesign,
            "recipe": self.recipe != AUTO,
            "prune": self.prune is None,
            "explain": not self.explain,
        }
        return tuple(name for name in STAGES if not left_out.get(name))

    def first_reader(self, field: dataclasses.Field) -> str:
        """The first stage of this run that reads an option; until it has begun, that may change.

        Args:
            field: one of the options.
        """
        reader = first_reader(field)
        if self.learns_choices and field.name in ("strategy", "strategy_options"):
            return "supernet"
        if field.name == "warm_start" and "recipe" not in self.stages:
            return "supernet"
        if field.metadata["group"] != RECIPE:
            return reader
        if "recipe" in self.stages:
            return min(reader, "recipe", key=STAGES.index)
        return min(reader, "evolution", key=STAGES.index) if self.trains_candidates else reader

    @property
    def learns_choices(self) -> bool:
        """Whether the supernet's training learns what the search draws by."""
        return issubclass(STRATEGIES[self.strategy], LogitSearch)

    @property
    def trains_candidates(self) -> bool:
        """Whether the search scores candidates by trainings from scratch, without a supernet."""
        return self.score_by == TRAINING

    def recipe_changes(self) -> dict[str, Any]:
        """What options say of the recipe, by its fields.

        Example:
            >>> SearchConfig(retrain_epochs=2, row_decay=0.003).recipe_changes()
            {'epochs': 2, 'row_decay': 0.003}
        """
        changes = {
            field.metadata["part"]: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if "part" in field.metadata and getattr(self, field.name) is not None
        }
        rates = self.learning_rates()
        if rates is not None:
            changes["learning_rate"] = rates[0]
        if self.final_layer_norm:
            changes.setdefault("normalization", "layer")
        return changes

    def prune_settings(self) -> PruneSettings:
        """How the winner is pruned, where it is.

        Raises:
            UserError: if it cannot be.
        """
        return PruneSettings.of_options(
            self.prune or MASK, self.prune_iterations, self.prune_options, "--prune-options"
        )

    def bit_widths(self) -> tuple[int, ...]:
        """The bit widths that operators may have; none in floating point.

        Raises:
            UserError: if they are not different whole numbers from 2 to 8.
        """
        if not self.codesign:
            return ()
        try:
            widths = sorted(int(part) for part in (self.bits or DEFAULT_BITS).split(","))
        except ValueError:
            widths = []
        if not widths or widths[0] < 2 or widths[-1] > 8 or len(set(widths)) < len(widths):
            raise UserError(
                "--bits must be different whole numbers from 2 to 8 separated by commas, such as "
                f"4,8. Received: {shown(self.bits)}"
            )
        return tuple(widths)

    def learning_rates(self) -> tuple[float, ...] | None:
        """The learning rates to retrain with, if they were given.

        Raises:
            UserError: if they are no positive numbers separated by commas.
        """
        if self.retrain_learning_rates is None:
            return None
        try:
            rates = tuple(float(part) for part in self.retrain_learning_rates.split(","))
        except ValueError:
            rates = ()
        if not rates or not all(LEAST_RATE <= rate <= MOST_RATE for rate in rates):
            raise UserError(
                "--retrain-learning-rates must be positive numbers separated by commas, such as "
                f"0.05,0.1. Received: {shown(self.retrain_learning_rates)}"
            )
        # Directories of trainings are named by the rate to six digits.
        names = [f"{rate:g}" for rate in rates]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UserError(f"--retrain-learning-rates gives {twice[0]} twice; once is enough.")
        return rates

    def to_toml(self) -> str:
        """The options as a TOML file that gives them again; ``None`` is left out.

        Example:
            >>> print(SearchConfig(seed=3).to_toml())  # doctest: +ELLIPSIS
            # Options of this run: python -m nasrec_tf.search --config THIS_FILE
            encoding = "vocabulary"
            ...
            seed = 3
            ...
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        given = {name: plain(value) for name, value in values.items() if value is not None}
        return "# Options of this run: python -m nasrec_tf.search --config THIS_FILE\n" + (
            tomli_w.dumps(given)
        )


def load_options(path: str | pathlib.Path) -> dict[str, Any]:
    """Options from a TOML file.

    Args:
        path: the file; names are those of the options, with ``-`` or ``_``.

    Returns:
        Values by field of ``SearchConfig``, which checks them.

    Raises:
        UserError: if it cannot be read, names an unknown option, or one twice.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.toml"
        >>> _ = path.write_text("max-mflops = 2.5")
        >>> load_options(path)
        {'max_mflops': 2.5}
    """
    options: dict[str, Any] = {}
    known = {field.name for field in dataclasses.fields(SearchConfig)}
    for name, value in read_table(path).items():
        field = name.replace("-", "_")
        if field not in known:
            raise UserError(
                f"{path}: unknown option {shown(name)}{suggestion(field, known)}; the options are "
                "those of --help."
            )
        if field in options:
            raise UserError(f"{path}: gives {shown(field)} twice; give it once.")
        options[field] = value
    return options
