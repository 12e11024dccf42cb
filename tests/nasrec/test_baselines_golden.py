"""Baselines compute what FuxiCTR's own code, and its equations in NumPy, compute."""

import json

import golden_baselines
import numpy as np
import pytest
import tensorflow as tf
from peer_baselines import draw, slopes
from shared_reference import reference_file

FILES = (
    "autoint_plus",
    "autoint_plus_wide",
    "dcnv2",
    "deepfm",
    "deepfm_bn_step",
    "dlrm",
    "dlrm_cat",
    "finalmlp",
    "finalmlp_nocontext",
    "xdeepfm",
)


def assert_the_same(result):
    assert result["max_abs_logit_difference"] < 1e-5
    assert result["loss_difference"] < 1e-6
    assert result["max_rel_gradient_difference"] < 1e-4


@pytest.mark.parametrize("name", FILES)
def test_logits_loss_and_gradients_are_those_of_fuxictr(name, arithmetic):
    result = golden_baselines.compare_file(str(reference_file("golden_baselines", f"{name}.npz")))
    assert_the_same(result)


def test_three_steps_of_the_bars_recipe_are_those_of_fuxictr():
    path = reference_file("golden_baselines", "deepfm_bn_step.npz")
    result = golden_baselines.compare_file(str(path))
    assert result["steps"] == 3
    assert result["step_loss_difference"] < 1e-6
    assert result["step_max_rel_gradient_difference"] < 1e-4
    assert result["step_rel_norm_difference"] < 1e-5
    assert result["max_abs_weight_difference"] < 1e-6
    # Biases without a gradient move by up to a step either way, here and there.
    assert result["max_abs_bias_difference"] < 2 * 3 * 1e-3


# The equations in NumPy, with no dense fields, ten sparse ones and other options.

ROWS = (9, 4, 12, 5, 7, 3, 8, 6, 11, 5)
CASES = {
    "lr": ("LR", {}),
    "fm": ("FM", {"embedding_dim": 6}),
    "wide & deep": ("WideDeep", {"hidden_units": [16, 8]}),
    "deepfm, tanh": ("DeepFM", {"hidden_units": [16], "hidden_activations": "tanh"}),
    "deepfm, batch norm": ("DeepFM", {"hidden_units": [16, 8], "batch_norm": True}),
    "dlrm": (
        "DLRM",
        {"bottom_mlp_units": [8], "top_mlp_units": [16, 8], "interaction_op": "dot"},
    ),
    "dlrm, cat, batch norm": (
        "DLRM",
        {
            "bottom_mlp_units": [8],
            "top_mlp_units": [16],
            "interaction_op": "cat",
            "batch_norm": True,
        },
    ),
    "dlrm, no top": (
        "DLRM",
        {"bottom_mlp_units": [], "top_mlp_units": [], "interaction_op": "dot"},
    ),
    "dlrm, two activations": (
        "DLRM",
        {
            "bottom_mlp_units": [8],
            "top_mlp_units": [16, 8],
            "bottom_mlp_activations": "sigmoid",
            "top_mlp_activations": "tanh",
            "interaction_op": "dot",
            "top_mlp_dropout": [0.1, 0.2],
        },
    ),
    "xdeepfm": ("xDeepFM", {"dnn_hidden_units": [16], "cin_hidden_units": [5, 7, 3]}),
    "xdeepfm, no mlp": ("xDeepFM", {"dnn_hidden_units": [], "cin_hidden_units": [4]}),
    "autoint, no residual": (
        "AutoInt",
        {
            "dnn_hidden_units": [16],
            "attention_layers": 3,
            "num_heads": 4,
            "attention_dim": 12,
            "use_scale": True,
            "use_residual": False,
        },
    ),
    "autoint, same width, no mlp": (
        "AutoInt",
        {
            "dnn_hidden_units": [],
            "attention_layers": 2,
            "num_heads": 1,
            "attention_dim": 10,
            "layer_norm": True,
            "use_wide": True,
        },
    ),
    "dcn-v2, stacked": (
        "DCNv2",
        {
            "model_structure": "stacked",
            "num_cross_layers": 3,
            "stacked_dnn_hidden_units": [16, 8],
        },
    ),
    "dcn-v2, both, batch norm": (
        "DCNv2",
        {
            "model_structure": "stacked_parallel",
            "num_cross_layers": 1,
            "stacked_dnn_hidden_units": [8],
            "parallel_dnn_hidden_units": [16, 6],
            "batch_norm": True,
        },
    ),
    "dcn-v2, cross layers alone": (
        "DCNv2",
        {"model_structure": "crossnet_only", "num_cross_layers": 2},
    ),
    "dcn-v2, mixture": (
        "DCNv2",
        {
            "use_low_rank_mixture": True,
            "low_rank": 5,
            "num_experts": 3,
            "num_cross_layers": 2,
            "parallel_dnn_hidden_units": [16],
        },
    ),
    "finalmlp, contexts": (
        "FinalMLP",
        {
            "mlp1_hidden_units": [12, 6],
            "mlp2_hidden_units": [9],
            "num_heads": 3,
            "fs_hidden_units": [8],
            "fs1_context": ["C2", "C7"],
            "fs2_context": [],
            "mlp1_batch_norm": True,
        },
    ),
    "finalmlp, two activations": (
        "FinalMLP",
        {
            "mlp1_hidden_units": [8],
            "mlp2_hidden_units": [4, 8],
            "mlp2_hidden_activations": "tanh",
            "fs_hidden_units": [4],
            "fs1_context": [],
            "fs2_context": [],
            "num_heads": 2,
        },
    ),
    "finalmlp, no gates": (
        "FinalMLP",
        {
            "mlp1_hidden_units": [8],
            "mlp2_hidden_units": [8],
            "num_heads": 1,
            "use_fs": False,
        },
    ),
}


