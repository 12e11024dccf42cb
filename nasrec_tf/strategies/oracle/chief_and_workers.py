"""One chief and its workers, over KerasTuner's gRPC service.

KerasTuner's environment variables decide a process's part (``search_part.py``). The messages are
KerasTuner's. Its server and client are replaced where version 1.4.8 loses work: its chief waits
for ever for workers that were killed, and its workers give a trial up when the chief is killed
while they talk to it. A worker takes its own command line: before its first trial it compares
what its scores depend on with the chief's.
"""

import functools
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any

import grpc
from keras_tuner.errors import FatalError
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.strategies.oracle.architecture_oracle import ArchitectureOracle
from nasrec_tf.strategies.oracle.search_part import NAME
from nasrec_tf.strategies.oracle.settings_difference import SCORING, first_difference

POLL_SECONDS = 0.2
"""How often the chief looks whether the search is over, and shows its progress."""

LINGER_SECONDS = 10.0
"""How long a chief that meets no worker stays after the end, to tell late ones to stop."""

CHIEF_SECONDS = 3600
"""How long a worker waits for an answer; a killed chief has that long to come back. KerasTuner's
own limit."""

LOOK_SECONDS = 5.0
"""How often a worker that waits for a chief looks whether the search has ended without it."""

SERVICE, METHOD = "nasrec_tf.Search", "Tell"
"""Ours beside KerasTuner's service: tells a worker which search the chief runs."""

SEARCH_KEY = "nasrec-search"
"""Metadata of a worker's calls: which search they belong to."""

PROCESS_KEY = "nasrec-process"
"""Metadata likewise: which process of the worker's name makes them."""


def serve(
    oracle: ArchitectureOracle,
    show: Callable[[], None],
    environment: Mapping[str, str] | None = None,
) -> None:
    """Hands out trials until the search is over and every living worker knows it.

    Args:
        oracle: what the workers ask.
        show: called several times a second, to show progress.
        environment: what scores are computed with, such as versions by package; a worker with
            another one is not let in.

    Raises:
        RunError: if the address cannot be had, or the oracle raised one.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    service = _Service(oracle, environment or {})
    protos.get_service_grpc().add_OracleServicer_to_server(service, server)
    handler = grpc.unary_unary_rpc_method_handler(service.tell_search)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),)
    )
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

    def __init__(self, oracle: ArchitectureOracle, environment: Mapping[str, str]):
        super().__init__(oracle)
        self.error: Exception | None = None
        self._environment = dict(environment)
        self._processes: dict[str, str] = {}

    @property
    def stopped_one(self) -> bool:
        """Whether a worker has been told to stop."""
        return self.stop_triggered

    def CreateTrial(self, request, context):
        self._check_alone(request.tuner_id, context)
        return self._answer(super().CreateTrial, request, context)

    def UpdateTrial(self, request, context):
        return self._answer(super().UpdateTrial, request, context)

    def EndTrial(self, request, context):
        return self._answer(super().EndTrial, request, context)

    def tell_search(self, request: bytes, context) -> bytes:
        """The search's settings and environment, for a worker to compare with its own."""
        if request:
            worker = json.loads(request)
            # One that was killed and started again takes its name along.
            self._processes[worker["name"]] = worker["process"]
        return json.dumps(self._keep_error(lambda: self._search, context)).encode()

    @functools.cached_property
    def _search(self) -> dict[str, Any]:
        self.oracle.save()  # Begins the search, and draws its seed, if that is still to be done.
        return {"settings": self.oracle.settings(), "environment": self._environment}

    def _check_alone(self, name: str, context) -> None:
        """Sends a worker away whose name another process has taken since.

        Both would be given the same candidates, and the end of the search told to one of them.
        """
        process = dict(context.invocation_metadata()).get(PROCESS_KEY)
        # A chief that was killed and started again learns of its workers by their calls.
        if process != self._processes.setdefault(name, process):
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"another process has joined as {name!r} since: call each worker otherwise "
                f"({NAME})",
            )

    def _answer(self, method, request, context):
        """KerasTuner's answer to a worker that has joined this search."""
        mine = _search_id(self._keep_error(lambda: self._search, context))
        if dict(context.invocation_metadata()).get(SEARCH_KEY) != mine:
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                "it runs another search than the one that this worker joined: start the worker "
                "again",
            )
        return self._keep_error(lambda: method(request, context), context)

    def _keep_error(self, call, context):
        try:
            return call()
        except Exception as error:
            self.error = self.error or error
            context.abort(grpc.StatusCode.ABORTED, f"{type(error).__name__}: {error}")


