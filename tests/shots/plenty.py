"""One of everything between a vendor and a customer, or three hundred: what lists have to carry, and people wrote."""

from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.house import House
from app.models import (
    Alarm,
    Attempt,
    AttemptResult,
    AuditEntry,
    BillTo,
    CannedAnswer,
    ContactKind,
    CustomerFact,
    FactField,
    HoldKind,
    HoldResult,
    InboundMail,
    InboundOutcome,
    Invoice,
    JobRun,
    Message,
    OfflineContact,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    ProviderEvent,
    Quarantined,
    Report,
    Side,
    SyncRun,
    ThreadNote,
    Trust,
    WriteBack,
)
from tests.support import story
from tests.support import world as make
from tests.support.links import credit
from tests.support.world import NOW, TODAY, Owing, Selling
from tests.test_access_matrix import everything_between

CURRENCIES = ("USD", "EUR", "JPY", "KWD")  # two, two, none and three decimals
RTL_VENDOR = "شركة النور للتجارة والتوريدات"
LONG_CUSTOMER = "Cobalt Werkzeug- und Maschinenbaugesellschaft mbH & Co. KG"
_NAMES = (
    "Birch & Söhne",
    RTL_VENDOR,
    "Cedar Studio",
    "Österreichische Papierfabrik Aktiengesellschaft",
    "丸紅商事",
)
_AMOUNTS = ("1250.00", "18.40", "1234567", "99.999")
_QUESTION = "Which delivery was this for? Our order says twelve pallets, the note that came with them says ten."
_ANSWER = "For that of 26 October: ten pallets came then, two a week later. Your order number is on the invoice."
Word = TypeVar("Word", bound=StrEnum)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def plenty(house: House, session: Session, seller: Selling, payer: Owing, rows: int) -> list[Invoice]:
    """``rows`` of everything, for the vendor as for the customer; returns what the customer owes."""
    owed = [_deal(session, seller, payer, 0)]
    for number in range(1, rows):
        name = f"{_NAMES[number % len(_NAMES)]} {number}"
        buyer = make.customer(session, name, address=f"ap{number}@buyer{number}.example")
        other = make.vendor(
            session, name, address=f"owner@vendor{number}.example", currency=CURRENCIES[number % 4],
            trust=Trust.NEW if number % 9 == 0 else Trust.VERIFIED,
        )  # fmt: skip
        everything_between(house, session, seller, buyer)
        everything_between(house, session, other, payer)
        _deal(session, seller, buyer, number)
        owed.append(_deal(session, other, payer, number))
        make.vendor_member(session, seller.vendor, make.person(session, f"colleague{number}@acme.example"))
        make.customer_member(session, payer.customer, make.person(session, f"colleague{number}@cobalt.example"))
    for number in range(rows):
        _behind_the_scenes(session, seller, payer, owed[number], number)
    session.flush()
    return owed


def _deal(session: Session, by: Selling, to: Owing, number: int) -> Invoice:
    """An open invoice, a paid one, a conversation, a claim and money on account."""
    currency, amount = CURRENCIES[number % 4], _AMOUNTS[number % 4]
    due_on = TODAY + timedelta(days=number % 120 - 60)
    facts: dict[str, Any] = {"due_on": due_on, "issued_on": due_on - 30 * _DAY, "po_number": f"PO-{4711 + number}"}
    owed = make.invoice(session, by, to, number=f"A-{1000 + number}", currency=currency, amount=amount, **facts)
    was: dict[str, Any] = {
        "due": 20 + number % 40,
        "late": number % 9 - 3,
        "method": "Card",
        "amount": "310.00",
        "currency": currency,
    }
    late = story.paid(session, by, to, **was)
    story.settlement(session, late, NOW - _DAY)
    talk = story.asked(session, by, to, owed, NOW - (number % 50 + 2) * _HOUR, after=_HOUR if number % 5 != 3 else None)
    _say(session, talk, by, to)
    session.add(ThreadNote(vendor_id=by.vendor.id, thread_id=talk.id, person_id=by.person.id, body="I look into it."))
    story.claimed(session, owed, _pick(HoldKind, number), NOW - _DAY, None if number % 3 == 1 else HoldResult.LAPSED)
    if number % 4 == 0:
        credit(session, by, to, "50", currency)
        story.rating(session, late, to, score=number % 5 + 1, comment="Quick and friendly.")
    return owed


