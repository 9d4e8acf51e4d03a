"""What happened between a vendor and a customer before today, told in a line each: for scorecards and statements."""

from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from app.models import (
    Digest,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceState,
    Message,
    Payment,
    Rating,
    Settlement,
    Side,
    Thread,
    ThreadInvoice,
)
from tests.support import world as make
from tests.support.world import NOW, TODAY, Owing, Selling

_number = count(1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def paid(session: Session, by: Selling, to: Owing, *, due: int, late: int, method: str = "", **facts: Any) -> Invoice:
    """An invoice due ``due`` days ago, paid ``late`` days after that (early: below zero), as the books tell it."""
    due_on = TODAY - timedelta(days=due)
    paid_on = due_on + timedelta(days=late)
    settled = {"state": InvoiceState.PAID, "balance_minor": 0, "due_minor": 0, "settled_at": noon(paid_on)}
    made = make.invoice(
        session, by, to, **{"due_on": due_on, "issued_on": due_on - timedelta(days=30), **settled, **facts}
    )
    session.add(
        Payment(
            vendor_id=by.vendor.id,
            connection_id=by.connection.id,
            external_id=f"payment-{next(_number)}",
            version=1,
            content_hash=0,
            customer_id=to.customer.id,
            paid_on=paid_on,
            currency=made.currency,
            exponent=made.exponent,
            amount_minor=made.total_minor,
            method=method,
            applied=[[made.external_id, made.total_minor]],
        )
    )
    session.flush()
    return made


def settlement(session: Session, of: Invoice, seen_at: datetime) -> Settlement:
    """We saw it being settled."""
    made = Settlement(
        vendor_id=of.vendor_id,
        customer_id=of.customer_id,
        invoice_id=of.id,
        connection_id=of.connection_id,
        state=InvoiceState.PAID,
        settled_at=seen_at,
        seen_at=seen_at,
    )
    session.add(made)
    session.flush()
    return made


def asked(
    session: Session, by: Selling, to: Owing, about: Invoice | None, at: datetime, *, after: timedelta | None = None,
    topic: str = "", result: str = "", **facts: Any,
) -> Thread:  # fmt: skip
    """The customer asks; the vendor's owner answers ``after`` that, and closes it where ``result`` says how."""
    owners = {"vendor_id": by.vendor.id, "customer_id": to.customer.id}
    made = Thread(mailbox_id=to.mailbox.id, subject="A question", topic=topic, created_at=at, result=result, **owners)
    session.add(made)
    session.flush()
    if about is not None:
        session.add(ThreadInvoice(thread_id=made.id, invoice_id=about.id, **owners))
    session.add(Message(thread_id=made.id, side=Side.CUSTOMER, via="link", body="Why?", created_at=at, **owners))
    if after is not None:
        who = {"thread_id": made.id, "side": Side.VENDOR, "via": "page", "person_id": by.person.id}
        session.add(Message(body="Because.", created_at=at + after, **{**who, **owners, **facts}))
        if result:
            made.closed_at = at + after + HOUR
            session.add(Message(body="", result=result, created_at=made.closed_at, **who, **owners))
    session.flush()
    return made


def claimed(
    session: Session, about: Invoice, kind: HoldKind, at: datetime, result: HoldResult | None = None, **facts: Any
) -> Hold:
    """What a customer claimed of an invoice at ``at``; with a result it ended two days later."""
    made = Hold(
        vendor_id=about.vendor_id,
        customer_id=about.customer_id,
        invoice_id=about.id,
        kind=kind,
        created_at=at,
        ends_at=at + 30 * DAY,
        ended_at=at + 2 * DAY if result else None,
        result=result,
        **{"promised_on": at.date() if kind == HoldKind.PROMISE else None, **facts},
    )
    session.add(made)
    session.flush()
    return made


def rating(session: Session, of: Invoice, to: Owing, *, score: int | None, at: datetime = NOW, **facts: Any) -> Rating:
    """A digest of ``to`` asked about the vendor of an invoice; ``score`` None: no answer."""
    mailed: Digest = make.digest(session, to)
    made = Rating(
        vendor_id=of.vendor_id,
        customer_id=to.customer.id,
        mailbox_id=to.mailbox.id,
        invoice_id=of.id,
        expires_at=at + 30 * DAY,
        digest_id=mailed.id,
        asked_at=at,
        score=score,
        answered_at=at if score else None,
        **facts,
    )
    session.add(made)
    session.flush()
    return made


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), NOW.tzinfo)
