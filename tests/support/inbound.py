"""Mail as it comes back: messages as people's programs write them, and SendGrid's Inbound Parse request, signed."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.house import House
from app.models import Outgoing
from digest.events import SIGNATURE, TIMESTAMP
from digest.inbound.intake import handle_inbound
from digest.replies import reply_address

HOST = "reply.sheaf.example"
PATH = "/webhooks/sendgrid/inbound"
BOUNDARY = "xYzZY"  # SendGrid's own


def message(
    words: str = "We paid this last week.",
    *,
    to: str,
    sender: str = "ap@cobalt.example",
    name: str = "",
    subject: str = "Re: Acme answered",
    headers: Mapping[str, str] | None = None,
    files: Sequence[tuple[str, str, bytes]] = (),
    message_id: str = "",
) -> bytes:
    """A plain reply with a quotation below it. ``files``: (name, content type, data)."""
    head = {
        "From": f"{name} <{sender}>" if name else sender,
        "To": to,
        "Subject": subject,
        "Message-ID": f"<{message_id or uuid4().hex}@mail.example>",
        "MIME-Version": "1.0",
        **(headers or {}),
    }
    quoted = "On Mon, 23 Nov 2026 at 09:00, Sheaf <digest@sheaf.example> wrote:\n> What we said.\n> And more.\n"
    body = f"Content-Type: text/plain; charset=utf-8\n\n{words}\n\n{quoted}".encode()
    if files:
        mark = b"\n--_parts\n"
        parts = [b"Content-Type: multipart/mixed; boundary=_parts\n", body, *(_file(*file) for file in files)]
        body = mark.join(parts) + b"\n--_parts--\n"
    written = "".join(f"{key}: {value}\n" for key, value in head.items()).encode() + body
    return written.replace(b"\n", b"\r\n")


def _file(name: str, kind: str, data: bytes) -> bytes:
    head = f"Content-Type: {kind}\nContent-Transfer-Encoding: base64\n"
    head += f'Content-Disposition: attachment; filename="{name}"'
    return f"{head}\n\n".encode() + base64.encodebytes(data).rstrip()


def reply_to(house: House, mail: Outgoing) -> str:
    """The address that mail is answered to."""
    return reply_address(house.keys, mail.id, house.settings.inbound_host)


@dataclass
class Post:
    """SendGrid's side of Inbound Parse: builds, signs and posts requests with a key of its own."""

    client: FlaskClient
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> str:
        """As SendGrid's settings page shows it."""
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self._key.public_key().public_bytes(serialization.Encoding.DER, public)).decode()

    def signed(self, raw: bytes, at: float | None = None) -> dict[str, str]:
        stamp = str(int(clock.now().timestamp() if at is None else at))
        signature = self._key.sign(stamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: stamp, "User-Agent": "Sendlib/1.0"}

    def send(
        self, mime: bytes, *, to: str, sender: str = "ap@cobalt.example", is_proven: bool = True, **fields: str
    ) -> TestResponse:
        """One mail, as the raw MIME form; SPF and DKIM hold for the sender's domain when ``is_proven``."""
        return self.post(form(mime, to=to, sender=sender, is_proven=is_proven, **fields))

    def post(self, raw: bytes, content_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> TestResponse:
        return self.client.post(PATH, data=raw, headers={**self.signed(raw), "Content-Type": content_type})


def form(mime: bytes, *, to: str, sender: str, is_proven: bool = True, **fields: str) -> bytes:
    """The body of a request with the field ``email``."""
    domain = sender.rpartition("@")[2]
    said: dict[str, Any] = {
        "SPF": "pass" if is_proven else "softfail",
        "dkim": f"{{@{domain} : {'pass' if is_proven else 'fail'}}}",
        "envelope": json.dumps({"to": [to], "from": sender}),
        "charsets": json.dumps({"to": "UTF-8"}),
        "email": mime,
        **fields,
    }
    return form_of(said)


def form_of(fields: Mapping[str, str | bytes]) -> bytes:
    """A multipart form as SendGrid writes it."""
    mark = f"--{BOUNDARY}".encode()
    parts = [
        mark + f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + _bytes(value) + b"\r\n"
        for name, value in fields.items()
    ]
    return b"".join(parts) + mark + b"--\r\n"


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def handle_all(house: House, patience: float = 30.0) -> int:
    """Let the job work off everything; how many mails it took."""
    done, until = 0, time.monotonic() + patience
    while handle_inbound(house) and time.monotonic() < until:
        done += 1
    return done