def _say(session: Session, talk: Any, by: Selling, to: Owing) -> None:
    """Something longer from each side."""
    owners = {"vendor_id": by.vendor.id, "customer_id": to.customer.id, "thread_id": talk.id, "via": "page"}
    words = ((Side.CUSTOMER, to.person, _QUESTION), (Side.VENDOR, by.person, _ANSWER))
    for place, (side, who, body) in enumerate(words):
        at = NOW - _HOUR + timedelta(minutes=place)
        session.add(Message(side=side, person_id=who.id, body=body, created_at=at, **owners))


def _behind_the_scenes(session: Session, by: Selling, to: Owing, owed: Invoice, number: int) -> None:
    """What the vendor's people note, what workers and operators see."""
    at, of = NOW - number * _HOUR, {"vendor_id": by.vendor.id}
    books = {**of, "connection_id": by.connection.id}
    mine = (
        make.bill_to(session, by, to, name=f"Branch {number}") if number else session.get_one(BillTo, owed.bill_to_id)
    )
    author = {**of, "person_id": by.person.id}
    mail = Outgoing(
        kind=OutgoingKind.NOTICE, dedupe_key=f"shots-{number}", mailbox_id=to.mailbox.id, address=to.mailbox.address,
        subject="Acme & Sons answered", text="t", due_at=at, created_at=at,
        state=_pick(OutgoingState, number), reason="550 no such user" if number % 3 else "",
    )  # fmt: skip
    session.add(mail)
    session.flush()
    attempt = (AttemptResult.ACCEPTED, AttemptResult.UNKNOWN, AttemptResult.REJECTED)[number % 3]
    started = {"started_at": at, "finished_at": at}
    said = {"received_at": at, "due_at": at, "headers": {}}
    stuck = {
        "outcome": InboundOutcome.QUARANTINED,
        "reason": "Names no conversation",
        "sender_domain": "cobalt.example",
    }
    sealed = {"raw_hash": b"%d" % number, "sealed_key": "k", "sealed_raw": b"r"}
    why = "" if number % 5 else "The provider answered 503: try again in a minute."
    changed = {"action": "policy.changed", "detail": {"field": "reminders", "to": "weekly"}}
    done_at = at if number % 2 else None
    session.add_all(
        [
            Attempt(outgoing_id=mail.id, channel="sendgrid", result=attempt, detail="202", **started),
            CannedAnswer(**of, title=f"Where the goods are, {number}", body="Dear {customer}, they left us today."),
            CustomerFact(**author, bill_to_id=mine.id, field=_pick(FactField, number), value="Pays on Fridays"),
            OfflineContact(**author, bill_to_id=mine.id, kind=_pick(ContactKind, number), said_on=at.date()),
            SyncRun(**books, mode="changes", received=number, changed=number, error=why, **started),
            Quarantined(**books, kind="invoice", external_id=f"{number}", reason="No currency", record={"Id": number}),
            WriteBack(
                **books, invoice_id=owed.id, key=f"{number}", kind="note", words="Promised", due_at=at, done_at=done_at
            ),
            Report(vendor_id=owed.vendor_id, customer_id=to.customer.id, words="We never ordered from them."),
            AuditEntry(at=at, actor="person", **changed, **author),
            JobRun(job="send digests", worker="web-1", done=number, error=why, **started),
            Alarm(name=f"alarm-{number}", words="No event has come back for an hour.", since=at, ended_at=done_at),
            ProviderEvent(provider="quickbooks", event_key=f"e-{number}", body=b"{}", outcome="pulled", **said),
            InboundMail(content_type="multipart/form-data", size=2048, handled_at=at, **sealed, **stuck, **said),
        ]
    )  # fmt: skip


def _pick(words: type[Word], number: int) -> Word:
    """One after the other."""
    every = list(words)
    return every[number % len(every)]
