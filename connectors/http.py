"""One careful HTTP client for all providers (INVARIANTS K6): known hosts only, explicit timeouts, no redirects, bounded
bodies, exact numbers. What it raises says what to do next and never holds an address's query, a header or a body."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
import structlog
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from app import clock
from connectors.answers import LONGEST_WAIT, retry_after
from connectors.base import (
    Endpoints,
    GiveUp,
    ProviderError,
    RateLimited,
    Response,
    RetryLater,
)
from connectors.fields import parse_json, write_json
from connectors.sites import NotPublic, PublicAdapter, is_loopback

BODY_LIMIT = 20_000_000  # bytes, after decompression
CONNECT_SECONDS = 5.0
PATIENCE = 2.0  # seconds a call may wait for its turn in this process; longer waits are the caller's to plan

log = structlog.get_logger()


class RateGate:
    """How often one account of one provider may be asked: a token bucket, lowered by what the provider's headers say.

    Knows this process only; other processes learn from the provider's 429. While a simulation owns the clock there is
    no pacing, because its minutes are not the wall's."""

    def __init__(self, calls_per_minute: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._most = float(calls_per_minute)
        self._tokens = self._most
        self._counted_at = time.monotonic()
        self._closed_until: datetime | None = None
        self.calls_left: int | None = None  # today, where the provider says so
        self._sleep = sleep
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Take one call, after a short sleep when need be. Raises RateLimited when the wait would be longer."""
        with self._lock:
            wait = self._wait_until_open() or self._wait_for_token()
            if wait > PATIENCE:
                raise RateLimited("We have asked as often as the provider allows for now.", wait)
            if not clock.is_moved():
                self._tokens -= 1
        if wait > 0:
            self._sleep(wait)

    def close_for(self, seconds: float) -> None:
        """Nobody asks before ``seconds`` are over."""
        with self._lock:
            until = clock.now() + timedelta(seconds=seconds)
            self._closed_until = max(until, self._closed_until or until)

    def hear(self, headers: Mapping[str, str]) -> None:
        """Believe what an answer says about the calls that are left (Xero says it on every answer)."""
        minute, day = (_count(headers.get(name)) for name in ("X-MinLimit-Remaining", "X-DayLimit-Remaining"))
        if minute is not None:
            with self._lock:
                self._refill()
                self._tokens = min(self._tokens, float(minute))
        if day is not None:
            self.calls_left = day
        if day == 0:
            now = clock.now()
            midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
            self.close_for((midnight - now).total_seconds())
        left, reset = (_count(headers.get(name)) for name in ("X-RateLimit-Remaining", "X-RateLimit-Reset"))
        if left == 0 and reset is not None and reset <= LONGEST_WAIT:  # seconds, at a Frappe site that has a limit
            self.close_for(reset)

    def closed_for(self) -> float:
        """Seconds until somebody may ask again, as far as the provider told us."""
        with self._lock:
            return self._wait_until_open()

    def _wait_until_open(self) -> float:
        return max(0.0, (self._closed_until - clock.now()).total_seconds()) if self._closed_until else 0.0

    def _wait_for_token(self) -> float:
        self._refill()
        if clock.is_moved() or self._tokens >= 1:
            return 0.0
        return (1 - self._tokens) * 60 / self._most

    def _refill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._counted_at) * self._most / 60)
        self._counted_at = now


_gates: dict[tuple[str, str], RateGate] = {}
_gates_lock = threading.Lock()


def gate_of(provider: str, account_id: str, calls_per_minute: int) -> RateGate:
    """The gate all threads of this process share for that account."""
    with _gates_lock:
        return _gates.setdefault((provider, account_id), RateGate(calls_per_minute))


class HttpClient:
    """base.Http for one provider and one account. ``authorization`` is asked at every call for the header's value, so
    that a token refreshed meanwhile is used; a header or ``auth`` given to the call wins over it. One call takes about
    ``seconds`` at most. ``public_only``: for addresses that a vendor typed in (sites.py). ``page_hosts``:
    where the provider keeps what it shows to everybody who has the link; they get no credentials."""

    def __init__(
        self,
        endpoints: Endpoints,
        title: str,
        *,
        gate: RateGate | None = None,
        authorization: Callable[[], str] | None = None,
        seconds: float = 20.0,
        public_only: bool = False,
        page_hosts: Iterable[str] = (),
    ) -> None:
        addresses = (endpoints.api_url, endpoints.token_url, endpoints.revoke_url, endpoints.authorize_url)
        self._trusted = {_origin(address) for address in addresses if address}
        self._origins: set[_Origin | None] = {*self._trusted, *(("https", host, None) for host in page_hosts)}
        self._title = title
        self._gate = gate
        self._authorization = authorization
        self._seconds = seconds
        self._public_only = public_only

    def get(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        return self._call(requests.Request("GET", url, params=params), headers, None, is_read=True)

    def post(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | str | bytes | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
        is_read: bool = False,
    ) -> Response:
        asked = _written(requests.Request("POST", url, params=params, data=data), json)
        return self._call(asked, headers, auth, is_read=is_read)

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Response:
        """PUT, PATCH, DELETE."""
        return self._call(_written(requests.Request(method, url, params=params), json), headers, None)

    def _call(
        self,
        request: requests.Request,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        *,
        is_read: bool = False,
    ) -> Response:
        if self._gate:
            self._gate.enter()
        prepared = self._prepare(request, headers, auth)
        started = time.monotonic()
        answer: Response | ProviderError = self._exchange(prepared)
        if is_read and isinstance(answer, _Dropped) and time.monotonic() - started < self._seconds / 2:
            # once more, for what only asks and was cut early: mostly a kept connection that had gone stale
            answer = self._exchange(prepared)
        took = round(time.monotonic() - started, 3)
        if isinstance(answer, ProviderError):
            log.info("provider.failed", provider=self._title, problem=str(answer), took=took)
            raise answer
        log.debug("provider.answered", provider=self._title, status=answer.status, took=took)
        if self._gate:
            self._gate.hear(answer.headers)
        self._refuse_busy(answer)
        return answer

    def _prepare(
        self, request: requests.Request, headers: Mapping[str, str] | None, auth: tuple[str, str] | None
    ) -> requests.PreparedRequest:
        request.headers = {
            "Accept": "application/json",
            "User-Agent": "Sheaf/0.1",
            **request.headers,
            **(headers or {}),
        }
        # An auth object of our own, even an empty one, keeps requests from reading passwords out of ~/.netrc.
        request.auth = HTTPBasicAuth(*auth) if auth else _AsGiven()
        try:
            prepared = self._session().prepare_request(request)
            origin = _origin(prepared.url or "")
        except (requests.RequestException, ValueError):
            origin = None
        if origin not in self._origins:
            raise GiveUp(f"This is not an address of {self._title}.")
        if self._authorization and origin in self._trusted and "Authorization" not in prepared.headers:
            prepared.headers["Authorization"] = self._authorization()
        return prepared

    def _session(self) -> requests.Session:
        return _session(os.getpid(), self._public_only)

    def _exchange(self, prepared: requests.PreparedRequest) -> Response | ProviderError:
        """Errors are returned, not raised, so that no exception chain carries the request and its headers along."""
        session = self._session()
        settings: Any = session.merge_environment_settings(prepared.url or "", {}, True, None, None)
        try:
            # The adapter rather than Session.send: that one reads a redirect's body whole before we can bound it.
            found = session.get_adapter(prepared.url or "").send(
                prepared, timeout=(min(CONNECT_SECONDS, self._seconds), self._seconds), **settings
            )
        except NotPublic:
            return GiveUp("The address you gave is not one on the public internet.")
        except requests.Timeout:
            return RetryLater(f"{self._title} did not answer in time.")
        except requests.RequestException as problem:
            return _dropped(self._title) if _is_drop(problem) else RetryLater(f"{self._title} could not be reached.")
        try:
            body = self._read(found.raw)
        except (HTTPError, OSError):
            found.close()
            return _dropped(self._title)
        except _Unbounded as problem:
            found.close()
            return RetryLater(f"{self._title} {problem}")
        return Response(found.status_code, found.headers, body, _parsed(body))

    def _read(self, raw: Any) -> bytes:
        """What arrives, as it arrives: a body dripping in for ever ends at the deadline, a bomb at the limit."""
        parts: list[bytes] = []
        size, deadline = 0, time.monotonic() + self._seconds
        while part := raw.read1(65_536, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > BODY_LIMIT:
                raise _Unbounded("sent more than we read in one answer.")
            if time.monotonic() > deadline:
                raise _Unbounded("did not finish its answer in time.")
        return b"".join(parts)

    def _refuse_busy(self, answer: Response) -> None:
        if answer.status == 429:
            wait = retry_after(answer)
            if self._gate:
                self._gate.close_for(wait or 0.0)
                wait = self._gate.closed_for() or wait
            raise RateLimited(f"{self._title} asks us to slow down.", wait)
        if answer.status >= 500:
            raise RetryLater(f"{self._title} has trouble on its side.", retry_after(answer))


def _written(request: requests.Request, json: Any) -> requests.Request:
    if json is not None:
        request.data = write_json(json)
        request.headers["Content-Type"] = "application/json"
    return request


class _AsGiven(AuthBase):
    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class _Unbounded(Exception):
    """The answer is too long, in bytes or in time."""


class _Dropped(RetryLater):
    """The line was cut before the answer was whole."""


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


_Origin = tuple[str, str, int | None]


def _origin(url: str) -> _Origin:
    """Scheme, host and port. Raises ValueError for what we never call: a password inside, http to another machine."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if not host or parts.username is not None or parts.password is not None:
        raise ValueError("no plain address")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return parts.scheme, host, parts.port
    raise ValueError("neither https nor this machine")


def _parsed(body: bytes) -> Any:
    """The body's JSON with exact numbers, or None."""
    try:
        return parse_json(body)
    except ValueError:
        return None


def _is_drop(problem: requests.RequestException) -> bool:
    return isinstance(problem, requests.ConnectionError) and "Connection aborted" in str(problem)


def _dropped(title: str) -> ProviderError:
    return _Dropped(f"{title} cut the line before its answer was whole.")


@cache
def _session(_process: int, public_only: bool) -> requests.Session:
    """One pool a process (a fork makes its own); never any cookie, because the adapter is called directly."""
    session = requests.Session()
    retry = Retry(
        total=2, connect=2, read=False, redirect=0, status=0, other=0, backoff_factor=0.2, allowed_methods=None,
        respect_retry_after_header=False,  # it would sleep; a wait that was named is ours to plan
    )  # fmt: skip
    adapter = (PublicAdapter if public_only else HTTPAdapter)(pool_connections=16, pool_maxsize=32, max_retries=retry)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
