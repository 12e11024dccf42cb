"""The six best architectures published with NASRec, with the inputs they were made for.

Source: facebookresearch/NasRec (Apache-2.0), the models of the paper's Table 4 and Fig. 5-7.
"""

import dataclasses
import functools
import json
import pathlib

from beam_preprocess.common.suggestions import suggestion
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.common.strict_json import names_a_file, shown
from nasrec_tf.data.features import Features

_DIRECTORY = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Preset:
    """A published model.

    Args:
        name: such as ``"nasrec-criteo-small"``.
        architecture: the architecture.
        features: inputs; the authors give Avazu, which has no dense column, a constant one.
        log_loss: published test log loss.
        auc: published test AUC.
        mflops: published millions of multiply-accumulates per sample (the paper's Table 5).
    """

    name: str
    architecture: Architecture
    features: Features
    log_loss: float
    auc: float
    mflops: float


@functools.cache
def presets() -> dict[str, Preset]:
    """Every preset by name.

    Example:
        >>> len(presets())
        6
    """
    inputs = json.loads((_DIRECTORY / "inputs.json").read_text(encoding="utf-8"))
    found = {}
    for path in sorted(_DIRECTORY.glob("nasrec-*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        published = value["published"]
        found[path.stem] = Preset(
            name=path.stem,
            architecture=Architecture.from_json(value["architecture"]),
            features=Features(**inputs[value["dataset"]]),
            log_loss=published["log_loss"],
            auc=published["auc"],
            mflops=published["mflops"],
        )
    return found


def preset(name: str) -> Preset:
    """The preset of that name.

    Args:
        name: such as ``"nasrec-criteo-small"``.

    Raises:
        ArchitectureError: if there is none; the message lists those that there are.

    Example:
        >>> found = preset("nasrec-criteo-small")
        >>> len(found.architecture), found.features.dense, found.features.sparse
        (7, 13, 26)
    """
    if name not in presets():
        raise ArchitectureError(
            f"No preset {shown(name)}{suggestion(name, presets())}; there are "
            f"{', '.join(presets())}."
        )
    return presets()[name]


def load_architecture(name_or_path: str) -> Architecture:
    """The architecture of a preset, or of an architecture file.

    Args:
        name_or_path: name of a preset, or a JSON file of at most 1 MiB.

    Raises:
        ArchitectureError: if there is neither such a preset nor such a file, or the file is not
            valid; the message names it.

    Example:
        >>> load_architecture("nasrec-kdd-full") == preset("nasrec-kdd-full").architecture
        True
    """
    if name_or_path in presets():
        return presets()[name_or_path].architecture
    if names_a_file(name_or_path):
        return Architecture.load(name_or_path)
    raise ArchitectureError(
        f"No architecture {shown(name_or_path)}{suggestion(name_or_path, presets())}: give a file, "
        f"or one of {', '.join(presets())}."
    )
