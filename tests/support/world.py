"""The small world of the tests: vendors Acme and Birch, customer Cobalt who owes both, and an outsider.

Each factory writes one noun through the session it is given and returns it; what a test cares about it says by name.

    with house.database.transaction(EVERYTHING) as session:
        world = small_world(session)
        late = invoice(session, world.acme, world.cobalt, number="A-7", due_on=date(2026, 11, 1), amount="120.00")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.links import digest_of
from app.models import (
    BillTo,
    Cadence,
    Connection,
    ConnectionState,
    Customer,
    CustomerMember,
    CustomerRole,
    Digest,
    DigestLine,
    DomainProof,
    Invoice,
    InvoiceState,
    LineKind,
    Mailbox,
    Message,
    MessageAttachment,
    Outcome,
    Person,
    ProofWay,
    Side,
    Thread,
    ThreadInvoice,
    Trust,
    Vendor,
    VendorMember,
    VendorRole,
)
from app.money import Money, exponent
from app.scope import Everything

EVERYTHING = Everything("a test builds its world")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # tests.support.time.MONDAY_MORNING
TODAY = date(2026, 11, 23)

Row = TypeVar("Row")
_number = count(1)


@dataclass(frozen=True)
class Owing:
    """A customer with its first mailbox and the person who proved it."""

    customer: Customer
    mailbox: Mailbox
    person: Person


@dataclass(frozen=True)
class Selling:
    """A vendor with its owner and one live connection."""

    vendor: Vendor
    person: Person
    connection: Connection


@dataclass(frozen=True)
class World:
    acme: Selling
    birch: Selling
    cobalt: Owing
    outsider: Owing  # owes nobody here and must see nothing
    acme_invoice: Invoice  # Cobalt's, overdue, 1,250.00 USD
    birch_invoice: Invoice  # Cobalt's, due within the week, 80,000 JPY


def small_world(session: Session) -> World:
    acme = vendor(session, "Acme", address="owner@acme.example")
    birch = vendor(session, "Birch", address="owner@birch.example", provider="xero", currency="JPY")
    cobalt = customer(session, "Cobalt", address="ap@cobalt.example")
    outsider = customer(session, "Outsider", address="ap@outsider.example")
    return World(
        acme,
        birch,
        cobalt,
        outsider,
        acme_invoice=invoice(session, acme, cobalt, number="A-1", due_on=date(2026, 11, 9), amount="1250.00"),
        birch_invoice=invoice(session, birch, cobalt, number="B-1", due_on=date(2026, 11, 27), amount="80000"),
    )


def person(session: Session, address: str, **facts: Any) -> Person:
    """The person of that address, made when there is none."""
    found = session.scalar(select(Person).where(Person.address == address))
    return found or _kept(session, Person(**{"address": address, **facts}))


def vendor(
    session: Session, name: str, *, address: str, provider: str = "quickbooks", currency: str = "USD", **facts: Any
) -> Selling:
    """A verified vendor that is live, its owner at ``address``, whose domain is proven, and one active connection with
    fresh data."""
    defaults = {"name": name, "legal_name": name, "currency": currency, "trust": Trust.VERIFIED, "live_at": NOW}
    made = _kept(session, Vendor(**{**defaults, **facts}))
    owner = person(session, address)
    vendor_member(session, made, owner, VendorRole.OWNER)
    if made.trust == Trust.VERIFIED:
        proof = {"record": "sheaf-proof=here", "asked_by_id": owner.id, "proven_at": NOW, "way": ProofWay.MAIL}
        _kept(session, DomainProof(vendor_id=made.id, domain=address.partition("@")[2], **proof))
    return Selling(made, owner, connection(session, made, owner, provider=provider))


def vendor_member(session: Session, at: Vendor, who: Person, role: VendorRole = VendorRole.AGENT) -> VendorMember:
    return _kept(session, VendorMember(vendor_id=at.id, person_id=who.id, role=role))


def connection(session: Session, of: Vendor, by: Person, **facts: Any) -> Connection:
    defaults = {
        "vendor_id": of.id,
        "person_id": by.id,
        "provider": "quickbooks",
        "account_id": f"account-{next(_number)}",
        "account_name": of.name,
        "account_currency": of.currency,
        "state": ConnectionState.ACTIVE,
        "first_synced_at": NOW,
        "as_of": NOW,
        "created_at": NOW,
    }
    return _kept(session, Connection(**{**defaults, **facts}))


def customer(session: Session, name: str, *, address: str, **mailbox_facts: Any) -> Owing:
    """A customer, its proven mailbox at ``address`` (weekly, Monday at nine, UTC) and the person behind it as admin."""
    made = _kept(session, Customer(name=name))
    box = mailbox(session, made, address, **{"proven_at": NOW, **mailbox_facts})
    who = person(session, address)
    customer_member(session, made, who, CustomerRole.ADMIN)
    return Owing(made, box, who)


def customer_member(
    session: Session, at: Customer, who: Person, role: CustomerRole = CustomerRole.PAYER
) -> CustomerMember:
    return _kept(session, CustomerMember(customer_id=at.id, person_id=who.id, role=role))


def mailbox(session: Session, of: Customer, address: str, **facts: Any) -> Mailbox:
    defaults = {"customer_id": of.id, "address": address, "cadence": Cadence.WEEKLY, "weekday": 0}
    return _kept(session, Mailbox(**{**defaults, **facts}))


def bill_to(session: Session, by: Selling, to: Owing | None, **facts: Any) -> BillTo:
    """``to`` as the vendor's books know it; None makes one that reaches nobody."""
    address = to.mailbox.address if to else None
    defaults = {
        "vendor_id": by.vendor.id,
        "connection_id": by.connection.id,
        "external_id": f"bill-to-{next(_number)}",
        "version": 1,
        "content_hash": 0,
        "name": to.customer.name if to else "Nobody",
        "address": address,
        "address_text": address or "",
        "mailbox_id": to.mailbox.id if to else None,
        "customer_id": to.customer.id if to else None,
    }
    return _kept(session, BillTo(**{**defaults, **facts}))


