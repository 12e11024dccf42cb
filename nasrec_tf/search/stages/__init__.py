"""The stages of a run, each of which resumes where it was stopped."""

import importlib
from collections.abc import Callable
from typing import Any


def stage_function(name: str) -> Callable[..., dict[str, Any]]:
    """The function that runs a stage: takes the ``Run``, returns its result as JSON values."""
    return importlib.import_module(f"nasrec_tf.search.stages.{name}").run_stage
