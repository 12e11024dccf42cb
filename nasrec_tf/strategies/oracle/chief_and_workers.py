"""One chief and its workers, over KerasTuner's gRPC service.

KerasTuner's environment variables decide a process's part: ``KERASTUNER_TUNER_ID`` (a chief's
has "chief" in it), ``KERASTUNER_ORACLE_IP`` and ``KERASTUNER_ORACLE_PORT``. The messages are
KerasTuner's. Its server and client are replaced where version 1.4.8 loses work: its chief waits
for ever for workers that were killed, and its workers give a trial up when the chief is killed
while they talk to it.
"""

import json
import os
import time
from collections.abc import Callable
from concurrent import futures

import grpc
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client
from keras_tuner.src.distribute import utils as parts

from nasrec_tf.common.errors import RunError
from nasrec_tf.strategies.oracle.architecture_oracle import ArchitectureOracle

POLL_SECONDS = 0.2
"""How often the chief looks whether the search is over, and shows its progress."""

LINGER_SECONDS = 10.0
"""How long a chief that meets no worker stays after the end, to tell late ones to stop."""

CHIEF_SECONDS = 3600
"""How long a worker waits for an answer; a killed chief has that long to come back. KerasTuner's
own limit."""

is_chief = parts.is_chief_oracle
"""Whether this process is the chief of a search with workers."""


def is_worker() -> bool:
    """Whether this process is a worker of a chief."""
    return parts.has_chief_oracle() and not is_chief()


def serve(oracle: ArchitectureOracle, show: Callable[[], None]) -> None:
    """Hands out trials until the search is over and every living worker knows it.

    Args:
        oracle: what the workers ask.
        show: called several times a second, to show progress.

    Raises:
        RunError: if the address cannot be had, or the oracle raised one.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    service = _Service(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(service, server)
    address = _address()
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise RunError(
            f"The chief cannot listen on {address}: choose another KERASTUNER_ORACLE_PORT."
        )
    server.start()
    try:
        _wait(oracle, service, show)
    finally:
        server.stop(grace=1.0).wait()


def _wait(oracle: ArchitectureOracle, service: "_Service", show: Callable[[], None]) -> None:
    over_since = None
    while service.error is None:
        show()
        if oracle.finished:
            over_since = over_since or time.monotonic()
            lingered = time.monotonic() - over_since > LINGER_SECONDS
            if not oracle.live_workers() and (service.stopped_one or lingered):
                return
        time.sleep(POLL_SECONDS)
    raise service.error


class _Service(oracle_chief.OracleServicer):
    """KerasTuner's service, which keeps the first error for the chief to end with."""

    def __init__(self, oracle: ArchitectureOracle):
        super().__init__(oracle)
        self.error: Exception | None = None

    @property
    def stopped_one(self) -> bool:
        """Whether a worker has been told to stop."""
        return self.stop_triggered

    def CreateTrial(self, request, context):
        return self._keep_error(super().CreateTrial, request, context)

    def UpdateTrial(self, request, context):
        return self._keep_error(super().UpdateTrial, request, context)

    def EndTrial(self, request, context):
        return self._keep_error(super().EndTrial, request, context)

    def _keep_error(self, method, request, context):
        try:
            return method(request, context)
        except Exception as error:
            self.error = self.error or error
            context.abort(grpc.StatusCode.ABORTED, f"{type(error).__name__}: {error}")


class ChiefClient(oracle_client.OracleClient):
    """KerasTuner's client, which outlives a restart of the chief.

    A call that the chief's death cuts off is sent again when a chief answers; the oracle's calls
    may all be repeated.
    """

    def __init__(self, oracle: ArchitectureOracle):
        super().__init__(oracle)
        retry = {
            "maxAttempts": 5,
            "initialBackoff": "0.2s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config = {"methodConfig": [{"name": [{}], "waitForReady": True, "retryPolicy": retry}]}
        options = [
            ("grpc.service_config", json.dumps(config)),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        channel = grpc.insecure_channel(_address(), options=options)
        self.stub = protos.get_service_grpc().OracleStub(channel)


def chief_error(error: grpc.RpcError) -> RunError:
    """What a worker tells when a call to the chief came to nothing."""
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return RunError(
            f"No chief answered at {_address()} for {CHIEF_SECONDS // 60} minutes: start it "
            f"again, then this worker."
        )
    return RunError(f"The chief at {_address()} gave up: {error.details()}")


def _address() -> str:
    return f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