def invoice(
    session: Session, by: Selling, to: Owing | None, *, amount: str = "100.00", currency: str = "", **facts: Any
) -> Invoice:
    """An open invoice over ``amount``, nothing paid yet, due today unless said otherwise."""
    code = currency or by.vendor.currency
    minor = Money.of(amount, code).minor
    defaults = {
        "vendor_id": by.vendor.id,
        "connection_id": by.connection.id,
        "bill_to_id": _bill_to_of(session, by, to).id if to else None,
        "customer_id": to.customer.id if to else None,
        "mailbox_id": to.mailbox.id if to else None,
        "external_id": f"invoice-{next(_number)}",
        "version": 1,
        "content_hash": 0,
        "number": f"N-{next(_number)}",
        "issued_on": date(2026, 10, 26),
        "due_on": TODAY,
        "currency": code,
        "exponent": exponent(code),
        "total_minor": minor,
        "balance_minor": minor,
        "due_minor": minor,
        "state": InvoiceState.OPEN,
        "raw_state": "Open",
        "can_pay_online": True,
        "updated_at": NOW,
    }
    return _kept(session, Invoice(**{**defaults, **facts}))


def thread(session: Session, by: Selling, to: Owing, about: Invoice | None = None, **facts: Any) -> Thread:
    """A question of the customer's, waiting for the vendor."""
    owners = {"vendor_id": by.vendor.id, "customer_id": to.customer.id}
    defaults = {"mailbox_id": to.mailbox.id, "subject": "A question", "waiting_since": NOW, "created_at": NOW}
    made = _kept(session, Thread(**{**owners, **defaults, **facts}))
    if about is not None:
        _kept(session, ThreadInvoice(thread_id=made.id, invoice_id=about.id, **owners))
    asked = {"thread_id": made.id, "side": Side.CUSTOMER, "person_id": to.person.id, "via": "page", "created_at": NOW}
    _kept(session, Message(body="Which order is this for?", **asked, **owners))
    return made


def attachment(session: Session, of: Thread, name: str = "order.pdf", data: bytes = b"%PDF-1.7") -> MessageAttachment:
    """A file that came with the thread's first message."""
    said = session.scalars(select(Message).where(Message.thread_id == of.id).order_by(Message.created_at)).first()
    owners = {"vendor_id": of.vendor_id, "customer_id": of.customer_id, "thread_id": of.id}
    facts = {"name": name, "kind": "application/pdf", "size": len(data), "sha256": sha256(data).digest(), "data": data}
    return _kept(session, MessageAttachment(message_id=said.id if said else None, **owners, **facts))


def digest(session: Session, to: Owing, lines: Sequence[Invoice] = (), *, token: str = "", **facts: Any) -> Digest:
    """An accepted digest with ``lines`` as shown; ``token`` opens it for a week."""
    defaults = {
        "customer_id": to.customer.id,
        "mailbox_id": to.mailbox.id,
        "window": f"w-{next(_number)}",
        "due_at": NOW,
        "outcome": Outcome.ACCEPTED,
        "accepted_at": NOW,
        "shown_lines": len(lines),
        "all_lines": len(lines),
        "token_hash": digest_of(token) if token else None,
        "token_expires_at": NOW + timedelta(days=7) if token else None,
    }
    made = _kept(session, Digest(**{**defaults, **facts}))
    for number, owed in enumerate(lines, 1):
        _kept(session, _line(session, made, number, owed))
    return made


def _line(session: Session, of: Digest, number: int, owed: Invoice) -> DigestLine:
    return DigestLine(
        digest_id=of.id,
        line=number,
        customer_id=of.customer_id,
        vendor_id=owed.vendor_id,
        invoice_id=owed.id,
        kind=LineKind.DUE,
        vendor_name=session.get_one(Vendor, owed.vendor_id).name,
        number=owed.number,
        issued_on=owed.issued_on,
        due_on=owed.due_on,
        currency=owed.currency,
        amount_minor=owed.due_minor,
        total_minor=owed.total_minor,
        as_of=NOW,
    )


def _bill_to_of(session: Session, by: Selling, to: Owing) -> BillTo:
    known = select(BillTo).where(BillTo.connection_id == by.connection.id, BillTo.mailbox_id == to.mailbox.id)
    return session.scalars(known).first() or bill_to(session, by, to)


def _kept(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row
