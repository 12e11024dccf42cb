"""The report of a run as a page that this machine alone can see, while the run goes on.

It reads what the stages have left in files and changes nothing; the page asks for itself again now
and then.
"""

import contextlib
import html
import http.server
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

from nasrec_tf.common.errors import UserError, one_line

HOST = "127.0.0.1"

REFRESH_SECONDS = 30
"""After so long the page asks for itself again."""

LEAST_SECONDS = 5
"""A page is not drawn anew before: several browsers cost no more than one."""


class LiveReport:
    """What is shown, drawn when it is asked for.

    Args:
        draw: the page as HTML, and the files beside it that it links to, by their addresses.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        draw: Callable[[], tuple[str, dict[str, pathlib.Path]]],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._draw, self._clock = draw, clock
        self._lock = threading.Lock()
        self._drawn: tuple[float, str] | None = None
        self._files: dict[str, pathlib.Path] = {}

    def page(self) -> str:
        """The page; where it cannot be drawn, one that says why."""
        with self._lock:
            now = self._clock()
            if self._drawn is None or now - self._drawn[0] >= LEAST_SECONDS:
                self._drawn = now, self._fresh()
            return self._drawn[1]

    def file(self, address: str) -> bytes | None:
        """The content of a file that the page links to; ``None`` for any other address.

        Args:
            address: as the page gives it.
        """
        with self._lock:
            path = self._files.get(address)
        try:
            return None if path is None else path.read_bytes()
        except OSError:
            return None  # It was there when the page was drawn.

    def _fresh(self) -> str:
        try:
            page, self._files = self._draw()
        except (UserError, OSError) as error:
            # A file may be read while the run writes another that belongs to it.
            return (
                f'<!doctype html><meta http-equiv="refresh" content="{LEAST_SECONDS}">'
                f"<p>The report cannot be drawn just now: {html.escape(one_line(error))}</p>"
            )
        return page


@contextlib.contextmanager
def served(report: LiveReport, port: int) -> Iterator[int]:
    """Serves a report to this machine meanwhile.

    Args:
        report: what is served.
        port: where; 0 for any free one.

    Yields:
        The port.

    Raises:
        UserError: if the port cannot be had.
    """
    try:
        server = http.server.ThreadingHTTPServer((HOST, port), _handler(report))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--serve-report {port}: {HOST}:{port} cannot be had ({reason}); give another port."
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="live report", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(report: LiveReport) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers with the page, and with the files that it links to."""

        def do_GET(self) -> None:
            address = self.path.split("?")[0].lstrip("/")
            # Pages of other hosts could have their names point here, and read along.
            if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
                self.send_error(HTTPStatus.FORBIDDEN)
                return
            if not address:
                self._answer(report.page().encode(), "text/html; charset=utf-8")
                return
            content = report.file(address)
            if content is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self._answer(content, "text/plain; charset=utf-8")

        def _answer(self, content: bytes, kind: str) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """The terminal belongs to the run."""

    return Handler
