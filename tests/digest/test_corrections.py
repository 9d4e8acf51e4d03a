"""What was settled when its mail left, and learned later: one apology, with its cause on record."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.house import House
from app.ids import new_id
from app.models import (
    Attempt,
    AttemptResult,
    AuditEntry,
    Digest,
    DigestLine,
    InvoiceState,
    LineKind,
    Mailbox,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    ProviderEvent,
    Relation,
    Settlement,
    SyncRun,
    Trust,
)
from digest.brakes import Addressee, DueMail, decide
from digest.corrections import correct
from digest.deliver import deliver_batch
from tests.digest.mails import cobalts_digest
from tests.digest.rows import change
from tests.support.sinks import MemoryChannel
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def mailed(house: House, world: World) -> Outgoing:
    """Acme's invoice was asked for in a mail that left at nine."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        session.add(Attempt(outgoing_id=mail.id, channel="file", started_at=NOW, result=AttemptResult.ACCEPTED))
        session.get_one(Outgoing, mail.id).state = OutgoingState.ACCEPTED
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = NOW + timedelta(days=7)
    return mail


def settle(house: House, world: World, **facts: Any) -> None:
    """The books said so two hours before, we saw it ten minutes after."""
    defaults = {"settled_at": NOW - 2 * HOUR, "seen_at": NOW + 10 * MINUTE, "state": InvoiceState.PAID}
    owned = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
    with house.database.transaction(EVERYTHING) as session:
        found = {**defaults, **owned, "invoice_id": world.acme_invoice.id, "connection_id": world.acme.connection.id}
        session.add(Settlement(**{**found, **facts}))
    change(house, world.acme_invoice, state=InvoiceState.PAID, balance_minor=0, due_minor=0)


def corrections(house: House) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(Outgoing).where(Outgoing.kind == OutgoingKind.CORRECTION)))


def cases(house: House) -> list[tuple[str, str, str]]:
    """(action, why it was not mailed, cause of its first line)."""
    with house.database.reading(EVERYTHING) as session:
        query = select(AuditEntry).where(AuditEntry.action.in_(["digest.corrected", "digest.mistaken"]))
        found = session.scalars(query.order_by(AuditEntry.at, AuditEntry.id))
        return [(each.action, each.detail["not_mailed"], each.detail["lines"][0]["cause"]) for each in found]


@pytest.fixture
def later(travel: Callable[[datetime], None]) -> None:
    travel(NOW + 20 * MINUTE)


def test_one_apology_says_what_was_settled_and_when(house: House, world: World, mailed: Outgoing, later: None) -> None:
    """[I5 002-14 inv-S3] Short, with the date, once, however often we look."""
    settle(house, world)
    assert correct(house) == 1
    assert correct(house) == 0
    (mail,) = corrections(house)
    assert mail.subject == "Correction: an invoice was already settled in our mail of 23 Nov 2026"
    assert (mail.mailbox_id, mail.dedupe_key) == (world.cobalt.mailbox.id, f"correction:{mailed.digest_id}")
    assert "Acme A-1: USD 1,250.00\n  settled on 23 Nov 2026" in mail.text
    assert "please do not pay this again" in mail.text
    assert "please do not pay this again" in mail.html
    assert cases(house) == [("digest.corrected", "", "no webhook: the books were looked at too late")]


def test_the_apology_leaves_though_what_it_is_about_is_paid(
    house: House, world: World, mailed: Outgoing, later: None
) -> None:
    """[I5 D7] The last look before the call holds back digests that ask for what is paid, not the mail that says so."""
    settle(house, world)
    correct(house)
    channel = MemoryChannel()
    assert (deliver_batch(house, channel), deliver_batch(house, channel)) == (1, 0)
    assert [envelope.subject.partition(":")[0] for envelope in channel.taken] == ["Correction"]


def test_what_is_settled_together_is_told_together(
    house: House, world: World, mailed: Outgoing, travel: Callable[[datetime], None]
) -> None:
    """[I5] Nothing goes before the rest of the same pull had time to come; then no second mail about that mail."""
    settle(house, world)
    travel(NOW + 12 * MINUTE)
    assert correct(house) == 0
    travel(NOW + 20 * MINUTE)
    settle(house, world, state=InvoiceState.VOID, seen_at=NOW + 11 * MINUTE)
    assert correct(house) == 2
    settle(house, world, seen_at=NOW + 14 * MINUTE)
    assert correct(house) == 1
    assert len(corrections(house)) == 1
    assert cases(house)[-1][:2] == ("digest.mistaken", "this mail was corrected once already")


@pytest.mark.parametrize(
    "facts",
    [
        {"settled_at": NOW + MINUTE},  # paid because of the mail
        {"settled_at": None},  # the provider does not say when
    ],
)
def test_a_payment_after_the_hand_over_is_no_mistake(
    house: House, world: World, mailed: Outgoing, later: None, facts: dict[str, Any]
) -> None:
    """[I5] Nobody apologises for a mail that was right."""
    settle(house, world, **facts)
    assert correct(house) == 1
    assert corrections(house) == []
    assert cases(house) == []


@pytest.mark.parametrize("facts", [{"is_shown": False}, {"kind": LineKind.ON_HOLD}])
def test_only_what_was_shown_as_due_is_corrected(
    house: House, world: World, mailed: Outgoing, later: None, facts: dict[str, Any]
) -> None:
    """[I5] A line beyond the cap, or in the quiet block, asked nobody to pay."""
    with house.database.transaction(EVERYTHING) as session:
        line = session.scalars(select(DigestLine).where(DigestLine.digest_id == mailed.digest_id)).one()
        for name, value in facts.items():
            setattr(line, name, value)
    settle(house, world)
    correct(house)
    assert corrections(house) == []


