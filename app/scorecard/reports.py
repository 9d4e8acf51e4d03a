"""The weekly report: who gets it, and the mail of last week's scorecard on Monday morning (FEATURES G10)."""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.models import AuditEntry, Person, Vendor, VendorMember
from app.outbox.actions import write_notice
from app.outbox.rendering import MAIL_FOLDER, amounts, inert, mail_template
from app.scope import Everything
from app.scorecard.card import Card, scorecard
from app.scorecard.periods import period
from app.scorecard.rules import duration
from app.windows import opening
from app.words import _, days, speaking

log = structlog.get_logger()

HOUR = 8  # on Monday morning in the vendor's zone
_BATCH = 20
_WORKER = Everything("each vendor's people get their own vendor's report")


def members(session: Session) -> list[tuple[Person, bool]]:
    """The team, and who of it gets the report."""
    rows = session.execute(
        select(Person, VendorMember.next_report_at)
        .join(VendorMember, VendorMember.person_id == Person.id)
        .where(Person.disabled_at.is_(None))
        .order_by(Person.address)
    )
    return [(person, at is not None) for person, at in rows]


def choose_readers(session: Session, vendor: Vendor, wanted: Collection[str], by: Person, now: datetime) -> None:
    """Exactly these people (by id) get it, from next Monday on."""
    query = select(VendorMember).where(VendorMember.vendor_id == vendor.id)
    for member in session.execute(query).scalars():
        gets_it = str(member.person_id) in wanted
        if (member.next_report_at is not None) == gets_it:
            continue
        member.next_report_at = next_monday(vendor.zone, now) if gets_it else None
        session.add(
            AuditEntry.by(
                by.id,
                "report.subscribed" if gets_it else "report.ended",
                now,
                vendor_id=vendor.id,
                subject_id=member.person_id,
            )
        )


def next_monday(zone: str, now: datetime) -> datetime:
    """The next one at eight that is still to come."""
    local = ZoneInfo(zone)
    today = now.astimezone(local).date()
    monday = today - timedelta(days=today.weekday())
    ahead = (opening("weekly", monday + timedelta(weeks=week), time(HOUR), local) for week in range(3))
    return next(at for at in ahead if at is not None and at > now)


def send_reports(house: House) -> int:
    """Write the reports that are due; returns how many. Each moves its own time in the same commit."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        due = (
            select(VendorMember, Person, Vendor)
            .join(Person, Person.id == VendorMember.person_id)
            .join(Vendor, Vendor.id == VendorMember.vendor_id)
            .where(VendorMember.next_report_at <= now)
            .order_by(VendorMember.next_report_at)
            .limit(_BATCH)
            .with_for_update(of=VendorMember, skip_locked=True)
        )
        rows = session.execute(due).all()
        for member, person, vendor in rows:
            _write(session, house, vendor, person, now)
            member.next_report_at = next_monday(vendor.zone, now)
    return len(rows)


def _write(session: Session, house: House, vendor: Vendor, person: Person, now: datetime) -> None:
    today = now.astimezone(ZoneInfo(vendor.zone)).date()
    card = scorecard(session, vendor, period("week", today, vendor.zone), now, house.limits)
    with speaking(person.locale):
        mail = mail_template(MAIL_FOLDER / "report").render(
            vendor_name=inert(vendor.name),
            first=days(person.locale)(card.period.first),
            last=days(person.locale)(card.period.last),
            lines=_lines(card, person.locale),
            link=f"{house.settings.public_url}/desk/scorecard?period=week",
            postal_address=house.settings.postal_address,
        )
    write_notice(session, person, f"report:{vendor.id}:{person.id}:{card.period.first}", mail, now)
    log.info("report written", vendor=str(vendor.id), person=str(person.id))


def _lines(card: Card, locale: str) -> list[tuple[str, str, str]]:
    """(what, figure, what it was the week before) in the language spoken now."""
    money, now, was = amounts(locale), card.now, card.was
    lines = [
        (_("First answer, median"), _time(now.answer), _time(was.answer)),
        (_("Invoice accuracy"), _figure(now.accuracy, ".0%"), _figure(was.accuracy, ".0%")),
        (_("Satisfaction, 1 to 5"), _figure(now.content, ".1f"), _figure(was.content, ".1f")),
    ]
    for sum_ in card.owed:
        lines.append((_("Open"), money(sum_.open_minor, sum_.currency), ""))
        lines.append((_("Overdue"), money(sum_.overdue_minor, sum_.currency), ""))
    return lines


def _time(span: timedelta | None) -> str:
    return _("no answers") if span is None else duration(span)


def _figure(value: float | None, form: str) -> str:
    return _("nothing to measure") if value is None else format(value, form)
