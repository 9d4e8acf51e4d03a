"""Mail services that count: a double of SendGrid over real HTTP, told mail by mail how to behave, and one in memory.

The double keeps what it took, whatever it answered: "500 after accepting" is a mail taken and an empty word.
"""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from digest.channels.base import Channel, Envelope, Result, accepted
from digest.channels.sendgrid import SendGridChannel
from digest.events import SIGNATURE, TIMESTAMP


@dataclass(frozen=True)
class Answer:
    """How the double treats one request: whether it takes the mail, and what it lets the caller know."""

    status: int = 202
    takes: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    then: str = "answer"  # or "cut": the line, without a word; or "silence": until the caller gives up


YES = Answer()
REFUSALS = {status: Answer(status, takes=False) for status in (302, 400, 401, 403, 413, 429, 500)}


def reset_in(seconds: int) -> dict[str, str]:
    """SendGrid's own way to name a wait: the second at which it listens again."""
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + seconds)}


# Everything a mail service can do to a caller, by name. A function where the answer depends on the moment.
BEHAVIOURS: dict[str, Answer | Callable[[], Answer]] = {
    "202": YES,
    "200": Answer(200),
    "302": Answer(302, takes=False, headers={"Location": "/elsewhere"}),
    "400": REFUSALS[400],
    "401": REFUSALS[401],
    "413": REFUSALS[413],
    "429 with Retry-After": Answer(429, takes=False, headers={"Retry-After": "1"}),
    "429 with a reset": lambda: Answer(429, takes=False, headers=reset_in(1)),
    "500 before taking it": REFUSALS[500],
    "503": Answer(503, takes=False),
    "500 after taking it": Answer(500),
    "silence before taking it": Answer(takes=False, then="silence"),
    "silence after taking it": Answer(then="silence"),
    "cut before taking it": Answer(takes=False, then="cut"),
    "cut after taking it": Answer(then="cut"),
}


def behaving(name: str) -> Answer:
    """One of BEHAVIOURS, as of this moment."""
    found = BEHAVIOURS[name]
    return found if isinstance(found, Answer) else found()


@dataclass(frozen=True)
class Taken:
    """A mail the double has taken."""

    attempt: str
    to: str
    subject: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


class SendGridDouble:
    """Counts. ``behave`` decides mail by mail, in a thread of that request; by default everything is a yes."""

    def __init__(self) -> None:
        self.behave: Callable[[Taken], Answer] = lambda mail: YES
        self.taken: list[Taken] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.url = ""
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As SendGrid's settings page shows it: base64 of the DER form."""
        raw = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(raw).decode()

    def note(self, path: str, headers: dict[str, str]) -> None:
        """A request came."""
        with self.lock:
            self.requests.append((path, headers))

    def take(self, mail: Taken) -> None:
        """From here on the mail is the service's, whatever the caller gets to know."""
        with self.lock:
            self.taken.append(mail)

    def count_by(self, what: str) -> Counter[str]:
        """How many mails were taken for each value of a field of Taken: ``to``, ``attempt``."""
        with self.lock:
            return Counter(getattr(mail, what) for mail in self.taken)

    def event(self, mail: Taken, kind: str = "processed", **more: Any) -> dict[str, Any]:
        """What SendGrid would report of a mail it took."""
        return {
            "email": mail.to,
            "timestamp": int(mail.at),
            "event": kind,
            "attempt": mail.attempt,
            "sg_event_id": base64.urlsafe_b64encode(f"{kind}{mail.attempt}".encode()).decode(),
            "sg_message_id": f"double.{mail.attempt}",
            **more,
        }

    def signed(self, events: Any, at: float | None = None) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a delivery of events, signed as SendGrid signs."""
        raw = events if isinstance(events, bytes) else json.dumps(events).encode()
        timestamp = str(int(time.time() if at is None else at))
        signature = self._key.sign(timestamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
        named = {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}
        return raw, {**named, "Content-Type": "application/json", "User-Agent": "SendGrid Event API"}


@contextmanager
def sendgrid_double(made: SendGridDouble | None = None, address: str = "127.0.0.1") -> Iterator[SendGridDouble]:
    """A double that listens as long as the block lasts, on this machine or for whoever reaches ``address``; ``made``
    keeps its books another way."""
    double = made or SendGridDouble()

    class Handler(_Handler):
        sink = double

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256  # many workers knock at once

        def handle_error(self, *_about: object) -> None:
            """Nothing: a caller that was killed does not wait for its answer."""

    server = Server((address, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        double.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections alive, as SendGrid does
    disable_nagle_algorithm = True
    sink: SendGridDouble

    def setup(self) -> None:
        super().setup()
        with self.sink.lock:
            self.sink.connections += 1

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        mail = _read(raw)
        self.sink.note(self.path, dict(self.headers.items()))
        answer = self.sink.behave(mail)
        if answer.takes:
            self.sink.take(mail)
        if answer.then == "silence":
            self.sink.closing.wait(30)
        if answer.then in ("silence", "cut"):
            self.close_connection = True
            return
        named = {"X-Message-Id": f"double.{mail.attempt}"} if answer.status == 202 else {}
        self.send_response(answer.status)
        for name, value in {**named, **answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def do_GET(self) -> None:  # whoever follows a redirect comes here
        self.sink.note(f"GET {self.path}", dict(self.headers.items()))
        self.send_error(404)

    def log_message(self, *args: Any) -> None:
        """Nothing: the tests look at what was taken."""


def _read(raw: bytes) -> Taken:
    body = json.loads(raw)
    person = body["personalizations"][0]
    custom = person.get("custom_args") or body.get("custom_args") or {}
    return Taken(
        attempt=custom.get("attempt", ""),
        to=person["to"][0]["email"],
        subject=body["subject"],
        headers=body.get("headers", {}),
        body=body,
        at=time.time(),
    )


def once(when: Callable[[], bool], do: Callable[[], None]) -> Callable[[Envelope], None]:
    """Behaviour of a channel that does something else, one time, when ``when`` says so, in whichever thread."""
    lock, done = threading.Lock(), threading.Event()

    def behave(_envelope: Envelope) -> None:
        with lock:
            if not done.is_set() and when():
                done.set()
                do()

    return behave


class MemoryChannel(Channel):
    """Keeps envelopes; ``behave`` may answer otherwise, or look around in the middle of a run."""

    name = "memory"

    def __init__(self, behave: Callable[[Envelope], Result | None] = lambda envelope: None) -> None:
        super().__init__()
        self.taken: list[Envelope] = []
        self.behave = behave

    def send(self, envelope: Envelope) -> Result:
        result = self.behave(envelope) or accepted(f"memory.{envelope.attempt_id}")
        if result.kind == "accepted":
            self.taken.append(envelope)
        return result


@pytest.fixture
def sink() -> Iterator[SendGridDouble]:
    """A double of SendGrid."""
    with sendgrid_double() as double:
        yield double


@pytest.fixture
def channel(sink: SendGridDouble) -> Iterator[SendGridChannel]:
    """The real channel, to the double."""
    opened = SendGridChannel("SG.not-a-key", sink.url, seconds=1.0)
    yield opened
    opened.close()
