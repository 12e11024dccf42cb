"""``--tensorboard``: what TensorBoard itself reads of a run."""

import json

import pytest
from search_calls import call, options
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray


def events(directory):
    """Scalars by name as TensorBoard has them, and the hyperparameters of the trial."""
    found = EventAccumulator(str(directory), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    scalars = {
        tag: [(event.step, make_ndarray(event.tensor_proto).item()) for event in found.Tensors(tag)]
        for tag in found.Tags()["tensors"]
        if not tag.startswith("_hparams_/")
    }
    [content] = [
        metadata.plugin_data.content
        for tag, metadata in found.summary_metadata.items()
        if tag == "_hparams_/session_start_info"
    ]
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    return scalars, HParamsPluginData.FromString(content).session_start_info.hparams


def test_curves_and_trials_are_those_of_the_run_and_told_once(run_files, unrendered):
    for _ in range(2):
        said = call(*options(run_files), "--tensorboard")
        assert said.code == 0, said.err
    directory = run_files / "run" / "tensorboard"
    result = json.loads((run_files / "run" / "retrain" / "result.json").read_text())
    for attempt in result["attempts"]:
        [place] = [
            path
            for path in (directory / "retrain").iterdir()
            if path.name.startswith(f"{attempt['rank']:02d}-")
        ]
        assert len(list(place.iterdir())) == 1
        scalars, hyperparameters = events(place)
        for name, field in (("validation log loss", "log_loss"), ("validation AUC", "auc")):
            told = [epoch[field] for epoch in attempt["epochs"]]
            assert [value for _, value in scalars[name]] == pytest.approx(told)
        steps = attempt["steps_per_epoch"]
        assert [step for step, _ in scalars["validation AUC"]] == [steps, 2 * steps]
        rates = [rate for _, rate in scalars["learning rate"]]
        assert max(rates) <= attempt["learning_rate"] and len(rates) == len(scalars["loss"]) > 5
        assert hyperparameters["rank"].number_value == attempt["rank"]
    candidates = sorted((directory / "evolution").iterdir())
    evolution = json.loads((run_files / "run" / "evolution" / "result.json").read_text())
    assert len(candidates) == evolution["candidates"]
    scalars, hyperparameters = events(candidates[0])
    assert scalars["log_loss"][0][1] > 0 and hyperparameters["generation"].number_value == 0
    assert hyperparameters["block 1 operators"].string_value
