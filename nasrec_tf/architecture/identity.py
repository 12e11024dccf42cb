"""When two architectures are one: a digest of what reaches the logit.

The digest is of a form that keeps live parts only, drops left and right sources that nothing reads,
orders the two sources of a symmetric operator, and numbers the live blocks by what they compute
rather than by where they stand. Whether the flattened embeddings are part of dense source 0 counts
where that is read, and leaves the digests of all other networks as they were. The digest is stable
over processes and versions of Python.

What it guarantees: equal digests mean the same function, since the form is an architecture again.
The converse nearly holds. Blocks are told apart by colour refinement, and blocks that it leaves
alike keep the order of what they read, or else of their numbers; so two numberings of one network
may get two digests where refinement cannot tell blocks apart that are not interchangeable. The
smallest such networks found have seven blocks: three alike over the raw features, and three above
them that each read one of these densely and the next one round sparsely; the other way round is
the same network under another name (``tests/nasrec/test_identity.py``). A search then scores one
function twice, and loses nothing else. The form is not made canonical since journals of earlier
runs hold these digests.
"""

from collections.abc import Sequence
from typing import Any

from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.liveness import BlockLiveness, Liveness, dense_operators_read_sparse
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.operators import DENSE, OPERATORS, PAIR


def identity(blocks: Sequence[Block], live: Liveness, dense_embeddings: bool = False) -> str:
    """A hexadecimal digest of the function that a stack of blocks computes.

    Args:
        blocks: the choice blocks, first to last.
        live: what of them reaches the logit.
        dense_embeddings: whether the flattened embeddings are part of dense source 0.

    Returns:
        32 digits. Equal ones mean the same function; see above for the converse.

    Example:
        >>> from nasrec_tf.architecture.liveness import liveness
        >>> first, last = (Block({"fc": 8}, {"efc": 4}, (0,), (0,)) for _ in range(2))
        >>> both = [first, last]  # the second reads the raw features alone, so the first is dead
        >>> identity(both, liveness(both)) == identity([last], liveness([last]))
        True
    """
    nodes = {
        number: _live_part(block, part, last=number == len(blocks))
        for number, (block, part) in enumerate(zip(blocks, live.blocks), start=1)
        if part.anything
    }
    order = _canonical_order(nodes)
    numbers = {0: 0} | {number: index for index, number in enumerate(order, start=1)}
    form: Any = [_renumber(nodes[number], numbers) for number in order]
    if dense_embeddings and live.raw_dense:
        form = {"dense_embeddings": True, "blocks": form}
    return json_digest(form, 32)


def _live_part(block: Block, live: BlockLiveness, last: bool) -> dict[str, Any]:
    """The fields of a block that have an effect; sources are kept under keys ending in source."""
    part: dict[str, Any] = {"last": last}
    reads_sparse = live.sparse_operators
    if live.dense_operators:
        part["dense_operators"] = dict(block.dense_operators)
        part["dense_output"] = live.dense_output
        reads = set().union(*(OPERATORS[name].reads for name in block.dense_operators))
        if DENSE in reads:
            part["dense_sources"] = list(block.dense_sources)
        if PAIR in reads:
            part["pair_sources"] = [block.left_source, block.right_source]
            part["pair_is_symmetric"] = _pair_is_symmetric(block)
        reads_sparse = reads_sparse or dense_operators_read_sparse(block)
    if live.sparse_operators:
        part["sparse_operators"] = dict(block.sparse_operators)
        part["sparse_output"] = live.sparse_output
    if reads_sparse:
        part["sparse_sources"] = list(block.sparse_sources)
    if block.bits:
        names = list(part.get("dense_operators", ())) + list(part.get("sparse_operators", ()))
        part["bits"] = {name: block.bits[name].to_json() for name in names}
    if block.kept_units:
        mergers = [name for name in ("dense_to_sparse", "sparse_to_dense") if getattr(live, name)]
        parts = (*part.get("dense_operators", ()), *part.get("sparse_operators", ()), *mergers)
        part["kept_units"] = {name: block.columns(name) for name in parts}
    part["dense_to_sparse"] = live.dense_to_sparse
    part["sparse_to_dense"] = live.sparse_to_dense
    return part


def _pair_is_symmetric(block) -> bool:
    operators = [OPERATORS[name] for name in block.dense_operators]
    return all(operator.symmetric for operator in operators if PAIR in operator.reads)


_SOURCE_FIELDS = ("dense_sources", "sparse_sources", "pair_sources")


def _canonical_order(nodes: dict[int, dict]) -> list[int]:
    """A topological order that depends on what blocks compute, and on numbers only among twins.

    Blocks of one colour are told apart by the places of their sources, so that twin blocks keep
    the order of the twins that they read, and last by their numbers.
    """
    colours = _colours(nodes)
    order: list[int] = []
    places = {0: 0}
    waiting = set(nodes)
    while waiting:
        ready = [number for number in waiting if _sources(nodes[number]) <= places.keys()]
        chosen = min(ready, key=lambda n: (colours[n], _source_places(nodes[n], places), n))
        order.append(chosen)
        places[chosen] = len(order)
        waiting.remove(chosen)
    return order


def _source_places(node: dict, places: dict[int, int]) -> list[list[int]]:
    renumbered = _renumber(node, places)
    return [renumbered.get(field, []) for field in _SOURCE_FIELDS]


def _sources(node: dict) -> set[int]:
    return {source for field in _SOURCE_FIELDS for source in node.get(field, ())}


def _colours(nodes: dict[int, dict]) -> dict[int, str]:
    """Refines each block's colour by those of its sources and readers until nothing is added."""
    colours = {number: json_digest(_without_sources(node), 64) for number, node in nodes.items()}
    colours[0] = "raw"
    for _ in nodes:
        above = _above(nodes, colours)
        colours = {0: "raw"} | {
            number: json_digest([colours[number], above[number]] + _below(node, colours), 64)
            for number, node in nodes.items()
        }
    return colours


def _without_sources(node: dict) -> dict:
    return {field: value for field, value in node.items() if field not in _SOURCE_FIELDS}


def _below(node: dict, colours: dict[int, str]) -> list:
    pair = [colours[source] for source in node.get("pair_sources", ())]
    if node.get("pair_is_symmetric"):
        pair.sort()
    return [
        sorted(colours[source] for source in node.get("dense_sources", ())),
        sorted(colours[source] for source in node.get("sparse_sources", ())),
        pair,
    ]


def _above(nodes: dict[int, dict], colours: dict[int, str]) -> dict[int, list]:
    """For each block, how and by blocks of which colours it is read."""
    readers: dict[int, list] = {number: [] for number in (0, *nodes)}
    for reader, node in nodes.items():
        for field in _SOURCE_FIELDS:
            for position, source in enumerate(node.get(field, ())):
                ordered = field == "pair_sources" and not node["pair_is_symmetric"]
                readers[source].append([field, position if ordered else 0, colours[reader]])
    return {number: sorted(found) for number, found in readers.items()}


def _renumber(node: dict, numbers: dict[int, int]) -> dict:
    renumbered = dict(node)
    for field in _SOURCE_FIELDS:
        if field in node:
            renumbered[field] = [numbers[source] for source in node[field]]
    for field in _SOURCE_FIELDS:
        if field in node and (field != "pair_sources" or node["pair_is_symmetric"]):
            renumbered[field].sort()
    return renumbered
