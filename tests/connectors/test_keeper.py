"""The token keeper: one refresh at a time, stored before use, and a dead grant told once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import clock
from app.house import House
from app.models import AuditEntry, Connection, ConnectionState, Outgoing
from connectors.base import GiveUp, MustReconnect, RetryLater, Tokens
from connectors.oauth import seal, tokens_for, unseal
from tests.support.strict import Strict
from tests.support.world import EVERYTHING, Selling, vendor


@pytest.fixture
def strict(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    server = Strict()
    httpserver.expect_request("/token", method="POST").respond_with_handler(server)
    monkeypatch.setenv("XERO_CLIENT_ID", "us")
    monkeypatch.setenv("XERO_CLIENT_SECRET", "secret")
    monkeypatch.setenv("XERO_TOKEN_URL", httpserver.url_for("/token"))
    yield server
    httpserver.check_assertions()


@pytest.fixture
def acme(house: House) -> Selling:
    """Connected; its access token has died."""
    with house.database.transaction(EVERYTHING) as session:
        made = vendor(session, "Acme", address="owner@acme.example", provider="xero")
        old = Tokens("access-0", "refresh-0", clock.now() - timedelta(minutes=1), {"kept": "yes"})
        made.connection.tokens = seal(house, old, made.connection.id, made.vendor.id)
        made.connection.next_pull_at = clock.now()
    return made


def stored(house: House, of: Selling) -> Connection:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Connection).where(Connection.id == of.connection.id)).scalar_one()


def all_of(house: House, table: type[Any]) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(table)).scalars())


def test_many_threads_on_a_dead_token_make_one_refresh(house: House, acme: Selling, strict: Strict) -> None:
    """[A1 inv-K4 facts-1] The strict server would kill the grant at the second use of a refresh token."""
    gate = threading.Barrier(12)

    def ask(_: int) -> str:
        gate.wait()
        return tokens_for(house, acme.connection.id).access_token

    with ThreadPoolExecutor(12) as pool:
        found = set(pool.map(ask, range(12)))
    assert (found, strict.calls, strict.is_dead) == ({"access-1"}, 1, False)
    kept = unseal(house, stored(house, acme).tokens, acme.connection.id, acme.vendor.id)
    assert (kept.refresh_token, kept.extra) == ("refresh-1", {"kept": "yes"})
    assert stored(house, acme).refresh_lease_until is None


def test_a_refused_access_token_is_renewed_once_for_all_who_saw_it_refused(
    house: House, acme: Selling, strict: Strict
) -> None:
    """[inv-K4 facts-1] A 401 asks for a fresher token than the one refused; who comes later gets what is there."""
    first = tokens_for(house, acme.connection.id)
    again = [tokens_for(house, acme.connection.id, refused=first.access_token) for _ in range(3)]
    assert [one.access_token for one in again] == ["access-2"] * 3
    assert strict.calls == 2


def test_a_dead_grant_asks_for_a_reconnect_and_tells_the_owner_once(
    house: House, acme: Selling, strict: Strict
) -> None:
    """[A2 inv-K4 inv-F2 facts-2] State, audit and one mail, however many workers meet it."""
    strict.is_dead = True
    gate = threading.Barrier(6)

    def ask(_: int) -> str:
        gate.wait()
        with pytest.raises(MustReconnect):
            tokens_for(house, acme.connection.id)
        return "told"

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == ["told"] * 6
    kept = stored(house, acme)
    assert (kept.state, kept.next_pull_at) == (ConnectionState.NEEDS_RECONNECT, None)
    assert "reconnect" in kept.last_error.lower()
    assert [entry.action for entry in all_of(house, AuditEntry)] == ["connection.lost"]
    (mail,) = all_of(house, Outgoing)
    assert (mail.address, mail.subject) == ("owner@acme.example", "Please reconnect Xero: your reminders wait")
    assert "/desk/connections" in mail.text
    assert "/desk/connections" in mail.html


def test_trouble_at_the_token_endpoint_is_no_lost_grant(house: House, acme: Selling, strict: Strict) -> None:
    """[inv-K4] A page of HTML, a 503, a redirect: later again, with the pair and the lease as they were."""
    answers = iter(
        [Response("<html>", 200), Response("busy", 503), Response("", 302, {"Location": "https://evil.example"})]
    )
    strict.refuse = lambda: next(answers, None)
    for _ in range(3):
        with pytest.raises(RetryLater):
            tokens_for(house, acme.connection.id)
    assert tokens_for(house, acme.connection.id).access_token == "access-4"


def test_our_own_wrong_secret_is_not_the_vendors_to_mend(house: House, acme: Selling, strict: Strict) -> None:
    """[A2] invalid_client says nothing about the grant."""
    strict.refuse = lambda: Response('{"error": "invalid_client"}', 401, content_type="application/json")
    with pytest.raises(GiveUp, match="registration"):
        tokens_for(house, acme.connection.id)
    assert stored(house, acme).state == ConnectionState.ACTIVE


def test_a_reconnect_during_a_failing_refresh_wins(house: House, acme: Selling, strict: Strict) -> None:
    """[inv-K4] invalid_grant for an old pair says nothing about the pair stored meanwhile."""

    def reconnected() -> Response:
        fresh = Tokens("access-new", "refresh-new", clock.now() + timedelta(hours=1))
        with house.database.transaction(EVERYTHING) as session:
            row = session.get_one(Connection, acme.connection.id)
            row.tokens = seal(house, fresh, row.id, row.vendor_id)
            row.refresh_lease_until = None
        return Response('{"error": "invalid_grant"}', 400, content_type="application/json")

    strict.refuse = reconnected
    assert tokens_for(house, acme.connection.id).access_token == "access-new"
    assert stored(house, acme).state == ConnectionState.ACTIVE


def test_a_winner_that_died_is_followed_after_its_lease(house: House, acme: Selling, strict: Strict) -> None:
    """[inv-K4 F1 facts-2] A lease ends by itself."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Connection, acme.connection.id).refresh_lease_until = clock.now() - timedelta(seconds=1)
    assert tokens_for(house, acme.connection.id).access_token == "access-1"


def test_a_ciphertext_moved_to_another_connection_does_not_open(house: House, acme: Selling) -> None:
    """[inv-K1] Bound to row and vendor; the words say what to do."""
    with house.database.transaction(EVERYTHING) as session:
        other = vendor(session, "Birch", address="owner@birch.example", provider="xero")
        other.connection.tokens = session.get_one(Connection, acme.connection.id).tokens
    with pytest.raises(GiveUp, match="reconnect"):
        tokens_for(house, other.connection.id)


def test_what_is_stored_shows_no_token(house: House, acme: Selling, strict: Strict) -> None:
    """[inv-K1]"""
    tokens_for(house, acme.connection.id)
    sealed = stored(house, acme).tokens or ""
    assert sealed.startswith("test.")
    assert "access" not in sealed
    assert "refresh" not in sealed
