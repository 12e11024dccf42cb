"""Value counts go by files, whatever was written when, and come to the same sums."""

import collections
import pathlib
import tempfile
import unittest.mock

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.encoding import count_files
from beam_preprocess.encoding.count_files import SpilledCounts, merged_counts
from beam_preprocess.encoding.vocabulary import ValueCounter, read_vocabulary, vocabulary_text
from beam_preprocess.job import UNITS_DIRECTORY, Job

VALUES = st.binary(max_size=9).filter(lambda value: b"\n" not in value)
COLUMNS = st.dictionaries(st.sampled_from("abc"), st.lists(VALUES, max_size=20), max_size=3)


def job_in(directory, local):
    (pathlib.Path(directory) / UNITS_DIRECTORY).mkdir()
    return Job(None, (), (), str(directory), str(directory), local)


@settings(deadline=None)
@given(
    st.lists(st.lists(COLUMNS, max_size=5), max_size=3), st.integers(0, 30), st.booleans(),
    st.sampled_from([0, 1000]),
)  # fmt: skip
def test_counts_of_several_workers_are_those_of_all_values(workers, most_rows, local, at_once):
    expected = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as directory:
        job = job_in(directory, local)
        files = []
        for tasks in workers:
            counters = {name: ValueCounter() for name in "abc"}
            spilled = SpilledCounts(job, most_rows)
            for columns in tasks:
                for name, values in columns.items():
                    counters[name].add(pa.array(values, pa.binary()))
                    expected[name].update(values)
                spilled.spill(counters)
                assert sum(counter.rows for counter in counters.values()) <= most_rows
            files += spilled.files(counters)
        for name in "abc":
            paths = [path for of, path in files if of == name]
            with unittest.mock.patch.object(count_files, "_SUMMED_AT_ONCE", at_once):
                table = pa.concat_tables(merged_counts(job, paths))
            found = dict(zip(*(table[key].to_pylist() for key in ("value", "count"))))
            assert found == dict(expected[name])
            assert table.num_rows == len(found)


@given(st.lists(VALUES), st.integers(0, 5))
def test_a_vocabulary_file_holds_one_value_a_line(values, first):
    entries = pa.array(values, pa.binary())[first:]
    text = vocabulary_text(entries)
    assert text == b"".join(value + b"\n" for value in entries.to_pylist())
    assert read_vocabulary(text).to_pylist() == entries.to_pylist()


def test_a_vocabulary_of_several_pieces_is_one_file():
    pieces = pa.chunked_array([[b"a", b""], [], [b"c"]], pa.binary())
    assert vocabulary_text(pieces) == b"a\n\nc\n"
