"""The careful client: known hosts, no redirects, bounded time and size, exact numbers, and silence about secrets."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from werkzeug import Request, Response

from app import clock
from connectors import http
from connectors.answers import provider_time, refuse, retry_after
from connectors.base import (
    AccessExpired,
    Endpoints,
    Forbidden,
    GiveUp,
    NotFound,
    ProviderError,
    RateLimited,
    RetryLater,
)
from connectors.base import Response as Answer
from connectors.http import HttpClient, RateGate
from tests.support.server import free_port, live_server

SECRET = "secret-of-the-vendor"


def endpoints(api: str) -> Endpoints:
    return Endpoints("id", "client-secret", "hook-secret", api, api, api, api, "")


@contextmanager
def provider(view: Callable[[Request], Response], **options: Any) -> Iterator[tuple[HttpClient, str]]:
    def app(environ: Any, start_response: Any) -> Any:
        return view(Request(environ))(environ, start_response)

    with live_server(app) as base:
        yield HttpClient(endpoints(base), "Acme Books", authorization=lambda: f"Bearer {SECRET}", **options), base


@contextmanager
def raw_provider(*scripts: bytes | Callable[[socket.socket], None]) -> Iterator[tuple[HttpClient, str, list[bytes]]]:
    """A server that does to each connection what its script says: bytes to send before hanging up, or a function."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve() -> None:
        for script in scripts:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65_536))
                if callable(script):
                    script(connection)
                else:
                    connection.sendall(script)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield HttpClient(endpoints(base), "Acme Books", seconds=1.0), base, asked
    finally:
        listener.close()
        thread.join(5)


# --- where it goes ---


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v3",
        "http://books.example/v3",
        "https://books.example:444/v3",
        "https://books.example@evil.example/v3",
        "https://user:pass@books.example/v3",
        "https://books.example.evil.example/",
        "http://127.0.0.1:1/",
        "file:///etc/passwd",
        "//books.example/",
        "books.example",
        "",
        "https://[::1/",
    ],
)
def test_it_calls_no_other_host(url: str) -> None:
    """[M4 inv-K6] An address that is not the provider's own is refused before anything is sent."""
    client = HttpClient(endpoints("https://books.example"), "Acme Books", authorization=lambda: SECRET)
    with pytest.raises(GiveUp, match="not an address of Acme Books"):
        client.get(url)


def test_a_provider_without_tls_is_no_provider() -> None:
    """[M4 inv-K6] http is for a sandbox on this machine."""
    with pytest.raises(ValueError, match="neither https"):
        HttpClient(endpoints("http://books.example"), "Acme Books")
    for here in ("http://127.0.0.1:9101", "http://localhost", "http://[::1]:80", "https://books.example"):
        HttpClient(endpoints(here), "Acme Books")


def test_it_follows_no_redirect() -> None:
    """[M4 inv-K6] Credentials stay where they were sent; the connector sees the 302."""
    seen: list[str] = []

    def view(request: Request) -> Response:
        seen.append(request.path)
        return Response("elsewhere", 302, {"Location": "/taken"})

    with provider(view) as (client, base):
        assert client.get(f"{base}/a").status == 302
        assert client.post(f"{base}/b", data={"x": "1"}).status == 302
    assert seen == ["/a", "/b"]


# --- what it sends ---


def echo(request: Request) -> Response:
    return Response(
        request.headers.get("Authorization", "none"), headers={"Set-Cookie": "a=b", "X-Got": str(len(request.cookies))}
    )


def test_authorization_is_asked_for_at_every_call() -> None:
    """[M4 inv-K4] So that a token refreshed meanwhile is used."""
    tokens = iter(["one", "two"])
    with provider(echo) as (_, base):
        client = HttpClient(endpoints(base), "Acme Books", authorization=lambda: f"Bearer {next(tokens)}")
        assert [client.get(base).body, client.get(base).body] == [b"Bearer one", b"Bearer two"]
        assert client.get(base, headers={"Authorization": "Bearer mine"}).body == b"Bearer mine"
        assert client.post(base, auth=("user", "pass")).body == b"Basic dXNlcjpwYXNz"


