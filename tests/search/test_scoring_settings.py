"""What a search's scores depend on is in its journal, and differs where scores would."""

import dataclasses
import json

import numpy as np
from nasrec.core_cases import FEATURES, SMALL, SMALL_OPTIONS

from beam_preprocess.dataset.feature_schema import DenseFeature, SparseFeature
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema, Split
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.search.candidate_summary import scored_by
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scoring_settings import (
    digest_of_data,
    digest_of_weights,
    scoring_environment,
)
from nasrec_tf.strategies.oracle.ledger import read_history


def supernet(seed):
    model = Supernet(SMALL.replace(num_blocks=2), FEATURES, SMALL_OPTIONS, seed=seed)
    if not model.built:
        model.build()
    return model


def test_the_digest_of_weights_is_theirs_alone_and_not_the_model_s_name():
    first, again, other = supernet(0), supernet(0), supernet(1)
    assert len(first.weights) > 10
    assert digest_of_weights(first) == digest_of_weights(again) != digest_of_weights(other)
    weight = again.weights[-1]
    weight.assign(np.nextafter(weight.numpy(), np.float32(9)))
    assert digest_of_weights(again) != digest_of_weights(first)


def data_set(directory, *, schema=None, **files):
    """A data set as far as its digest goes: a schema, and the manifest's checksums."""
    schema = schema or Schema(
        name="shop",
        label="click",
        dense=(DenseFeature("price", "price", "standardize", 3.5, mean=3.5, std=2.0),),
        sparse=(
            SparseFeature("user", "user", "vocabulary", 12, vocabulary="vocabularies/user.txt"),
            SparseFeature("day", "hour", "hash", 100, derive="weekday", time_format="YYMMDDHH"),
        ),
        splits={name: Split(4, 1, (f"{name}.tfrecord.gz",)) for name in SPLIT_NAMES},
        seed=7,
    )  # fmt: skip
    text = schema if isinstance(schema, str) else schema.dumps()
    (directory / "schema.json").write_text(text)
    files = {"schema.json": "a", "train.tfrecord.gz": "b", "data_card.md": "c"} | files
    entries = {name: {"bytes": 1, "sha256": value} for name, value in files.items()}
    (directory / "manifest.json").write_text(json.dumps({"files": entries}))
    return text


def test_the_digest_of_a_data_set_is_that_of_its_records_and_of_what_its_schema_says(tmp_path):
    def digest(**changed):
        data_set(tmp_path, **changed)
        return digest_of_data(tmp_path)

    assert digest() == digest(**{"data_card.md": "d", "plots/label_rate.svg": "e"})
    schema = Schema.load(tmp_path)
    other = dataclasses.replace(schema, missing_tokens=("NA",))
    assert len({digest(), digest(schema=other), digest(**{"test.tfrecord.gz": "d"})}) == 3


def without_nothing(value):
    """A JSON value without its null fields: as a release wrote it that had none of them."""
    if isinstance(value, dict):
        return {name: without_nothing(each) for name, each in value.items() if each is not None}
    return [without_nothing(each) for each in value] if isinstance(value, list) else value


def test_a_schema_of_an_earlier_release_has_the_digest_that_its_records_have_now(tmp_path):
    text = data_set(tmp_path)
    now = digest_of_data(tmp_path)
    assert text.count('"time_format"') == 3
    earlier = json.dumps(without_nothing(json.loads(text.replace('"YYMMDDHH"', "null"))))
    assert "time_format" not in earlier
    data_set(tmp_path, schema=earlier)
    assert digest_of_data(tmp_path) == now


def test_a_digest_stays_from_release_to_release(tmp_path):
    # Published tables name it: rows of a table are taken for the records that they were made of.
    # A field added to the schema must be left out of its text where it says nothing.
    data_set(tmp_path)
    assert digest_of_data(tmp_path) == "90f56279629f9659"


def test_a_search_s_journal_tells_the_options_that_its_scores_depend_on(finished_run):
    settings, _ = read_history(finished_run / "run" / "evolution" / "search")
    told = settings["scoring"]
    for flag in ("--seed", "--batch-size", "--fine-tune-steps", "--fine-tune-learning-rate"):
        assert told[flag] is not None
    for flag in ("--validation-rows", "--layer-norm", "--max-table-rows"):
        assert told[flag] is not None
    assert len(told["supernet's weights (digest)"]) == len(told["data set (digest)"]) == 16


def test_a_report_says_over_which_rows_scores_are_where_these_are_drawn(finished_run):
    directory = RunDirectory(finished_run / "run")
    config = directory.stored_config()

    def told(sample):
        return scored_by(
            Run(dataclasses.replace(config, validation_sample=sample), directory, True)
        )

    there = Run(config, directory, True).schema.splits["validation"].rows
    assert told(None) == told(there) == "with the weights of the supernet"
    assert told(5) == (
        f"with the weights of the supernet, over 5 of {there:,} validation rows, drawn by how much "
        "they tell candidates apart"
    )


def test_the_environment_tells_packages_kernels_and_code():
    environment = scoring_environment()
    assert {"tensorflow", "keras", "numpy", "kernels"} <= set(environment)
    assert len(environment["code of nasrec_tf (digest)"]) == 16
