"""The architecture value: its JSON form, its errors, and when two of them are one."""

import dataclasses
import itertools
import json
import os
import pathlib

import hypothesis.strategies as st
import pytest
from core_cases import FEATURES, FULL, NO_DENSE, SMALL_OPTIONS, architectures
from hypothesis import assume, given, settings

from nasrec_tf.architecture import Architecture, Block
from nasrec_tf.complexity import complexity
from nasrec_tf.errors import ArchitectureError
from nasrec_tf.presets import load_architecture, preset, presets

BLOCK = Block({"fc": 8}, {"efc": 3}, (0,), (0,))


def with_block(number, **changes):
    """Three plain blocks, one of them changed."""
    blocks = [BLOCK] * 3
    blocks[number - 1] = dataclasses.replace(BLOCK, **changes)
    return Architecture(blocks)


# The value and its JSON form.


@given(architectures())
@settings(max_examples=50, deadline=None)
def test_json_reads_back_what_was_written(architecture):
    for again in (
        Architecture.loads(architecture.dumps()),
        Architecture.from_json(json.loads(json.dumps(architecture.to_json()))),
    ):
        assert again.blocks == architecture.blocks
        assert again == architecture and hash(again) == hash(architecture)


def test_a_file_reads_back(tmp_path):
    architecture = with_block(2, left_source=1, sparse_operators={"attention": 8})
    architecture.save(tmp_path / "net.json")
    assert Architecture.load(tmp_path / "net.json").blocks == architecture.blocks
    assert load_architecture(str(tmp_path / "net.json")).blocks == architecture.blocks


def test_the_value_is_immutable():
    widths = {"fc": 8}
    block = Block(widths, {"efc": 3}, [0], [0])
    widths["sum"] = 16
    assert dict(block.dense_operators) == {"fc": 8}
    with pytest.raises(dataclasses.FrozenInstanceError):
        block.left_source = 1
    with pytest.raises(TypeError):
        block.dense_operators["fc"] = 16
    with pytest.raises(dataclasses.FrozenInstanceError):
        Architecture([block]).blocks = ()


def test_the_order_of_sources_and_operators_does_not_matter():
    one = with_block(3, dense_operators={"sum": 4, "fc": 8}, dense_sources=(2, 0, 1))
    other = with_block(3, dense_operators={"fc": 8, "sum": 4}, dense_sources=(0, 1, 2))
    assert one.blocks == other.blocks and hash(one.blocks) == hash(other.blocks)
    assert one.dumps() == other.dumps()


def test_it_is_not_equal_to_other_things():
    assert Architecture([BLOCK]) != "architecture"


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        ("dense_operators", {}, "needs at least one"),
        ("dense_operators", {"efc": 8}, "fc"),
        ("dense_operators", {"fc": 0}, "positive width"),
        ("dense_operators", {"fc": 8.0}, "positive width"),
        ("dense_operators", {"fc": True}, "positive width"),
        ("sparse_operators", {}, "needs at least one"),
        ("sparse_operators", {"convolution": 8}, "attention"),
        ("sparse_operators", {"efc": -1}, "positive width"),
        ("dense_sources", (), "at least one source"),
        ("dense_sources", (0, 0), "twice"),
        ("dense_sources", (2,), "0 (raw features) to 1"),
        ("sparse_sources", (), "at least one source"),
        ("sparse_sources", (1, 1), "twice"),
        ("sparse_sources", (-1,), "0 (raw features) to 1"),
        ("left_source", 2, "0 (raw features) to 1"),
        ("left_source", 0.0, "0 (raw features) to 1"),
        ("right_source", 5, "0 (raw features) to 1"),
        ("dense_to_sparse", 1, "true or false"),
        ("sparse_to_dense", "yes", "true or false"),
    ],
)
def test_an_error_names_block_field_mend_and_value(field, value, mend):
    with pytest.raises(ArchitectureError) as error:
        with_block(2, **{field: value})
    message = str(error.value)
    assert message.startswith(f"Block 2: {field} ") and mend in message
    assert "Received: " in message and "\n" not in message


def test_an_architecture_has_blocks():
    with pytest.raises(ArchitectureError, match="at least one block"):
        Architecture([])


