"""Other validation rows of a small data set: all rows once, each with what belongs to it."""

import itertools

import numpy as np
import pytest

from beam_preprocess.api import PreprocessConfig, preprocess
from beam_preprocess.datasets.generic import generic
from nasrec_tf.data.records import Records
from nasrec_tf.data.redealt_splits import RedealtRecords, deals

ROWS = 600


def write_log(path):
    """Rows that their number tells apart; weight and group follow from it."""
    random = np.random.default_rng(3)
    with open(path, "w") as log:
        log.write("label,n,user,weight,group,time\n")
        for n in range(ROWS):
            label = int(random.random() < 0.3)
            log.write(f"{label},{n},u{random.integers(0, 30)},{1 + n % 7},g{n % 11},{n}\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("redealt")
    write_log(directory / "log.csv")

    description = generic(
        "label", ("n",), transform="identity", weight="weight", group="group", time_column="time"
    )

    def make(name, **changes):
        config = PreprocessConfig(
            description,
            str(directory / name),
            inputs=(str(directory / "log.csv"),),
            shards=3,
            **changes,
        )
        return preprocess(config)

    return make


@pytest.fixture(scope="module")
def own(made):
    return Records(made("stratified"))


def rows(records, split):
    """Number, label, weight of every row as batches have them, and weight and group beside them."""
    found = []
    for inputs, labels, weights in records.batches(split, 64):
        number = inputs["dense"][:, 0] * records.schema.dense[0].std + records.schema.dense[0].mean
        found.append(np.column_stack([np.rint(number), labels, weights]))
    beside = [records.weights(split), records.groups(split)]
    return np.column_stack([np.concatenate(found), *beside])


def test_every_row_is_in_one_of_the_splits_with_its_own_label_weight_and_group(own):
    def whole(records):
        both = np.concatenate([rows(records, split) for split in ("train", "validation")])
        return both[np.argsort(both[:, 0])]

    expected = whole(own)
    assert len(expected) == own.rows("train") + own.rows("validation")
    for deal in range(1, deals(own)):
        assert np.array_equal(whole(RedealtRecords(own, deal, seed=1)), expected)


def test_no_row_validates_two_deals_and_each_has_as_many_of_a_label(own):
    splits = [own, *(RedealtRecords(own, deal, seed=1) for deal in range(1, deals(own)))]
    assert len(splits) > 4
    validation = [rows(records, "validation") for records in splits]
    for one, other in itertools.combinations(validation, 2):
        assert not set(one[:, 0]) & set(other[:, 0])
    assert len({(len(part), part[:, 1].sum()) for part in validation}) == 1


def test_training_passes_over_the_dealt_rows(own):
    records = RedealtRecords(own, 2, seed=1)
    seen = np.concatenate(
        [inputs["sparse"][:, 0] for inputs, *_ in records.training_batches(1, epoch=0, seed=0)]
    )
    dealt = np.concatenate([inputs["sparse"][:, 0] for inputs, *_ in records.batches("train", 64)])
    assert sorted(seen) == sorted(dealt)
    assert len(seen) == own.rows("train")


def test_the_seed_decides_what_is_dealt(own):
    one, same, other = (rows(RedealtRecords(own, 1, seed), "validation") for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_test_split_stays(own):
    assert np.array_equal(rows(RedealtRecords(own, 1, seed=1), "test"), rows(own, "test"))


def test_a_split_or_an_order_that_means_something_is_not_dealt_anew(made):
    by_time = Records(made("by-time", split="chronological"))
    assert deals(by_time) == 1
    in_order = Records(made("in-order", row_order="log"), order="file")
    assert deals(in_order) == 1
    with pytest.raises(ValueError, match=r"`deal` must lie in \[1, 1\)"):
        RedealtRecords(by_time, 1, seed=0)
