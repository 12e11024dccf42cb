"""Small runs of every kind, and what is left of one that has ended."""

import dataclasses
import hashlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from typing import Any

REPOSITORY = pathlib.Path(__file__).parents[2]

COMMON = (
    "--demo-rows 1500 --space nasrec-small --blocks 2 --batch-size 64 --supernet-epochs 1 "
    "--population 4 --tournament 2 --children 2 --generations 2 --fine-tune-steps 2 --top-k 2 "
    "--retrain-epochs 2 --checkpoint-seconds 0.05 --seed 3 --quiet"
).split()

RECIPES = {
    "search": [],
    "codesign": ["--codesign", "--hardware-rows", "20"],
    "preset": ["--architecture", "nasrec-criteo-small"],
    "flags": ["--no-operator-balancing", "--final-layer-norm", "--strategy", "random"],
}
"""What each kind of run adds to the command."""

PATIENCE_SECONDS = 1800


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


def command(recipe: str, directory: pathlib.Path, more: Sequence[str] = ()) -> list[str]:
    """Module and arguments of a run in a directory."""
    places = ["--run-dir", str(directory / "run"), "--export-dir", str(directory / "models")]
    return ["nasrec_tf.search", *COMMON, *RECIPES[recipe], *places, *more]


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
    """Waits for a process."""
    try:
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        return Ended(process.returncode, f"hung for {PATIENCE_SECONDS} s\n{err}")
    return Ended(process.returncode, err)


def run(arguments: Sequence[str]) -> Ended:
    """Runs ``python -m`` with the arguments."""
    return end(start(arguments))


def run_limited(arguments: Sequence[str], size: int) -> Ended:
    """The same, where no file may grow beyond so many bytes."""
    process = start(arguments)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
    return end(process)


def end_state(directory: pathlib.Path) -> dict[str, Any]:
    """What has to be alike in every run of a recipe, however it was disturbed."""
    found: dict[str, Any] = {}
    for stage in ("records", "supernet", "evolution", "retrain", "hardware"):
        path = directory / "run" / stage / "result.json"
        if path.exists():
            found[stage] = _without_times(json.loads(path.read_text(encoding="utf-8")))
    winner = found["retrain"]["directory"]
    found["weights"] = _members(directory / "run" / winner / "best.npz")
    found["leaderboard"] = (directory / "run" / "leaderboard.csv").read_text(encoding="utf-8")
    versions = sorted(path.name for path in (directory / "models" / "nasrec").iterdir())
    found["versions"] = versions
    for version in versions:
        variables = directory / "models" / "nasrec" / version / "variables"
        found[f"export {version}"] = {
            path.name: _digest(path.read_bytes()) for path in sorted(variables.iterdir())
        }
    return found


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Names of the parts of two end states that differ."""
    names = sorted({*found, *expected})
    return [name for name in names if found.get(name) != expected.get(name)]


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        parts = {k: _without_times(v) for k, v in value.items()}
        return {k: v for k, v in parts.items() if k not in ("seconds", "checksum")}
    return [_without_times(part) for part in value] if isinstance(value, list) else value


def _members(path: pathlib.Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: _digest(archive.read(name)) for name in sorted(archive.namelist())}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
