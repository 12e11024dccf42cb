"""The supernets whose ranking is measured: each trained once, and scored by in several ways."""

import contextlib
import dataclasses
import gc
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beam_preprocess.common.comma_list import comma_list
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.benchmark.table_workspace import Workspace
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.common.strict_json import shown
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.strategies.oracle.journal import Journal, read_journal

OF_TRAINING = (
    "seed", "path_sampler", "warmup", "layer_norm", "operator_balancing", "supernet_epochs",
    "supernet_rows", "supernet_learning_rate", "supernet_row_decay", "supernet_embedding_dim",
    "batch_size", "max_table_rows",
)  # fmt: skip
"""Options of the search by which supernets differ."""

OF_SCORING = (
    "fine_tune_steps", "fine_tune_learning_rate", "validation_rows", "validation_sample",
)  # fmt: skip
"""Options by which scores differ that one supernet gives."""

SUPERNET_PREFIX = "supernet-"
"""What the names of supernets' directories begin with."""

FIELDS = {field.name: field for field in dataclasses.fields(SearchConfig)}

SAMPLERS = FIELDS["path_sampler"].metadata["choices"]
TABLE_2 = tuple(
    f"path_sampler={name}{tuning}" for name in SAMPLERS for tuning in (",fine_tune_steps=0", "")
)
"""The paper's Table 2: three samplers, without fine-tuning and with it."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """Options of a supernet and of its scores that are not the search's own.

    Args:
        text: as the user gave them.
        options: values by field of ``SearchConfig``.

    Example:
        >>> parsed_variant("warmup=false,seed=3,fine_tune_steps=0").training
        {'warmup': False, 'seed': 3}
    """

    text: str
    options: Mapping[str, Any]

    @property
    def training(self) -> dict[str, Any]:
        """Those that the supernet's weights depend on."""
        return {name: value for name, value in self.options.items() if name in OF_TRAINING}

    @property
    def unseeded(self) -> str:
        """What variants have in common that differ by their seeds alone."""
        rest = {name: value for name, value in self.options.items() if name != "seed"}
        return ",".join(f"{name}={value}" for name, value in sorted(rest.items())) or "default"


def parsed_variant(text: str) -> Variant:
    """A variant as command lines give it.

    Args:
        text: such as ``"warmup=false,fine_tune_steps=0"``; ``"default"`` for no options.

    Raises:
        UserError: if an option is unknown, given twice, or its value cannot be used.
    """
    options: dict[str, Any] = {}
    for part in () if text == "default" else comma_list(text, "--supernet", blanks=True):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        name = name.replace("-", "_")
        if not equals or name not in (*OF_TRAINING, *OF_SCORING):
            raise UserError(
                f"--supernet takes option=value, of {', '.join((*OF_TRAINING, *OF_SCORING))}. "
                f"Received: {shown(part)}"
            )
        if name in options:
            raise UserError(f"--supernet {shown(text)} gives {name} twice; once is enough.")
        options[name] = _value(name, value)
    SearchConfig(**options)
    return Variant(text, options)


def _value(name: str, text: str) -> Any:
    kind = plain_type(FIELDS[name])
    truths = {"true": True, "false": False}
    try:
        return truths[text] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = "true or false" if kind is bool else "a number"
        raise UserError(f"--supernet: {name} must be {wanted}. Received: {shown(text)}") from None


