"""The split by groups: no user in two splits, wherever their rows stand, and shares as asked."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.record_reader import decode_example, read_records
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.encoding.splits import grouped_splits
from beam_preprocess.errors import DataError

BY_USER = dataclasses.replace(generic("label"), group="user")


def groups_of(directory, split):
    """The groups of a split's rows, 0 where a row has none."""
    files = [pathlib.Path(directory) / name for name in Schema.load(directory).splits[split].files]
    records = (decode_example(record) for file in files for record in read_records(file))
    return [int(example["group"][0]) for example in records]


def log(rows, users, missing=0):
    """Text of a log; its first rows have no user."""
    lines = (
        f"{row % 3 == 0:d},{'' if row < missing else f'u{row * 7919 % users}'},i{row % 5}\n"
        for row in range(rows)
    )
    return "label,user,item\n" + "".join(lines)


@given(
    st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=40),
    st.integers(0, 2**32),
    st.integers(0, 50),
    st.integers(0, 50),
)
def test_a_group_is_in_one_split_whatever_file_and_block_a_row_is_in(groups, seed, file, block):
    drawn = np.array(groups, np.uint64)
    options = {"seed": seed, "fractions": (0.5, 0.25, 0.25)}
    here = grouped_splits(drawn, np.arange(len(drawn)), file=0, block=0, **options)
    there = grouped_splits(drawn[::-1], np.arange(len(drawn)), file=file, block=block, **options)
    assert here.tolist() == there[::-1].tolist()
    assert len(set(zip(groups, here.tolist()))) == len(set(groups))


def test_each_split_has_its_share_of_the_groups_and_of_rows_without_one():
    fractions = 0.7, 0.2, 0.1
    for groups in (np.arange(1, 100_001), np.zeros(100_000)):
        splits = grouped_splits(
            groups.astype(np.uint64), np.arange(100_000), seed=1, file=2, block=3,
            fractions=fractions,
        )  # fmt: skip
        shares = np.bincount(splits, minlength=3) / 100_000
        # Six standard deviations of a share.
        assert shares == pytest.approx(fractions, abs=6 * 0.5 / 100_000**0.5)


def test_no_user_of_a_log_is_in_two_splits(make_dataset, tmp_path):
    parts = log(2000, 300).splitlines(keepends=True)
    (tmp_path / "log").mkdir()
    for number, part in enumerate((parts[1:700], parts[700:])):
        (tmp_path / "log" / f"{number}.csv").write_text(parts[0] + "".join(part))
    directory = make_dataset(str(tmp_path / "log"), BY_USER, split="grouped", seed=3)
    users = {split: set(groups_of(directory, split)) for split in ("train", "validation", "test")}
    assert all(users.values()) and sum(map(len, users.values())) == 300
    assert len(set.union(*users.values())) == 300
    assert Schema.load(directory).split_method == "grouped"
    again = make_dataset(str(tmp_path / "log"), BY_USER, split="grouped", seed=3, name="again")
    other = make_dataset(str(tmp_path / "log"), BY_USER, split="grouped", seed=4, name="other")
    assert set(groups_of(again, "test")) == users["test"] != set(groups_of(other, "test"))


def test_that_the_groups_of_other_splits_are_not_known_is_told_with_the_reason(make_dataset):
    directory = make_dataset(log(3000, 200), BY_USER, split="grouped")
    found = json.loads((pathlib.Path(directory) / "findings.json").read_text())["warnings"]
    unknown = [one["text"] for one in found if one["kind"] == "unknown values"]
    assert unknown and all("so --split grouped has it; leave it out" in text for text in unknown)


def test_rows_without_a_user_are_dealt_out_one_by_one(make_dataset):
    directory = make_dataset(log(1500, 200, missing=600), BY_USER, split="grouped")
    without = [groups_of(directory, split).count(0) for split in ("train", "validation", "test")]
    assert sum(without) == 600 and min(without) > 20 and without[0] > 400


def test_without_a_group_it_is_one_line():
    with pytest.raises(DataError, match="--split grouped: data set csv has no group column; name"):
        PreprocessConfig(generic("label"), "out", inputs=("log.csv",), split="grouped")
