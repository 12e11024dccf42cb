"""What is told once the records are there and before the first network is trained."""

import subprocess
import sys

import pytest
from search_calls import OPTIONS, call

from beam_preprocess.dataset.schema import Schema
from nasrec_tf.architecture import memory
from nasrec_tf.data.features import Features
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.memory_check import memory_lines
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.stages.evolution import check_budgets


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A run directory whose records stage has finished, and its options."""
    directory = tmp_path_factory.mktemp("records")
    arguments = [*OPTIONS, "--run-dir", str(directory / "run"), "--row-order", "log"]
    assert call(*arguments, "--stage", "records").code == 0
    return directory / "run", arguments


def run_of(directory, **options):
    return Run(SearchConfig(run_dir=str(directory), **options), RunDirectory(directory))


def labels_of(run, epoch):
    batches = run.records.training_batches(64, epoch, seed=3)
    return [labels.numpy().tolist() for _, labels in batches]


def test_the_memory_of_every_kind_of_network_is_told(records):
    supernet, tables = memory_lines(run_of(records[0], space="nasrec-small", blocks=2))
    assert supernet.startswith("memory: the supernet's weights take ")
    assert tables.startswith("memory: the tables of a network that is trained from scratch take ")
    [network] = memory_lines(run_of(records[0], architecture="nasrec-criteo-small"))
    assert network.startswith("memory: the network's weights take ")


@pytest.mark.parametrize(
    "options, there, mend",
    [
        ({"space": "nasrec-full"}, 1 << 20, "--blocks"),
        ({"space": "nasrec-small", "blocks": 1, "max_table_rows": 3}, 1 << 12, "--blocks"),
        ({"architecture": "nasrec-criteo-small"}, 1 << 20, "--architecture"),
    ],
)
def test_what_cannot_fit_is_refused_before_anything_is_trained(
    records, monkeypatch, options, there, mend
):
    monkeypatch.setattr(memory, "machine_memory_bytes", lambda: there)
    with pytest.raises(ValueError, match=mend):
        memory_lines(run_of(records[0], **options))


def test_full_tables_that_cannot_be_trained_are_told_before_the_supernet(records):
    run = run_of(records[0], space="nasrec-small", blocks=1, max_table_rows=1000)
    vars(run)["features"] = Features(13, (10**12,))
    with pytest.raises(ValueError, match="--min-count"):
        memory_lines(run)


def test_a_budget_that_no_network_keeps_is_told_before_the_supernet(records):
    options = {"space": "nasrec-small", "blocks": 2, "recipe": "paper"}
    check_budgets(run_of(records[0], **options, max_mflops=100.0))
    with pytest.raises(ValueError, match="mflops <= 1e-07 .* raise the limit"):
        check_budgets(run_of(records[0], **options, max_mflops=1e-7))


def test_the_order_of_the_log_is_kept_and_trained_in(records):
    directory, _ = records
    assert Schema.load(directory / "records" / "dataset").row_order == "log"
    run = run_of(directory, row_order="log", demo_rows=1500, seed=3)
    first, second = (labels_of(run, epoch) for epoch in (0, 1))
    assert first == second != labels_of(run_of(directory, demo_rows=1500, seed=3), 0)


def test_a_data_set_without_the_logs_order_is_refused_at_the_start(tmp_path):
    made = [*OPTIONS, "--run-dir", str(tmp_path / "made"), "--stage", "records"]
    assert call(*made).code == 0
    data = tmp_path / "made" / "records" / "dataset"
    said = call(
        "--data", str(data), "--row-order", "log", "--run-dir", str(tmp_path / "run"), "--quiet"
    )
    assert "--row-order log: the rows of" in said.error


def test_what_only_shows_a_run_loads_no_tensorflow():
    program = (
        "import sys\n"
        "from nasrec_tf.search import command, last_screen, preflight, run_summary\n"
        "from nasrec_tf.search.stages import retrain\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
