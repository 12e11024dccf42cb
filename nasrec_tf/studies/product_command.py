"""What ``python -m nasrec_tf.study products`` does."""

import argparse
import dataclasses
import pathlib

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.baselines import load_baseline
from nasrec_tf.networks.baselines.profit import Profit
from nasrec_tf.studies.finished_runs import finished_run
from nasrec_tf.studies.product_search import (
    FOUND_FILE,
    FoundProducts,
    ProductOptions,
    ProductSearch,
)
from nasrec_tf.studies.search_beside_run import search_beside


def search_products(options: argparse.Namespace, ends_at: float) -> int:
    """Searches, and prints what is kept; returns the exit code.

    Args:
        options: of the command line.
        ends_at: time by ``time.monotonic`` at which training ends.

    Raises:
        UserError: if an option cannot be used.
        RunError: if there is no such run, or the directory is of another search.
    """
    model = _model(options)
    asked = ProductOptions(model, options.keep, options.epochs, options.rate, options.seed)
    run_dir, name = pathlib.Path(options.run_dir), f"rank-{model.rank}-{options.seed}"
    directory = pathlib.Path(options.out or run_dir / "products" / name)

    def made() -> ProductSearch:
        run = finished_run(run_dir, "--run-dir", options.quiet, 60.0)
        return ProductSearch(run, directory, asked, ends_at)

    ended = search_beside(made)
    if ended is not None:
        print("\n".join([*_lines(*ended), f"model  {directory / FOUND_FILE}"]))
    return 0


def _model(options: argparse.Namespace) -> Profit:
    """The relaxed model that is asked for."""
    model = load_baseline(options.model)
    if not isinstance(model, Profit):
        raise UserError(f"--model: {options.model} is no {Profit.name}, which has products.")
    for name in ("order", "rank"):
        value = getattr(options, name)
        if value is not None and not model.products:
            try:
                model = dataclasses.replace(model, **{name: value})
            except UserError as error:
                raise UserError(f"--{name}: {error}") from None
    return model


def _lines(search: ProductSearch, found: list[FoundProducts]) -> list[str]:
    """What is kept, order by order, the heaviest first."""
    lines = ["order  weight     product"]
    for each in found:
        lines += [
            f"{each.order:5}  {weight:+.3e}  {search.told(product)}"
            for product, weight in each.products
        ]
    losses = ", ".join(f"{each.order}: {each.log_loss:.5f}" for each in found)
    return [*lines, f"validation log loss of the relaxed network by order  {losses}"]
