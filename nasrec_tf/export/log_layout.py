"""What the raw log looked like that an exported model was trained on, among its assets.

With it the model reads a further log without being told its layout again.
"""

import json
import pathlib
from typing import Any

from beam_preprocess.dataset.file_format import read_json
from beam_preprocess.dataset.origin import Origin
from nasrec_tf.export.errors import ExportError

LAYOUT_FILE = "log_layout.json"

_FORMAT = "nasrec_tf.log_layout"
_VERSION = 1


def write_log_layout(assets: pathlib.Path, data_directory: pathlib.Path) -> None:
    """Copies the layout that a data set was made by; nothing of one that does not tell it.

    Args:
        assets: directory of the export's assets.
        data_directory: the data set.
    """
    origin = Origin.load(data_directory)
    if origin is not None:
        body = {"format": _FORMAT, "version": _VERSION, "description": origin.description}
        text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
        (assets / LAYOUT_FILE).write_text(text, encoding="utf-8")


def decimal_of(data_directory: pathlib.Path) -> str:
    """What stands before the decimals of a number in the log that a data set was made of.

    Args:
        data_directory: the data set.
    """
    origin = Origin.load(data_directory)
    return "." if origin is None else str(origin.description.get("decimal", "."))


def read_log_layout(assets: pathlib.Path) -> dict[str, Any] | None:
    """The layout in the form of JSON; ``None`` of an export that has none.

    Args:
        assets: directory of the export's assets.

    Raises:
        ExportError: if the file is damaged.
    """
    path = assets / LAYOUT_FILE
    if not path.exists():
        return None
    body = read_json(path)
    if (body.get("format"), body.get("version")) != (_FORMAT, _VERSION) or not isinstance(
        body.get("description"), dict
    ):
        raise ExportError(f"{path}: damaged; export the model again")
    return body["description"]
