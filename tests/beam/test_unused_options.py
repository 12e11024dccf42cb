"""Options of the records' command that say nothing beside the others."""

import pytest

from beam_preprocess.cli import main

CSV = "--dataset csv --label click --input a.csv"
PARQUET = "--dataset parquet --label click --input a.parquet"
SPLITS = "--train a --validation b --test c"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (f"--dataset criteo {SPLITS} --fractions .6,.2,.2", "--fractions goes without splits that"),
        ("--dataset criteo --input a --table-rows 50", "--table-rows goes with --encoding hash or"),
        (f"{CSV} --encoding hash --min-count 3", "--min-count goes with --encoding vocabulary; le"),
        (f"{CSV} --encoding hash --max-vocabulary 3", "--max-vocabulary goes with --encoding voca"),
        (f"{CSV} --time-format iso8601", "--time-format goes with --time-column, which is missi"),
        (f"{CSV} --dense-transform log1p", "--dense-transform goes with --dense, which names the"),
        (f"{PARQUET} --delimiter ;", "--delimiter goes with files of text, not Parquet; leave it"),
        (f"{PARQUET} --no-quoting", "--quoting goes with files of text, not Parquet; leave it out"),
        (f"{PARQUET} --file-encoding latin-1", "--file-encoding goes with files of text, not Par"),
        (f"{PARQUET} --max-row-bytes 99", "--max-row-bytes goes with files of text, not Parquet"),
    ],
)
def test_they_are_refused_in_one_line(given, told, tmp_path, capsys):
    assert main([*given.split(), "--output", str(tmp_path / "out"), "--quiet"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"error: {told}") and said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "given",
    [
        f"{CSV} --encoding hash --table-rows 50 --dense b --dense-transform identity",
        f"{CSV} --min-count 3 --time-column day --time-format iso8601 --delimiter ;",
        f"{PARQUET} --encoding vocabulary --max-row-bytes 262144 --decimal , --missing-tokens NA",
    ],
)
def test_others_are_read(given, tmp_path, capsys):
    assert main([*given.split(), "--output", str(tmp_path / "out"), "--quiet"]) == 2
    assert capsys.readouterr().err.endswith(": no such file\n")
