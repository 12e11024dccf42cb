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
