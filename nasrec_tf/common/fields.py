"""What the fields of our dataclasses of settings say of themselves."""

import dataclasses
import types
import typing
from typing import Any


def plain_type(field: dataclasses.Field) -> type:
    """The plain type of a field's values, ``None`` apart.

    Args:
        field: of a dataclass whose annotations are plain types, or one of them or ``None``.

    Example:
        >>> @dataclasses.dataclass
        ... class Settings:
        ...     rows: int | None = None
        >>> plain_type(dataclasses.fields(Settings)[0])
        <class 'int'>
    """
    annotation: Any = field.type  # the type itself: annotations are not postponed
    if isinstance(annotation, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation
