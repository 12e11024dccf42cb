"""A network's operators, and the JSON form in which they are kept."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim.errors import PimError
from pim.workload.operators import CrossbarOperator, DigitalOperator, EmbeddingOperator, Workload
from pim.workload.precision import Precision
from pim.workload.workload_json import (
    load_workload,
    save_workload,
    workload_from_json,
    workload_to_json,
)

# Multiply-accumulates of the authors' own code (fvcore, attention products included), millions.
PUBLISHED = {
    ("criteo", "small"): 2.2078,
    ("criteo", "full"): 1.4662,
    ("avazu", "small"): 3.0856,
    ("avazu", "full"): 1.8771,
    ("kdd", "small"): 3.4828,
    ("kdd", "full"): 1.1002,
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_multiply_accumulates_are_those_of_the_published_models(model, published):
    # Attention has layer norms of its own, which fvcore counts.
    by_kind = published(*model).multiply_accumulates_by_kind
    assert round(sum(by_kind.values()) / 1e6, 4) == PUBLISHED[model]


def test_the_published_models_have_tables_of_540_million_parameters(criteo_small):
    (tables,) = criteo_small.embedding_operators
    assert tables.parameters == 33_762_601 * 16


@pytest.fixture
def three_maps():
    fc = CrossbarOperator("block_1_fc/dense", (), 13, 32, functions=32)
    efc = CrossbarOperator("block_1_efc/tokens", (), 26, 16, positions=16)
    head = CrossbarOperator("head/head", (fc.name, efc.name), 32 + 256, 1)
    return Workload("three maps", (fc, efc, head))


def by_name(workload):
    return {operator.name: operator for operator in workload.operators}


def test_bits_go_to_the_longest_named_prefix(three_maps):
    precision = Precision(8, 7, {"block_1": 4, "block_1_efc/tokens": 6}, {"head/head": 5})
    operators = by_name(precision.applied_to(three_maps))
    assert operators["block_1_fc/dense"].weight_bits == 4
    assert operators["block_1_efc/tokens"].weight_bits == 6
    assert operators["head/head"].weight_bits == 8
    assert [o.activation_bits for o in operators.values()] == [7, 7, 5]
    with pytest.raises(PimError, match="given for 'block_9'; the operators are block_1_fc/dense"):
        Precision(weight_bits_of={"block_9": 4}).applied_to(three_maps)


def test_with_bits_sets_each_operator_in_turn(three_maps):
    workload = three_maps.with_bits([4, 5, 6], [7, 8, 3])
    assert [o.weight_bits for o in workload.crossbar_operators] == [4, 5, 6]
    assert [o.activation_bits for o in workload.crossbar_operators] == [7, 8, 3]
    with pytest.raises(PimError, match="has 3 crossbar operators. Received: 1 weight"):
        workload.with_bits([4], [4])


def test_a_workload_knows_its_order():
    first = CrossbarOperator("a", ("b",), 1, 1)
    second = CrossbarOperator("b", (), 1, 1)
    with pytest.raises(PimError, match="a waits for unknown b"):
        Workload("loop", (first, second))
    with pytest.raises(PimError, match="two operators are called b"):
        Workload("twice", (second, second))


# JSON.

COUNTS = st.integers(0, 1 << 40)


@st.composite
def workloads(draw):
    """Operators of every kind with any counts, each waiting for some of those before it."""
    operators = []
    for number in range(draw(st.integers(1, 6))):
        waits = [operator.name for operator in operators if draw(st.booleans())]
        name, kind = f"part_{number}/é", draw(st.integers(0, 2))
        if kind == 0:
            sizes = (draw(st.integers(1, 1 << 40)) for _ in range(3))
            bits = draw(st.integers(2, 16)), draw(st.integers(1, 16))
            more = (draw(COUNTS) for _ in range(3))
            operators.append(CrossbarOperator(name, waits, *sizes, *bits, *more))
        elif kind == 1:
            operators.append(DigitalOperator(name, waits, *(draw(COUNTS) for _ in range(5))))
        else:
            rows = draw(st.lists(st.integers(1, 1 << 40), min_size=1, max_size=3))
            operators.append(EmbeddingOperator(name, rows, draw(st.integers(1, 64)), inputs=waits))
    return Workload("any", operators, draw(st.integers(1, 9)))


@settings(max_examples=60, deadline=None)
@given(workloads())
def test_a_workload_survives_json(workload):
    assert workload_from_json(json.loads(json.dumps(workload_to_json(workload)))) == workload


def test_a_workload_survives_a_file(criteo_small, tmp_path):
    save_workload(criteo_small, tmp_path / "network.json")
    assert load_workload(tmp_path / "network.json") == criteo_small


def _valid():
    operators = [
        {"kind": "embedding", "name": "tables", "table_rows": [10, 20], "dimension": 16},
        {"kind": "crossbar", "name": "fc", "inputs": ["tables"], "rows": 32, "columns": 8},
    ]
    return {"format": "pim.workload", "version": 1, "name": "small", "operators": operators}


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (["format"], "pim.hardware", "not a workload: no .format.: .pim.workload."),
        (["version"], 2, "a workload of version 2; this reads 1"),
        (["version"], True, "a workload of version True; this reads 1"),
        (["name"], 3, "a workload's name must be a text"),
        (["batch"], 0, "batch must be a whole number from 1"),
        (["operators"], {}, "workload: 'operators' must be a list"),
        (["operators"], [], "small: has no operator"),
        (["operators", 0], 5, "operator 1: 'kind' must be one of crossbar, digital, embedding"),
        (["operators", 1, "kind"], "optical", r"operator 2 \('fc'\): 'kind' must be one of"),
        (["operators", 1, "kind"], [1], r"operator 2 \('fc'\): 'kind' must be one of"),
        (["operators", 1, "inputs"], "tables", r"operator 2 \('fc'\): 'inputs' must be a list"),
        (["operators", 1, "inputs"], [3], r"operator 2 \('fc'\): operators have names"),
        (["operators", 1, "inputs"], ["x"], "small: fc waits for unknown x"),
        (["operators", 1, "rows"], 0, r"operator 2 \('fc'\): fc: rows must be a whole number"),
        (["operators", 1, "rows"], "8", r"operator 2 \('fc'\): fc: rows must be a whole number"),
        (["operators", 1, "rows"], 1e3, r"operator 2 \('fc'\): fc: rows must be a whole number"),
        (["operators", 1, "depth"], 1, r"operator 2 \('fc'\): unknown field 'depth'"),
        (
            ["operators", 0, "table_rows"],
            5,
            r"operator 1 \('tables'\): 'table_rows' must be a list",
        ),
        (["operators", 0, "table_rows"], [0], r"operator 1 \('tables'\): tables: table_rows must"),
        (["operators", 0, "name"], "", r"operator 1 \(''\): operators have names"),
        (["colour"], "red", "workload: unknown field 'colour'"),
    ],
)
def test_what_is_wrong_in_a_workload_file_is_one_line_with_its_place(
    tmp_path, where, value, message
):
    given_value = _valid()
    place = given_value
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(given_value), encoding="utf-8")
    with pytest.raises(PimError, match=message) as caught:
        load_workload(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["name", "operators"])
def test_a_missing_field_is_named(field):
    value = _valid()
    del value[field]
    with pytest.raises(PimError, match=f"workload: field '{field}' is missing"):
        workload_from_json(value)
    del (value := _valid())["operators"][1]["rows"]
    with pytest.raises(PimError, match=r"operator 2 \('fc'\): field 'rows' is missing"):
        workload_from_json(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "not JSON: .* at line 1"),
        (b"\xff", "cannot be read"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b"1" * 10_000, "not JSON that can be read"),
        (b"", "not JSON"),
        (b"[]", "not a workload"),
    ],
)
def test_a_file_that_is_no_workload_is_one_line(tmp_path, text, message):
    path = tmp_path / "odd.json"
    path.write_bytes(text)
    with pytest.raises(PimError, match=message) as caught:
        load_workload(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
