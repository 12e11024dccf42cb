"""What racing and drawn rows would save when candidates are scored, on a run's own candidates.

    python -m benchmarks.racing record RUN_DIR   # goes on where it was stopped
    python -m benchmarks.racing replay RUN_DIR…

``record`` scores every candidate of a search once more, as the run did, and keeps the log loss of
each validation row at several points of the tuning, and after shorter tunings, in
``RUN_DIR/racing/``. ``replay`` then plays races over them, in the search's own order and in drawn
ones: at each rung a candidate has been tuned for a share of the steps and is compared, row by row,
with the candidate of the last place that is handed over, as it was at that rung; it goes on unless
it is worse by more than chance (a bound of so many standard errors). What goes on to the end has
the very score that it has without a race. Rows count that pass through the network, those of
validation again at every rung.

It also tells how alike scores are of fewer steps (by a schedule that ends there) and of the first
validation rows alone, where every candidate is scored so, and how many of the best by them would
have to be scored again (``--rescore``) so that all, or 13, of the 15 best are among them; and it
draws validation rows as
``--validation-sample`` does, by the first candidates, beside as many that are drawn by lot, and
tells how alike the scores over them are to those over all.
"""

import argparse
import dataclasses
import itertools
import pathlib
import sys
from typing import Any

import numpy as np

from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.weighted_draw import chances, systematic_draw
from nasrec_tf.search.config import SearchConfig, load_options
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.search_size import PILOTS
from nasrec_tf.studies.rank_correlations import kendall
from nasrec_tf.training.telling_rows import rows_worth

PLACES = 15
"""Candidates that a search hands over (paper 5.1)."""

ENOUGH = 13
"""Of them, those that a race is to find too."""

POINTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of the tuning after which losses are kept."""

ORDERS = 200
"""Drawn orders that a race is played in."""

BEST = (5, 10, PLACES, 20)
"""Numbers of best candidates that shorter scores are to have in common with whole ones."""

RESAMPLES = 500
"""Of the candidates, behind an interval of tau."""

SAMPLES = (1 / 2, 1 / 3, 1 / 4)
"""Shares of the validation rows that are drawn."""

SHORTER = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Shares of the steps that shorter tunings have, each by a schedule of its own."""

JUDGED = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of the validation rows, from the first, that shorter scores are taken over."""

DRAWS = 20
"""Times that each share is drawn."""


@dataclasses.dataclass(frozen=True)
class Race:
    """Rungs before the end, and how sure a candidate must be worse to be stopped.

    Args:
        rungs: shares of tuning and of validation rows.
        errors: standard errors of the mean difference.
    """

    rungs: tuple[tuple[float, float], ...]
    errors: float

    def __str__(self) -> str:
        shares = ", ".join(f"{tuned:g}/{rows:g}" for tuned, rows in self.rungs)
        return f"{shares} at {self.errors:g}"


RACES = tuple(
    Race(rungs, errors)
    for rungs in (
        ((1 / 8, 1 / 8),),
        ((1 / 16, 1 / 16),),
        ((1 / 16, 1 / 16), (1 / 4, 1 / 4)),
        ((1 / 16, 1 / 32), (1 / 8, 1 / 8), (1 / 2, 1 / 2)),
    )
    for errors in (0.0, 1.0, 2.0)
)


@dataclasses.dataclass(frozen=True)
class Recorded:
    """Candidates in the search's order.

    Args:
        losses: float32 (candidates, points, validation rows).
        shorter: the same after shorter tunings, (candidates, ``SHORTER``, validation rows).
        tuning_rows: of a candidate.
    """

    losses: np.ndarray
    shorter: np.ndarray
    tuning_rows: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Of one race.

    Args:
        rows: share of the rows of full scoring.
        kept: of the finalists of full scoring, how many are finalists of the race.
        finished: share of the candidates that went to the end.
    """

    rows: float
    kept: int
    finished: float