def test_it_takes_passwords_from_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K2] A ~/.netrc of the machine neither adds nor replaces anything."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with provider(echo) as (client, base):
        assert client.get(base).body == f"Bearer {SECRET}".encode()
        assert HttpClient(endpoints(base), "Acme Books").get(base).body == b"none"


def test_it_keeps_no_cookie() -> None:
    """[M4 inv-I2] One account's session must not reach another's call."""
    with provider(echo) as (client, base):
        client.get(base)
        assert client.get(base).headers["x-got"] == "0"


# --- what it reads ---


def test_numbers_are_exact() -> None:
    """[M4 inv-M1] Decimal, never float; not-a-number is not JSON."""
    bodies = iter([b'{"a": 0.1, "b": 12, "c": 1e2}', b'{"a": NaN}', b"[" * 50_000, b"<html>", b"", b'"\\ud800"'])
    with provider(lambda _: Response(next(bodies))) as (client, base):
        assert client.get(base).json == {"a": Decimal("0.1"), "b": 12, "c": Decimal("100")}
        assert [client.get(base).json for _ in range(4)] == [None] * 4
        assert client.get(base).json == "\ud800"


def test_headers_are_read_whatever_their_case() -> None:
    """[M4] As HTTP has it."""
    with provider(lambda _: Response("", headers={"X-Tid": "7"})) as (client, base):
        assert client.get(base).headers["x-tid"] == "7"


def test_a_body_without_end_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K6] Also when it arrives small and packed."""
    monkeypatch.setattr(http, "BODY_LIMIT", 100_000)
    packed = gzip.compress(b"0" * 5_000_000)
    bodies = iter([Response(b"0" * 200_000), Response(packed, headers={"Content-Encoding": "gzip"})])
    with provider(lambda _: next(bodies)) as (client, base):
        for _ in range(2):
            with pytest.raises(RetryLater, match="more than we read"):
                client.get(base)


def test_a_packed_body_is_unpacked() -> None:
    """[M4] Providers compress."""
    packed = gzip.compress(b'{"a": 1.50}')
    with provider(lambda _: Response(packed, headers={"Content-Encoding": "gzip"})) as (client, base):
        assert client.get(base).json == {"a": Decimal("1.50")}


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    """[M4 inv-K6] A byte now and then resets every socket's patience; ours it does not."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.05):
            try:
                connection.sendall(b"x")
            except OSError:
                return

    with raw_provider(drip) as (_, base, _asked):
        client = HttpClient(endpoints(base), "Acme Books", seconds=0.3)
        with pytest.raises(RetryLater, match="did not finish"):
            client.get(base)
        over.set()


# --- lines that break ---


def test_a_get_whose_line_was_cut_is_repeated_once() -> None:
    """[M4] A kept connection goes stale now and then."""
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nok"
    for bad in (b"", half):
        with raw_provider(bad, good) as (client, base, asked):
            assert client.get(base).body == b"ok"
            assert len(asked) == 2


def test_a_post_is_never_repeated() -> None:
    """[M4] It may have been taken."""
    with raw_provider(b"", b"") as (client, base, asked):
        with pytest.raises(RetryLater):
            client.post(base, data={"token": "x"})
        assert len(asked) == 1
        with pytest.raises(RetryLater):
            client.post(base)


