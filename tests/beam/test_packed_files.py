"""A log that is packed: as its name says, otherwise, twice or not at all."""

import bz2
import gzip
import io
import lzma
import tarfile

import pytest

from beam_preprocess.datasets.generic import generic
from beam_preprocess.errors import DataError
from beam_preprocess.reading.text_blocks import InputFile, open_text
from beam_preprocess.running.input_files import find_further_inputs

LOG = "label,user\n" + "".join(f"{row % 2},u{row % 5}\n" for row in range(60))


def further_inputs(path):
    return find_further_inputs((str(path),), generic("label"), (), (), 1000)


def tar_of(data):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("log.csv")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()


PACKED = {
    "gz": gzip.compress(LOG.encode()),
    "bz2": bz2.compress(LOG.encode()),
    "xz": lzma.compress(LOG.encode()),
    "zst": b"\x28\xb5\x2f\xfd\x24\x00",
    "lz4": b"\x04\x22\x4d\x18\x64\x40",
}
PROGRAMS = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd", "lz4": "lz4"}


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("packed", PACKED)
def test_a_file_that_is_not_packed_as_its_name_says_is_told_what_it_is(packed, ending, tmp_path):
    """``log.csv.gz`` of bzip2 was to be fetched again, or to lose its .gz; neither mends it."""
    path = tmp_path / f"log.csv.{ending}"
    path.write_bytes(PACKED[packed])
    mend = f"give it a name that ends in .{packed}"
    if packed in ("zst", "lz4"):
        mend = "unpack it, or pack it again as .gz"
    says = f"is packed by {PROGRAMS[packed]}, not by {PROGRAMS[ending]} as its name says; {mend}"
    if packed == ending in ("gz", "bz2", "xz"):
        with open_text(InputFile(0, str(path), path.stat().st_size)) as stream:
            assert stream.read() == LOG.encode()
        return
    if packed == ending:
        says = f"this compression is not supported; {mend}"
    with pytest.raises(DataError) as error:
        further_inputs(path)
    assert str(error.value) == f"{path}: {says}"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("log.gz", LOG.encode(), "is not packed by gzip, as its name says; take .gz off its name"),
        ("log.bz2", LOG.encode(), "is not packed by bzip2, as its name says; take .bz2 off"),
        ("log.zst", LOG.encode(), "is not packed by zstd, as its name says; take .zst off"),
        ("log.GZ", b"<html><body>404", "is a page of HTML; perhaps what a server answered"),
        ("log.gz", gzip.compress(PACKED["gz"]), "packed twice, within by gzip; unpack it once"),
        ("log.gz", gzip.compress(PACKED["bz2"]), "packed twice, within by bzip2; unpack it once"),
        ("log.gz", gzip.compress(tar_of(LOG.encode())), "is a tar archive; unpack it"),
        ("log.csv", tar_of(LOG.encode()), "is a tar archive; unpack it"),
        ("log.gz", PACKED["gz"][:20], "truncated or damaged compressed file"),
        ("log.bz2", PACKED["bz2"][:20], "truncated or damaged compressed file"),
    ],
)
def test_the_mend_of_a_packed_file_is_that_of_what_it_is(name, data, told, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError) as error:
        further_inputs(path)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_an_empty_file_of_bzip2_is_empty(tmp_path):
    path = tmp_path / "log.bz2"
    path.write_bytes(bz2.compress(b""))
    with pytest.raises(DataError, match=r"log\.bz2: the file has no rows"):
        further_inputs(path)
