"""What a search is told: one field per option, on the command line and in TOML alike."""

import dataclasses
import math
import os
import pathlib
import types
import typing
from typing import Any

import tomli_w

from nasrec_tf.common.config_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.value_checks import is_number, is_whole
from nasrec_tf.export.versions import check_name

STAGES = ("records", "supernet", "evolution", "retrain", "hardware", "export")
"""The stages in order; ``hardware`` is one of co-design runs alone."""


DEFAULT_BITS = "4,8"
"""Bit widths of the paper's co-design search (5.1)."""

DEFAULT_HARDWARE = "handcrafted"
"""MNSIM 2.0's ReRAM parameters, as in the paper (5.1)."""


LARGEST = 2**63 - 1
"""The largest whole number that TOML promises to keep."""

LEAST_RATE, MOST_RATE = 1e-30, 1e30
"""Learning rates that are neither nothing nor without end in 32-bit floating point."""

MOST_EPOCHS, MOST_STEPS = 2**20, 2**40
"""Times the steps of an epoch, these stay whole numbers of 64 bits."""

LONGEST_NAME = 255
"""Bytes of a file name on the usual file systems."""

LONGEST_PATH = 4095
"""Bytes of a path (Linux: ``PATH_MAX`` less the final zero)."""

SHOWN_LETTERS = 80
"""Letters of a wrong value that a message repeats."""


LIMITS = ("max_mflops", "max_latency_us", "max_energy_nj", "max_area_mm2")
"""Options that limit what a candidate may cost."""


def option(default: Any, group: str, text: str, **extra: Any) -> Any:
    """A field with what its command-line option says.

    Args:
        default: ``None`` means that the value follows from the size of the data; the help text
            says how.
        group: heading of the help text under which the option stands.
        text: what the help text says of it.
        **extra: ``least`` and ``most`` (bounds of a number), ``choices``, ``path`` (whether the
            text may name a file), ``reader`` (the first stage that reads the option, unless it is
            that of the group).
    """
    metadata = {"group": group, "help": text, **extra}
    return dataclasses.field(default=default, metadata=metadata)


DATA = "data"
SPACE = "search space"
SUPERNET = "supernet"
EVOLUTION = "evolution"
CODESIGN = "co-design with processing-in-memory hardware"
RETRAIN = "retraining and export"
RUN = "run"

