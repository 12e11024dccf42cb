"""Which host of several this process is, as TensorFlow's ``TF_CONFIG`` says; no framework loaded.

Hosts that train a supernet together are this module's; chief and workers of a distributed search
are KerasTuner's, by its own variables (``strategies/oracle/search_part.py``).
"""

import dataclasses
import json
import os
from typing import Any

from nasrec_tf.common.errors import UserError

VARIABLE = "TF_CONFIG"
CHIEF, WORKER = "chief", "worker"
TASKS = (CHIEF, WORKER)
"""Kinds of hosts that train together; those of parameter servers have no part in it."""

FORM = (
    '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}, where '
    '"cluster" may name one "chief" besides'
)


@dataclasses.dataclass(frozen=True)
class Host:
    """One host of a cluster.

    Args:
        cluster: addresses, ``host:port``, of the hosts of each kind.
        kind: ``"chief"`` or ``"worker"``.
        index: the host's number among those of its kind, from 0.

    Example:
        >>> cluster = {"chief": ["a:2222"], "worker": ["b:2222", "c:2222"]}
        >>> Host(cluster, "worker", 0).is_chief, Host(cluster, "chief", 0).is_chief
        (False, True)
        >>> Host({"worker": ["b:2222", "c:2222"]}, "worker", 0).is_chief
        True
    """

    cluster: dict[str, list[str]]
    kind: str
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether it writes what all have trained: the chief if there is one, else worker 0.

        TensorFlow has the same rule (``multi_worker_util.is_chief``).
        """
        return self.kind == (CHIEF if CHIEF in self.cluster else WORKER) and self.index == 0


def this_host() -> Host | None:
    """This process's place in the cluster that ``TF_CONFIG`` names; ``None`` if it is not set.

    Raises:
        UserError: if it is set and names no cluster with this host: one line with the fault.

    Example:
        >>> os.environ["TF_CONFIG"] = '{"cluster": {"worker": ["b:1"]}, "task": {"type": "ps"}}'
        >>> this_host()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: TF_CONFIG: "task" has to name one of the hosts' kinds...
        >>> del os.environ["TF_CONFIG"]
        >>> this_host() is None
        True
    """
    text = os.environ.get(VARIABLE)
    if not text or not text.strip():
        return None
    try:
        return _host(json.loads(text))
    except (ValueError, RecursionError) as error:
        fault = str(error) if isinstance(error, _Fault) else "is not JSON"
        shown = repr(text if len(text) <= 200 else text[:197] + "...")
        raise UserError(
            f"{VARIABLE}: {fault}; it has to look like {FORM}, or to be left out where one host "
            f"trains alone. Received: {shown}"
        ) from error


def is_chief() -> bool:
    """Whether this process is the only host, or the one of several that writes.

    Raises:
        UserError: if ``TF_CONFIG`` cannot be used.
    """
    host = this_host()
    return host is None or host.is_chief


class _Fault(ValueError):
    """What is wrong with a ``TF_CONFIG``."""


def _host(config: Any) -> Host:
    if not isinstance(config, dict):
        raise _Fault("is no JSON object")
    cluster = _cluster(config.get("cluster"))
    task = config.get("task")
    if not isinstance(task, dict):
        raise _Fault('"task" is missing or no object')
    kind, index = task.get("type"), task.get("index")
    if kind not in list(cluster):
        raise _Fault(f'"task" has to name one of the hosts\' kinds, {", ".join(cluster)}')
    if isinstance(index, str) and index.isascii() and index.isdecimal():
        index = int(index[:10])
    if type(index) is not int or not 0 <= index < len(cluster[kind]):
        raise _Fault(f'"index" of "task" has to lie in 0 to {len(cluster[kind]) - 1}')
    return Host(cluster, kind, index)


def _cluster(cluster: Any) -> dict[str, list[str]]:
    if not isinstance(cluster, dict) or not cluster:
        raise _Fault('"cluster" is missing, empty or no object')
    for kind, addresses in cluster.items():
        if kind not in TASKS:
            raise _Fault(f'"cluster" names hosts of kind {kind!r}, of which there is none here')
        if not isinstance(addresses, list) or not addresses:
            raise _Fault(f'"{kind}" of "cluster" has to be a list of addresses')
        for address in addresses:
            _check_address(address)
    if len(cluster.get(CHIEF, [])) > 1:
        raise _Fault('"cluster" names more than one "chief"')
    addresses = [address for kind in cluster.values() for address in kind]
    for address in addresses:
        if addresses.count(address) > 1:
            raise _Fault(f'"cluster" names {address!r} twice')
    return cluster


def _check_address(address: Any) -> None:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536
    if not host or not is_port or any(letter.isspace() for letter in address):
        raise _Fault(f'"cluster" names {address!r}, which is no host:port')
