"""The pages around a connection, and the intake of webhooks."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from app import clock
from app.house import House
from app.models import (
    AddressIssue,
    AuditEntry,
    BillTo,
    Connection,
    ConnectionState,
    Credit,
    Invoice,
    InvoiceState,
    Mailbox,
    ProviderEvent,
    Quarantined,
    SyncRun,
    Vendor,
    VendorRole,
)
from connectors import commands, file_views, health_views, hook_views, views
from connectors.events import drain_events
from connectors.jobs import pull_due
from connectors.sandbox.client import SandboxControl
from tests.support.books import connected
from tests.support.house import signed_in
from tests.support.statements import statements
from tests.support.world import EVERYTHING, Selling, World, person, vendor_member


@pytest.fixture
def product(app: Flask) -> Flask:
    for room in (views, file_views, health_views, hook_views):
        app.register_blueprint(room.blueprint)
    return app


@pytest.fixture
def acme(house: House, books: SandboxControl) -> Selling:
    """Connected to its books in QuickBooks, not pulled yet, not live."""
    made = connected(house, books, "Acme Supply")
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, made.vendor.id).live_at = None
    return made


@pytest.fixture
def owner(product: Flask, acme: Selling) -> FlaskClient:
    return signed_in(product, acme.person)


def all_of(house: House, table: type[Any], **by: Any) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(table).filter_by(**by)).scalars())


def page(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


# --- first pull and going live --------------------------------------------------------------------------------------


def test_the_first_pull_is_counted_live_then_told(
    house: House, books: SandboxControl, acme: Selling, owner: FlaskClient
) -> None:
    """[A1 A6] Real counts while it runs, looked at again without a script too; then what was found."""
    path = f"/connect/{acme.connection.id}/progress"
    before = page(owner, path)
    assert 'hx-trigger="every 1s"' in before
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in before
    assert "Reading your books" in before
    with house.database.transaction(EVERYTHING) as session:
        session.add(
            SyncRun(vendor_id=acme.vendor.id, connection_id=acme.connection.id, mode="full",
                    started_at=clock.now(), received=7)
        )  # fmt: skip
    assert "7 records read" in page(owner, path)
    pull_due(house)
    after = page(owner, path)
    truth = books.invoices("Acme Supply", only_open=True)
    assert "hx-trigger" not in after
    assert f'<span class="stat-value number">{len(truth)}</span>' in after
    assert "USD\xa08,000.34" in after
    assert "Go live" in after


def test_nothing_goes_live_before_the_button(house: House, acme: Selling, owner: FlaskClient) -> None:
    """[A6 A7] Not before the first pull is complete, and only by a POST."""
    owner.post("/desk/connections/live")
    assert all_of(house, Vendor)[0].live_at is None
    pull_due(house)
    page(owner, f"/connect/{acme.connection.id}/progress")
    page(owner, "/desk/connections")
    assert all_of(house, Vendor)[0].live_at is None
    assert owner.post("/desk/connections/live").status_code == 303
    first = all_of(house, Vendor)[0].live_at
    assert first
    owner.post("/desk/connections/live")
    assert all_of(house, Vendor)[0].live_at == first
    assert len(all_of(house, AuditEntry, action="vendor.live")) == 1


def test_a_first_pull_in_trouble_says_what_and_when_again(
    house: House, books: SandboxControl, acme: Selling, owner: FlaskClient
) -> None:
    """[A2]"""
    books.fault("500", provider="quickbooks", times=9)
    pull_due(house)
    shown = page(owner, f"/connect/{acme.connection.id}/progress")
    assert "QuickBooks has trouble on its side." in shown
    assert "Next try: in " in shown


# --- health ---------------------------------------------------------------------------------------------------------


def test_health_tells_age_runs_and_remedy(
    house: House, books: SandboxControl, acme: Selling, owner: FlaskClient
) -> None:
    """[A2] Last success, rows in and changed, the last error in plain words, the button that mends it."""
    pull_due(house)
    good = page(owner, "/desk/connections")
    assert "Working" in good
    assert "In the last 24 hours: " in good
    assert "Everything" in page(owner, f"/desk/connections/{acme.connection.id}")
    assert "Our copy is true as of" in good
    books.revoke("Acme Supply")
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Connection).values(next_pull_at=clock.now()))
    pull_due(house)
    bad = page(owner, "/desk/connections")
    assert "Needs you" in bad
    assert "Please reconnect." in bad
    assert f"/connect/quickbooks?vendor={acme.vendor.id}" in bad


def test_health_needs_the_same_statements_however_much_there_is(
    house: House, acme: Selling, owner: FlaskClient
) -> None:
    """[A2]"""
    pull_due(house)
    page(owner, "/desk/connections")
    with statements(house.database) as few:
        page(owner, "/desk/connections")
    with house.database.transaction(EVERYTHING) as session:
        for number in range(20):
            session.add(
                SyncRun(vendor_id=acme.vendor.id, connection_id=acme.connection.id, mode="changes",
                        started_at=clock.now() + timedelta(seconds=number))
            )  # fmt: skip
            session.add(
                Quarantined(vendor_id=acme.vendor.id, connection_id=acme.connection.id, kind="invoice",
                            external_id=str(number), reason="odd", record={})
            )  # fmt: skip
    with statements(house.database) as many:
        page(owner, "/desk/connections")
    assert len(few) == len(many)


def test_sync_now_makes_the_next_tick_pull(house: House, acme: Selling, owner: FlaskClient) -> None:
    """[A2]"""
    pull_due(house)
    assert pull_due(house) == 0
    assert owner.post(f"/desk/connections/{acme.connection.id}/sync").status_code == 303
    assert pull_due(house) == 1


def test_disconnecting_ends_it_there_and_here(
    house: House, books: SandboxControl, acme: Selling, owner: FlaskClient
) -> None:
    """[A1 inv-K5] Revoked at the provider, tokens destroyed, its invoices and credits out of every later digest."""
    pull_due(house)
    assert books.company("Acme Supply")["connected"]
    assert owner.post(f"/desk/connections/{acme.connection.id}/disconnect").status_code == 303
    assert not books.company("Acme Supply")["connected"]
    (kept,) = all_of(house, Connection)
    assert (kept.state, kept.tokens, kept.next_pull_at, kept.cursor) == ("disconnected", None, None, {})
    assert not all_of(house, Invoice, state=InvoiceState.OPEN)
    assert not [one for one in all_of(house, Credit) if one.remaining_minor]
    assert all_of(house, AuditEntry, action="connection.ended")
    assert "Connect again" in page(owner, "/desk/connections")


def test_disconnecting_works_while_the_provider_is_away(
    house: House, books: SandboxControl, acme: Selling, owner: FlaskClient
) -> None:
    """[inv-K5] The page says that the provider could not be told."""
    pull_due(house)
    books.fault("500", provider="quickbooks", where="any", times=99)
    owner.post(f"/desk/connections/{acme.connection.id}/disconnect")
    assert all_of(house, Connection)[0].tokens is None
    assert "We could not tell QuickBooks" in page(owner, "/desk/connections")


def test_connecting_again_brings_back_what_is_open_then(
    house: House, books: SandboxControl, acme: Selling, owner: FlaskClient
) -> None:
    """[A1 A8] The same rows under the same ids, whatever happened meanwhile."""
    pull_due(house)
    before = {one.external_id: one.id for one in all_of(house, Invoice)}
    owner.post(f"/desk/connections/{acme.connection.id}/disconnect")
    paid = books.invoices("Acme Supply", only_open=True)[0]["id"]
    books.act("Acme Supply", "pay", invoice=paid)
    where = owner.post("/connect/quickbooks", data={"vendor": str(acme.vendor.id)}).headers["Location"]
    back = books.approve(where, "Acme Supply")
    assert owner.get(back.partition("8000")[2] or back).status_code == 303
    pull_due(house)
    truth = {one["id"] for one in books.invoices("Acme Supply", only_open=True)}
    open_now = {one.external_id: one.id for one in all_of(house, Invoice, state=InvoiceState.OPEN)}
    assert set(open_now) == truth == set(before) - {paid}
    assert all(before[name] == key for name, key in open_now.items())


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.fixture
def nameless(house: House, acme: Selling) -> BillTo:
    """A customer of Acme whose books lost the address."""
    pull_due(house)
    with house.database.transaction(EVERYTHING) as session:
        found = session.scalars(select(BillTo).join(Invoice, Invoice.bill_to_id == BillTo.id)
                                .where(Invoice.state == InvoiceState.OPEN)).first()  # fmt: skip
        assert found is not None
        found.address = found.mailbox_id = found.customer_id = None
        found.address_text, found.issue = "", AddressIssue.MISSING
        session.execute(update(Invoice).where(Invoice.bill_to_id == found.id)
                        .values(address=None, mailbox_id=None, customer_id=None))  # fmt: skip
    return found


def test_the_vendor_gives_an_address_and_it_stays(
    house: House, acme: Selling, owner: FlaskClient, nameless: BillTo
) -> None:
    """[A5] Listed, chosen, reached; a later sync does not undo it; taking it back does."""
    assert "No address" in page(owner, "/desk/connections")
    path = f"/desk/bill-tos/{nameless.id}/address"
    assert owner.post(path, data={"address": " New@Cobalt.example "}).status_code == 303
    (box,) = all_of(house, Mailbox, address="new@cobalt.example")
    assert {one.mailbox_id for one in all_of(house, Invoice, bill_to_id=nameless.id)} == {box.id}
    assert all_of(house, BillTo, id=nameless.id)[0].issue == ""
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Connection).values(cursor={}, first_synced_at=None, next_pull_at=clock.now()))
        session.execute(update(BillTo).values(version=0))
    pull_due(house)
    kept = all_of(house, BillTo, id=nameless.id)[0]
    assert (kept.chosen_address, kept.mailbox_id) == ("new@cobalt.example", box.id)
    assert "Addresses you chose (1)" in page(owner, "/desk/connections")
    owner.post(path, data={"address": ""})
    kept = all_of(house, BillTo, id=nameless.id)[0]
    assert (kept.chosen_address, kept.mailbox_id == box.id) == (None, False)


def test_what_is_no_address_is_said_at_its_field(house: House, owner: FlaskClient, nameless: BillTo) -> None:
    """[A5]"""
    answer = owner.post(f"/desk/bill-tos/{nameless.id}/address", data={"address": "call Bob"})
    assert answer.status_code == 422
    assert "This is not an e-mail address." in answer.get_data(as_text=True)
    assert all_of(house, BillTo, id=nameless.id)[0].chosen_address is None


# --- who may --------------------------------------------------------------------------------------------------------


def test_another_vendor_finds_nothing_here(
    house: House, product: Flask, world: World, acme: Selling, nameless: BillTo
) -> None:
    """[inv-I1 inv-I2] Every address with another vendor's id is a page that does not exist, and changes nothing."""
    stranger = signed_in(product, world.birch.person)
    before = [(one.state, one.tokens, one.next_pull_at) for one in all_of(house, Connection)]
    for method, path in (
        ("get", f"/connect/{acme.connection.id}/progress"),
        ("post", f"/desk/connections/{acme.connection.id}/sync"),
        ("post", f"/desk/connections/{acme.connection.id}/disconnect"),
        ("post", f"/desk/bill-tos/{nameless.id}/address"),
        ("get", f"/connect/{acme.connection.id}/company"),
        ("post", f"/connect/{acme.connection.id}/company"),
    ):
        assert getattr(stranger, method)(path, data={"company": "1"}).status_code == 404, path
    assert "Acme Supply" not in page(stranger, "/desk/connections")
    assert [(one.state, one.tokens, one.next_pull_at) for one in all_of(house, Connection)] == before