@dataclasses.dataclass(frozen=True)
class RankingSupernets:
    """Trains supernets on a table's records, and scores by them.

    Args:
        place: the table's workspace.
        directory: where supernets and scores are kept.
    """

    place: Workspace
    directory: pathlib.Path

    def meaning(self, variant: Variant) -> tuple:
        """What a variant comes to, equal for equal supernets and scores, however they are asked.

        Args:
            variant: of the supernet and its scores.
        """
        table_run = self.place.run
        config = dataclasses.replace(table_run.config, **variant.options)
        settings = Run(config, table_run.directory, table_run.quiet).settings
        names = (*OF_TRAINING, *OF_SCORING)
        return tuple(getattr(settings, name, getattr(config, name)) for name in names)

    def scores(
        self, variant: Variant, architectures: Sequence[Architecture]
    ) -> tuple[list[float], float]:
        """The score of each architecture, and what the supernet took to train, in seconds.

        What was scored before is not scored again.

        Args:
            variant: of the supernet and its scores.
            architectures: what is scored.

        Raises:
            RunError: if what an earlier call left is damaged, or of other records.
        """
        with self._supernet(variant) as run:
            known = self._known(run, variant)
            missing = [each for each in architectures if each.identity not in known]
            if missing:
                known |= self._scored(run, variant, missing)
            seconds = run.directory.result("supernet").seconds
        return [known[each.identity] for each in architectures], seconds

    @contextlib.contextmanager
    def _supernet(self, variant: Variant) -> Iterator[Run]:
        """A run whose supernet has been trained with a variant's options."""
        from nasrec_tf.search.stages import stage_function

        table_run = self.place.run
        path = self.directory / f"{SUPERNET_PREFIX}{json_digest(variant.training)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        base = dataclasses.replace(
            table_run.config, run_dir=str(path), data=(str(table_run.dataset.resolve()),),
            demo_rows=SearchConfig.demo_rows,
        )  # fmt: skip
        config = dataclasses.replace(base, **variant.training)
        directory = RunDirectory(path)
        directory.check_made_with(config, "delete it to train it again, or use another --out")
        with directory.opened(config):
            run = Run(directory.stored_config() or config, directory, table_run.quiet)
            for stage in ("records", "supernet"):
                if directory.result(stage) is None:
                    self._run_stage(run, stage, stage_function(stage))
            yield run

    def _run_stage(self, run: Run, stage: str, function: Any) -> None:
        with run.directory.timed(stage) as spent:
            result = function(run)
        run.directory.finish(stage, result, spent())

    def _scored_run(self, run: Run, variant: Variant) -> Run:
        scoring = {name: value for name, value in variant.options.items() if name in OF_SCORING}
        return Run(dataclasses.replace(run.config, **scoring), run.directory, run.quiet)

    def _file(self, run: Run, variant: Variant) -> pathlib.Path:
        scored = self._scored_run(run, variant)
        said = {
            "fine_tune_steps": scored.settings.fine_tune_steps,
            "validation_rows": scored.settings.validation_rows,
            "fine_tune_learning_rate": scored.config.fine_tune_learning_rate,
        }
        if scored.config.validation_sample is not None:  # Files of earlier versions have none.
            said["validation_sample"] = scored.config.validation_sample
        return run.directory.path / f"scores-{json_digest(said)}.jsonl"

    def _known(self, run: Run, variant: Variant) -> dict[str, float]:
        path = self._file(run, variant)
        if not Journal(path).exists():
            return {}
        return _by_identity(read_journal(path)[1])

    def _scored(
        self, run: Run, variant: Variant, architectures: Sequence[Architecture]
    ) -> dict[str, float]:
        from nasrec_tf.search.scorers import supernet_scores
        from nasrec_tf.search.stages.supernet import load

        gc.collect()  # Networks hold reference cycles: the one before would still be in memory.
        run = self._scored_run(run, variant)
        scores = supernet_scores(run, load(run))
        journal = Journal(self._file(run, variant))
        if journal.exists():
            settings, events = journal.read()
            if settings != scores.settings:
                raise UserError(
                    f"{journal.path}: its scores were made otherwise; delete it to score again."
                )
        else:
            journal.create(scores.settings)
        found: dict[str, float] = {}
        with run.progress(f"scores, {variant.text}", len(architectures), "architecture") as bar:
            for architecture in architectures:
                score = float(scores.scorer(architecture)[LOG_LOSS])
                # JSON has no numbers that are not finite.
                kept = score if math.isfinite(score) else None
                journal.append({"identity": architecture.identity, LOG_LOSS: kept})
                found |= _by_identity([{"identity": architecture.identity, LOG_LOSS: kept}])
                bar.update()
        journal.sync()
        return found


def _by_identity(events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Scores by identity; of what diverged, infinity, the worst."""
    return {
        event["identity"]: math.inf if event[LOG_LOSS] is None else event[LOG_LOSS]
        for event in events
    }
