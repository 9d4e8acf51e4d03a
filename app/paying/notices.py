"""The mails about payments: advice of what was sent, to the vendor; what went wrong, to whoever can do something."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.care.queries import colleagues, who_answers
from app.conversations.queries import name_in_books
from app.house import House
from app.ids import new_id
from app.models import (
    FailureReason,
    FailureText,
    Invoice,
    Mailbox,
    PayRule,
    Person,
    Remittance,
    Setback,
    SetbackKind,
    Vendor,
)
from app.outbox.actions import write_notice
from app.outbox.rendering import MAIL_FOLDER, Mail, amounts, inert, mail_template
from app.paying import failures
from app.paying.told import text_of
from app.scope import widened
from app.words import _, days, language, speaking


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
        write_notice(session, person, f"remittance:{sent.id}:{person.id}", mail, now)


def tell_of_failure(
    session: Session,
    house: House,
    setback: Setback,
    invoice: Invoice,
    vendor: Vendor,
    box: Mailbox,
    rule: PayRule | None,
    now: datetime,
) -> None:
    """At once, to whoever is asked for the invoice: why, whose side, what to do, how to avoid it (FEATURES I4)."""
    with speaking(box.locale):
        own = text_of(session, setback.reason, language())
        mail = failure_mail(
            house,
            FailureReason(setback.reason or FailureReason.UNKNOWN),
            own,
            vendor=vendor.name,
            number=invoice.label,
            amount=amounts(box.locale)(setback.amount_minor, invoice.currency),
            line=rule.failure_words if rule else "",
            link=f"/inbox/invoices/{invoice.id}/pay",
        )
    write_notice(session, box, f"setback:{setback.id}", mail, now)


def failure_mail(
    house: House,
    reason: FailureReason,
    own: FailureText | None,
    *,
    vendor: str,
    number: str,
    amount: str,
    line: str,
    link: str,
) -> Mail:
    """In the language spoken now; the operator's preview shows the same."""
    text, whose = failures.said(reason, own), failures.WHOSE[reason]
    return mail_template(MAIL_FOLDER / "payment_failed").render(
        vendor=inert(vendor, 50),
        number=inert(number),
        amount=amount,
        happened=text.happened,
        side=_(failures.SIDES[whose]),
        next_step=text.next_step,
        prevention=text.prevention,
        line=inert(line, 140),
        is_ours=whose == failures.Whose.OURS,
        link=f"{house.settings.public_url}{link}",
        inbox=f"{house.settings.public_url}/inbox",
        postal_address=house.settings.postal_address,
    )


def send_text(session: Session, mail: Mail, operator: Person, now: datetime) -> None:
    """A mail as a customer would get it, to whoever changes its words."""
    write_notice(session, operator, f"text:{new_id()}", mail, now)


def tell_of_reversal(
    session: Session, house: House, setback: Setback, invoice: Invoice, until: datetime, now: datetime
) -> None:
    """To the vendor's people, before its customer is asked for anything (FEATURES I6)."""
    customer = name_in_books(session, invoice.vendor_id, invoice.customer_id) if invoice.customer_id else ""
    for person in who_answers(colleagues(session, invoice.vendor_id), None, now):
        with speaking(person.locale):
            mail = mail_template(MAIL_FOLDER / "payment_reversed").render(
                customer=inert(customer, 60) or _("A customer"),
                number=inert(invoice.label),
                amount=amounts(person.locale)(setback.amount_minor, invoice.currency),
                is_chargeback=setback.kind == SetbackKind.CHARGED_BACK,
                is_open=invoice.is_open,
                until=days(person.locale)(until.date()),
                link=f"{house.settings.public_url}/desk/payments",
                postal_address=house.settings.postal_address,
            )
        write_notice(session, person, f"setback:{setback.id}:{person.id}", mail, now)
