"""``--plan``: what a run is going to take, told before it is begun, and what cannot fit."""

import contextlib
import dataclasses
import math
import pathlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator

from nasrec_tf.architecture.memory import readable_size
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.machine_memory import machine_memory_bytes
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.memory_check import memory_lines
from nasrec_tf.search.options import flag
from nasrec_tf.search.planning.fitted_options import SMALLER_SPACE, has_smaller_space
from nasrec_tf.search.planning.forecast import Forecast
from nasrec_tf.search.planning.measuring import measured
from nasrec_tf.search.planning.meter import Clock, Timed
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.samples import Sampled, sampled
from nasrec_tf.search.planning.stage_forecast import Seconds, StageForecast
from nasrec_tf.search.planning.unit_costs import UnitCosts
from nasrec_tf.search.run_directory import RESULT_FILE, RunDirectory
from nasrec_tf.search.scaling import explain, smaller_space
from nasrec_tf.search.search_plan import SEARCH_PROJECT
from nasrec_tf.search.tensorflow_setup import configure_tensorflow

UNKNOWN = {
    "codesign": "what its hardware costs",
    "distribute": "several devices",
}
"""Options of which a plan would know too little, and what it does not measure."""

MENDS = {
    "records": "a smaller --max-rows, a larger --min-count or --encoding hash",
    "recipe": "a larger --min-count, or a --recipe in place of auto",
    "supernet": "a smaller --max-table-rows or fewer --blocks",
    "evolution": "a smaller --max-table-rows or fewer --blocks",
    "rescore": "a smaller --max-table-rows or fewer --blocks",
    "retrain": "a larger --min-count, a smaller --embedding-dim, or a smaller --ensemble",
    "prune": "a larger --min-count, or a smaller --embedding-dim",
    "explain": "--no-explain",
    "export": "a larger --min-count, or a smaller --ensemble",
}
"""What makes a stage smaller."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is left of a run is going to take.

    Args:
        forecast: with what was measured.
        started: seconds until the process can begin.
        stages: those that are left, less what they have done.
    """

    forecast: Forecast
    started: float
    stages: tuple[StageForecast, ...]

    @property
    def seconds(self) -> Seconds:
        """Of all of them."""
        total = Seconds(self.started, self.started, self.started)
        for stage in self.stages:
            total += stage.seconds
        return total


def make_plan(
    config: SearchConfig,
    clock: Clock = time.perf_counter,
    within: float = math.inf,
    limit: float = math.inf,
) -> Plan:
    """Measures this machine on the user's data; nothing is written into the run directory.

    Args:
        config: the options.
        clock: tells the time.
        within: seconds after which only what a plan cannot do without is still measured.
        limit: seconds that the run may take. Where it would take longer, the networks of a smaller
            log's space are measured as well, for one to choose.

    Raises:
        DataError, UserError: if options or data cannot be used, or a network cannot fit.
    """
    _check_known(config)
    directory = RunDirectory(config.run_dir)
    stored = directory.stored_config()
    if stored is not None:
        directory.check_same(config, stored)
    directory.check_no_strangers()
    left = [name for name in config.stages if directory.result(name) is None]
    if not left:
        raise UserError(f"{directory.path}: this run has finished; there is nothing to plan.")
    ends = clock() + within
    with scratch_directory() as scratch, in_words_of_the_log(config, scratch):
        found = sampled(config, scratch, clock)
        # Before anything else imports it, with all that it has to say.
        with Timed(clock) as started:
            configure_tensorflow(config.device)
        memory_lines(found.pilot)
        work = scratch / "measured"
        work.mkdir()

        def measure(pilot: Pilot) -> UnitCosts:
            return measured(pilot, work, left, started.seconds, clock, lambda: clock() >= ends)

        return _measured_plan(found, measure, started.seconds, limit)


def _measured_plan(
    found: Sampled, measure: Callable[[Pilot], UnitCosts], started: float, limit: float
) -> Plan:
    costs = measure(found.pilot)
    forecast = Forecast(found.pilot, costs, found.records)
    stages = tuple(_left(forecast.pilot, stage) for stage in forecast.stages())
    plan = Plan(forecast, started, stages)
    smaller = _in_smaller_space(found) if plan.seconds.expected > limit else None
    if smaller is None:
        return plan
    # The process's memory is that of all that has been measured.
    others = dataclasses.replace(measure(smaller), process_bytes=costs.process_bytes)
    return dataclasses.replace(plan, forecast=dataclasses.replace(forecast, smaller=others))


def _in_smaller_space(found: Sampled) -> Pilot | None:
    """The run in the space of a smaller log; ``None`` where nothing could choose that."""
    pilot, config = found.pilot, found.pilot.config
    smaller = smaller_space(config)
    if all(getattr(pilot.settings, name) <= value for name, value in smaller.items()):
        return None
    readers = {
        config.first_reader(field)
        for field in dataclasses.fields(config)
        if field.name in SMALLER_SPACE
    }
    may_be_chosen = has_smaller_space(config) and not any(map(pilot.directory.binds, readers))
    # Of fewer rows the space is smaller, whoever chooses it.
    may_read_less = config.data is not None and found.records is not None and found.records.disk
    if config.architecture is not None or not (may_be_chosen or may_read_less):
        return None
    return pilot.with_options(dataclasses.replace(config, **smaller), pilot.rows)


