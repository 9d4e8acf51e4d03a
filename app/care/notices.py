"""Mails among a vendor's people: a colleague was mentioned, an account's owner is told. Written in the transaction of
what they tell of."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.care.rules import EVENT_WORDS, OwnerEvent
from app.house import House
from app.models import BillTo, Invoice, Person, Thread, ThreadNote, VendorMember
from app.outbox.actions import write_notice
from app.outbox.rendering import MAIL_FOLDER, amounts, inert, mail_template
from app.scope import widened
from app.words import _, speaking


def tell_mentioned(session: Session, *, house: House, thread: Thread, note: ThreadNote, by: Person) -> None:
    """The mentioned colleague reads the note by mail, with the way to the conversation (FEATURES F10, claim 001-2)."""
    colleague = session.execute(select(Person).where(Person.id == note.mentioned_id)).scalar_one()
    with speaking(colleague.locale):
        headline = _("%(name)s mentions you: %(subject)s", name=inert(by.shown_name), subject=thread.subject)
        _write(
            session, house, colleague, f"mention:{note.id}", headline, note.body,
            link=f"/desk/threads/{thread.id}", why=_("Only colleagues see this note; the customer does not."),
            now=note.created_at, thread_id=thread.id,
        )  # fmt: skip


def tell_owner(
    session: Session, *, house: House, event: OwnerEvent, invoice: Invoice, about: UUID, now: datetime, words: str = ""
) -> None:
    """Copy the account's owner on what happened to ``invoice``, once for each ``about`` (the dispute's or the promise's
    id). Without an owner, or when the owner has left, nothing. ``words``: what the customer said (FEATURES J8)."""
    with widened(session, "who looks after this account at the vendor"):
        found = session.execute(
            select(BillTo.id, BillTo.name, Person)
            .join(Person, Person.id == BillTo.owner_id)
            .join(VendorMember, VendorMember.person_id == Person.id)
            .where(BillTo.id == invoice.bill_to_id, VendorMember.vendor_id == BillTo.vendor_id)
            .where(Person.disabled_at.is_(None))
        ).one_or_none()
        if found is None:
            return
        bill_to_id, name, person = found
        with speaking(person.locale):
            customer = inert(name, 60) or _("A customer")
            headline = _(EVENT_WORDS[event], customer=customer, number=inert(invoice.label))
            owed = amounts(person.locale)(invoice.balance_minor, invoice.currency)
            said = "\n".join(line for line in (words, _("Still owed: %(amount)s", amount=owed)) if line)
            _write(
                session, house, person, f"owner:{event}:{about}:{person.id}", headline, said,
                link=f"/desk/customers/{bill_to_id}", why=_("You get this because you look after this customer."),
                now=now,
            )  # fmt: skip


def _write(
    session: Session,
    house: House,
    person: Person,
    key: str,
    headline: str,
    said: str,
    *,
    link: str,
    why: str,
    now: datetime,
    thread_id: UUID | None = None,
) -> None:
    mail = mail_template(MAIL_FOLDER / "colleague").render(
        headline=headline,
        said=[inert(line, 4000) for line in said.splitlines()],
        link=f"{house.settings.public_url}{link}",
        why=why,
        postal_address=house.settings.postal_address,
    )
    write_notice(session, person, key, mail, now, thread_id=thread_id)
