"""SendGrid, by its library: its types, its client and its wire format, over kept-alive connections with timeouts.

The library's own transport opens a connection a mail, waits for ever, follows redirects with our key in hand and writes
that key into its debug log (DEPENDENCIES.md, traps). What it lets us replace, we replace: how a request is made.
"""

import json
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3
from python_http_client import Client
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    ClickTracking,
    CustomArg,
    From,
    Header,
    Mail,
    OpenTracking,
    ReplyTo,
    SubscriptionTracking,
    To,
    TrackingSettings,
)
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
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=THREADS,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=min(5.0, seconds), read=seconds),
        )
        library = SendGridAPIClient(api_key, host=host)
        library.client = _PooledClient(self._pool, host=host, request_headers=library._default_headers, version=3)
        self._send = library.client.mail.send

    def send(self, envelope: Envelope) -> Result:
        body = _body(envelope)
        try:
            answer = self._send.post(request_body=body)
        except (NewConnectionError, ConnectTimeoutError) as problem:  # not a byte has left
            return refused(f"no connection: {type(problem).__name__}", _NOBODY_THERE, Concern.CHANNEL)
        except SSLError as problem:
            if isinstance(problem.args[0] if problem.args else None, ssl.SSLCertVerificationError):
                return refused("its certificate is not trusted", _NOBODY_THERE, Concern.CHANNEL)
            return unknown(f"{type(problem).__name__} in the middle")
        except (HTTPError, OSError) as problem:
            return unknown(f"{type(problem).__name__} in the middle")
        return verdict(answer.status_code, answer.headers, answer.body)

    def close(self) -> None:
        super().close()
        self._pool.clear()


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


def _body(envelope: Envelope) -> dict[str, Any]:
    mail = Mail(
        from_email=From(envelope.sender, envelope.sender_name),
        to_emails=To(envelope.recipient),
        subject=envelope.subject,
        plain_text_content=envelope.text,
        html_content=envelope.html or None,
    )
    for name, value in envelope.headers.items():
        mail.add_header(Header(name, value))
    if envelope.reply_to:
        mail.reply_to = ReplyTo(envelope.reply_to)
    mail.add_custom_arg(CustomArg("attempt", str(envelope.attempt_id), p=0))
    tracking = TrackingSettings()
    tracking.click_tracking = ClickTracking(enable=False, enable_text=False)
    tracking.open_tracking = OpenTracking(enable=False)
    tracking.subscription_tracking = SubscriptionTracking(enable=False)
    mail.tracking_settings = tracking
    made: dict[str, Any] = mail.get()
    return made


class _PooledClient(Client):  # type: ignore[misc]  # python_http_client ships no types
    """The library's client over a pool of kept-alive connections. Never follows a redirect (INVARIANTS K6)."""

    def __init__(self, pool: urllib3.PoolManager, **settings: Any) -> None:
        super().__init__(**settings)
        self._pool = pool
        self.request_headers.setdefault("Content-Type", "application/json")

    def _build_client(self, name: str | None = None) -> "_PooledClient":
        return _PooledClient(
            self._pool,
            host=self.host,
            version=self._version,
            request_headers=self.request_headers,
            url_path=[*self._url_path, name] if name else self._url_path,
        )

    def _make_request(self, _opener: Any, request: Any, timeout: float | None = None) -> "_Answer":  # noqa: ARG002 - the pool's holds
        headers = dict(request.header_items())
        return _Answer(
            self._pool.request(
                request.get_method(), request.full_url, body=request.data, headers=headers, redirect=False
            )
        )


class _Answer:
    """urllib3's answer with the three methods the library asks of urllib's."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def getcode(self) -> int:
        return self._answer.status

    def read(self) -> bytes:
        return self._answer.data

    def info(self) -> Mapping[str, str]:
        return self._answer.headers
