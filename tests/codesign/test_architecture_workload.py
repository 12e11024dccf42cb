"""What an architecture asks of the hardware: what it states for FLOPs, and nothing else."""

import dataclasses
import pathlib
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import HEAD_BITS, Bits, Block
from nasrec_tf.architecture.complexity import FINAL_OPTIONS, complexity
from nasrec_tf.architecture.presets import presets
from nasrec_tf.architecture.shapes import network_shapes
from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.codesign.architecture_workload import workload_from_architecture
from nasrec_tf.data.features import Features, ListField
from nasrec_tf.operators import (
    DENSE,
    DENSE_TO_SPARSE,
    NORMALIZATIONS,
    OPERATORS,
    SPARSE_TO_DENSE,
    DigitalStep,
    LinearMap,
    NetworkOptions,
    Operator,
)
from pim import (
    DigitalOperator,
    PimError,
    Precision,
    estimate,
    estimate_batch,
    hardware_preset,
    load_workload,
)
from pim.workload.workload_json import workload_from_json, workload_to_json

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
FEATURES = Features(13, (100,) * 26)


@st.composite
def architectures(draw):
    """Any architecture of all operators, at widths that fit embeddings, tokens and pairs or not."""

    def sources(number):
        return draw(st.sets(st.integers(0, number - 1), min_size=1).map(sorted))

    def operators(names, widths):
        return draw(st.dictionaries(st.sampled_from(names), st.sampled_from(widths), min_size=1))

    def block(number):
        return Block(
            operators(("fc", "sigmoid_gating", "sum", "dot_product"), (2, 4, 8, 10, 31)),
            operators(("efc", "attention"), (1, 3, 8)),
            sources(number),
            sources(number),
            *(draw(st.integers(0, number - 1)) for _ in range(2)),
            *(draw(st.booleans()) for _ in range(2)),
        )

    blocks = tuple(block(number) for number in range(1, draw(st.integers(1, 4)) + 1))
    return Architecture(blocks, dense_embeddings=draw(st.booleans()))


@st.composite
def network_options(draw):
    heads = draw(st.sampled_from((1, 2, 4, 8)))
    return NetworkOptions(
        embedding_dim=heads * draw(st.sampled_from((1, 2, 3, 4, 8))),
        attention_heads=heads,
        normalization=draw(st.sampled_from(NORMALIZATIONS)),
        operator_balancing=draw(st.booleans()),
        merged_tokens=draw(st.sampled_from((1, 2, 4))),
    )


INPUTS = st.builds(
    Features, st.sampled_from((0, 1, 4, 5)), st.lists(st.integers(1, 9), min_size=1, max_size=4)
)


@settings(max_examples=150, deadline=None)
@given(architectures(), INPUTS, network_options())
def test_hardware_and_flops_count_the_same_work(architecture, features, options):
    workload = workload_from_architecture(architecture, features, options)
    parts = [part for part in complexity(architecture, features, options).parts if part.live]
    by_kind = workload.multiply_accumulates_by_kind
    for kind in ("linear", "matmul", "layer_norm"):
        assert by_kind[kind] == sum(getattr(part, kind) for part in parts), kind
    # And part by part: each operator's name starts with its part's.
    last = len(architecture) + 1
    for part in parts:
        prefix = "head/" if part.block == last else f"block_{part.block}_{part.name}/"
        own = [o for o in workload.operators if o.name.startswith(prefix)]
        assert part.layer_norm == sum(o.layer_norm for o in own)
        assert part.linear + part.matmul == sum(o.multiply_accumulates for o in own)
    for tables in workload.embedding_operators:
        assert tables.dimension == options.embedding_dim


@settings(max_examples=40, deadline=None)
@given(architectures(), INPUTS, network_options())
def test_layer_norm_costs_the_additions_that_flops_count(architecture, features, options):
    options = dataclasses.replace(options, normalization="layer")
    plain = dataclasses.replace(options, normalization="none")
    hardware = hardware_preset("handcrafted")

    def energy(options):
        workload = workload_from_architecture(architecture, features, options)
        report = estimate(workload, hardware)
        return report.energy_by_component["digital"]

    extra = (
        complexity(architecture, features, options).multiply_accumulates
        - complexity(architecture, features, plain).multiply_accumulates
    )
    # Every part is rounded to a grid of 2^-12 pJ.
    assert energy(options) - energy(plain) == pytest.approx(
        extra * hardware.digital.add_pj, abs=0.02
    )


@settings(max_examples=40, deadline=None)
@given(architectures(), INPUTS, network_options())
def test_batch_norm_folds_into_the_maps_before_it(architecture, features, options):
    batch, plain = (dataclasses.replace(options, normalization=n) for n in ("batch", "none"))
    flops = [complexity(architecture, features, o).multiply_accumulates for o in (batch, plain)]
    assert flops[0] == flops[1]
    ours, theirs = (
        by_name(workload_from_architecture(architecture, features, each)) for each in (batch, plain)
    )
    assert ours.keys() == theirs.keys()
    for name, operator in ours.items():
        if operator != theirs[name]:
            # Nothing stands before it that it could fold into: one of each for an element.
            assert name.endswith(("/product", "/addition", "/products"))
            extra = operator.additions - theirs[name].additions
            assert extra == operator.multiplications - theirs[name].multiplications > 0
            block, part = re.fullmatch(r"block_(\d)_(\w+)/\w+", name).groups()
            assert extra == architecture.blocks[int(block) - 1].dense_operators[part]