class SearchEnded(FatalError):
    """A worker's search that has ended while no chief answered; no trial fails by it."""


class ChiefClient(oracle_client.OracleClient):
    """KerasTuner's client, which outlives a restart of the chief.

    A call that the chief's death cuts off is sent again when a chief answers; the oracle's calls
    may all be repeated.

    Args:
        oracle: as the chief has it.
        environment: what this worker computes scores with.
        has_ended: whether the search has ended; asked while no chief answers.
    """

    def __init__(
        self,
        oracle: ArchitectureOracle,
        environment: Mapping[str, str] | None = None,
        has_ended: Callable[[], bool] = lambda: False,
    ):
        super().__init__(oracle)
        self._environment = dict(environment or {})
        self._has_ended = has_ended
        self._process = uuid.uuid4().hex
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
        self._channel = grpc.insecure_channel(_address(), options=options)
        self.stub = protos.get_service_grpc().OracleStub(self._channel)

    def join(self) -> None:
        """Joins the chief's search, if this worker's scores are those that it asks for.

        From then on every call names the search, so that a chief of another one at the same
        address takes nothing from this worker.

        Raises:
            RunError: if the search space, the scoring or the environment is another one; the
                message names the first difference.
            SearchEnded: if it is over, and its chief gone.
            grpc.RpcError: if the chief does not answer.
        """
        self._await_chief()
        ask = self._channel.unary_unary(f"/{SERVICE}/{METHOD}")
        worker = {"name": os.environ[NAME], "process": self._process}
        told = json.loads(
            ask(json.dumps(worker).encode(), wait_for_ready=True, timeout=CHIEF_SECONDS)
        )
        difference = first_difference(
            told["settings"], self._oracle.settings(), ("space", "hardware", SCORING)
        )
        if difference is not None:
            name, theirs, ours = difference
            raise RunError(
                f"This worker has {name} = {ours!r}, the chief at {_address()} {theirs!r}: start "
                f"the worker with what the chief was started with."
            )
        for name in dict.fromkeys((*self._environment, *told["environment"])):
            theirs, ours = told["environment"].get(name), self._environment.get(name)
            if theirs != ours:
                raise RunError(
                    f"This worker runs with {name} {ours}, the chief at {_address()} with {theirs}:"
                    f" their scores could differ in the last bits; install the same on both."
                )
        self.stub = _OfSearch(self.stub, _search_id(told), self._process, self._await_chief)

    def _await_chief(self) -> None:
        """Waits until one can be reached.

        Raises:
            RunError: if none could for ``CHIEF_SECONDS``.
            SearchEnded: if it is over, so that none will come.
        """
        patience = time.monotonic() + CHIEF_SECONDS
        connected = grpc.channel_ready_future(self._channel)
        try:
            while True:
                try:
                    connected.result(timeout=LOOK_SECONDS)
                    return
                except grpc.FutureTimeoutError:
                    if self._has_ended():
                        raise SearchEnded from None
                    if time.monotonic() > patience:
                        raise _no_chief() from None
        finally:
            connected.cancel()


class _OfSearch:
    """A stub whose calls name the search that they belong to, and the process that makes them."""

    def __init__(self, stub: Any, search: str, process: str, await_chief: Callable[[], None]):
        metadata = ((SEARCH_KEY, search), (PROCESS_KEY, process))

        def of_search(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(request: Any, **options: Any) -> Any:
                await_chief()
                return method(request, metadata=metadata, **options)

            return call

        for name, method in vars(stub).items():
            setattr(self, name, of_search(method))


def _search_id(search: Mapping[str, Any]) -> str:
    return json_digest(search)


def chief_error(error: grpc.RpcError) -> RunError:
    """What a worker tells when a call to the chief came to nothing."""
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return _no_chief()
    if error.code() == grpc.StatusCode.UNIMPLEMENTED:
        return RunError(
            f"The chief at {_address()} is of another version of nasrec_tf: install the same on "
            f"both."
        )
    if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
        return RunError(f"The chief at {_address()} sends this worker away: {error.details()}.")
    return RunError(f"The chief at {_address()} gave up: {error.details()}")


def _no_chief() -> RunError:
    return RunError(
        f"No chief answered at {_address()} for {CHIEF_SECONDS // 60} minutes: start it again, "
        "then this worker."
    )


def _address() -> str:
    return f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
