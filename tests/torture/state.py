"""What has to be alike in every run of a recipe, however it was disturbed."""

import csv
import hashlib
import io
import json
import pathlib
import zipfile
from typing import Any

from beam_preprocess.common.quiet_tensorflow import load_tensorflow

ONE_OFF = frozenset({"seconds", "checksum", "origin"})
"""Fields of JSON and columns of tables that no two runs share: times, and what a run drew once."""

UNLIKE = frozenset({".lock", "report.html", "journal.jsonl", "saved_model.pb"})
"""Files that tell of times, of restarts, or of names that TensorFlow counted up in its process; the
leaderboard says what the journal holds, and the variables what the model computes."""


def state(directory: pathlib.Path) -> dict[str, Any]:
    """All that is left in a directory, by the path of the file, in a form that can be compared.

    Weights are compared to the bit, and checkpoints by the tensors that they hold.

    Args:
        directory: with run directories and models below.
    """
    found: dict[str, Any] = {}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = name_of(path, directory)
        if path.parent.name == "tensorboard" or name in found:
            continue
        if path.parent.name == "checkpoint":
            found[name] = _tensors(path.parent)
        elif path.name in UNLIKE:
            found[name] = "is there"
        else:
            found[name] = _content(path)
    return found


def name_of(path: pathlib.Path, directory: pathlib.Path) -> str:
    """What a file is called in a state; those of a checkpoint are one."""
    whole = path.parent if path.parent.name == "checkpoint" else path
    return str(whole.relative_to(directory))


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Names of the files of two states that differ, with how."""
    names = sorted({*found, *expected})
    return [
        f"{name} ({'missing' if name not in found else _how(found, expected, name)})"
        for name in names
        if name not in found or name not in expected or found[name] != expected[name]
    ]


def _how(found: dict[str, Any], expected: dict[str, Any], name: str) -> str:
    return "differs" if name in expected else "should not be there"


def _content(path: pathlib.Path) -> Any:
    content = path.read_bytes()
    try:
        if path.suffix == ".json":
            return _lasting(json.loads(content))
        if path.suffix == ".csv":
            rows = csv.DictReader(io.StringIO(content.decode()))
            return [{k: v for k, v in row.items() if k not in ONE_OFF} for row in rows]
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                return {name: _digest(archive.read(name)) for name in archive.namelist()}
    except (ValueError, zipfile.BadZipFile):
        pass  # A damaged file is compared by its bytes.
    return _digest(content)


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _lasting(v) for k, v in value.items() if k not in ONE_OFF}
    return [_lasting(part) for part in value] if isinstance(value, list) else value


def _tensors(directory: pathlib.Path) -> dict[str, str]:
    """Digests of a checkpoint's tensors; how often it was saved is another thing."""
    tf = load_tensorflow()
    try:
        reader = tf.train.load_checkpoint(str(directory))
        return {
            name: _digest(reader.get_tensor(name).tobytes())
            for name in reader.get_variable_to_shape_map()
            if "save_counter" not in name and not name.startswith("_CHECKPOINTABLE")
        }
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        return {"damaged": str(error)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
