"""Pulls, events and looks against the sandbox's providers, over real HTTP, on both databases."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update

from app import clock
from app.house import House
from app.ids import new_id
from app.models import (
    Connection,
    ConnectionState,
    Credit,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Mailbox,
    Outgoing,
    ProviderEvent,
    SyncRun,
)
from app.scheduler import drain_all
from connectors import registry
from connectors.base import Batch, Event
from connectors.events import drain_events, store_event
from connectors.jobs import JOBS, look_again, look_at_invoice, pay_host, pay_link, pull_due
from connectors.sandbox.client import SandboxControl
from connectors.sync import claim, claim_due, sync
from tests.support.books import connected
from tests.support.postgres import as_owner
from tests.support.world import EVERYTHING, Selling

COMPANIES = ["Acme Supply", "Birch & Sons", "Cedar Studio"]


def row(house: House, of: Selling) -> Connection:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Connection).where(Connection.id == of.connection.id)).scalar_one()


def change(house: House, of: Selling, **values: Any) -> None:
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Connection).where(Connection.id == of.connection.id).values(**values))


def pull_now(house: House, of: Selling) -> None:
    change(house, of, next_pull_at=clock.now())
    assert pull_due(house) == 1


def all_of(house: House, table: type[Any], **by: Any) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(table).filter_by(**by)).scalars())


def open_here(house: House, of: Selling) -> dict[str, int]:
    found = all_of(house, Invoice, connection_id=of.connection.id, state=InvoiceState.OPEN)
    return {one.external_id: one.balance_minor for one in found}


def open_there(books: SandboxControl, company: str) -> dict[str, int]:
    """The truth in the company's books, in minor units."""
    rows = books.invoices(company, only_open=True)
    digits = {"JPY": 0}
    return {one["id"]: round(float(one["balance"]) * 10 ** digits.get(one["currency"], 2)) for one in rows}


@pytest.mark.parametrize("company", COMPANIES)
def test_a_first_pull_brings_exactly_what_is_open(house: House, books: SandboxControl, company: str) -> None:
    """[A1 A2 I1] Every open invoice with its balance, the run that counted them, and when to come back."""
    of = connected(house, books, company)
    assert drain_all(house, JOBS)["pull"] == 1
    assert open_here(house, of) == open_there(books, company)
    kept = row(house, of)
    assert (kept.state, kept.failures, kept.last_error, kept.lease_owner) == ("active", 0, "", None)
    assert kept.first_synced_at
    assert kept.as_of
    assert kept.reconciled_at
    assert kept.cursor
    assert clock.now() < (kept.next_pull_at or clock.now()) < clock.now() + timedelta(minutes=17)
    (run,) = all_of(house, SyncRun)
    assert (run.mode, run.error, run.finished_at is not None) == ("full", "", True)
    assert run.received == run.changed > 0
    assert any(box.address == "ap@cobalt.example" for box in all_of(house, Mailbox))


@pytest.mark.parametrize("company", COMPANIES)
def test_changes_reach_our_copy_in_one_pull(house: House, books: SandboxControl, company: str) -> None:
    """[A8 I1 002-7] Paid, part paid, voided and new invoices, by the change feed alone."""
    of = connected(house, books, company)
    pull_due(house)
    books.advance(60)
    first, second = list(open_there(books, company))[:2]
    books.act(company, "pay", invoice=first)
    books.act(company, "void", invoice=second) if company == "Acme Supply" else books.act(
        company, "pay", invoice=second
    )
    books.act(company, "new_invoice", customer="ap@cobalt.example")
    pull_now(house, of)
    assert open_here(house, of) == open_there(books, company)
    assert all_of(house, Invoice, external_id=first)[0].state == InvoiceState.PAID
    assert [run.mode for run in all_of(house, SyncRun)] == ["full", "changes"]


def test_an_unchanged_pull_changes_nothing(house: House, books: SandboxControl) -> None:
    """[A8] A first pull takes what is open; what was settled minutes before it comes with the first changes."""
    of = connected(house, books, "Birch & Sons")
    pull_due(house)
    pull_now(house, of)
    history = len(all_of(house, InvoiceChange))
    pull_now(house, of)
    newest = max(all_of(house, SyncRun, mode="changes"), key=lambda run: run.started_at)
    assert newest.changed == 0
    assert len(all_of(house, InvoiceChange)) == history


