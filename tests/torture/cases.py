"""What is done to a run, and what has to come out: each case is a function of its seed."""

import dataclasses
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable

from nasrec_tf.search.options import STAGES
from torture.bench import Bench, Wrong
from torture.damages import damages, files
from torture.recipes import RECIPES, Ended, command, end, run, run_limited, start
from torture.state import differences, name_of, state

MOST_DISTURBANCES = 3

KILLED = (0, -9)
"""Exit codes of what was killed, perhaps too late."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One case.

    Args:
        kind: what is done, a key of ``KINDS``.
        stage: that is disturbed.
        recipe: of the run, a key of ``RECIPES``.
        seed: of all that is drawn.
    """

    kind: str
    stage: str
    recipe: str
    seed: str

    def run(self, bench: Bench) -> None:
        """Runs it.

        Raises:
            Wrong: if a run does not do what it must.
        """
        KINDS[self.kind](bench, self, random.Random(self.seed))


def nth_case(number: int, seed: int, only: str | None = None) -> Case:
    """The case of a number: every kind in every stage, in another order each time around.

    Args:
        number: from 0.
        seed: of the order, the recipes and all that the cases draw.
        only: the kind, if it is given.
    """
    deck = [(kind, stage) for kind, stage in DECK if only in (None, kind)]
    random.Random(f"{seed} {number // len(deck)}").shuffle(deck)
    kind, stage = deck[number % len(deck)]
    of_case = f"{seed} {number}"
    fitting = [name for name, recipe in RECIPES.items() if stage in recipe.disturbed]
    return Case(kind, stage, random.Random(f"{of_case} recipe").choice(fitting), of_case)


def kills(bench: Bench, case: Case, rng: random.Random) -> None:
    """SIGKILL at random moments and at chosen writes, several in a row."""
    arguments, last = _arguments(bench, case, rng)
    bench.lay_out_before(case.recipe, case.stage)
    for _ in range(rng.randint(1, MOST_DISTURBANCES)):
        if rng.random() < 0.5:
            _kill_at_a_moment(bench, case, arguments, rng.random())
        else:
            _disturb(bench, case, arguments, "kill", rng)
    _finish(arguments)
    bench.check(case.recipe, last)


def faults(bench: Bench, case: Case, rng: random.Random) -> None:
    """Faults of the device at chosen writes, and no space beyond a size, TensorFlow's included."""
    arguments, last = _arguments(bench, case, rng)
    bench.lay_out_before(case.recipe, case.stage)
    for _ in range(rng.randint(1, MOST_DISTURBANCES)):
        if rng.random() < 0.4:
            size = int(10 ** rng.uniform(0, 8))
            _check_told(run_limited(arguments, size), f"files of {size} bytes")
        else:
            _disturb(bench, case, arguments, rng.choice(["EIO", "ENOSPC"]), rng)
    _finish(arguments)
    bench.check(case.recipe, last)


def damaged(bench: Bench, case: Case, rng: random.Random) -> None:
    """One damage to one file of a run that stands after the stage, or was killed in it."""
    arguments, last = _arguments(bench, case, rng)
    if rng.random() < 0.5:
        bench.lay_out(case.recipe, case.stage)
    else:
        bench.lay_out_before(case.recipe, case.stage)
        _kill_at_a_moment(bench, case, arguments, rng.uniform(0.4, 1))
    found = [path for path in files(bench.place / "run") if path.name != ".lock"]
    if not found:
        return
    damage = rng.choice([d for d in damages(rng.choice(found), rng.random()) if not d.believable])
    damage.apply()
    ended = run(arguments)
    if ended.code != 0:
        _check_told(ended, str(damage))
        return
    try:
        # What nobody reads again stays as it is.
        bench.check(case.recipe, last, but=[name_of(damage.path, bench.place)])
    except Wrong as wrong:
        raise Wrong(f"{damage}: {wrong}") from None


def exports(bench: Bench, case: Case, rng: random.Random) -> None:
    """Two runs export to one name at the same time, and one of them may be killed."""
    bench.lay_out_before(case.recipe, "export")
    commands = []
    for name in ("one", "two"):
        shutil.copytree(bench.place / "run", bench.place / name / "run")
        places = ["--stage", "export", "--export-dir", str(bench.place / "models")]
        commands.append(command(case.recipe, bench.place / name, places))
    processes = [start(arguments) for arguments in commands]
    try:
        if rng.random() < 0.7:
            time.sleep(rng.uniform(0.3, 1.5) * bench.stage(case.recipe, "export").seconds)
            rng.choice(processes).kill()
        for ended in [end(process) for process in processes]:
            if ended.code not in KILLED:
                raise Wrong(f"an export failed: {ended}")
    finally:
        _end_all(processes)
    for arguments in commands:
        _finish(arguments)
    models = bench.place / "models" / "nasrec"
    found = sorted(path.name for path in models.iterdir())
    if found != ["1", "2"]:
        raise Wrong(f"versions {found} of two exports")
    _check_versions(bench, case)


