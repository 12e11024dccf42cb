"""Lottery tickets: masks, what goes with them, and networks without the units that went."""

import dataclasses

import hypothesis.strategies as st
import numpy as np
import pytest
from core_cases import (
    EMBEDDED,
    FEATURES,
    NO_DENSE,
    SMALL_OPTIONS,
    WITH_LISTS,
    architectures,
    raw_inputs,
    shake,
)
from executed_graph import executed
from hypothesis import given, settings

from nasrec_tf import native
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.architecture.space import CODESIGN
from nasrec_tf.codesign.architecture_workload import workload_from_architecture
from nasrec_tf.common.errors import ArchitectureError, RunError, UserError
from nasrec_tf.networks.pruning.mask_generator import MaskGenerator, generator_weights
from nasrec_tf.networks.pruning.masked_subnet import MaskedSubnet, folded
from nasrec_tf.networks.pruning.prune_settings import (
    MASK,
    ORIGINAL,
    PRUNE_SCORES,
    PRUNED_THINGS,
    UNITS,
    PruneSettings,
)
from nasrec_tf.networks.pruning.tickets import (
    load_ticket,
    next_ticket,
    pruned_matrices,
    save_ticket,
    share_left,
    whole_ticket,
)
from nasrec_tf.networks.quantization import quantized_weights
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.weights import load_network, save_weights

NO_NORM = dataclasses.replace(SMALL_OPTIONS, normalization="none")
BLOCK = Block({"fc": 10}, {"efc": 3}, (0,), (0,), dense_to_sparse=True, sparse_to_dense=True)
LAST = Block({"dot_product": 31}, {"efc": 8}, (0, 1), (0, 1), sparse_to_dense=True)
ARCHITECTURE = Architecture((BLOCK, LAST))


@st.composite
def pruned(draw, what):
    """A masked network with random weights and any ticket that leaves something everywhere."""
    architecture = draw(architectures(EMBEDDED.replace(num_blocks=2)))
    features = draw(st.sampled_from([FEATURES, NO_DENSE, WITH_LISTS]))
    options = dataclasses.replace(
        SMALL_OPTIONS,
        normalization=draw(st.sampled_from(["none", "batch"])),
        operator_balancing=draw(st.booleans()),
    )
    chosen = PruneSettings(score=draw(st.sampled_from(PRUNE_SCORES)), what=what)
    try:
        matrices = pruned_matrices(architecture, features, options, chosen)
    except UserError:  # The drawn one has nothing but attention and sums.
        architecture = ARCHITECTURE
        matrices = pruned_matrices(architecture, features, options, chosen)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.floats(0, 1))
    ticket = {}
    for path, left in whole_ticket(matrices, chosen).items():
        ticket[path] = rng.random(left.shape) < share
        ticket[path].flat[rng.integers(left.size)] = True
    network = MaskedSubnet(architecture, features, options, 0, settings=chosen, ticket=ticket)
    shake(network, int(rng.integers(2**16)))
    return network


def agree(one, other):
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * max(1.0, np.abs(one).max()))


@settings(max_examples=8, deadline=None)
@given(pruned(UNITS))
def test_a_network_without_units_has_the_logits_of_the_one_that_masks_them(network):
    inputs = raw_inputs(network.features, 4)
    smaller = folded(network)
    agree(network(inputs).numpy(), smaller(inputs).numpy())
    with native.portable():
        agree(network(inputs).numpy(), smaller(inputs).numpy())
    check_costs(network, smaller)


def check_costs(network, smaller):
    """What is left is what its architecture counts, and executes, and puts on crossbars."""
    cost = complexity(smaller.architecture, network.features, network.options)
    trained = sum(int(np.prod(weight.shape)) for weight in smaller.trainable_weights)
    assert cost.parameters + cost.embedding_parameters == trained
    if not network.features.lists:
        assert cost.multiply_accumulates == sum(executed(smaller).values())
    whole = complexity(network.architecture, network.features, network.options)
    is_smaller = cost.multiply_accumulates < whole.multiply_accumulates
    assert is_smaller == smaller.architecture.is_pruned
    workload, before = (
        workload_from_architecture(each, network.features, network.options)
        for each in (smaller.architecture, network.architecture)
    )
    columns, columns_before = (
        sum(each.rows * each.columns for each in one.crossbar_operators)
        for one in (workload, before)
    )
    assert (columns < columns_before) == is_smaller