@pytest.mark.parametrize("company", COMPANIES)
def test_the_daily_reconcile_finds_what_the_feed_never_told(house: House, books: SandboxControl, company: str) -> None:
    """[A8 I1] Closed here behind the provider's back, or open there and unknown here: both are put right."""
    of = connected(house, books, company)
    pull_due(house)
    truth = open_there(books, company)
    lost, *_ = truth
    with house.database.transaction(EVERYTHING) as session:
        known = session.scalars(select(Invoice).where(Invoice.external_id == lost)).one()
        copied = {c.key: getattr(known, c.key) for c in Invoice.__table__.columns if c.key not in ("id", "external_id")}
        session.add(Invoice(**copied, external_id=_never_there(company)))  # we believe it open; nobody else does
        known.state, known.version, known.content_hash = InvoiceState.PAID, 1, 1
    with as_owner(house.settings.database_url) as connection:  # nobody else changes what is on record
        connection.execute(update(InvoiceChange).where(InvoiceChange.invoice_id == known.id).values(at=clock.now()))
    change(house, of, reconciled_at=clock.now() - timedelta(hours=25))
    pull_now(house, of)
    assert open_here(house, of) == truth
    assert all_of(house, Invoice, external_id=_never_there(company))[0].state == InvoiceState.GONE
    assert (row(house, of).reconciled_at or clock.now()) > clock.now() - timedelta(hours=1)


def _never_there(company: str) -> str:
    names = {"Acme Supply": "999999", "Birch & Sons": "11111111-2222-4333-8444-555555555555"}
    return names.get(company, "in_neverthere0000")


def test_a_cursor_too_old_becomes_a_full_pull_that_closes_what_is_gone(house: House, books: SandboxControl) -> None:
    """[A8 I1] QuickBooks' feed reaches back 30 days; beyond that the whole list is read again."""
    of = connected(house, books, "Acme Supply")
    pull_due(house)
    first, *_ = open_there(books, "Acme Supply")
    books.act("Acme Supply", "pay", invoice=first)
    change(house, of, cursor={"since": (clock.now() - timedelta(days=40)).isoformat()})
    pull_now(house, of)
    assert open_here(house, of) == open_there(books, "Acme Supply")
    assert all_of(house, Invoice, external_id=first)[0].state == InvoiceState.PAID


def test_a_401_is_answered_by_one_refresh(house: House, books: SandboxControl) -> None:
    """[A1 inv-K4] The access token dies before its time; the pull goes on with a new one."""
    of = connected(house, books, "Birch & Sons")
    before = row(house, of).tokens
    books.fault("401", provider="xero", times=1)
    pull_due(house)
    assert row(house, of).tokens != before
    assert open_here(house, of) == open_there(books, "Birch & Sons")


def test_a_429_waits_as_long_as_it_was_told(house: House, books: SandboxControl) -> None:
    """[A2 I2] And says so in plain words."""
    of = connected(house, books, "Birch & Sons")
    books.fault("429", provider="xero", times=1, seconds=300)
    pull_due(house)
    kept = row(house, of)
    assert (kept.state, kept.failures) == (ConnectionState.ACTIVE, 1)
    assert "slow down" in kept.last_error
    assert (kept.next_pull_at or clock.now()) >= clock.now() + timedelta(seconds=240)
    assert kept.first_synced_at is None


@pytest.mark.parametrize("kind", ["500", "503html", "cut", "200error"])
def test_other_bad_answers_come_back_by_themselves(house: House, books: SandboxControl, kind: str) -> None:
    """[A2 F1] A failure is shown in plain words until the next pull works."""
    of = connected(house, books, "Acme Supply")
    books.fault(kind, provider="quickbooks", times=2)
    pull_due(house)
    assert row(house, of).state == ConnectionState.ACTIVE
    assert row(house, of).last_error
    books.clear_faults()
    pull_now(house, of)
    assert (row(house, of).last_error, row(house, of).failures) == ("", 0)
    assert open_here(house, of) == open_there(books, "Acme Supply")


def test_a_company_taken_away_is_a_lost_permission(house: House, books: SandboxControl) -> None:
    """[A2 inv-K4] 403 once may be a mistake, twice is not."""
    of = connected(house, books, "Birch & Sons")
    books.fault("403", provider="xero", times=100)
    pull_due(house)
    assert (row(house, of).state, row(house, of).failures) == (ConnectionState.ACTIVE, 1)
    pull_now(house, of)
    assert row(house, of).state == ConnectionState.NEEDS_RECONNECT


