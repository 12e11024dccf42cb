"""Who takes part in a comparison."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence

from beam_preprocess.common.comma_list import comma_list
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.own_modules import digests_of_own
from nasrec_tf.common.strict_json import shown
from nasrec_tf.networks.baselines import BASELINES, is_baseline
from nasrec_tf.operators import OPERATORS
from nasrec_tf.report.comparison_summary import CostSummary, SearchSummary
from nasrec_tf.report.explanation_summary import CONSTANT
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.search_cost import search_cost
from nasrec_tf.search.trainable import HandMade, Trainable, load_trainable
from nasrec_tf.studies.config import ALL
from nasrec_tf.studies.finished_runs import check_unchanged, search_summary
from nasrec_tf.training.recipe import Recipe

FOUND = "found"
"""Name of the model that the run found."""

LEAST = "lr"
"""Logistic regression, what every model has to beat, is always there."""


@dataclasses.dataclass(frozen=True)
class Contender:
    """A model that is trained for a comparison.

    Args:
        name: as the user gave it, or ``found``.
        model: what is trained.
        cost: what it took a run to find it; ``None`` of one that was given.
        search: how it was searched for; ``None`` where it was not.
    """

    name: str
    model: Trainable
    cost: CostSummary | None = None
    search: SearchSummary | None = None

    @property
    def directory(self) -> str:
        """Name of its directory: that of the model, and a digest of what it is.

        One of the user's own, or with an operator of theirs, is another once its file was edited.

        Example:
            >>> found = Contender("deepfm:bars", load_trainable("deepfm:bars"))
            >>> found.directory.startswith("deepfm-bars-")
            True
        """
        word = re.sub(r"[^A-Za-z0-9_.]+", "-", pathlib.Path(self.name).stem)[:60].strip(".-")
        parts = [word or "model", self.model.identity[-12:], *_code(self.model)]
        return "-".join(parts)


def _code(model: Trainable) -> list[str]:
    """Digests of files of the user's own that a hand-made model or operators come from."""
    if isinstance(model, HandMade):
        return digests_of_own([type(model.baseline)])
    blocks = model.architecture.blocks if model.architecture is not None else ()
    names = {name for block in blocks for name in (*block.dense_operators, *block.sparse_operators)}
    return digests_of_own(type(OPERATORS[name]) for name in names)


def contenders(run: Run, others: Mapping[str, Run], models: str) -> list[Contender]:
    """The found models, logistic regression, and those that were asked for, each once.

    Args:
        run: whose found model the others are compared with; its retrain stage has finished.
        others: further such runs by name.
        models: as ``CompareConfig`` takes them.

    Raises:
        UserError: if one is not known, two have one name, or nobody has options of a source.
    """
    taken = [_found(FOUND, run)]
    for name, other in others.items():
        if name in (FOUND, CONSTANT):
            raise UserError(f"--runs: {name} is the name of another row; rename the directory.")
        taken.append(_found(name, other))
    unfit = left_out(run, models)
    for name in (LEAST, *(name for name in names_of(models) if name not in unfit)):
        if name in (FOUND, CONSTANT):
            raise UserError(f"--models: {name} is always there; leave it out.")
        if name in others:
            raise UserError(f"--runs: {name} is the name of a model as well; rename the directory.")
        if all(each.name != name for each in taken):
            taken.append(Contender(name, load_trainable(name)))
    return taken


def left_out(run: Run, models: str) -> dict[str, str]:
    """Of the models that ``all`` stands for, those that the data have nothing for, and why.

    Who names a model is told that it cannot be trained; who asks for all wants those that can.

    Args:
        run: whose data are compared on.
        models: as ``CompareConfig`` takes them.
    """
    named = comma_list(models, "--models", blanks=True)
    unfit = {}
    for name in names_of(models):
        if name not in named:
            try:
                load_trainable(name).complexity(run.features, Recipe())
            except UserError as error:
                unfit[name] = f"Left out of --models {ALL}: {str(error).rstrip('.')}"
    return unfit


def _found(name: str, run: Run) -> Contender:
    """The model of a run and how it was found, all of one moment.

    Other processes may go on with a run that is not locked, before the comparison ends too.
    """
    result = run.directory.finished("retrain", RetrainResult)
    cost = CostSummary(**dataclasses.asdict(search_cost(run)))
    found = Contender(name, result.architecture, cost, search_summary(name, run))
    check_unchanged(run, result)
    return found


def exported_otherwise(run: Run) -> str | None:
    """What a run exports, where that is not its best network as it was trained.

    Args:
        run: the run; its retrain stage has finished.
    """
    if run.config.prune is not None:
        return "a pruned network"
    ensemble = run.directory.finished("retrain", RetrainResult).ensemble
    return None if ensemble is None else f"an average of {len(ensemble.members)} networks"


def names_of(models: str) -> Sequence[str]:
    """The models that were asked for.

    Args:
        models: as ``CompareConfig`` takes them.

    Raises:
        UserError: if nobody has options of a source, or a name is empty.

    Example:
        >>> names_of("dlrm,fm:bars"), len(names_of("all:autoctr"))
        (['dlrm', 'fm:bars'], 3)
    """
    names = comma_list(models, "--models", blanks=True)
    if not all(names):
        raise UserError(f"--models has an empty name between commas. Received: {shown(models)}")
    return [each for name in names for each in (_all(name) or (name,))]


def _all(name: str) -> Sequence[str]:
    """The models that ``all`` or ``all:SOURCE`` stands for; none for another name."""
    word, colon, source = name.partition(":")
    if word != ALL or is_baseline(name):
        return ()
    if not colon:
        return tuple(BASELINES)
    known = [f"{key}:{source}" for key, kind in BASELINES.items() if source in kind.presets]
    if not known:
        sources = sorted({source for kind in BASELINES.values() for source in kind.presets})
        raise UserError(
            f"--models: no model has options of {shown(source)}; there are {', '.join(sources)}."
        )
    return known
