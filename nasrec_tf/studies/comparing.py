"""A comparison from its options to its table on the screen."""

import dataclasses

from beam_preprocess.dataset.manifest import verify_what_is_read
from nasrec_tf.native import kernel_fingerprint
from nasrec_tf.report.comparison_text import screen_table
from nasrec_tf.search.environment import current_environment
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.tensorflow_setup import configure_tensorflow, user_errors
from nasrec_tf.studies.comparison import PAGE, Comparison, load_comparison
from nasrec_tf.studies.config import CompareConfig
from nasrec_tf.studies.contenders import left_out
from nasrec_tf.studies.planned_cost import plan_table


def compare(config: CompareConfig, only_plan: bool, quiet: bool) -> int:
    """Makes a comparison, or goes on with it; returns the exit code.

    Args:
        config: its options.
        only_plan: tell what it would cost, and train nothing.
        quiet: no progress, only the table.

    Raises:
        UserError: if run, models or options cannot be used.
    """
    comparison, directory = _checked(config, quiet)
    for told in left_out(comparison.run, config.models).values():
        comparison.run.say(told)
    if only_plan:
        _plan(comparison)
        return 0
    # Searches are begun by the options as they stand; else only what the run has left is read.
    stored = directory.stored_config() if comparison.searches.unfinished else None
    with directory.opened(stored):
        # What another process has made of the run before it was this one's is what counts.
        comparison, _ = _checked(config, quiet)
        verify_what_is_read(comparison.run.dataset)
        with comparison.opened():
            _prepare(comparison.run.config.device, config)
            _compare(_searched(comparison))
    return 0


def _checked(config: CompareConfig, quiet: bool) -> tuple[Comparison, RunDirectory]:
    comparison, directory = load_comparison(config, quiet)
    comparison.check()
    return comparison, directory


def _plan(comparison: Comparison) -> None:
    verify_what_is_read(comparison.run.dataset)
    _prepare(comparison.run.config.device, None)
    print(plan_table(comparison.plan(), comparison.settings.rows["test"]))
    if comparison.searches.unfinished:
        print(comparison.searches.told())


def _prepare(device: str, config: CompareConfig | None) -> None:
    """Makes TensorFlow ready, and notes in a comparison what it is computed with."""
    configure_tensorflow(device)
    if config is not None:
        environment = current_environment(kernel_fingerprint())
        RunDirectory(config.directory).note_environment(environment)


def _searched(comparison: Comparison) -> Comparison:
    """The comparison with what the searches find that were asked for."""
    if not comparison.searches.unfinished:
        return comparison
    with user_errors(comparison.run):
        comparison.searches.make()
    comparison = dataclasses.replace(comparison)  # That which knows them.
    comparison.check()
    return comparison


def _compare(comparison: Comparison) -> None:
    with user_errors(comparison.run):
        for outcomes in comparison.outcomes():
            summary = comparison.summary(outcomes)
            comparison.write(summary)
    print(screen_table(summary))
    print(f"page  {comparison.config.directory / PAGE}")
