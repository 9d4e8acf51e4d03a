"""Writes of the vendor's own: its profile, a letter by hand in place of a reminder, and what was told elsewhere."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from app.care import actions as care
from app.care.actions import Told
from app.conversations.letters import write_letter
from app.desk.forms import ProfileForm
from app.house import House
from app.models import AuditEntry, BillTo, ContactKind, Invoice, Person, Thread, Vendor
from app.receivables.actions import hold_invoice
from app.settings import Limits
from app.trust.actions import judge, name_given
from app.words import _

log = structlog.get_logger()


def change_profile(session: Session, *, vendor: Vendor, form: ProfileForm, person: Person, now: datetime) -> None:
    """Take over a checked form; what changed is in the audit, old and new."""
    wanted: dict[str, str | int] = {
        "name": form.name,
        "colour": form.colour,
        "support_address": form.support_address,
        "country": form.country,
        "zone": form.zone,
        "opens_at": int(form.opens_at),
        "closes_at": int(form.closes_at),
    }
    changed = {name: [getattr(vendor, name), new] for name, new in wanted.items() if getattr(vendor, name) != new}
    if not changed:
        return
    for name, (_old, new) in changed.items():
        setattr(vendor, name, new)
    _record(session, vendor, "vendor.changed", person, now, changed)
    if "name" in changed:
        name_given(session, vendor, now)
        judge(session, vendor, now, person.id)
    log.info("profile changed", vendor=str(vendor.id), fields=sorted(changed))


def change_logo(
    session: Session, vendor: Vendor, key: str, data: bytes | None, *, person: Person, now: datetime
) -> None:
    """Another logo has another address; the one before is nowhere any more."""
    vendor.logo_key, vendor.logo = key, data
    _record(session, vendor, "vendor.logo", person, now, {"key": key})
    log.info("logo changed", vendor=str(vendor.id), size=len(data or b""))


def write_by_hand(
    session: Session, *, house: House, invoice: Invoice, person: Person, body: str, until: datetime, now: datetime
) -> Thread:
    """A letter in place of the planned row: it is sent, and the row waits until then (FEATURES F10, claim 003-15).
    Raises ConversationError."""
    thread = write_letter(session, house=house, invoice=invoice, person=person, body=body, now=now)
    note = _("We wrote to you about it")
    hold_invoice(session, invoice=invoice, until=until, note=note, now=now, person_id=person.id)
    return thread


def log_contact(
    session: Session, *, bill_to: BillTo, invoice: Invoice | None, told: Told, person: Person, now: datetime,
    limits: Limits, zone: str,
) -> None:  # fmt: skip
    """Write down what was told elsewhere. Said to be paid or promised, the invoice is left alone meanwhile, as it would
    be had the customer said so here. Raises CareError."""
    today = now.astimezone(ZoneInfo(zone)).date()
    invoice_id = invoice.id if invoice else None
    care.log_contact(session, bill_to=bill_to, invoice_id=invoice_id, told=told, by=person, now=now, today=today)
    rests = {ContactKind.PAID: today + timedelta(days=limits.said_paid_days)}
    if told.promised_on is not None:
        rests[ContactKind.PROMISE] = told.promised_on + timedelta(days=limits.promise_days_after)
    if invoice is not None and told.kind in rests:
        until = datetime.combine(rests[told.kind] + timedelta(days=1), time(0), ZoneInfo(zone))
        note = _("As you told us")
        hold_invoice(session, invoice=invoice, until=until, note=note, now=now, person_id=person.id)


def _record(
    session: Session, vendor: Vendor, action: str, person: Person, now: datetime, detail: dict[str, Any]
) -> None:
    session.add(AuditEntry.by(person.id, action, now, vendor_id=vendor.id, subject_id=vendor.id, detail=detail))
