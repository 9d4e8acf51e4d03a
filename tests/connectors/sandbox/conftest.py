"""A sandbox on a free port, and a listener for its webhooks."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from werkzeug.serving import BaseWSGIServer, make_server

from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from tests.connectors.sandbox.wire import Inbox, Wire, xero_signature

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def make_wire() -> Iterator[Callable[..., Wire]]:
    """Starts sandboxes: make_wire("demo", now=...)."""
    servers: list[tuple[BaseWSGIServer, threading.Thread]] = []
    sessions: list[requests.Session | SandboxControl] = []

    def start(world: str = "small", now: datetime | None = NOW) -> Wire:
        server = make_server("127.0.0.1", 0, create_sandbox(world, now=now), threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        base = f"http://127.0.0.1:{server.server_port}"
        wire = Wire(base, SandboxControl(base), requests.Session())
        sessions.extend((wire.control, wire.http))
        return wire

    yield start
    for session in sessions:
        session.close()
    for server, thread in servers:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
def wire(make_wire: Callable[..., Wire]) -> Wire:
    return make_wire()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """Answers 200, to Xero by its signature; `reply` or a list of `answers` may change that."""
    kept = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            kept.seen.append((self.path, headers, body))
            self.send_response(self.answer(body, headers))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def answer(self, body: bytes, headers: dict[str, str]) -> int:
            if kept.reply is not None:
                return kept.reply(self.path, body, headers)
            if kept.answers:
                return kept.answers.pop(0)
            forged = "x-xero-signature" in headers and headers["x-xero-signature"] != xero_signature(body)
            return 401 if forged else 200

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    yield kept
    server.shutdown()
    thread.join(5)
    server.server_close()
