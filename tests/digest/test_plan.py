"""From due mailboxes to digests in the outbox."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select

from app.house import House
from app.ids import new_id
from app.links import digest_of
from app.models import (
    ConnectionState,
    Customer,
    DigestLine,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    LineKind,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    Relation,
    StopSwitch,
    Trust,
)
from app.outbox.actions import open_token
from app.outbox.rendering import TOKEN_PLACE
from digest import plan as planning
from digest.compose import compose
from digest.plan import plan_batch
from tests.digest.rows import change, digests, lines, mailbox, mails, outcome
from tests.support.house import without_tokens
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, TODAY, World, customer, invoice, small_world

WEEK = timedelta(days=7)


@pytest.fixture
def world(due_world: World) -> World:
    return due_world


def test_it_plans_one_digest_for_two_vendors(house: House, world: World) -> None:
    """[C1 D3 D5 D8 inv-S1 inv-L2] Frozen lines, one mail, one token of which only the hash is kept."""
    assert plan_batch(house) == 1
    (digest,), (mail,) = digests(house), mails(house)
    assert (digest.window, digest.outcome, digest.due_at) == ("2026-W48", Outcome.QUEUED, NOW)
    assert (digest.all_lines, digest.shown_lines, digest.template) == (2, 2, "digest-1")
    assert [(line.line, line.vendor_name, line.number, line.amount_minor, line.kind) for line in lines(house)] == [
        (1, "Acme", "A-1", 125000, LineKind.DUE),
        (2, "Birch", "B-1", 80000, LineKind.DUE),
    ]
    assert (mail.kind, mail.state, mail.digest_id) == (OutgoingKind.DIGEST, OutgoingState.QUEUED, digest.id)
    assert (mail.address, mail.mailbox_id) == ("ap@cobalt.example", world.cobalt.mailbox.id)
    assert mail.dedupe_key == f"digest:{world.cobalt.mailbox.id}:2026-W48"
    token = open_token(mail.sealed_token, house.keys, mail.id, mail.mailbox_id)
    assert token
    assert digest.token_hash == digest_of(token)
    assert digest.token_expires_at == NOW + timedelta(days=house.limits.link_days)
    assert TOKEN_PLACE in mail.html
    assert token not in mail.html + mail.text


def test_the_next_window_is_set_and_the_lease_is_gone(house: House, world: World) -> None:
    """[C1 D1] Nothing is left to take."""
    assert plan_batch(house) == 1
    box = mailbox(house, world)
    assert (box.next_digest_at, box.lease_owner, box.lease_until) == (NOW + WEEK, None, None)
    assert plan_batch(house) == 0


def test_a_hundred_plannings_and_eight_planners_make_one_digest(house: House, world: World) -> None:
    """[D3 inv-S1 inv-C1] A double cron, a manual run, a confused clock: the window has one digest."""

    def again(_: int) -> None:
        change(house, world.cobalt.mailbox, next_digest_at=NOW)
        plan_batch(house)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(again, range(100)))
    assert len(digests(house)) == len(mails(house)) == 1


def test_planners_that_start_together_share_the_mailboxes(house: House, fixed_clock: datetime) -> None:
    """[D3 inv-C1 inv-C2] Every one of sixty gets exactly one."""
    many(house, 60)
    barrier = threading.Barrier(8)

    def work(_: int) -> None:
        barrier.wait()
        while plan_batch(house, limit=5):
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = digests(house)
    assert len(found) == len({digest.mailbox_id for digest in found}) == len(mails(house)) == 60


def test_an_invoice_paid_while_we_look_again_is_not_in_the_mail(house: House, world: World) -> None:
    """[D7 inv-S3] The look comes before the reading, with no transaction open."""
    asked: list[tuple[set[UUID], float]] = []

    def look_again(connection_ids: Sequence[UUID], seconds: float) -> None:
        asked.append((set(connection_ids), seconds))
        change(house, world.acme_invoice, state=InvoiceState.PAID, balance_minor=0, due_minor=0)

    house.limits.fresh_minutes = 0  # books read this very minute are looked at, too
    plan_batch(house, look_again)
    feeds = {world.acme.connection.id, world.birch.connection.id}
    assert asked == [(feeds, house.limits.settled_check_seconds)]
    assert [line.number for line in lines(house)] == ["B-1"]
    assert "A-1" not in without_tokens(mails(house)[0].text)


def test_a_provider_in_trouble_does_not_stop_the_digest(house: House, world: World) -> None:
    """[D7 D9 F1] The age of its data decides: three days old is left out, and the reason is kept."""
    change(house, world.acme.connection, as_of=NOW - timedelta(hours=73), state=ConnectionState.NEEDS_RECONNECT)
    change(house, world.birch.connection, as_of=NOW - timedelta(hours=30))

    def look_again(*_: object) -> None:
        raise ConnectionError("nobody answers")

    assert plan_batch(house, look_again) == 1
    assert [line.number for line in lines(house)] == ["B-1"]
    assert digests(house)[0].reasons == {
        str(world.acme_invoice.id): "the supplier's books were last read on 20 Nov 2026"
    }
    assert "As of 22 Nov 2026, 03:00" in mails(house)[0].text


def test_nothing_to_say_is_recorded_with_its_reasons(house: House, world: World) -> None:
    """[D6 inv-S2] No mail, one row, words for the operator."""
    change(house, world.acme_invoice, state=InvoiceState.VOID)
    with house.database.transaction(EVERYTHING) as session:
        session.add(held(world))
    plan_batch(house)
    assert outcome(house) == (Outcome.NOTHING_DUE, "nothing to ask for: 1 promised for 27 Nov 2026")
    assert digests(house)[0].reasons == {str(world.birch_invoice.id): "promised for 27 Nov 2026"}
    assert mails(house) == []
    assert lines(house) == []


def held(world: World) -> Hold:
    return Hold(
        vendor_id=world.birch.vendor.id,
        customer_id=world.cobalt.customer.id,
        invoice_id=world.birch_invoice.id,
        kind=HoldKind.PROMISE,
        ends_at=NOW + timedelta(days=6),
        promised_on=date(2026, 11, 27),
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"suppressed_at": NOW, "suppressed_reason": "bounced"}, (Outcome.SUPPRESSED, "bounced")),
        ({"reminders_off_at": NOW}, (Outcome.SUPPRESSED, "reminders are off since 23 Nov 2026")),
        ({"paused_until": NOW + WEEK}, (Outcome.PAUSED, "paused until 30 Nov 2026")),
    ],
)
def test_a_mailbox_that_wants_none_gets_a_reason_instead(
    house: House, world: World, facts: dict[str, Any], expected: tuple[Outcome, str]
) -> None:
    """[D13 D14 J1 inv-S2 inv-S10] Its window ends in that."""
    change(house, world.cobalt.mailbox, **facts)
    plan_batch(house)
    assert outcome(house) == expected
    assert mails(house) == []


def test_an_unsubscribe_while_we_look_again_wins(house: House, world: World) -> None:
    """[D13 inv-S10] In the middle of a run."""
    house.limits.fresh_minutes = 0
    plan_batch(house, lambda *_: change(house, world.cobalt.mailbox, reminders_off_at=NOW))
    assert outcome(house)[0] == Outcome.SUPPRESSED


def test_after_five_days_of_outage_one_digest_goes_and_four_are_missed(
    house: House, world: World, travel: Callable[[datetime], None]
) -> None:
    """[D4 inv-C4 inv-S2] And nothing more."""
    change(house, world.cobalt.mailbox, cadence="daily")
    for books in (world.acme.connection, world.birch.connection):
        change(house, books, as_of=NOW + timedelta(days=4))
    travel(NOW + timedelta(days=4, hours=1))
    plan_batch(house)
    assert [(digest.window, digest.outcome) for digest in digests(house)] == [
        *((f"2026-11-{day}", Outcome.MISSED) for day in (23, 24, 25, 26)),
        ("2026-11-27", Outcome.QUEUED),
    ]
    assert all("nothing ran" in digest.reason for digest in digests(house)[:4])


def test_sending_stopped_after_the_claim_leaves_the_windows_waiting_too(
    house: House, world: World, travel: Callable[[datetime], None]
) -> None:
    """[L1 inv-S5] A stop of a moment costs nobody a window, whatever was in hand then."""

    def stop(*_: object) -> None:
        with house.database.transaction(EVERYTHING) as session:
            session.add(StopSwitch(name="sending", reason="drill", by="operator@sheaf.example", since=NOW))

    house.limits.fresh_minutes = 0
    assert plan_batch(house, stop) == 0
    assert digests(house) == []
    with house.database.transaction(EVERYTHING) as session:
        session.delete(session.get_one(StopSwitch, "sending"))
    travel(NOW + timedelta(seconds=house.limits.lease_seconds + 1))
    plan_batch(house)
    assert outcome(house)[0] == Outcome.QUEUED


def test_sending_stopped_leaves_the_windows_waiting(house: House, world: World) -> None:
    """[L1 inv-S5] When it goes on, one digest comes."""
    with house.database.transaction(EVERYTHING) as session:
        session.add(StopSwitch(name="sending", reason="drill", by="operator@sheaf.example", since=NOW))
    assert plan_batch(house) == 0
    with house.database.transaction(EVERYTHING) as session:
        session.delete(session.get_one(StopSwitch, "sending"))
    assert plan_batch(house) == 1


def test_what_operator_and_customer_have_said_keeps_a_vendor_out(house: House, world: World) -> None:
    """[J1 B9 L1 L3 K5] Stopped, suspended, muted, blocked, disconnected."""
    with house.database.transaction(EVERYTHING) as session:
        session.add(
            StopSwitch(name=f"vendor:{world.acme.vendor.id}", reason="drill", by="operator@sheaf.example", since=NOW)
        )
        session.add(Relation(customer_id=world.cobalt.customer.id, vendor_id=world.birch.vendor.id, muted_at=NOW))
    plan_batch(house)
    assert set(digests(house)[0].reasons.values()) == {
        "sending for this supplier is stopped by the operator",
        "the supplier is muted here",
    }


def test_an_unproven_vendor_introduces_itself(house: House, world: World) -> None:
    """[B8 inv-A1] One line without invoice or amount."""
    change(house, world.acme.vendor, trust=Trust.NEW)
    plan_batch(house)
    assert [(line.kind, line.vendor_name, line.invoice_id, line.amount_minor) for line in lines(house)] == [
        (LineKind.DUE, "Birch", world.birch_invoice.id, 80000),
        (LineKind.INTRODUCED, "Acme", None, 0),
    ]
    assert "1,250" not in mails(house)[0].html


def test_the_second_mail_says_what_has_changed(house: House, world: World, travel: Callable[[datetime], None]) -> None:
    """[C6] From the lines of the last one that went out."""
    plan_batch(house)
    (digest,) = digests(house)
    change(house, digest, outcome=Outcome.ACCEPTED, accepted_at=NOW)
    change(house, world.cobalt.mailbox, last_digest_at=NOW)
    change(house, world.acme_invoice, balance_minor=50000, due_minor=50000)
    change(house, world.birch_invoice, state=InvoiceState.PAID, balance_minor=0, due_minor=0)
    travel(NOW + WEEK)
    for books in (world.acme.connection, world.birch.connection):
        change(house, books, as_of=NOW + WEEK)
    with house.database.transaction(EVERYTHING) as session:
        invoice(session, world.birch, world.cobalt, number="B-2", due_on=TODAY, created_at=NOW + timedelta(days=1))
    plan_batch(house)
    text = mails(house)[-1].text
    assert "A-1: USD 500.00, 21 days late (was USD 1,250.00)" in text
    assert "B-2: JPY 100, 7 days late (new)" in text
    assert "SETTLED SINCE THE LAST MAIL, THANK YOU\n  Birch B-1: JPY 80,000" in text


def test_a_mail_too_big_is_composed_with_fewer_lines(house: House, world: World) -> None:
    """[C7 inv-S12] All lines are frozen; the mail says how many more there are."""
    house.limits.html_bytes = 12_000
    with house.database.transaction(EVERYTHING) as session:
        for number in range(40):
            invoice(session, world.acme, world.cobalt, number=f"A-{number:03}", due_on=TODAY)
    plan_batch(house)
    (mail,), (digest,) = mails(house), digests(house)
    assert len(mail.html.encode()) <= 12_000
    assert digest.all_lines == len(lines(house)) == 42
    assert digest.shown_lines < 42
    assert "more from Acme" in mail.text


def test_a_digest_that_cannot_be_composed_fails_alone(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[F1 inv-S2] One bad book does not hold up the others."""
    with house.database.transaction(EVERYTHING) as session:
        other = customer(session, "Dune", address="ap@dune.example", next_digest_at=NOW)
        invoice(session, world.acme, other, number="A-9")

    def compose_some(book: Any, moment: Any) -> Any:
        if any(item.number == "A-9" for item in book.items):
            raise ZeroDivisionError
        return compose(book, moment)

    monkeypatch.setattr("digest.plan.compose", compose_some)
    assert plan_batch(house) == 2
    assert sorted(digest.outcome for digest in digests(house)) == [Outcome.FAILED, Outcome.QUEUED]