@settings(max_examples=40, deadline=None)
@given(architectures(), INPUTS, network_options())
def test_what_runs_is_what_reaches_the_logit(architecture, features, options):
    workload = workload_from_architecture(architecture, features, options)
    waited_for = {name for operator in workload.operators for name in operator.inputs}
    # Everything but the head is waited for: nothing runs in vain.
    assert {operator.name for operator in workload.operators} - waited_for == {"head/head"}
    assert bool(workload.embedding_operators) == architecture.liveness.raw_sparse


@pytest.mark.parametrize("name", presets())
def test_published_models_are_the_workloads_that_are_kept(name):
    published = presets()[name]
    workload = workload_from_architecture(published.architecture, published.features, name=name)
    assert workload == load_workload(DATA / "workloads" / f"{name}.json")


def block(**changes):
    fields = {
        "dense_operators": {"fc": 32},
        "sparse_operators": {"efc": 16},
        "dense_sources": (0,),
        "sparse_sources": (0,),
    }
    return Block(**(fields | changes))


def build(*blocks, features=FEATURES, options=FINAL_OPTIONS, dense_embeddings=False, **more):
    architecture = Architecture(blocks, dense_embeddings)
    return workload_from_architecture(architecture, features, options, **more)


def test_dense_embeddings_cost_larger_maps_and_no_work_of_their_own():
    plain, embedded = (
        by_name(build(block(), dense_embeddings=with_them)) for with_them in (False, True)
    )
    assert embedded.keys() == plain.keys()
    assert plain["block_1_fc/dense"].inputs == ()
    assert embedded["block_1_fc/dense"].inputs == ("embedding",)
    assert plain["block_1_fc/dense"].rows == 13
    assert embedded["block_1_fc/dense"].rows == 13 + 26 * 16
    for name in plain.keys() - {"block_1_fc/dense"}:
        assert embedded[name] == plain[name]


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


def test_without_operator_balancing_all_tokens_meet():
    unbalanced = dataclasses.replace(FINAL_OPTIONS, operator_balancing=False)
    operators = by_name(build(block(dense_operators={"dot_product": 128}), options=unbalanced))
    assert "block_1_dot_product/tokens" not in operators
    assert operators["block_1_dot_product/products"].multiply_accumulates == 27**2 * 16
    assert operators["block_1_dot_product/output"].rows == 26 * 27 // 2


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


def test_layer_norm_follows_a_projection_and_no_map_within_an_operator():
    stack = block(dense_operators={"sigmoid_gating": 64}, sparse_operators={"attention": 4})
    operators = by_name(build(stack, options=NetworkOptions()))
    counted = {name: o.layer_norm for name, o in operators.items() if name != "embedding"}
    assert {name: count for name, count in counted.items() if count} == {
        "block_1_sigmoid_gating/output": 5 * 64,
        "block_1_attention/tokens": 5 * 4 * 16,
        "block_1_attention/attended_norm": 5 * 4 * 16,
        "block_1_attention/output_norm": 5 * 4 * 16,
    }


def test_maps_of_no_features_vanish():
    gating = block(dense_operators={"sigmoid_gating": 16, "fc": 8, "dot_product": 32})
    workload = build(gating, features=Features(0, (10,) * 4))
    names = [operator.name for operator in workload.crossbar_operators]
    assert "block_1_fc/dense" not in names and "block_1_sigmoid_gating/gate" not in names
    assert "block_1_dot_product/tokens" in names and "head/head" in names


def test_lists_read_more_rows_and_are_pooled_before_the_first_block():
    lists = (ListField(0, 5, "attention"), ListField(2, 3, "mean"), ListField(3, 2, "sum"))
    features = Features(2, (10,) * 4, lists)
    block = Block({"fc": 8}, {"efc": 4}, (0,), (0,))
    workload = build(block, features=features)
    tables, pooling, *others = workload.operators
    assert (tables.name, tables.look_ups, tables.rows_read) == ("embedding", 11, 11)
    assert pooling == DigitalOperator(
        "pooling",
        ("embedding",),
        multiply_accumulates=2 * 5 * 16,
        additions=(2 + 1) * 16,
        multiplications=16,
        functions=5,
    )
    assert [each.name for each in others if "pooling" in each.inputs] == ["block_1_efc/tokens"]
    assert workload_from_json(workload_to_json(workload)) == workload
    found = complexity(Architecture((block,)), features, FINAL_OPTIONS)
    assert workload.multiply_accumulates == found.multiply_accumulates
    assert build(block, features=Features(2, (10,) * 4)).operators[0].rows_read == 4


