"""The architecture value: its JSON form, its errors, and the published ones."""

import dataclasses
import json
import os
import pathlib

import pytest
from core_cases import EMBEDDED, architectures
from hypothesis import given, settings

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.architecture.presets import load_architecture, preset, presets
from nasrec_tf.common.errors import ArchitectureError

BLOCK = Block({"fc": 8}, {"efc": 3}, (0,), (0,))


def with_block(number, **changes):
    """Three plain blocks, one of them changed."""
    blocks = [BLOCK] * 3
    blocks[number - 1] = dataclasses.replace(BLOCK, **changes)
    return Architecture(blocks)


# The value and its JSON form.


@given(architectures(EMBEDDED))
@settings(max_examples=50, deadline=None)
def test_json_reads_back_what_was_written(architecture):
    for again in (
        Architecture.loads(architecture.dumps()),
        Architecture.from_json(json.loads(json.dumps(architecture.to_json()))),
    ):
        assert again.blocks == architecture.blocks
        assert again.dense_embeddings == architecture.dense_embeddings
        assert again == architecture and hash(again) == hash(architecture)


def test_a_form_without_dense_embeddings_is_what_it_was_before_they_were_there():
    plain = with_block(2)
    assert set(plain.to_json()) == {"format", "version", "blocks"}
    assert plain.to_json()["version"] == 1
    assert plain.dumps().startswith('{"format": "nasrec_tf.architecture", "version": 1, "blocks"')
    # Journals and score caches of earlier versions hold it.
    assert plain.identity == "ab9f5144e9a0d6c5c315699591098cc8"
    embedded = dataclasses.replace(plain, dense_embeddings=True)
    assert embedded.to_json()["version"] == 2, "older programs must not read another network of it"


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
        (document(version=3), "version 3"),
        (document(version=2), '"dense_embeddings" is missing'),
        (document(version=2, dense_embeddings="yes"), "must be true or false"),
        (document(dense_embeddings=True), 'goes with "version": 2'),
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


# The published architectures.


ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "data" / "published_architectures.json"


def published():
    return json.loads(KEPT.read_text("utf-8"))["architectures"]


def test_the_figures_in_the_repository_are_those_of_the_whole_file():
    data = os.environ.get("NASREC_TEST_DATA")
    shared = pathlib.Path(data).parent if data else ROOT.parent / "shared"
    path = shared / "reference" / KEPT.name
    if not path.is_file():
        pytest.skip(f"{KEPT.name} not found beside the test data")
    assert json.loads(path.read_text("utf-8"))["architectures"] == published()


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


def test_published_models_cost_what_was_read_off_the_authors_code():
    for entry in published():
        found = preset(f"nasrec-{entry['dataset']}-{entry['space']}")
        cost = complexity(found.architecture, found.features)
        measured = entry["measured"]
        assert round(cost.mflops, 4) == measured["mflops_with_attention_matmul"]
        assert cost.parameters == measured["non_embedding_params_live"]
        assert cost.parameters_with_dead_parts == measured["non_embedding_params_all"]
