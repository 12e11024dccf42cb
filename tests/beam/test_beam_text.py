"""Text files to raw rows: blocks, lines, and every kind of malformed row."""

import bz2
import csv
import gzip
import io
import lzma

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.datasets.generic import generic
from beam_preprocess.errors import DataError
from beam_preprocess.reading import text_blocks
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.parse import parse_block
from beam_preprocess.reading.text_blocks import InputFile, read_blocks

LONGEST = 1000
TABS = Description(
    "tabs", "label", ("label", "a", "b"), sparse=(SparseColumn("a"), SparseColumn("b"))
)
COMMAS = generic("label", sparse=("a", "b")).resolve(("label", "a", "b"), "test")

# A cell of a CSV file: anything but line breaks, which no row may hold.
cells = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)


def blocks_of(path, first=0, last=None):
    size = path.stat().st_size
    return list(read_blocks(InputFile(0, str(path), size), first, last, LONGEST))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 64)


@pytest.mark.parametrize("ending", [b"\n", b""])
@pytest.mark.parametrize("width", [1, 7, 63, 64, 65, 200])
def test_every_line_is_in_the_block_where_it_begins(tmp_path, small_blocks, width, ending):
    lines = [b"%0*d\n" % (width, line) for line in range(40)]
    data = b"".join(lines)[:-1] + ending
    plain = tmp_path / "log.txt"
    plain.write_bytes(data)
    whole = blocks_of(plain)
    assert b"".join(block.data for block in whole) == data
    for block in whole:
        assert data[block.offset :].startswith(block.data)
        assert block.data == b"" or block.offset // 64 == block.index
    # One by one, from the middle of the file, a worker finds the same.
    assert [blocks_of(plain, block.index, block.index + 1)[0] for block in whole] == whole
    for suffix, pack in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        packed = tmp_path / f"log.txt{suffix}"
        packed.write_bytes(pack(data))
        assert blocks_of(packed) == whole


def test_a_limit_ends_the_file_early(tmp_path, small_blocks):
    path = tmp_path / "log.txt"
    path.write_bytes(b"0123456\n" * 40)
    file = InputFile(0, str(path), 320, limit=80)
    assert (
        b"".join(block.data for block in read_blocks(file, 0, None, LONGEST)) == b"0123456\n" * 10
    )
    assert file.block_count == 2


def test_a_byte_order_mark_is_no_part_of_the_first_value(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"\xef\xbb\xbfabc\n")
    assert blocks_of(path)[0].data == b"abc\n"


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_truncated_file_is_never_a_shorter_one(tmp_path, suffix):
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    path = tmp_path / f"log.txt{suffix}"
    path.write_bytes(pack(b"".join(b"%d\n" % (n * n) for n in range(9999)))[:-10])
    with pytest.raises(DataError, match=f"log.txt{suffix}: truncated or damaged"):
        blocks_of(path)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(cells, cells, cells), max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_back(rows, ending):
    text = io.StringIO()
    csv.writer(text, lineterminator=ending).writerows([("label", "a", "b"), *rows])
    raw = parse_block(text.getvalue().encode(), 0, COMMAS, LONGEST)
    columns = [column.to_pylist() for column in raw.columns.values()]
    assert list(zip(*columns)) == [tuple(cell.encode() for cell in row) for row in rows]
    assert raw.rejects == []
    assert raw.lines.tolist() == list(range(1, len(rows) + 1))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(max_size=10).map(lambda cell: cell.replace(b"\n", b"")), max_size=12))
def test_every_line_is_a_row_or_a_reject_or_blank(lines):
    for description in (TABS, COMMAS):
        raw = parse_block(b"\n".join([b"label,a,b", *lines]), 0, description, LONGEST)
        blank = sum(line in (b"", b"\r") for line in lines)
        accounted = len(raw.lines) + len(raw.rejects) + blank
        assert accounted == len(lines) + (1 - description.header)
        for line in raw.lines:
            assert raw.texts[line].count(description.delimiter.encode()) >= 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1\tx", "2 columns instead of 3"),
        (b"1\tx\ty\tz", "4 columns instead of 3"),
        (b"1\t\xff\xfe\ty", "invalid UTF-8"),
        (b"1\t" + b"x" * 2000 + b"\ty", "row longer than 1000 bytes"),
        (b"1\tx\rx\ty", "carriage return inside a row"),
    ],
)
def test_a_malformed_row_is_rejected_with_its_line(bad, reason):
    data = b"0\ta\tb\n\n" + bad + b"\n1\tc\td\n"
    raw = parse_block(data, 0, TABS, LONGEST)
    assert raw.columns["a"].to_pylist() == [b"a", b"c"]
    assert raw.lines.tolist() == [0, 3]
    assert raw.offsets.tolist() == [0, len(data) - 6]
    assert [(reject.line, reject.reason) for reject in raw.rejects] == [(2, reason)]
    assert bad.startswith(raw.rejects[0].row[:1000])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'1,"x,y', "quote that is not closed on its line"),
        (b'1,x"y,"z', "quote that is not closed on its line"),
        (b'1,"x"y,z', "text behind a closing quote"),
    ],
)
def test_a_stray_quote_swallows_no_other_row(bad, reason):
    data = b'label,a,b\n0,"p,q",r\n' + bad + b"\n1,c,d\n"
    raw = parse_block(data, 0, COMMAS, LONGEST)
    assert raw.columns["a"].to_pylist() == [b"p,q", b"c"]
    assert [(reject.line, reject.reason) for reject in raw.rejects] == [(2, reason)]


def test_quotes_mean_nothing_where_the_format_has_none():
    raw = parse_block(b'0\t"a\t"b"\n', 0, TABS, LONGEST)
    assert raw.columns["a"].to_pylist() == [b'"a']
    assert raw.columns["b"].to_pylist() == [b'"b"']


def test_numbers_come_as_numbers_where_all_are():
    description = generic("label", ("x",)).resolve(("label", "x", "u"), "test")
    raw = parse_block(b"label,x,u\n0,1.5,a\n1,,b\n", 0, description, LONGEST)
    assert raw.columns["x"].to_pylist() == [1.5, None]
    raw = parse_block(b"label,x,u\n0,1.5,a\n1,oops,b\n", 0, description, LONGEST)
    assert raw.columns["x"] == pa.array([b"1.5", b"oops"], pa.binary())
