"""What is done to a run, and what has to come out: each case is a function of its seed."""

import pathlib
import random
import shutil
import socket
import time
from collections.abc import Callable

from torture.damages import damages, files
from torture.recipes import (
    RECIPES,
    Ended,
    command,
    differences,
    end,
    end_state,
    run,
    run_limited,
    start,
)

MOST_DISTURBANCES = 4


class Wrong(Exception):
    """A run did not do what it must; the message says what."""


class Bench:
    """Undisturbed runs of the recipes, made when they are first needed, to compare with.

    Args:
        directory: where they are kept.
    """

    def __init__(self, directory: pathlib.Path):
        self.directory = directory

    def undisturbed(self, recipe: str) -> pathlib.Path:
        """Directory of the finished run."""
        directory = self.directory / recipe
        if not (directory / "seconds").exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            began = time.monotonic()
            counted = run(
                ["torture.disturbed", "count", "0", str(directory), *command(recipe, directory)]
            )
            if counted.code != 0:
                raise Wrong(f"the undisturbed run failed: {counted.err}")
            events = counted.err.rsplit("events ", 1)[1].strip()
            (directory / "events").write_text(events)
            (directory / "seconds").write_text(str(time.monotonic() - began))
        return directory

    def events(self, recipe: str) -> int:
        """How many writes, renames and syncs the run has."""
        return int((self.undisturbed(recipe) / "events").read_text())

    def seconds(self, recipe: str) -> float:
        """How long it took."""
        return float((self.undisturbed(recipe) / "seconds").read_text())

    def check(self, recipe: str, directory: pathlib.Path) -> None:
        """Compares the end state of a run with the undisturbed one's."""
        wrong = differences(end_state(directory), end_state(self.undisturbed(recipe)))
        if wrong:
            raise Wrong(f"another end state: {', '.join(wrong)}")


def finish(recipe: str, directory: pathlib.Path) -> None:
    """Repeats the command, undisturbed, until the run has ended."""
    ended = run(command(recipe, directory))
    if ended.code != 0:
        raise Wrong(f"the same command does not go on: code {ended.code}: {ended.err[-2000:]}")


def kills(bench: Bench, directory: pathlib.Path, rng: random.Random) -> None:
    """SIGKILL at random moments and at chosen writes, several in a row."""
    recipe = rng.choice(list(RECIPES))
    for _ in range(rng.randint(1, MOST_DISTURBANCES)):
        if rng.random() < 0.5:
            _kill_at_a_moment(command(recipe, directory), rng.uniform(0, bench.seconds(recipe)))
        else:
            _disturb(bench, recipe, directory, "kill", rng)
    finish(recipe, directory)
    bench.check(recipe, directory)


def faults(bench: Bench, directory: pathlib.Path, rng: random.Random) -> None:
    """Faults of the device at chosen writes, and no space beyond a size, TensorFlow's included."""
    recipe = rng.choice(list(RECIPES))
    for _ in range(rng.randint(1, MOST_DISTURBANCES)):
        if rng.random() < 0.4:
            size = int(10 ** rng.uniform(0, 8))
            _check_told(run_limited(command(recipe, directory), size), f"files of {size} bytes")
        else:
            _disturb(bench, recipe, directory, rng.choice(["EIO", "ENOSPC"]), rng)
    finish(recipe, directory)
    bench.check(recipe, directory)


def damaged(bench: Bench, directory: pathlib.Path, rng: random.Random) -> None:
    """One damage to one file of a finished or of a half-finished run."""
    recipe = rng.choice(list(RECIPES))
    if rng.random() < 0.5:
        # The export is where the run says; a run that moved has to be made here.
        finish(recipe, directory)
    else:
        _kill_at_a_moment(command(recipe, directory), rng.uniform(0.2, 1) * bench.seconds(recipe))
    found = [path for path in files(directory / "run") if path.name != ".lock"]
    if not found:
        return
    damage = rng.choice([d for d in damages(rng.choice(found), rng.random()) if not d.believable])
    damage.apply()
    (directory / "damage.txt").write_text(str(damage))
    ended = run(command(recipe, directory))
    if ended.code == 0:
        bench.check(recipe, directory)
    else:
        _check_told(ended, str(damage))


