"""How to serve exports with TF Serving: its configuration file and the commands."""

import pathlib

from nasrec_tf.common.atomic_file import DRAFT_PREFIX, atomic_file
from nasrec_tf.export.contents import EXTRA_ASSETS, REQUEST_FILE, find_export, load_description
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.versions import locked, models

MODELS_CONFIG = "models.config"
SERVING_ROOT = "/models"
"""Where the docker command below mounts the export directory."""

_HEADER = "# Written by nasrec_tf at every export. Remove this line to keep changes of your own."


def write_models_config(
    export_directory: str | pathlib.Path, serving_root: str = SERVING_ROOT
) -> pathlib.Path:
    """Writes ``models.config``, which tells TF Serving of every exported model.

    A file without the first line that this function writes is somebody's own and stays as it is.

    Args:
        export_directory: where the models lie.
        serving_root: where the server sees that directory.

    Raises:
        UserError: if the file cannot be written.
    """
    export_directory = pathlib.Path(export_directory)
    path = export_directory / MODELS_CONFIG
    # Who writes last must know the models of all who wrote before.
    with locked(export_directory):
        for draft in export_directory.glob(f"{DRAFT_PREFIX}*"):
            draft.unlink(missing_ok=True)  # Of a process that was killed.
        check_models_config(export_directory)
        if not path.exists() or path.read_bytes().startswith(_HEADER.encode()):
            _write_config(export_directory, path, serving_root)
    return path


def check_models_config(export_directory: pathlib.Path) -> None:
    """Finds out, before long work, whether ``models.config`` can be a file there.

    Args:
        export_directory: where the models lie.

    Raises:
        ExportError: if something else has its name.
    """
    path = export_directory / MODELS_CONFIG
    if path.exists() and not path.is_file():
        raise ExportError(
            f"{path}: is no file, as which TF Serving reads it; move it away, or use another "
            "--export-dir."
        )


def _write_config(export_directory: pathlib.Path, path: pathlib.Path, serving_root: str) -> None:
    entries = "".join(
        "  config {\n"
        f'    name: "{name}"\n'
        f'    base_path: "{serving_root}/{name}"\n'
        '    model_platform: "tensorflow"\n'
        "  }\n"
        for name in models(export_directory)
    )
    with atomic_file(path) as file:
        file.write(f"{_HEADER}\nmodel_config_list {{\n{entries}}}\n")


def serving_help(path: str | pathlib.Path) -> str:
    """The commands that serve an export and ask it, ready to be pasted.

    Args:
        path: a version directory, or a model's directory (its newest version is meant).

    Raises:
        ExportError: if it is no export of this package.
    """
    directory = find_export(path).resolve()
    name = load_description(directory).name
    export_directory = directory.parent.parent
    request = directory / EXTRA_ASSETS / REQUEST_FILE
    return (
        "Serve it:\n"
        "  docker run --rm -p 8500:8500 -p 8501:8501 \\\n"
        f"    -v '{export_directory}:{SERVING_ROOT}' tensorflow/serving \\\n"
        f"    --model_config_file={SERVING_ROOT}/{MODELS_CONFIG} --enable_batching\n"
        "Ask it:\n"
        f"  curl -d '@{request}' http://localhost:8501/v1/models/{name}:predict"
    )