def test_an_agent_sees_and_may_not_change(house: House, product: Flask, acme: Selling) -> None:
    """[A2 inv-I1]"""
    with house.database.transaction(EVERYTHING) as session:
        bob = person(session, "bob@acme.example")
        vendor_member(session, acme.vendor, bob, VendorRole.AGENT)
    agent = signed_in(product, bob)
    shown = page(agent, "/desk/connections")
    assert "Disconnect" not in shown
    assert "Sync now" not in shown
    for path in ("/desk/connections/live", f"/desk/connections/{acme.connection.id}/disconnect"):
        assert agent.post(path).status_code == 403


# --- webhooks -------------------------------------------------------------------------------------------------------


def quickbooks(body: bytes, secret: str = "sandbox-qbo-verifier") -> dict[str, str]:
    signed = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"intuit-signature": base64.b64encode(signed).decode()}


def xero(body: bytes, secret: str = "sandbox-xero-key") -> dict[str, str]:
    return {"x-xero-signature": base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()}


def stripe(body: bytes, secret: str = "whsec_sandbox") -> dict[str, str]:
    at = str(int(time.time()))
    return {
        "Stripe-Signature": f"t={at},v1="
        + hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    }


def square(body: bytes, secret: str = "sandbox-square-key") -> dict[str, str]:
    """Signed together with the address that is registered there: PUBLIC_URL's, whatever the request says."""
    signed = hmac.new(secret.encode(), b"http://127.0.0.1:8000/webhooks/square" + body, hashlib.sha256).digest()
    return {"x-square-hmacsha256-signature": base64.b64encode(signed).decode()}