def test_it_waits_for_a_digest_that_is_about_to_say_it(
    house: House, world: World, mailed: Outgoing, travel: Callable[[datetime], None]
) -> None:
    """[I5] Within the hour: once that has left, the customer knows; had it nothing to say, the apology goes."""
    change(house, world.cobalt.mailbox, next_digest_at=NOW + 50 * MINUTE)
    settle(house, world)
    travel(NOW + 20 * MINUTE)
    assert correct(house) == 0
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = NOW + timedelta(days=1)
    assert correct(house) == 1
    assert len(corrections(house)) == 1


def test_a_later_digest_has_told_it(house: House, world: World, mailed: Outgoing, travel: Callable[..., None]) -> None:
    """[I5 C6] It thanked for the payment: a second word would be one too many."""
    settle(house, world)
    travel(NOW + HOUR)
    next_mail = cobalts_digest(house, world, window="2026-W49")
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Digest, next_mail.digest_id).accepted_at = NOW + HOUR
        session.get_one(Outgoing, next_mail.id).state = OutgoingState.ACCEPTED
    assert correct(house) == 1
    assert corrections(house) == []
    assert cases(house)[0][1].startswith("told by a later digest")


@pytest.mark.parametrize("state", [OutgoingState.CLAIMED, OutgoingState.HELD])
def test_a_mail_whose_fate_is_open_is_waited_for(
    house: House, world: World, mailed: Outgoing, later: None, state: OutgoingState
) -> None:
    """[I5 inv-S7] Whether it asked at all is not known yet."""
    change(house, mailed, state=state)
    settle(house, world)
    assert correct(house) == 0
    change(house, mailed, state=OutgoingState.ACCEPTED)
    assert correct(house) == 1
    assert len(corrections(house)) == 1


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"suppressed_at": NOW}, "the address takes no mail"),
        ({"reminders_off_at": NOW}, "reminders are off"),
    ],
)
def test_who_wants_no_mail_gets_no_apology(
    house: House, world: World, mailed: Outgoing, later: None, facts: dict[str, Any], why: str
) -> None:
    """[I5 inv-S10] The case is on record all the same."""
    change(house, world.cobalt.mailbox, **facts)
    settle(house, world)
    correct(house)
    assert corrections(house) == []
    assert cases(house)[0][:2] == ("digest.mistaken", why)


@pytest.mark.parametrize("what", ["blocked", "suspended", "open again"])
def test_nothing_is_said_of_a_supplier_that_is_out_or_an_invoice_that_is_back(
    house: House, world: World, mailed: Outgoing, later: None, what: str
) -> None:
    """[I5 inv-S10 L3]"""
    settle(house, world)
    if what == "blocked":
        with house.database.transaction(EVERYTHING) as session:
            pair = {"customer_id": world.cobalt.customer.id, "vendor_id": world.acme.vendor.id}
            session.add(Relation(**pair, blocked_at=NOW))
    elif what == "suspended":
        change(house, world.acme.vendor, trust=Trust.SUSPENDED)
    else:
        change(house, world.acme_invoice, state=InvoiceState.OPEN, balance_minor=1)
    correct(house)
    assert corrections(house) == []
    assert cases(house)[0][0] == "digest.mistaken"


def told(house: House, world: World) -> None:
    event = {"provider": "quickbooks", "event_key": "k", "headers": {}, "body": b"", "due_at": NOW}
    with house.database.transaction(EVERYTHING) as session:
        session.add(ProviderEvent(**event, received_at=NOW - 3 * HOUR))


def unreachable(house: House, world: World) -> None:
    owned = {"vendor_id": world.acme.vendor.id, "connection_id": world.acme.connection.id}
    with house.database.transaction(EVERYTHING) as session:
        session.add(SyncRun(**owned, mode="changes", started_at=NOW - HOUR, error="no answer"))


@pytest.mark.parametrize(
    ("prepare", "facts", "cause"),
    [
        (None, {"settled_at": NOW - timedelta(seconds=30)}, "settled between our last look and the hand-over"),
        (unreachable, {}, "the provider could not be asked"),
        (None, {"told_at": NOW + 9 * MINUTE}, "the webhook came late"),
        (None, {"told_at": NOW - HOUR}, "the webhook waited here"),
        (told, {}, "the webhook was lost"),
        (None, {}, "no webhook: the books were looked at too late"),
    ],
)
def test_every_case_has_its_cause_on_record(
    house: House, world: World, mailed: Outgoing, later: None, prepare: Any, facts: dict[str, Any], cause: str
) -> None:
    """[I5 inv-F2] What let the mail go wrong."""
    if prepare:
        prepare(house, world)
    settle(house, world, **facts)
    correct(house)
    assert cases(house)[0][2] == cause


def test_no_mail_of_anybody_else_is_touched(house: House, world: World, mailed: Outgoing, later: None) -> None:
    """[I5 inv-I2] The outsider hears nothing."""
    settle(house, world)
    correct(house)
    assert {mail.address for mail in corrections(house)} == {"ap@cobalt.example"}


def test_an_unsubscribe_on_the_way_stops_the_apology(house: House, world: World) -> None:
    """[I5 inv-S10] It is of the reminders' class."""
    owners = {"mailbox_id": world.cobalt.mailbox.id, "person_id": None, "login_token_id": None}
    mail = DueMail(
        new_id(), OutgoingKind.CORRECTION, "ap@cobalt.example", NOW, **owners, digest_id=None, thread_id=None
    )
    to = Addressee("ap@cobalt.example", "ap@cobalt.example")
    assert decide(mail, to, None, (), house.limits, NOW).action == "send"
    assert decide(mail, replace(to, reminders_off_at=NOW), None, (), house.limits, NOW).action == "drop"
