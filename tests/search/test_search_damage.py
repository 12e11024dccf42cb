"""A run of which a file was damaged says so in one line, or ends as it would have without."""

import dataclasses
import itertools
import shutil

import pytest
from search_calls import Said, call, options, run_of
from torture.damages import Snapshot, damages, files

from nasrec_tf.common.errors import RunError
from nasrec_tf.report import Curve
from nasrec_tf.search.attempts import ended_attempts
from nasrec_tf.search.run import Run

SAMPLED = {".svg": 1, ".txt": 3, ".gz": 1, ".v2": 1}
"""Files of these endings are many and alike: so many of them are damaged."""


def figures(said: Said, gathered: list) -> tuple:
    """What the last screen and the report show, but for times, versions, links and curves."""
    screen = [line for line in said.out.splitlines() if not line.startswith("time ")]
    run = gathered[-1]
    stages = [stage.note for stage in run.stages]
    # Data sets from before there were findings have no shares of values that are new on test.
    tables = [dataclasses.replace(table, unseen_share=None) for table in run.data.tables]
    candidates = [
        dataclasses.replace(found, curve=Curve(validation=found.curve.validation))
        for found in run.candidates
    ]
    return screen, dataclasses.replace(
        run,
        data=dataclasses.replace(run.data, tables=tables),
        stages=stages,
        candidates=candidates,
        supernet=None,
        versions={},
        made=None,
        links={},
    )


def sample(paths):
    """The files to damage."""
    seen = dict.fromkeys(SAMPLED, 0)
    for path in paths:
        if path.suffix in SAMPLED:
            seen[path.suffix] += 1
            if seen[path.suffix] > SAMPLED[path.suffix]:
                continue
        yield path


def fault_of(damage, command, gathered, expected) -> str | None:
    """What is wrong with how a command takes a damage."""
    try:
        said = command()
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    if said.code == 0:
        same = damage.believable or figures(said, gathered) == expected
        return None if same else "another result"
    lines = [line for line in said.err.splitlines() if not line.startswith("warning: ")]
    told = said.code == 2 and len(lines) == 1 and lines[0].startswith("error: ")
    return None if told else f"exit code {said.code}, {len(lines)} lines: {said.err[:300]}"


def assert_told_or_harmless(directory, paths, gathered, *more, ways=None, every=1):
    """Damages one file after the other and repeats the command each time.

    In every way, or the first ones; or every so many, and others in the next file.
    """
    snapshot = Snapshot(directory)
    expected = figures(call(*options(directory), *more), gathered)
    snapshot.restore()
    wrong = []
    for number, path in enumerate(sample(paths)):
        for damage in itertools.islice(damages(path, seed=1), number % every, ways, every):
            damage.apply()
            fault = fault_of(damage, lambda: call(*options(directory), *more), gathered, expected)
            if fault:
                wrong.append(f"{damage}: {fault}")
            snapshot.restore()
    assert not wrong, "\n".join(wrong)


def test_every_file_of_a_finished_run(finished_run, unrendered):
    assert_told_or_harmless(finished_run, files(finished_run), unrendered, every=8)


@pytest.mark.slow
def test_every_file_of_a_finished_run_in_every_way(finished_run, unrendered):
    assert_told_or_harmless(finished_run, files(finished_run), unrendered)


@pytest.mark.slow
def test_every_file_of_a_half_finished_training(run_files, unrendered, monkeypatch):
    """The second candidate was stopped after its first epoch; the ways that cut and empty files."""
    from nasrec_tf.search.epoch_validation import EpochValidation

    for stage in ("export", "retrain"):
        shutil.rmtree(run_files / "run" / stage)
    shutil.rmtree(run_files / "models")
    with monkeypatch.context() as patch:
        patch.setattr(EpochValidation, "__call__", _stopped(EpochValidation.__call__))
        assert call(*options(run_files)).code == 130
    second = run_files / "run" / "retrain" / "02-rate-0.12"
    assert (second / "checkpoint").is_dir() and not (second / "result.json").exists()
    assert (second / "validation.json").exists()
    paths = [path for path in files(second) if path.parent.name != "tensorboard"]
    assert_told_or_harmless(run_files, paths, unrendered, "--stage", "retrain", ways=3)


def _stopped(validate):
    """Evaluates, and is interrupted after the first epoch of the second candidate."""

    def called(self, epoch):
        goes_on = validate(self, epoch)
        if "02-" in str(self._path.parent):
            raise KeyboardInterrupt
        return goes_on

    return called


def test_a_recipe_file_that_has_changed_since_is_named(finished_run, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text("row_decay = 0.5\n")
    run = run_of(finished_run)
    assert ended_attempts(run)
    changed = Run(dataclasses.replace(run.config, recipe=str(own)), run.directory, quiet=True)
    with pytest.raises(RunError, match=r"other trainings .*\. If \S+own\.toml has changed since"):
        ended_attempts(changed)