def test_a_get_that_keeps_being_cut_is_given_back() -> None:
    """[M4] Twice, not for ever."""
    with raw_provider(b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok") as (client, base, asked):
        with pytest.raises(RetryLater, match="cut the line"):
            client.get(base)
        assert len(asked) == 2


def test_a_provider_that_is_down_is_for_later() -> None:
    """[M4 inv-F1] Nobody listens, or somebody does and never speaks."""
    base = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RetryLater, match="could not be reached"):
        HttpClient(endpoints(base), "Acme Books").get(base)
    silent = threading.Event()

    def say_nothing(_: socket.socket) -> None:
        silent.wait(5)

    with raw_provider(say_nothing) as (_, base, _asked):
        with pytest.raises(RetryLater, match="did not answer in time"):
            HttpClient(endpoints(base), "Acme Books", seconds=0.2).get(base)
        silent.set()


# --- words it refuses with ---


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "999999999999"}, 86_400),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "\u0661"}, None),
        ({"Retry-After": "later"}, None),
        ({"Date": "Mon, 04 May 2026 10:00:00 GMT", "Retry-After": "Mon, 04 May 2026 10:01:30 GMT"}, 90),
        ({"Date": "Mon, 04 May 2026 10:00:00 GMT", "Retry-After": "Mon, 04 May 2026 09:00:00 GMT"}, 0),
        ({"Retry-After": "Mon, 99 May 2026 10:01:30 GMT"}, None),
    ],
)
def test_it_understands_how_long_to_wait(headers: dict[str, str], after: float | None) -> None:
    """[M4] Seconds, or a date measured by the provider's own clock."""
    assert retry_after(Answer(429, headers, b"")) == after


def test_too_many_calls_and_trouble_are_told_apart() -> None:
    """[M4] 429 is ours to avoid, 5xx is theirs; other statuses are the connector's to read."""
    statuses = iter([429, 500, 503, 401, 404, 418])
    with provider(lambda _: Response("", next(statuses), {"Retry-After": "3"})) as (client, base):
        with pytest.raises(RateLimited) as limited:
            client.get(base)
        assert limited.value.after == 3
        for _ in range(2):
            with pytest.raises(RetryLater) as later:
                client.get(base)
            assert not isinstance(later.value, RateLimited)
            assert later.value.after == 3
        assert [client.get(base).status for _ in range(3)] == [401, 404, 418]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AccessExpired), (403, Forbidden), (404, NotFound), (410, NotFound), (409, RetryLater), (408, RetryLater),
     (500, RetryLater), (302, GiveUp), (400, GiveUp), (418, GiveUp)],
)  # fmt: skip
def test_a_status_says_what_to_do_next(status: int, error: type[ProviderError]) -> None:
    """[M4] Where the body says nothing better."""
    with pytest.raises(error):
        refuse("Acme Books", Answer(status, {}, b""))


def test_no_secret_leaves_with_an_error_or_a_log_line() -> None:
    """[M4 inv-K2] Not in the message, not in what is chained to it, not in the log."""
    dead = f"http://127.0.0.1:{free_port()}"
    with provider(lambda _: Response(SECRET, 500)) as (client, base), capture_logs() as logs:
        broken = HttpClient(endpoints(dead), "Acme Books", authorization=lambda: f"Bearer {SECRET}")
        for ask in (
            lambda: client.get(base, params={"token": SECRET}),
            lambda: broken.get(dead, params={"token": SECRET}),
            lambda: client.post("https://elsewhere.example", data={"token": SECRET}),
        ):
            with pytest.raises(ProviderError) as caught:
                ask()
            assert SECRET not in f"{caught.value!r} {vars(caught.value)} {caught.value.__context__!r}"
    assert SECRET not in str(logs)


# --- how often ---


def gate(per_minute: int) -> tuple[RateGate, list[float]]:
    slept: list[float] = []
    return RateGate(per_minute, sleep=slept.append), slept


def test_the_gate_lets_a_minutes_calls_through_and_then_paces() -> None:
    """[M4] A short wait is waited for; a longer one is given back to whoever planned the pull."""
    door, slept = gate(60)
    for _ in range(61):
        door.enter()
    assert len(slept) == 1
    assert 0 < slept[0] <= 1
    door.enter()
    with pytest.raises(RateLimited) as caught:
        door.enter()
    assert caught.value.after is not None
    assert 2 < caught.value.after <= 3


