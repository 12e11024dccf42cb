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


def shown_runs(number):
    """What a program of the documentation prints; of so many there are."""
    programs = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(programs) == 3
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(programs[number], str(DOCS), "exec"), {})
    return said.getvalue()


def test_what_the_documentation_shows_runs():
    assert shown_runs(0) == ""
    regret, seconds = map(float, shown_runs(1).split())
    assert abs(regret) < 0.2 and seconds < 60


def test_fifths_by_size_are_those_that_the_documentation_tells():
    told = dict(re.findall(r"^\| (\S+) \| ((?:0\.\d{4}, ){4}0\.\d{4}) \|", DOCS.read_text(), re.M))
    lines = shown_runs(2).splitlines()
    assert len(lines) == len(told) == 6
    for line in lines:
        name, losses = line.split(" ", 1)
        found = [float(loss) for loss in re.findall(r"0\.\d+", losses)]
        assert told[name] == ", ".join(f"{loss:.4f}" for loss in found)
