"""The mail to a colleague whom an invoice was handed over to."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.house import House
from app.models import Invoice, Mailbox, Person, Vendor
from app.outbox.actions import write_notice
from app.outbox.rendering import MAIL_FOLDER, amounts, inert, mail_template, nowrap
from app.words import days, speaking


def tell_reader(
    session: Session, *, house: House, invoice: Invoice, to: Mailbox, giver: Person | None, now: datetime
) -> None:
    """It stands in that mailbox's digests from now on; until the next one, this says so."""
    vendor = session.execute(select(Vendor.name).where(Vendor.id == invoice.vendor_id)).scalar_one()
    with speaking(to.locale):
        mail = mail_template(MAIL_FOLDER / "handed").render(
            vendor=inert(vendor),
            number=inert(invoice.label),
            giver=inert(giver.shown_name) if giver else "",
            amount=nowrap(amounts(to.locale)(invoice.balance_minor, invoice.currency)),
            due=days(to.locale)(invoice.due_on) if invoice.due_on else "",
            link=f"{house.settings.public_url}/inbox/invoices/{invoice.id}",
            postal_address=house.settings.postal_address,
        )
    write_notice(session, to, f"handed:{invoice.id}:{to.id}:{now.isoformat()}", mail, now)
