"""What the scores of a search depend on besides the architecture.

The search keeps it in its journal, and chief and workers compare it: scores that were made in
another way cannot be compared.
"""

import hashlib
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

import nasrec_tf
from beam_preprocess.dataset.file_format import MANIFEST_FILE, SCHEMA_FILE, read_json
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.common.own_modules import digests
from nasrec_tf.native import kernel_fingerprint
from nasrec_tf.search.environment import current_environment
from nasrec_tf.search.options import flag
from nasrec_tf.search.run import Run
from nasrec_tf.training.recipe import Recipe

SCORED_WITH = ("tensorflow", "keras", "numpy", "nasrec_tf")
"""Packages on whose version the last bits of a score depend."""


def supernet_settings(run: Run, plan, supernet) -> dict[str, Any]:
    """What a supernet's scores depend on besides the architecture: options by flag, and digests.

    Args:
        run: the run.
        plan: a ``ScoringPlan``.
        supernet: the trained supernet, whose weights are read.

    Returns:
        JSON values, as ``ArchitectureOracle`` takes them.
    """
    options = ("seed", "layer_norm", "operator_balancing", "max_table_rows")
    of_plan = {
        "batch_size": plan.batch_size,
        "fine_tune_steps": plan.fine_tune_steps,
        "fine_tune_learning_rate": plan.learning_rate,
        "validation_rows": plan.validation_rows,
    }
    settings = {name: getattr(run.config, name) for name in options} | of_plan
    return {flag(name): value for name, value in settings.items()} | {
        "fine-tuning warm-up steps": plan.warmup_steps,
        "rows of a validation batch": plan.evaluation_batch,
        "data set (digest)": digest_of_data(run.dataset),
        "supernet's weights (digest)": digest_of_weights(supernet),
    }


def training_settings(run: Run, plan) -> dict[str, Any]:
    """What scores of trainings from scratch depend on besides the architecture.

    Args:
        run: the run.
        plan: a ``ShortTrainingPlan``.

    Returns:
        JSON values, as ``ArchitectureOracle`` takes them.
    """
    options = ("score_by", "seed", "operator_balancing", "max_table_rows")
    of_plan = {"score_rows": plan.rows, "validation_rows": plan.validation_rows}
    settings = {name: getattr(run.config, name) for name in options} | of_plan
    own = {flag(name): value for name, value in settings.items()}
    return own | recipe_and_data(run, plan.recipe)


def recipe_and_data(run: Run, recipe: Recipe) -> dict[str, Any]:
    """What every training depends on: its recipe, field by field, and a digest of the data.

    Args:
        run: the run.
        recipe: of the training.
    """
    fields = {f"recipe: {name}": value for name, value in recipe.to_json().items()}
    return fields | {"data set (digest)": digest_of_data(run.dataset)}


def digest_of_data(directory: pathlib.Path) -> str:
    """A digest of a data set's records and schema; plots and data card change no score.

    The schema counts by what it says, not by how it was written down: one of an earlier release,
    which lacks fields that say nothing of it, has the digest of one that is written now. A field
    that is added to ``Schema`` would change the digests of all data sets, and so divide published
    tables from the records of their users; ``tests/search/test_scoring_settings.py`` holds one.

    Args:
        directory: the data set.

    Returns:
        16 hexadecimal digits.
    """
    files = read_json(directory / MANIFEST_FILE)["files"]
    records = {name: said["sha256"] for name, said in files.items() if ".tfrecord" in name}
    schema = Schema.load(directory).dumps()
    records[SCHEMA_FILE] = hashlib.sha256(schema.encode()).hexdigest()
    return json_digest(records)


def digest_of_weights(model: Any) -> str:
    """A digest of a network's weights, in the order of their making.

    Args:
        model: a built Keras model.

    Returns:
        16 hexadecimal digits.
    """
    # Not by names: Keras numbers models by how many a process has made.
    digest = hashlib.sha256()
    for weight in model.weights:
        value = np.ascontiguousarray(weight.numpy())
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.data)
    return digest.hexdigest()[:16]


def scoring_environment(modules: Iterable[str] | None = None) -> dict[str, str]:
    """What scores are equal to the bit with: packages, kernels, and code.

    Args:
        modules: of the user's own that were imported.

    Returns:
        Versions and digests by what they are of.
    """
    package = pathlib.Path(nasrec_tf.__file__).parent
    code = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        code.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    environment = current_environment(kernel_fingerprint())
    packages = {name: environment.packages.get(name, "missing") for name in SCORED_WITH}
    own = {f"{name} (digest)": digest for name, digest in digests(modules or ()).items()}
    return (
        packages
        | {
            "kernels": environment.kernels,
            "code of nasrec_tf (digest)": code.hexdigest()[:16],
        }
        | own
    )
