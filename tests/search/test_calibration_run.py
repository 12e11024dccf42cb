"""Calibration in the main job: measured with the winner, part of the export, told everywhere."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from search_calls import call, options

import nasrec_tf
from nasrec_tf.architecture.space import CODESIGN
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.export.calibrated_head import fold_calibration
from nasrec_tf.export.contents import load_description
from nasrec_tf.export.errors import ExportError
from nasrec_tf.search.chosen_summary import chosen_lines, told_choice
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.winner_quality import served_calibration
from nasrec_tf.training.calibration import Calibration


def result_of(directory):
    path = directory / "run" / "retrain" / "result.json"
    state = json.loads(path.read_text())
    del state["checksum"]
    return path, state


def exported_again(directory, *more, **fitted):
    """Exports the finished run's winner once more, with another outcome of the fit."""
    path, state = result_of(directory)
    if "calibration" in fitted:
        state["calibration"] = fitted["calibration"]
    else:
        state["calibration"] |= fitted
    write_state(path, state)
    shutil.rmtree(directory / "run" / "export")
    said = call(*options(directory), *more)
    assert said.code == 0, said.err
    return said, nasrec_tf.load(directory / "models" / "nasrec").model


def head(network):
    weights = network.named_weights()
    return weights["head/head_kernel"].numpy(), weights["head/head_bias"].numpy()


def test_the_winner_is_calibrated_on_validation_and_looked_at_on_test(finished_run):
    _, state = result_of(finished_run)
    calibration, test = state["calibration"], state["test"]
    assert calibration["validation"]["log_loss"] == state["validation"]["log_loss"]
    assert calibration["test"]["log_loss"] == test["log_loss"]
    assert sum(one["rows"] for one in calibration["reliability"]) == test["samples"]
    clicks = sum(one["rows"] * one["observed"] for one in calibration["reliability"])
    records = json.loads((finished_run / "run" / "records" / "result.json").read_text())
    assert clicks == pytest.approx(records["label_rates"]["test"] * test["samples"])


def test_the_export_gives_calibrated_logits_by_its_weights_alone(run_files, unrendered):
    plain = head(nasrec_tf.load(run_files / "models" / "nasrec").model)
    said, network = exported_again(run_files, refused=None, scale=0.5, offset=-0.25)
    kernel, bias = head(network)
    np.testing.assert_array_equal(kernel, plain[0] * np.float32(0.5))
    np.testing.assert_array_equal(bias, plain[1] * np.float32(0.5) - np.float32(0.25))
    assert "served   calibrated: 0.5000 * logit -0.2500" in said.out
    assert unrendered[-1].winner.served == "calibrated: 0.5000 * logit -0.2500"
    told = load_description(run_files / "models" / "nasrec").metrics["logits"]
    assert (told["scale"], told["offset"]) == (0.5, -0.25)


def test_without_calibration_the_network_is_exported_as_it_was_trained(run_files, unrendered):
    plain = head(nasrec_tf.load(run_files / "models" / "nasrec").model)
    fitted = {"refused": None, "scale": 0.5, "offset": -0.25}
    said, network = exported_again(run_files, "--no-calibrate", **fitted)
    for one, other in zip(head(network), plain):
        np.testing.assert_array_equal(one, other)
    assert "served   not calibrated, as --no-calibrate says" in said.out


def test_a_down_sampled_log_is_exported_with_the_click_rate_of_the_whole_one(run_files, unrendered):
    plain = head(nasrec_tf.load(run_files / "models" / "nasrec").model)
    said, network = exported_again(run_files, "--negative-sampling-rate", "0.25", refused="so")
    kernel, bias = head(network)
    np.testing.assert_array_equal(kernel, plain[0])
    np.testing.assert_allclose(bias, plain[1] + np.log(0.25), rtol=1e-6)
    assert "-1.3863 for the down-sampled log (--negative-sampling-rate 0.25)" in said.out
    # Metrics on the log as given stay those of the log as given.
    assert result_of(run_files)[1]["test"] == unrendered[-1].winner.test.__dict__ | {
        "log_loss_interval": list(unrendered[-1].winner.test.log_loss_interval),
        "auc_interval": list(unrendered[-1].winner.test.auc_interval),
    }


def test_a_run_of_before_calibration_is_shown_and_exported_without(run_files, unrendered):
    path, state = result_of(run_files)
    del state["calibration"]
    write_state(path, state)
    assert "retrained by a version without calibration" in call(*options(run_files)).out
    said, network = exported_again(run_files, calibration=None)
    assert "not calibrated: it was retrained by a version without calibration" in said.out


def retrained(directory, **changes):
    path = directory / "run" / "retrain" / "result.json"
    return dataclasses.replace(read_state(path, RetrainResult, "mend"), **changes)


def test_a_quantized_network_is_kept_as_it_was_trained(finished_run):
    found = retrained(finished_run)
    fitted = dataclasses.replace(found.calibration, refused=None, scale=0.5, offset=0.1)
    float_one = dataclasses.replace(found, calibration=fitted)
    assert served_calibration(SearchConfig(), float_one)[0] == Calibration(0.5, 0.1)
    quantized = dataclasses.replace(float_one, architecture=CODESIGN.widest)
    calibration, told = served_calibration(SearchConfig(), quantized)
    assert calibration == Calibration() and "quantized" in told
    down_sampled = SearchConfig(negative_sampling_rate=0.5)
    assert served_calibration(down_sampled, quantized)[0] == Calibration(offset=np.log(0.5))


def test_an_average_that_is_no_better_is_told_and_left_out(finished_run):
    found = retrained(finished_run)
    lines = chosen_lines(SearchConfig(ensemble=3), found)
    assert lines[0].startswith("ensemble none: no average is better on validation")
    assert "There is no ensemble" in told_choice(SearchConfig(ensemble=3), found)
    assert not any("ensemble" in line for line in chosen_lines(SearchConfig(), found))


def test_the_logits_of_a_quantized_network_are_shifted_but_not_scaled():
    from nasrec_tf.data.features import Features
    from nasrec_tf.networks.subnet import Subnet

    space = CODESIGN.replace(num_blocks=1, dense_widths=(8,), sparse_widths=(4,))
    network = Subnet(space.widest, Features(3, (5, 9)))
    batch = {"dense": np.ones((4, 3), np.float32), "sparse": np.ones((4, 2), np.int64)}
    before = network(batch, training=True).numpy()
    before = network(batch).numpy()
    fold_calibration(network, Calibration(offset=-1.5))
    np.testing.assert_allclose(network(batch), before - 1.5, rtol=1e-6)
    with pytest.raises(ExportError, match="quantized network cannot be scaled"):
        fold_calibration(network, Calibration(scale=0.5))


def test_a_final_layer_that_overflows_is_refused():
    from nasrec_tf.architecture.space import NASREC_SMALL
    from nasrec_tf.data.features import Features
    from nasrec_tf.networks.subnet import Subnet

    space = NASREC_SMALL.replace(num_blocks=1, dense_widths=(8,), sparse_widths=(4,))
    network = Subnet(space.widest, Features(3, (5, 9)))
    with pytest.raises(ExportError, match="is not finite; repeat the command with --no-calibrate"):
        fold_calibration(network, Calibration(1e300, 0.0))


@pytest.mark.parametrize("rate", ["0", "-0.5", "1.5", "nan"])
def test_a_sampling_rate_is_a_share(rate):
    assert "--negative-sampling-rate must be" in call(f"--negative-sampling-rate={rate}").error