def test_trouble_in_the_middle_repeats_and_never_skips(house: House, books: SandboxControl) -> None:
    """[I1] A 500 on a later page leaves the cursor where it was."""
    of = connected(house, books, "Birch & Sons")
    pull_due(house)
    cursor = row(house, of).cursor
    books.advance(60)
    first, *_ = open_there(books, "Birch & Sons")
    books.act("Birch & Sons", "pay", invoice=first)
    books.fault("500", provider="xero", path="Payments", times=1)
    pull_now(house, of)
    assert (row(house, of).cursor, row(house, of).failures) == (cursor, 1)
    pull_now(house, of)
    assert (row(house, of).failures, row(house, of).last_error) == (0, "")
    assert open_here(house, of) == open_there(books, "Birch & Sons")


@pytest.mark.parametrize("company", COMPANIES)
def test_a_revoked_grant_shows_as_reconnect_and_mails_the_owner(
    house: House, books: SandboxControl, company: str
) -> None:
    """[A2 inv-K4] Within a minute, and once. Xero takes the organisation away and lets the tokens live."""
    of = connected(house, books, company)
    pull_due(house)
    books.revoke(company)
    pull_now(house, of)
    if company == "Birch & Sons":
        assert (row(house, of).next_pull_at or clock.now()) < clock.now() + timedelta(seconds=40)
        pull_now(house, of)
    kept = row(house, of)
    assert (kept.state, kept.next_pull_at, kept.lease_owner) == (ConnectionState.NEEDS_RECONNECT, None, None)
    assert pull_due(house) == 0
    assert [mail.person_id for mail in all_of(house, Outgoing)] == [of.person.id]


def test_many_workers_pull_a_connection_once(house: House, books: SandboxControl) -> None:
    """[A1 inv-C2] A claim can be won once."""
    for company in COMPANIES:
        connected(house, books, company)
    gate = threading.Barrier(6)

    def ask(_: int) -> list[Any]:
        gate.wait()
        return claim_due(house, 3)

    with ThreadPoolExecutor(6) as pool:
        claimed = [one.connection.id for found in pool.map(ask, range(6)) for one in found]
    assert len(claimed) == len(set(claimed)) == 3


def test_a_worker_that_lost_its_lease_writes_nothing_more(house: House, books: SandboxControl) -> None:
    """[A1 inv-C2] Frozen past its lease, or disconnected in the middle."""
    of = connected(house, books, "Birch & Sons")
    (claimed,) = claim_due(house, 1)
    change(house, of, lease_owner="somebody else")
    sync(house, claimed)
    assert open_here(house, of) == {}
    kept = row(house, of)
    assert (kept.lease_owner, kept.cursor, kept.first_synced_at) == ("somebody else", {}, None)


def test_a_worker_told_to_stop_puts_its_pull_back_for_the_next(house: House, books: SandboxControl) -> None:
    """[inv-F1] Not a failure: due at once, nothing claimed, and whoever comes next pulls all of it."""
    of = connected(house, books, "Acme Supply")
    claimed = claim(house, of.connection.id)
    assert claimed
    house.stopping.set()
    sync(house, claimed)
    kept = row(house, of)
    assert (kept.lease_owner, kept.failures, kept.last_error, kept.cursor) == (None, 0, "", {})
    assert (kept.next_pull_at or clock.now()) <= clock.now()
    assert drain_all(house, JOBS) == dict.fromkeys((job.name for job in JOBS), 0)
    house.stopping.clear()
    assert pull_due(house) == 1
    assert open_here(house, of) == open_there(books, "Acme Supply")


def test_a_lease_left_behind_is_taken_over(house: House, books: SandboxControl) -> None:
    """[F1 inv-C2]"""
    of = connected(house, books, "Birch & Sons")
    assert claim(house, of.connection.id)
    assert claim(house, of.connection.id) is None
    change(house, of, lease_until=clock.now() - timedelta(seconds=1))
    assert pull_due(house) == 1


# --- looking again --------------------------------------------------------------------------------------------------


def test_looking_again_sees_what_was_just_paid(house: House, books: SandboxControl) -> None:
    """[D7 inv-S3] Only those whose data is old are asked; each is told how fresh it is."""
    sellers = [connected(house, books, company) for company in COMPANIES]
    pull_due(house)
    paid = {company: next(iter(open_there(books, company))) for company in COMPANIES}
    books.advance(60)
    for company, external_id in paid.items():
        books.act(company, "pay", invoice=external_id)
    old = clock.now() - timedelta(minutes=30)
    for of in sellers[:2]:
        change(house, of, as_of=old)
    fresh = look_again(house, [of.connection.id for of in sellers], 20.0)
    assert all(fresh[of.connection.id] > old for of in sellers)
    assert [paid[company] in open_here(house, of) for company, of in zip(COMPANIES, sellers, strict=True)] == [
        False, False, True,
    ]  # fmt: skip


