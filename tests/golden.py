"""Compares a stand-alone network with arrays that the authors' own code wrote.

    python tests/golden.py FILE.npz --architecture nasrec-criteo-full

prints one JSON line. The file holds weights, inputs, block outputs and logits of a published
model in the authors' naming, and where it has them, the weights after one training step.
"""

import argparse
import json
import sys

import numpy as np
import tensorflow as tf

import nasrec_tf  # noqa: F401  (chooses the Keras generation before TensorFlow loads)
from nasrec_tf.architecture.presets import load_architecture
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.part_names import EMBEDDING, part_name
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.subnet_blocks import SubnetBlocks
from nasrec_tf.operators import NetworkOptions
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.row_gradients import global_norm, sum_duplicate_rows

GOLDEN_OPTIONS = NetworkOptions(normalization="none")
GOLDEN_RATE = 0.1

# Indices of operators in the authors' code: the Full and the Small space differ.
FULL_NODES = {
    "fc": 0, "dot_product": 1, "sigmoid_gating": 2, "sum": 3, "attention": 4, "efc": 5,
}  # fmt: skip
SMALL_NODES = {"fc": 0, "dot_product": 1, "efc": 2}

_LINEAR = {"kernel": "weight", "bias": "bias"}
MODULES = {
    ("fc", "dense"): "_linear",
    ("efc", "tokens"): "_linear",
    ("dot_product", "dense"): "_dense_proj",
    ("dot_product", "tokens"): "_sparse_inp_proj",
    ("dot_product", "output"): "_linear_proj",
    ("sigmoid_gating", "gate"): "_left_self_linear._linear",
    ("sigmoid_gating", "output"): "_linear_proj",
    ("sum", "output"): "_linear_proj",
    ("attention", "tokens"): "_linear_proj",
    ("attention", "query_key_value"): "_mha.in_proj",
    ("attention", "attended"): "_mha.out_proj",
    ("attention", "attended_norm"): "_attn_ln",
    ("attention", "hidden"): "attn_fc1",
    ("attention", "output"): "attn_fc2",
    ("attention", "output_norm"): "_attn_fc_ln",
}


def build(arrays, architecture):
    """The network of a golden file, holding the authors' weights as far as the file has them."""
    tables = [name for name in arrays if name.startswith("w0/_embedding.")]
    rows = tuple(len(arrays[f"w0/_embedding.{field}.weight"]) for field in range(len(tables)))
    features = Features(arrays["in/int_x"].shape[1], rows)
    subnet = Subnet(architecture, features, GOLDEN_OPTIONS)
    nodes = node_indices(architecture)
    for name, variable in subnet.named_weights().items():
        if (value := theirs(arrays, "w0", name, nodes)) is not None:
            variable.assign(value)
    return subnet


def node_indices(architecture):
    names = {name for block in architecture.blocks for name in block.dense_operators}
    names |= {name for block in architecture.blocks for name in block.sparse_operators}
    return SMALL_NODES if names <= set(SMALL_NODES) else FULL_NODES


def theirs(arrays, when, name, nodes):
    """One of our weights as the authors' file has it, or ``None`` if it was cut from the file."""
    part, weight = name.split("/")
    if part == EMBEDDING:
        prefix = f"{when}/_embedding."
        fields = sum(key.startswith(prefix) for key in arrays)
        return np.concatenate([arrays[f"{prefix}{field}.weight"] for field in range(fields)])
    module, kind = weight.rsplit("_", 1)
    if part == "head":
        path = "_final"
    else:
        block, operator = _split(part)
        path = f"_blocks.{block - 1}." + _module(operator, module, nodes)
    suffix = {"kernel": "weight", "scale": "weight"}.get(kind, "bias")
    separator = "_" if path.endswith("in_proj") else "."
    value = arrays.get(f"{when}/{path}{separator}{suffix}")
    return value.T if kind == "kernel" and value is not None else value


def _split(part):
    for block in range(1, 100):
        prefix = part_name(block, "")
        if part.startswith(prefix):
            return block, part[len(prefix) :]
    raise ValueError(f"Not the name of a block's part: {part}")


