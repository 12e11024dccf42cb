"""One stage of the main job: what is said and noted before it, and what it leaves."""

import sys
from typing import Any

from beam_preprocess.dataset.findings import Findings
from beam_preprocess.dataset.manifest import verify_what_is_read
from nasrec_tf.search.environment import current_environment
from nasrec_tf.search.options import flag
from nasrec_tf.search.preflight import recipe_without_effect
from nasrec_tf.search.stage_result import StageResult
from nasrec_tf.search.unread_options import unread_options, without_effect_on_one_model


def complete_stage(run: Any, stage: str) -> None:
    """Runs a stage, or goes on with it, and keeps what it leaves.

    Args:
        run: the run, whose stages before have finished.
        stage: of its stages.

    Raises:
        UserError, DataError: if options or data cannot be used.
    """
    with run.directory.timed(stage) as spent:
        result = _stage_result(run, stage)
    run.directory.finish(stage, result, spent())
    run.log(f"{stage}: finished in {spent():.0f} s")
    if stage == "records":
        for text in Findings.load(run.dataset).told():
            print(f"warning: {text}", file=sys.stderr, flush=True)


def _stage_result(run, stage: str) -> StageResult:
    from nasrec_tf.search.stages import stage_function

    run.time.begin(stage)
    if run.time.limited:
        run.say(f"{stage}: {run.time.told()}")
    if stage == "records":  # Needs no TensorFlow.
        run.directory.note_environment(current_environment(modules=run.config.imports))
        return stage_function(stage)(run)
    from nasrec_tf.native import kernel_fingerprint
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow, user_errors

    verify_what_is_read(run.dataset)
    configure_tensorflow(run.config.device)
    environment = current_environment(kernel_fingerprint(), run.config.imports)
    run.directory.note_environment(environment)
    _announce(run, stage)
    with user_errors(run):
        return stage_function(stage)(run)


def _announce(run, stage: str) -> None:
    from nasrec_tf.search.memory_check import memory_lines
    from nasrec_tf.search.scaling import explain
    from nasrec_tf.search.source_0 import explain_rule
    from nasrec_tf.search.stages.evolution import check_budgets
    from nasrec_tf.search.stages.rescore import check_longer
    from nasrec_tf.training.devices import gpu_names

    if stage == run.config.stages[1]:
        for name in gpu_names():
            run.say(f"device: {name}; a network's first step waits for XLA, minutes for a supernet")
        lines = explain(run.config, run.settings, run.records.rows("train"))
        if unread := without_effect_on_one_model(run.config):
            names = ", ".join(map(flag, unread))
            lines.append(f"without effect, since --architecture leaves no search: {names}")
        lines += [f"without effect: {flag(name)} {why}" for name, why in unread_options(run.config)]
        if unread := recipe_without_effect(run.config):
            lines.append(
                f"without effect on {run.config.architecture}: {', '.join(unread)} of --recipe "
                f"{run.config.recipe}; it has none, or says so among its own options"
            )
        if run.config.architecture is None:
            lines += explain_rule(run.config, run.space.dense_embeddings, run.dense_columns)
        for line in (*lines, *memory_lines(run)):
            run.say(line)
    # What a network costs may depend on its recipe; of a search that is made again the first of
    # these has ended before.
    first = next(each for each in run.config.stages if each not in ("records", "recipe"))
    if stage in (first, "evolution"):
        check_budgets(run)
    if "rescore" in run.config.stages and stage in (first, "rescore"):
        check_longer(run)