@pytest.mark.parametrize("dense", [0, 4])
@pytest.mark.parametrize("case", CASES)
def test_logits_and_loss_follow_from_the_equations(case, dense):
    model, config = CASES[case]
    arrays = draw(model, config, dense, ROWS, seed=dense)
    network = golden_baselines.build(arrays, json.loads(str(arrays["meta"])))
    inputs, labels = golden_baselines.batch_of(arrays, network)
    logits, loss, *_ = golden_baselines.loss_and_gradients(network, inputs, labels, False)
    assert np.ptp(arrays["logits"]) > 0.1
    np.testing.assert_allclose(logits.numpy(), arrays["logits"], rtol=1e-5, atol=1e-5)
    assert float(loss) == pytest.approx(float(arrays["loss"]), abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_gradients_follow_from_the_equations(case):
    model, config = CASES[case]
    arrays = draw(model, config, 0, ROWS)
    network = golden_baselines.build(arrays, json.loads(str(arrays["meta"])))
    inputs, labels = golden_baselines.batch_of(arrays, network)
    *_, gradients, _ = golden_baselines.loss_and_gradients(network, inputs, labels, False)
    norm = float(tf.linalg.global_norm(list(gradients.values())))
    wanted = slopes(model, config, 0, ROWS, arrays)
    nowhere = {f"g/{name}": np.zeros_like(direction) for name, (direction, _) in wanted.items()}
    for name, (direction, slope) in wanted.items():
        along = nowhere | {f"g/{name}": direction}
        ours = golden_baselines.by_our_names(along, "g", network)
        found = sum(np.vdot(gradients[each].numpy(), value) for each, value in ours.items())
        assert found == pytest.approx(slope, rel=1e-4, abs=1e-5 * norm), name


def test_contexts_may_hold_dense_columns():
    config = {
        "mlp1_hidden_units": [6],
        "mlp2_hidden_units": [6],
        "num_heads": 2,
        "fs_hidden_units": [4],
        "fs1_context": ["C3", "I2", "I1"],
        "fs2_context": ["I4"],
    }
    arrays = draw("FinalMLP", config, 4, ROWS)
    network = golden_baselines.build(arrays, json.loads(str(arrays["meta"])))
    logits = network(golden_baselines.batch_of(arrays, network)[0])
    np.testing.assert_allclose(logits, arrays["logits"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weight", ["w/fc.weight", "w/crossnet.cross_layers.1.bias"])
def test_a_wrong_weight_is_noticed(weight):
    arrays = draw("DCNv2", {"num_cross_layers": 2, "parallel_dnn_hidden_units": [8]}, 3, ROWS)
    arrays[weight] = arrays[weight] + np.float32(0.01)
    network = golden_baselines.build(arrays, json.loads(str(arrays["meta"])))
    logits = network(golden_baselines.batch_of(arrays, network)[0])
    assert np.abs(logits - arrays["logits"]).max() > 1e-4


# The command.


def test_the_command_prints_one_json_line(capsys):
    path = reference_file("golden_baselines", "dlrm_cat.npz")
    assert golden_baselines.main([str(path)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["model"] == "DLRM"
    assert_the_same(json.loads(line))


def changed_file(tmp_path, change):
    with np.load(reference_file("golden_baselines", "dlrm_cat.npz")) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(tmp_path / "peer.npz", **arrays)
    return str(tmp_path / "peer.npz")


def test_a_row_of_logits_is_read_as_a_column(tmp_path):
    def flatten(arrays):
        arrays["logits"] = arrays["logits"].reshape(-1)

    assert_the_same(golden_baselines.compare_file(changed_file(tmp_path, flatten)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda arrays: arrays.pop("g/top_mlp.mlp.0.bias"), "gradient 'top/hidden_1_bias'"),
        (lambda arrays: arrays["in/sparse"].__setitem__((0, 0), 59), "'in/sparse'"),
    ],
    ids=["gradient", "row"],
)
def test_arrays_that_do_not_belong_together_are_told(change, told, tmp_path):
    with pytest.raises(golden_baselines.GoldenError, match=told):
        golden_baselines.compare_file(changed_file(tmp_path, change))


def changed_meta(change):
    arrays = draw("DeepFM", {"hidden_units": [8]}, 2, ROWS)
    meta = json.loads(str(arrays["meta"]))
    change(meta)
    return arrays | {"meta": np.array(json.dumps(meta))}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda meta: meta.update(model="PNN"), "PNN"),
        (lambda meta: meta["config"].update(dice=True), "'dice'"),
        (lambda meta: meta["config"].update(hidden_activations="Dice"), "dice"),
        (lambda meta: meta["config"].update(hidden_units=[8, 4]), "hidden_2"),
        (lambda meta: meta["config"].update(batch_norm=True), "norm"),
        (lambda meta: meta.update(rows=[3] * 10), "embedding/table"),
        (lambda meta: meta.update(rows=[3]), "sparse fields"),
    ],
    ids=["model", "setting", "activation", "layer", "batch norm", "rows", "fields"],
)
def test_what_is_not_known_is_told_in_one_line(change, told, tmp_path, capsys):
    path = tmp_path / "peer.npz"
    np.savez(path, **changed_meta(change))
    assert golden_baselines.main([str(path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(path) in line and told in line


@pytest.mark.parametrize("content", [None, b"no archive", b""])
def test_a_file_that_is_none_is_told_in_one_line(content, tmp_path, capsys):
    path = tmp_path / "peer.npz"
    if content is not None:
        path.write_bytes(content)
    assert golden_baselines.main([str(path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(path) in line
