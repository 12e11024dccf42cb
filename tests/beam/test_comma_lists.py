"""Lists of the command line whose parts hold commas, which were lists of other names."""

import dataclasses

import pytest

from beam_preprocess.cli import main
from beam_preprocess.common.comma_list import comma_list
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.layout_options import LayoutOptions
from beam_preprocess.errors import DataError

HEADER = '"price, EUR","5"" disk","tags, all",age,note,"is it, a click"'


def rows(count=60):
    return [f'{n}.5,u{n % 3},x|y,{n % 7},n,"{("no", "yes, indeed")[n % 2]}"' for n in range(count)]


def test_names_and_values_that_hold_a_comma_are_quoted(tmp_path, capsys):
    log, out = tmp_path / "log.csv", tmp_path / "out"
    log.write_text("\n".join([HEADER, *rows()]) + "\n")
    options = ["--dataset", "csv", "--input", str(log), "--output", str(out), "--min-count", "1"]
    options += ["--label", "is it, a click", "--label-positive", '"yes, indeed",y']
    options += ["--dense", 'age,"price, EUR"', "--sparse", '5" disk', "--multi", '"tags, all"']
    assert main([*options, "--quiet"]) == 0, capsys.readouterr().err
    schema = Schema.load(out)
    assert schema.dense_names == ("age", "price, EUR")
    assert schema.sparse_names == ('5" disk', "tags, all")
    assert sum(split.positives for split in schema.splits.values()) == 30


def test_an_unquoted_name_is_told_how_it_is_written(tmp_path, capsys):
    log = tmp_path / "log.csv"
    log.write_text("\n".join([HEADER, *rows()]) + "\n")
    options = ["--dataset", "csv", "--input", str(log), "--output", str(tmp_path / "out")]
    options += ["--label", "is it, a click", "--label-positive", "yes", "--dense", "price, EUR"]
    assert main(options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        "no column 'price'" in line
        and """'price, EUR' is quoted as in CSV: '"price, EUR"'""" in line
    )


@pytest.mark.parametrize(
    "field", ["dense", "sparse", "ignore", "multi", "missing_tokens", "label_positive"]
)
def test_a_quote_without_an_end_is_told_by_its_option(field):
    options = dataclasses.replace(LayoutOptions(label="click"), **{field: 'a,"b'})
    flag = f"--{field.replace('_', '-')}"
    with pytest.raises(DataError, match=f'^{flag} a,"b: unexpected end of data; a name that holds'):
        options.describe("csv")


@pytest.mark.parametrize("text", ["", "a", "a,b", "a,,b", " a, b", 'a "b" c', "a,b,", "é,ü"])
def test_lists_without_quotes_at_the_beginning_of_a_part_are_what_they_were(text):
    assert comma_list(text, "--dense") == tuple(text.split(","))
    stripped = tuple(part.strip() for part in text.split(","))
    assert comma_list(text, "--models", blanks=True) == stripped


def test_blanks_before_a_quote_are_no_part_where_blanks_are_none():
    assert comma_list('a, "runs/b, c", d', "--runs", blanks=True) == ("a", "runs/b, c", "d")
