"""What a process that has TensorFlow and nothing else gets from exports."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

CLIENT = pathlib.Path(__file__).parent / "tensorflow_only_client.py"


def answers_without_this_package(directory, requests):
    """The client's answers, by the export's directory.

    Args:
        directory: of the client's files; nothing else can be imported there.
        requests: by the export's directory and signature, lists of values by input.
    """
    (directory / "requests.json").write_text(json.dumps(requests), encoding="utf-8")
    client = shutil.copy(CLIENT, directory)
    command = [sys.executable, "-I", client, "requests.json", "answers.json"]
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    subprocess.run(command, cwd=directory, env=environment, check=True, timeout=300)
    result = json.loads((directory / "answers.json").read_text(encoding="utf-8"))
    assert result["modules"] == []
    return result["answers"]


def as_lists(arrays):
    """Inputs as the client reads them: of numbers, or of texts that stand for bytes.

    Args:
        arrays: by input.
    """
    return {
        name: array.tolist()
        if array.dtype.kind == "f"
        else [value.decode("latin-1") for value in array]
        for name, array in arrays.items()
    }
