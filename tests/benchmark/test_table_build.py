"""A build goes on where it was stopped, and comes to the same figures again."""

import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from benchmark.conftest import OPTIONS, build
from extreme_rows import extreme_data_set

from beam_preprocess.running import driver
from nasrec_tf.benchmark.command import main
from nasrec_tf.benchmark.table_files import ROWS_FILE, read_table
from nasrec_tf.benchmark.table_workspace import BuildConfig
from nasrec_tf.common.errors import RunError
from nasrec_tf.optimizers.schedules import WarmupPlateau
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipes import load_recipe


def figures(table):
    """What trainings came to, by key; times are left out."""
    free = {"seconds": 0.0, "cpu_seconds": 0.0}
    return {key: dataclasses.replace(row, **free) for key, row in table.rows.items()}


@pytest.mark.integration
def test_half_of_the_architectures_have_a_second_seed_the_better_half(table):
    first = sorted((row.log_loss, row.identity) for row in table.rows.values() if row.seed == 1)
    assert len(first) == 4
    second = {row.identity for row in table.rows.values() if row.seed == 2}
    assert second == {identity for _, identity in first[:2]}


@pytest.mark.integration
def test_rows_hold_what_the_card_promises(table):
    (card,) = table.cards.values()
    for row in table.rows.values():
        assert row.protocol == card.protocol
        # Two looks in the one epoch of 1200 rows in batches of 256.
        assert [point.step for point in row.curve] == [2, 4]
        assert row.log_loss == min(point.validation_log_loss for point in row.curve) > 0.3
        assert row.mflops > 0 and row.embedding_parameters == 16 * sum(card.table_rows)


@pytest.mark.slow
def test_a_second_build_that_is_killed_comes_to_the_same_figures(table, tmp_path):
    command = [sys.executable, "-m", "nasrec_tf.benchmark", *OPTIONS, "--dir", str(tmp_path)]
    process = subprocess.Popen([*command, "--count", "4"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    rows = tmp_path / "generated" / ROWS_FILE
    while process.poll() is None and not (rows.exists() and b'"row"' in rows.read_bytes()):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 1 <= len(read_table(tmp_path).rows) < len(table.rows)
    with rows.open("ab") as file:
        file.write(b'{"event": "row", "cut of')
    assert build(tmp_path, "--count", 4) == 0
    assert figures(read_table(tmp_path)) == figures(table)


@pytest.mark.integration
def test_a_build_goes_on_from_a_table_that_is_elsewhere(built, tmp_path):
    assert build(tmp_path, "--count", 4, "--from", built, "--minutes", 1e-6) == 0
    assert read_table(tmp_path).rows == read_table(built).rows


def test_a_recipe_of_one_s_own_says_all_but_what_follows_from_the_rows(tmp_path):
    file = tmp_path / "calm.toml"
    file.write_text('normalization = "batch"\nembedding_dim = 64\nrow_decay = 0.01\n')
    config = BuildConfig("bench", "generated", recipe=str(file), learning_rate=0.06)
    stated = {"normalization": "batch", "embedding_dim": 64, "row_decay": 0.01,
              "learning_rate": 0.06}  # fmt: skip
    assert config.recipe_for(50_000) == Recipe(**stated, batch_size=512, epochs=3)
    bars = BuildConfig("bench", "generated", recipe="bars", epochs=2).recipe_for(50_000)
    assert bars == load_recipe("bars").replace(epochs=2)


@pytest.mark.parametrize(
    ("rows", "batch"),
    [(1, 128), (128 * 128, 128), (128 * 128 + 1, 256), (128 * 512, 512), (10**7, 512)],
)
def test_a_batch_is_the_smallest_by_which_an_epoch_is_short(rows, batch):
    assert BuildConfig("bench", "generated").recipe_for(rows).batch_size == batch


@pytest.mark.integration
def test_a_build_trains_by_the_recipe_that_it_is_given(tmp_path):
    assert build(tmp_path, "--count", 1, "--seeds", 1, "--recipe", "bars") == 0
    table = read_table(tmp_path)
    (card,), (row,) = table.cards.values(), table.rows.values()
    assert card.recipe == load_recipe("bars").replace(batch_size=256, epochs=1)
    assert [point.step for point in row.curve] == [4]  # One look where the recipe asks for one.


@pytest.mark.integration
def test_a_rate_that_falls_at_plateaus_is_told_of_each_look(tmp_path, monkeypatch):
    recipe = tmp_path / "falling.toml"
    recipe.write_text('schedule = "plateau"\nevaluations_per_epoch = 2\nmonitor = "auc"\n')
    seen = []
    monkeypatch.setattr(WarmupPlateau, "observe", lambda self, *look: seen.append(look))
    assert build(tmp_path / "t", "--count", 1, "--seeds", 1, "--recipe", recipe) == 0
    (row,) = read_table(tmp_path / "t").rows.values()
    assert seen == [(point.step, 1.0 - point.validation_auc) for point in row.curve]
    assert len(seen) == 2


@pytest.mark.integration
def test_a_row_of_test_that_no_network_predicts_ends_no_build(tmp_path, capsys):
    """An extreme value there: its logit is not finite, and the line of the training was a crash."""
    data = extreme_data_set(tmp_path)
    capsys.readouterr()
    assert main(["build", "--dir", f"{tmp_path}/t", "--dataset", data, "--count", "3",
                 "--seeds", "1", "--blocks", "2", "--max-width", "32"]) == 0  # fmt: skip
    rows = read_table(tmp_path / "t").rows.values()
    lost = [row for row in rows if row.best.test_log_loss is None]
    assert lost  # Those that read the column.
    said = capsys.readouterr().out
    assert all(f"log loss {row.log_loss:.5f}, on test not finite" in said for row in lost)


@pytest.mark.integration
def test_a_disk_that_is_full_is_told_with_the_option_of_the_build(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(driver, "_run_local", full)
    assert build(tmp_path / "t", "--count", 1) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("No space left on device; free some space or name another --dir")


@pytest.mark.integration
def test_a_licence_may_be_told_later(built, tmp_path):
    shutil.copytree(built, tmp_path / "bench")
    assert build(tmp_path / "bench", "--count", 4, "--licence", "CC0") == 0
    assert build(tmp_path / "bench", "--count", 4) == 0
    table = read_table(tmp_path / "bench")
    assert table.card("generated").licence == "CC0"
    assert table.rows == read_table(built).rows


@pytest.mark.integration
@pytest.mark.parametrize(
    "more, told",
    [
        (["--epochs", 2], "another recipe"),
        (["--recipe", "papre"], "No recipe 'papre', did you mean 'paper'?"),
        (["--recipe", "bars", "--row-decay", 0.1], "table_l2"),
        (["--from", "ctr-nas-1"], "none of its trainings is of these records"),
        (["--demo-rows", 1600], "--demo-rows 1500 becomes 1600; repeat it with those, or use"),
        (["--count", 0], "--count must be at least 1"),
        (["--minutes", "nan"], "--minutes must be a positive number"),
        (["--dataset", "nowhere"], "--dataset must be 'generated' or a directory"),
        (["--name", ""], "--name must be up to 64"),
    ],
)
def test_mistakes_are_one_line(built, more, told, capsys):
    assert build(built, "--count", 4, *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and told in line


@pytest.mark.integration
def test_damage_is_told_with_its_line(built, tmp_path):
    text = (built / "generated" / ROWS_FILE).read_text()
    (tmp_path / ROWS_FILE).write_text(text.replace('"seed": 1', '"seed": 3', 1))
    with pytest.raises(RunError, match="line 3"):
        read_table(tmp_path)
