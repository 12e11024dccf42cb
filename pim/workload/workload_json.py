"""The JSON form of a workload, which needs no architecture and no framework to be read."""

import dataclasses
import json
import pathlib
from typing import Any

from pim.checks import shown, suggestion
from pim.errors import PimError
from pim.json_form import body_of, of_kind, read_json, save_text
from pim.workload.operators import (
    CrossbarOperator,
    DigitalOperator,
    EmbeddingOperator,
    Workload,
)

FORMAT = "pim.workload"
VERSION = 1

_KIND = "kind"
_KINDS = {"crossbar": CrossbarOperator, "digital": DigitalOperator, "embedding": EmbeddingOperator}
_NAMES = {cls: name for name, cls in _KINDS.items()}
_FIELDS = ("name", "operators", "batch")
_LISTS = ("inputs", "table_rows")


def workload_to_json(workload: Workload) -> dict[str, Any]:
    """The JSON form, as plain values; ``workload_from_json`` reads it back.

    What an operator does not have (functions, additions, ...) is not written.

    Example:
        >>> fc = CrossbarOperator("fc", (), rows=13, columns=32)
        >>> value = workload_to_json(Workload("one layer", (fc,)))
        >>> value["operators"]
        [{'kind': 'crossbar', 'name': 'fc', 'inputs': [], 'rows': 13, 'columns': 32}]
        >>> workload_from_json(value).operators == (fc,)
        True

    Args:
        workload: the network.
    """
    operators = [_to_object(operator) for operator in workload.operators]
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": workload.name,
        "batch": workload.batch,
        "operators": operators,
    }


def _to_object(operator) -> dict[str, Any]:
    value: dict[str, Any] = {_KIND: _NAMES[type(operator)]}
    for field in dataclasses.fields(operator):
        part = getattr(operator, field.name)
        if part != field.default:
            value[field.name] = list(part) if isinstance(part, tuple) else part
    return value


def workload_from_json(value: Any) -> Workload:
    """Reads the JSON form.

    Args:
        value: as ``workload_to_json`` gives it.

    Raises:
        PimError: if the value is not of that form, or its operators do not make up a network; the
            message names the operator and the field.
    """
    body = body_of(value, "a workload", FORMAT, VERSION)
    for name in body:
        if name not in _FIELDS:
            raise PimError(
                f"workload: unknown field {name!r}{suggestion(name, _FIELDS)}; the fields are "
                f"{', '.join(_FIELDS)}"
            )
    for name in ("name", "operators"):
        if name not in body:
            raise PimError(f"workload: field {name!r} is missing")
    operators = body["operators"]
    if not isinstance(operators, list):
        raise PimError(f"workload: 'operators' must be a list. Received: {shown(operators)}")
    parts = tuple(_operator(number, part) for number, part in enumerate(operators, start=1))
    return Workload(**(body | {"operators": parts}))


def _operator(number: int, value: Any):
    where = f"operator {number}"
    if isinstance(value, dict):
        where += f" ({value.get('name')!r})"
        for name in _LISTS:
            if not isinstance(value.get(name, []), list):
                raise PimError(f"{where}: {name!r} must be a list. Received: {value[name]!r}")
    try:
        return of_kind(_KINDS, value, where, _KIND)
    except PimError as error:
        message = str(error)
        raise PimError(message if message.startswith(where) else f"{where}: {message}") from error


def save_workload(workload: Workload, path: str | pathlib.Path) -> None:
    """Writes the JSON form to a file, one operator a line.

    Args:
        workload: the network.
        path: the file, which is replaced.

    Raises:
        OSError: if it cannot be written.
    """
    save_text(path, workload_text(workload))


def workload_text(workload: Workload) -> str:
    """The JSON form as text, one operator a line.

    Args:
        workload: the network.
    """
    value = workload_to_json(workload)
    lines = ",\n  ".join(json.dumps(operator) for operator in value.pop("operators"))
    return f'{json.dumps(value)[:-1]}, "operators": [\n  {lines}\n]}}\n'


def load_workload(path: str | pathlib.Path) -> Workload:
    """Reads the JSON form from a file.

    Args:
        path: the file, as ``save_workload`` writes it.

    Raises:
        PimError: if the file cannot be read or does not hold a workload; the message names it.
    """
    path = pathlib.Path(path)
    value = read_json(path)
    try:
        return workload_from_json(value)
    except PimError as error:
        raise PimError(f"{path}: {error}") from error
