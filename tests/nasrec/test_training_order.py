"""Order of training rows: well mixed however the log is sorted, and found again at any step."""

import collections
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from beam_preprocess.api import PreprocessConfig, Schema, preprocess
from beam_preprocess.datasets.generic import generic
from beam_preprocess.encoding import row_order
from nasrec_tf.common.errors import UserError
from nasrec_tf.data import epoch_order
from nasrec_tf.data.epoch_order import EpochOrder
from nasrec_tf.data.records import Records

ROWS = 6000
SHARDS = 6
KINDS = ("hashed", "log", "version 1")
ROW_BYTES = 4 * 4  # label, one dense and two sparse columns, parsed


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory):
    """Data sets of a log sorted by label, whose dense column is the row's number."""
    directory = tmp_path_factory.mktemp("sorted")
    random = np.random.default_rng(0)
    positive = ROWS // 3
    with open(directory / "log.csv", "w") as log:
        log.write("label,n,user,noise\n")
        for n in range(ROWS):
            label = n >= ROWS - positive
            user = random.integers(0, 30) + 15 * label  # tells something of the label
            log.write(f"{label:d},{n},u{user},x{random.integers(0, 5)}\n")
    description = generic("label", ("n",), transform="identity")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_order, "BLOCK_BYTES", 200 * row_order.record_bytes(1, 2))
        for kind in ("hashed", "log"):
            config = PreprocessConfig(
                description,
                str(directory / kind),
                inputs=(str(directory / "log.csv"),),
                shards=SHARDS,
                row_order=kind,
            )
            found[kind] = preprocess(config)
    found["version 1"] = directory / "version 1"
    shutil.copytree(found["log"], found["version 1"])
    schema = found["version 1"] / "schema.json"
    body = json.loads(schema.read_text())
    body["version"] = 1
    del body["row_order"]
    for split in body["splits"].values():
        del split["shard_rows"], split["blocks"]
    schema.write_text(json.dumps(body))
    return found


@pytest.fixture(params=KINDS)
def data_set(request, data_sets):
    return data_sets[request.param]


