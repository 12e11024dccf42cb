"""What each part of a search is worth: whole searches without it, with several seeds (Table 6)."""

import dataclasses
import gc
import pathlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.common.option_values import option_values
from nasrec_tf.common.saved_state import SAVED, read_state, write_state
from nasrec_tf.search.command import completed_run
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.option_changes import FREE_OPTIONS
from nasrec_tf.search.option_files import option_files_digest
from nasrec_tf.search.options import flag, is_several, plain
from nasrec_tf.search.results import Finite, RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scoring_settings import digest_of_data
from nasrec_tf.search.search_cost import search_cost
from nasrec_tf.search.served_network import served_network
from nasrec_tf.search.stages.records import RAW_LOG_OPTIONS
from nasrec_tf.search.superseded import CONFIG_FILE
from nasrec_tf.search.unread_options import check_read
from nasrec_tf.studies.own_directory import own_directory
from nasrec_tf.studies.paired_intervals import Measured, PairedDifference, paired_difference
from nasrec_tf.studies.resampled_quality import ResampledQuality, resampled_quality
from nasrec_tf.training.area_interval import few_of_a_label, rows_by_label

JUDGED = "judged.json"
FILES = "files of options (digest)"
SETTINGS_FILE = "ablation.json"
RECORDS = "records"
"""Directory of the run that makes the records of all searches."""

OWN = {"study": "ablation"}
"""What makes a directory a study's of ablation; every search in it has options of its own."""

LAST_STAGE = "retrain"
"""Its model is what a search is judged by."""

OWN_OPTIONS = ("run_dir", "export_dir", "seed", "data", "demo_rows", "tensorboard", "explain",
               *RAW_LOG_OPTIONS)  # fmt: skip
"""Options that are the study's own."""

PRUNING = ("prune", "prune_iterations", "prune_options")
WITHOUT_EFFECT = (*PRUNING, "name", "export_version", "negative_sampling_rate", "yardsticks",
                  "mlflow", "workers", "checkpoint_seconds")  # fmt: skip
"""Options that change nothing of what is judged here."""

FIELDS = {
    field.name: field
    for field in dataclasses.fields(SearchConfig)
    if field.name not in (*OWN_OPTIONS, *WITHOUT_EFFECT) and not is_several(field)
}

DEFAULT = "default"
TABLE_6_VARIANTS = (
    "path_sampler=single-operator-single-connection",
    "path_sampler=any-operator-any-connection",
    "fine_tune_steps=0",
)
"""Rows of the paper's Table 6."""

FURTHER_VARIANTS = (
    "warmup=false", "layer_norm=false", "operator_balancing=false", "recipe=paper", "refine=0",
    "strategy=random",
)  # fmt: skip
"""Parts of the search beyond those."""


class AblationVariant(NamedTuple):
    """A search with other options than the base.

    Args:
        text: as it was given.
        options: values by field of ``SearchConfig``.
    """

    text: str
    options: dict[str, Any]

    @classmethod
    def parsed(cls, text: str) -> "AblationVariant":
        """A variant as command lines give it.

        Args:
            text: such as ``"warmup=false,refine=0"``; ``"default"`` for the base itself.

        Raises:
            UserError: if an option is unknown or not one that variants may set.

        Example:
            >>> AblationVariant.parsed("warmup=false,refine=0").options
            {'warmup': False, 'refine': 0}
        """
        if text == DEFAULT:
            return cls(text, {})
        known = {name: plain_type(field) for name, field in FIELDS.items()}
        return cls(text, option_values("a search", known, text, "--variant", "warmup=false"))


@dataclasses.dataclass(frozen=True)
class JudgedSearch:
    """What a search found, and what it took.

    Args:
        test: quality on the test split of what the search would export.
        mflops: millions of multiply-accumulates per sample.
        passes: over the training split that the search took beyond the winner's training.
        seconds: that it took.
        made_with: records and options; ``None`` of earlier versions, which judged the winner
            alone where an ensemble or a calibrated network is exported.
    """

    __pydantic_config__ = SAVED

    test: ResampledQuality
    mflops: Finite
    passes: Finite
    seconds: Finite
    made_with: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class AblationRow:
    """Searches with one variant, over seeds.

    Args:
        name: of the variant.
        log_loss: on the test split.
        auc: mean over seeds; ``None`` where it is not defined.
        mflops: mean over seeds, as what follows.
        passes: over the training split.
        seconds: of a search.
        from_default: log loss less that of the base.
    """

    name: str
    log_loss: Measured
    auc: float | None
    mflops: float
    passes: float
    seconds: float
    from_default: PairedDifference | None


