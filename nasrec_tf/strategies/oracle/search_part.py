"""Which part a process plays in a search with workers, by KerasTuner's environment variables.

Hosts that train a supernet together have a chief of their own (``training/cluster.py``).
"""

import os

from nasrec_tf.common.errors import UserError

ADDRESS, PORT = "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
"""Set where a search has workers: where its chief listens."""

NAME = "KERASTUNER_TUNER_ID"
"""What a process of such a search is called; a chief's has "chief" in it."""


def is_search_chief() -> bool:
    """Whether this process is the chief of a search with workers.

    Raises:
        UserError: if there is a chief, and its address or port or the name of this process is not
            there.
    """
    return _is_one_of_several() and "chief" in os.environ[NAME]


def is_search_worker() -> bool:
    """Whether this process is a worker of a chief.

    Raises:
        UserError: if there is a chief, and its address or port or the name of this process is not
            there.
    """
    return _is_one_of_several() and not is_search_chief()


def _is_one_of_several() -> bool:
    if ADDRESS not in os.environ:
        return False
    port = os.environ.get(PORT, "")
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 2**16):
        raise UserError(
            f"{PORT} must be a port from 1 to 65535, as {ADDRESS} is given. Received: {port!r:.80}"
        )
    if not os.environ[ADDRESS]:
        raise UserError(f"{ADDRESS} must name the chief's host; unset it for no chief.")
    if NAME not in os.environ:
        raise UserError(
            f"{ADDRESS} is set and {NAME} is not: call this process there chief, worker_0 or the "
            "like, or unset both."
        )
    return True
