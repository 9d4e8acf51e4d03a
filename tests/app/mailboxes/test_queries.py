from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.house import House
from app.mailboxes.queries import cadence_words, digest_of, digests_of, lines_of, mailboxes_of, next_word_of
from app.models import (
    Connection,
    HoldKind,
    Invoice,
    InvoiceState,
    Mailbox,
    Relation,
    StopSwitch,
    Vendor,
)
from app.receivables.rules import Reason, Verdict
from app.scope import CustomerScope
from tests.support.links import credit, hold, sent_digest
from tests.support.world import EVERYTHING, NOW, TODAY, World, invoice

Change = Callable[[Session, World], Any]


def reason(house: House, world: World, invoice_id: UUID | None = None) -> Reason | None:
    with house.database.reading(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session:
        found = next_word_of(session, invoice_id or world.acme_invoice.id, NOW, house.limits)
    return found.reason if found else None


def _get(session: Session, kind: type[Any], owner: Any) -> Any:
    return session.get_one(kind, owner.id)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda session, world: None, Reason.OVERDUE),
        (lambda session, world: hold(session, world.acme_invoice, HoldKind.DISPUTE), Reason.DISPUTED),
        (lambda session, world: hold(session, world.acme_invoice, HoldKind.DISPUTE, ends_at=NOW), Reason.OVERDUE),
        (lambda session, world: credit(session, world.acme, world.cobalt, "2000.00"), Reason.COVERED),
        (lambda session, world: credit(session, world.acme, world.cobalt, "20.00"), Reason.OVERDUE),
        (lambda session, world: session.add(_decided(world, muted_at=NOW)), Reason.MUTED),
        (lambda session, world: session.add(_decided(world, blocked_at=NOW)), Reason.BLOCKED),
        (
            lambda session, world: session.add(
                StopSwitch(name=f"vendor:{world.acme.vendor.id}", reason="abuse", by="operator", since=NOW)
            ),
            Reason.STOPPED,
        ),
        (
            lambda session, world: setattr(
                _get(session, Connection, world.acme.connection), "as_of", NOW - timedelta(days=4)
            ),
            Reason.STALE,
        ),
        (lambda session, world: setattr(_get(session, Vendor, world.acme.vendor), "trust", "new"), Reason.INTRODUCED),
        (
            lambda session, world: setattr(_get(session, Invoice, world.acme_invoice), "due_on", date(2027, 1, 1)),
            Reason.LATER,
        ),
        (
            lambda session, world: setattr(_get(session, Invoice, world.acme_invoice), "state", InvoiceState.PAID),
            None,
        ),
        (lambda session, world: setattr(_get(session, Invoice, world.acme_invoice), "mailbox_id", None), None),
    ],
)
def test_an_invoice_says_whether_the_next_mail_asks_for_it_and_why(
    house: House, world: World, change: Change, expected: Reason | None
) -> None:
    """[J1 A9 C11 inv-S2] The planner's own function says it."""
    with house.database.transaction(EVERYTHING) as session:
        change(session, world)
    assert reason(house, world) == expected


def test_credit_covers_what_is_asked_for_beside_it_too(house: House, world: World) -> None:
    """[A9] 1,250.00 and 100.00 are asked for, 1,300.00 is in the customer's favour: not covered."""
    with house.database.transaction(EVERYTHING) as session:
        credit(session, world.acme, world.cobalt, "1300.00")
        small = invoice(session, world.acme, world.cobalt, amount="100.00", due_on=TODAY)
        on_hold = invoice(session, world.acme, world.cobalt, amount="900.00", due_on=TODAY)
        hold(session, on_hold, HoldKind.PROMISE)
    assert reason(house, world) == Reason.OVERDUE
    assert reason(house, world, small.id) == Reason.SOON
    assert reason(house, world, on_hold.id) == Reason.PROMISED


def test_the_words_are_the_planners(house: House, world: World) -> None:
    """[J1]"""
    with house.database.reading(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session:
        found = next_word_of(session, world.acme_invoice.id, NOW, house.limits)
        assert found
        assert (found.verdict, found.words) == (Verdict.SEND, "14 days late")


def test_nobody_else_reads_mailboxes_and_digests(house: House, world: World) -> None:
    """[B7 inv-I1]"""
    with house.database.transaction(EVERYTHING) as session:
        sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice])
    for owing, count in ((world.cobalt, 1), (world.outsider, 0)):
        with house.database.reading(CustomerScope(owing.customer.id, owing.person.id)) as session:
            assert [box.address for box in mailboxes_of(session)] == [owing.mailbox.address]
            assert len(digests_of(session)) == len(lines_of(session, sent.digest.id)) == count
            assert (digest_of(session, sent.digest.id) is not None) == bool(count)
            assert (next_word_of(session, world.acme_invoice.id, NOW, house.limits) is not None) == bool(count)


@pytest.mark.parametrize(
    ("cadence", "words"),
    [
        ("daily", "every day at 09:00"),
        ("weekdays", "every weekday at 09:00"),
        ("weekly", "every Tuesday at 09:00"),
        ("semimonthly", "on the 1st and the 15th at 09:00"),
        ("monthly", "on day 3 of each month at 09:00"),
        ("on_demand", "only when you ask for it"),
    ],
)
def test_a_rhythm_has_words(world: World, cadence: str, words: str) -> None:
    """[D1]"""
    box = Mailbox(cadence=cadence, weekday=1, month_day=3, send_at=world.cobalt.mailbox.send_at)
    assert cadence_words(box) == words


def _decided(world: World, **facts: Any) -> Relation:
    return Relation(customer_id=world.cobalt.customer.id, vendor_id=world.acme.vendor.id, **facts)
