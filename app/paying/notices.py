"""The mails about payments: advice of what was sent, to the vendor; what went wrong, to whoever can do something."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.care.queries import colleagues, who_answers
from app.conversations.queries import name_in_books
from app.house import House
from app.models import OutgoingKind, Remittance
from app.outbox.actions import write_mail
from app.outbox.rendering import MAIL_FOLDER, amounts, inert, mail_template
from app.scope import widened
from app.words import days, speaking


def tell_of_remittance(session: Session, house: House, sent: Remittance, now: datetime) -> None:
    """One mail to each of the vendor's people: what is covered, and the reference it comes under."""
    with widened(session, "the vendor's own people, and its own name for its customer"):
        people = who_answers(colleagues(session, sent.vendor_id), None, now)
        customer = name_in_books(session, sent.vendor_id, sent.customer_id)
    for person in people:
        money = amounts(person.locale)
        with speaking(person.locale):
            mail = mail_template(MAIL_FOLDER / "remittance").render(
                customer=inert(customer, 60),
                author=inert(sent.said_by, 80),
                is_claimed=sent.person_id is None,
                method=inert(sent.method, 40),
                reference=inert(sent.reference, 140),
                total=money(sent.total_minor, sent.currency),
                credit=money(sent.credit_minor, sent.currency) if sent.credit_minor else "",
                pays_on=days(person.locale)(sent.pays_on),
                lines=[
                    (
                        inert(number),
                        money(minor, sent.currency),
                        money(off, sent.currency) if off else "",
                    )
                    for _id, number, minor, off in sent.lines
                ],
                link=f"{house.settings.public_url}/desk/payments",
                postal_address=house.settings.postal_address,
            )
        write_mail(
            session,
            kind=OutgoingKind.NOTICE,
            dedupe_key=f"remittance:{sent.id}:{person.id}",
            person=person,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            due_at=now,
        )
