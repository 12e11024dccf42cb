"""What ``python -m nasrec_tf.study graphs`` does."""

import argparse
import pathlib

from nasrec_tf.studies.finished_runs import finished_run
from nasrec_tf.studies.graph_search import FOUND_FILE, GraphOptions, GraphScore, GraphSearch
from nasrec_tf.studies.search_beside_run import search_beside


def search_graphs(options: argparse.Namespace, ends_at: float) -> int:
    """Searches, and prints what was found; returns the exit code.

    Args:
        options: of the command line.
        ends_at: time by ``time.monotonic`` after which no training begins.

    Raises:
        UserError: if an option cannot be used.
        RunError: if there is no such run, or the directory is of another search.
    """
    asked = GraphOptions(
        options.strategy,
        options.strategy_options,
        options.candidates,
        options.score_rows,
        options.blocks,
        options.seed,
    )
    run_dir, name = pathlib.Path(options.run_dir), f"{options.strategy}-{options.seed}"
    directory = pathlib.Path(options.out or run_dir / "graphs" / name)

    def made() -> GraphSearch:
        run = finished_run(run_dir, "--run-dir", options.quiet, 60.0)
        return GraphSearch(run, directory, asked, ends_at)

    ended = search_beside(made)
    if ended is not None:
        _, found = ended
        print("\n".join([*_lines(found), f"graph  {directory / FOUND_FILE}"]))
    return 0


def _lines(found: list[GraphScore]) -> list[str]:
    """The five best, the best first."""
    scored = [each for each in found if each.log_loss is not None]
    best = sorted(scored, key=lambda each: each.log_loss or 0.0)[:5]
    lines = ["log loss  M multiply-accumulates  graph"]
    lines += [
        f"{each.log_loss:.5f}   {each.mflops:20.4f}  {', '.join(each.blocks)}" for each in best
    ]
    return lines
