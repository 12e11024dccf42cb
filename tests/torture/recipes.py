"""Small runs of every kind, and how their commands are run."""

import dataclasses
import os
import pathlib
import resource
import subprocess
import sys
from collections.abc import Sequence

from nasrec_tf.search.options import STAGES

REPOSITORY = pathlib.Path(__file__).parents[2]

COMMON = (
    "--recipe paper --demo-rows 1500 --space nasrec-small --blocks 2 --batch-size 64 "
    "--supernet-epochs 1 "
    "--population 4 --tournament 2 --children 2 --generations 2 --fine-tune-steps 2 --top-k 2 "
    "--refine 2 "
    "--retrain-epochs 2 --checkpoint-seconds 0.05 --no-explain --seed 3 --quiet"
).split()

PATIENCE_SECONDS = 900
"""After so long a command hangs."""


NEEDED = {
    "recipe": "auto",
    "rescore": "--rescore",
    "prune": "--prune",
    "hardware": "--codesign",
    "explain": "--explain",
}
"""Words of the command without which there is no such stage."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A kind of run.

    Args:
        options: what it adds to the command.
        skipped: stages that it has and that do nothing.
    """

    options: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[str, ...]:
        """Its stages in order, those that do nothing too."""
        return tuple(s for s in STAGES if s not in NEEDED or NEEDED[s] in self.options)

    @property
    def disturbed(self) -> tuple[str, ...]:
        """The stages that do something."""
        return tuple(stage for stage in self.stages if stage not in self.skipped)


RECIPES = {
    "search": Recipe(),
    "codesign": Recipe(("--codesign", "--hardware-rows", "20")),
    "preset": Recipe(("--architecture", "nasrec-criteo-small"), ("supernet", "evolution")),
    "explained": Recipe(
        ("--architecture", "lr", "--explain"),
        ("supernet", "evolution"),
    ),
    "chosen": Recipe(
        ("--finalist-seeds", "3", "--ensemble", "3", "--final-fit", "train+validation"),
    ),
    "flags": Recipe(("--no-operator-balancing", "--final-layer-norm", "--strategy", "random")),
    "rescored": Recipe(("--rescore", "3", "--rescore-steps", "5")),
    "tuned": Recipe(("--recipe", "auto", "--recipe-share", "0.2")),
    "pruned": Recipe(("--prune", "mask", "--prune-iterations", "1")),
}


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended.

    Args:
        code: exit code; negative for a signal.
        err: standard error.
    """

    code: int
    err: str

    @property
    def is_one_line(self) -> bool:
        """Whether it refused as it should: code 2 and one line of its own."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return self.code == 2 and len(lines) == 1 and "Traceback" not in self.err

    def __str__(self) -> str:
        return f"code {self.code}: {self.err[-2000:]}"


def command(recipe: str, directory: pathlib.Path, more: Sequence[str] = ()) -> list[str]:
    """Module and arguments of a run in a directory."""
    places = ["--run-dir", str(directory / "run"), "--export-dir", str(directory / "models")]
    return ["nasrec_tf.search", *COMMON, *RECIPES[recipe].options, *places, *more]


def start(arguments: Sequence[str], **environment: str) -> subprocess.Popen:
    """Starts ``python -m`` with the arguments."""
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def end(process: subprocess.Popen) -> Ended:
    """Waits for a process, which does not outlive this wait."""
    try:
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        return Ended(process.returncode, f"hung for {PATIENCE_SECONDS} s\n{err}")
    finally:
        process.kill()
    return Ended(process.returncode, err)


def run(arguments: Sequence[str]) -> Ended:
    """Runs ``python -m`` with the arguments."""
    return end(start(arguments))


def run_limited(arguments: Sequence[str], size: int) -> Ended:
    """The same, where no file may grow beyond so many bytes."""
    process = start(arguments)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
    return end(process)