def workers(bench: Bench, case: Case, rng: random.Random) -> None:
    """A chief and two workers, any of which is killed and started again."""
    bench.lay_out_before(case.recipe, "evolution")
    seconds = bench.stage(case.recipe, "evolution").seconds
    moments = sorted(rng.uniform(0, 2 * seconds) for _ in range(rng.randint(0, 3)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = command(case.recipe, bench.place, ["--stage", "evolution"])
    names = ["chief", "worker0", "worker1"]
    begun = {name: _begin_part(arguments, name, port) for name in names}
    try:
        began = time.monotonic()
        for moment in moments:
            if _has_ended(begun["chief"], began + moment):
                break
            name = rng.choice(names)
            begun[name].kill()
            begun[name].communicate()
            begun[name] = _begin_part(arguments, name, port)
        chief = end(begun["chief"])
        if chief.code != 0:
            raise Wrong(f"the chief failed: {chief}")
        _check_workers([begun[name] for name in names[1:]])
    finally:
        _end_all(list(begun.values()))
    bench.check(case.recipe, "evolution")


KINDS: dict[str, Callable[[Bench, Case, random.Random], None]] = {
    "kills": kills,
    "faults": faults,
    "damages": damaged,
    "exports": exports,
    "workers": workers,
}

DECK = [(kind, stage) for kind in ("kills", "faults", "damages") for stage in STAGES]
DECK += 2 * [("exports", "export"), ("workers", "evolution")]
"""Kind and stage of all cases, those that know one stage alone twice."""


def _arguments(bench: Bench, case: Case, rng: random.Random) -> tuple[list[str], str]:
    """The command of a case, which runs one stage or goes on to the end, and its last stage."""
    if rng.random() < 0.7:
        return command(case.recipe, bench.place, ["--stage", case.stage]), case.stage
    return command(case.recipe, bench.place), RECIPES[case.recipe].stages[-1]


def _finish(arguments: list[str]) -> None:
    """Repeats the command, undisturbed."""
    ended = run(arguments)
    if ended.code != 0:
        raise Wrong(f"the same command does not go on: {ended}")


def _kill_at_a_moment(bench: Bench, case: Case, arguments: list[str], share: float) -> None:
    """Kills a command after a share of the time that its first stage takes."""
    process = start(arguments)
    try:
        time.sleep(share * bench.stage(case.recipe, case.stage).seconds)
    finally:
        process.kill()
    ended = end(process)
    if ended.code not in KILLED:
        raise Wrong(f"before it was killed: {ended}")


def _disturb(bench: Bench, case: Case, arguments: list[str], kind: str, rng: random.Random) -> None:
    number = rng.randint(1, bench.stage(case.recipe, case.stage).events)
    ended = run(["torture.disturbed", kind, str(number), str(bench.place), *arguments])
    if kind != "kill":
        _check_told(ended, f"{kind} at event {number}")
    elif ended.code not in KILLED:
        raise Wrong(f"killed at event {number}: {ended}")


def _check_told(ended: Ended, what: str) -> None:
    if ended.code != 0 and not ended.is_one_line:
        raise Wrong(f"{what}: not one line: {ended}")


def _check_versions(bench: Bench, case: Case) -> None:
    """Both versions of a model are what one export alone writes."""
    models = bench.place / "models" / "nasrec"
    expected = {
        name: content
        for name, content in bench.expected(case.recipe, "export").items()
        if name.startswith("models/nasrec/1/")
    }
    for version in ("1", "2"):
        found = {f"models/nasrec/1/{k}": v for k, v in state(models / version).items()}
        described = found["models/nasrec/1/assets/model.json"]
        if described.get("version") != int(version):
            raise Wrong(f"version {version} calls itself {described.get('version')}")
        described["version"] = 1
        wrong = differences(found, expected)
        if wrong:
            raise Wrong(f"version {version}: another export: {', '.join(wrong)}")


def _begin_part(arguments: list[str], name: str, port: str) -> subprocess.Popen:
    """Starts a chief or a worker."""
    return start(
        arguments,
        KERASTUNER_ORACLE_IP="127.0.0.1",
        KERASTUNER_ORACLE_PORT=port,
        KERASTUNER_TUNER_ID=name,
    )


def _end_all(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _has_ended(process: subprocess.Popen, moment: float) -> bool:
    """Waits for a moment or for the end of a process."""
    try:
        process.wait(timeout=max(0.0, moment - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _check_workers(processes: list[subprocess.Popen]) -> None:
    """Workers that have ended were told to; one that came too late still waits for a chief."""
    for process in processes:
        if process.poll() not in (None, 0):
            raise Wrong(f"a worker failed: {end(process)}")
