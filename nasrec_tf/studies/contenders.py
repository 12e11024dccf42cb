"""Who takes part in a comparison."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.strict_json import shown
from nasrec_tf.networks.baselines import BASELINES, is_baseline
from nasrec_tf.search.trainable import Trainable, load_trainable
from nasrec_tf.studies.config import ALL

FOUND = "found"
"""Name of the model that the run found."""

CONSTANT = "constant"
"""Name of the prediction that is the same for every row."""

LEAST = "lr"
"""Logistic regression, what every model has to beat, is always there."""


@dataclasses.dataclass(frozen=True)
class Contender:
    """A model that is trained for a comparison.

    Args:
        name: as the user gave it, or ``found``.
        model: what is trained.
    """

    name: str
    model: Trainable

    @property
    def directory(self) -> str:
        """Name of its directory: that of the model, and a digest of what it is.

        Example:
            >>> found = Contender("deepfm:bars", load_trainable("deepfm:bars"))
            >>> found.directory.startswith("deepfm-bars-")
            True
        """
        word = re.sub(r"[^A-Za-z0-9_.]+", "-", pathlib.Path(self.name).stem)[:60].strip(".-")
        return f"{word or 'model'}-{self.model.identity[-12:]}"


def contenders(found: Trainable, models: str) -> list[Contender]:
    """The found model, logistic regression, and those that were asked for, each once.

    Args:
        found: what the run found.
        models: as ``CompareConfig`` takes them.

    Raises:
        UserError: if one is not known, two have one name, or nobody has options of a source.

    Example:
        >>> [each.name for each in contenders(load_trainable("deepfm"), "dlrm,lr,fm:bars")]
        ['found', 'lr', 'dlrm', 'fm:bars']
    """
    taken = [Contender(FOUND, found)]
    for name in (LEAST, *_names(models)):
        if name in (FOUND, CONSTANT):
            raise UserError(f"--models: {name} is always there; leave it out.")
        if all(each.name != name for each in taken):
            taken.append(Contender(name, load_trainable(name)))
    return taken


def _names(models: str) -> Sequence[str]:
    names = [name.strip() for name in models.split(",")]
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