def test_the_gate_believes_what_xero_says_is_left() -> None:
    """[M4] Other processes spend from the same minute."""
    door, slept = gate(60)
    door.hear({"X-MinLimit-Remaining": "1", "X-DayLimit-Remaining": "4000"})
    door.enter()
    assert slept == []
    door.enter()
    assert len(slept) == 1
    for nonsense in ("", "-1", "many", "\u0661", "9" * 50):
        door.hear({"X-MinLimit-Remaining": nonsense, "X-DayLimit-Remaining": nonsense})


def test_a_spent_day_ends_at_midnight_utc() -> None:
    """[M4 facts-4] Nobody asks again before, and the wait says when."""
    door, _ = gate(60)
    evening = datetime(2026, 3, 28, 21, 30, tzinfo=UTC)
    with clock.travel(evening):
        door.hear({"X-DayLimit-Remaining": "0"})
        with pytest.raises(RateLimited) as caught:
            door.enter()
        assert caught.value.after == timedelta(hours=2, minutes=30).total_seconds()
    with clock.travel(evening + timedelta(hours=2, minutes=30)):
        door.enter()


def test_a_spent_budget_of_a_frappe_site_ends_when_it_says() -> None:
    """[M4] In seconds; a moment in their place is not taken for a wait."""
    for reset, closed in (("90", 90), ("1779271872", 0), ("soon", 0)):
        door, _ = gate(60)
        with clock.travel(datetime(2026, 3, 28, 21, 30, tzinfo=UTC)):
            door.hear({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
            assert door.closed_for() == closed


def test_a_429_closes_the_gate_for_everybody_behind_it() -> None:
    """[M4] And when only the spent day is told, until midnight."""
    answers = iter([Response("", 429, {"Retry-After": "40"}), Response("", 429, {"X-DayLimit-Remaining": "0"})])
    for least, most in ((39, 40), (0, 86_400)):
        door, _ = gate(600)
        with provider(lambda _: next(answers), gate=door) as (client, base):
            with pytest.raises(RateLimited) as first:
                client.get(base)
            with pytest.raises(RateLimited) as second:
                client.get(base)  # answered by the gate: the provider's list of answers is shorter than our calls
        for caught in (first, second):
            assert caught.value.after is not None
            assert least <= caught.value.after <= most


def test_a_simulation_is_not_paced_by_the_wall() -> None:
    """[M4 L7] Its hours pass in seconds."""
    door, slept = gate(1)
    with clock.travel(datetime(2026, 3, 28, tzinfo=UTC)):
        for _ in range(100):
            door.enter()
    door.enter()
    assert slept == []


def test_threads_share_a_gate() -> None:
    """[M4 inv-C1] Sixty calls are sixty calls, whoever makes them."""
    door = RateGate(60, sleep=lambda _: None)
    through: list[int] = []

    def push() -> None:
        for _ in range(50):
            try:
                door.enter()
            except RateLimited:
                return
            through.append(1)

    threads = [threading.Thread(target=push) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 60 <= len(through) <= 60 + 3 + (time.monotonic() - started)


def test_each_account_has_its_own_gate() -> None:
    """[M4 inv-I2] A busy vendor does not slow another one down."""
    assert http.gate_of("xero", "gate-test-1", 60) is http.gate_of("xero", "gate-test-1", 60)
    assert http.gate_of("xero", "gate-test-1", 60) is not http.gate_of("xero", "gate-test-2", 60)


def test_the_providers_clock_is_read_from_its_answer() -> None:
    """[M4] Or is unknown."""
    assert provider_time(Answer(200, {"Date": "Mon, 04 May 2026 10:00:00 GMT"}, b"")) == datetime(
        2026, 5, 4, 10, tzinfo=UTC
    )
    assert provider_time(Answer(200, {}, b"")) is None
    assert provider_time(Answer(200, {"Date": "today"}, b"")) is None