GOOD = {"dense_operators": {"fc": 8}, "sparse_operators": {"efc": 3}}
GOOD |= {"dense_sources": [0], "sparse_sources": [0]}


def document(**changes):
    return {"format": "nasrec_tf.architecture", "version": 1, "blocks": [GOOD]} | changes


def without(name):
    return {field: value for field, value in GOOD.items() if field != name}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], '"format"'),
        ({"blocks": []}, '"format"'),
        (document(version=2), "version 2"),
        (document(blocks={}), '"blocks" must be a list'),
        (document(blocks=[]), "at least one block"),
        (document(blocks=[GOOD, 7]), "Block 2: must be an object"),
        (document(blocks=[GOOD | {"width": 8}]), "unknown field 'width'"),
        (document(blocks=[without("dense_operators")]), "'dense_operators' is missing"),
        (document(blocks=[without("sparse_sources")]), "'sparse_sources' is missing"),
        (document(blocks=[GOOD | {"dense_operators": ["fc"]}]), "must map operators to widths"),
        (document(blocks=[GOOD | {"dense_sources": "0"}]), "must be a list of integers"),
        (document(blocks=[GOOD | {"sparse_sources": [0, "1"]}]), "must be a list of integers"),
        (document(blocks=[GOOD | {"sparse_sources": [False]}]), "must be a list of integers"),
        (document(blocks=[GOOD | {"left_source": None}]), "left_source"),
        (document(blocks=[GOOD | {"left_source": [0]}]), "left_source"),
        (document(blocks=[GOOD | {"sparse_to_dense": None}]), "true or false"),
    ],
)
def test_wrong_json_is_told_in_one_line(tmp_path, value, told):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ArchitectureError) as error:
        Architecture.load(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and told in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "told"), [(b"{", "line 1, column 2"), (b"", "Not JSON"), (b"\xff\xfe", "read")]
)
def test_what_is_no_json_is_told_with_its_place(tmp_path, content, told):
    path = tmp_path / "net.json"
    path.write_bytes(content)
    with pytest.raises(ArchitectureError) as error:
        Architecture.load(path)
    assert str(path) in str(error.value) and told in str(error.value)


def test_a_name_that_is_neither_preset_nor_file_is_told_with_the_presets():
    with pytest.raises(ArchitectureError, match="nasrec-criteo-small"):
        load_architecture("nasrec-criteo-tiny")
    with pytest.raises(ArchitectureError, match="nasrec-criteo-small"):
        preset("nasrec-criteo-tiny")


# Identity: what does not reach the logit does not count ...


def test_left_and_right_that_no_operator_reads_do_not_matter():
    assert with_block(3, left_source=1, right_source=2) == with_block(3)


def test_a_dead_block_does_not_matter():
    assert with_block(2, dense_operators={"sum": 31}, sparse_to_dense=True) == with_block(2)


def test_a_merger_into_a_dead_branch_does_not_matter():
    alive = dict(dense_sources=(1,), sparse_sources=(0,))
    blocks = [BLOCK, dataclasses.replace(BLOCK, **alive)]
    merging = [dataclasses.replace(BLOCK, dense_to_sparse=True), blocks[1]]
    assert Architecture(merging) == Architecture(blocks)


def test_the_sides_of_a_sum_may_be_exchanged_but_not_those_of_a_gating():
    def pair(operators, left, right):
        last = dict(dense_operators=operators, left_source=left, right_source=right)
        wide = dataclasses.replace(BLOCK, dense_operators={"fc": 31})
        return Architecture([BLOCK, wide, dataclasses.replace(BLOCK, **last)])

    for operators in ({"sum": 8}, {"sum": 8, "fc": 4}):
        assert pair(operators, 1, 2) == pair(operators, 2, 1)
    for operators in ({"sigmoid_gating": 8}, {"sigmoid_gating": 8, "sum": 8}):
        assert pair(operators, 1, 2) != pair(operators, 2, 1)