def _module(operator, module, nodes):
    if operator == "dense_to_sparse":
        return "project_emb_dim"
    if operator == "sparse_to_dense":
        return "deep_fm._linear_proj"
    return f"_nodes.{nodes[operator]}.{MODULES[operator, module]}"


def network_inputs(arrays):
    return {
        "dense": tf.constant(arrays["in/int_x"], tf.float32),
        "sparse": tf.constant(arrays["in/cat_x"], tf.int64),
    }


def compare_forward(arrays, subnet):
    """Largest differences of logits and of block outputs.

    An output that nothing reads is not compared: a stand-alone network does not have it.
    """
    inputs = network_inputs(arrays)
    outputs = enumerate(subnet.block_outputs(inputs), start=1)
    worst = [block_differences(arrays, number, output) for number, output in outputs]
    logits = subnet(inputs).numpy()
    return {
        "max_abs_logit_difference": float(np.abs(logits - arrays["logits"]).max()),
        "max_abs_block_difference": max(difference for difference, _ in worst),
        "max_relative_block_difference": max(relative for _, relative in worst),
    }


def block_differences(arrays, number, output):
    """Largest difference of a block's outputs, and relative to the largest value where above 1."""
    dense, sparse = output
    ours = {"dense": dense, "sparse": sparse if sparse is None else token_rows(sparse)}
    difference = relative = 0.0
    for branch, value in ours.items():
        if value is None:
            continue
        golden = arrays[f"block{number}/{branch}"]
        worst = float(np.abs(value.numpy() - golden).max())
        difference = max(difference, worst)
        relative = max(relative, worst / max(1.0, float(np.abs(golden).max())))
    return difference, relative


def token_rows(sparse):
    """(batch, embedding, tokens), as our networks hold them, to (batch, tokens, embedding)."""
    return tf.transpose(sparse, [0, 2, 1])


def compare_blocks(arrays, subnet):
    """Relative difference of each block whose weights the file has, given the authors' inputs.

    So a file without all weights still tells of every block that it has.
    """
    inputs = network_inputs(arrays)
    dense, sparse = [inputs["dense"]], [subnet.embedding(inputs["sparse"])]
    found, blocks = {}, SubnetBlocks(subnet.architecture, subnet.shapes)
    for number in range(1, len(subnet.shapes.blocks) + 1):
        if any(name.startswith(f"w0/_blocks.{number - 1}.") for name in arrays):
            output = blocks.outputs(number, dense, sparse, subnet.values())
            if output != (None, None):
                _, found[number] = block_differences(arrays, number, output)
        dense.append(tf.constant(arrays[f"block{number}/dense"]))
        sparse.append(token_rows(tf.constant(arrays[f"block{number}/sparse"])))
    return found


def compare_step(arrays, subnet, architecture):
    """Differences of loss, gradient norm and weights after one Adagrad step."""
    variables = subnet.trainable_variables
    with tf.GradientTape() as tape:
        logits = subnet(network_inputs(arrays), training=True)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.constant(arrays["in/y"], tf.float32), logits
        )
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    present = [(g, v) for g, v in zip(gradients, variables) if g is not None]
    norm = global_norm([sum_duplicate_rows(gradient) for gradient, _ in present])
    Adagrad(GOLDEN_RATE).apply_gradients(present)
    nodes = node_indices(architecture)
    worst = max(
        float(np.abs(variable.numpy() - theirs(arrays, "w1", name, nodes)).max())
        for name, variable in subnet.named_weights().items()
    )
    return {
        "abs_loss_difference": abs(float(loss) - float(arrays["loss"])),
        "relative_norm_difference": abs(float(norm) / float(arrays["grad_norm"]) - 1.0),
        "max_abs_weight_difference": worst,
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="golden arrays (.npz)")
    parser.add_argument("--architecture", required=True, help="a preset, or a JSON file")
    options = parser.parse_args(arguments)
    try:
        architecture = load_architecture(options.architecture)
        with np.load(options.file) as file:
            arrays = dict(file)
    except (UserError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    subnet = build(arrays, architecture)
    result = compare_forward(arrays, subnet)
    if any(name.startswith("w1/") for name in arrays):
        result |= compare_step(arrays, subnet, architecture)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