def test_looking_again_keeps_to_its_budget(house: House, books: SandboxControl) -> None:
    """[D7 inv-S3] A slow provider costs the budget and no more; its age is told."""
    of = connected(house, books, "Birch & Sons")
    pull_due(house)
    old = clock.now() - timedelta(minutes=30)
    change(house, of, as_of=old)
    books.fault("slow", provider="xero", times=1, seconds=3)
    started = time.monotonic()
    fresh = look_again(house, [of.connection.id, uuid4()], 0.3)
    assert time.monotonic() - started < 2.5
    assert list(fresh) == [of.connection.id]
    assert abs(fresh[of.connection.id] - old) < timedelta(seconds=1)


def test_a_click_sees_what_was_just_paid(house: House, books: SandboxControl) -> None:
    """[E2 inv-S3] One invoice, read singly; trouble at the provider is no error for the page."""
    of = connected(house, books, "Cedar Studio")
    pull_due(house)
    external_id = next(iter(open_there(books, "Cedar Studio")))
    (invoice,) = all_of(house, Invoice, external_id=external_id)
    books.advance(60)
    books.act("Cedar Studio", "pay", invoice=external_id)
    books.fault("500", provider="stripe", times=1)
    look_at_invoice(house, invoice.id, 2.0)
    assert external_id in open_here(house, of)
    look_at_invoice(house, invoice.id, 5.0)
    assert external_id not in open_here(house, of)
    look_at_invoice(house, uuid4(), 1.0)