def renumbered(architecture, order):
    """The same network with its blocks in another order; ``order`` lists the old numbers."""
    new = {0: 0} | {old: place for place, old in enumerate(order, start=1)}
    blocks = []
    for old in order:
        block = architecture.blocks[old - 1]
        moved = {
            "dense_sources": tuple(new[source] for source in block.dense_sources),
            "sparse_sources": tuple(new[source] for source in block.sparse_sources),
            "left_source": new[block.left_source],
            "right_source": new[block.right_source],
        }
        blocks.append(dataclasses.replace(block, **moved))
    return Architecture(blocks)


@st.composite
def orders(draw, architecture):
    """An order of the blocks in which each still comes after what it names; the last stays last."""
    count = len(architecture)
    order, waiting = [], list(range(1, count))
    while waiting:
        ready = []
        for number in waiting:
            block = architecture.blocks[number - 1]
            named = {*block.dense_sources, *block.sparse_sources}
            named |= {block.left_source, block.right_source}
            if named <= {0, *order}:
                ready.append(number)
        order.append(draw(st.sampled_from(ready)))
        waiting.remove(order[-1])
    return [*order, count]


FEW_CHOICES = FULL.replace(
    num_blocks=6,
    dense_operators=("fc", "sum"),
    sparse_operators=("efc",),
    dense_widths=(4,),
    sparse_widths=(3,),
)
"""Many blocks that are alike: what tells them apart is where they stand in the network."""


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_numbers_of_independent_blocks_do_not_matter(data):
    space = data.draw(st.sampled_from([FULL.replace(num_blocks=5), FEW_CHOICES]))
    architecture = data.draw(architectures(space))
    moved = renumbered(architecture, data.draw(orders(architecture)))
    assert moved.identity == architecture.identity


def stack(*blocks):
    """An architecture of plain blocks with these changes."""
    return Architecture([dataclasses.replace(BLOCK, **changes) for changes in blocks])


def test_twin_chains_may_be_crossed():
    def chains(first, second, last):
        return stack({}, {}, dict(dense_sources=(first,)), dict(dense_sources=(second,)), last)

    symmetric = dict(dense_sources=(3, 4))
    assert chains(1, 2, symmetric) == chains(2, 1, symmetric) != chains(1, 1, symmetric)
    ordered = dict(dense_operators={"sigmoid_gating": 8}, left_source=3, right_source=4)
    assert chains(1, 2, ordered) == chains(2, 1, ordered) != chains(1, 1, ordered)


def test_longer_twin_chains_may_be_crossed():
    def chains(*sources):
        middle = [dict(dense_sources=(source,)) for source in sources]
        return stack({}, {}, *middle, dict(dense_sources=(5, 6)))

    assert chains(1, 2, 3, 4) == chains(2, 1, 3, 4) == chains(1, 2, 4, 3) == chains(2, 1, 4, 3)
    assert chains(1, 2, 3, 4) != chains(1, 1, 3, 4)


# ... and what does, counts.


def live_changes(architecture):
    """Architectures with one live field changed to another function, with a word on the change."""
    for number, block in enumerate(architecture.blocks, start=1):
        live = architecture.liveness.blocks[number - 1]
        reads_pair = {"sum", "sigmoid_gating"} & set(block.dense_operators)
        reads_dense = {"fc", "dot_product"} & set(block.dense_operators)
        changes = []
        if live.dense_operators:
            changes += operator_changes(block, "dense_operators", "fc", "dot_product")
            if reads_dense:
                changes += source_changes(block, "dense_sources", number)
            if reads_pair:
                changes += pair_changes(block, number)
        if live.sparse_operators:
            changes += operator_changes(block, "sparse_operators", "efc", "attention")
        if live.sparse_operators or (live.dense_operators and "dot_product" in reads_dense):
            changes += source_changes(block, "sparse_sources", number)
        if live.sparse_output:
            changes.append({"dense_to_sparse": not block.dense_to_sparse})
        if live.dense_output:
            changes.append({"sparse_to_dense": not block.sparse_to_dense})
        for change in changes:
            blocks = list(architecture.blocks)
            blocks[number - 1] = dataclasses.replace(block, **change)
            yield number, change, Architecture(blocks)


