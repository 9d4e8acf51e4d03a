"""Writes about paying: what pressing Pay does, and the hold that says a payment is on its way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.house import House
from app.ids import new_id
from app.models import AuditEntry, FailureText, Hold, HoldKind, Invoice, PayRule, Person, Remittance, Setback, TaskKind
from app.money import exponent, format_minor
from app.paying.notices import tell_of_remittance
from app.paying.queries import PaySheet
from app.paying.told import text_of
from app.receivables.actions import end_holds, hold_invoice, record_act
from app.receivables.queries import Row, find_row
from app.scope import widened
from app.settings import Limits
from app.tasks.actions import drop_task
from app.trust.actions import record
from app.trust.payees import meet_host
from app.trust.queries import is_suspended
from app.trust.rules import counts
from app.words import _, locale

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
            until = now + timedelta(minutes=house.limits.paying_minutes)
            start_payment(session, invoice_id=invoice_id, until=until, now=now, person_id=press.person_id)
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
    session: Session,
    *,
    invoice_id: UUID,
    until: datetime,
    now: datetime,
    minor: int | None = None,
    person_id: UUID | None = None,
    said_by: str = "",
) -> Hold:
    """From here on the invoice is not dunned for a while; the provider's word ends it earlier (FEATURES E7). ``minor``:
    what is being paid, where that is not all that is due."""
    invoice = session.get_one(Invoice, invoice_id)
    end_holds(session, invoice_ids=[invoice_id], kind=HoldKind.PAYING, now=now, reason=_("Started again"))
    hold = Hold(
        vendor_id=invoice.vendor_id,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        kind=HoldKind.PAYING,
        ends_at=until,
        amount_minor=invoice.due_minor if minor is None else minor,
        person_id=person_id,
        said_by=said_by,
        created_at=now,
    )
    session.add(hold)
    record_act(session, invoice, "payment.started", now, person_id)
    log.info("payment started", invoice=str(invoice.id))
    return hold


# --- what the customer sends by another road ------------------------------------------------------------------------


class CannotSend(ValueError):
    """What was said cannot be; the message is for whoever said it."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What somebody of the customer says to have sent, or to send on ``pays_on``. ``shown_minor`` is what the page said
    the transfer is over; ``part_minor`` a part of it, where the vendor takes parts, the rest to follow by ``rest_on``.
    ``method``: one of the vendor's own; "" is a bank transfer."""

    shown_minor: int
    pays_on: date
    part_minor: int | None = None
    method: str = ""
    person: Person | None = None
    said_by: str = ""

    @property
    def author(self) -> str:
        return self.person.name if self.person else self.said_by


def advise(
    session: Session, house: House, sheet: PaySheet, sending: Sending, *, customer_id: UUID, now: datetime, today: date
) -> Remittance:
    """The vendor gets the list of what is covered, and the invoices rest until the money has had time to arrive
    (FEATURES E12 E11). Raises CannotSend; then nothing was written."""
    _check(sheet, sending, today, house.limits)
    lines = _lines(sheet, sending)
    first = sheet.asks[0].row
    sent = Remittance(
        id=new_id(),
        vendor_id=first.vendor_id,
        customer_id=customer_id,
        method=sending.method,
        reference=_reference(sheet, sending.method),
        currency=first.currency,
        exponent=exponent(first.currency),
        total_minor=sending.part_minor or sheet.transfer_minor,
        credit_minor=0 if sending.part_minor else sheet.netted_minor,
        pays_on=sending.pays_on,
        lines=lines,
        person_id=sending.person.id if sending.person else None,
        said_by=sending.author,
        created_at=now,
    )
    session.add(sent)
    arrives = datetime.combine(sending.pays_on + timedelta(days=house.limits.transfer_days + 1), time(), UTC)
    for ask, line in zip(sheet.asks, lines, strict=True):
        start_payment(
            session,
            invoice_id=ask.row.id,
            until=arrives,
            now=now,
            minor=line[2],
            person_id=sent.person_id,
            said_by=sending.author,
        )
    session.flush()
    tell_of_remittance(session, house, sent, now)
    log.info("remittance advised", remittance=str(sent.id), lines=len(lines))
    return sent


