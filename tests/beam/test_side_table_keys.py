"""Keys of a side table that are written otherwise than in the log join nothing: they are told."""

import pyarrow as pa
import pytest

from beam_preprocess.errors import DataError
from beam_preprocess.reading.side_table import SideTable
from beam_preprocess.reading.side_tables import LoadedTable
from beam_preprocess.reading.text_blocks import InputFile

NUMBERS = [b"%d" % n for n in range(10)]


def joined(tmp_path, table_keys, log_keys):
    path = tmp_path / "items.tsv"
    path.write_bytes(b"".join(key + b"\tbrand\n" for key in table_keys))
    described = SideTable("items", "item", ("brand",))
    table = LoadedTable(described, (InputFile(0, str(path), path.stat().st_size),), 1000)
    return table.join(pa.array(log_keys, pa.binary()))["brand"].to_pylist()


@pytest.mark.parametrize(
    ("writing", "how"),
    [
        (b"%s.0", r"one for '0.0' \(with .0\)"),
        (b"000%s", r"'0000' \(with leading zeros\)"),
        (b'"%s"', "quoting = true reads them"),
    ],
)
def test_keys_in_another_writing_are_told(tmp_path, writing, how):
    table_keys = [writing % key for key in NUMBERS]
    with pytest.raises(DataError, match=f"side table items: has no row for '0' .*{how}"):
        joined(tmp_path, table_keys, NUMBERS)


@pytest.mark.parametrize("writing", [b"%s.0", b"0%s", b"%s ", b"k%s"])
def test_a_few_keys_may_be_like_others(tmp_path, writing):
    strange = [writing % key for key in NUMBERS[:1]]
    assert joined(tmp_path, [*NUMBERS, b"k0"], [*NUMBERS, *strange, b""])[:10] == [b"brand"] * 10


def test_keys_that_the_table_lacks_are_missing(tmp_path):
    assert joined(tmp_path, NUMBERS[:2], [b"7", b"1", b"x"]) == [b"", b"brand", b""]


def loaded(tmp_path, text, **options):
    path = tmp_path / "items.csv"
    path.write_text(text)
    described = SideTable("items", "item", ("brand", "size"), delimiter=",", **options)
    return LoadedTable(described, (InputFile(0, str(path), path.stat().st_size),), 1000)


def test_rows_of_one_key_that_differ_are_told_with_their_lines(tmp_path):
    text = 'item,brand,size\n7,"a,b",1\n\n8,b,2\n9,c,3\n8,b,4\n7,a,1\n'
    told = (
        r"items.csv line 6: says something else of '8' than .*items.csv line 4; leave one row for "
        "each item in side table items"
    )
    with pytest.raises(DataError, match=told):
        loaded(tmp_path, text, header=True, quoting=True)


def test_rows_of_one_key_that_are_alike_count_as_one(tmp_path):
    table = loaded(tmp_path, "7,a,1\n8,b,2\n7,a,1\n" + f"{'x' * 300},c,3\n" * 2)
    keys = pa.array([b"8", b"7", b"x" * 300], pa.binary())
    assert table.join(keys)["brand"].to_pylist() == [b"b", b"a", b"c"]


def test_long_keys_and_rows_of_two_files_are_looked_through_as_well(tmp_path):
    key, files = "x" * 300, []
    for number, brand in enumerate("ab"):
        path = tmp_path / f"{brand}.tsv"
        path.write_text(f"{number}\tz\n{key}\t{brand}\n")
        files.append(InputFile(number, str(path), path.stat().st_size))
    with pytest.raises(DataError, match=r"b.tsv line 2: says something else of 'x+' than .*a.tsv"):
        LoadedTable(SideTable("items", "item", ("brand",)), tuple(files), 1000)