def operator_changes(block, field, *names):
    operators = dict(getattr(block, field))
    for name in operators:
        yield {field: operators | {name: operators[name] + 1}}
    for name in names:
        if name not in operators:
            yield {field: operators | {name: 5}}
        elif len(operators) > 1:
            yield {field: {other: w for other, w in operators.items() if other != name}}


def source_changes(block, field, number):
    sources = set(getattr(block, field))
    for source in range(number):
        if sources ^ {source}:
            yield {field: tuple(sources ^ {source})}


def pair_changes(block, number):
    named = sorted((block.left_source, block.right_source))
    for field, other in (("left_source", "right_source"), ("right_source", "left_source")):
        for source in range(number):
            if sorted((source, getattr(block, other))) != named:
                yield {field: source}


@given(architectures())
@settings(max_examples=60, deadline=None)
def test_every_choice_that_reaches_the_logit_matters(architecture):
    for number, change, changed in live_changes(architecture):
        if differ_by_numbers(architecture, changed):
            continue
        assert changed != architecture, (number, change)


def differ_by_numbers(architecture, changed):
    """Whether the two differ by block numbers alone, such as reading either of two twins."""
    count = len(architecture)
    for order in itertools.permutations(range(1, count)):
        try:
            moved = renumbered(changed, [*order, count])
        except ArchitectureError:
            continue
        if live_fields(moved) == live_fields(architecture):
            return True
    return False


def live_fields(architecture):
    """What of each block reaches the logit, by its number."""
    fields = []
    for block, live in zip(architecture.blocks, architecture.liveness.blocks):
        dense = block.dense_operators if live.dense_operators else {}
        pair = (block.left_source, block.right_source)
        if "sigmoid_gating" not in dense:
            pair = tuple(sorted(pair))
        fields.append(
            (
                live,
                dict(dense),
                dict(block.sparse_operators) if live.sparse_operators else {},
                block.dense_sources if {"fc", "dot_product"} & set(dense) else (),
                block.sparse_sources if live.sparse_operators or "dot_product" in dense else (),
                pair if {"sum", "sigmoid_gating"} & set(dense) else (),
            )
        )
    return fields


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_equal_architectures_cost_the_same(data):
    architecture = data.draw(architectures(FULL.replace(num_blocks=4)))
    other = renumbered(architecture, data.draw(orders(architecture)))
    dead = [
        number
        for number, live in enumerate(other.liveness.blocks, start=1)
        if not live.anything and number < len(other)
    ]
    blocks = list(other.blocks)
    for number in dead:
        blocks[number - 1] = Block({"sum": 31}, {"attention": 8}, (0,), (0,), 0, 0, True, True)
    other = Architecture(blocks)
    assume(other.blocks != architecture.blocks)
    assert other == architecture
    for features in (FEATURES, NO_DENSE):
        ours, theirs = (complexity(each, features, SMALL_OPTIONS) for each in (architecture, other))
        assert ours.parameters == theirs.parameters
        assert ours.mflops == theirs.mflops


# The published architectures.


def published():
    root = pathlib.Path(__file__).resolve().parents[2]
    data = os.environ.get("NASREC_TEST_DATA")
    shared = pathlib.Path(data).parent if data else root.parent / "shared"
    path = shared / "reference" / "published_architectures.json"
    if not path.is_file():
        pytest.skip("published_architectures.json not found beside the test data")
    return json.loads(path.read_text())["architectures"]


def published_block(block):
    same = ("dense_sources", "sparse_sources", "dense_to_sparse", "sparse_to_dense")
    return Block(
        dense_operators={block["dense_op"]: block["dense_width"]},
        sparse_operators={block["sparse_op"]: block["sparse_width"]},
        left_source=block["left"],
        right_source=block["right"],
        **{field: block[field] for field in same},
    )


def test_presets_are_the_published_architectures():
    entries = published()
    assert len(entries) == len(presets()) == 6
    for entry in entries:
        ours = preset(f"nasrec-{entry['dataset']}-{entry['space']}")
        assert ours.architecture.blocks == tuple(map(published_block, entry["blocks"]))
        assert (ours.log_loss, ours.auc, ours.mflops) == tuple(
            entry["published"][key] for key in ("log_loss", "auc", "mflops")
        )
