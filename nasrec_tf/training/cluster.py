"""Which host of several this process is, with no framework loaded."""

import json
import os

from nasrec_tf.common.errors import UserError


def is_chief() -> bool:
    """Whether this process is the only host, or host 0 of those that ``TF_CONFIG`` names.

    Raises:
        UserError: if ``TF_CONFIG`` cannot be read.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        return True
    try:
        task = json.loads(text)["task"]
        return task["type"] in ("chief", "worker") and int(task["index"]) == 0
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            'TF_CONFIG must look like {"cluster": {"worker": ["host:port", …]}, "task": {"type": '
            f'"worker", "index": 0}}}}. Received: {text!r}'
        ) from error
