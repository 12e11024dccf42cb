"""Whole data sets: read back by value, equal on every runner, complete or absent."""

import collections
import gzip
import math
import os
import pathlib
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
import pytest

from beam_preprocess.api import verify
from beam_preprocess.dataset.inspection import inspect
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema
from beam_preprocess.datasets.generic import generic

CRITEO = "criteo_kaggle_head10k/train_head10k.txt"


def files_of(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(pathlib.Path(directory).rglob("*"))
        if path.is_file()
    }


def without_metadata(row, schema, vocabularies):
    """A record as the raw values it stands for: label, dense values, and text or None."""
    label, dense, sparse = row
    values = []
    for feature, index in zip(schema.sparse, sparse):
        values.append(None if index == 0 else vocabularies[feature.name][index - 2])
    return label, tuple(dense), tuple(values)


@pytest.mark.parametrize("kind", ["text", "parquet"])
def test_reading_back_gives_exactly_the_rows_that_went_in(make_dataset, read_split, tmp_path, kind):
    random = np.random.default_rng(5)
    rows = 9_000
    table = pa.table(
        {
            "label": random.integers(0, 2, rows),
            "price": pa.array(random.gamma(2, 10, rows).round(3), mask=random.random(rows) < 0.1),
            "user": pa.array(
                [f'Nutzer {n}, "ü"|\t' for n in random.integers(0, 300, rows)],
                mask=random.random(rows) < 0.05,
            ),
            "item": random.integers(0, 2**40, rows) % 997,
        }
    )
    witness = tmp_path / "witness.parquet"
    parquet.write_table(table, witness, row_group_size=5_000)
    source = witness
    if kind == "text":
        source = tmp_path / "log.csv"
        arrow_csv.write_csv(table, source)
    description = generic("label", ("price",), transform="identity", file_format=kind)
    out = make_dataset(source, description, min_count=1, shards=3)

    schema = Schema.load(out)
    vocabularies = {
        feature.name: (out / feature.vocabulary).read_bytes().split(b"\n")[:-1]
        for feature in schema.sparse
    }
    found = collections.Counter()
    for split in SPLIT_NAMES:
        records = read_split(out, split)
        assert len(records) == schema.splits[split].rows
        assert sum(label for label, _, _ in records) == schema.splits[split].positives
        for record in records:
            if 1 in record[2]:  # out of vocabulary: only outside the training split
                assert split != "train"
                continue
            found[without_metadata(record, schema, vocabularies)] += 1
    unseen = sum(1 in record[2] for split in SPLIT_NAMES for record in read_split(out, split))
    expected = collections.Counter()
    for row in parquet.read_table(witness).to_pylist():
        price = 0.0 if row["price"] is None else row["price"]
        user = None if row["user"] is None else row["user"].encode()
        expected[float(row["label"]), (np.float32(price),), (user, b"%d" % row["item"])] += 1
    assert found <= expected
    assert sum(expected.values()) == sum(found.values()) + unseen == rows
    assert unseen < rows / 100


INTEGERS = tuple(f"I{index}" for index in range(1, 14))


@pytest.mark.parametrize(
    ("dataset", "name", "rows", "positives"),
    [
        ("criteo", CRITEO, 10_000, 2_182),
        ("avazu", "avazu_head10k/train_head9999.csv", 9_999, 1_706),
        (generic("label"), "movielenslatest_x1_test/test.csv", 200_686, 66_850),
        (generic("label", INTEGERS), "criteo_kaggle_head10k/criteo_random200.csv", 200, 49),
        (
            generic("click", sparse=("item_id", "position")),
            "obd_zozo40k/random_men.csv",
            10_000,
            46,
        ),
    ],
)
def test_real_sets_keep_their_rows_and_label_rates(
    make_dataset, real_data, dataset, name, rows, positives
):
    schema = Schema.load(make_dataset(real_data(name), dataset))
    assert sum(split.rows for split in schema.splits.values()) == rows
    assert sum(split.positives for split in schema.splits.values()) == positives
    blocks = rows / 4_000 + 1  # each may round a row of each label up or down
    for split, share in zip(schema.splits.values(), (0.8, 0.1, 0.1)):
        assert split.rows == pytest.approx(share * rows, abs=2 * blocks)
        assert split.positives == pytest.approx(share * positives, abs=blocks)


def test_given_splits_stay_as_they_are(make_dataset, real_data):
    splits = {"train": "train", "validation": "valid", "test": "test"}
    inputs = {split: (real_data(f"frappe_x1/{file}.csv"),) for split, file in splits.items()}
    out = make_dataset("", split="given", split_inputs=inputs)
    schema = Schema.load(out)
    found = [(split.rows, split.positives) for split in schema.splits.values()]
    assert found == [(202_027, 67_604), (57_722, 19_063), (28_860, 9_536)]
    assert len(schema.sparse) == 10 and not schema.dense


