"""nasrec_tf: automated design of click-through-rate models on TensorFlow and Keras.

From a search space to a trained network::

    import numpy as np
    import nasrec_tf

    features = nasrec_tf.Features(dense=13, table_rows=(1000,) * 26)
    supernet = nasrec_tf.Supernet(nasrec_tf.NASREC_SMALL, features)
    architecture = nasrec_tf.NASREC_SMALL.sample(np.random.default_rng(0))
    subnet = supernet.extract(architecture)  # a Keras model that computes what the path computes

    model = nasrec_tf.load("runs/criteo")  # what a search has found
    model.predict_frame({"I1": [3.0], "C1": ["68fd1e64"]})  # raw rows

What there is:

- what a network reads: ``Features``;
- what it is: ``Architecture`` of ``Block`` and ``Bits``, from a file or a published one by
  ``load_architecture``, ``preset`` and ``presets``; ``complexity``, ``memory_bytes`` and
  ``draw_svg`` of it;
- where it is searched: ``SearchSpace``, as ``NASREC_SMALL``, ``NASREC_FULL``, ``RANKING_STUDY``,
  ``CODESIGN``, or by name or file from ``search_space``;
- hand-made models to compare with: ``baseline`` by name, of the kinds ``BASELINES``, each
  a ``Baseline`` of options; ``BaselineNetwork`` is the Keras model of one;
- Keras models: ``Subnet`` of one architecture, ``Supernet`` of all, both of ``NetworkOptions``;
  ``Adagrad`` and ``WarmupCosine`` to train them with; within ``portable`` a larger model that has
  one inside is exported for any program;
- a model in use: ``load`` gives a ``TrainedModel``, which takes raw rows; ``search`` runs the whole
  job as a function;
- errors: ``UserError``, and of its kinds ``ArchitectureError`` and ``RunError``.

The search is also a command: ``python -m nasrec_tf.search --help``.

Importing this package loads nothing heavy and changes nothing in the program around it: every name
below is imported when it is first used.
"""

import importlib as _importlib
from typing import TYPE_CHECKING
from typing import Any as _Any

__version__ = "0.1.0"

_HOMES = {
    "Adagrad": "nasrec_tf.optimizers.adagrad",
    "Architecture": "nasrec_tf.architecture.architecture",
    "ArchitectureError": "nasrec_tf.common.errors",
    "BASELINES": "nasrec_tf.networks.baselines",
    "Baseline": "nasrec_tf.networks.baselines",
    "BaselineNetwork": "nasrec_tf.networks.baselines.baseline_network",
    "Bits": "nasrec_tf.architecture.blocks",
    "Block": "nasrec_tf.architecture.blocks",
    "CODESIGN": "nasrec_tf.architecture.space",
    "Complexity": "nasrec_tf.architecture.complexity",
    "Features": "nasrec_tf.data.features",
    "NASREC_FULL": "nasrec_tf.architecture.space",
    "NASREC_SMALL": "nasrec_tf.architecture.space",
    "NetworkOptions": "nasrec_tf.operators",
    "Preset": "nasrec_tf.architecture.presets",
    "RANKING_STUDY": "nasrec_tf.architecture.space",
    "RunError": "nasrec_tf.common.errors",
    "SearchSpace": "nasrec_tf.architecture.space",
    "Subnet": "nasrec_tf.networks.subnet",
    "Supernet": "nasrec_tf.networks.supernet.model",
    "TrainedModel": "nasrec_tf.trained.trained_model",
    "UserError": "nasrec_tf.common.errors",
    "WarmupCosine": "nasrec_tf.optimizers.schedules",
    "baseline": "nasrec_tf.networks.baselines",
    "complexity": "nasrec_tf.architecture.complexity",
    "draw_svg": "nasrec_tf.drawing.scene",
    "load": "nasrec_tf.loading",
    "load_architecture": "nasrec_tf.architecture.presets",
    "memory_bytes": "nasrec_tf.architecture.memory",
    "portable": "nasrec_tf.native",
    "preset": "nasrec_tf.architecture.presets",
    "presets": "nasrec_tf.architecture.presets",
    "run_search": "nasrec_tf.searching",
    "search_space": "nasrec_tf.architecture.space",
}
"""What is public, and where it stands. The imports below say the same to type checkers."""

_ROOMS = ("search",)
"""Rooms that are public themselves: ``search`` can be called."""

__all__ = ["__version__", *_HOMES, *_ROOMS]

if TYPE_CHECKING:
    from nasrec_tf.architecture.architecture import Architecture as Architecture
    from nasrec_tf.architecture.blocks import Bits as Bits
    from nasrec_tf.architecture.blocks import Block as Block
    from nasrec_tf.architecture.complexity import Complexity as Complexity
    from nasrec_tf.architecture.complexity import complexity as complexity
    from nasrec_tf.architecture.memory import memory_bytes as memory_bytes
    from nasrec_tf.architecture.presets import Preset as Preset
    from nasrec_tf.architecture.presets import load_architecture as load_architecture
    from nasrec_tf.architecture.presets import preset as preset
    from nasrec_tf.architecture.presets import presets as presets
    from nasrec_tf.architecture.space import CODESIGN as CODESIGN
    from nasrec_tf.architecture.space import NASREC_FULL as NASREC_FULL
    from nasrec_tf.architecture.space import NASREC_SMALL as NASREC_SMALL
    from nasrec_tf.architecture.space import RANKING_STUDY as RANKING_STUDY
    from nasrec_tf.architecture.space import SearchSpace as SearchSpace
    from nasrec_tf.architecture.space import search_space as search_space
    from nasrec_tf.common.errors import ArchitectureError as ArchitectureError
    from nasrec_tf.common.errors import RunError as RunError
    from nasrec_tf.common.errors import UserError as UserError
    from nasrec_tf.data.features import Features as Features
    from nasrec_tf.drawing.scene import draw_svg as draw_svg
    from nasrec_tf.loading import load as load
    from nasrec_tf.native import portable as portable
    from nasrec_tf.networks.baselines import BASELINES as BASELINES
    from nasrec_tf.networks.baselines import Baseline as Baseline
    from nasrec_tf.networks.baselines import baseline as baseline  # type: ignore[no-redef]  # no module
    from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork as BaselineNetwork
    from nasrec_tf.networks.subnet import Subnet as Subnet
    from nasrec_tf.networks.supernet.model import Supernet as Supernet
    from nasrec_tf.operators import NetworkOptions as NetworkOptions
    from nasrec_tf.optimizers.adagrad import Adagrad as Adagrad
    from nasrec_tf.optimizers.schedules import WarmupCosine as WarmupCosine
    from nasrec_tf.searching import run_search as run_search
    from nasrec_tf.trained.trained_model import TrainedModel as TrainedModel


def __getattr__(name: str) -> _Any:
    if name in _ROOMS:
        return _importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | {name for name in globals() if name.startswith("__")})