def play(recorded: Recorded, order: np.ndarray, race: Race) -> Outcome:
    """Plays a race.

    Args:
        recorded: the candidates.
        order: their numbers in the order in which they are scored.
        race: how.
    """
    losses = recorded.losses
    validation_rows = losses.shape[2]
    scores = losses[:, -1].mean(axis=1, dtype=np.float64)
    finished: list[int] = []
    rows = 0.0
    for candidate in order:
        rival = None
        if len(finished) >= PLACES:
            rival = sorted(finished, key=lambda number: (scores[number], number))[PLACES - 1]
        tuned = 0.0
        for share, part in race.rungs if rival is not None else ():
            some = max(2, int(part * validation_rows))
            rows += (share - tuned) * recorded.tuning_rows + some
            tuned = share
            point = POINTS.index(share)
            behind = losses[candidate, point, :some] - losses[rival, point, :some]
            error = behind.std(ddof=1) / np.sqrt(some)
            if behind.mean() > race.errors * error:
                break
        else:
            rows += (1 - tuned) * recorded.tuning_rows + validation_rows
            finished.append(candidate)
    best = sorted(order, key=lambda number: (scores[number], number))[:PLACES]
    found = sorted(finished, key=lambda number: (scores[number], number))[:PLACES]
    return Outcome(
        rows / (len(order) * (recorded.tuning_rows + validation_rows)),
        len(set(best) & set(found)),
        len(finished) / len(order),
    )


def record(run: Run, quiet: bool = False) -> None:
    """Keeps the losses of a run's candidates.

    Args:
        run: the run, whose search has scored some.
        quiet: whether nothing is printed.

    Raises:
        UserError: if the rows of the data set are weighted.
    """
    from nasrec_tf.strategies import read_results
    from nasrec_tf.strategies.history import LOG_LOSS

    if run.records.weighted:
        raise UserError(f"{run.dataset}: its rows are weighted, which races do not know.")
    results = [each for each in read_results(run.search_project) if LOG_LOSS in each.metrics]
    directory = run.directory.path / "racing"
    directory.mkdir(exist_ok=True)
    scorers: Any = None
    for number, result in enumerate(results):
        path = directory / f"{number:05d}.npz"
        if path.exists():
            continue
        scorers = scorers or _scorers(run)
        whole, heads = scorers[1], []
        for share, scorer in scorers.items():
            heads += scorer.tuned_heads(result.architecture, POINTS if share == 1 else (1,))
        losses = whole.losses_by_heads(result.architecture, heads)
        with atomic_path(path) as draft, draft.open("wb") as file:
            plan = whole.plan
            np.savez(
                file,
                shorter=losses[: len(SHORTER)],
                losses=losses[len(SHORTER) :],
                tuning_rows=plan.fine_tune_steps * plan.batch_size,
            )
        if not quiet:
            print(f"{number + 1}/{len(results)}: {losses[-1].mean():.5f}", flush=True)


def _scorers(run: Run) -> dict[float, Any]:
    """Of shorter tunings and of the whole one, by their share of its steps."""
    from nasrec_tf.search.scorers import scoring_plan
    from nasrec_tf.search.stages.supernet import load
    from nasrec_tf.training.scoring import SupernetScorer

    plan, supernet = scoring_plan(run), load(run)
    plans = {
        share: dataclasses.replace(plan, fine_tune_steps=int(share * plan.fine_tune_steps))
        for share in (*SHORTER, 1)
    }
    return {share: SupernetScorer(supernet, run.records, each) for share, each in plans.items()}


def read(directory: pathlib.Path) -> Recorded:
    """What ``record`` has kept of a run.

    Args:
        directory: the run's.

    Raises:
        UserError: if there is too little to race.
    """
    paths = sorted((directory / "racing").glob("*.npz"))
    if len(paths) <= PLACES:
        raise UserError(
            f"{directory / 'racing'}: holds {len(paths)} candidates, and {PLACES} are handed over; "
            "run `python -m benchmarks.racing record` first."
        )
    kept = [np.load(path) for path in paths]
    if any("shorter" not in each for each in kept):
        raise UserError(
            f"{directory / 'racing'}: was recorded without shorter tunings, by an earlier version; "
            "delete it and run `python -m benchmarks.racing record` again."
        )
    losses, shorter = (np.stack([each[name] for each in kept]) for name in ("losses", "shorter"))
    return Recorded(losses, shorter, int(kept[0]["tuning_rows"]))


def report(directory: pathlib.Path, seed: int) -> None:
    """Prints what races would have come to.

    Args:
        directory: of the run.
        seed: of drawn orders.
    """
    recorded = read(directory)
    count, _, rows = recorded.losses.shape
    print(f"{directory}: {count} candidates, {recorded.tuning_rows:,} rows tuned, {rows:,} judged")
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(count) for _ in range(ORDERS)]
    print(f"{'tuned/judged at each rung, errors':<40}{'own order':>22}{'drawn orders':>26}")
    for race in RACES:
        own = play(recorded, np.arange(count), race)
        found = [play(recorded, order, race) for order in drawn]
        times = 1 / np.mean([each.rows for each in found])
        kept = [each.kept for each in found]
        enough = np.mean(np.array(kept) >= ENOUGH)
        print(
            f"{race!s:<40}{1 / own.rows:>8.1f} x, {own.kept:>2} of {PLACES}"
            f"{times:>12.1f} x, {np.mean(kept):>4.1f}, {enough:>4.0%} have {ENOUGH}"
        )
    report_cuts(recorded, seed)
    report_samples(recorded, seed)