@pytest.mark.parametrize("step", ["_look", "let_go", "gather", "insert"])
def test_a_planner_that_dies_loses_and_doubles_nothing(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch, travel: Callable[[datetime], None], step: str
) -> None:
    """[F1 D5 inv-S1 inv-S2] At any step: when its lease has run out, another plans the same window."""

    def die(*_: object, **__: object) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as dying:
        dying.setattr(planning, step, die)
        with pytest.raises(SystemExit):
            plan_batch(house)
    assert digests(house) == []
    assert plan_batch(house) == 0
    travel(NOW + timedelta(seconds=house.limits.lease_seconds + 1))
    assert plan_batch(house) == 1
    assert len(mails(house)) == 1


def many(house: House, count: int, rows: int = 2) -> None:
    """``count`` due mailboxes, each owing ``rows`` invoices to each of Acme and Birch, written set-wise."""
    with house.database.transaction(EVERYTHING) as session:
        world = small_world(session)
        facts = {
            name: getattr(world.acme_invoice, name)
            for name in [column.name for column in Invoice.__table__.columns]
            if name not in ("id", "external_id", "customer_id", "mailbox_id", "number", "vendor_id", "connection_id")
        }
        customers, boxes, owed = [], [], []
        for number in range(count):
            box = {"id": new_id(), "customer_id": new_id(), "address": f"ap@m{number}.example", "weekday": 0}
            customers.append({"id": box["customer_id"], "name": f"M{number}"})
            boxes.append({**box, "next_digest_at": NOW})
            for row in range(rows):
                for by in (world.acme, world.birch):
                    owner = {"customer_id": box["customer_id"], "mailbox_id": box["id"], "vendor_id": by.vendor.id}
                    key = {"id": new_id(), "external_id": f"m{number}-{row}", "number": f"M-{number}-{row}"}
                    owed.append({**facts, **owner, **key, "connection_id": by.connection.id})
        for table, values in ((Customer, customers), (Mailbox, boxes), (Invoice, owed)):
            session.execute(insert(table), values)