@contextlib.contextmanager
def scratch_directory() -> Iterator[pathlib.Path]:
    """A directory for what is measured with; it goes in the end."""
    with tempfile.TemporaryDirectory(prefix="nasrec-plan-") as name:
        yield pathlib.Path(name)


@contextlib.contextmanager
def in_words_of_the_log(config: SearchConfig, scratch: pathlib.Path) -> Iterator[None]:
    """Tells what is wrong with a sample by the name of what it was taken of.

    Args:
        config: the options.
        scratch: where samples are, which the user knows nothing of.

    Raises:
        UserError: in place of one that names a sample.
    """
    try:
        yield
    except UserError as error:
        log = "the generated log" if config.data is None else " ".join(config.data)
        told = re.sub(rf"{re.escape(str(scratch))}(/[\w.-]+)*", lambda _: log, str(error))
        if told == str(error):
            raise
        raise UserError(told) from error


def _check_known(config: SearchConfig) -> None:
    for name, what in UNKNOWN.items():
        if getattr(config, name) != getattr(SearchConfig, name):
            raise UserError(f"--plan does not measure {what}; leave it or {flag(name)} out.")
    for name in config.data or ():
        if "://" in name:
            raise UserError(f"{name}: --plan measures files of this machine alone; leave it out.")


def _left(pilot: Pilot, stage: StageForecast) -> StageForecast:
    """Less what an earlier call has done of it."""
    share = 1 - _done(pilot, stage)
    if share == 1:
        return stage
    told = f"{stage.told}, {share:.0%} of it left"
    return dataclasses.replace(stage, seconds=stage.seconds * share, told=told)


def _done(pilot: Pilot, stage: StageForecast) -> float:
    """Share of a stage's work that has been done, from 0 to 1."""
    from nasrec_tf.strategies import read_results
    from nasrec_tf.strategies.oracle.ledger import JOURNAL
    from nasrec_tf.training.curves import kept_curve

    directory, ended = pilot.directory.path / stage.stage, 0
    if stage.stage in ("recipe", "retrain"):
        ended = len(list(directory.glob(f"*/{RESULT_FILE}")))
    elif stage.stage in ("evolution", "rescore"):
        project = directory / SEARCH_PROJECT
        ended = len(read_results(project)) if (project / JOURNAL).exists() else 0
    elif stage.stage == "supernet":
        points = kept_curve(directory)
        ended = points[-1][0] if points else 0
    return min(1.0, ended / max(1, stage.count))


def told(plan: Plan) -> str:
    """A plan for people.

    Args:
        plan: the plan.
    """
    pilot = plan.forecast.pilot
    rows = pilot.rows
    lines = [
        f"plan for {sum(rows.values()):,} rows ({rows['train']:,} to train on), as measured on "
        "this machine just now:"
    ]
    lines += explain(pilot.config, pilot.settings, rows["train"])
    lines.append(f"{'stage':<10}{'time':>9}  {'range':<20}{'memory':>10}{'disk':>10}  what")
    for stage in plan.stages:
        lines.append(
            f"{stage.stage:<10}{_times(stage.seconds)}{readable_size(stage.memory):>10}"
            f"{readable_size(stage.disk):>10}  {stage.told}"
        )
    memory = max(stage.memory for stage in plan.stages)
    lines.append(
        f"{'in all':<10}{_times(plan.seconds)}{readable_size(memory):>10}"
        f"{readable_size(_disk(plan)):>10}"
    )
    return "\n".join(lines)


def _times(seconds: Seconds) -> str:
    ends = f"{readable_time(seconds.least)} to {readable_time(seconds.most)}"
    return f"{readable_time(seconds.expected):>9}  {ends:<20}"


def readable_time(seconds: float) -> str:
    """A duration for people.

    Args:
        seconds: how long.

    Example:
        >>> readable_time(42), readable_time(200), readable_time(12_000)
        ('42 s', '3.3 min', '3.3 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _disk(plan: Plan) -> int:
    return sum(stage.disk for stage in plan.stages)


def check_fits(plan: Plan) -> None:
    """Refuses a run that this machine's memory or disks cannot hold.

    Args:
        plan: of the run.

    Raises:
        UserError: one line with both sizes and the option that would help.
    """
    config = plan.forecast.pilot.config
    there = machine_memory_bytes()
    largest = max(plan.stages, key=lambda stage: stage.memory)
    if largest.memory > there:
        raise UserError(
            f"the {largest.stage} stage would take {readable_size(largest.memory)} of memory, and "
            f"this machine has {readable_size(there)}: take {MENDS[largest.stage]}."
        )
    places: dict[int, tuple[pathlib.Path, list[StageForecast]]] = {}
    for stage in plan.stages:
        place = _existing(config.export_dir if stage.stage == "export" else config.run_dir)
        places.setdefault(place.stat().st_dev, (place, []))[1].append(stage)
    for place, stages in places.values():
        needed, free = sum(stage.disk for stage in stages), shutil.disk_usage(place).free
        if needed > free:
            worst = max(stages, key=lambda stage: stage.disk)
            raise UserError(
                f"{place}: has {readable_size(free)} free, and the run would take "
                f"{readable_size(needed)}, {readable_size(worst.disk)} of it the {worst.stage} "
                f"stage: use another --run-dir or --export-dir, or {MENDS[worst.stage]}."
            )


def _existing(path: str) -> pathlib.Path:
    """The directory of a path that is there already."""
    found = pathlib.Path(path).absolute()
    return next(each for each in (found, *found.parents) if each.is_dir())
