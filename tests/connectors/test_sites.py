"""Servers that vendors name: https, on the public internet, and called at the address that was judged."""

import socket
from typing import Any

import pytest

from connectors import registry, sites
from connectors.base import Endpoints, GiveUp, RetryLater
from connectors.http import HttpClient
from tests.support.server import live_server


def ends(url: str) -> Endpoints:
    return Endpoints("", "", "", "", "", "", url, "")


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("X-Heard", environ.get("HTTP_AUTHORIZATION", "none"))])
    return [b"hello"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("books.example.com", "https://books.example.com"),
        (" https://Books.Example.com/ ", "https://books.example.com"),
        ("https://books.example.com:8443/erp/", "https://books.example.com:8443/erp"),
        ("http://127.0.0.1:8069", "http://127.0.0.1:8069"),
    ],
)
def test_what_was_typed_becomes_an_address(typed: str, meant: str) -> None:
    """[M4 inv-K6] https unless it is this machine's own."""
    assert sites.site(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "https://", "http://books.example.com", "ftp://books.example.com", "https://ann:pw@books.example.com",
        "https://books.example.com/?db=x", "https://books.example.com/#x", "https://books example.com", "//", "https://[::1",
        "https://b\u00fccher.example", "https://books.example.com:99999", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_address_is_said_in_words(typed: str) -> None:
    """[M4 inv-K6] For the vendor who typed it."""
    with pytest.raises(GiveUp, match="address"):
        sites.site(typed)


def test_a_server_inside_is_not_called() -> None:
    """[M4 inv-K6] However its name is written."""
    with live_server(hello) as base:
        assert HttpClient(ends(base), "Acme").get(base).body == b"hello"
        port = base.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{port}"
            with pytest.raises(GiveUp, match="public internet"):
                HttpClient(ends(url), "Acme", public_only=True).get(url)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.7", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1%eth0",
     "fd00::1", "::ffff:10.0.0.7", "224.0.0.1", "127.0.0.53"],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """[M4 inv-K6] Nor one that leads outside and inside at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    inside: Any = (family, socket.SOCK_STREAM, 6, "", (address, 443))
    outside: Any = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))
    for found in ([inside], [outside, inside]):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=found, **__: found)
        with pytest.raises(GiveUp, match="public internet"):
            HttpClient(ends("https://books.example"), "Acme", public_only=True).get("https://books.example")


def test_a_name_is_looked_up_once_and_the_answer_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K6] A name that changes its mind between the look and the call leads nowhere."""
    asked: list[str] = []
    called: list[Any] = []

    def look_up(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34" if len(asked) == 1 else "127.0.0.1", 443))]

    def connect(address: Any, *_: Any, **__: Any) -> Any:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    client = HttpClient(ends("https://rebind.example"), "Acme", public_only=True)
    with pytest.raises((RetryLater, GiveUp)):
        client.get("https://rebind.example")
    assert asked[0] == "rebind.example"
    assert called[0] == ("93.184.216.34", 443)
    assert all(host == "93.184.216.34" for host, _ in called)


def test_a_name_nobody_knows_can_be_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4] It may be a bad day of the name servers."""

    def look_up(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(RetryLater, match="could not be reached"):
        HttpClient(ends("https://nobody.example"), "Acme", public_only=True).get("https://nobody.example")


def test_only_what_vendors_type_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K6] Not on a laptop, nor where the operator names the address."""
    assert not registry.public_only("xero")
    assert not registry.public_only("erpnext")
    monkeypatch.setenv("SHEAF_ENV", "production")
    assert registry.public_only("erpnext")
    assert not registry.public_only("xero")
    monkeypatch.setenv("ERPNEXT_API_URL", "http://127.0.0.1:9101/erpnext")
    assert not registry.public_only("erpnext")


def test_pages_that_need_no_key_get_none() -> None:
    """[M4 inv-K6] Credentials go to the provider's own addresses only."""
    with live_server(hello) as api, live_server(hello) as pages:
        client = HttpClient(ends(api), "Acme", authorization=lambda: "Bearer secret")
        assert client.get(api).headers["X-Heard"] == "Bearer secret"
        with pytest.raises(GiveUp):
            client.get(pages)
        also = HttpClient(ends(api), "Acme", authorization=lambda: "Bearer secret", page_hosts=["pages.example"])
        assert ("https", "pages.example", None) in also._origins
        assert ("https", "pages.example", None) not in also._trusted