@pytest.mark.parametrize("score", [MASK, "magnitude"])
def test_weights_that_are_gone_have_no_say_in_which_units_go_next(score):
    """Rows that read units that went are not trained: they would be most of a unit by and by."""
    chosen = PruneSettings(score=score, what=UNITS)
    matrices = pruned_matrices(ARCHITECTURE, FEATURES, NO_NORM, chosen)
    ticket = whole_ticket(matrices, chosen)
    ticket["block_1_fc/dense"][:7] = False
    network = MaskedSubnet(ARCHITECTURE, FEATURES, NO_NORM, 0, settings=chosen, ticket=ticket)
    shake(network, 1)
    found = network.scores(0)
    read_it = 0
    for each in matrices:
        part, name = each.path.split("/")
        kernel = network.parts[part].variables_by_name[f"{name}_kernel"]
        mask = network.masks.get(part, {}).get(f"{name}_kernel")
        left = np.ones(each.shape) if mask is None else mask.numpy()
        read_it += not left.any(axis=1).all()
        of_weights = (
            np.abs(kernel.numpy())
            if score == "magnitude"
            else network.generators[each.path](kernel.value).numpy()
        )
        kept = ticket[each.path]
        means = (of_weights * left).sum(axis=0) / left.any(axis=1).sum()
        np.testing.assert_allclose(found[each.path][kept], means[kept], rtol=1e-5)
    assert read_it > 0


@settings(max_examples=4, deadline=None)
@given(pruned("elements"))
def test_masks_of_elements_are_folded_into_zeros(network):
    plain = folded(network)
    inputs = raw_inputs(network.features, 4)
    np.testing.assert_array_equal(network(inputs).numpy(), plain(inputs).numpy())
    for path, left in network.ticket.items():
        assert not plain.named_weights()[f"{path}_kernel"].numpy()[~left].any()


@pytest.mark.parametrize("what", PRUNED_THINGS)
@pytest.mark.parametrize("bits", [(), (4, 8)])
def test_a_ticket_of_ones_gives_the_network_itself_to_the_bit(what, bits):
    architecture = ARCHITECTURE
    if bits:
        architecture = CODESIGN.replace(
            num_blocks=2, dense_widths=(8,), sparse_widths=(4,), bits=bits
        ).widest
    chosen = PruneSettings("magnitude", what=what)
    matrices = pruned_matrices(architecture, FEATURES, NO_NORM, chosen)
    ticket = whole_ticket(matrices, chosen)
    plain = Subnet(architecture, FEATURES, NO_NORM, seed=3)
    masked = MaskedSubnet(architecture, FEATURES, NO_NORM, 3, settings=chosen, ticket=ticket)
    inputs = raw_inputs(FEATURES, 16)
    for network in (plain, masked):
        network(inputs, training=True)  # Ranges of quantized inputs follow what they see.
    np.testing.assert_array_equal(plain(inputs).numpy(), masked(inputs).numpy())
    left = folded(masked)
    np.testing.assert_array_equal(plain(inputs).numpy(), left(inputs).numpy())
    assert left.architecture == architecture and not left.architecture.is_pruned


def test_a_quantized_network_without_units_has_the_logits_of_the_one_that_masks_them():
    space = CODESIGN.replace(num_blocks=2, dense_widths=(8, 16), sparse_widths=(4, 8), bits=(4, 8))
    rng = np.random.default_rng(0)
    chosen = PruneSettings("magnitude", what=UNITS, share=0.5)
    matrices = pruned_matrices(space.widest, FEATURES, NO_NORM, chosen)
    ticket = whole_ticket(matrices, chosen)
    scores = {path: rng.random(left.shape) for path, left in ticket.items()}
    ticket = next_ticket(ticket, scores, chosen, 1)
    network = MaskedSubnet(space.widest, FEATURES, NO_NORM, 1, settings=chosen, ticket=ticket)
    shake(network)
    inputs = raw_inputs(FEATURES, 32)
    network(inputs, training=True)
    smaller = folded(network)
    assert smaller.architecture.is_pruned and smaller.architecture.is_quantized
    agree(network(inputs).numpy(), smaller(inputs).numpy())
    # Crossbars hold what is left.
    workload = workload_from_architecture(smaller.architecture, FEATURES, NO_NORM)
    found = {name: each.weights.shape for name, each in quantized_weights(smaller).items()}
    assert found == {each.name: (each.rows, each.columns) for each in workload.crossbar_operators}


