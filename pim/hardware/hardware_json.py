"""The JSON form of a hardware description, both ways, and changes of single settings."""

import dataclasses
import json
import pathlib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pim.checks import shown
from pim.errors import PimError
from pim.hardware.hardware import Hardware
from pim.hardware.presets import PRESETS, hardware_preset
from pim.json_form import body_of, dataclasses_of, from_object, names_a_file, read_json, save_text

FORMAT = "pim.hardware"
VERSION = 1

_Design = TypeVar("_Design")

_KIND = "kind_of_memory"
"""Field that tells in JSON which of several classes a value is."""


def hardware_to_json(hardware: Hardware) -> dict[str, Any]:
    """The description as plain JSON values; ``hardware_from_json`` reads it back.

    Example:
        >>> value = hardware_to_json(hardware_preset("handcrafted"))
        >>> value["format"], value["adc"]["bits"]
        ('pim.hardware', 8)
        >>> hardware_from_json(value) == hardware_preset("handcrafted")
        True

    Args:
        hardware: the design.
    """
    return {"format": FORMAT, "version": VERSION, **_encode(Hardware, hardware)}


def _encode(cls: type, value: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    result = {}
    for field in dataclasses.fields(cls):
        part = getattr(value, field.name)
        classes = dataclasses_of(hints[field.name])
        if part is not None and classes:
            encoded = _encode(type(part), part)
            if len(classes) > 1:
                encoded = {_KIND: type(part).__name__, **encoded}
            part = encoded
        result[field.name] = part
    return result


def hardware_from_json(value: Any) -> Hardware:
    """Reads the JSON form.

    Args:
        value: as ``hardware_to_json`` gives it.

    Raises:
        PimError: if the value is not of that form, of another version, or a setting is not valid;
            the message names the field.
    """
    body = body_of(value, "a hardware description", FORMAT, VERSION)
    return from_object(Hardware, body, "hardware", _KIND)


def save_hardware(hardware: Hardware, path: str | pathlib.Path) -> None:
    """Writes the JSON form to a file.

    Args:
        hardware: the design.
        path: the file, which is replaced.

    Raises:
        OSError: if it cannot be written.
    """
    text = json.dumps(hardware_to_json(hardware), indent=2) + "\n"
    save_text(path, text)


def load_hardware(name_or_path: str) -> Hardware:
    """The design of a preset, or of a JSON file.

    Args:
        name_or_path: of ``PRESETS``, else a file as ``save_hardware`` writes it.

    Raises:
        PimError: if there is neither such a preset nor such a file, or it is not valid.
    """
    if name_or_path in PRESETS:
        return hardware_preset(name_or_path)
    path = pathlib.Path(name_or_path)
    if not names_a_file(name_or_path):
        raise PimError(
            f"no hardware {shown(name_or_path)}: give a file, or one of {', '.join(PRESETS)}"
        )
    value = read_json(path)
    try:
        return hardware_from_json(value)
    except PimError as error:
        raise PimError(f"{path}: {error}") from error


def changed(hardware: _Design, settings: Mapping[str, Any]) -> _Design:
    """The same design with some settings changed.

    Example:
        >>> design = changed(hardware_preset("isaac32"), {"adc.bits": 6, "duplication": 4})
        >>> design.adc.bits, design.duplication, design.array.rows
        (6, 4, 128)

    Args:
        hardware: the design, or a dataclass that holds it among others.
        settings: new values by dotted name, such as ``{"adc.bits": 6, "duplication": 4}``; a part
            that a design may lack is left out by ``None``.

    Raises:
        PimError: if there is no such setting, or a value is not valid.
    """
    for name in settings:
        whole = next((other for other in settings if name.startswith(f"{other}.")), None)
        if whole is not None:
            raise PimError(f"{name} is a part of {whole}, which is set as well; set one of them")
    for name, value in settings.items():
        hardware = _change(hardware, name.split("."), value, name)
    for name, value in settings.items():
        if _setting(hardware, name) != value:
            raise PimError(f"{name} is not free here: the settings under mnsim2 decide it")
    return hardware


def _setting(part: Any, name: str) -> Any:
    for step in name.split("."):
        part = getattr(part, step)
    return part


def _change(part: Any, path: list[str], value: Any, name: str) -> Any:
    known = [field.name for field in dataclasses.fields(part)]
    if path[0] not in known:
        raise PimError(f"no setting {shown(name)}; {type(part).__name__} has {', '.join(known)}")
    if len(path) > 1:
        inner = getattr(part, path[0])
        if not dataclasses.is_dataclass(inner):
            raise PimError(f"no setting {name!r}: {path[0]} has no parts here")
        value = _change(inner, path[1:], value, name)
    else:
        _check_whole_part(part, path[0], value, name)
    return dataclasses.replace(part, **{path[0]: value})


def _check_whole_part(part: Any, field: str, value: Any, name: str) -> None:
    """Refuses a value in place of what has settings of its own; none may be taken for it."""
    hint = typing.get_type_hints(type(part))[field]
    if not dataclasses_of(hint):
        return
    may_lack = types.NoneType in typing.get_args(hint)
    if value is not None or not may_lack:
        told = ", or say null for none" if may_lack else ""
        raise PimError(f"setting {name!r} has parts of its own: name one of them{told}")
