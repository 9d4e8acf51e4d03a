"""A mail service that takes everything and counts, lean enough to be no part of what is measured: HTTP and SMTP in one
process of its own. It answers late where told to, and over TLS with a certificate made for the occasion.

``python -m bench.sink`` is started by open_sink().
"""

import asyncio
import json
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.settings import ROOT

_HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Sink:
    """The running service. ``certificate`` is its own authority's, where it speaks TLS."""

    url: str
    smtp: str
    control: str
    certificate: Path | None

    def reset(self) -> None:
        urlopen(Request(f"{self.control}/reset", method="POST")).close()

    def counts(self) -> dict[str, int]:
        """mails; twice: recipients of more than one; connections; bytes."""
        with urlopen(f"{self.control}/counts") as answer:
            found: dict[str, int] = json.load(answer)
        return found


@contextmanager
def open_sink(folder: Path, *, seconds: float = 0.0, tls: bool = False) -> Iterator[Sink]:
    """``seconds`` is how long each answer to a mail takes."""
    certificate = _make_certificate(folder) if tls else None
    command = [sys.executable, "-m", "bench.sink", str(seconds), str(certificate or "")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        http, control, smtp = json.loads(process.stdout.readline())
        scheme = "https" if tls else "http"
        yield Sink(f"{scheme}://{_HERE}:{http}", f"smtp://{_HERE}:{smtp}", f"http://{_HERE}:{control}", certificate)
        process.stdin.close()  # it ends


def _make_certificate(folder: Path) -> Path:
    """Key and certificate in one file, each vouching for itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(_HERE))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "sink.pem"
    file.write_bytes(secret + made.public_bytes(pem))
    return file


# --- inside the process ---------------------------------------------------------------------------------------------


class _Books:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.reset()

    def reset(self) -> None:
        self.recipients: Counter[bytes] = Counter()
        self.connections = self.bytes = 0

    def counts(self) -> dict[str, int]:
        return {
            "mails": self.recipients.total(),
            "twice": sum(count > 1 for count in self.recipients.values()),
            "connections": self.connections,
            "bytes": self.bytes,
        }


class _Talk(asyncio.Protocol):
    """One connection."""

    def __init__(self, books: _Books) -> None:
        self.books, self.read = books, bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.books.connections += 1

    def say(self, words: bytes, seconds: float = 0.0) -> None:
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self.transport.write, words)
        else:
            self.transport.write(words)


class _Http(_Talk):
    """POST /v3/mail/send, whole bodies only; it looks for no more than the recipient."""

    def data_received(self, data: bytes) -> None:
        self.read += data
        while (end := self.read.find(b"\r\n\r\n") + 4) > 3:
            head = bytes(self.read[:end]).lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at > 0 else 0
            if len(self.read) < end + size:
                return
            body = bytes(self.read[end : end + size])
            del self.read[: end + size]
            self.answer(head, body)

    def answer(self, _head: bytes, body: bytes) -> None:
        at = body.find(b'"email"', body.find(b'"to"'))
        start = body.find(b'"', body.find(b":", at)) + 1
        self.books.recipients[body[start : body.find(b'"', start)]] += 1
        self.books.bytes += len(body)
        words = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: bench-%d\r\nContent-Length: 0\r\n\r\n"
        self.say(words % self.books.recipients.total(), self.books.seconds)


class _Control(_Http):
    """What was counted; its own connections are not."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def answer(self, head: bytes, _body: bytes) -> None:
        if head.startswith(b"post /reset"):
            self.books.reset()
        said = json.dumps(self.books.counts()).encode()
        self.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
        self.transport.close()


class _Smtp(_Talk):
    """The dialogue without any option; a message ends with a dot on its own line."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.recipient, self.is_message = b"", False
        self.say(b"220 bench\r\n")

    def data_received(self, data: bytes) -> None:
        self.read += data
        while True:
            end = self.read.find(b"\r\n.\r\n" if self.is_message else b"\r\n")
            if end < 0:
                return
            line = bytes(self.read[:end])
            del self.read[: end + (5 if self.is_message else 2)]
            self.message(line) if self.is_message else self.command(line)

    def message(self, body: bytes) -> None:
        self.books.recipients[self.recipient] += 1
        self.books.bytes += len(body)
        self.is_message = False
        self.say(b"250 taken\r\n", self.books.seconds)

    def command(self, line: bytes) -> None:
        word = line[:4].upper()
        if word == b"RCPT":
            self.recipient = line[line.find(b"<") + 1 : line.find(b">")]
        self.is_message = word == b"DATA"
        self.say(b"354 go on\r\n" if self.is_message else b"221 bye\r\n" if word == b"QUIT" else b"250 yes\r\n")


async def _serve(seconds: float, certificate: str) -> None:
    loop, books = asyncio.get_running_loop(), _Books(seconds)
    shown = None
    if certificate:
        shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        shown.load_cert_chain(certificate)
    kinds: list[tuple[type[_Talk], ssl.SSLContext | None]] = [(_Http, shown), (_Control, None), (_Smtp, None)]
    servers = [
        await loop.create_server(lambda kind=kind: kind(books), _HERE, 0, ssl=tls, backlog=512) for kind, tls in kinds
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), sys.argv[2]))