def test_what_does_not_reach_the_logit_is_left_out():
    dead = block(dense_operators={"fc": 1024}, sparse_operators={"attention": 64})
    alone, with_dead = build(block()), build(dead, block())
    assert with_dead.multiply_accumulates == alone.multiply_accumulates
    assert not any(o.name.startswith("block_1_") for o in with_dead.operators)


# Bits.


def test_a_workload_has_the_bits_of_its_architecture():
    quantized = block(
        dense_operators={"dot_product": 32},
        dense_to_sparse=True,
        sparse_to_dense=True,
        bits={"dot_product": Bits(4, 6), "efc": Bits(5, 7)},
    )
    workload = build(quantized)
    found = {o.name: (o.weight_bits, o.activation_bits) for o in workload.crossbar_operators}
    assert found.pop("head/head") == (HEAD_BITS.weights, HEAD_BITS.activations)
    for name, bits in found.items():
        reads_dense = "dot_product" in name or "dense_to_sparse" in name
        assert bits == ((4, 6) if reads_dense else (5, 7)), name
    assert any("dense_to_sparse" in name for name in found)
    assert any("sparse_to_dense" in name for name in found)


def test_a_workload_without_bits_has_eight():
    workload = workload_from_architecture(NASREC_SMALL.widest, FEATURES)
    assert {(o.weight_bits, o.activation_bits) for o in workload.crossbar_operators} == {(8, 8)}


def test_bits_given_go_first_and_must_name_something():
    quantized = block(bits={"fc": Bits(4, 4), "efc": Bits(4, 4)})
    operators = by_name(build(quantized, precision=Precision(weight_bits_of={"block_1_efc": 6})))
    assert operators["block_1_efc/tokens"].weight_bits == 6
    assert operators["block_1_fc/dense"].weight_bits == 8
    with pytest.raises(PimError, match="bits given for 'block_9'"):
        build(block(), precision=Precision(weight_bits_of={"block_9": 4}))


# The trained network.


@pytest.mark.parametrize("name", presets())
def test_linear_maps_are_the_kernels_of_the_trained_network(name):
    published = presets()[name]
    features = published.features
    shapes = network_shapes(published.architecture, features.dense, features.sparse, FINAL_OPTIONS)
    kernels = {"head/head": shapes.head_weights[0].shape}
    for number, sizes in enumerate(shapes.blocks, start=1):
        live = published.architecture.liveness.blocks[number - 1]
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
                    kernels[f"block_{number}_{part}/{spec.name[:-7]}"] = tuple(spec.shape)
    workload = workload_from_architecture(published.architecture, features)
    assert {o.name: (o.rows, o.columns) for o in workload.crossbar_operators} == kernels


# Operators of one's own.


class Squared(Operator):
    """A dense operator with the steps that a test gives it."""

    name, label, branch, reads = "squared", "Sq", DENSE, frozenset({DENSE})

    def __init__(self, *steps):
        self._steps = steps

    def weights(self, shape):
        return ()

    def work(self, shape):
        return self._steps


@pytest.fixture
def registered(monkeypatch):
    def register(operator):
        monkeypatch.setitem(OPERATORS, operator.name, operator)
        return build(block(dense_operators={operator.name: 8}))

    return register


def test_an_operator_without_a_step_passes_on_what_it_reads(registered):
    workload = registered(Squared())
    assert by_name(workload)["head/head"].inputs == ("block_1_efc/tokens",)


def test_an_operator_that_states_no_work_is_told_what_to_add(registered):
    class Silent(Squared):
        name = "silent"
        work = Operator.work

    with pytest.raises(PimError, match="operator 'silent' does not state its work.*method `work`"):
        registered(Silent())


LATER = DigitalStep("later", ("dense",))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((LinearMap("a", ("tokens",), 2, 2),), "'a' waits for input 'tokens'.* there are dense"),
        ((LinearMap("a", ("sparse",), 2, 2),), "'a' waits for input 'sparse'"),
        ((LinearMap("a", (LATER,), 2, 2), LATER), "'a' waits for step 'later'.* there are none"),
        ((LATER, LATER), "two operators are called block_1_squared/later"),
        ((LinearMap("a", ("dense",), 2, 0),), "block_1_squared/a: columns must be"),
        ((LinearMap("a", ("dense",), -2, 2),), "block_1_squared/a: rows must be"),
    ],
)
def test_a_statement_that_does_not_hold_together_is_one_line(registered, steps, message):
    with pytest.raises(PimError, match=message) as caught:
        registered(Squared(*steps))
    assert "\n" not in str(caught.value)


def test_a_workload_can_be_estimated_for_many_candidates_at_once():
    from pim import Candidates

    workload = build(block(), options=NetworkOptions())
    hardware = hardware_preset("isaac32")
    batch = estimate_batch(workload, hardware, Candidates(weight_bits=[8, 4]))
    assert batch.energy_pj[0] == estimate(workload, hardware).energy_pj > batch.energy_pj[1]