@dataclasses.dataclass(frozen=True)
class AblationStudy:
    """Searches with every variant and seed.

    Args:
        base: options of every search; run directory, seed and data are the study's.
        directory: where the searches are kept.
        variants: the first one is what the others are compared with.
        seeds: of each.
        quiet: show no progress.
        ends_at: time by ``time.monotonic`` after which no stage begins.
    """

    base: SearchConfig
    directory: pathlib.Path
    variants: Sequence[AblationVariant]
    seeds: int
    quiet: bool
    ends_at: float

    def __call__(self) -> list[AblationRow]:
        """Goes on from what is there; one row a variant.

        Raises:
            TimeIsUp: if there was no time for all.
            UserError: if a search cannot be made.
            RunError: if the directory is of something else, or in use.
        """
        # Before any work: every variant has to be a search that can be made.
        self.meanings()
        self._check_places()
        with own_directory(self.directory, SETTINGS_FILE, OWN, self._known(), "--dir"):
            return self._rows()

    def _known(self) -> list[str]:
        """Names of what an earlier version has left in the study's directory."""
        made = [*self.directory.glob(f"{RECORDS}/{CONFIG_FILE}"),
                *self.directory.glob(f"*/seed-*/run/{CONFIG_FILE}"),
                *self.directory.glob(f"*/seed-*/{JUDGED}")]  # fmt: skip
        return [path.relative_to(self.directory).parts[0] for path in made]

    def _rows(self) -> list[AblationRow]:
        dataset = self._dataset()
        for variant in self.variants:
            for seed in range(1, self.seeds + 1):
                self._check_made(variant, seed, dataset)
        found: dict[str, list[JudgedSearch]] = {variant.text: [] for variant in self.variants}
        for seed in range(1, self.seeds + 1):
            for variant in self.variants:
                found[variant.text].append(self._judged(variant, seed, dataset))
        base = _measured(found[self.variants[0].text])
        return [
            _row(name, judged, None if name == self.variants[0].text else base)
            for name, judged in found.items()
        ]

    def few_of_a_label(self) -> int | None:
        """Test rows of the rarer label, where these are too few for intervals; once it was made.

        Raises:
            RunError: if the records that the searches were made on are not there any more.
        """
        directory = RunDirectory(str(self.directory / RECORDS))
        run = Run(directory.stored_config() or self.base, directory, self.quiet)
        return few_of_a_label(rows_by_label(run.records, "test"))

    def meanings(self) -> list[tuple[str, SearchConfig]]:
        """Variants and what they come to, equal for equal searches.

        Raises:
            UserError: if one cannot be made, or says something that nothing of it reads.
        """
        found = []
        for each in self.variants:
            config = self._config(each, 1, ("pending",))
            try:
                check_read(config, each.options)
            except UserError as error:
                raise UserError(f"--variant {each.text}: {error}") from None
            config = dataclasses.replace(
                config, run_dir=self.base.run_dir, export_dir=self.base.export_dir
            )
            found.append((each.text, config))
        return found

    def _check_places(self) -> None:
        """Refuses variants of one directory, of which the second would get the first's figures."""
        places: dict[pathlib.Path, str] = {}
        for variant in self.variants:
            other = places.setdefault(self._place(variant, 1), variant.text)
            if other != variant.text:
                raise UserError(
                    f"--variant: {other} and {variant.text} would lie in one directory, "
                    f"{self._place(variant, 1).parent}; name files otherwise."
                )

    def _check_made(self, variant: AblationVariant, seed: int, dataset: tuple[str, ...]) -> None:
        """Refuses a search that is there and was made with other options than are asked for."""
        place = self._place(variant, seed)
        RunDirectory(place / "run").check_made_with(
            self._config(variant, seed, dataset),
            f"use another --dir, or delete {place} to search again",
        )

    def _dataset(self) -> tuple[str, ...]:
        """The records, made once for all searches."""
        config = dataclasses.replace(
            self.base,
            run_dir=str(self.directory / RECORDS),
            export_dir=str(self.directory / "models"),
            explain=False,
        )
        RunDirectory(config.run_dir).check_made_with(config, "use another --dir")
        return (str(completed_run(config, "records", self.quiet).dataset.resolve()),)

    def _config(
        self, variant: AblationVariant, seed: int, dataset: tuple[str, ...]
    ) -> SearchConfig:
        plain = {name: getattr(SearchConfig, name) for name in (*RAW_LOG_OPTIONS, "demo_rows")}
        place = self._place(variant, seed)
        changes: dict[str, Any] = plain | {
            "data": dataset,
            "seed": seed,
            "run_dir": str(place / "run"),
            "export_dir": str(place / "models"),
            "explain": False,
        }
        try:
            return dataclasses.replace(self.base, **changes | variant.options)
        except UserError as error:
            raise UserError(f"--variant {variant.text}: {error}") from None

    def _place(self, variant: AblationVariant, seed: int) -> pathlib.Path:
        name = re.sub("[^A-Za-z0-9.]+", "-", variant.text)
        return self.directory / name / f"seed-{seed}"

    def _judged(
        self, variant: AblationVariant, seed: int, dataset: tuple[str, ...]
    ) -> JudgedSearch:
        place = self._place(variant, seed)
        place.mkdir(parents=True, exist_ok=True)
        mend = "delete it to judge the search again"
        judged = read_state(place / JUDGED, JudgedSearch, mend)
        config = self._config(variant, seed, dataset)
        made_with = _made_with(config)
        if judged is not None and self._is_of(judged, made_with, place):
            return judged
        run: Run | None = None
        for stage in self._stages(config):
            run = completed_run(config, stage, self.quiet)
        judged = dataclasses.replace(_judge(run), made_with=made_with)
        write_state(place / JUDGED, judged)
        if not self.quiet:
            print(f"{variant.text}, seed {seed}: test log loss {judged.test.log_loss:.5f}")
        gc.collect()
        return judged

    def _is_of(self, judged: JudgedSearch, made_with: dict[str, Any], place: pathlib.Path) -> bool:
        """Whether figures are those of a search, which may have been deleted since."""
        if judged.made_with == made_with:
            return True
        # Earlier versions noted the names of files alone.
        if judged.made_with == {name: made_with[name] for name in made_with if name != FILES}:
            return True
        if (place / "run" / CONFIG_FILE).exists():
            return False  # Its options have been looked at; it is judged again.
        raise RunError(
            f"{place / JUDGED}: is of a search with other options or records, or of an earlier "
            f"version, which is not there any more; delete {place} to search again, or use another "
            "--dir."
        )

    def _stages(self, config: SearchConfig) -> Iterator[str]:
        for stage in config.stages[: config.stages.index(LAST_STAGE) + 1]:
            if time.monotonic() >= self.ends_at:
                raise TimeIsUp
            yield stage