def test_the_generic_reader_takes_dense_and_sparse_columns(make_dataset, real_data):
    affinities = tuple(f"user-item_affinity_{index}" for index in range(34))
    sparse = ("item_id", "position", *(f"user_feature_{index}" for index in range(4)))
    description = generic(
        "click",
        affinities,
        sparse,
        transform="standardize",
        time_column="timestamp",
        time_format="iso8601",
    )
    source = real_data("obd_zozo40k/bts_men.csv")
    out = make_dataset(source, description, split="chronological")
    schema = Schema.load(out)
    assert [split.rows for split in schema.splits.values()] == pytest.approx(
        [8000, 1000, 1000], abs=5
    )
    assert sum(split.positives for split in schema.splits.values()) == 69


def test_both_runners_write_the_same_data_set(make_dataset, small_log):
    log = small_log(60_000)
    one = make_dataset(log, name="one", shards=4)
    two = make_dataset(one.parent / "raw-one.csv", name="two", shards=4, workers=2)
    assert files_of(one) == files_of(two)
    assert verify(two) == len(files_of(two)) - 1


def test_the_portable_runner_writes_the_same_data_set(make_dataset, small_log):
    one = make_dataset(small_log(5_000), name="one", shards=2)
    # The way to Flink and Spark, with the job server that Beam carries for such tests.
    options = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK")
    raw = one.parent / "raw-one.csv"
    two = make_dataset(raw, name="two", shards=2, beam_options=options)
    assert files_of(one) == files_of(two)


def test_compression_and_repetition_change_no_record(make_dataset, read_split, small_log):
    log = small_log(5_000)
    plain = make_dataset(log, name="plain")
    again = make_dataset(plain.parent / "raw-plain.csv", name="again")
    packed = make_dataset(gzip.compress(log.encode()), name="packed", suffix="csv.gz")
    assert files_of(plain) == files_of(again)
    for split in SPLIT_NAMES:
        assert read_split(plain, split) == read_split(packed, split)


def test_the_seed_changes_the_split(make_dataset, read_split, small_log):
    log = "label,n\n" + "".join(f"{n % 2},{n}\n" for n in range(500))
    sets = []
    for seed in (0, 1):
        out = make_dataset(log, generic("label", ("n",)), name=f"s{seed}", seed=seed)
        sets.append({dense for _, dense, _ in read_split(out, "test")})
    assert len(sets[0]) == pytest.approx(50, abs=2)
    assert sets[0] != sets[1]


def test_statistics_and_vocabularies_come_from_training_alone(make_dataset, tmp_path):
    inputs = {}
    for split, lines in {
        "train": "1,10,a\n0,30,b\n0,,a\n1,20,\n",
        "validation": "1,1000,z\n0,,a\n",
        "test": "0,-5,y\n1,7,b\n",
    }.items():
        path = tmp_path / f"{split}.csv"
        path.write_text("label,x,u\n" + lines)
        inputs[split] = (str(path),)
    description = generic("label", ("x",), transform="standardize")
    out = make_dataset("", description, split="given", split_inputs=inputs, min_count=1)
    schema = Schema.load(out)
    (x,) = schema.dense
    assert (x.mean, x.missing, x.minimum, x.maximum, x.missing_count) == (20.0, 20.0, 10.0, 30.0, 1)
    assert x.std == pytest.approx(math.sqrt(200 / 3))
    (u,) = schema.sparse
    assert (out / u.vocabulary).read_text() == "a\nb\n"
    assert (u.rows, u.distinct, u.missing_count, u.out_of_vocabulary_count) == (4, 2, 1, 0)


def test_records_follow_the_documented_transforms(make_dataset, read_split, tmp_path):
    toml = tmp_path / "shop.toml"
    toml.write_text(
        'label = "y"\nmissing_tokens = ["NA"]\n'
        '[[dense]]\nsource = "x"\n[[dense]]\nsource = "x"\nname = "x_missing"\n'
        'transform = "missing_indicator"\n'
        '[[dense]]\nsource = "x"\nname = "x_raw"\ntransform = "identity"\nmissing = -1.0\n'
        '[[sparse]]\nsource = "t"\nname = "hour"\nderive = "hour_of_day"\n'
        '[[sparse]]\nsource = "t"\nname = "day"\nderive = "weekday"\n'
    )
    rows = {"train": "1,5,14102107\n0,NA,14102208\n", "validation": "1,-3,14102107\n"}
    rows["test"] = "0,,14102309\n"
    inputs = {}
    for split, lines in rows.items():
        path = tmp_path / f"{split}.csv"
        path.write_text("y,x,t\n" + lines)
        inputs[split] = (str(path),)
    out = make_dataset("", str(toml), split="given", split_inputs=inputs, min_count=1)
    log6 = pytest.approx(math.log(6), rel=1e-6)
    assert read_split(out, "train") == [
        (1.0, (log6, 0.0, 5.0), (2, 2)),
        (0.0, (0.0, 1.0, -1.0), (3, 3)),
    ]
    assert read_split(out, "validation") == [(1.0, (0.0, 0.0, -3.0), (2, 2))]
    assert read_split(out, "test") == [(0.0, (0.0, 1.0, -1.0), (1, 1))]
    assert (out / "vocabularies/hour.txt").read_text() == "07\n08\n"
    assert (out / "vocabularies/day.txt").read_text() == "1\n2\n"


