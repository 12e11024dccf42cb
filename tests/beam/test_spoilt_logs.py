"""Logs that were joined, cut or written by several hands: no row is lost without a word."""

import os

import numpy as np
import pytest

from beam_preprocess.cli import main
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.datasets.generic import generic
from beam_preprocess.encoding.scan_check import hint
from beam_preprocess.encoding.splits import chronological_boundaries
from beam_preprocess.errors import DataError
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.parse import parse_block
from beam_preprocess.running.describe import describe
from beam_preprocess.running.input_files import find_inputs

HEADER = "click,price,user\n"


def rows(count=40, clicks=("0", "1")):
    return "".join(f"{clicks[n % len(clicks)]},{n}.5,u{n % 5}\n" for n in range(count))


def resolved(*paths, **options):
    layout = generic("click", ("price",), **options)
    return find_inputs(PreprocessConfig(layout, "out", inputs=tuple(map(str, paths))))


def decoded(text, **options):
    """The well-formed rows of a text with a header, and its rejects."""
    layout = generic("click", ("price",), **options)
    layout = layout.resolve(("click", "price", "user"), "log")
    return decode_rows(parse_block(text.encode(), 0, layout, 5000), layout, numeric_ids=False)


def test_each_row_between_carriage_returns_counts_as_a_lost_one():
    text = HEADER + rows(30) + rows(20).replace("\n", "\r") + "\n" + '1,2,"a\rb"\n'
    kept, rejects = decoded(text)
    assert len(kept) == 30
    assert [(reject.line, reject.row) for reject in rejects[:2]] == [
        (31, b"0,0.5,u0"), (31, b"1,1.5,u1"),
    ]  # fmt: skip
    assert len(rejects) == 20 + 1  # what one row holds between quotes is of that row
    assert {reject.reason for reject in rejects} == {"carriage return inside a row"}


def test_a_line_of_returns_that_is_too_long_is_more_than_one_row():
    _, rejects = decoded(HEADER + rows(900).replace("\n", "\r") + "\n")
    assert len(rejects) > 400 and "carriage return" in rejects[0].reason


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ("True", "label is 'true' in another writing: 'True'"),
        (" true", "label is 'true' in another writing: ' true'"),
        ("click", "the header again: 'click'"),
        ("\ufeffclick", r"the header again: '\ufeffclick'"),
    ],
)
def test_an_answer_in_another_writing_is_not_a_row_without_a_click(odd, why):
    text = HEADER + rows(clicks=("false", "true")) + f"{odd},1,u1\n"
    kept, [reject] = decoded(text, label_positive=("true",))
    assert (len(kept), kept.label.sum()) == (40, 20)
    assert reject.reason == f"column click: {why}"
    kept, rejects = decoded(text, label_positive=("true", odd))
    assert (kept.label.sum(), rejects) == (21, [])


def test_answers_of_other_words_stay_answers():
    kept, rejects = decoded(HEADER + rows(clicks=("no", "yes", "maybe")), label_positive=("yes",))
    assert (len(kept), kept.label.sum(), rejects) == (40, 13, [])


def test_a_label_behind_a_blank_is_told_with_what_takes_it_away():
    _, rejects = decoded(HEADER + rows(clicks=(" 0", " 1")))
    assert "--skip-blanks" in hint(rejects[0].reason)


@pytest.mark.parametrize("value", ["84.0", "1,5", "Oslo", "1,000"])
def test_ids_that_an_encoding_needs_as_numbers_are_no_matter_of_decimals(value):
    """The option that was named for ``84.0`` was the one in force."""
    told = hint(
        f"log.csv line 2: column user: not a number, which --encoding modulo needs: '{value}'"
    )
    assert told == " (write whole numbers, or take another --encoding)"


@pytest.mark.parametrize("nothing", ["\n\n", "\ufeff", "\ufeff\r\n"])
def test_a_part_of_blank_lines_holds_nothing(tmp_path, nothing):
    (tmp_path / "a.csv").write_text(nothing)
    (tmp_path / "b.csv").write_text(HEADER + rows())
    _, files = resolved(tmp_path)
    assert [os.path.basename(file.path) for file in files] == ["b.csv"]
    text = describe([str(tmp_path)])
    assert 'label = "click"' in text and "refused" not in text
    with pytest.raises(DataError, match="a.csv: the file has no rows; leave it out"):
        resolved(tmp_path / "a.csv", tmp_path / "b.csv")


def test_the_mark_of_utf_8_may_stand_there_twice(tmp_path):
    (tmp_path / "log.csv").write_text("\ufeff\ufeff" + HEADER + rows())
    config, _ = resolved(tmp_path / "log.csv")
    assert config.description.columns == ("click", "price", "user")
    assert 'label = "click"' in describe([str(tmp_path / "log.csv")])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version https://git-lfs.github.com/spec/v1\nsize 5\n", "Git LFS; fetch the file"),
        ("<!DOCTYPE html><html>404</html>\n", "a page of HTML; perhaps what a server answered"),
        ("sep=;\nclick;price;user\n", "line 1: is a note for Excel, 'sep=;'; take the line out"),
    ],
)
def test_what_stands_in_place_of_a_log_is_told(tmp_path, text, told):
    (tmp_path / "log.csv").write_text(text)
    for look in (resolved, lambda path: describe([str(path)])):
        with pytest.raises(DataError, match=f"log.csv.*{told}"):
            look(tmp_path / "log.csv")


def test_a_link_to_nothing_in_a_directory_is_named(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + rows())
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="b.csv: is a link that leads to no file"):
        resolved(tmp_path)


def test_times_in_seconds_and_in_milliseconds_are_no_order():
    seconds = np.arange(1_700_000_000, 1_700_000_100)
    ones = np.ones(200, int)
    with pytest.raises(DataError, match="100 times in seconds since 1970 and 100 in milliseconds"):
        chronological_boundaries(np.append(seconds, seconds * 1000), ones, (0.8, 0.1, 0.1))
    numbers = np.append(seconds - 1_700_000_000, seconds)  # of another kind: nobody knows
    assert chronological_boundaries(numbers, ones, (0.8, 0.1, 0.1))


@pytest.mark.parametrize("header", ["click, price, country", "country, price,click"])
def test_blanks_in_a_header_are_told_where_a_column_is_missed_by_them(tmp_path, capsys, header):
    path = tmp_path / "log.csv"
    path.write_text(header + "\n" + "1, 1,1\n0, 0,0\n" * 30)
    given = ["--dataset", "csv", "--label", "click", "--dense", "price", "--sparse", "country",
             "--input", str(path), "--output", str(tmp_path / "out"), "--quiet"]  # fmt: skip
    assert main(given) == 2
    assert "a blank stands before it in the header: --skip-blanks" in capsys.readouterr().err
    assert main([*given, "--skip-blanks"]) == 0
