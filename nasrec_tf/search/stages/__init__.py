"""The stages of a run, each of which resumes where it was stopped."""

import importlib
from collections.abc import Callable

from nasrec_tf.search.results import StageResult


def stage_function(name: str) -> Callable[..., StageResult]:
    """The function that runs a stage: takes the ``Run``, returns the stage's result.

    Args:
        name: of ``STAGES``.
    """
    return importlib.import_module(f"nasrec_tf.search.stages.{name}").run_stage
