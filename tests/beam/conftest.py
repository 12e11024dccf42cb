"""What the preprocessing tests share: raw files, data sets, and reading them back."""

import os
import pathlib

import pytest

from beam_preprocess.api import preprocess
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.record_reader import decode_example, read_records
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets import find_description
from beam_preprocess.datasets.generic import generic


@pytest.fixture(scope="session")
def real_data():
    """Gives a file of the real test data, or skips the test by name."""
    here = pathlib.Path(__file__).resolve().parents[2]
    root = pathlib.Path(os.environ.get("NASREC_TEST_DATA", here.parent / "shared" / "data"))

    def find(name):
        if not (root / name).is_file():
            pytest.skip(f"real data {name} not found (set NASREC_TEST_DATA)")
        return str(root / name)

    return find


@pytest.fixture
def make_dataset(tmp_path):
    """Runs the preprocessing on raw text (or a path) and gives the data set's directory."""

    def make(raw, dataset=None, *, name="out", suffix="csv", **options):
        source = raw
        if isinstance(raw, (str, bytes)) and not os.path.exists(raw):
            source = tmp_path / f"raw-{name}.{suffix}"
            source.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        description = dataset or generic("label")
        if isinstance(description, str):
            description = find_description(description)
        if "split_inputs" not in options:
            options["inputs"] = (str(source),)
        config = PreprocessConfig(
            description.with_side_tables(tuple(options.get("side_tables", ()))),
            str(tmp_path / name),
            **options,
        )
        return preprocess(config)

    return make


@pytest.fixture
def read_split():
    """Reads all records of one split in order: a list of (label, dense, sparse)."""

    def read(directory, split):
        rows = []
        for name in Schema.load(directory).splits[split].files:
            for record in read_records(pathlib.Path(directory) / name):
                example = decode_example(record)
                dense = example.get("dense", ())
                rows.append((float(example["label"][0]), tuple(dense), tuple(example["sparse"])))
        return rows

    return read


@pytest.fixture
def small_log():
    """Text of a small log: a header, and rows of two sparse columns."""

    def text(rows=40, header="label,user,item\n"):
        lines = (f"{row % 4 == 0:d},u{row % 5},i{row % 3}\n" for row in range(rows))
        return header + "".join(lines)

    return text
