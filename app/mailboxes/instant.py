"""What a mailbox reads of at once, by its own choice (FEATURES D21 003-1): here it is read, and here new invoices of an
amount that it chose are told; all others wait for the digest."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.mailboxes.actions import AtOnce
from app.models import Invoice, Mailbox, Relation
from app.money import Money, MoneyError, amounts_meant, exponent
from app.outbox.actions import write_notice
from app.outbox.rendering import MAIL_FOLDER, amounts, inert, mail_template
from app.receivables.queries import IS_OPEN, Row, by_due, rows_of_vendors
from app.scope import Everything
from app.words import _, days, speaking

_WORKER = Everything("new invoices of all vendors of a mailbox are told together")
_BATCH = 100  # mailboxes looked at in one step
_LISTED = 12
_NEW = timedelta(days=30)  # since the invoice was issued: older ones only came late


class CannotChoose(ValueError):
    """No amount one can mean; the message is for whoever typed it."""


def read_instant(form: Mapping[str, str]) -> AtOnce:
    """An amount as typed, an empty field for none, and what was ticked. Raises CannotChoose."""
    return AtOnce(_least(form), answers=form.get("answers") == "yes", failures=form.get("failures") == "yes")


def _least(form: Mapping[str, str]) -> Money | None:
    text, currency = form.get("instant", "").strip(), form.get("instant_currency", "").strip().upper()
    if not text:
        return None
    try:
        exponent(currency)
        [amount] = amounts_meant(text)
        return Money.of(amount, currency)
    except (ValueError, MoneyError):
        raise CannotChoose(_("Write an amount, like 1000.00, and a currency, like EUR.")) from None


def tell_new_invoices(house: House) -> int:
    """Look at the mailboxes whose turn it is, a few at a time; returns how many. The next look is the lease."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        due = select(Mailbox).where(Mailbox.instant_due_at <= now, Mailbox.instant_minor.is_not(None))
        query = due.order_by(Mailbox.instant_due_at).limit(_BATCH).with_for_update(skip_locked=True)
        boxes = list(session.execute(query).scalars())
        for box in boxes:
            rows = _new_rows(session, box, now)
            if rows and box.suppressed_at is None and box.reminders_off_at is None:
                _tell(session, house, box, rows, now)
            box.instant_upto = now
            box.instant_due_at = now + timedelta(minutes=house.limits.instant_minutes)
    return len(boxes)


def _new_rows(session: Session, box: Mailbox, now: datetime) -> list[Row]:
    """What came since the last look, of vendors the mailbox reads of."""
    is_muted = exists().where(
        and_(Relation.customer_id == box.customer_id, Relation.vendor_id == Invoice.vendor_id),
        Relation.muted_at.is_not(None),
    )
    query = rows_of_vendors().where(
        IS_OPEN,
        Invoice.mailbox_id == box.id,
        Invoice.created_at > box.instant_upto,
        Invoice.issued_on >= (now - _NEW).date(),
        Invoice.currency == box.instant_currency,
        Invoice.total_minor >= box.instant_minor,
        ~is_muted,
    )
    return [Row(*found) for found in session.execute(by_due(query, 200).params(now=now))]


def _tell(session: Session, house: House, box: Mailbox, rows: Sequence[Row], now: datetime) -> None:
    money, day = amounts(box.locale), days(box.locale)
    with speaking(box.locale):
        mail = mail_template(MAIL_FOLDER / "new_invoices").render(
            count=len(rows),
            more=max(0, len(rows) - _LISTED),
            lines=[
                (inert(row.vendor_name, 50), inert(row.label), money(row.due_minor, row.currency), day(row.due_on))
                for row in rows[:_LISTED]
            ],
            least=money(box.instant_minor or 0, box.instant_currency),
            link=f"{house.settings.public_url}/inbox?mark=new",
            rhythm=f"{house.settings.public_url}/inbox/rhythm",
            postal_address=house.settings.postal_address,
        )
    local = now.astimezone(ZoneInfo(box.zone))
    write_notice(session, box, f"new:{box.id}:{local.isoformat()}", mail, now)
