"""Writes about paying: what pressing Pay does, and the hold that says a payment is on its way."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.house import House
from app.models import Hold, HoldKind, Invoice
from app.receivables.actions import end_holds, record_act
from app.receivables.queries import Row, find_row
from app.settings import Limits
from app.trust.payees import meet_host
from app.trust.queries import is_suspended
from app.trust.rules import counts

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PayDesk:
    """The way to the provider's pay pages, handed in by wsgi: the house has never heard of the connectors.

    ``look`` asks the provider for the invoice's newest state, within seconds, and ingests it; ``link`` fetches the live
    pay page (None: there is none); ``host`` names the host that page will have, without asking anybody. None of them
    raises when the provider cannot be reached: what we know then stands, and there is no page.
    """

    look: Callable[[UUID, float], None]
    link: Callable[[UUID], str | None]
    host: Callable[[UUID], str]


class Paid(StrEnum):
    """What became of pressing Pay."""

    GO = "go"  # the provider's page is ready
    SETTLED = "settled"  # nothing is owed any more
    CHANGED = "changed"  # the amount is not the one that was shown: show it, ask again
    IN_PROGRESS = "in_progress"  # somebody already started: ask again
    ELSEWHERE = "elsewhere"  # the page has another host than the one that was named: name it, ask again
    FROZEN = "frozen"  # the page's host is new for this vendor: nobody is sent there yet
    PAUSED = "paused"  # the operator has suspended the vendor
    NO_PAGE = "no_page"  # the provider has no page for it now: show how to pay instead


@dataclass(frozen=True, slots=True)
class PayOutcome:
    what: Paid
    row: Row | None
    url: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Press:
    """What the person saw and said when pressing Pay: the amount, the host it would lead to, and that a payment
    already started is known."""

    shown_minor: int
    shown_host: str
    is_sure: bool = False
    person_id: UUID | None = None


def press_pay(house: House, desk: PayDesk, invoice_id: UUID, press: Press, now: datetime) -> PayOutcome:
    """Look again at the provider, fetch its live page, and put the invoice on hold as being paid (FEATURES E1 E2 E7).

    No transaction is open while the provider is asked. Nothing happens unless amount and host are those shown before.
    """
    desk.look(invoice_id, house.limits.click_check_seconds)
    with house.database.reading() as session:
        row = find_row(session, invoice_id, now)
    if row is None or not row.is_open:
        return PayOutcome(Paid.SETTLED, row)
    if row.due_minor != press.shown_minor:
        return PayOutcome(Paid.CHANGED, row, host=desk.host(invoice_id))
    if row.hold == HoldKind.PAYING and not press.is_sure:
        return PayOutcome(Paid.IN_PROGRESS, row, host=desk.host(invoice_id))
    url = desk.link(invoice_id)
    host = host_of(url or "", is_secure=house.settings.is_secure)
    if not url or not host:
        return PayOutcome(Paid.NO_PAGE, row)
    if press.shown_host not in (host, host.partition(":")[0]):
        log.warning("pay page has another host", invoice=str(invoice_id), host=host)
        return PayOutcome(Paid.ELSEWHERE, row, host=host)
    with house.database.transaction() as session:
        what = _let_pay(session, row, host, now, house.limits)
        if what == Paid.GO:
            start_payment(session, invoice_id=invoice_id, now=now, limits=house.limits, person_id=press.person_id)
    return PayOutcome(what, row, url if what == Paid.GO else "", host)


def _let_pay(session: Session, row: Row, host: str, now: datetime, limits: Limits) -> Paid:
    """The last look, in the transaction that begins the payment: is the vendor in good standing, and may its customers
    be sent to that host (INVARIANTS L7)."""
    if is_suspended(session, row.vendor_id):
        return Paid.PAUSED
    return Paid.GO if counts(meet_host(session, row.vendor_id, host, now, limits), now) else Paid.FROZEN


def host_of(url: str, *, is_secure: bool) -> str:
    """Where a pay page leads, as it is named to people: ``pay.example`` or ``127.0.0.1:9000``. Empty for an address
    nobody may be sent to; plain http is one wherever we ourselves are served securely."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    allowed = ("https",) if is_secure else ("https", "http")
    return f"{parts.hostname}{port}" if parts.hostname and parts.scheme in allowed else ""


def start_payment(
    session: Session, *, invoice_id: UUID, now: datetime, limits: Limits, person_id: UUID | None = None
) -> Hold:
    """From checkout start the invoice is not dunned for a while; the provider's word ends it earlier (FEATURES E7)."""
    invoice = session.get_one(Invoice, invoice_id)
    end_holds(session, invoice_ids=[invoice_id], kind=HoldKind.PAYING, now=now, reason="Started again")
    hold = Hold(
        vendor_id=invoice.vendor_id,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        kind=HoldKind.PAYING,
        ends_at=now + timedelta(minutes=limits.paying_minutes),
        amount_minor=invoice.due_minor,
        person_id=person_id,
        created_at=now,
    )
    session.add(hold)
    record_act(session, invoice, "payment.started", now, person_id)
    log.info("payment started", invoice=str(invoice.id))
    return hold