# Tickets.


@st.composite
def scored(draw):
    """Settings, and scores of a few matrices, with ties, NaN and infinities among them."""
    chosen = PruneSettings(
        iterations=3,
        share=draw(st.floats(0.01, 0.33, exclude_max=True)),
        of=draw(st.sampled_from(["remaining", ORIGINAL])),
        scope=draw(st.sampled_from(["matrix", "network"])),
    )
    values = st.one_of(st.sampled_from([0.0, 1.0, np.nan, np.inf, -np.inf]), st.floats(width=32))
    sizes = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 6)), min_size=1, max_size=4))
    scores = [
        {
            f"block_{number}_fc/dense": np.array(
                draw(st.lists(values, min_size=rows * columns, max_size=rows * columns))
            ).reshape(rows, columns)
            for number, (rows, columns) in enumerate(sizes, start=1)
        }
        for _ in range(chosen.iterations)
    ]
    return chosen, scores


@settings(max_examples=40, deadline=None)
@given(scored())
def test_what_is_left_shrinks_as_asked_and_never_to_nothing(drawn):
    chosen, scores = drawn
    ticket = {path: np.ones(value.shape, bool) for path, value in scores[0].items()}
    total = sum(left.size for left in ticket.values())
    for iteration, found in enumerate(scores, start=1):
        after = next_ticket(ticket, found, chosen, iteration)
        for path, left in after.items():
            assert left.any() and not (left & ~ticket[path]).any()
            if chosen.scope == "matrix":
                assert left.sum() == chosen.left(left.size, iteration)
        if chosen.scope == "network":
            count = sum(int(left.sum()) for left in after.values())
            assert count == max(len(after), chosen.left(total, iteration))
        ticket = after


def test_the_lowest_of_what_is_left_goes_next():
    chosen = PruneSettings(share=0.5)
    ticket = {"block_1_fc/dense": np.array([[True, True, True, False]])}
    scores = {"block_1_fc/dense": np.array([[0.9, 0.2, 0.5, 0.0]])}
    after = next_ticket(ticket, scores, chosen, 1)
    assert after["block_1_fc/dense"].tolist() == [[True, False, True, False]]


def test_over_the_network_the_lowest_go_wherever_they_are_but_the_best_of_each_matrix():
    chosen = PruneSettings(share=0.5, scope="network")
    scores = {
        "block_1_fc/dense": np.array([[0.9, 0.8, 0.7, 0.6]]),
        "block_2_fc/dense": np.array([[0.1, 0.3, 0.2, 0.65]]),
        "block_3_fc/dense": np.array([[0.01, 0.02]]),
    }
    ticket = {path: np.ones(value.shape, bool) for path, value in scores.items()}
    after = next_ticket(ticket, scores, chosen, 1)
    assert {path: left[0].tolist() for path, left in after.items()} == {
        "block_1_fc/dense": [True, True, True, False],
        "block_2_fc/dense": [False, False, False, True],
        "block_3_fc/dense": [False, True],
    }


@pytest.mark.parametrize("scope", ["matrix", "network"])
def test_what_has_no_score_goes_first_but_after_what_has_gone(scope):
    chosen = PruneSettings(share=0.5, scope=scope)
    ticket = {"block_1_fc/dense": np.array([[True, True, True, False]])}
    scores = {"block_1_fc/dense": np.array([[-np.inf, np.nan, -1e30, 5.0]])}
    after = next_ticket(ticket, scores, chosen, 1)["block_1_fc/dense"]
    assert after.sum() == 2 and after[0, 2] and not after[0, 3]
    scores["block_1_fc/dense"][0, 0] = 2.0
    after = next_ticket(ticket, scores, chosen, 1)
    assert after["block_1_fc/dense"].tolist() == [[True, False, True, False]]


