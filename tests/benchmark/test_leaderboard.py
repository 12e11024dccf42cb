"""What the command line shows of tables."""

import csv
import dataclasses

import pytest
from benchmark.made_tables import made_table

from nasrec_tf.benchmark import Benchmark
from nasrec_tf.benchmark.command import main
from nasrec_tf.benchmark.leaderboard import Standing, leaderboard, standings
from nasrec_tf.benchmark.table_files import write_parquet


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "made.parquet"
    write_parquet(made_table(count=32), path)
    return str(path)


def test_contents_tell_sizes_noise_and_the_surrogates_errors(file, capsys):
    assert main(["show", file]) == 0
    header, _, row = capsys.readouterr().out.splitlines()
    said = dict(zip(header.split(" | "), row.split(" | ")))
    assert (said["architectures"], said["trainings"], said["diverged"]) == ("32", "64", "0")
    assert float(said["deviation of a seed"]) == pytest.approx(0.001, abs=0.0005)


def test_a_small_table_is_shown_without_what_it_cannot_tell(tmp_path, capsys):
    write_parquet(made_table(count=3), tmp_path / "few.parquet")
    assert main(["show", str(tmp_path / "few.parquet")]) == 0
    assert capsys.readouterr().out.rstrip().endswith("| - | - | - |")


def test_a_prediction_on_test_that_is_not_finite_is_shown_as_such(tmp_path, capsys):
    """An extreme value in a row of the test split alone; nothing is chosen by that split."""
    made = made_table(count=3, seeds=1)
    rows = {key: dataclasses.replace(row, curve=(dataclasses.replace(
                row.curve[0], test_log_loss=None, test_auc=None),))
            for key, row in made.rows.items()}  # fmt: skip
    write_parquet(dataclasses.replace(made, rows=rows), tmp_path / "nan.parquet")
    assert main(["show", str(tmp_path / "nan.parquet")]) == 0
    header, _, line = capsys.readouterr().out.splitlines()
    said = dict(zip(header.split(" | "), line.split(" | ")))
    assert said["(on test)"] == "-" and float(said["best"]) > 0
    assert Benchmark.load(tmp_path / "nan.parquet").best("made").test_log_loss is None


def test_strategies_stand_in_the_order_of_their_last_regret(file, tmp_path, capsys):
    board = ["leaderboard", file, "--dataset", "made", "--seeds", "2", "--budgets", "20,60"]
    more = ["--strategies", "evolution,random,local", "--out", str(tmp_path / "board")]
    assert main([*board, *more]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "board" / "leaderboard.md").read_text() == said
    rows = [line.strip("| ").split(" | ") for line in said.splitlines()[2:]]
    assert {row[0] for row in rows} == {"evolution", "random", "local"}
    last = [float(row[2].split(" ± ")[0]) for row in rows]
    assert last == sorted(last)
    first = {row[0]: float(row[1].split(" ± ")[0]) for row in rows}
    assert all(first[row[0]] >= value - 0.5 for row, value in zip(rows, last))
    with (tmp_path / "board" / "leaderboard.csv").open() as curves:
        regrets = {(row["strategy"], row["architectures"]): row for row in csv.DictReader(curves)}
    assert len(regrets) == 3 * 60
    for row in rows:
        at_20 = regrets[row[0], "20"]
        mean, reach = 1e3 * float(at_20["regret"]), 1e3 * float(at_20["half_interval"])
        assert row[1] == f"{mean:.2f} ± {reach:.2f}"
        seeds = [float(at_20[f"seed_{seed}"]) for seed in (0, 1)]
        assert mean == pytest.approx(1e3 * sum(seeds) / 2)
    assert (tmp_path / "board" / "leaderboard.svg").read_text().startswith("<svg")


def test_strategies_are_set_beside_random_search_seed_by_seed():
    luck = Standing("random", ((0.5, 0.010), (0.5, 0.030), (0.5, 0.020)), 0.1)
    sure = Standing("sure", ((0.5, 0.008), (0.5, 0.028), (0.5, 0.018)), 0.1)
    header, _, first, last = leaderboard([luck, sure], [1, 2]).splitlines()
    # Regrets overlap by far, and yet it is sure: each seed's is less by as much.
    assert "| less random's |" in header
    assert first == "| sure | 500.00 ± 0.00 | 18.00 ± 24.84 | -2.00 ± 0.00 | 0.1 |"
    assert last == "| random | 500.00 ± 0.00 | 20.00 ± 24.84 | - | 0.1 |"
    assert "random" not in leaderboard([sure], [2])


def test_a_trial_that_ends_before_keeps_its_last_regret(file):
    """By hand: what seemed best after each architecture, beside the best of the table."""
    benchmark, asked = Benchmark.load(file), []

    def brief(trial):
        asked.append([trial.score(trial.space.sample(trial.rng)) for _ in range(4)])

    (found,) = standings(benchmark, "made", 6, 3, [brief])
    again = [benchmark.strategy_trial(brief, "made", 6, seed) for seed in range(3)]
    assert asked[:3] == asked[3:] == [list(trial.scores) for trial in again]
    assert len({tuple(scores) for scores in asked}) == 3
    for curve, trial in zip(found.regrets, again):
        best = [trial.scores.index(min(trial.scores[:count])) for count in (1, 2, 3, 4)]
        by_hand = [trial.worths[place] - trial.reference for place in best]
        assert list(curve) == [*by_hand, by_hand[-1], by_hand[-1]]
        assert trial.incumbent.identity and found.after(6)[0] == found.after(4)[0]


def test_tables_are_joined(file, tmp_path, capsys):
    out = tmp_path / "joined.parquet"
    assert main(["join", file, file, "--out", str(out)]) == 0
    assert out.read_bytes() == open(file, "rb").read()
    assert "64 rows of made" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["join", "x", "--out", "y.csv"], "--out must be a .parquet file"),
        (
            ["leaderboard", "FILE", "--dataset", "made", "--seeds", "1"],
            "--seeds must be at least 2",
        ),
        (["leaderboard", "FILE", "--dataset", "made", "--budgets", "9,3"], "--budgets must be"),
        (
            ["leaderboard", "FILE", "--dataset", "made", "--budgets", "5,20"],
            "--budgets must go up to 48",
        ),
        (
            ["leaderboard", "FILE", "--dataset", "made", "--budgets", "48,1000000"],
            "--budgets must be at most 100000",
        ),
        (["leaderboard", "FILE", "--dataset", "made", "--strategies", "luck"], "cannot try 'luck'"),
        (
            ["leaderboard", "FILE", "--dataset", "made", "--strategies", "randm"],
            "'randm', did you mean 'random'?",
        ),
        (
            ["leaderboard", "FILE", "--dataset", "made", "--strategies", "local,local"],
            "names local twice",
        ),
        (["leaderboard", "FILE", "--dataset", "made", "--strategies", "local,"], "cannot try ''"),
        (["show", "nowhere"], "No table 'nowhere'"),
    ],
)
def test_mistakes_are_one_line(file, arguments, told, capsys):
    assert main([file if each == "FILE" else each for each in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and told in line