def exports(bench: Bench, directory: pathlib.Path, rng: random.Random) -> None:
    """Two runs export to one name at the same time, and one of them may be killed."""
    origin = bench.undisturbed("search")
    processes, arguments = [], []
    for name in ("one", "two"):
        shutil.copytree(origin / "run", directory / name / "run")
        shutil.rmtree(directory / name / "run" / "export")
        arguments.append(
            [*command("search", directory / name), "--export-dir", str(directory / "models")]
        )
        processes.append(start(arguments[-1]))
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0, bench.seconds("search")))
        processes[0].kill()
    for process, again in zip(processes, arguments):
        ended = end(process)
        if ended.code not in (0, -9):
            raise Wrong(f"an export failed: {ended.err[-2000:]}")
        if run(again).code != 0:
            raise Wrong("an export does not go on")
    models = directory / "models" / "nasrec"
    found = sorted(path.name for path in models.iterdir())
    if found != ["1", "2"]:
        raise Wrong(f"versions {found} of two exports")
    for name in ("one", "two"):
        (directory / name / "models").mkdir()
        expected = end_state(origin)
        shutil.copytree(models / "1", directory / name / "models" / "nasrec" / "1")
        wrong = differences(end_state(directory / name), expected)
        if wrong:
            raise Wrong(f"run {name}: another end state: {', '.join(wrong)}")


def workers(bench: Bench, directory: pathlib.Path, rng: random.Random) -> None:
    """A chief and two workers, any of which is killed and started again."""
    for stage in ("records", "supernet"):
        ended = run(command("search", directory, ["--stage", stage]))
        if ended.code != 0:
            raise Wrong(f"{stage}: {ended.err[-2000:]}")
    arguments = command("search", directory, ["--stage", "evolution"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": str(free.getsockname()[1]),
        }
    names = ["chief", "worker0", "worker1"]
    begun = {name: start(arguments, **address, KERASTUNER_TUNER_ID=name) for name in names}
    try:
        for _ in range(rng.randint(0, 2)):
            time.sleep(rng.uniform(1, bench.seconds("search")))
            name = rng.choice(names)
            begun[name].kill()
            begun[name].communicate()
            if not (directory / "run" / "evolution" / "result.json").exists():
                begun[name] = start(arguments, **address, KERASTUNER_TUNER_ID=name)
        chief = end(begun["chief"])
        if chief.code not in (0, -9):
            raise Wrong(f"the chief failed: code {chief.code}: {chief.err[-2000:]}")
    finally:
        for process in begun.values():
            process.kill()
            process.communicate()
    finish("search", directory)
    bench.check("search", directory)


CASES: dict[str, Callable[[Bench, pathlib.Path, random.Random], None]] = {
    "kills": kills,
    "faults": faults,
    "damages": damaged,
    "exports": exports,
    "workers": workers,
}


def _kill_at_a_moment(arguments: list[str], seconds: float) -> None:
    process = start(arguments)
    time.sleep(seconds)
    process.kill()
    ended = end(process)
    if ended.code not in (0, -9):
        raise Wrong(f"before it was killed: code {ended.code}: {ended.err[-2000:]}")


def _disturb(
    bench: Bench, recipe: str, directory: pathlib.Path, kind: str, rng: random.Random
) -> None:
    number = rng.randint(1, bench.events(recipe))
    arguments = ["torture.disturbed", kind, str(number), str(directory)]
    ended = run([*arguments, *command(recipe, directory)])
    if kind == "kill":
        if ended.code not in (0, -9):
            raise Wrong(f"killed at write {number}: code {ended.code}: {ended.err[-2000:]}")
    else:
        _check_told(ended, f"{kind} at write {number}")


def _check_told(ended: Ended, what: str) -> None:
    if ended.code != 0 and not ended.is_one_line:
        raise Wrong(f"{what}: code {ended.code}, not one line: {ended.err[-2000:]}")