def test_how_much_is_left_is_rounded_and_counted_over_all_matrices():
    of_rest = PruneSettings(iterations=3, share=0.2)
    assert [of_rest.left(100, number) for number in range(4)] == [100, 80, 64, 51]
    assert [of_rest.left(count, 1) for count in (1, 2, 3, 4, 7)] == [1, 2, 2, 3, 6]
    of_all = PruneSettings(iterations=3, share=0.2, of=ORIGINAL)
    assert [of_all.left(100, number) for number in range(4)] == [100, 80, 60, 40]
    ticket = {"one": np.array([True, False]), "other": np.ones((3, 2), bool)}
    assert share_left(ticket) == 7 / 8


@pytest.mark.parametrize(("direction", "read"), [("columns", 3), ("rows", 5)])
def test_a_mask_is_that_of_equation_5_with_a_bias(direction, read):
    import tensorflow as tf

    chosen = PruneSettings(direction=direction, hidden=0.5, bias=1.5)
    generator = MaskGenerator((3, 5), chosen, seed=2, name="mask")
    inner, outer, bias = (v.numpy() for v in generator.variables_by_name.values())
    hidden = -(-read // 2)  # half of what it reads, rounded up
    assert inner.shape == (hidden, read) and outer.shape == (read, hidden)
    assert (bias == 1.5).all()
    assert generator_weights((3, 5), chosen) == inner.size + outer.size + bias.size
    matrix = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    reads = matrix if direction == "columns" else matrix.T
    mask = 1 / (1 + np.exp(-(outer @ np.maximum(inner @ reads, 0) + bias)))
    expected = mask if direction == "columns" else mask.T
    np.testing.assert_allclose(generator(tf.constant(matrix)).numpy(), expected, rtol=1e-5)


def test_masks_begin_near_one_and_gradients_reach_their_mlps_alone():
    import tensorflow as tf

    chosen = PruneSettings(MASK)
    matrices = pruned_matrices(ARCHITECTURE, FEATURES, NO_NORM, chosen)
    network = MaskedSubnet(
        ARCHITECTURE, FEATURES, NO_NORM, settings=chosen, ticket=whole_ticket(matrices, chosen)
    )
    path = matrices[0].path
    kernel = network.parts["block_1_fc"].variables_by_name["dense_kernel"].value
    with tf.GradientTape() as tape:
        mask = network.generators[path](kernel)
        total = tf.reduce_sum(mask)
    of_kernel, *of_mlp = tape.gradient(
        total, [kernel, *(v.value for v in network.generators[path].trainable_variables)]
    )
    assert float(tf.reduce_min(mask)) > 0.9 and of_kernel is None
    assert len(of_mlp) == 3 and all(np.abs(each).max() > 0 for each in of_mlp)


def test_a_mask_by_rows_is_that_of_the_matrix_on_its_side_by_columns():
    import tensorflow as tf

    matrix = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    by_row = MaskGenerator((3, 5), PruneSettings(direction="rows"), seed=1, name="mask")
    by_column = MaskGenerator((5, 3), PruneSettings(), seed=1, name="mask")
    np.testing.assert_allclose(
        by_row(tf.constant(matrix)).numpy(),
        by_column(tf.constant(matrix.T)).numpy().T,
        rtol=1e-6,
    )
    # Each column gives the mask of its own elements and of no others.
    changed = matrix.T.copy()
    changed[:, 0] += 1.0
    same = (by_column(tf.constant(matrix.T)) == by_column(tf.constant(changed))).numpy()
    assert same[:, 1:].all() and not same[:, 0].all()


def test_gradients_pass_through_a_masks_input_where_they_are_let():
    import tensorflow as tf

    matrix = tf.random.stateless_normal((4, 3), (0, 1))
    generator = MaskGenerator((4, 3), PruneSettings(through=True))
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        mask = generator(matrix)
    assert np.abs(tape.gradient(mask, matrix)).max() > 0


def test_all_linear_maps_of_the_blocks_can_be_pruned_but_never_the_head():
    block = Block({"sigmoid_gating": 8}, {"attention": 8}, (0,), (0,))
    architecture = Architecture((block,))
    with pytest.raises(UserError, match="no matrix to prune: .* leave --prune out"):
        pruned_matrices(architecture, FEATURES, NO_NORM, PruneSettings())
    found = pruned_matrices(architecture, FEATURES, NO_NORM, PruneSettings(parts="all"))
    assert [each.path.split("/")[1] for each in found] == [
        *("gate", "output", "tokens", "query_key_value", "attended", "hidden", "output")
    ]
    with pytest.raises(UserError, match="is pruned already"):
        pruned_matrices(without_units(), FEATURES, NO_NORM, PruneSettings())


def test_tickets_are_read_as_they_were_written(tmp_path):
    chosen = PruneSettings(what=UNITS)
    matrices = pruned_matrices(ARCHITECTURE, FEATURES, NO_NORM, chosen)
    whole = whole_ticket(matrices, chosen)
    ticket = {path: np.arange(left.size) % 3 > 0 for path, left in whole.items()}
    path = tmp_path / "ticket.npz"
    save_ticket(ticket, path)
    found = load_ticket(path, whole, "prune again")
    assert found.keys() == ticket.keys()
    assert all((found[name] == ticket[name]).all() for name in ticket)
    with pytest.raises(RunError, match="another network"):
        load_ticket(path, {"block_9_fc/dense": np.ones(3, bool)}, "prune again")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunError, match="cannot be read as a ticket .*; prune again"):
        load_ticket(path, whole, "prune again")