def report_cuts(recorded: Recorded, seed: int) -> None:
    """Prints how alike scores by fewer steps and rows are to whole ones, and what they save.

    Args:
        recorded: the candidates.
        seed: of the resamples of candidates that intervals are of.
    """
    tunings = dict(zip(SHORTER, np.moveaxis(recorded.shorter, 1, 0))) | {1: recorded.losses[:, -1]}
    scores = tunings[1].mean(axis=1, dtype=np.float64)
    rows = tunings[1].shape[1]
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(scores), size=len(scores)) for _ in range(RESAMPLES)]
    told = f"{'shares tuned / judged':<24}{'rows':>8}{f'same of {BEST}':>26}{'tau (95 %)':>29}"
    print(f"{told}{f'again for {PLACES}, {ENOUGH}':>20}")
    for (tuned, losses), judged in itertools.product(tunings.items(), JUDGED):
        some = max(2, int(judged * rows))
        shorter = losses[:, :some].mean(axis=1, dtype=np.float64)
        tau = kendall(shorter, scores)
        low, high = np.quantile([kendall(shorter[d], scores[d]) for d in draws], (0.025, 0.975))
        saved = (recorded.tuning_rows + rows) / (tuned * recorded.tuning_rows + some)
        same = ", ".join(str(_shared(shorter, scores, best)) for best in BEST)
        print(
            f"{f'{tuned:g} / {judged:g}':<24}{saved:>6.1f} x{same:>26}"
            f"{f'{tau:.3f} ({low:.3f} to {high:.3f})':>29}"
            f"{f'{_holding(shorter, scores, PLACES)}, {_holding(shorter, scores, ENOUGH)}':>20}"
        )


def _holding(some: np.ndarray, scores: np.ndarray, enough: int) -> int:
    """How many of the best by some scores hold so many of the best by whole ones."""
    places = np.argsort(np.argsort(some, kind="stable"), kind="stable")
    best = np.argsort(scores, kind="stable")[:PLACES]
    return int(np.sort(places[best])[enough - 1]) + 1


def _shared(some: np.ndarray, scores: np.ndarray, count: int) -> int:
    """How many of the best candidates two kinds of scores have in common."""
    best = [set(np.argsort(each, kind="stable")[:count]) for each in (some, scores)]
    return len(best[0] & best[1])


def report_samples(recorded: Recorded, seed: int) -> None:
    """Prints how alike scores over some of the validation rows are to those over all.

    Args:
        recorded: the candidates.
        seed: of the draws.
    """
    losses = recorded.losses[:, -1].astype(np.float64)
    _, rows = losses.shape
    worth = rows_worth(losses[:PILOTS])
    print(f"{'validation rows drawn':<40}{'by --validation-sample':>32}{'by lot':>26}")
    for share in SAMPLES:
        found = []
        for worths in (worth, np.ones(rows)):
            drawn_with = chances(worths, int(share * rows))
            draws = [systematic_draw(drawn_with, seed + number) for number in range(DRAWS)]
            alike = [_likeness(losses, drawn, 1 / drawn_with[drawn]) for drawn in draws]
            found.append(np.mean(alike, axis=0))
        told = [f"{kept:.1f} of {PLACES}, tau {tau:.3f}" for kept, tau in found]
        print(f"{share:<40.2f}{told[0]:>32}{told[1]:>26}")


def _likeness(losses: np.ndarray, drawn: np.ndarray, weights: np.ndarray) -> tuple[int, float]:
    """Finalists that scores over drawn rows share with those over all, and Kendall's tau."""
    scores = losses.mean(axis=1), losses[:, drawn] @ weights / weights.sum()
    return _shared(*scores, PLACES), kendall(*scores)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.racing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("record", "replay"))
    parser.add_argument("runs", nargs="+", type=pathlib.Path, metavar="RUN_DIR")
    parser.add_argument("--seed", type=int, default=0, help="of drawn orders")
    options = parser.parse_args()
    return exit_code(lambda: _race(options))


def _race(options: argparse.Namespace) -> int:
    for directory in options.runs:
        if options.what == "replay":
            report(directory, options.seed)
            continue
        stored = load_options(directory / "config.toml") | {"run_dir": str(directory)}
        record(Run(SearchConfig(**stored), RunDirectory(directory), quiet=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
