"""What an architecture asks of the hardware."""

import pytest

from nasrec_tf.architecture.presets import presets
from nasrec_tf.architecture.shapes import network_shapes
from nasrec_tf.operators import DENSE_TO_SPARSE, OPERATORS, SPARSE_TO_DENSE, NetworkOptions
from pim.errors import PimError
from pim.workload.operators import CrossbarOperator, Workload
from pim.workload.workload import Precision, workload_from_architecture

# Multiply-accumulates of the authors' own code (fvcore, attention products included), millions.
PUBLISHED = {
    "nasrec-criteo-small": 2.2078,
    "nasrec-criteo-full": 1.4662,
    "nasrec-avazu-small": 3.0856,
    "nasrec-avazu-full": 1.8771,
    "nasrec-kdd-small": 3.4828,
    "nasrec-kdd-full": 1.1002,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_multiply_accumulates_are_those_of_the_published_models(name, published):
    workload = published(*name.split("-")[1:])
    # fvcore counts 5 operations an element for attention's own layer norms; a norm with its
    # residual is 6 additions an element here.
    norms = sum(o.additions * 5 // 6 for o in workload.digital_operators if "_norm" in o.name)
    assert round((workload.multiply_accumulates + norms) / 1e6, 4) == PUBLISHED[name]


def block(**changes):
    return {
        "dense_operators": {"fc": 32},
        "sparse_operators": {"efc": 16},
        "dense_sources": [0],
        "sparse_sources": [0],
        "left_source": 0,
        "right_source": 0,
        "dense_to_sparse": False,
        "sparse_to_dense": False,
        **changes,
    }


def architecture(*blocks):
    return {"format": "nasrec_tf.architecture", "version": 1, "blocks": list(blocks)}


def build(*blocks, **options):
    return workload_from_architecture(architecture(*blocks), 13, [100] * 26, **options)


def by_name(workload):
    return {operator.name: operator for operator in workload.operators}


def test_fc_and_efc_with_their_positions():
    operators = by_name(build(block()))
    fc, efc, head = (operators[n] for n in ("block_1_fc/dense", "block_1_efc/tokens", "head/head"))
    assert (fc.rows, fc.columns, fc.positions, fc.inputs) == (13, 32, 1, ())
    assert (efc.rows, efc.columns, efc.positions) == (26, 16, 16)
    assert efc.inputs == ("embedding",)
    assert head.rows == 32 + 16 * 16 and set(head.inputs) == {
        "block_1_fc/dense",
        "block_1_efc/tokens",
    }


def test_several_operators_of_a_branch_are_summed_at_the_widest():
    two = block(dense_operators={"fc": 32, "dot_product": 64}, sparse_operators={"efc": 16})
    operators = by_name(build(two))
    assert operators["block_1_dense_sum"].additions == 64
    assert operators["head/head"].rows == 64 + 16 * 16


def test_a_dot_product_projects_to_the_square_root_of_twice_its_width():
    operators = by_name(build(block(dense_operators={"dot_product": 128})))
    # k = round(sqrt(256)) = 16 tokens and the dense one.
    assert operators["block_1_dot_product/dense"].columns == 16
    assert operators["block_1_dot_product/tokens"].columns == 16
    assert operators["block_1_dot_product/products"].multiply_accumulates == 17**2 * 16
    assert operators["block_1_dot_product/output"].rows == 16 * 17 // 2


def test_projections_that_already_fit_are_left_out():
    first = block(dense_operators={"fc": 16})
    second = block(dense_operators={"sum": 16}, left_source=1, right_source=1)
    operators = by_name(build(first, second))
    assert "block_2_sum/addition" in operators and "block_2_sum/output" not in operators
    merged = by_name(build(block(dense_operators={"fc": 16}, sparse_to_dense=True)))
    assert "block_1_sparse_to_dense/products" in merged
    assert "block_1_sparse_to_dense/interaction" not in merged
    eight_tokens = by_name(build(block(dense_operators={"fc": 128}, dense_to_sparse=True)))
    assert "block_1_dense_to_sparse/tokens" not in eight_tokens
    assert eight_tokens["head/head"].rows == 128 + (16 + 8) * 16


def test_gating_squares_the_padded_width():
    gating = block(dense_operators={"sigmoid_gating": 64}, left_source=1)
    operators = by_name(build(block(), gating))
    gate = operators["block_2_sigmoid_gating/gate"]
    assert (gate.rows, gate.columns, gate.functions) == (32, 32, 32)
    assert operators["block_2_sigmoid_gating/output"].rows == 32


def test_maps_of_no_features_vanish():
    gating = block(dense_operators={"sigmoid_gating": 16, "fc": 8, "dot_product": 32})
    workload = workload_from_architecture(architecture(gating), 0, [10] * 4)
    names = [operator.name for operator in workload.crossbar_operators]
    assert "block_1_fc/dense" not in names and "block_1_sigmoid_gating/gate" not in names
    assert "block_1_dot_product/tokens" in names and "head/head" in names


def test_what_does_not_reach_the_logit_is_left_out():
    dead = block(dense_operators={"fc": 1024}, sparse_operators={"attention": 64})
    alone, with_dead = build(block()), build(dead, block())
    assert with_dead.multiply_accumulates == alone.multiply_accumulates
    assert not any(o.name.startswith("block_1_") for o in with_dead.operators)


def test_bits_go_to_the_longest_named_prefix():
    precision = Precision(8, 7, {"block_1": 4, "block_1_efc/tokens": 6}, {"head/head": 5})
    operators = by_name(build(block(), precision=precision))
    assert operators["block_1_fc/dense"].weight_bits == 4
    assert operators["block_1_efc/tokens"].weight_bits == 6
    assert operators["head/head"].weight_bits == 8
    assert (
        operators["block_1_fc/dense"].activation_bits,
        operators["head/head"].activation_bits,
    ) == (7, 5)
    with pytest.raises(
        PimError, match="bits given for 'block_9'; the operators are block_1_fc/dense"
    ):
        build(block(), precision=Precision(weight_bits_of={"block_9": 4}))


def test_with_bits_sets_each_operator_in_turn():
    workload = build(block()).with_bits([4, 5, 6], [7, 8, 3])
    assert [o.weight_bits for o in workload.crossbar_operators] == [4, 5, 6]
    assert [o.activation_bits for o in workload.crossbar_operators] == [7, 8, 3]
    with pytest.raises(PimError, match="has 3 crossbar operators. Received: 1 weight"):
        workload.with_bits([4], [4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dense_operators": {"conv": 8}}, "block 1: dense_operators holds 'conv'"),
        ({"dense_operators": {"fc": 0}}, "block 1: dense_operators: width of 'fc'"),
        ({"dense_operators": {}}, "block 1: dense_operators must map"),
        ({"dense_sources": [1]}, "block 1: dense_sources must be a whole number from 0 to 0"),
        ({"sparse_sources": []}, "block 1: sparse_sources must list"),
        ({"dense_to_sparse": 1}, "block 1: dense_to_sparse must be true or false"),
    ],
)
def test_a_bad_block_is_named(changes, message):
    with pytest.raises(PimError, match=message):
        build(block(**changes))


def test_something_else_than_an_architecture_is_refused():
    with pytest.raises(PimError, match="not an architecture"):
        workload_from_architecture({"blocks": []}, 13, [10])
    with pytest.raises(PimError, match="needs at least one embedding table"):
        workload_from_architecture(architecture(block()), 13, [])


@pytest.mark.parametrize("name", PUBLISHED)
def test_linear_maps_are_the_kernels_of_the_trained_network(name, published):
    preset = presets()[name]
    shapes = network_shapes(
        preset.architecture,
        preset.features.dense,
        preset.features.sparse,
        NetworkOptions(layer_norm=False),
    )
    kernels = {"head/head": shapes.head_weights[0].shape}
    for number, sizes in enumerate(shapes.blocks, start=1):
        live = preset.architecture.liveness.blocks[number - 1]
        parts = []
        for part, shape in sizes.operators.items():
            runs = {"dense": live.dense_operators, "sparse": live.sparse_operators}
            if runs[OPERATORS[part].branch]:
                parts.append((part, OPERATORS[part].weights(shape)))
        for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE):
            if getattr(live, merger.name):
                parts.append((merger.name, merger.weights(sizes.merger)))
        for part, specs in parts:
            for spec in specs:
                if spec.name.endswith("_kernel") and 0 not in spec.shape:
                    kernels[f"block_{number}_{part}/{spec.name[:-7]}"] = spec.shape
    maps = {o.name: (o.rows, o.columns) for o in published(*name.split("-")[1:]).crossbar_operators}
    assert maps == {kernel: tuple(shape) for kernel, shape in kernels.items()}


def test_a_workload_knows_its_order():
    first = CrossbarOperator("a", ("b",), 1, 1)
    second = CrossbarOperator("b", (), 1, 1)
    with pytest.raises(PimError, match="a waits for unknown b"):
        Workload("loop", (first, second))
    with pytest.raises(PimError, match="two operators are called b"):
        Workload("twice", (second, second))


def test_the_published_models_have_tables_of_540_million_parameters(criteo_small):
    (tables,) = criteo_small.embedding_operators
    assert tables.parameters == 33_762_601 * 16
    assert set(presets()) >= set(PUBLISHED)