def test_hashing_is_that_of_tensorflow(make_dataset, read_split, small_log):
    import tensorflow as tf

    out = make_dataset(small_log(40), encoding="hash", table_rows=50, shards=1)
    ids = {ids for split in SPLIT_NAMES for _, _, ids in read_split(out, split)}
    expected = set()
    for row in range(40):
        values = [f"u{row % 5}", f"i{row % 3}"]
        expected.add(tuple((2 + tf.strings.to_hash_bucket_fast(values, 48)).numpy().tolist()))
    assert ids == expected


def test_modulo_is_the_authors_scheme(make_dataset, read_split, real_data):
    source = real_data("avazu_head10k/train_head9999.csv")
    out = make_dataset(source, "avazu-authors", encoding="modulo", max_rows=50, shards=1)
    schema = Schema.load(out)
    assert sum(schema.sparse_rows) == 9_459_467
    found = collections.Counter(
        record[2] for split in SPLIT_NAMES for record in read_split(out, split)
    )
    expected = collections.Counter()
    with open(source) as stream:
        header = next(stream).strip().split(",")
        for line, _ in zip(stream, range(50)):
            row = dict(zip(header, line.strip().split(",")))
            ids = []
            for feature in schema.sparse:
                try:
                    number = int(row[feature.source], 10)
                except ValueError:
                    number = int(row[feature.source], 16)
                ids.append(number % 2147483647 % (feature.rows - 1) + 1)
            expected[tuple(ids)] += 1
    assert found == expected


def test_side_tables_are_joined(make_dataset, read_split, real_data, tmp_path):
    users = tmp_path / "profile.txt"
    users.write_text("490234\t2\t4\n7\t1\t1\n")
    queries = tmp_path / "tokens.txt"
    queries.write_text("1601\t12|7|9\n4532751\t12\n")
    out = make_dataset(
        real_data("kdd12_rows/training.txt"),
        "kdd",
        min_count=1,
        side_tables={"user": str(users), "query": str(queries)},
    )
    schema = Schema.load(out)
    assert schema.dense_names[-1] == "query_tokens"
    assert schema.sparse_names[-3:] == ("gender", "age", "query_first_token")
    assert (out / "vocabularies/gender.txt").read_text() == "2\n"
    assert (out / "vocabularies/query_first_token.txt").read_text() == "12\n"
    counts = {round(float(np.expm1(dense[-1]))) for _, dense, _ in read_split(out, "train")}
    assert counts <= {0, 1, 3} and 3 in counts
    assert sum(split.rows for split in schema.splits.values()) == 11


def test_the_sample_is_the_beginning_of_the_log(make_dataset, small_log):
    out = make_dataset(small_log(500), max_rows=100)
    assert sum(split.rows for split in Schema.load(out).splits.values()) == 100


def test_shards_hold_all_rows_and_as_many_as_asked_for(make_dataset, small_log):
    out = make_dataset(small_log(1000), shards=5)
    for name, split in Schema.load(out).splits.items():
        assert split.files == tuple(
            f"{name}-{shard:05d}-of-00005.tfrecord.gz" for shard in range(5)
        )


def test_any_column_name_is_a_file_name(make_dataset):
    log = 'label,a/b,"c|d",ü <&>\n' + "".join(f"{n % 2},{n},x{n % 3},y\n" for n in range(40))
    out = make_dataset(log, generic("label", ("a/b",)))
    schema = Schema.load(out)
    assert schema.sparse_names == ("c|d", "ü <&>")
    assert all((out / feature.vocabulary).is_file() for feature in schema.sparse)
    for plot in (out / "plots").iterdir():
        ElementTree.parse(plot)
    assert "c\\|d" in (out / "data_card.md").read_text()


def test_side_tables_are_read_anew_in_every_run(make_dataset, tmp_path):
    users = tmp_path / "profile.txt"
    log = "\n".join("\t".join(["1", *"123456789", str(n % 3), "u"]) for n in range(40))
    for number, gender in enumerate("12"):
        users.write_text(f"u\t{gender}\t3\n")
        out = make_dataset(log, "kdd", name=f"run{number}", side_tables={"user": str(users)})
        assert (out / "vocabularies/gender.txt").read_text() == f"{gender}\n"


def test_inspect_sums_up_and_decodes(make_dataset, small_log):
    out = make_dataset(small_log(200))
    found = inspect(out)
    assert sum(split["rows"] for split in found["splits"].values()) == 200
    assert found["splits"]["train"]["label_rate"] == pytest.approx(0.25, abs=0.01)
    assert set(found["rows"][0]["sparse"]) == {"user", "item"}
    card = (out / "data_card.md").read_text()
    assert "| train | 160 |" in card and "plots/label_rate.svg" in card
    assert os.listdir(out.parent) == [
        name for name in os.listdir(out.parent) if "partial" not in name
    ]