def test_the_number_of_statements_does_not_grow_with_the_batch(house: House, fixed_clock: datetime) -> None:
    """[D3 perf-B7] Ten mailboxes or five hundred: eight, and on PostgreSQL the lines' step in between."""
    many(house, 510)
    with statements(house.database) as few:
        assert plan_batch(house, limit=10) == 10
    with statements(house.database) as most:
        assert plan_batch(house, limit=500) == 500
    assert len(few) == len(most) <= (8 if house.database.is_sqlite else 10)
    with house.database.reading(EVERYTHING) as session:
        assert session.scalar(select(func.count()).select_from(Outgoing)) == 510


def test_books_that_were_never_read_say_nothing_yet(house: House, world: World) -> None:
    """[A1 D9] A first sync that still runs: half a customer's invoices would be a wrong sum."""
    for books in (world.acme.connection, world.birch.connection):
        change(house, books, as_of=None)
    plan_batch(house)
    assert outcome(house) == (
        Outcome.NOTHING_DUE,
        "nothing to ask for: 2 the supplier's books have not been read yet",
    )


def test_only_this_mailboxs_invoices_are_in_its_mail(house: House, world: World) -> None:
    """[B7 inv-I2 inv-S9] The outsider's mail and Cobalt's share nothing."""
    with house.database.transaction(EVERYTHING) as session:
        invoice(session, world.acme, world.outsider, number="OUT-1")
        session.get_one(Mailbox, world.outsider.mailbox.id).next_digest_at = NOW
    assert plan_batch(house) == 2
    for mail in mails(house):
        is_outsiders = mail.address == "ap@outsider.example"
        assert ("OUT-1" in mail.text) is is_outsiders
        assert ("A-1" in mail.text) is not is_outsiders
    with house.database.reading(EVERYTHING) as session:
        owners = select(DigestLine.customer_id, Invoice.customer_id).join(Invoice, Invoice.id == DigestLine.invoice_id)
        assert all(row[0] == row[1] for row in session.execute(owners))