READERS = {
    DATA: "records",
    SPACE: "supernet",
    SUPERNET: "supernet",
    EVOLUTION: "evolution",
    CODESIGN: "supernet",
    RETRAIN: "retrain",
    RUN: "records",
}
"""The first stage that reads the options of a group."""


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

    data: str | None = option(
        None, DATA, "raw log (a file or a glob), or a directory that beam_preprocess wrote; "
        "without it a generated log with known best log loss", path=True
    )  # fmt: skip
    dataset: str | None = option(
        None, DATA, "layout of the raw log: criteo, criteo-terabyte, avazu, avazu-authors, "
        "kdd, csv, parquet, or the path of a .toml description", path=True
    )  # fmt: skip
    validation_data: str | None = option(
        None, DATA, "raw validation split, if splits are given", path=True
    )
    test_data: str | None = option(None, DATA, "raw test split, if splits are given", path=True)
    label: str | None = option(None, DATA, "label column (--dataset csv or parquet)")
    dense: str | None = option(None, DATA, "dense columns, comma separated (likewise)")
    sparse: str | None = option(None, DATA, "sparse columns (likewise; default: all others)")
    ignore: str | None = option(None, DATA, "columns to leave out (likewise)")
    delimiter: str | None = option(None, DATA, "of --dataset csv; 'tab' for a tab (default ',')")
    encoding: str = option(
        "vocabulary", DATA, "row ids by vocabulary, hash or modulo",
        choices=("vocabulary", "hash", "modulo"),
    )  # fmt: skip
    min_count: int | None = option(None, DATA, "training rows a value needs to get a row", least=1)
    max_reject_share: float = option(
        0.01, DATA, "largest share of malformed rows, from 0 to 1", least=0.0, most=1.0
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
    operators: str | None = option(
        None, SPACE, "a single operator per branch (default), or any subset",
        choices=("single", "any"),
    )  # fmt: skip
    max_sources: int | None = option(
        None, SPACE, "cap on the sources of a branch (default: none; the authors' code: 4)", least=1
    )
    max_mflops: float | None = option(
        None, SPACE, "only consider architectures of at most so many million multiply-accumulates"
    )

    architecture: str | None = option(
        None,
        SPACE,
        "train and export this one (a preset or a JSON file) instead of searching",
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
    supernet_learning_rate: float | None = option(
        None, SUPERNET, "peak learning rate (0.12; lower for short trainings)",
        least=LEAST_RATE, most=MOST_RATE,
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
    warmup: bool = option(True, SUPERNET, "train the full supernet now and then at first")
    layer_norm: bool = option(True, SUPERNET, "layer norm in the supernet's operators")
    operator_balancing: bool = option(True, SUPERNET, "project the tokens of dot products first")
    max_table_rows: int = option(
        500_000, SUPERNET, "cap on embedding tables during the search; 0 for none", least=0
    )

    strategy: str = option(
        "evolution", EVOLUTION, "regularized evolution or random search",
        choices=("evolution", "random"),
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
    max_latency_us: float | None = option(None, CODESIGN, "longest time of an inference")
    max_energy_nj: float | None = option(None, CODESIGN, "largest energy of an inference")
    max_area_mm2: float | None = option(None, CODESIGN, "largest area, embedding tables included")
    lossy_converters: bool = option(
        False, CODESIGN, "allow analog-to-digital converters that lose bits"
    )
    hardware_rows: int = option(
        1000, CODESIGN, "test rows that are computed as the arrays compute them", least=1,
        reader="hardware",
    )  # fmt: skip

    top_k: int | None = option(
        None, RETRAIN, "candidates to train from scratch (15)", least=1, reader="evolution"
    )
    retrain_epochs: int | None = option(
        None, RETRAIN, "most passes over the training split (1; up to 5 if it is small)", least=1,
        most=MOST_EPOCHS,
    )  # fmt: skip
    retrain_learning_rates: str | None = option(
        None, RETRAIN, "peak learning rates to try for each candidate, comma separated (0.12)"
    )
    row_decay: float = option(
        0.0, RETRAIN, "decay of all rows of embedding tables at every step of the retraining, "
        "against overfitting rare values: 0.001 to 0.01 on small data sets (0, as in the paper)",
        least=0.0, most=10.0,
    )  # fmt: skip
    final_layer_norm: bool = option(
        False, RETRAIN, "layer norm in the retrained models as well", reader="evolution"
    )
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

    run_dir: str = option(
        "runs/search", RUN, "directory of this run; repeat it to resume", path=True
    )
    seed: int = option(0, RUN, "seed of everything", least=0)
    workers: int = option(1, RUN, "worker processes of the records stage", least=1, most=4096)
    checkpoint_seconds: float = option(60.0, RUN, "time between checkpoints")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))
        if self.data is None:
            for name in (
                "validation_data", "test_data", "dataset", "label", "dense", "sparse", "ignore",
                "delimiter",
            ):  # fmt: skip
                if getattr(self, name) is not None:
                    raise UserError(f"{flag(name)} goes with --data, which is missing.")
        if (self.validation_data is None) != (self.test_data is None):
            raise UserError("--validation-data and --test-data go together.")
        if 0 < self.max_table_rows < 3:
            raise UserError("--max-table-rows must be 0 (no cap) or at least 3.")
        self.learning_rates()
        self._check_codesign()
        self._check_places()
        if self.distribute != "none" and self.codesign:
            raise UserError("--distribute cannot train the quantized supernet of --codesign.")

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of this run, in order.

        Example:
            >>> SearchConfig(codesign=True).stages
            ('records', 'supernet', 'evolution', 'retrain', 'hardware', 'export')
        """
        return tuple(name for name in STAGES if name != "hardware" or self.codesign)

    def _check_codesign(self) -> None:
        if not self.codesign:
            for field in dataclasses.fields(self):
                of_codesign = field.metadata["group"] == CODESIGN
                if of_codesign and getattr(self, field.name) != field.default:
                    raise UserError(f"{flag(field.name)} goes with --codesign, which is missing.")
            return
        self.bit_widths()
        if self.strategy == "random" and self.objective == "pareto":
            raise UserError("--objective pareto needs --strategy evolution.")

    def _check_places(self) -> None:
        """Neither of run and exports may lie where the other writes."""
        check_name(self.name)
        run, exports = (pathlib.Path(os.path.realpath(d)) for d in (self.run_dir, self.export_dir))
        if run == exports:
            raise UserError(
                f"--run-dir and --export-dir must differ. Received: {shown(self.run_dir)} for both"
            )
        for stage in STAGES:
            if exports.is_relative_to(run / stage):
                raise UserError(
                    f"--export-dir must lie outside of what the stages write. Received: "
                    f"{shown(self.export_dir)} in {shown(str(run / stage))}"
                )
        if run.is_relative_to(exports / self.name):
            raise UserError(
                f"--run-dir must lie outside of the exported model. Received: "
                f"{shown(self.run_dir)} in {shown(str(exports / self.name))}"
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
        given = {name: value for name, value in values.items() if value is not None}
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
                f"{path}: unknown option {shown(name)}; the options are those of --help."
            )
        if field in options:
            raise UserError(f"{path}: gives {shown(field)} twice; give it once.")
        options[field] = value
    return options


def flag(name: str) -> str:
    """The command-line option of a field.

    Args:
        name: of the field.

    Example:
        >>> flag("max_mflops")
        '--max-mflops'
    """
    return "--" + name.replace("_", "-")


def kind(field: dataclasses.Field) -> type:
    """The plain type of a field's values, ``None`` apart.

    Args:
        field: of ``SearchConfig``.
    """
    annotation: Any = field.type  # the type itself: annotations are not postponed here
    if isinstance(annotation, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation


def first_reader(field: dataclasses.Field) -> str:
    """The first stage that reads an option; until it has begun, the option may change.

    Args:
        field: of ``SearchConfig``.
    """
    return field.metadata.get("reader") or READERS[field.metadata["group"]]


def shown(value: Any) -> str:
    r"""A value as messages show it: in one line, and not all of a very long one.

    Args:
        value: the value.

    Example:
        >>> shown("a\nb")
        "'a\\nb'"
        >>> len(shown("x" * 1000))
        80
    """
    text = repr(value) if _is_short(value) else f"a very large {type(value).__name__}"
    return text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 3] + "..."


def _is_short(value: Any) -> bool:
    """Whether ``repr`` can be asked: whole numbers of thousands of digits have none."""
    return not isinstance(value, int) or abs(value) < 10**SHOWN_LETTERS


def _check(field: dataclasses.Field, value: Any) -> None:
    if value is None and field.default is None:
        return
    wanted = kind(field)
    fits, name = {
        int: (is_whole(value), "a whole number"),
        float: (is_number(value), "a number"),
        bool: (isinstance(value, bool), "true or false"),
        str: (isinstance(value, str), "a text"),
    }[wanted]
    if not fits:
        raise UserError(f"{flag(field.name)} must be {name}. Received: {shown(value)}")
    if wanted in (int, float):
        _check_number(field, value)
    if wanted is str:
        _check_text(field, value)
    choices = field.metadata.get("choices")
    if choices is not None and value not in choices:
        raise UserError(
            f"{flag(field.name)} must be one of {', '.join(choices)}. Received: {shown(value)}"
        )


def _check_number(field: dataclasses.Field, value: int | float) -> None:
    name, least, most = flag(field.name), field.metadata.get("least"), field.metadata.get("most")
    if least is not None and not value >= least:
        raise UserError(f"{name} must be at least {least}. Received: {shown(value)}")
    if least is None and not value > 0:
        raise UserError(f"{name} must be positive. Received: {shown(value)}")
    if most is None and kind(field) is float:
        # A whole number may be too large to be a floating-point one.
        if isinstance(value, int) and abs(value) > LARGEST or not math.isfinite(value):
            raise UserError(
                f"{name} must be a finite number; leave it out for the default or no limit. "
                f"Received: {shown(value)}"
            )
        return
    most = LARGEST if most is None else most
    if not value <= most:
        raise UserError(f"{name} must be at most {most}. Received: {shown(value)}")


def _check_text(field: dataclasses.Field, value: str) -> None:
    name = flag(field.name)
    if not value:
        raise UserError(f"{name} must not be empty; leave it out for the default.")
    try:
        encoded = value.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{name} must be text of UTF-8. Received: {shown(value)}") from error
    if not field.metadata.get("path"):
        return
    if b"\0" in encoded:
        raise UserError(f"{name} must not hold a zero character. Received: {shown(value)}")
    if len(encoded) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in encoded.split(b"/")):
        raise UserError(
            f"{name} is too long for a file system, which takes names of {LONGEST_NAME} bytes. "
            f"Received: {shown(value)}"
        )
