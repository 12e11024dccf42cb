"""Bit widths in architectures, search spaces, paths and PIM workloads."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from core_cases import FULL, SMALL

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Bits, Block
from nasrec_tf.architecture.space import CODESIGN, NASREC_SMALL
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.networks.supernet.path import decode, encode
from nasrec_tf.networks.supernet.samplers import SAMPLERS, full_path

QUANTIZED = FULL.replace(bits=(4, 6, 8), separate_bits=True)


def block(**changes):
    bits = {"fc": Bits(4, 8), "efc": Bits(8, 5)}
    fields = {"dense_operators": {"fc": 8}, "sparse_operators": {"efc": 3}, "bits": bits}
    return Block(dense_sources=(0,), sparse_sources=(0,), **(fields | changes))


# Architectures.


@pytest.mark.parametrize("seed", range(20))
def test_json_keeps_bits(seed):
    architecture = QUANTIZED.sample(np.random.default_rng(seed))
    assert architecture.is_quantized
    assert Architecture.loads(architecture.dumps()).blocks == architecture.blocks
    assert Architecture.from_json(json.loads(json.dumps(architecture.to_json()))) == architecture


def test_json_of_a_float_architecture_does_not_mention_bits():
    assert "bits" not in FULL.widest.dumps()
    assert not FULL.widest.is_quantized


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([block(bits={"fc": Bits(4, 8)})], "Block 1: bits is missing for 'efc'"),
        (
            [block(bits={"fc": Bits(4, 8), "efc": Bits(8, 8), "sum": Bits(8, 8)})],
            "Block 1: bits names an operator that is not active: 'sum'",
        ),
        ([block(bits={"fc": Bits(1, 8), "efc": Bits(8, 8)})], "bits of 'fc' must be whole numbers"),
        ([block(bits={"fc": Bits(4, 9), "efc": Bits(8, 8)})], "from 2 to 8. Received: 9"),
        ([block(), block(bits={})], "Block 2: bits must be given for every block or for none"),
    ],
)
def test_bits_that_are_not_valid_name_block_and_operator(blocks, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture(blocks)


def test_a_file_with_malformed_bits_is_refused():
    value = Architecture((block(),)).to_json()
    value["blocks"][0]["bits"]["fc"] = 4
    with pytest.raises(ArchitectureError, match="Block 1: bits needs .* for 'fc'. Received: 4"):
        Architecture.from_json(value)


def test_bits_of_live_operators_are_part_of_what_an_architecture_is():
    architecture = Architecture((block(),))
    other = Architecture((block(bits={"fc": Bits(4, 8), "efc": Bits(8, 6)}),))
    assert architecture != other
    assert architecture != architecture.in_floating_point()
    assert architecture.in_floating_point().blocks == (block(bits={}),)


def test_bits_of_dead_operators_are_not():
    def stack(bits):
        first = block(bits={"fc": Bits(4, 4), "efc": Bits(bits, bits)})
        return Architecture((first, dataclasses.replace(block(), dense_sources=(1,))))

    assert stack(4) == stack(8)  # Nothing reads the first block's sparse output.


def test_a_merger_has_the_largest_bits_of_the_branch_that_it_reads():
    both = block(
        dense_operators={"fc": 8, "dot_product": 4},
        bits={"fc": Bits(4, 8), "dot_product": Bits(6, 4), "efc": Bits(8, 5)},
    )
    assert both.branch_bits("dense") == Bits(6, 8)
    assert both.branch_bits("sparse") == Bits(8, 5)
    assert block(bits={}).branch_bits("dense") is None


# Spaces.


def test_the_paper_s_bits_multiply_the_space_by_two_to_the_fourteen():
    assert NASREC_SMALL.replace(bits=(4, 8)).size() == 16_384 * NASREC_SMALL.size()
    assert NASREC_SMALL.replace(bits=(4, 8), separate_bits=True).size() == (
        4**14 * NASREC_SMALL.size()
    )
    assert NASREC_SMALL.replace(bits=(4, 5, 6, 7, 8)).size() == 5**14 * NASREC_SMALL.size()
    assert CODESIGN.size() == 16_384 * CODESIGN.replace(bits=()).size()


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("operators", ["single", "any"])
@pytest.mark.parametrize("widths", ["operator", "branch"])
def test_the_size_counts_what_can_be_drawn(separate, operators, widths):
    space = SMALL.replace(
        num_blocks=1, dense_widths=(4, 8), sparse_widths=(3,), mergers=False,
        operators=operators, widths=widths, bits=(4, 8), separate_bits=separate,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    drawn = {space.sample(rng).dumps() for _ in range(400 * space.size() // 10)}
    assert len(drawn) == space.size()


def test_drawn_architectures_are_of_the_space_and_others_are_not():
    rng = np.random.default_rng(0)
    for _ in range(50):
        QUANTIZED.check(QUANTIZED.sample(rng))
    with pytest.raises(ArchitectureError, match="needs the bits of every operator"):
        QUANTIZED.check(FULL.widest)
    with pytest.raises(ArchitectureError, match="has no bits"):
        FULL.check(QUANTIZED.widest)
    with pytest.raises(ArchitectureError, match="has no 6 bits"):
        QUANTIZED.replace(bits=(4, 8)).check(QUANTIZED.replace(bits=(6,)).widest)
    uneven = QUANTIZED.replace(separate_bits=False, operators="any", num_blocks=1)
    with pytest.raises(ArchitectureError, match="takes one width for 'fc'"):
        uneven.check(Architecture((block(bits={"fc": Bits(4, 8), "efc": Bits(8, 8)}),)))


@pytest.mark.parametrize("bits", [(1, 4), (9,), (8, 4), (4, 4), "48", (4.0,)])
def test_candidate_bits_that_cannot_be_are_refused(bits):
    with pytest.raises(ArchitectureError, match="Search space: bits must"):
        FULL.replace(bits=bits)


# Paths.


@pytest.mark.parametrize("seed", range(20))
def test_decode_is_the_inverse_of_encode_with_bits(seed):
    architecture = QUANTIZED.sample(np.random.default_rng(seed))
    assert decode(encode(architecture, QUANTIZED), QUANTIZED).blocks == architecture.blocks


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_draw_bits_uniformly_for_active_operators_alone(name, separate):
    space = SMALL.replace(bits=(4, 6, 8), separate_bits=separate)
    sampler = SAMPLERS[name](space)
    generator = tf.random.Generator.from_seed(7)
    draw = tf.function(lambda: sampler(generator), autograph=False)
    drawn = [decode(draw(), space) for _ in range(400)]
    counts = dict.fromkeys(itertools.product((4, 6, 8), repeat=2), 0)
    for architecture in drawn:
        space.check(architecture)
        for each in architecture.blocks:
            for bits in each.bits.values():
                counts[bits.weights, bits.activations] += 1
    if separate:
        expected = dict.fromkeys(counts, sum(counts.values()) / 9)
    else:
        even = sum(counts.values()) / 3
        expected = {pair: even if pair[0] == pair[1] else 0 for pair in counts}
    for pair, count in counts.items():
        assert abs(count - expected[pair]) <= 4.5 * expected[pair] ** 0.5


def test_a_float_space_draws_the_same_paths_as_ever():
    """Bits take no random numbers where there are none to draw."""
    space = SMALL.replace(operators="single")
    sampler = SAMPLERS["single-operator-any-connection"](space)
    path = sampler(tf.random.Generator.from_seed(7))
    assert not tf.reduce_any(path.dense_bits > 0) and not tf.reduce_any(path.sparse_bits > 0)


def test_the_full_path_has_the_most_bits():
    path = full_path(QUANTIZED)
    assert np.all(path.dense_bits == 8) and np.all(path.sparse_bits == 8)
