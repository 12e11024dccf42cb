"""The main job called in this process, and the small run that its tests share."""

import contextlib
import dataclasses
import io
import pathlib
from typing import Any

OPTIONS = (
    "--recipe paper --demo-rows 1500 --space nasrec-small --blocks 2 --batch-size 64 "
    "--supernet-epochs 1 "
    "--population 4 --tournament 2 --children 2 --generations 1 --fine-tune-steps 2 --top-k 2 "
    "--refine 0 "
    "--retrain-epochs 2 --no-explain --seed 3 --quiet"
).split()


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command left.

    Args:
        code: exit code.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of a command that refused."""
        lines = [line for line in self.err.splitlines() if not line.startswith("warning: ")]
        assert self.code == 2 and self.out == "" and len(lines) == 1, self
        assert lines[0].startswith("error: ")
        return lines[0]


def options(directory: pathlib.Path) -> list[str]:
    """The command line of the run in a directory."""
    places = ["--run-dir", str(directory / "run"), "--export-dir", str(directory / "models")]
    return [*OPTIONS, *places]


def run_of(directory: pathlib.Path) -> Any:
    """The ``Run`` in a directory, by the options that it was begun with."""
    from nasrec_tf.search.config import SearchConfig, load_options
    from nasrec_tf.search.run import Run
    from nasrec_tf.search.run_directory import RunDirectory

    path = directory / "run"
    options = load_options(path / "config.toml") | {"run_dir": str(path)}
    return Run(SearchConfig(**options), RunDirectory(path), quiet=True)


def call(*arguments: str) -> Said:
    """Runs the main job in this process."""
    from nasrec_tf.search.command import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())