def _made_with(config: SearchConfig) -> dict[str, Any]:
    """What a search's figures follow from: digests of records and files, and options by name."""
    assert config.data is not None
    left_out = (*FREE_OPTIONS, "data", "export_dir")
    options = {
        field.name: plain(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if field.name not in left_out and getattr(config, field.name) != field.default
    }
    files = option_files_digest(config)
    return {
        "data set (digest)": digest_of_data(pathlib.Path(config.data[0])),
        **options,
        **({} if files is None else {FILES: files}),
    }


def _judge(run: Run) -> JudgedSearch:
    from nasrec_tf.training.evaluation import Predictor

    result = run.directory.finished(LAST_STAGE, RetrainResult)
    labels, logits = Predictor(served_network(run).network, run.records)("test")
    cost, ensemble = search_cost(run), result.ensemble
    winner = run.model_cost(result.architecture, result.recipe)
    return JudgedSearch(
        test=resampled_quality(labels, logits, weights=run.records.weights("test")),
        mflops=winner.mflops if ensemble is None else ensemble.mflops,
        passes=cost.rows / run.records.rows("train"),
        seconds=cost.seconds,
    )


def check_options(names: Sequence[str]) -> None:
    """Refuses options of the base that are the study's own.

    Args:
        names: fields of ``SearchConfig`` that the base gives.

    Raises:
        UserError: if there are such.
    """
    for name in ("run_dir", "export_dir", "seed"):
        if name in names:
            raise UserError(f"{flag(name)} is the study's own; leave it out of --config.")
    for name in PRUNING:
        if name in names:
            raise UserError(
                f"{flag(name)}: this study ends before a network is pruned; leave it out of "
                "--config (python -m nasrec_tf.study pruning is about that)."
            )


def _measured(judged: Sequence[JudgedSearch]) -> Measured:
    tests = [each.test for each in judged]
    return Measured([test.log_loss for test in tests], [test.log_losses for test in tests])


def _row(name: str, judged: Sequence[JudgedSearch], base: Measured | None) -> AblationRow:
    count, areas = len(judged), [each.test.auc for each in judged]
    measured = _measured(judged)
    return AblationRow(
        name=name,
        log_loss=measured,
        auc=None if None in areas else sum(areas) / count,
        mflops=sum(each.mflops for each in judged) / count,
        passes=sum(each.passes for each in judged) / count,
        seconds=sum(each.seconds for each in judged) / count,
        from_default=None if base is None else paired_difference(measured, base),
    )
