"""Connections by a typed address and a key, and the webhooks that are theirs alone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import clock
from app.house import House
from app.models import (
    AuditEntry,
    Connection,
    ConnectionState,
    Invoice,
    InvoiceState,
    Outgoing,
    Person,
    ProviderEvent,
)
from connectors import file_views, health_views, hook_views, hooks, oauth, registry, views
from connectors.base import Account, GiveUp, MustReconnect, RetryLater
from connectors.events import drain_events
from connectors.hooks import keep_hooks
from connectors.oauth import keep_grants, seal
from tests.connectors.toy import GOOD_KEY, Toy, toy
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, Selling, invoice, person, vendor

__all__ = ["toy"]
TYPED = {"site": "books.example", "key": GOOD_KEY, "vendor": ""}


@pytest.fixture
def product(app: Flask) -> Flask:
    for room in (views, file_views, health_views, hook_views):
        app.register_blueprint(room.blueprint)
    return app


@pytest.fixture
def ann(house: House) -> Person:
    with house.database.transaction(EVERYTHING) as session:
        return person(session, "ann@acme.example", name="Ann")


@pytest.fixture
def of(house: House, toy: Toy) -> Selling:
    """Connected by key, pulled once, its webhooks not asked for yet."""
    with house.database.transaction(EVERYTHING) as session:
        made = vendor(session, "Toy Works", address="owner@toy.example", provider="toy")
        made.connection.tokens = seal(
            house, oauth.by_key({"site": "https://books.example", "key": GOOD_KEY}), made.connection.id, made.vendor.id
        )
        made.connection.hook_due_at = clock.now()
        made.connection.cursor = {"at": "then"}
    return made


def row(house: House, of: Selling) -> Connection:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Connection).where(Connection.id == of.connection.id)).scalar_one()


def change(house: House, of: Selling, **values: Any) -> None:
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Connection).where(Connection.id == of.connection.id).values(**values))


def all_of(house: House, table: type[Any], **by: Any) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(table).filter_by(**by)).scalars())


def signed(house: House, of: Selling) -> dict[str, str]:
    hook = hooks.opened(house, row(house, of))
    assert hook
    return {"X-Toy": f"{hook.secret} {hooks.address(house, 'toy', of.connection.id)}"}


# --- by key ---------------------------------------------------------------------------------------------------------


def test_a_key_connects_and_is_never_shown_again(house: House, product: Flask, toy: Toy, ann: Person) -> None:
    """[A1 inv-K1] What was typed is tried at once and kept sealed, beside the address that came with it."""
    browser = signed_in(product, ann)
    form = browser.get("/connect/toy").text
    assert 'name="key" type="password"' in form
    assert "Like https://books.example.com" in form
    answer = browser.post("/connect/toy", data=TYPED)
    (connection,) = all_of(house, Connection)
    assert (answer.status_code, answer.location) == (303, f"/connect/{connection.id}/progress")
    assert (connection.account_name, connection.state) == ("Toy Works", ConnectionState.ACTIVE)
    tokens = oauth.unseal(house, connection.tokens, connection.id, connection.vendor_id)
    assert (tokens.access_token, tokens.extra, tokens.expires_at) == (GOOD_KEY, {"site": "books.example"}, None)
    assert toy.asked == [("accounts", "https://books.example")]
    assert all(
        GOOD_KEY not in browser.get(path).text for path in (answer.location, "/desk/connections", "/connect/toy")
    )
    assert GOOD_KEY not in (connection.tokens or "")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"key": ""}, "Please fill this in."),
        ({"key": "another"}, "Toybooks does not accept this. Please check what you typed."),
        ({"site": "http://books.example"}, "The address must begin with https://"),
        ({"site": "not an address"}, "That is not the address of a server."),
    ],
)
def test_what_cannot_be_right_is_said_beside_the_form(
    house: House, product: Flask, toy: Toy, ann: Person, typed: dict[str, str], words: str
) -> None:
    """[A1 inv-K6] Nothing is connected, what is no secret stays typed, the secret does not come back."""
    answer = signed_in(product, ann).post("/connect/toy", data={**TYPED, **typed})
    assert answer.status_code == 422
    assert words in answer.text
    assert GOOD_KEY not in answer.text
    assert f'value="{typed.get("site", "books.example")}"' in answer.text
    assert all_of(house, Connection) == []


def test_several_companies_behind_one_key_are_chosen_from(house: House, product: Flask, toy: Toy, ann: Person) -> None:
    """[A1] The same page as after a consent; what was typed goes with the choice."""
    toy.companies.append(Account("books.example/2", "Second Toy", "EUR", "Europe/Berlin", "DE"))
    browser = signed_in(product, ann)
    page = browser.post("/connect/toy", data=TYPED, follow_redirects=True)
    assert "Second Toy" in page.text
    (pending,) = all_of(house, Connection)
    browser.post(f"/connect/{pending.id}/company", data={"company": "books.example/2"})
    (connection,) = all_of(house, Connection)
    assert (connection.id, connection.account_name, connection.state) == (pending.id, "Second Toy", "active")
    assert oauth.unseal(house, connection.tokens, connection.id, connection.vendor_id).extra["site"] == "books.example"


def test_a_new_key_for_the_same_books_keeps_the_connection(house: House, product: Flask, of: Selling, toy: Toy) -> None:
    """[A1 A2] Reconnect: same id, and its webhooks are asked for anew."""
    toy.companies = [Account(of.connection.account_id or "", "Toy Works", "USD", "UTC", "US")]
    change(house, of, state=ConnectionState.NEEDS_RECONNECT, hook_due_at=None)
    signed_in(product, of.person).post("/connect/toy", data={**TYPED, "vendor": str(of.vendor.id)})
    (connection,) = all_of(house, Connection)
    assert (connection.id, connection.state) == (of.connection.id, ConnectionState.ACTIVE)
    assert connection.hook_due_at is not None


# --- webhooks of one connection -------------------------------------------------------------------------------------


def test_webhooks_are_asked_for_and_renewed_ahead_of_their_end(
    house: House, of: Selling, toy: Toy, travel: Callable[[datetime], None]
) -> None:
    """[A1 I1 inv-K1] With a secret of ours that lies sealed; a third of their life before they end, again."""
    assert keep_hooks(house) == 1
    assert keep_hooks(house) == 0
    kept = row(house, of)
    hook = hooks.opened(house, kept)
    assert hook
    assert hook.held == {"id": "sub-1"}
    assert len(hook.secret) >= 32
    assert hook.secret not in (kept.hook or "")
    assert toy.asked == [("subscribe", hooks.address(house, "toy", of.connection.id), {})]
    assert hooks.is_heard(kept, clock.now())
    assert kept.next_pull_at is None
    travel(clock.now() + timedelta(days=2, minutes=1))
    assert keep_hooks(house) == 1
    assert toy.asked[1:] == [("subscribe", hooks.address(house, "toy", of.connection.id), {"id": "sub-1"})]
    assert row(house, of).hook_expires_at == clock.now() + timedelta(days=3)
    assert hooks.opened(house, row(house, of)) == hook


def test_webhooks_that_died_while_we_were_down_are_asked_for_anew_and_the_changes_pulled(
    house: House, of: Selling, toy: Toy, travel: Callable[[datetime], None]
) -> None:
    """[I1 A8 facts-9]"""
    keep_hooks(house)
    travel(clock.now() + timedelta(days=4))
    toy.lives = False
    assert not hooks.is_heard(row(house, of), clock.now())
    assert keep_hooks(house) == 1
    assert [held for what, _, held in toy.asked if what == "subscribe"] == [{}, {"id": "sub-1"}, {}]
    kept = row(house, of)
    assert hooks.is_heard(kept, clock.now())
    assert kept.next_pull_at is not None


def test_trouble_puts_webhooks_off_and_pulls_go_on_often(house: House, of: Selling, toy: Toy) -> None:
    """[I1 A2] A quarter of an hour for what passes, hours for what does not; a dead key needs its vendor."""
    toy.wrong = [RetryLater("busy")]
    keep_hooks(house)
    kept = row(house, of)
    assert timedelta(minutes=10) < (kept.hook_due_at or clock.now()) - clock.now() < timedelta(minutes=20)
    assert not hooks.is_heard(kept, clock.now())
    change(house, of, hook_due_at=clock.now())
    toy.wrong = [GiveUp("not in your plan")]
    keep_hooks(house)
    assert (row(house, of).hook_due_at or clock.now()) - clock.now() > timedelta(hours=5)
    change(house, of, hook_due_at=clock.now())
    toy.wrong = [MustReconnect("no")]
    keep_hooks(house)
    assert row(house, of).state == ConnectionState.NEEDS_RECONNECT


def test_what_a_provider_wants_shown_back_is_shown_at_once(house: House, product: Flask, of: Selling, toy: Toy) -> None:
    """[I1] FreshBooks' verifier, also while we still ask; Business Central's word, as plain text."""
    path = f"/webhooks/toy/{of.connection.id}"
    assert product.test_client().post(f"{path}?verifier=v").status_code == 404  # nothing was asked for yet
    asked = toy.subscribe

    def while_asking(*given: Any) -> Any:
        toy.subscribe = asked  # type: ignore[method-assign]
        assert product.test_client().post(f"{path}?verifier=v").status_code == 200
        return asked(*given)

    toy.subscribe = while_asking  # type: ignore[method-assign,assignment]
    keep_hooks(house)
    assert keep_hooks(house) == 1
    assert toy.asked[-1][2] == {"id": "sub-1", "verifier": "v"}
    assert keep_hooks(house) == 0
    greeted = product.test_client().post(f"{path}?hello=<b>word</b>")
    assert (greeted.status_code, greeted.text, greeted.mimetype) == (200, "<b>word</b>", "text/plain")
    assert all_of(house, ProviderEvent) == []


def test_a_signed_webhook_is_stored_and_only_its_own_connection_is_read(
    house: House, product: Flask, of: Selling, toy: Toy
) -> None:
    """[I1 inv-N1 inv-N3 inv-I2] Once, however often it comes; two connections may be sent the same words."""
    with house.database.transaction(EVERYTHING) as session:
        other = vendor(session, "Other Toy", address="owner@other.example", provider="toy")
        sealed = seal(
            house,
            oauth.by_key({"site": "https://other.example", "key": GOOD_KEY}),
            other.connection.id,
            other.vendor.id,
        )
        other.connection.tokens, other.connection.hook_due_at = sealed, clock.now()
    keep_hooks(house)
    machine = product.test_client()
    for selling in (of, of, other):
        headers = signed(house, selling)
        assert machine.post(f"/webhooks/toy/{selling.connection.id}", data=b"inv-1", headers=headers).status_code == 200
    stored = all_of(house, ProviderEvent)
    assert {each.connection_id for each in stored} == {of.connection.id, other.connection.id}
    assert len(stored) == 2
    assert drain_events(house) == 2
    assert [what for what in toy.asked if what[0] == "fetch"] == [("fetch", "invoice", "inv-1")] * 2
    swapped = machine.post(f"/webhooks/toy/{of.connection.id}", data=b"inv-2", headers=signed(house, other))
    assert swapped.status_code == 401


def test_a_connection_that_is_not_there_has_no_address(house: House, product: Flask, of: Selling, toy: Toy) -> None:
    """[I1 inv-I1] Unknown, of another provider, disconnected: 404, and the provider may forget it. One that only waits
    for its vendor is still acknowledged."""
    keep_hooks(house)
    machine, headers = product.test_client(), signed(house, of)
    path = f"/webhooks/toy/{of.connection.id}"
    assert machine.post(f"/webhooks/toy/{of.vendor.id}", data=b"x", headers=headers).status_code == 404
    assert machine.post(f"/webhooks/xero/{of.connection.id}", data=b"x", headers=headers).status_code == 404
    change(house, of, state=ConnectionState.NEEDS_RECONNECT)
    assert machine.post(path, data=b"x", headers=headers).status_code == 200
    change(house, of, state=ConnectionState.DISCONNECTED)
    assert machine.post(path, data=b"x", headers=headers).status_code == 404


def test_disconnecting_gives_the_webhooks_up(house: House, product: Flask, of: Selling, toy: Toy) -> None:
    """[K5 inv-K5]"""
    keep_hooks(house)
    signed_in(product, of.person).post(f"/desk/connections/{of.connection.id}/disconnect")
    assert [what[0] for what in toy.asked] == ["subscribe", "unsubscribe", "revoke"]
    kept = row(house, of)
    assert (kept.hook, kept.hook_due_at, kept.hook_expires_at, kept.tokens) == (None, None, None, None)


# --- what ends elsewhere, and what rests ----------------------------------------------------------------------------


def test_a_permission_ended_at_the_provider_ends_here_at_once(
    house: House, product: Flask, of: Selling, toy: Toy
) -> None:
    """[A2 K5 inv-K5] Tokens destroyed, its lines out of every later digest, the owner told once."""
    with house.database.transaction(EVERYTHING) as session:
        owed = invoice(session, of, None)
    keep_hooks(house)
    headers = signed(house, of)
    for _ in range(2):
        product.test_client().post(f"/webhooks/toy/{of.connection.id}", data=b"ended", headers=headers)
        drain_events(house)
    kept = row(house, of)
    assert (kept.state, kept.tokens) == (ConnectionState.DISCONNECTED, None)
    assert all_of(house, Invoice, id=owed.id)[0].state == InvoiceState.GONE
    (mail,) = all_of(house, Outgoing)
    assert mail.subject == "Toybooks is disconnected: your reminders have stopped"
    (entry,) = all_of(house, AuditEntry, action="connection.ended")
    assert entry.detail == {"provider": "toy", "by": "the provider"}


def test_old_news_of_an_end_does_not_end_a_new_permission(house: House, product: Flask, of: Selling, toy: Toy) -> None:
    """[A2 inv-N3] It was connected again since: the next pull tells how it is."""
    keep_hooks(house)
    product.test_client().post(f"/webhooks/toy/{of.connection.id}", data=b"ended", headers=signed(house, of))
    change(house, of, renewed_at=clock.now() + timedelta(seconds=1))
    drain_events(house)
    kept = row(house, of)
    assert kept.state == ConnectionState.ACTIVE
    assert kept.next_pull_at is not None
    assert all_of(house, Outgoing) == []


def test_the_page_after_an_end_elsewhere_changes_nothing(house: House, product: Flask, of: Selling, toy: Toy) -> None:
    """[A2 inv-L1] Nobody signed that visit."""
    page = product.test_client().get("/connect/toy/ended")
    assert page.status_code == 200
    assert "Disconnected in Toybooks" in page.text
    assert row(house, of).state == ConnectionState.ACTIVE


def test_a_permission_that_would_die_idle_is_used_half_way_there(
    house: House, of: Selling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-K4] NetSuite's dies after 7 days, Sage's after 31, Xero's after 60, QuickBooks' after 100."""
    renewed: list[Any] = []
    monkeypatch.setattr(oauth, "tokens_for", lambda house, one, *, refused: renewed.append((one, refused)))
    change(house, of, provider="xero", renewed_at=clock.now() - timedelta(days=29))
    assert keep_grants(house) == 0
    change(house, of, renewed_at=clock.now() - timedelta(days=31))
    assert keep_grants(house) == 1
    assert renewed == [(of.connection.id, GOOD_KEY)]
    change(house, of, state=ConnectionState.NEEDS_RECONNECT)
    assert keep_grants(house) == 0


def test_no_secret_is_asked_for_where_it_would_lie_in_the_browser() -> None:
    """[inv-K2] What is typed before a consent page waits in the browser's session, signed but readable."""
    for connector in registry.PROVIDERS.values():
        secrets = [one.name for one in connector.spec.asks if one.is_secret]
        if connector.spec.kind == "key":
            assert "key" in secrets
        else:
            assert secrets == []