@pytest.fixture(autouse=True)
def small_windows():
    """Windows of 800 rows, so that an epoch has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epoch_order, "WINDOW_BYTES", 800 * ROW_BYTES)
        yield


def numbers(batches):
    """The numbers of the rows of all batches, one after the other."""
    found = [inputs["dense"].numpy()[:, 0] for inputs, _ in batches]
    return np.concatenate(found).astype(int).tolist() if found else []


def streamed(directory, **options):
    return Records(directory, memory_limit=0, **options)


def test_a_hashed_set_says_how_its_shards_are_made(data_sets):
    split = Schema.load(data_sets["hashed"]).splits["train"]
    assert (len(split.files), len(split.shard_rows), split.blocks) == (SHARDS, SHARDS, 4)
    assert Schema.load(data_sets["version 1"]).splits["train"].shard_rows is None


def test_every_row_is_trained_on_once_an_epoch(data_set):
    records = streamed(data_set)
    seen = numbers(records.training_batches(1, epoch=1, seed=3))
    assert sorted(seen) == sorted(numbers(records.batches("train", 500)))
    assert len(seen) == records.rows("train")


def label_means(records, batch):
    """Mean label of each batch, [epochs, batches]."""
    return np.array(
        [
            [labels.numpy().mean() for _, labels in records.training_batches(batch, epoch, seed=1)]
            for epoch in range(3)
        ]
    )


@pytest.mark.parametrize(("kind", "mixed"), [("hashed", 1.0), ("log", 0.7), ("version 1", 0.7)])
def test_batches_of_a_sorted_log_have_the_label_rate_of_the_log(data_sets, kind, mixed):
    # Shards in log order are read side by side until the shortest ends: the rest is mixed less.
    records, batch = streamed(data_sets[kind]), 100
    rate = records.schema.splits["train"].label_rate
    means = label_means(records, batch)
    means = means[:, : int(mixed * means.shape[1])]
    deviation = np.sqrt(rate * (1 - rate) / batch)
    assert np.abs(means - rate).max() < 5 * deviation
    assert means.std() < 1.5 * deviation


def test_neighbours_in_the_log_are_no_neighbours_in_training(data_sets):
    records = streamed(data_sets["hashed"])
    seen = np.array(numbers(records.training_batches(1, epoch=0, seed=1)))
    correlation = np.corrcoef(seen[1:], seen[:-1])[0, 1]
    assert abs(correlation) < 0.06  # of 4,800 rows in random order: 0 +- 0.014


def logistic_regression(records, epochs=3, batch=100, rate=5.0):
    """Log loss on the test split of a table of one weight per user, trained in order."""
    weights = np.zeros(records.features.table_rows[0])
    for epoch in range(epochs):
        for inputs, labels in records.training_batches(batch, epoch, seed=1):
            user, label = inputs["sparse"].numpy()[:, 0], labels.numpy()[:, 0]
            error = 1 / (1 + np.exp(-weights[user])) - label
            np.add.at(weights, user, -rate * error / batch)
    ((inputs, labels),) = list(records.batches("test", ROWS))
    logit = weights[inputs["sparse"].numpy()[:, 0]]
    label = labels.numpy()[:, 0]
    return float(np.mean(np.logaddexp(0, logit) - label * logit))


def test_a_model_learns_as_well_streamed_as_in_memory(data_set):
    in_memory = logistic_regression(Records(data_set))
    assert in_memory < 0.5 < logistic_regression(streamed(data_set), epochs=0)
    assert logistic_regression(streamed(data_set)) == pytest.approx(in_memory, rel=0.03)


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(KINDS),
    memory_limit=st.sampled_from([0, 1 << 30]),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 50),
    batch=st.integers(60, 900),
    share=st.floats(0, 1.1),
)
@example(kind="hashed", memory_limit=0, seed=0, epoch=0, batch=150, share=1.0)
@example(kind="log", memory_limit=0, seed=0, epoch=0, batch=152, share=1.1)
def test_an_epoch_resumes_at_any_step(data_sets, kind, memory_limit, seed, epoch, batch, share):
    records = Records(data_sets[kind], memory_limit)
    start = int(share * records.steps_per_epoch(batch))
    whole = numbers(records.training_batches(batch, epoch, seed))
    assert len(whole) == records.steps_per_epoch(batch) * batch
    again = Records(data_sets[kind], memory_limit)
    assert numbers(again.training_batches(batch, epoch, seed, start)) == whole[start * batch :]


def test_what_lies_before_a_step_is_not_opened(data_sets, tmp_path):
    directory = tmp_path / "set"
    shutil.copytree(data_sets["hashed"], directory)
    records = streamed(directory)
    split, epoch, seed, batch = records.schema.splits["train"], 2, 9, 64
    order = epoch_order.epoch_order(split, (1, 2), hashed=True, seed=seed, epoch=epoch)
    assert len(order.groups) == 2  # bands of four and of two shards
    rows_before = order.group_rows[0]
    start = -(-rows_before // batch)
    whole = numbers(records.training_batches(batch, epoch, seed))
    for shard in order.groups[0][0]:
        (directory / split.files[shard]).unlink()
    rest = numbers(streamed(directory).training_batches(batch, epoch, seed, start))
    assert rest == whole[start * batch :] and len(rest) > batch


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 25), st.data())
def test_rows_are_counted_through_groups_and_windows(group_rows, window_rows, data):
    groups = tuple(((index,),) for index in range(len(group_rows)))
    order = EpochOrder(groups, tuple(group_rows), 1, window_rows, seed=0)
    sizes = [
        [min(window_rows, rows - first) for first in range(0, rows, window_rows)]
        for rows in group_rows
    ]
    row = data.draw(st.integers(0, sum(group_rows) - 1))
    at = order.locate(row)
    before = sum(group_rows[: at.group]) + sum(sizes[at.group][: at.window])
    assert before + at.row == row
    assert 0 <= at.row < sizes[at.group][at.window]
    assert at.windows_before == sum(map(len, sizes[: at.group])) + at.window
    with pytest.raises(ValueError, match="`row` must lie in"):
        order.locate(sum(group_rows))


@pytest.mark.parametrize("memory_limit", [0, 1 << 30])
@pytest.mark.parametrize("kind", ["log", "version 1"])
def test_file_order_is_that_of_the_log(data_sets, kind, memory_limit):
    records = Records(data_sets[kind], memory_limit, order="file")
    in_file_order = numbers(records.batches("train", 500))
    assert in_file_order == sorted(in_file_order)
    for epoch in (0, 1):
        seen = numbers(records.training_batches(64, epoch, seed=1))
        assert seen == in_file_order[: len(seen)]
        assert numbers(records.training_batches(64, epoch, seed=1, start=33)) == seen[33 * 64 :]


def test_a_hashed_set_has_no_file_order_to_give(data_sets):
    with pytest.raises(UserError, match="preprocess the log with --row-order log"):
        Records(data_sets["hashed"], order="file")
    with pytest.raises(ValueError, match="`order` must be one of shuffled, file"):
        Records(data_sets["log"], order="sorted")


def test_a_split_is_held_only_if_loading_it_fits(data_sets):
    records = Records(data_sets["hashed"])
    loading = records.loading_bytes("train")
    rows = records.rows("train")
    # Label, one dense column and two sparse ones; and the sparse ones once more while they load.
    assert loading == rows * (4 + 4 + 8) + rows * 8
    records.training_batches(10, 0, 1)
    (held,) = records._loaded.values()
    tensors = (held.dense, held.sparse, held.labels)
    assert sum(part.numpy().nbytes for part in tensors) == rows * 16
    barely = Records(data_sets["hashed"], memory_limit=loading - 1)
    barely.training_batches(10, 0, 1)
    assert not barely._loaded


def test_shards_that_hold_other_rows_than_the_schema_says_are_told(data_sets, tmp_path):
    directory = tmp_path / "set"
    shutil.copytree(data_sets["version 1"], directory)
    files = Schema.load(directory).splits["train"].files
    shutil.copy(directory / files[0], directory / files[1])
    counts = collections.Counter(numbers(streamed(directory).batches("train", 500)))
    if sum(counts.values()) != Schema.load(directory).splits["train"].rows:
        with pytest.raises(UserError, match="rows in its shards"):
            Records(directory).batches("train", 10)


# Several splits as one.

BOTH = "train+validation"
each_memory = pytest.mark.parametrize("memory_limit", [0, 1 << 30], ids=["streamed", "in memory"])


@each_memory
def test_joined_splits_are_trained_on_row_by_row(data_set, memory_limit):
    records = Records(data_set, memory_limit=memory_limit)
    parts = [numbers(records.batches(split, 100)) for split in BOTH.split("+")]
    assert records.rows(BOTH) == sum(map(len, parts))
    found = numbers(records.training_batches(records.rows(BOTH), epoch=0, seed=0, split=BOTH))
    assert sorted(found) == sorted(parts[0] + parts[1])
    assert numbers(records.batches(BOTH, 100)) == parts[0] + parts[1]


@each_memory
def test_joined_splits_resume_at_any_step(data_set, memory_limit):
    records = Records(data_set, memory_limit=memory_limit)
    whole = numbers(records.training_batches(64, 3, 7, split=BOTH))
    for start in (1, 40, records.steps_per_epoch(64, BOTH)):
        rest = numbers(records.training_batches(64, 3, 7, start, split=BOTH))
        assert rest == whole[start * 64 :]


@each_memory
def test_rows_of_joined_splits_are_mixed(data_sets, memory_limit):
    records = Records(data_sets["hashed"], memory_limit=memory_limit)
    validation = set(numbers(records.batches("validation", 100)))
    found = numbers(records.training_batches(records.rows(BOTH), epoch=0, seed=0, split=BOTH))
    halves = [sum(n in validation for n in half) for half in np.array_split(found, 2)]
    assert min(halves) > 0.3 * len(validation)


def test_joined_splits_are_not_held_beside_their_parts(data_sets):
    records = Records(data_sets["hashed"])
    for split in ("train", "validation", "test", BOTH):
        records.training_batches(64, 0, 0, split=split)
    assert set(records._loaded) == {"test", BOTH}
