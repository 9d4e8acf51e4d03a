"""SendGrid: its library's address, headers and wire format, over kept-alive connections with timeouts.

The library's own transport opens a connection a mail, waits for ever, follows redirects with our key in hand and writes
that key into its debug log (DEPENDENCIES.md, traps); its objects of a mail cost more than the mail. So the request is
made here, and a test holds it against what the library would have said.
"""

import base64
import json
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3
from sendgrid import SendGridAPIClient
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from app import clock
from digest.channels.base import THREADS, Channel, Concern, Envelope, Result, accepted, refused, rejected, unknown

logging.getLogger("python_http_client").setLevel(logging.WARNING)  # at DEBUG it prints the API key and every body

_HOSTS = frozenset({"api.sendgrid.com", "api.eu.sendgrid.com"})
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_NOBODY_THERE = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)


class SendGridChannel(Channel):
    """Hands over by POST /v3/mail/send. The one thing it tells SendGrid about a mail is our attempt's id."""

    name = "sendgrid"

    def __init__(self, api_key: str, host: str, *, seconds: float) -> None:
        """Raises ValueError for a host that is neither SendGrid's nor this machine's (INVARIANTS K6)."""
        super().__init__()
        host = checked_host(host)
        self._pool = urllib3.connection_from_url(
            host,
            maxsize=THREADS,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=min(5.0, seconds), read=seconds),
        )
        endpoint = SendGridAPIClient(api_key, host=host).client.mail.send
        self._path = urlsplit(endpoint._build_url(None)).path
        self._headers = endpoint.request_headers | {"Content-Type": "application/json"}

    def send(self, envelope: Envelope) -> Result:
        body = json.dumps(body_of(envelope)).encode()
        try:
            answer = self._pool.urlopen("POST", self._path, body, self._headers, redirect=False)
        except (NewConnectionError, ConnectTimeoutError) as problem:  # not a byte has left
            return refused(f"no connection: {type(problem).__name__}", _NOBODY_THERE, Concern.CHANNEL)
        except SSLError as problem:
            if isinstance(problem.args[0] if problem.args else None, ssl.SSLCertVerificationError):
                return refused("its certificate is not trusted", _NOBODY_THERE, Concern.CHANNEL)
            return unknown(f"{type(problem).__name__} in the middle")
        except (HTTPError, OSError) as problem:
            return unknown(f"{type(problem).__name__} in the middle")
        return verdict(answer.status, answer.headers, answer.data)

    def close(self) -> None:
        super().close()
        self._pool.close()


def checked_host(host: str) -> str:
    """``host`` when our key may go there: SendGrid over https, or a stand-in on this machine. Raises ValueError."""
    parts = urlsplit(host)
    is_sendgrid = parts.scheme == "https" and parts.hostname in _HOSTS and parts.port in (None, 443)
    is_double = parts.scheme in ("http", "https") and parts.hostname in _THIS_MACHINE
    if not (is_sendgrid or is_double) or parts.username or parts.path.strip("/") or parts.query:
        raise ValueError("SENDGRID_API_HOST must be SendGrid's own host over https, or a double on this machine")
    return host.rstrip("/")


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> Result:
    """What an answer of SendGrid's means (INVARIANTS S7 S8). Only 202 is a yes; neither yes nor no is unknown."""
    if status == 202:
        return accepted(headers.get("X-Message-Id") or "")
    if status == 429:
        return refused("429: too many", _wait(headers), Concern.CHANNEL)
    if status in (401, 403):
        return refused(f"{status}: {_reason(body) or 'our key is refused'}", timedelta(minutes=1), Concern.EVERYTHING)
    if status in (400, 413):
        return rejected(f"{status}: {_reason(body) or 'not taken as it stands'}")
    return unknown(f"answered {status}")


def _wait(headers: Mapping[str, str]) -> timedelta:
    """The wait a 429 names: Retry-After in seconds or as a date, else SendGrid's X-RateLimit-Reset, else a minute."""
    now = clock.now()
    wait = timedelta(minutes=1)
    named, reset = (headers.get("Retry-After") or "").strip(), (headers.get("X-RateLimit-Reset") or "").strip()
    if named.isdecimal():
        wait = timedelta(seconds=int(named[:9]))
    elif named:
        try:
            moment = parsedate_to_datetime(named)
            wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
        except (ValueError, OverflowError):
            pass
    elif reset.isdecimal():
        wait = timedelta(seconds=int(reset[:12]) - int(now.timestamp()))
    return min(max(wait, timedelta(seconds=1)), _LONGEST_WAIT)


def _reason(body: bytes) -> str:
    """SendGrid's own words, from the places where its API puts them."""
    try:
        errors = json.loads(body).get("errors") or []
        return "; ".join(f"{error.get('field') or ''} {error.get('message') or ''}".strip() for error in errors)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ""


_UNTRACKED = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}


def body_of(envelope: Envelope) -> dict[str, Any]:
    """The mail as SendGrid's API takes it."""
    sender = {"email": envelope.sender} | ({"name": envelope.sender_name} if envelope.sender_name else {})
    content = [{"type": "text/plain", "value": envelope.text}]
    if envelope.html:
        content.append({"type": "text/html", "value": envelope.html})
    body = {
        "personalizations": [
            {"to": [{"email": envelope.recipient}], "custom_args": {"attempt": str(envelope.attempt_id)}}
        ],
        "from": sender,
        "subject": envelope.subject,
        "content": content,
        "headers": envelope.headers,
        "tracking_settings": _UNTRACKED,
    }
    if envelope.reply_to:
        body["reply_to"] = {"email": envelope.reply_to}
    if envelope.attachments:
        body["attachments"] = [
            {
                "content": base64.b64encode(each.data).decode(),
                "type": "application/pdf",
                "filename": each.name,
                "disposition": "attachment",
            }
            for each in envelope.attachments
        ]
    return body