@pytest.mark.parametrize("company", COMPANIES)
def test_the_pay_link_is_fetched_live_and_leads_to_the_providers_host(
    house: House, books: SandboxControl, company: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[E1 inv-L7] Another host is refused, whatever the provider says."""
    connected(house, books, company)
    pull_due(house)
    truth = {one["id"]: one["pay_url"] for one in books.invoices(company, only_open=True)}
    payable = [one for one in all_of(house, Invoice, state=InvoiceState.OPEN) if one.can_pay_online]
    link = pay_link(house, payable[0].id)
    assert link is not None
    assert link.url == truth[payable[0].external_id]
    assert pay_host(house, payable[0].id) == "127.0.0.1"
    monkeypatch.setattr(registry, "pay_hosts", lambda _: frozenset({"pay.example"}))
    assert pay_link(house, payable[0].id) is None
    assert pay_link(house, uuid4()) is None


# --- events ---------------------------------------------------------------------------------------------------------


def tell(house: House, of: Selling, *external_ids: str, account: str = "", mark: str = "") -> None:
    """Store what QuickBooks would post of these invoices."""
    body = _body(of, *external_ids, account=account, mark=mark)
    events = registry.get("quickbooks").events({}, body)
    with house.database.transaction(EVERYTHING) as session:
        store_event(
            session.connection(), "quickbooks", {"intuit-signature": "x", "Cookie": "no"}, body, events, clock.now()
        )


def _body(of: Selling, *external_ids: str, account: str = "", mark: str = "") -> bytes:
    entities = [
        {"name": "Invoice", "id": one, "operation": "Update", "lastUpdated": "2026-11-22T10:00:00Z"}
        for one in external_ids
    ]
    told = [{"realmId": account or of.connection.account_id or "", "dataChangeEvent": {"entities": entities}}]
    return json.dumps({"mark": mark, "eventNotifications": told}).encode()


@pytest.fixture
def acme(house: House, books: SandboxControl) -> Selling:
    of = connected(house, books, "Acme Supply")
    pull_due(house)
    books.advance(60)
    return of


def test_a_flood_of_events_reads_each_object_once(house: House, books: SandboxControl, acme: Selling) -> None:
    """[I1 I2 inv-N3 facts-11] Tripled and shuffled: one question to the provider, one change here."""
    first, second, *_ = open_there(books, "Acme Supply")
    books.act("Acme Supply", "pay", invoice=first)
    for mark in "abc":
        tell(house, acme, first, second, mark=mark)
    tell(house, acme, first, second, mark="a")
    books.reset_calls()
    assert drain_events(house) == 3
    assert open_here(house, acme) == open_there(books, "Acme Supply")
    assert books.calls("Acme Supply") <= 3
    assert {one.outcome for one in all_of(house, ProviderEvent)} == {"read 3, changed 1"}
    assert drain_events(house) == 0
    assert all_of(house, ProviderEvent)[0].headers == {"intuit-signature": "x"}


def test_ten_thousand_events_of_one_account_lead_to_one_pull(
    house: House, books: SandboxControl, acme: Selling
) -> None:
    """[I1 perf-D3 inv-N3 facts-11] Too many to read one by one, and the pull reads them all."""
    seen = clock.now()
    rows = [
        {"id": new_id(), "provider": "quickbooks", "event_key": str(one), "headers": {}, "received_at": seen,
         "due_at": seen, "tries": 0, "outcome": "", "body": _body(acme, f"none-{one}")}
        for one in range(10_000)
    ]  # fmt: skip
    with house.database.transaction(EVERYTHING) as session:
        session.execute(insert(ProviderEvent), rows)
    paid, *_ = open_there(books, "Acme Supply")
    books.act("Acme Supply", "pay", invoice=paid)
    books.reset_calls()
    while drain_events(house):
        pass
    assert books.calls("Acme Supply") == 0
    assert {one.outcome for one in all_of(house, ProviderEvent)} == {"left to the next pull"}
    assert (pull_due(house), pull_due(house)) == (1, 0)
    assert open_here(house, acme) == open_there(books, "Acme Supply")


def test_an_event_of_an_unknown_account_is_kept_and_ignored(house: House, acme: Selling) -> None:
    """[I1 I2] An error would get the endpoint switched off."""
    tell(house, acme, "1", account="123")
    assert drain_events(house) == 1
    assert all_of(house, ProviderEvent)[0].outcome == "of an account that is not connected"


def test_an_event_the_provider_cannot_answer_is_tried_again_then_parked(
    house: House, books: SandboxControl, acme: Selling, travel: Callable[[datetime], None]
) -> None:
    """[I2] With back-off, and visibly."""
    tell(house, acme, next(iter(open_there(books, "Acme Supply"))))
    books.fault("500", provider="quickbooks", times=100)
    now = clock.now()
    for _ in range(8):
        assert drain_events(house) == 1
        assert drain_events(house) == 0
        now += timedelta(hours=7)
        travel(now)
    (event,) = all_of(house, ProviderEvent)
    assert (event.tries, event.handled_at is not None) == (8, True)
    assert event.outcome.startswith("parked: ")


def test_events_claimed_by_a_worker_that_died_are_handled_by_the_next(
    house: House, books: SandboxControl, acme: Selling
) -> None:
    """[F1 inv-N1] The due time is the lease."""
    tell(house, acme, next(iter(open_there(books, "Acme Supply"))))
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(ProviderEvent).values(due_at=clock.now() - timedelta(seconds=1), tries=1))
    assert drain_events(house) == 1
    assert all_of(house, ProviderEvent)[0].handled_at


def test_a_very_large_batch_of_objects_becomes_a_pull(house: House, acme: Selling) -> None:
    """[I1] Ten thousand events of one account lead to one pull."""
    tell(house, acme, *(str(number) for number in range(400)))
    assert drain_events(house) == 1
    assert (row(house, acme).next_pull_at or clock.now()) <= clock.now()


def test_a_broken_connector_is_our_fault_and_tried_again(
    house: House, books: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A2 F1] An error of ours is recorded, the lease let go, the words plain."""
    of = connected(house, books, "Acme Supply")

    def broken(*_: Any) -> list[Batch]:
        raise ZeroDivisionError

    monkeypatch.setattr(type(registry.get("quickbooks")), "pull", broken)
    pull_due(house)
    kept = row(house, of)
    assert kept.last_error == "Something broke on our side. We will try again."
    assert (kept.lease_owner, kept.failures) == (None, 1)


def test_credits_come_along(house: House, books: SandboxControl) -> None:
    """[A9] Credit notes and unapplied money, by customer."""
    of = connected(house, books, "Acme Supply")
    pull_due(house)
    left = [one for one in all_of(house, Credit, connection_id=of.connection.id) if one.remaining_minor > 0]
    assert left
    assert all(one.customer_id for one in left)


def test_the_events_of_an_account_itself_ask_for_a_pull(house: House, books: SandboxControl) -> None:
    """[A2] Stripe says that the permission ended: the next pull meets the truth."""
    of = connected(house, books, "Cedar Studio")
    pull_due(house)
    books.revoke("Cedar Studio")
    account = of.connection.account_id or ""
    body = {"id": "evt_1", "type": "account.application.deauthorized", "account": account, "created": 1, "data": {}}
    events = [Event(account, "account", account, "revoked", "evt_1")]
    with house.database.transaction(EVERYTHING) as session:
        store_event(session.connection(), "stripe", {}, json.dumps(body).encode(), events, clock.now())
    assert drain_all(house, JOBS)["pull"] == 1
    assert row(house, of).state == ConnectionState.NEEDS_RECONNECT
