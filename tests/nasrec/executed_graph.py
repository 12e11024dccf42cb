"""What TensorFlow executes for a network, counted in its graph."""

import math

import tensorflow as tf

from nasrec_tf import native

BATCH = 3


def executed(network):
    """Multiply-accumulates of a sample in the graph that TensorFlow runs for a network."""
    counts = executed_of_batch(network, BATCH)
    assert all(count % BATCH == 0 for count in counts.values())
    return {key: count // BATCH for key, count in counts.items()}


def executed_of_batch(network, batch):
    """Multiply-accumulates of a batch in the graph that TensorFlow runs for a network."""
    signature = {
        "dense": tf.TensorSpec([batch, network.features.dense], tf.float32),
        "sparse": tf.TensorSpec([batch, network.features.sparse], tf.int64),
    }
    function = tf.function(lambda inputs: network(inputs, training=False))
    with native.portable():
        graph = function.get_concrete_function(signature).graph
    counts = dict(linear_and_matmul=0, layer_norm=0)
    needed = ancestors(graph.structured_outputs)
    for operation in graph.get_operations():
        if operation.name not in needed:
            continue
        if operation.type in ("MatMul", "BatchMatMulV2"):
            counts["linear_and_matmul"] += product_cost(operation)
        elif operation.type == "Einsum":
            counts["linear_and_matmul"] += einsum_cost(operation)
        elif operation.type == "SquaredDifference":
            counts["layer_norm"] += 5 * elements(operation.outputs[0])
    return counts


def ancestors(tensor):
    """Names of the operations that a tensor depends on; nothing else would be run."""
    found, waiting = set(), [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found.add(operation.name)
            waiting += [source.op for source in operation.inputs]
    return found


def product_cost(operation):
    transposed = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
    inner = operation.inputs[0].shape[-2 if transposed else -1]
    return elements(operation.outputs[0]) * inner


def einsum_cost(operation):
    """The product of all axes, each once."""
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes = {}
    for term, tensor in zip(terms, operation.inputs):
        sizes |= dict(zip(term, tensor.shape.as_list()))
    return math.prod(sizes.values())


def elements(tensor):
    return math.prod(tensor.shape.as_list())
