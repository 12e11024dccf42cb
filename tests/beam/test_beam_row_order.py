"""Rows in their shards: dealt out by a seeded hash, or in the log's order."""

import hashlib
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_preprocess.api import Schema, verify
from beam_preprocess.dataset.record_reader import decode_example, read_records
from beam_preprocess.datasets.generic import generic
from beam_preprocess.encoding import row_order
from beam_preprocess.encoding.row_order import hashed_places, make_layout, successive_places
from beam_preprocess.writing import segments

ROWS = 6000
NUMBERED = generic("label", ("n",), transform="identity")


@pytest.fixture
def sorted_log():
    """A log sorted by label, whose dense column is the row's number."""
    return "label,n,user\n" + "".join(f"{n >= 4500:d},{n},u{n % 7}\n" for n in range(ROWS))


def shards_of(directory, split="train"):
    """The numbers of the rows of each shard, in order."""
    found = []
    for name in Schema.load(directory).splits[split].files:
        records = read_records(pathlib.Path(directory) / name)
        found.append([int(decode_example(record)["dense"][0]) for record in records])
    return found


def digest(directory):
    """Of all files but those that name the raw file, which is another one for every call."""
    files = sorted(path for path in pathlib.Path(directory).rglob("*") if path.is_file())
    named = ("origin.json", "manifest.json")
    return [hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.name not in named]


def test_each_shard_is_a_sample_of_the_whole_log(make_dataset, sorted_log):
    out = make_dataset(sorted_log, NUMBERED, shards=4)
    schema = Schema.load(out)
    assert schema.row_order == "hashed"
    for split in ("train", "validation", "test"):
        shards = shards_of(out, split)
        assert [len(shard) for shard in shards] == list(schema.splits[split].shard_rows)
        assert sum(map(len, shards)) == schema.splits[split].rows
    for shard in shards_of(out):
        assert len(shard) == pytest.approx(1200, abs=5 * np.sqrt(1200 * 3 / 4))
        assert np.mean(np.array(shard) >= 4500) == pytest.approx(0.25, abs=5 * 0.0125)
        assert shard == sorted(shard)  # within a block the log's order


def test_each_block_of_a_shard_is_a_sample_too(make_dataset, sorted_log, monkeypatch):
    monkeypatch.setattr(row_order, "BLOCK_BYTES", 300 * row_order.record_bytes(1, 1))
    out = make_dataset(sorted_log, NUMBERED, shards=4)
    split = Schema.load(out).splits["train"]
    assert split.blocks == 4
    for shard in shards_of(out):
        begins = [0, *np.flatnonzero(np.diff(shard) < 0) + 1, len(shard)]
        assert len(begins) - 1 == 4
        for begin, end in zip(begins[:-1], begins[1:]):
            assert np.mean(np.array(shard[begin:end]) >= 4500) == pytest.approx(0.25, abs=0.13)


def test_log_order_keeps_the_log_through_all_shards(make_dataset, sorted_log):
    out = make_dataset(sorted_log, NUMBERED, shards=4, row_order="log")
    schema = Schema.load(out)
    assert schema.row_order == "log" and schema.splits["train"].blocks == 1
    numbers = sum(shards_of(out), [])
    assert numbers == sorted(numbers)
    assert [len(shard) for shard in shards_of(out)] == pytest.approx([1200] * 4, abs=80)


def test_the_seed_decides_which_shard(make_dataset, sorted_log):
    first, again, other = (
        make_dataset(sorted_log, NUMBERED, name=name, shards=4, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert digest(first) == digest(again)
    shards = [[set(shard) for shard in shards_of(out)] for out in (first, other)]
    assert all(len(one & two) < 600 for one, two in zip(*shards))


def test_little_memory_changes_no_record(make_dataset, sorted_log, monkeypatch):
    monkeypatch.setattr(row_order, "BLOCK_BYTES", 300 * row_order.record_bytes(1, 1))
    # Some blocks of text, so that workers pack what they hold in between.
    header, rows = sorted_log.split("\n", 1)
    log = header + "\n" + rows.replace("\n", "x" * 500 + "\n")
    plenty = make_dataset(log, NUMBERED, name="plenty", shards=3)
    monkeypatch.setattr(segments, "_COPIED_BYTES", 1000)
    few_passes = make_dataset(log, NUMBERED, name="passes", shards=3)
    assert digest(plenty) == digest(few_passes)
    monkeypatch.setattr(segments, "HELD_BYTES", 1000)
    spilled = make_dataset(log, NUMBERED, name="spilled", shards=3)
    assert digest(plenty) != digest(spilled)
    assert shards_of(plenty) == shards_of(spilled)
    assert verify(spilled) == verify(plenty)


def test_a_shard_may_be_empty(make_dataset):
    out = make_dataset("label,n,user\n" + "0,1,a\n1,2,b\n" * 20, NUMBERED, shards=32)
    rows = Schema.load(out).splits["train"].shard_rows
    assert 0 in rows and [len(shard) for shard in shards_of(out)] == list(rows)


@given(st.integers(0, 2**62), st.integers(0, 99), st.integers(0, 99), st.integers(1, 50))
def test_places_are_dealt_out_evenly(seed, file, block, places):
    lines = np.arange(4000)
    found = hashed_places(lines, seed=seed, file=file, block=block, places=places)
    counts = np.bincount(found, minlength=places)
    expected = 4000 / places
    assert len(counts) == places
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected) + 1


def test_places_never_change_between_versions():
    found = hashed_places(np.arange(12), seed=2018, file=1, block=3, places=5)
    assert "".join(map(str, found)) == "401312101332"


@given(st.integers(1, 5000), st.integers(1, 40))
def test_successive_places_are_even_and_rise(total, places):
    found = successive_places(np.arange(total), total, places)
    counts = np.bincount(found, minlength=places)
    assert (np.diff(found) >= 0).all() and len(counts) == places
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(
    ("rows", "shards"),
    [(0, 1), (4095, 1), (8192, 2), (20 * 4096, 8), (100 << 18, 100), ((100 << 18) + 1, 101)],
)
def test_without_a_number_there_are_as_many_shards_as_the_rows_suggest(rows, shards):
    for hashed in (False, True):
        assert make_layout(rows, None, 240, hashed=hashed).shards == shards


@given(st.integers(0, 10**10), st.none() | st.integers(1, 10**6), st.integers(1, 10**5))
def test_layouts_are_bounded(rows, shards, row_bytes):
    layout = make_layout(rows, shards, row_bytes, hashed=True)
    assert 1 <= layout.shards <= max(1, rows)
    assert layout.places < row_order.MOST_BLOCKS + layout.shards
    if shards is not None:
        assert layout.shards == min(shards, max(1, rows))
