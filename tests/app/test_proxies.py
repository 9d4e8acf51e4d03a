"""Who calls, behind proxies of ours and without: TRUSTED_PROXIES."""

import pytest
from flask import request

from app import create_app
from app.house import House

CALL = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7, 10.0.0.2", "X-Forwarded-Proto": "http, https, http"}


def called_by(house: House, headers: dict[str, str]) -> tuple[str | None, str]:
    """The client and scheme that a view sees."""
    app, seen = create_app(house), []
    app.before_request_funcs.setdefault(None, []).insert(0, lambda: seen.append((request.remote_addr, request.scheme)))
    app.test_client().get("/healthz", headers=headers)
    return seen[0]


@pytest.mark.parametrize(
    ("hops", "client", "scheme"),
    [(0, "127.0.0.1", "http"), (1, "10.0.0.2", "http"), (2, "203.0.113.7", "https")],
)
def test_it_believes_as_many_proxies_as_it_has(house: House, hops: int, client: str, scheme: str) -> None:
    """[inv-L3 inv-A4] None by default: a header anybody may send would let a caller be counted as anybody."""
    house.settings.trusted_proxies = hops
    assert called_by(house, CALL) == (client, scheme)


def test_a_missing_hop_is_not_made_up(house: House) -> None:
    """[inv-L3] Fewer words than proxies: the connection's own address stays."""
    house.settings.trusted_proxies = 3
    assert called_by(house, {"X-Forwarded-For": "198.51.100.9"}) == ("127.0.0.1", "http")