def _check(sheet: PaySheet, sending: Sending, today: date, limits: Limits) -> None:
    if sheet.terms.is_paused:
        raise CannotSend(_("Our people are looking at this supplier. Until they are done, please send nothing."))
    if sending.shown_minor != sheet.transfer_minor:
        raise CannotSend(_("What is owed has changed since this page was shown. Look at the amounts again."))
    if not today <= sending.pays_on <= today + timedelta(days=limits.transfer_ahead_days):
        raise CannotSend(_("Choose a day between today and %(days)s days from now.", days=limits.transfer_ahead_days))
    if any(ask.discount and sending.pays_on > ask.discount.until for ask in sheet.asks):
        raise CannotSend(_("On that day the discount is no longer given. Choose an earlier day."))
    if sending.method and sending.method not in {method.name for method in sheet.methods}:
        raise CannotSend(_("The supplier no longer takes payments that way. Look at the ways it names now."))
    if sending.part_minor is not None:
        _check_part(sheet, sending.part_minor)


def _check_part(sheet: PaySheet, part_minor: int) -> None:
    least, due = sheet.least_minor, sheet.asks[0].row.due_minor
    if least is None:
        raise CannotSend(_("%(vendor)s takes no part payments.", vendor=sheet.vendor_name))
    if not least <= part_minor <= due:
        said = [format_minor(minor, sheet.currency, locale()) for minor in (least, due)]
        raise CannotSend(_("A part is between %(least)s and %(most)s.", least=said[0], most=said[1]))


def _lines(sheet: PaySheet, sending: Sending) -> list[list[Any]]:
    """[invoice id, number, minor, discount]. Whoever pays a part takes no discount."""
    if sending.part_minor is not None:
        return [[str(sheet.asks[0].row.id), sheet.asks[0].row.label, sending.part_minor, 0]]
    return [
        [str(ask.row.id), ask.row.label, ask.minor, ask.discount.minor if ask.discount else 0] for ask in sheet.asks
    ]


def _reference(sheet: PaySheet, method: str) -> str:
    return next((each.reference for each in sheet.methods if each.name == method), sheet.reference)


def take_back(session: Session, sent: Remittance, now: datetime) -> None:
    """It was not sent after all: the invoices are asked for again."""
    if sent.withdrawn_at is not None:
        return
    sent.withdrawn_at = now
    ids = [UUID(line[0]) for line in sent.lines]
    end_holds(session, invoice_ids=ids, kind=HoldKind.PAYING, now=now, reason=_("Not sent after all"))


# --- what the vendor decides ----------------------------------------------------------------------------------------


def decide_short(
    session: Session, house: House, setback: Setback, *, is_accepted: bool, person_id: UUID, now: datetime
) -> None:
    """The vendor lets the rest of a short payment be, and it rests until the books say so; or it asks for the rest, and
    the customer's page and mail say by how much it came short (FEATURES I7). Decided once."""
    if setback.accepted_at or setback.disputed_at:
        return
    with widened(session, "what the books told is written by workers; the vendor's word on it is the vendor's"):
        if is_accepted:
            setback.accepted_at = now
        else:
            setback.disputed_at = now
        drop_task(session, setback.vendor_id, TaskKind.PAYMENT, str(setback.invoice_id), now)
    invoice = session.get_one(Invoice, setback.invoice_id)
    if is_accepted:
        until = now + timedelta(days=house.limits.accepted_short_days)
        note = _("The supplier lets the rest be, and takes it out of its books.")
        hold_invoice(session, invoice=invoice, until=until, note=note, now=now, person_id=person_id)
    record_act(session, invoice, "short.accepted" if is_accepted else "short.disputed", now, person_id)


def keep_rule(session: Session, vendor_id: UUID, values: Mapping[str, object], person_id: UUID, now: datetime) -> None:
    """What the vendor allows and asks for when it is paid; ``values``: columns of its PayRule."""
    rule = session.get(PayRule, vendor_id)
    if rule is None:
        rule = PayRule(vendor_id=vendor_id)
        session.add(rule)
    for name, value in values.items():
        setattr(rule, name, value)
    record(session, vendor_id, "pay_rule.changed", now, person_id, **{name: str(said) for name, said in values.items()})


# --- what the operator decides --------------------------------------------------------------------------------------


def keep_text(
    session: Session, reason: str, language: str, said: Mapping[str, str] | None, person_id: UUID, now: datetime
) -> None:
    """The operator's words for a reason in one language; None: ours again."""
    own = text_of(session, reason, language)
    if said is None:
        if own is not None:
            session.delete(own)
    else:
        own = own or FailureText(reason=reason, language=language)
        own.happened, own.next_step, own.prevention = said["happened"], said["next_step"], said["prevention"]
        own.changed_at, own.changed_by_id = now, person_id
        session.add(own)
    said_now = "" if said is None else said["happened"]
    detail = {"reason": reason, "language": language, "happened": said_now}
    session.add(AuditEntry(at=now, actor="operator", person_id=person_id, action="failure_text.changed", detail=detail))
