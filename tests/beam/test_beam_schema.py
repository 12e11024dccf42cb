"""The data set directory: schema and manifest."""

import dataclasses
import json

import pytest

from beam_preprocess.dataset.feature_schema import DenseFeature, SparseFeature
from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.dataset.manifest import manifest_body, verify
from beam_preprocess.dataset.schema import Schema, Split
from beam_preprocess.errors import DataError


@pytest.fixture
def schema():
    return Schema(
        name="shop",
        label="click",
        dense=(DenseFeature("price", "price", "standardize", 3.5, mean=3.5, std=2.0),),
        sparse=(
            SparseFeature("user", "user", "vocabulary", 12, vocabulary="vocabularies/user.txt"),
            SparseFeature("day", "hour", "hash", 100, derive="weekday"),
            SparseFeature("ad", "ad", "modulo", 50, radix="hex", fold=2147483647),
        ),
        splits={
            "train": Split(8, 2, ("train-00000-of-00001.tfrecord.gz",)),
            "validation": Split(1, 0, ()),
            "test": Split(1, 1, ()),
        },
        seed=7,
        missing_tokens=("NA",),
        rejected={"invalid UTF-8": 3},
    )


def test_the_schema_survives_json(schema, tmp_path):
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    schema.save(tmp_path)
    (tmp_path / MANIFEST_FILE).write_text("{}")
    assert Schema.load(tmp_path) == schema


def test_names_table_rows_and_label_rates_are_at_hand(schema):
    assert schema.dense_names == ("price",)
    assert schema.sparse_names == ("user", "day", "ad")
    assert schema.sparse_rows == (12, 100, 50)
    assert [split.label_rate for split in schema.splits.values()] == [0.25, 0.0, 1.0]


def test_a_directory_without_manifest_is_no_data_set(schema, tmp_path):
    schema.save(tmp_path)
    with pytest.raises(DataError, match=r"not a complete data set \(no manifest.json\)"):
        Schema.load(tmp_path)
    with pytest.raises(DataError, match="no such data set directory"):
        Schema.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body.update(format="other"), "not a nasrec_tf.dataset schema"),
        (lambda body: body.update(version=99), "format version 99"),
        (lambda body: body.pop("label"), "damaged schema"),
        (lambda body: body["sparse"][0].pop("rows"), "damaged schema"),
        (lambda body: body["sparse"][0].update(rows=1), "'user': rows must be at least 2"),
        (lambda body: body["sparse"][0].update(vocabulary=None), "'user': a vocabulary file"),
        (lambda body: body["sparse"][1].update(derive="year"), "'day': derive must be one of"),
        (lambda body: body["sparse"][2].update(radix=None), "'ad': radix must be one of"),
        (lambda body: body["dense"][0].update(transform="log"), "'price': transform must be"),
        (lambda body: body["dense"][0].update(std=0.0), "'price': std must be positive"),
        (lambda body: body["dense"][0].update(name="user"), "must be unique; repeated: user"),
        (lambda body: body["splits"].pop("test"), "splits must be"),
        (lambda body: body["splits"]["test"].update(positives=2), "cannot have 2 positives"),
    ],
)
def test_a_wrong_schema_is_refused_by_name(schema, change, message):
    body = schema.to_json()
    change(body)
    with pytest.raises(DataError, match=message):
        Schema.from_json(body)


def test_the_manifest_finds_missing_and_changed_files(tmp_path):
    import hashlib

    content = b"rows"
    (tmp_path / "a.bin").write_bytes(content)
    entry = (len(content), hashlib.sha256(content).hexdigest())
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest_body({"a.bin": entry})))
    assert verify(tmp_path) == 1
    (tmp_path / "a.bin").write_bytes(b"Rows")
    with pytest.raises(DataError, match="a.bin: checksum differs"):
        verify(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"row")
    with pytest.raises(DataError, match="a.bin: 3 bytes, 4 in manifest"):
        verify(tmp_path)
    (tmp_path / "a.bin").unlink()
    with pytest.raises(DataError, match="a.bin: listed in manifest.json but missing"):
        verify(tmp_path)


def test_a_schema_is_immutable(schema):
    with pytest.raises(dataclasses.FrozenInstanceError):
        schema.seed = 1
