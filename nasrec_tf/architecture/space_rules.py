"""The choices that a search space may make of its rules, and what its fields have to be."""

from collections.abc import Mapping
from typing import Any

from nasrec_tf.architecture.blocks import MAX_BITS, MAX_BLOCKS, MAX_TOKENS, MAX_WIDTH, MIN_BITS
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.common.own_modules import OR_ONES_OWN
from nasrec_tf.common.strict_json import shown
from nasrec_tf.common.value_checks import is_whole
from nasrec_tf.operators import DENSE, OPERATORS, SPARSE

ANY = "any"
SINGLE = "single"
PER_OPERATOR = "operator"
PER_BRANCH = "branch"
NEVER = "never"
ALWAYS = "always"


def checked_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a search space, with lists as tuples and operators in the registry's order.

    Args:
        fields: the fields by name.

    Raises:
        ArchitectureError: if one is not valid; the message names it.
    """
    checked = dict(fields)
    for field in ("dense_operators", "sparse_operators", "dense_widths", "sparse_widths"):
        if not isinstance(checked[field], (list, tuple)) or not checked[field]:
            raise _wrong(checked, field, "must be a non-empty list")
        checked[field] = tuple(checked[field])
    if not isinstance(checked["name"], str) or not checked["name"]:
        raise _wrong(checked, "name", "must be a text that is not empty")
    checked["dense_operators"] = _operators(checked, "dense_operators", DENSE)
    checked["sparse_operators"] = _operators(checked, "sparse_operators", SPARSE)
    _check_widths(checked, "dense_widths", MAX_WIDTH)
    _check_widths(checked, "sparse_widths", MAX_TOKENS)
    if not is_whole(checked["num_blocks"], 1, MAX_BLOCKS):
        mend = f"must be a positive integer of at most {MAX_BLOCKS}"
        raise _wrong(checked, "num_blocks", mend)
    if checked["operators"] not in (ANY, SINGLE):
        raise _wrong(checked, "operators", f"must be {ANY!r} or {SINGLE!r}")
    if checked["widths"] not in (PER_OPERATOR, PER_BRANCH):
        raise _wrong(checked, "widths", f"must be {PER_OPERATOR!r} or {PER_BRANCH!r}")
    if checked["max_sources"] is not None and not is_whole(checked["max_sources"], 1):
        raise _wrong(checked, "max_sources", "must be a positive integer, or left out")
    for field in ("mergers", "separate_bits"):
        if not isinstance(checked[field], bool):
            raise _wrong(checked, field, "must be true or false")
    if checked["dense_embeddings"] not in (NEVER, ALWAYS, ANY):
        raise _wrong(checked, "dense_embeddings", f"must be {NEVER!r}, {ALWAYS!r} or {ANY!r}")
    checked["bits"] = _bits(checked)
    return checked


def _operators(fields: Mapping[str, Any], field: str, branch: str) -> tuple[str, ...]:
    known = [name for name, operator in OPERATORS.items() if operator.branch == branch]
    names = fields[field]
    for name in names:
        if name not in known:
            raise _wrong(fields, field, f"knows {', '.join(known)}; {OR_ONES_OWN}")
    if len(set(names)) < len(names):
        raise _wrong(fields, field, "names an operator twice")
    return tuple(name for name in OPERATORS if name in names)


def _check_widths(fields: Mapping[str, Any], field: str, most: int) -> None:
    widths = fields[field]
    if not all(is_whole(width, 1, most) for width in widths):
        raise _wrong(fields, field, f"must hold positive integers of at most {most}")
    if list(widths) != sorted(set(widths)):
        raise _wrong(fields, field, "must rise strictly")


def _bits(fields: Mapping[str, Any]) -> tuple[int, ...]:
    bits = fields["bits"]
    if not isinstance(bits, (list, tuple)):
        raise _wrong(fields, "bits", "must be a list")
    if not all(is_whole(width, MIN_BITS, MAX_BITS) for width in bits):
        raise _wrong(fields, "bits", f"must hold whole numbers from {MIN_BITS} to {MAX_BITS}")
    if list(bits) != sorted(set(bits)):
        raise _wrong(fields, "bits", "must rise strictly")
    return tuple(bits)


def _wrong(fields: Mapping[str, Any], field: str, mend: str) -> ArchitectureError:
    return ArchitectureError(f"Search space: {field} {mend}. Received: {shown(fields[field])}")