# Architectures without some units.


def without_units():
    return ARCHITECTURE.with_kept_units(
        [{"fc/dense": (0, 3, 9), "sparse_to_dense/interaction": (1, 3)}, {"efc/tokens": (7,)}]
    )


def test_a_network_without_units_is_read_from_its_file(tmp_path):
    network = Subnet(without_units(), FEATURES, NO_NORM, seed=5)
    save_weights(network, tmp_path / "net.npz")
    found = load_network(tmp_path / "net.npz")
    inputs = raw_inputs(FEATURES, 4)
    np.testing.assert_array_equal(found(inputs).numpy(), network(inputs).numpy())
    assert Architecture.loads(network.architecture.dumps()) == network.architecture


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ({"fc/dense": (0, 10)}, "of 'fc/dense' must be below its 10 columns. Received: 10"),
        ({"fc/dense": ()}, "of 'fc/dense' must be rising whole numbers from 0"),
        ({"fc/dense": (2, 2)}, "of 'fc/dense' must be rising whole numbers from 0"),
        ({"fc/output": (0,)}, "kept_units knows fc/dense, efc/tokens, dense_to_sparse/tokens"),
    ],
)
def test_units_that_are_not_there_are_refused_in_one_line(kept, told):
    with pytest.raises(ArchitectureError, match=told):
        Subnet(ARCHITECTURE.with_kept_units([kept, {}]), FEATURES, NO_NORM)


def test_layer_norm_counts_units_so_that_none_can_go():
    with pytest.raises(ArchitectureError, match="leave normalization layer out"):
        Subnet(without_units(), FEATURES, SMALL_OPTIONS)


def test_a_search_space_has_no_architectures_without_units():
    from nasrec_tf.networks.supernet.model import Supernet

    space = EMBEDDED.replace(num_blocks=2)
    supernet = Supernet(space, FEATURES, SMALL_OPTIONS)
    with pytest.raises(ArchitectureError, match="has all units"):
        supernet.encode(without_units())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("share=2", "--prune-options: share must be above 0 and below 1. Received: 2.0"),
        ("what=rows", "--prune-options: what must be one of elements, units"),
        ("luck=3", "--prune-options: pruning has no 'luck'; it has what, share"),
        ("share=0.3,of=original", "leaves nothing after 5 iterations"),
        ("what=units,parts=all", "parts=all goes with what=elements"),
        ("rewind=maybe", "--prune-options: rewind must be true or false"),
    ],
)
def test_settings_that_cannot_be_used_are_told_in_one_line(options, told):
    with pytest.raises(UserError, match=told):
        PruneSettings.of_options(MASK, 5, options, "--prune-options")
