"""The table that comes with the package, and what the documentation does with it."""

import contextlib
import functools
import io
import math
import pathlib
import re

import pytest

from nasrec_tf.benchmark import Benchmark
from nasrec_tf.benchmark.architecture_stream import ArchitectureStream, is_random
from nasrec_tf.benchmark.measured_rows import architecture_of
from nasrec_tf.benchmark.table_build import FIRST_SEED
from nasrec_tf.benchmark.table_files import TABLES
from nasrec_tf.search.trainable import SpaceModel

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "benchmark.md"
NAME = "ctr-nas-1"


@pytest.fixture(scope="module")
def benchmark():
    return Benchmark.load(NAME)


def test_it_is_small_and_says_whose_the_data_are(benchmark):
    assert (TABLES / f"{NAME}.parquet").stat().st_size < 5_000_000
    for dataset in benchmark.datasets:
        assert benchmark.card(dataset).licence and benchmark.card(dataset).source


def test_rows_are_of_their_architectures(benchmark):
    for row in benchmark.table.rows.values():
        card = benchmark.table.cards[row.protocol]
        architecture = architecture_of(row.architecture)
        card.space.check(architecture)
        assert architecture.identity == row.identity
        cost = SpaceModel(architecture).complexity(card.features, card.recipe)
        assert (cost.mflops, cost.parameters) == (row.mflops, row.parameters)
        assert row.made_with in benchmark.table.environments


def test_its_architectures_are_those_of_their_streams(benchmark):
    """Whoever goes on from it trains what the first build would have gone on with."""
    for card in benchmark.table.cards.values():
        streams = {}
        for row in benchmark.table.rows_of(card.protocol):
            if row.seed == FIRST_SEED:
                streams.setdefault(row.stream, {})[row.number] = row
        for seed, rows in streams.items():
            stream = ArchitectureStream(card.space, seed)
            for number, row in rows.items():
                drawn = (
                    stream.at_random
                    if is_random(number)
                    else functools.partial(stream.near, trained=rows)
                )
                assert drawn(number).identity == row.identity, (card.name, seed, number)


def test_what_it_names_it_knows_though_trainings_diverged(benchmark):
    assert any(row.best is None for row in benchmark.table.rows.values())
    for dataset in benchmark.datasets:
        for architecture in benchmark.architectures(dataset):
            assert math.isfinite(benchmark.query(architecture, dataset).log_loss)


def test_what_the_documentation_shows_runs():
    shown = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(shown) == 2
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for code in shown:
            exec(compile(code, str(DOCS), "exec"), {})
    regret, seconds = map(float, said.getvalue().split())
    assert abs(regret) < 0.2 and seconds < 60
