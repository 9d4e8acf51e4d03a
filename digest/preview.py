"""What a mailbox would be sent, and why the rest is left out: the planner's own path, without a write."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.house import House
from app.models import Invoice, Mailbox, Outcome, Vendor
from app.outbox.rendering import Mail
from app.scope import Everything
from app.windows import next_due, window_of
from digest.gather import Gathered, gather
from digest.plan import plan_window
from digest.schedule import COLUMNS, Box

_WORKER = Everything("a preview is composed as the planner would")


class NoMailbox(LookupError):
    """There is no such mailbox."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One open invoice that is not asked for."""

    invoice_id: UUID
    vendor: str
    number: str
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    """``mail`` is None when nothing would be sent; ``reason`` says why not. Its links lead nowhere: no token exists."""

    mailbox_id: UUID
    address: str
    window: str
    at: datetime
    outcome: Outcome
    reason: str
    mail: Mail | None
    lines: int
    left_out: tuple[LeftOut, ...]


def preview(house: House, mailbox_id: UUID, at: datetime | None = None) -> Preview:
    """The digest of ``at``, else the next one as it stands. Raises NoMailbox.

    Of the future only the calendar is known: the data is judged as old as it is now.
    """
    with house.database.reading(_WORKER) as session:
        row = session.connection().execute(select(*COLUMNS).where(COLUMNS[0] == mailbox_id)).one_or_none()
        if row is None:
            raise NoMailbox(f"no mailbox {mailbox_id}")
        box, now = Box(*row), clock.now()
        moment = at or max(box.next_digest_at or now, now)
        found = gather(session.connection(), [box.id], (), moment)[box.id]
        keep_age(found, now, moment)
        plan = plan_window(house, box, found, next_due(box, moment), moment)
        left_out = _left_out(session, plan.digest.reasons) if plan.digest else ()
    return Preview(
        mailbox_id=box.id,
        address=box.address,
        window=window_of(box.cadence, box.zone, moment, box.pay_days),
        at=moment,
        outcome=plan.outcome,
        reason=plan.reason,
        mail=plan.mail,
        lines=len(plan.digest.lines) if plan.digest else 0,
        left_out=left_out,
    )


def mailbox_called(house: House, name: str) -> UUID:
    """The mailbox of an address, or of an id. Raises NoMailbox."""
    with house.database.reading(_WORKER) as session:
        found = session.execute(select(Mailbox.id).where(Mailbox.address == name.strip().lower())).scalar_one_or_none()
    if found is not None:
        return found
    try:
        return UUID(name)
    except ValueError:
        raise NoMailbox(f"no mailbox {name}") from None


def keep_age(found: Gathered, now: datetime, moment: datetime) -> None:
    """As if the books were read again until ``moment``."""
    if moment <= now:
        return
    found.book.sources = {
        key: source._replace(as_of=source.as_of + (moment - now) if source.as_of else None)
        for key, source in found.book.sources.items()
    }


def _left_out(session: Session, reasons: dict[str, str]) -> tuple[LeftOut, ...]:
    if not reasons:
        return ()
    query = select(Invoice.id, Invoice.number, Vendor.name).join(Vendor, Vendor.id == Invoice.vendor_id)
    rows = session.execute(query.where(Invoice.id.in_([UUID(key) for key in reasons])))
    found = [LeftOut(row[0], row[2], row[1] or "without number", reasons[str(row[0])]) for row in rows]
    return tuple(sorted(found, key=lambda each: (each.vendor.casefold(), each.number)))
