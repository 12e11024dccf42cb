"""Quoted values: what a CSV writer wrote is read, and no part of a row passes for a row."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.datasets.generic import generic
from beam_preprocess.reading import text_blocks
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.lines import Lines
from beam_preprocess.reading.parse import parse_block
from beam_preprocess.reading.quotes import INSIDE, OVER_LINES, Quotes
from beam_preprocess.reading.text_blocks import InputFile, read_blocks

LONGEST = 10_000
HEADER = ("label", "a", "b")
COMMAS = generic("label", sparse=("a", "b")).resolve(HEADER, "test")
ESCAPES = generic("label", sparse=("a", "b"), escape="\\").resolve(HEADER, "test")

# Every character that a reader of quotes looks at, and others.
cells = st.text(st.sampled_from('",\\\nax é'), max_size=6)
flat_cells = cells.map(lambda cell: cell.replace("\n", ""))
rows = st.lists(st.tuples(cells, cells, cells), max_size=10)


def written(table, **dialect):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", **dialect).writerows([HEADER, *table])
    return text.getvalue().encode()


def read(data, description=COMMAS):
    raw = parse_block(data, 0, description, LONGEST)
    columns = [raw.columns[name].to_pylist() for name in HEADER]
    return raw, [tuple(cell.decode() for cell in row) for row in zip(*columns, strict=True)]


@settings(deadline=None, max_examples=300)
@given(rows, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_rows_of_one_line_are_read_and_those_of_several_are_rejected_whole(table, quoting):
    raw, found = read(written(table, quoting=quoting))
    whole = [row for row in table if not any("\n" in cell for cell in row)]
    assert found == whole
    lines = sum(1 + sum(cell.count("\n") for cell in row) for row in table)
    blank = sum(line == b"" for line in written(table, quoting=quoting).split(b"\n")[:-1])
    assert len(found) + len(raw.rejects) + blank == lines
    assert {reject.reason for reject in raw.rejects} <= {OVER_LINES, INSIDE}


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(flat_cells, flat_cells, flat_cells), max_size=10))
def test_escaped_quotes_are_read_back(table):
    def quoted(cell):
        return '"' + cell.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = "".join(",".join(map(quoted, row)) + "\n" for row in (HEADER, *table))
    raw, found = read(text.encode(), ESCAPES)
    assert found == table
    assert raw.rejects == []


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b'"')), max_size=20))
def test_a_line_that_is_taken_is_what_the_csv_module_reads(lines):
    for description in (COMMAS, ESCAPES):
        raw, found = read(b"\n".join([b"label,a,b", *lines]), description)
        for line, row in zip(raw.lines, found, strict=True):
            text = raw.texts[line].decode()
            escaped = description.escape
            (values,) = csv.reader([text], escapechar=escaped, strict=True)
            if escaped is None or r"\N" not in text:
                assert tuple(values) == row


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=600).map(
        lambda data: data.translate(bytes(b'",\\\nax'[b % 6] for b in range(256)))
    )
)
def test_blocks_are_the_same_wherever_a_worker_begins(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    quotes = Quotes(b",", True, b"", False, LONGEST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_blocks, "BLOCK_BYTES", 64)
        file = InputFile(0, str(path), len(data))
        whole = list(read_blocks(file, 0, None, LONGEST, quotes))
        assert b"".join(block.data for block in whole) == data
        for first in range(len(whole)):
            for last in (first + 1, first + 2, None):
                part = list(read_blocks(file, first, last, LONGEST, quotes))
                assert part == whole[first:last]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_no_block_takes_a_line_of_the_row_that_the_block_before_it_began(tmp_path, quoting):
    table = [
        (str(row % 2), f"u{row}", f"said {row},\n0,ghost{row},ghost\nthe end" if row % 3 else "x")
        for row in range(200)
    ]
    path = tmp_path / "log.csv"
    path.write_bytes(written(table, quoting=quoting))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_blocks, "BLOCK_BYTES", 256)
        file = InputFile(0, str(path), path.stat().st_size)
        found = []
        for index in range(file.block_count):
            (block,) = read_blocks(file, index, index + 1, LONGEST, COMMAS.quotes(LONGEST))
            raw = parse_block(block.data, block.offset, COMMAS, LONGEST)
            found += raw.columns["a"].to_pylist()
            assert {reject.reason for reject in raw.rejects} <= {OVER_LINES, INSIDE}
    assert found == [f"u{row}".encode() for row in range(0, 200, 3)]


def test_a_row_longer_than_rows_may_be_is_no_reason_to_drop_what_follows():
    data = b'label,a,b\n0,"x,y\n' + b"1,c,d\n" * 2000 + b'0,"p",q"\n1,"r",s\n'
    raw, found = read(data)
    assert len(found) == 2002 and found[-1] == ("1", "r", "s")
    assert [reject.line for reject in raw.rejects] == [1]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b'0,12" pizza,x', ("0", '12" pizza', "x")),
        (b'0,"say \\"hi\\" now",x', ("0", 'say "hi" now', "x")),
        (b'0,"a \\"b, c\\" d",x', ("0", 'a "b, c" d', "x")),
        (b"0,\\N,x", ("0", "", "x")),
        (b"0,a\\,b,x", ("0", "a,b", "x")),
    ],
)
def test_a_value_with_quotes_inside(line, values):
    description = ESCAPES if b"\\" in line else COMMAS
    assert read(b"label,a,b\n" + line + b"\n", description)[1] == [values]


def test_quotes_that_a_backslash_escapes_are_told_where_nobody_said_so():
    raw, found = read(b'label,a,b\n0,"say \\"hi\\" now",x\n1,c,d\n')
    assert found == [("1", "c", "d")]
    (reject,) = raw.rejects
    assert "--escape" in reject.reason


def test_blanks_before_values_are_left_out_where_that_is_said():
    blanks = generic("label", sparse=("a", "b"), skip_blanks=True).resolve(HEADER, "test")
    for text in (b"0, Private,  x y \n", b'0,  "Private", "x y "\n', b' 0, Private,"x y "\n'):
        assert read(b"label, a, b\n" + text, blanks)[1] == [("0", "Private", "x y ")]
    assert read(b'label,a,b\n0, " b,x\n1,c,d\n', blanks)[1] == [("1", "c", "d")]


def test_a_delimiter_of_several_characters():
    ratings = Description(
        "ratings", "b", HEADER, sparse=(SparseColumn("label"), SparseColumn("a")), delimiter="::"
    ).resolve(HEADER, "test")
    raw, found = read(b'1::The "Best": of::5\n2::x\n3::\x1f::1\n4:::a::0\n', ratings)
    assert found == [("1", 'The "Best": of', "5"), ("4", ":a", "0")]
    assert len(raw.rejects) == 2


def test_every_line_with_a_quote_is_looked_at_where_the_usual_form_does_not_hold():
    quotes = Quotes(b",", True, b"", False, LONGEST)
    usual = Lines(b'"a","b,c",d\n,"",e\nx,y,"z"\r\n')
    assert list(quotes._odd_lines(usual)) == []
    assert quotes.faults(Lines(b'"a""b",c\n"a,b\n')) == [
        (1, "quote that is not closed on its line")
    ]