QUICKBOOKS = json.dumps(
    {"eventNotifications": [{"realmId": "1", "dataChangeEvent": {"entities": [
        {"name": "Invoice", "id": "7", "operation": "Update", "lastUpdated": "2026-11-22T10:00:00Z"}]}}]}
).encode()  # fmt: skip
XERO = json.dumps(
    {"events": [{"resourceId": "2b6f0d2e-6d6e-4b3a-9a87-000000000001",
                 "tenantId": "2b6f0d2e-6d6e-4b3a-9a87-000000000002",
                 "eventCategory": "INVOICE", "eventType": "UPDATE", "tenantType": "ORGANISATION"}],
     "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "abc"}
).encode()  # fmt: skip
STRIPE = json.dumps(
    {"id": "evt_1", "type": "invoice.paid", "account": "acct_1", "created": 1,
     "data": {"object": {"id": "in_1", "object": "invoice"}}}
).encode()  # fmt: skip
SQUARE = json.dumps(
    {"merchant_id": "M1", "type": "invoice.updated", "event_id": "e1", "created_at": "2026-11-22T10:00:00Z",
     "data": {"type": "invoice", "id": "inv:0-1", "object": {"invoice": {}}}}
).encode()  # fmt: skip
MALFORMED = [b"", b"not json", b"[1,2]", b'{"events": 5}', b'"x"', b"null", b"\xff\xfe", b"[" * 5000]
SIGNERS: dict[str, Any] = {
    "quickbooks": (QUICKBOOKS, quickbooks),
    "xero": (XERO, xero),
    "stripe": (STRIPE, stripe),
    "square": (SQUARE, square),
}


@pytest.mark.parametrize("provider", SIGNERS)
def test_a_signed_webhook_is_stored_raw_and_acknowledged(
    house: House, product: Flask, books: SandboxControl, provider: str
) -> None:
    """[I1 inv-N1] 200, empty, no cookie; the same again is no second row; nothing is decided yet."""
    body, sign = SIGNERS[provider]
    for _ in range(3):
        answer = product.test_client().post(f"/webhooks/{provider}", data=body, headers=sign(body))
        assert (answer.status_code, answer.get_data(), answer.headers.get("Set-Cookie")) == (200, b"", None)
    (kept,) = all_of(house, ProviderEvent)
    assert (kept.body, kept.provider, kept.handled_at) == (body, provider, None)
    assert any("signature" in name for name in kept.headers)
    assert drain_events(house) == 1
    assert all_of(house, ProviderEvent)[0].outcome == "of an account that is not connected"


@pytest.mark.parametrize("provider", SIGNERS)
def test_a_webhook_that_is_not_theirs_is_refused(
    house: House, product: Flask, books: SandboxControl, provider: str
) -> None:
    """[inv-N4] Wrong key, changed body, no header, odd bytes in it: 401 and nothing stored, never an exception page."""
    body, sign = SIGNERS[provider]
    (name, good), *_ = sign(body).items()
    browser = product.test_client()
    for sent, headers in (
        (body, sign(body, "another key")),
        (body + b" ", {name: good}),
        (body, {}),
        (body, {name: ""}),
        (body, {name: "\xff\xfe=="}),
        (body, {name: "t=,v1="}),
        (b"", {name: good}),
    ):
        answer = browser.post(f"/webhooks/{provider}", data=sent, headers=headers)
        assert (answer.status_code, answer.get_data()) == (401, b"")
    assert not all_of(house, ProviderEvent)


@pytest.mark.parametrize("provider", SIGNERS)
@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[1,2]", b'{"events": 5}', b'"x"', b"null", b"\xff\xfe", b"[" * 5000]
)
def test_a_signed_webhook_that_is_no_event_is_a_plain_400(
    house: House, product: Flask, books: SandboxControl, provider: str, body: bytes
) -> None:
    """[inv-N4] Or, where its form is right and it points at nothing, it is kept and acknowledged."""
    answer = product.test_client().post(f"/webhooks/{provider}", data=body, headers=SIGNERS[provider][1](body))
    assert answer.status_code in (200, 400)
    assert answer.get_data() == b""
    stored = all_of(house, ProviderEvent)
    assert len(stored) == (1 if answer.status_code == 200 else 0)
    assert all(one.handled_at for one in stored)


def test_xeros_intent_to_receive_falls_out_of_the_check(product: Flask, books: SandboxControl) -> None:
    """[I1] Empty events, some wrongly signed: 200 for right, 401 for wrong."""
    body = b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4nd0mt3xt"}'
    browser = product.test_client()
    assert browser.post("/webhooks/xero", data=body, headers=xero(body)).status_code == 200
    assert browser.post("/webhooks/xero", data=body, headers=xero(body, "wrong")).status_code == 401


def test_an_oversized_webhook_is_refused_unread(house: House, product: Flask, books: SandboxControl) -> None:
    """[inv-N4]"""
    body = b" " * 1_000_001
    assert product.test_client().post("/webhooks/xero", data=body, headers=xero(body)).status_code == 413
    assert not all_of(house, ProviderEvent)


def test_without_a_secret_nothing_is_believed(
    product: Flask, books: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-N4]"""
    monkeypatch.setenv("XERO_WEBHOOK_SECRET", "")
    assert product.test_client().post("/webhooks/xero", data=XERO, headers=xero(XERO, "")).status_code == 401


def test_with_the_database_down_the_provider_is_asked_to_come_again(
    product: Flask, books: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-N1] 503, never a 200 for what is not stored."""

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("insert", {}, Exception("the server is gone"))

    monkeypatch.setattr(hook_views, "store_event", away)
    answer = product.test_client().post("/webhooks/xero", data=XERO, headers=xero(XERO))
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (503, None)


def test_a_webhook_is_one_statement(house: House, product: Flask, books: SandboxControl) -> None:
    """[perf-D2] And a repeated one too."""
    for _ in range(2):
        with statements(house.database) as found:
            product.test_client().post("/webhooks/quickbooks", data=QUICKBOOKS, headers=quickbooks(QUICKBOOKS))
        assert len([one for one in found if not one.startswith(("BEGIN", "COMMIT"))]) == 1


# --- commands -------------------------------------------------------------------------------------------------------


def test_the_commands_pull_and_export(house: House, product: Flask, books: SandboxControl, acme: Selling) -> None:
    """[A2] What export says is what the books say."""
    commands.register(product)
    runner = product.test_cli_runner()
    pulled = runner.invoke(args=["sync", "--vendor", str(acme.vendor.id)])
    assert pulled.exit_code == 0, pulled.output
    assert "Acme Supply" in pulled.output
    told = json.loads(runner.invoke(args=["export", "open", "--json"]).output)
    truth = books.invoices("Acme Supply", only_open=True)
    assert {one["external_id"]: one["balance"] for one in told} == {one["id"]: one["balance"] for one in truth}
    assert {one["vendor"] for one in told} == {"Acme Supply"}
    lines = runner.invoke(args=["export", "open"]).output.splitlines()
    assert len(lines) == len(truth) + 1
    assert lines[0].startswith("vendor,connection,external_id,number,currency,balance,due_on")
    assert runner.invoke(args=["export", "open", "--vendor", str(acme.connection.id), "--json"]).output.strip() == "[]"


def test_states_are_told_in_words(house: House, acme: Selling, owner: FlaskClient) -> None:
    """[A2] Each state of a connection has its own words on the page."""
    for state, words in (
        (ConnectionState.NEEDS_RECONNECT, "Needs you"),
        (ConnectionState.DISCONNECTED, "Disconnected"),
        (ConnectionState.ACTIVE, "First sync"),
    ):
        with house.database.transaction(EVERYTHING) as session:
            session.execute(update(Connection).values(state=state))
        assert words in page(owner, "/desk/connections")
        page(owner, f"/connect/{acme.connection.id}/progress")
