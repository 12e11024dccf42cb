"""What a search's scores depend on is in its journal, and differs where scores would."""

import dataclasses
import json

import numpy as np
from nasrec.core_cases import FEATURES, SMALL, SMALL_OPTIONS

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


def test_the_digest_of_a_data_set_is_that_of_its_records(tmp_path):
    def digest(**changed):
        files = {"schema.json": "a", "train-00000.tfrecord.gz": "b", "data_card.md": "c"} | changed
        entries = {name: {"bytes": 1, "sha256": value} for name, value in files.items()}
        (tmp_path / "manifest.json").write_text(json.dumps({"files": entries}))
        return digest_of_data(tmp_path)

    assert digest() == digest(**{"data_card.md": "d", "plots/label_rate.svg": "e"})
    assert len({digest(), digest(**{"schema.json": "d"}), digest(**{"test.tfrecord.gz": "d"})}) == 3


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
